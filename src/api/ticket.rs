//! Tickets: a link by which a person who is known otherwise, at the socket, begins a visit in a browser.

use axum::extract::{FromRequest as _, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form, Json};
use maud::html;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::audit::Told;
use super::base::Base;
use super::{Door, Problem, guarded, open, page, sign_in, visit};
use crate::identity::{IdentityError, Principal, Scope};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::Admin, routes!(make)))
        .routes(open(routes!(show, redeem)))
}

/// A link that begins a visit, once.
#[derive(Serialize, ToSchema)]
struct TicketView {
    /// For the browser of the person whose credentials asked for it.
    url: String,
    /// Seconds for which it is good.
    expires_in: i64,
}

/// Makes a one-time link by which the caller's person is signed in in a browser. Only credentials that allow everything the
/// person may can ask for it, because a browser that is signed in may do all of that.
#[utoipa::path(post, path = "/v1/tickets", operation_id = "tickets.create", tag = "sign-in",
    responses((status = 201, body = TicketView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, description = "The daemon has no address for browsers", body = Problem)))]
async fn make(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    base: Base,
) -> Result<(StatusCode, Json<TicketView>), Problem> {
    let (ticket, life) = door.identity.ticket(&principal).await?;
    let view = TicketView {
        url: format!(
            "{}/sign-in/ticket?ticket={}",
            base.0,
            ticket.expose_secret()
        ),
        expires_in: life.num_seconds(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// What the link and the form hold.
#[derive(Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
struct Shown {
    ticket: String,
    /// A path of this daemon, to go on to.
    return_to: Option<String>,
}

impl Shown {
    fn place(&self) -> Option<&str> {
        match self.return_to.as_deref() {
            None => Some(sign_in::HOME),
            Some(path) if sign_in::is_own_path(path) => Some(path),
            Some(_) => None,
        }
    }
}

/// Shows a button. What only looks at links uses nothing up.
#[utoipa::path(get, path = "/sign-in/ticket", operation_id = "tickets.show", tag = "sign-in", params(Shown),
    responses((status = 200, content_type = "text/html", body = String),
        (status = 400, content_type = "text/html", body = String)))]
async fn show(parts: Parts) -> Response {
    let shown = axum::extract::Query::<Shown>::try_from_uri(&parts.uri);
    let Some((shown, place)) = shown.as_ref().ok().and_then(|s| Some((s, s.place()?))) else {
        return no_ticket("This is no link for signing in.");
    };
    let body = html! {
        p { "This link signs this browser in to Jarkeeper, once." }
        form method="post" action="/sign-in/ticket" {
            input type="hidden" name="ticket" value=(shown.ticket);
            input type="hidden" name="return_to" value=(place);
            div class="row" { button class="main" id="sign-in" type="submit" { "Sign in" } }
        }
    };
    page::page(StatusCode::OK, "Sign in", body)
}

/// Begins the visit.
#[utoipa::path(post, path = "/sign-in/ticket", operation_id = "tickets.redeem", tag = "sign-in",
    request_body(content = Shown, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "To where the browser wanted to go"),
        (status = 400, content_type = "text/html", body = String)))]
async fn redeem(State(door): State<Door>, base: Base, request: Request) -> Response {
    let form = Form::<Shown>::from_request(request, &door).await;
    let Some((shown, place)) = form.as_ref().ok().and_then(|s| Some((s, s.place()?))) else {
        return no_ticket("This is no form of ours.");
    };
    let ticket = SecretString::from(shown.ticket.as_str());
    let begun = async {
        let person = door.identity.redeem(&ticket).await?;
        door.identity.limits(&person)?;
        let cookie = door.identity.begin_visit(&person).await?;
        Ok((person, cookie))
    };
    match begun.await {
        Ok((person, cookie)) => {
            let mut response = visit::see(place);
            visit::set_cookie(&mut response, &visit::begin(&cookie, base.is_secure()));
            Told::of(person).on(response)
        }
        Err(IdentityError::Invalid(why)) => no_ticket(why),
        Err(error) => Problem::from(error).into_response(),
    }
}

fn no_ticket(why: &str) -> Response {
    let body = html! {
        p id="why" role="alert" { (why) }
        p { "On the machine where Jarkeeper runs, " code { "jarkeeper sign-in" } " prints a new one." }
    };
    page::page(StatusCode::BAD_REQUEST, "Not signed in", body)
}
