//! The demo site: a small notebook behind a login form, for a first success that needs no account anywhere.
//!
//! Owns its sessions, in memory only. Door: [`serve`]. It uses no other room: to the rest of the program it is a
//! site like any other, reached through HTTP alone.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The only user.
pub const USER: &str = "demo";

/// Wrong passwords until the account is locked, as many real sites have it.
const TRIES: u32 = 5;

/// How long a locked account stays locked.
const LOCKED_FOR: TimeDelta = TimeDelta::minutes(15);

/// Name of the session cookie.
const SESSION: &str = "notebook_session";

/// Name of the cookie that must agree with the form's hidden token.
const FORM: &str = "notebook_form";

/// Serves the demo site until `shutdown` ends.
///
/// Shape: `/login` (a form with a CSRF token; 303 to `/notes`), `/notes` (303 to `/login` when signed out),
/// `/logout` (POST). The session cookie is HttpOnly and lives for `life`, in whole seconds, from the login on. A wrong
/// password is answered with status 200 and the form again; five of them lock the account for 15 minutes.
///
/// # Errors
/// When the listener fails, or the machine has no random numbers to give.
pub async fn serve(
    listener: tokio::net::TcpListener,
    password: SecretString,
    life: TimeDelta,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    // Asked once here, so that a request cannot be the first to find out.
    token()?;
    let site = Arc::new(Site {
        password,
        life,
        doors: Mutex::default(),
    });
    let router = Router::new()
        .route("/", get(|| async { Redirect::to("/notes") }))
        .route("/login", get(form).post(login))
        .route("/notes", get(notes))
        .route("/logout", post(logout))
        .route(
            "/style.css",
            get(|| async { ([(CONTENT_TYPE, "text/css")], CSS) }),
        )
        .with_state(site);
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
}

struct Site {
    password: SecretString,
    life: TimeDelta,
    doors: Mutex<Doors>,
}

/// Who may come in, and who has been kept out.
#[derive(Default)]
struct Doors {
    sessions: HashMap<String, Visit>,
    logins: u32,
    wrong: u32,
    locked_until: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy)]
struct Visit {
    login: u32,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Entry {
    token: String,
    username: String,
    password: String,
}

impl Site {
    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn visit(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Option<Visit> {
        let visit = *self.doors().sessions.get(cookie(headers, SESSION)?)?;
        (now < visit.until).then_some(visit)
    }
}

async fn form(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    match site.visit(&headers, Utc::now()) {
        Some(_) => Redirect::to("/notes").into_response(),
        None => login_page(""),
    }
}

async fn login(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Form(entry): Form<Entry>,
) -> Response {
    if cookie(&headers, FORM) != Some(&entry.token) {
        return login_page("This form was too old. Please sign in again.");
    }
    let now = Utc::now();
    let mut doors = site.doors();
    if doors.locked_until.is_some_and(|until| now < until) {
        return login_page(
            "This account is locked after too many wrong passwords. Try again in 15 minutes.",
        );
    }
    if entry.username != USER || entry.password != site.password.expose_secret() {
        doors.wrong += 1;
        if doors.wrong >= TRIES {
            doors.wrong = 0;
            doors.locked_until = Some(now + LOCKED_FOR);
        }
        return login_page("Wrong username or password.");
    }
    let Ok(id) = token() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    doors.wrong = 0;
    doors.logins += 1;
    let visit = Visit {
        login: doors.logins,
        since: now,
        until: now + site.life,
    };
    doors.sessions.retain(|_, visit| now < visit.until);
    doors.sessions.insert(id.clone(), visit);
    let age = site.life.num_seconds();
    let set = AppendHeaders([
        (SET_COOKIE, set_cookie(SESSION, &id, age)),
        (SET_COOKIE, set_cookie(FORM, "", 0)),
    ]);
    (set, Redirect::to("/notes")).into_response()
}

async fn notes(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let now = Utc::now();
    let Some(visit) = site.visit(&headers, now) else {
        return Redirect::to("/login").into_response();
    };
    let clock = |at: DateTime<Utc>| at.format("%H:%M:%S").to_string();
    let body = format!(
        r#"<header><h1>Notebook</h1><form method="post" action="/logout"><button class="quiet">Sign out</button></form></header>
<p class="session">Signed in as <b>{USER}</b>, login number {}, {} to {} UTC.</p>{NOTES}"#,
        visit.login,
        clock(visit.since),
        clock(visit.until)
    );
    page("Notebook", &body)
}

async fn logout(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    if let Some(id) = cookie(&headers, SESSION) {
        site.doors().sessions.remove(id);
    }
    let set = [(SET_COOKIE, set_cookie(SESSION, "", 0))];
    (set, Redirect::to("/login")).into_response()
}

fn login_page(message: &str) -> Response {
    let Ok(token) = token() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let alert = if message.is_empty() {
        String::new()
    } else {
        format!(r#"<p role="alert">{message}</p>"#)
    };
    let body = format!(
        r#"<h1>Notebook</h1>{alert}<form method="post" action="/login">
<input type="hidden" name="token" value="{token}">
<label for="username">Username</label><input id="username" name="username" autocomplete="username" required autofocus>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button></form>"#
    );
    let set = [(SET_COOKIE, set_cookie(FORM, &token, 3600))];
    (set, page("Sign in", &body)).into_response()
}

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        r#"<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><link rel="stylesheet" href="/style.css"><link rel="icon" href="data:,"><main>{body}</main></html>"#
    );
    ([(CACHE_CONTROL, "no-store")], Html(html)).into_response()
}

fn set_cookie(name: &str, value: &str, age: i64) -> String {
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}")
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter();
    let mut pairs = lines.flat_map(|line| line.to_str().unwrap_or_default().split("; "));
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// 128 random bits, as 32 hex digits.
fn token() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

const NOTES: &str = "
<article><h2>It works</h2><p>Jarkeeper reads this page with the cookies of a login that it made by itself.</p></article>
<article><h2>Watch it</h2><p>Leave the daemon running: the login number above grows, and the page stays open to whoever
holds the state file.</p></article>
<article><h2>Break it</h2><p>Sign out in a browser that carries the same cookies: the next probe notices, and the next
renewal repairs it.</p></article>";

const CSS: &str = "
:root { color-scheme: light dark; --ink: #1f2430; --paper: #faf7f0; --card: #fff; --line: #e4dccb; --accent: #2f6f5e }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6df; --paper: #17191c; --card: #202327; --line: #34383d; --accent: #7cc4ae } }
* { box-sizing: border-box } body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 Georgia, serif }
main { max-width: 34rem; margin: 12vh auto; padding: 0 1.2rem } h1 { font-size: 1.9rem; margin: 0 0 1rem } h2 { font-size: 1.1rem; margin: 0 }
header { display: flex; justify-content: space-between; align-items: center } .session { color: var(--accent) }
article, main > form { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1.1rem; margin: .9rem 0 }
article p { margin: .3rem 0 0 } label { display: block; margin: .2rem 0 } input { width: 100%; padding: .55rem; margin-bottom: .8rem; font: inherit;
border: 1px solid var(--line); border-radius: .4rem; background: var(--paper); color: inherit }
button { padding: .55rem 1.1rem; font: inherit; border: 0; border-radius: .4rem; background: var(--accent); color: var(--card); cursor: pointer }
.quiet { background: none; color: var(--accent); border: 1px solid var(--line) } [role=alert] { color: #b3402f }
";
