//! What happens around the form: tokens against forgery, scripts that send, redirects, pages that are slow or never still.

use serde_json::json;

use super::{Fixture, Reply, events, json as answer, page, pass, to, together};

const FORM: &str = "<form id=f method=post action=/login><label>Username <input name=username></label>\
    <label>Password <input name=password type=password></label>EXTRA<button>Log in</button></form>";

fn form(extra: &str) -> Reply {
    page("Log in", &FORM.replace("EXTRA", extra))
}

/// A usual site with this login page and this answer to the accepted form.
fn with(
    login: impl Fn() -> Reply + Send + Sync + 'static,
    accepted: impl Fn(Reply) -> Reply + Send + Sync + 'static,
) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => login(),
        "POST /login" => match desk.enter(ask, "username", "password") {
            Some(entered) => accepted(entered),
            None => form("<p class=error>Wrong username or password</p>"),
        },
        "GET /events" => events(),
        _ => desk.usual(ask),
    })
}

/// The token is in a meta element and must come back in a header; a script does that.
fn token_in_meta() -> Fixture {
    Fixture::new(|desk, ask| match ask.line().as_str() {
        "GET /login" => {
            let token = desk.fresh("c");
            desk.note("token", &token);
            let script = "f.onsubmit = async e => { e.preventDefault(); const r = await fetch('/login', { method: 'POST',\
                headers: { 'X-CSRF-Token': document.querySelector('meta[name=csrf-token]').content },\
                body: new URLSearchParams(new FormData(f)) }); if (r.ok) location.assign('/home') }";
            let head = format!("<meta name=csrf-token content={token}>");
            page(
                "Log in",
                &format!(
                    "{head}{}<script>{script}</script>",
                    FORM.replace("EXTRA", "")
                ),
            )
        }
        "POST /login" if ask.header("x-csrf-token") != desk.noted("token") => {
            answer(419, &json!({ "message": "CSRF token mismatch." }))
        }
        "POST /login" => match desk.enter(ask, "username", "password") {
            Some(entered) => entered.status(200),
            None => answer(
                422,
                &json!({ "message": "These credentials do not match our records." }),
            ),
        },
        _ => desk.usual(ask),
    })
}

/// The token is in a cookie and must come back in the form: double submit.
fn token_in_cookie() -> Fixture {
    Fixture::new(|desk, ask| match ask.line().as_str() {
        "GET /login" => {
            let token = desk.fresh("c");
            form(&format!("<input type=hidden name=csrf value={token}>"))
                .cookie(&format!("csrf={token}; Path=/; SameSite=Strict"))
        }
        "POST /login"
            if ask.field("csrf").is_empty() || ask.field("csrf") != ask.cookie("csrf") =>
        {
            page(
                "Forbidden",
                "<h1>CSRF verification failed. Request aborted.</h1>",
            )
            .status(403)
        }
        "POST /login" => desk
            .enter(ask, "username", "password")
            .unwrap_or_else(|| to("/login")),
        _ => desk.usual(ask),
    })
}

/// Sent by fetch, and what comes is drawn into the same document at the same URL.
fn without_navigation() -> Fixture {
    let draw = "<div id=box>FORM</div><script>\
        const who = async () => { const r = await fetch('/me'); if (r.ok) box.innerHTML = `<p>Hej ${(await r.json()).name}</p><button>Logga ut</button>`; return r.ok };\
        who(); f.onsubmit = async e => { e.preventDefault(); const r = await fetch('/login', { method: 'POST', body: new URLSearchParams(new FormData(f)) });\
          if (r.ok) who(); else alert('Fel') }</script>";
    let body: &str = draw.replace("FORM", &FORM.replace("EXTRA", "")).leak();
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Logga in", body),
        "POST /login" => match desk.enter(ask, "username", "password") {
            Some(entered) => entered.status(204),
            None => answer(401, &json!({})),
        },
        _ => desk.usual(ask),
    })
    .home("/login")
}

#[test]
fn tokens_against_forgery_and_logins_by_fetch() {
    together([
        pass("token in a meta element", token_in_meta()),
        pass("token in a cookie", token_in_cookie()),
        pass("without navigation", without_navigation()),
    ]);
}

/// The accepted answer as a document that leads on by itself.
fn leads(document: &'static str) -> impl Fn(Reply) -> Reply {
    move |entered| {
        entered.document(&format!(
            "<!DOCTYPE html><title>One moment</title>{document}"
        ))
    }
}

#[test]
fn ways_home() {
    together([
        pass(
            "meta refresh",
            with(
                || form(""),
                leads(
                    "<meta http-equiv=refresh content='1; url=/home'><p>You are being redirected …</p>",
                ),
            ),
        ),
        pass(
            "script",
            with(
                || form(""),
                leads(
                    "<p>Please wait</p><script>setTimeout(() => location.replace('/home'), 700)</script>",
                ),
            ),
        ),
        pass(
            "a form that sends itself",
            with(
                || form(""),
                leads(
                    "<form action=/home><noscript><button>Continue</button></noscript></form><script>document.forms[0].submit()</script>",
                ),
            ),
        ),
    ]);
}

#[test]
fn slow_and_restless_pages() {
    let late = "<div id=slot class=spinner></div><script>setTimeout(() => { slot.innerHTML = `FORM` }, 3000)</script>";
    let late: &str = late.replace("FORM", &FORM.replace("EXTRA", "")).leak();
    let faded = "<style>@keyframes in { from { opacity: 0; transform: translateY(-60px) } }\
        form { animation: in 1.5s 1s backwards }</style>FORM<script>setInterval(() => document.title = Date.now(), 40)</script>";
    let faded: &str = faded.replace("FORM", &FORM.replace("EXTRA", "")).leak();
    let restless = "<p id=clock></p>FORM<script>new EventSource('/events').onmessage = () => {};\
        setInterval(() => { clock.textContent = Date.now(); fetch('/me') }, 150)</script>";
    let restless: &str = restless.replace("FORM", &FORM.replace("EXTRA", "")).leak();
    together([
        pass("slow page", with(|| form("").after(8.0), |entered| entered)),
        pass(
            "slow answer",
            with(|| form(""), |entered| entered.after(8.0)),
        ),
        pass(
            "the form comes late",
            with(move || page("Log in", late), |entered| entered),
        ),
        pass(
            "the form fades in",
            with(move || page("Log in", faded), |entered| entered),
        ),
        pass(
            "never idle",
            with(move || page("Log in", restless), |entered| entered),
        ),
    ]);
}

/// A forum that everybody may read; who is signed in is named in the header. The session's cookie is there from the first
/// visit on, and the login changes only what the server knows of it.
fn public(signed_in: &'static str, signed_out: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| {
        let sid = match ask.cookie("PHPSESSID") {
            "" => desk.fresh("p"),
            known => known.to_owned(),
        };
        let keep = format!("PHPSESSID={sid}; path=/");
        match ask.line().as_str() {
            "GET /login" => form("<label><input type=checkbox name=remember> Keep me signed in</label>").cookie(&keep),
            "POST /login" if desk.judge(ask.field("username"), ask.field("password")) => {
                desk.note(&sid, "in");
                to("/")
            }
            "GET /" => {
                let header = match desk.noted(&sid).as_str() {
                    "in" => signed_in,
                    _ => signed_out,
                };
                let posts = "<article><h2>How to log in to the wiki</h2><p>Invalid answers and wrong turns.</p></article>";
                page("Forum", &format!("<header>{header}</header>{posts}")).cookie(&keep)
            }
            _ => desk.usual(ask),
        }
    })
    .home("/")
}

#[test]
fn sites_that_everybody_may_read() {
    together([
        pass(
            "forum",
            public(
                "Ada Okafor <a href=/logout>Log out</a>",
                "<a href=/login>Log in</a> <a href=/register>Register</a>",
            ),
        ),
        pass(
            "forum without a way out",
            public(
                "<button aria-label=Menu>Ada Okafor</button>",
                "<button aria-label=Menu>Guest</button>",
            ),
        ),
    ]);
}
