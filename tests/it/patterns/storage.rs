//! Where a session is kept: every kind of cookie, and web storage.

use std::time::{Duration, Instant};

use super::{
    Ask, Check, Desk, Fixture, Reply, USER, WHO, home, json, page, pass, passes, to, together,
};

const FORM: &str = "<form id=f method=post action=/login><label>E-mail <input name=email></label>\
    <label>Password <input name=password type=password></label><button>Sign in</button></form>";

/// A usual login whose session cookie has these attributes.
fn cookie(attributes: &'static str) -> Fixture {
    named("sid", attributes)
}

/// The same under another name.
fn named(name: &'static str, attributes: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Sign in", FORM),
        "POST /login" if desk.judge(ask.field("email"), ask.field("password")) => {
            to("/home").cookie(&format!("{name}={}; {attributes}", desk.open(USER)))
        }
        "GET /home" if desk.whose(ask.cookie(name)).is_some() => home(),
        "GET /home" => to("/login"),
        _ => desk.usual(ask),
    })
}

/// A session of ten seconds, by the cookie and on the server.
fn short_lived() -> Fixture {
    let opened = std::sync::Mutex::new(None::<Instant>);
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Sign in", FORM),
        "POST /login" => {
            *opened.lock().unwrap() = Some(Instant::now());
            let entered = desk.enter(ask, "email", "password").unwrap();
            entered.cookie(&format!(
                "sid={}; Path=/; Max-Age=10; HttpOnly",
                desk.open(USER)
            ))
        }
        "GET /home" => {
            let lives = opened
                .lock()
                .unwrap()
                .is_some_and(|at| at.elapsed() < Duration::from_secs(10));
            match lives && desk.whose(ask.cookie("sid")).is_some() {
                true => home(),
                false => to("/login"),
            }
        }
        _ => desk.usual(ask),
    })
}

/// Every answer of the protected page ends the session's id and gives the next one; the one before still counts, so that
/// requests that cross on the way do not end the session.
fn rotating(grace: bool) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Sign in", FORM),
        "POST /login" if desk.judge(ask.field("email"), ask.field("password")) => {
            turn(desk, "", to("/home"))
        }
        "GET /home" => {
            let id = ask.cookie("sid");
            let good =
                !id.is_empty() && (id == desk.noted("now") || grace && id == desk.noted("before"));
            match good {
                true if id == desk.noted("now") => turn(desk, id, home()),
                true => home(),
                false => to("/login"),
            }
        }
        _ => desk.usual(ask),
    })
}

fn turn(desk: &Desk, id: &str, reply: Reply) -> Reply {
    let next = desk.fresh("r");
    desk.note("before", id);
    desk.note("now", &next);
    reply.cookie(&format!("sid={next}; Path=/; HttpOnly"))
}

#[test]
fn cookies_of_every_kind() {
    together([
        pass("session cookie", cookie("Path=/; HttpOnly")),
        pass(
            "thirty days",
            cookie("Path=/; Max-Age=2592000; SameSite=Strict"),
        ),
        pass(
            "host prefix",
            named("__Host-id", "Path=/; Secure; HttpOnly"),
        ),
        pass(
            "secure prefix",
            named("__Secure-id", "Path=/; Secure; HttpOnly; SameSite=None"),
        ),
        pass(
            "partitioned",
            named(
                "__Host-chip",
                "Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
            ),
        ),
        pass("below a path", below_a_path()),
        pass("ten seconds", short_lived()),
        pass("rotating", rotating(true)),
    ]);
}

/// The application, its login and its cookie live below a path.
fn below_a_path() -> Fixture {
    Fixture::new(|desk, ask| match ask.line().as_str() {
        "GET /app/login" => page("Sign in", &FORM.replace("/login", "/app/login")),
        "POST /app/login" if desk.judge(ask.field("email"), ask.field("password")) => {
            to("/app/").cookie(&format!("sid={}; Path=/app; HttpOnly", desk.open(USER)))
        }
        "GET /app/" if desk.whose(ask.cookie("sid")).is_some() => home(),
        "GET /app/" => to("/app/login"),
        _ => desk.usual(ask),
    })
    .at("/app/login")
    .home("/app/")
}

/// A single-page application: `/` is a shell that shows the login or the notes, by a token that it keeps with `PUT` and
/// finds with `GET`.
fn application(put: &'static str, get: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /" => shell(put, get),
        "POST /api/session" => api(desk, ask),
        _ => desk.usual(ask),
    })
    .at("/")
    .home("/")
}

fn api(desk: &Desk, ask: &Ask) -> Reply {
    match desk.judge(ask.field("email"), ask.field("password")) {
        true => json(200, &serde_json::json!({ "token": desk.open(USER) })),
        false => json(
            401,
            &serde_json::json!({ "error": "E-mail oder Passwort falsch" }),
        ),
    }
}

fn shell(put: &str, get: &str) -> Reply {
    let script = "
        const db = () => new Promise(r => { const o = indexedDB.open('app', 2); o.onupgradeneeded = () => o.result.createObjectStore('kv'); o.onsuccess = () => r(o.result) });
        const ask = r => new Promise(d => r.onsuccess = () => d(r.result));
        async function put(token) { PUT }
        async function get() { GET }
        async function draw() {
          const token = await get();
          const r = token && await fetch('/me', { headers: { authorization: 'Bearer ' + token } });
          if (r && r.ok) { root.innerHTML = `<p>Angemeldet als <b>${(await r.json()).name}</b> <button>Abmelden</button></p>`; return }
          root.innerHTML = FORM; f.onsubmit = async e => { e.preventDefault();
            const a = await fetch('/api/session', { method: 'POST', headers: { 'content-type': 'application/json' },
              body: JSON.stringify(Object.fromEntries(new FormData(f))) });
            if (a.ok) { await put((await a.json()).token); draw() } else error.textContent = (await a.json()).error } }
        draw()";
    let form = format!("`{}<p role=alert id=error></p>`", FORM);
    let script = script
        .replace("FORM", &form)
        .replace("PUT", put)
        .replace("GET", get);
    page(
        "App",
        &format!("<div id=root>Lädt …</div><script>{script}</script>"),
    )
}

#[test]
fn sessions_in_web_storage() {
    together([
        pass(
            "localStorage",
            application("localStorage.token = token", "return localStorage.token"),
        ),
        pass(
            "sessionStorage",
            application(
                "sessionStorage.setItem('auth', JSON.stringify({ token }))",
                "return JSON.parse(sessionStorage.getItem('auth') || '{}').token",
            ),
        ),
        pass(
            "IndexedDB",
            application(
                "const d = await db(); await ask(d.transaction('kv', 'readwrite').objectStore('kv').put({ token, at: new Date() }, 'auth')); d.close()",
                "const d = await db(); const v = await ask(d.transaction('kv').objectStore('kv').get('auth')); d.close(); return v && v.token",
            ),
        ),
    ]);
}

/// A token that is kept only while the page is open gives nothing to keep.
#[test]
fn a_session_in_memory_alone_is_none() {
    together([super::refuse(
        "in memory",
        application("window.kept = token", "return window.kept"),
        jarkeeper::failure::FailureClass::NotProven,
        1,
    )]);
}

/// What was kept is used again: the second run submits nothing.
fn again(name: &'static str, fixture: Fixture) -> Check {
    Box::pin(async move {
        let (running, keeper) = passes(name, fixture, "").await;
        for _ in 0..2 {
            keeper.must_login("x").await;
        }
        assert_eq!(
            running.desk.submissions().len(),
            1,
            "{name}: {WHO} had to log in again"
        );
    })
}

#[test]
fn a_kept_session_is_found_alive() {
    together([
        again(
            "localStorage again",
            application("localStorage.token = token", "return localStorage.token"),
        ),
        again(
            "partitioned again",
            named(
                "__Host-chip",
                "Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
            ),
        ),
        again("rotating again", rotating(true)),
        Box::pin(strictly_rotating()),
    ]);
}

/// The state must be the newest each time: a look at it with another browser would end it, so there is none.
async fn strictly_rotating() {
    let (running, keeper) = rotating(false).start("").await;
    for _ in 0..3 {
        keeper.must_login("x").await;
    }
    let submissions = running.desk.submissions().len();
    assert_eq!(submissions, 1, "strictly rotating: had to log in again");
}
