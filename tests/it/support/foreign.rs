//! The other origin: another site to a browser, and every byte that reaches it is kept.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::dials::{Dials, Login};
use super::entry::{message, pend, receive};
use super::pages;
use super::routes::tap;
use super::site::Shared;
use super::state::Outcome;
use super::wire::Wire;

/// Serves the foreign origin.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new().fallback(answer).with_state(shared);
    axum::serve(tap(listener), router).await.unwrap();
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 20).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let text = String::from_utf8_lossy(&body);
    let whole = format!("{} {}\n{:?}\n\n{text}", head.method, head.uri, head.headers);
    shared.with(|state| state.foreign.push(whole));
    let dials = shared.dials();
    match (head.method, head.uri.path()) {
        (Method::POST, _) if dials.login == Login::ForeignFrame => {
            let fields = url::form_urlencoded::parse(&body).into_owned();
            vouch(&shared, &dials, fields.collect()).await
        }
        (Method::POST, _) => page("<p role=alert>Wrong username or password.</p>", &dials),
        (_, "/frame") => {
            let framed = Dials {
                login: Login::ForeignFrame,
                ..dials
            };
            page("", &framed)
        }
        _ => page("<h1>Sign in</h1>", &dials),
    }
}

/// Single sign-on: a good password is worth a ticket, which the site itself turns into its own session.
async fn vouch(shared: &Shared, dials: &Dials, fields: HashMap<String, String>) -> Response {
    match receive(shared, &Wire::default(), &fields, true).await {
        Ok((Outcome::Accepted, user)) => {
            let ticket = pend(shared, &user);
            Redirect::to(&format!("{}/second-hop?ticket={ticket}", shared.base)).into_response()
        }
        Ok((outcome, _)) => page(&format!("<p role=alert>{}</p>", message(outcome)), dials),
        Err(answer) => answer,
    }
}

fn page(before: &str, dials: &Dials) -> Response {
    let form = pages::form(dials, "/login", "none");
    Html(pages::page("Sign in", &format!("{before}{form}"))).into_response()
}
