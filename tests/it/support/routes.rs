//! The handlers of the test site.

use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Json, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::json;

use super::cookies::{self, cookie};
use super::dials::{Dials, FaultOn, Obstacle, SignedOut};
use super::entry;
use super::faults;
use super::pages;
use super::site::Shared;
use super::state::Seen;
use super::wire::{Tap, Wire};

type Site = State<Arc<Shared>>;

/// Serves the site itself; dropping the future closes the port.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut router = Router::new()
        .route("/login/frame", get(frame))
        .route("/login/code", get(entry::code_page).post(entry::enter_code))
        .route("/hurdle", get(hurdle))
        .route("/captcha", post(hurdle))
        .route("/consent", post(entry::consent))
        .route("/second-hop", get(entry::second_hop))
        .route("/welcome", get(welcome))
        .route("/logout", get(logout))
        .route("/api/login", post(entry::api_login))
        .route("/api/me", get(api_me))
        .merge(faults::nuisances());
    for path in [
        "/login",
        "/customer/account/login/",
        "/admin",
        "/users/sign_in",
    ] {
        router = router.route(path, get(login_page).post(entry::submit));
    }
    for path in HOMES {
        router = router.route(path, get(home));
    }
    let router = router
        .layer(middleware::from_fn_with_state(shared.clone(), weather))
        .with_state(shared);
    let service = router.into_make_service_with_connect_info::<Wire>();
    axum::serve(tap(listener), service).await.unwrap();
}

const HOMES: [&str; 5] = [
    "/notes",
    "/wishlist/",
    "/admin/dashboard",
    "/user/{name}/account",
    "/-/profile",
];

/// A listener of this thread's runtime, from one that was bound before it.
pub(crate) fn tap(listener: TcpListener) -> Tap {
    listener.set_nonblocking(true).unwrap();
    Tap(tokio::net::TcpListener::from_std(listener).unwrap())
}

/// Notes every request, and lets the fault strike that is turned on.
async fn weather(
    State(shared): Site,
    ConnectInfo(wire): ConnectInfo<Wire>,
    mut request: Request,
    next: Next,
) -> Response {
    let dials = shared.dials();
    let path = request.uri().path().to_owned();
    let home = match dials.login.keeps_a_token() {
        true => path == "/api/me",
        false => path == dials.flavour.words().home || path.starts_with("/user/"),
    };
    let seen = seen(&request, home);
    shared.with(|state| state.requests.push(seen));
    // Credentials are read and counted first; `receive` lets the fault strike then.
    let credentials = request.method() == Method::POST && path != "/consent" && path != "/captcha";
    wire.slow(false);
    let struck = match dials.fault_on {
        FaultOn::Everything => !credentials,
        FaultOn::Probes => home,
        FaultOn::Submissions => false,
    };
    if let Some(fault) = dials.fault.filter(|_| struck)
        && let Some(answer) = faults::strike(&fault, &wire).await
    {
        return answer;
    }
    request.extensions_mut().insert(wire);
    let mut answer = next.run(request).await;
    // No connection outlives its answer, so that a dial turned now is obeyed by the next request.
    answer
        .headers_mut()
        .insert("connection", HeaderValue::from_static("close"));
    answer
}

fn seen(request: &Request, home: bool) -> Seen {
    Seen {
        path: request.uri().to_string(),
        browser: request.headers().contains_key("sec-fetch-mode"),
        home,
        agent: agent(request.headers()).to_owned(),
    }
}

/// The `User-Agent`; empty where there is none.
pub(crate) fn agent(headers: &HeaderMap) -> &str {
    let agent = headers.get(USER_AGENT);
    agent
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn signed_in(shared: &Shared, dials: &Dials, headers: &HeaderMap) -> Option<(String, String)> {
    let id = cookie(headers, &cookies::session_name(dials))?;
    let user = shared.with(|state| state.user(&id, agent(headers), dials))?;
    Some((id, user))
}

pub(crate) fn home_path(dials: &Dials, user: &str) -> String {
    dials.flavour.words().home.replace("NAME", user)
}

async fn login_page(State(shared): Site, headers: HeaderMap) -> Response {
    let dials = shared.dials();
    if dials.look_alike {
        let to = format!("{}/login", shared.foreign);
        return (StatusCode::FOUND, [(LOCATION, to)]).into_response();
    }
    match signed_in(&shared, &dials, &headers) {
        Some((_, user)) => Redirect::to(&home_path(&dials, &user)).into_response(),
        None => form_page(&shared, &dials, StatusCode::OK, ""),
    }
}

pub(crate) fn form_page(
    shared: &Shared,
    dials: &Dials,
    status: StatusCode,
    message: &str,
) -> Response {
    let token = give_token(shared);
    let page = pages::login(dials, &token, &shared.foreign, message);
    (status, [(SET_COOKIE, visit(dials, &token))], Html(page)).into_response()
}

async fn frame(State(shared): Site) -> Response {
    let dials = shared.dials();
    let token = give_token(&shared);
    let form = pages::form(&dials, dials.flavour.words().login, &token);
    let page = Html(pages::page("Sign in", &form));
    ([(SET_COOKIE, visit(&dials, &token))], page).into_response()
}

fn give_token(shared: &Shared) -> String {
    shared.with(|state| {
        let token = state.fresh("t");
        state.tokens.insert(token.clone());
        token
    })
}

fn visit(dials: &Dials, token: &str) -> String {
    let name = cookies::named(dials, "visit");
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax")
}

async fn api_me(State(shared): Site, headers: HeaderMap) -> Response {
    let dials = shared.dials();
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let id = bearer.and_then(|value| value.strip_prefix("Bearer "));
    match id.and_then(|id| shared.with(|state| state.user(id, agent(&headers), &dials))) {
        Some(user) => {
            Json(json!({ "user": user, "page": pages::inner_home(&dials, &user) })).into_response()
        }
        None => (
            StatusCode::UNAUTHORIZED,
            Json(json!({ "error": "sign in first" })),
        )
            .into_response(),
    }
}

async fn home(State(shared): Site, headers: HeaderMap) -> Response {
    let dials = shared.dials();
    if dials.login.keeps_a_token() {
        return Html(pages::shell(&dials)).into_response();
    }
    let Some((id, user)) = signed_in(&shared, &dials, &headers) else {
        return match dials.signed_out {
            SignedOut::Redirect => Redirect::to(dials.flavour.words().login).into_response(),
            SignedOut::FormInPlace => form_page(&shared, &dials, StatusCode::OK, ""),
            SignedOut::Unauthorized => (StatusCode::UNAUTHORIZED, "Sign in first.").into_response(),
        };
    };
    let mut answer = Html(pages::home(&dials, &user)).into_response();
    if dials.sliding {
        cookies::set(answer.headers_mut(), &dials, &id, false);
    }
    answer
}

/// Where a dead session lands: it looks signed in, and nobody has looked.
async fn welcome(State(shared): Site) -> Html<String> {
    Html(pages::home(&shared.dials(), super::Site::USER))
}

async fn hurdle(State(shared): Site) -> Html<String> {
    let which = shared.dials().obstacle.unwrap_or(Obstacle::Consent);
    Html(pages::obstacle(which))
}

async fn logout(State(shared): Site, headers: HeaderMap) -> Response {
    let dials = shared.dials();
    let name = cookies::session_name(&dials);
    if let Some(id) = cookie(&headers, &name) {
        shared.with(|state| state.sessions.remove(&id));
    }
    let set = format!("{name}=; Path=/; Max-Age=0");
    (
        [(SET_COOKIE, set)],
        Redirect::to(dials.flavour.words().login),
    )
        .into_response()
}

/// The style sheet: every page has one to fetch.
pub(crate) async fn style() -> Response {
    (
        [(CONTENT_TYPE, "text/css")],
        "main { font-family: sans-serif }",
    )
        .into_response()
}
