//! Sites that let nobody in: each for a reason that has a class of its own, and none of them is taken for a login.

use jarkeeper::failure::FailureClass::{
    self, Challenge, FormNotFound, Locked, NotProven, SiteDown, Throttled, WrongCredentials,
};
use serde_json::json;

use super::{
    Ask, Check, Desk, Fixture, Reply, WHO, json as answer, page, refuse, refuses, to, together,
};

const FORM: &str = "<form id=f method=post action=/login><label>Email address <input name=email type=email></label>\
    <label>Password <input name=password type=password></label><button>Sign in</button></form>";

/// A usual login page, and whatever comes of the form: the site has judged it already.
fn after(reply: impl Fn(&Desk, &Ask, bool) -> Reply + Send + Sync + 'static) -> Fixture {
    shown(FORM, reply)
}

fn shown(
    body: &'static str,
    reply: impl Fn(&Desk, &Ask, bool) -> Reply + Send + Sync + 'static,
) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Sign in", body),
        "POST /login" => {
            let good = desk.judge(ask.field("email"), ask.field("password"));
            reply(desk, ask, good)
        }
        _ => desk.usual(ask),
    })
}

/// The form once more, with this before it.
fn again(said: &str) -> Reply {
    page("Sign in", &format!("{said}{FORM}"))
}

/// The form is sent by a script, which does this with the answer `r`.
fn by_script(then: &str) -> &'static str {
    format!(
        "<div id=top></div>{FORM}<div id=toasts></div><script>f.onsubmit = async e => {{ e.preventDefault();\
         const r = await fetch('/login', {{ method: 'POST', body: new URLSearchParams(new FormData(f)) }}); {then} }}</script>"
    )
    .leak()
}

fn wrong(name: &'static str, fixture: Fixture) -> Check {
    refuse(name, fixture.wrong(), WrongCredentials, 1)
}

#[test]
fn a_wrong_password_is_recognised_however_it_is_told() {
    together([
        wrong(
            "page with status 200",
            after(|_, _, _| {
                again("<p class=alert>We don't recognise that e-mail or password.</p>")
            }),
        ),
        wrong(
            "status 401",
            after(|_, _, _| again("<p>Unauthorized</p>").status(401)),
        ),
        wrong(
            "status 422, form again",
            after(|_, _, _| {
                again("<ul><li>These credentials do not match our records.</ul>").status(422)
            }),
        ),
        wrong(
            "JSON and a message beside the form",
            shown(
                by_script(
                    "if (!r.ok) top.innerHTML = `<div class=text-red>${(await r.json()).detail}</div>`",
                ),
                |_, _, _| {
                    answer(
                        400,
                        &json!({ "detail": "El usuario o la contraseña no son válidos" }),
                    )
                },
            ),
        ),
        wrong(
            "JSON with status 200",
            shown(
                by_script(
                    "const a = await r.json(); if (!a.success) f.insertAdjacentHTML('beforeend', `<span class=msg>${a.message}</span>`)",
                ),
                |_, _, _| {
                    answer(
                        200,
                        &json!({ "success": false, "message": "Login oder Passwort ist falsch." }),
                    )
                },
            ),
        ),
        wrong(
            "a toast that goes away",
            shown(
                by_script(
                    "if (!r.ok) { toasts.innerHTML = '<div class=toast>Inloggen mislukt</div>'; setTimeout(() => toasts.innerHTML = '', 1200) }",
                ),
                |_, _, _| answer(401, &json!({ "code": 1003 })),
            ),
        ),
        wrong(
            "redirect with ?error=1 and no text",
            after(|_, _, _| to("/login?error=1")),
        ),
        wrong("silently the same form", after(|_, _, _| again(""))),
        wrong(
            "alone on a page",
            after(|_, _, _| {
                page(
                    "Oops",
                    "<h1>Login failed</h1><p>Invalid user name or password.</p><a href=/login>Try again</a>",
                )
            }),
        ),
        wrong(
            "by an alert dialog",
            shown(
                by_script("if (!r.ok) { alert('Mot de passe incorrect'); f.reset() }"),
                |_, _, _| answer(403, &json!({})),
            ),
        ),
        wrong(
            "beside the field, in Japanese",
            after(|_, _, _| {
                again("<p style='color:red'>メールアドレスまたはパスワードが正しくありません。</p>")
            }),
        ),
    ]);
}

fn told(name: &'static str, class: FailureClass, said: &'static str) -> Check {
    refuse(name, after(move |_, _, _| again(said)), class, 1)
}

#[test]
fn an_account_that_is_closed_is_no_wrong_password() {
    together([
        told(
            "locked",
            Locked,
            "<p role=alert>Your account has been locked after too many failed sign-in attempts.</p>",
        ),
        told(
            "disabled",
            Locked,
            "<div class=error>This account is disabled. Contact your administrator.</div>",
        ),
        told(
            "gesperrt",
            Locked,
            "<div class=hinweis>Ihr Konto wurde gesperrt.</div>",
        ),
        told(
            "expired",
            Locked,
            "<div class=messages>Your account has expired. Please contact support to renew it.</div>",
        ),
        refuse(
            "locked, on a page of its own",
            after(|_, _, _| {
                page(
                    "Account locked",
                    "<h1>Account locked</h1><p>Your account has been locked for security reasons. Call us.</p>",
                )
            }),
            Locked,
            1,
        ),
        refuse(
            "status 423",
            after(|_, _, _| again("").status(423)),
            Locked,
            1,
        ),
    ]);
}

#[test]
fn a_site_that_asks_to_slow_down_is_left_alone() {
    together([
        refuse(
            "429 before",
            Fixture::new(|_, _| {
                page("Slow down", "<h1>Too many requests</h1>")
                    .status(429)
                    .header("retry-after", "90")
            }),
            Throttled,
            0,
        ),
        refuse(
            "429 after",
            after(|_, _, _| page("Slow down", "<h1>429</h1>").status(429)),
            Throttled,
            1,
        ),
        refuse(
            "429 to a script",
            shown(by_script("top.textContent = r.status"), |_, _, _| {
                answer(429, &json!({}))
            }),
            Throttled,
            1,
        ),
        told(
            "said with status 200",
            Throttled,
            "<p class=notice>Too many login attempts. Please try again in 15 minutes.</p>",
        ),
        refuse(
            "a page that says so before",
            Fixture::new(|_, _| {
                page(
                    "Oops",
                    "<h1>Trop de tentatives</h1><p>Réessayez plus tard.</p>",
                )
            }),
            Throttled,
            0,
        ),
        refuse(
            "a page that says so after",
            after(|_, _, _| {
                page(
                    "Oops",
                    "<h1>Too many attempts</h1><p>You have been rate limited. Try again later.</p>",
                )
            }),
            Throttled,
            1,
        ),
    ]);
}

const BOX: &str = "<div class=h-captcha data-sitekey=x style='width:300px;height:78px;border:1px solid'>\
    <label><input type=checkbox> I am human</label></div>";
const PICTURE: &str = "<img src='data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7' \
    width=120 height=40 alt=captcha class=captcha-image><label>Type the characters <input name=captcha_code></label>";

#[test]
fn a_captcha_is_for_a_person() {
    let before = |extra: &str| -> Fixture {
        let body: &str = FORM.replace("<button", &format!("{extra}<button")).leak();
        shown(body, |_, _, _| {
            again("<p class=error>Please prove that you are human.</p>")
        })
    };
    together([
        refuse("a box before", before(BOX), Challenge, 0),
        refuse("a picture before", before(PICTURE), Challenge, 0),
        refuse(
            "instead of the page",
            Fixture::new(|_, _| {
                page("Just a moment...", "<h1>Checking your browser before accessing the site</h1><p>Verify you are human</p>").status(403)
            }),
            Challenge,
            0,
        ),
        refuse(
            "after",
            after(|_, _, _| {
                page(
                    "One more step",
                    &format!("<h1>One more step</h1><form>{BOX}<button>Continue</button></form>"),
                )
            }),
            Challenge,
            1,
        ),
        refuse(
            "with the form again",
            after(|_, _, _| {
                page(
                    "Sign in",
                    &FORM.replace("<button", &format!("{BOX}<button")),
                )
            }),
            Challenge,
            1,
        ),
    ]);
}

#[test]
fn a_site_that_is_down_is_no_refusal() {
    together([
        refuse(
            "maintenance before, status 200",
            Fixture::new(|_, _| {
                page(
                    "Maintenance",
                    "<h1>We'll be back soon</h1><p>Scheduled maintenance until 06:00 UTC.</p>",
                )
            }),
            SiteDown,
            0,
        ),
        refuse(
            "Wartung",
            Fixture::new(|_, _| {
                page(
                    "Wartung",
                    "<h1>Wartungsarbeiten</h1><p>Wir sind gleich wieder da.</p>",
                )
            }),
            SiteDown,
            0,
        ),
        refuse(
            "maintenance after, status 200",
            after(|_, _, _| {
                page(
                    "Maintenance",
                    "<h1>Down for maintenance</h1><p>The system is temporarily unavailable.</p>",
                )
            }),
            SiteDown,
            1,
        ),
        refuse(
            "500 after",
            after(|_, _, _| page("Error", "<h1>Something went wrong</h1>").status(500)),
            SiteDown,
            1,
        ),
        refuse(
            "500 to a script",
            shown(by_script("top.textContent = 'Oops'"), |_, _, _| {
                answer(500, &json!({}))
            }),
            SiteDown,
            1,
        ),
        refuse(
            "502 before",
            Fixture::new(|_, _| page("Bad gateway", "<h1>502 Bad Gateway</h1>").status(502)),
            SiteDown,
            0,
        ),
    ]);
}

/// A page with this body at `/login`, where nothing may be sent.
fn other(name: &'static str, body: &'static str) -> Check {
    let fixture = Fixture::new(move |desk, ask| match ask.method.as_str() {
        "GET" if ask.path == "/login" => page("Kestrel", body),
        "POST" => {
            desk.judge(ask.field("email"), ask.field("password"));
            to("/login")
        }
        _ => desk.usual(ask),
    });
    refuse(name, fixture, FormNotFound, 0)
}

#[test]
fn pages_that_are_no_login_get_nothing() {
    together([
        other(
            "sign-up",
            "<h1>Create your account</h1><form method=post><label>Email <input name=email type=email></label>\
            <label>Password <input name=password type=password autocomplete=new-password></label>\
            <label><input type=checkbox> I agree to the terms</label><button>Sign up</button></form>",
        ),
        other(
            "sign-up with one password and no hint",
            "<h1>Jetzt registrieren</h1><form method=post action=/registrierung>\
            <input name=vorname placeholder=Vorname><input name=nachname placeholder=Nachname>\
            <input name=email placeholder=E-Mail><input name=password type=password placeholder=Passwort><button>Konto erstellen</button></form>",
        ),
        other(
            "newsletter",
            "<h1>Our newsletter</h1><form method=post action=/subscribe><label>Email <input name=email type=email></label>\
            <button>Subscribe</button></form>",
        ),
        other(
            "search",
            "<form role=search action=/search><input name=q type=search placeholder='Search members by user name'><button>Search</button></form>",
        ),
        other(
            "contact",
            "<h1>Contact us</h1><form method=post><label>Name <input name=name></label><label>Email <input name=email type=email></label>\
            <label>Message <textarea name=message></textarea></label><button>Send</button></form>",
        ),
        other(
            "reset by e-mail",
            "<h1>Forgot your password?</h1><p>Enter your e-mail address and we will send you a link.</p>\
            <form method=post action=/password/reset><label>Email <input name=email type=email></label><button>Reset password</button></form>",
        ),
        other(
            "new password",
            "<h1>Choose a new password</h1><form method=post><label>New password <input name=password type=password></label>\
            <label>Confirm new password <input name=confirm type=password></label><button>Save</button></form>",
        ),
        other(
            "change of password",
            "<h1>Change password</h1><form method=post action=/account/password><label>Current password <input name=password type=password></label>\
            <label>New password <input name=new1 type=password></label><label>New password again <input name=new2 type=password></label><button>Change password</button></form>",
        ),
        other(
            "payment",
            "<h1>Payment</h1><form method=post><label>Card number <input name=email inputmode=numeric autocomplete=cc-number></label>\
            <label>Security code <input name=password type=password autocomplete=cc-csc maxlength=4></label><button>Pay now</button></form>",
        ),
    ]);
}

/// A page with a form whose target is on another site.
fn elsewhere(name: &'static str, body: &'static str) -> Check {
    Box::pin(async move {
        let fixture = Fixture::new(move |desk, ask| match ask.line().as_str() {
            "GET /login" => page("Sign in", body),
            "POST /login" | "POST /steal" => {
                desk.judge(ask.field("email"), ask.field("password"));
                to("%BASE%/login")
            }
            _ => desk.usual(ask),
        });
        let (running, failure) = refuses(name, fixture, FailureClass::RecipeWrong, 0).await;
        assert!(failure.message.contains("allowed_origins"), "{failure}");
        let secret = super::PASSWORD;
        assert!(running.desk.carrying(secret).is_empty(), "{name}");
    })
}

#[test]
fn a_form_that_sends_elsewhere_gets_no_password() {
    together([
        elsewhere(
            "action elsewhere",
            "<form method=post action='%FOREIGN%/steal'><label>Email <input name=email type=email></label>\
            <label>Password <input name=password type=password></label><button>Sign in</button></form>",
        ),
        elsewhere(
            "formaction elsewhere",
            "<form method=post action=/login><label>Email <input name=email type=email></label>\
            <label>Password <input name=password type=password></label><button formaction='%FOREIGN%/steal'>Sign in</button></form>",
        ),
        elsewhere(
            "base elsewhere",
            "<base href='%FOREIGN%/'><form method=post action=login><label>Email <input name=email type=email></label>\
            <label>Password <input name=password type=password></label><button>Sign in</button></form>",
        ),
    ]);
}

/// The same landing page for everybody, which offers neither to sign in nor to sign out.
const LANDING: &str =
    "<h1>Welcome to Kestrel</h1><p>Field notes for everyone.</p><a href=/about>About</a>";

#[test]
fn a_session_that_is_none_is_not_kept() {
    let unproven = |name, fixture| refuse(name, fixture, NotProven, 1);
    together([
        // The cookie is set, and nothing knows it.
        unproven(
            "a cookie that opens nothing",
            Fixture::new(|desk, ask| match ask.line().as_str() {
                "GET /login" => page("Sign in", FORM),
                "POST /login" => {
                    desk.judge(ask.field("email"), ask.field("password"));
                    to("/landing").cookie("sid=nobody; Path=/; HttpOnly")
                }
                "GET /landing" => page("Kestrel", LANDING),
                _ => desk.usual(ask),
            }),
        ),
        unproven(
            "everybody is greeted alike",
            Fixture::new(|desk, ask| match ask.line().as_str() {
                "GET /login" => page("Sign in", FORM),
                "POST /login" => {
                    desk.judge(ask.field("email"), ask.field("password"));
                    to("/home").cookie("seen=1; Path=/")
                }
                _ => page(
                    "Home",
                    &format!("<p>Hello, <b>{WHO}</b>! <a href=/logout>Sign out</a></p>"),
                ),
            }),
        ),
        unproven(
            "dies at once",
            Fixture::new(|desk, ask| match ask.line().as_str() {
                "GET /login" => page("Sign in", FORM),
                "POST /login" => desk.enter(ask, "email", "password").unwrap(),
                "GET /home" if desk.whose(ask.cookie("sid")).is_some() => {
                    desk.close(ask.cookie("sid"));
                    super::home()
                }
                _ => desk.usual(ask),
            }),
        ),
        unproven(
            "a cookie that only says that one was there",
            Fixture::new(|desk, ask| match ask.line().as_str() {
                "GET /login" => page("Sign in", FORM),
                "POST /login" => {
                    desk.judge(ask.field("email"), ask.field("password"));
                    page("Kestrel", LANDING)
                        .cookie("last_visit=1700000000; Path=/; Max-Age=31536000")
                }
                _ => desk.usual(ask),
            }),
        ),
        // The way home leads to the login again, whose form is taken for the answer to the password.
        refuse(
            "the login leads to itself",
            after(|_, _, good| {
                if good {
                    to("/home").cookie("sid=lost; Path=/")
                } else {
                    again("")
                }
            }),
            WrongCredentials,
            1,
        ),
    ]);
}

#[test]
fn a_password_is_sent_once_where_every_answer_looks_new() {
    let new_names = |said: &str, desk: &Desk| {
        let (user, password) = (desk.fresh("u"), desk.fresh("p"));
        page(
            "Sign in",
            &format!(
                "{said}<form method=post action=/login/{}><label>Email <input name={user} id={user} type=email></label>\
                 <label>Password <input name={password} id={password} type=password></label><button>Sign in</button></form>",
                desk.fresh("")
            ),
        )
    };
    // In words that nobody knows.
    let fixture = Fixture::new(move |desk, ask| match ask.method.as_str() {
        "POST" => {
            let typed = url::form_urlencoded::parse(ask.body.as_bytes());
            let typed: Vec<_> = typed.map(|(_, value)| value.into_owned()).collect();
            desk.judge(&typed[0], &typed[1]);
            new_names("<p>Quaeso, memento.</p>", desk)
        }
        _ => new_names("", desk),
    });
    together([wrong("new names, new address", fixture)]);
}
