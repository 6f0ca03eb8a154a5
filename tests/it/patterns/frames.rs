//! Logins inside frames, and the frames that must get nothing.

use jarkeeper::failure::FailureClass;

use super::{Check, Fixture, PASSWORD, page, passes, refuses, to, together};

/// A page at `/login` with `frame` in it; `/frame` on every origin holds a login form. The session is the portal's: the
/// frame's origin gives a ticket for it.
fn framed(frame: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Portal", &format!("<h1>Member portal</h1>{frame}")),
        "GET /frame" => page(
            "Connexion",
            "<form method=post action=/enter target=_top><p>Identifiant <input name=identifiant></p>\
             <p>Mot de passe <input name=motdepasse type=password></p><button>Connexion</button></form>",
        ),
        "POST /enter" if desk.judge(ask.field("identifiant"), ask.field("motdepasse")) => {
            desk.note("ticket", &desk.fresh("t"));
            to(&format!("%BASE%/arrive?ticket={}", desk.noted("ticket")))
        }
        "GET /arrive" if ask.field("ticket") == desk.noted("ticket") => {
            to("/home").cookie(&desk.cookie())
        }
        "GET /deep" => page(
            "Deep",
            "<iframe src=/frame width=400 height=200 title=Login></iframe>",
        ),
        _ => desk.usual(ask),
    })
}

fn inside(name: &'static str, frame: &'static str, extra: &'static str) -> Check {
    Box::pin(async move { drop(passes(name, framed(frame), extra).await) })
}

#[test]
fn frames_of_the_own_and_of_allowed_origins_are_filled() {
    together([
        inside(
            "same origin",
            "<iframe src=/frame width=500 height=300></iframe>",
            "",
        ),
        inside(
            "frame in a frame",
            "<iframe src=/deep width=600 height=400></iframe>",
            "",
        ),
        inside(
            "beside empty frames",
            "<iframe src='about:blank' hidden></iframe><iframe srcdoc='<p>Advertisement</p>'></iframe>\
             <iframe src=/frame width=500 height=300></iframe>",
            "",
        ),
        inside(
            "sandboxed",
            "<iframe src=/frame width=500 height=300 \
             sandbox='allow-forms allow-scripts allow-same-origin allow-top-navigation'></iframe>",
            "",
        ),
        inside(
            "allowed port",
            "<iframe src=%SECOND%/frame width=500 height=300></iframe>",
            "allowed_origins = [\"%SECOND%\"]",
        ),
        inside(
            "allowed site",
            "<iframe src=%FOREIGN%/frame width=500 height=300></iframe>",
            "allowed_origins = [\"%FOREIGN%\"]",
        ),
        inside(
            "made by a script",
            "<div id=slot></div><script>setTimeout(() => slot.innerHTML = '<iframe src=/frame width=500 height=300></iframe>', 800)</script>",
            "",
        ),
    ]);
}

/// Refused without a submission, and without the password on any other origin.
fn outside(name: &'static str, frame: &'static str, class: FailureClass) -> Check {
    Box::pin(async move {
        let (running, _) = refuses(name, framed(frame), class, 0).await;
        assert!(running.desk.carrying(PASSWORD).is_empty(), "{name}");
    })
}

#[test]
fn frames_of_foreign_and_opaque_origins_are_not() {
    together([
        outside(
            "foreign site",
            "<iframe src=%FOREIGN%/frame width=500 height=300></iframe>",
            FailureClass::FormNotFound,
        ),
        outside(
            "another port",
            "<iframe src=%SECOND%/frame width=500 height=300></iframe>",
            FailureClass::FormNotFound,
        ),
        outside(
            "opaque origin",
            "<iframe src=/frame width=500 height=300 sandbox='allow-forms allow-top-navigation'></iframe>",
            FailureClass::FormNotFound,
        ),
    ]);
}
