//! `/oauth/device_authorization` and `/device`: a terminal shows a code, a person types it here (RFC 8628).

use axum::Json;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::html;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::audit::Told;
use super::super::base::Base;
use super::super::{Door, open, page, visit};
use super::authorize::{broken, not_own};
use super::consent::{Consent, Decision};
use super::{Answer, Fields, OAuthError, audience, client, unkept};
use crate::identity::{DeviceAsk, Refusal, RefusalCode, Visit};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(open(routes!(begin)))
        .routes(open(routes!(show, decide)))
}

/// What a terminal asks for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `Fields` reads")]
struct DeviceForm {
    client_id: Option<String>,
    client_secret: Option<String>,
    /// Scopes between spaces.
    scope: Option<String>,
    /// The address of the API or of `/mcp` (RFC 8707).
    resource: Option<String>,
}

/// Two codes: one to ask with, and one for a person (RFC 8628 section 3.2).
#[derive(Serialize, ToSchema)]
struct DeviceCodes {
    device_code: String,
    #[schema(example = "BCDF-GHJK")]
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    /// Seconds.
    expires_in: i64,
    /// Seconds between two questions.
    interval: i64,
}

/// Gives a terminal a code for a person to type.
#[utoipa::path(post, path = "/oauth/device_authorization", operation_id = "oauth.device", tag = "oauth",
    request_body(content = DeviceForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = DeviceCodes), (status = 400, body = OAuthError), (status = 401, body = OAuthError),
        (status = 503, body = OAuthError)))]
async fn begin(
    State(door): State<Door>,
    base: Base,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Answer> {
    let client = client(&door, &headers, &fields)?;
    let audience = audience(&base, &fields)?;
    let scope = fields.one("scope")?;
    let made = door.identity.begin_device(&client, scope, audience).await?;
    let page = format!("{}/device", base.0);
    let codes = DeviceCodes {
        device_code: made.code.expose_secret().to_owned(),
        verification_uri_complete: format!("{page}?user_code={}", made.user_code),
        user_code: made.user_code,
        verification_uri: page,
        expires_in: made.expires_in.num_seconds(),
        interval: made.wait_s,
    };
    Ok(unkept(Json(codes).into_response()))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes what `Fields` reads")]
struct Typed {
    /// What the terminal shows.
    user_code: Option<String>,
}

/// What the form of the page sends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `Fields` reads")]
struct DeviceDecided {
    /// What no other site can know.
    csrf: String,
    user_code: String,
    /// `allow` or `deny`.
    decision: String,
    /// Each scope that is allowed.
    allow: Vec<String>,
}

/// Asks a person for the code that a terminal shows, and whether it may have what it asks for.
#[utoipa::path(get, path = "/device", operation_id = "oauth.device_ask", tag = "oauth", params(Typed),
    responses((status = 200, content_type = "text/html", body = String), (status = 303, description = "To the sign-in"),
        (status = 404, content_type = "text/html", body = String)))]
async fn show(State(door): State<Door>, parts: Parts) -> Response {
    let fields = Fields::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let typed = fields.all("user_code").next();
    let visit = match visit::of(&door, &parts.headers) {
        Ok(Some(visit)) => visit,
        Ok(None) => return visit::wanted(&parts, &again(typed)),
        Err(error) => return broken(&error.into()),
    };
    let Some(typed) = typed else {
        return ask_for_code(StatusCode::OK, None);
    };
    match door.identity.device_ask(typed) {
        Ok(Some(ask)) => confirm(&door, &visit, &ask),
        Ok(None) => no_such_code(),
        Err(error) => broken(&error.into()),
    }
}

/// Takes the person's answer.
#[utoipa::path(post, path = "/device", operation_id = "oauth.device_decide", tag = "oauth",
    request_body(content = DeviceDecided, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, content_type = "text/html", body = String),
        (status = 403, content_type = "text/html", body = String), (status = 404, content_type = "text/html", body = String)))]
async fn decide(State(door): State<Door>, request: Request) -> Response {
    let headers = request.headers().clone();
    let Ok(fields) = Fields::from_request(request, &door).await else {
        return not_own();
    };
    let csrf = fields.secret("csrf").unwrap_or_default();
    let visit = match visit::of(&door, &headers) {
        Ok(Some(visit)) if visit::is_own_form(&visit, &csrf) => visit,
        Ok(_) => return not_own(),
        Err(error) => return broken(&error.into()),
    };
    let typed = fields.all("user_code").next().unwrap_or_default();
    let ask = match door.identity.device_ask(typed) {
        Ok(Some(ask)) => ask,
        Ok(None) => return no_such_code(),
        Err(error) => return broken(&error.into()),
    };
    let identity = &door.identity;
    let (done, (title, detail), told) = match Decision::of(&fields) {
        Decision::Allow(scopes) => (
            identity.allow_device(&visit.person, &ask, &scopes).await,
            ("Allowed", format!("allowed: {scopes}")),
            "You can go back to your terminal.",
        ),
        Decision::Deny => (
            identity.deny_device(&ask).await,
            ("Denied", "denied".to_owned()),
            "The terminal gets nothing.",
        ),
    };
    match done {
        Ok(()) => {
            let done = page::page(StatusCode::OK, title, html! { p id="done" { (told) } });
            let line = Told {
                subject: Some(ask.client.id.clone()),
                detail: Some(detail),
                ..Told::of(&visit.person)
            };
            line.on(done)
        }
        Err(Refusal::Rule {
            code: RefusalCode::ExpiredToken,
            ..
        }) => no_such_code(),
        Err(Refusal::Rule { why, .. }) => {
            let body = html! { p id="why" role="alert" { "Nothing was allowed: " (why) "." } };
            page::page(StatusCode::OK, "Nothing was allowed", body)
        }
        Err(refusal) => broken(&refusal),
    }
}

fn again(typed: Option<&str>) -> String {
    match typed {
        None => "/device".to_owned(),
        Some(typed) => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            format!("/device?{}", query.append_pair("user_code", typed).finish())
        }
    }
}

fn ask_for_code(status: StatusCode, why: Option<&str>) -> Response {
    let body = html! {
        @if let Some(why) = why { p id="why" role="alert" { (why) } }
        form method="get" action="/device" {
            label for="user_code" { "The code that your terminal shows" }
            input type="text" id="user_code" name="user_code" autocomplete="off" autocapitalize="characters"
                spellcheck="false" maxlength="20" required autofocus;
            div class="row" { button class="main" type="submit" { "Go on" } }
        }
    };
    page::page(status, "Connect a terminal", body)
}

fn no_such_code() -> Response {
    let why =
        "No terminal waits with this code. It may have ended: codes are good for ten minutes.";
    ask_for_code(StatusCode::NOT_FOUND, Some(why))
}

fn confirm(door: &Door, visit: &Visit, ask: &DeviceAsk) -> Response {
    let own = match door.identity.allowable(&visit.person, &ask.scopes) {
        Ok(own) => own,
        Err(error) => return broken(&error.into()),
    };
    let consent = Consent {
        client: &ask.client,
        asked: &ask.scopes,
        own: &own,
        visit,
        action: "/device",
        hidden: &[("user_code", ask.user_code.clone())],
    };
    let about = html! {
        p { "Your terminal must show this code:" }
        p class="code" id="code" { (ask.user_code) }
        p { "Deny it if you did not begin this yourself: whoever sent you here would get what you allow." }
    };
    page::page(
        StatusCode::OK,
        "Allow a terminal?",
        consent.body(door, &about),
    )
}
