//! `/sign-in`: a person, in a browser, by the account at an OpenID provider.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::{HeaderName, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use maud::{Markup, html};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::audit::Told;
use super::base::Base;
use super::{Door, Peer, open, page, visit};
use crate::identity::oidc::{Answer, SignInError};
use crate::identity::{IdentityError, Visit};

/// What a browser shows when it comes back from the provider. `Lax`: it comes from another site.
const BROWSER: &str = "jarkeeper_sign_in";
/// Where browsers go that wanted nothing else.
pub(super) const HOME: &str = "/sign-in";
/// Longest address to go back to, in bytes.
const LONGEST: usize = 4096;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(open(routes!(show)))
        .routes(open(routes!(start)))
        .routes(open(routes!(callback)))
        .routes(open(routes!(sign_out)))
}

/// Where a browser wants to go.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// A path of this daemon, to go on to after the sign-in.
    return_to: Option<String>,
}

/// The page that offers to sign in.
#[utoipa::path(get, path = "/sign-in", operation_id = "signin.show", tag = "sign-in", params(Wanted),
    responses((status = 200, content_type = "text/html", body = String), (status = 303),
        (status = 400, content_type = "text/html", body = String)))]
async fn show(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    base: Base,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let return_to = match wanted.ok().map(|Query(wanted)| wanted.return_to) {
        Some(Some(path)) if is_own_path(&path) => path,
        Some(None) => HOME.to_owned(),
        _ => return no_way_back(),
    };
    if let Some(there) = numbered(peer, &base, &return_to) {
        return there;
    }
    let visit = match visit::of(&door, &headers) {
        Ok(visit) => visit,
        Err(error) => return failed(error, &return_to),
    };
    let body = match (visit, door.identity.issuer()) {
        (Some(visit), _) => signed_in(&door, &visit, &return_to),
        (None, Some(issuer)) => offer(&issuer, &return_to),
        (None, None) => not_set_up(),
    };
    page::page(StatusCode::OK, "Sign in", body)
}

/// Sends the browser to the provider.
#[utoipa::path(get, path = "/sign-in/start", operation_id = "signin.start", tag = "sign-in", params(Wanted),
    responses((status = 303, description = "To the provider"),
        (status = 400, content_type = "text/html", body = String),
        (status = 503, content_type = "text/html", body = String)))]
async fn start(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    base: Base,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let return_to = match wanted.ok().map(|Query(wanted)| wanted.return_to) {
        Some(Some(path)) if is_own_path(&path) => path,
        Some(None) => HOME.to_owned(),
        _ => return no_way_back(),
    };
    if let Some(there) = numbered(peer, &base, &return_to) {
        return there;
    }
    let redirect_uri = format!("{}/sign-in/callback", base.0);
    match door.identity.begin_sign_in(&redirect_uri, &return_to).await {
        Ok(begun) => {
            let life = begun.life.num_seconds();
            let cookie = cookie(&begun.browser, life, base.is_secure());
            (
                StatusCode::SEE_OTHER,
                [(LOCATION, begun.url.to_string()), (SET_COOKIE, cookie)],
            )
                .into_response()
        }
        Err(error) => failed(error, &return_to),
    }
}

/// What the provider sends the browser back with (RFC 6749 section 4.1.2).
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Brought {
    /// What was given along.
    state: Option<String>,
    /// What becomes a token.
    code: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// The same in words.
    error_description: Option<String>,
}

/// Ends a sign-in.
#[utoipa::path(get, path = "/sign-in/callback", operation_id = "signin.callback", tag = "sign-in",
    params(Brought),
    responses((status = 200, content_type = "text/html", body = String),
        (status = 400, content_type = "text/html", body = String),
        (status = 403, content_type = "text/html", body = String),
        (status = 503, content_type = "text/html", body = String)))]
async fn callback(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    base: Base,
    brought: Result<Query<Brought>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    // A parameter that is there twice leaves no answer to believe.
    let Ok(Query(brought)) = brought else {
        let none = SignInError::NoneUnderWay("the answer is not one of a provider");
        return failed(none.into(), HOME);
    };
    let answer = Answer {
        state: brought.state.map(SecretString::from),
        code: brought.code.map(SecretString::from),
        iss: brought.iss,
        error: brought.error.map(|word| (word, brought.error_description)),
    };
    let browser = visit::cookie(&headers, BROWSER);
    let (here, secure) = (is_here(peer, &base, &headers), base.is_secure());
    let signed_in = match door.identity.finish_sign_in(answer, browser, here).await {
        Ok(signed_in) => signed_in,
        Err(error) => return failed(error, HOME),
    };
    match door.identity.begin_visit(&signed_in.person).await {
        Ok(value) => {
            tracing::info!(person = %signed_in.person, "a person signed in");
            // A page, not a redirect: a browser that comes from another site sends no strict cookie on the next hop.
            let mut response = page::onward(&signed_in.return_to);
            let gone = cookie(&SecretString::default(), 0, secure);
            visit::set_cookie(&mut response, &visit::begin(&value, secure));
            visit::set_cookie(&mut response, &gone);
            Told::of(&signed_in.person).on(response)
        }
        Err(error) => failed(error, HOME),
    }
}

/// A form of one of our own pages.
#[derive(Deserialize, ToSchema)]
struct OwnForm {
    /// What no other site can know.
    csrf: String,
}

/// Ends the visit of this browser.
#[utoipa::path(post, path = "/sign-out", operation_id = "signin.out", tag = "sign-in",
    request_body(content = OwnForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "To the sign-in page"),
        (status = 403, content_type = "text/html", body = String)))]
async fn sign_out(State(door): State<Door>, headers: HeaderMap, request: Request) -> Response {
    let form: Result<Form<OwnForm>, _> = axum::RequestExt::extract(request).await;
    let done = async {
        let Some(visit) = visit::of(&door, &headers)? else {
            return Ok(true);
        };
        let same =
            |Form(form): &Form<OwnForm>| visit::is_own_form(&visit, &form.csrf.as_str().into());
        let value = visit::cookie(&headers, visit::NAME);
        match (form.as_ref().is_ok_and(same), value) {
            (true, Some(value)) => door.identity.end_visit(&value).await.map(|()| true),
            _ => Ok(false),
        }
    };
    match done.await {
        Ok(true) => {
            let mut response = (StatusCode::SEE_OTHER, [(LOCATION, HOME)]).into_response();
            visit::set_cookie(&mut response, &visit::end());
            response
        }
        Ok(false) => {
            let body = told("This form is not one of this browser's own pages.", HOME);
            page::page(StatusCode::FORBIDDEN, "Not signed out", body)
        }
        Err(error) => failed(error, HOME),
    }
}

fn cookie(value: &SecretString, life_s: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!(
        "{BROWSER}={}; Path=/sign-in; HttpOnly; SameSite=Lax; Max-Age={life_s}{secure}",
        value.expose_secret()
    )
}

/// Whether the browser is on this machine.
fn is_here(peer: Peer, base: &Base, headers: &HeaderMap) -> bool {
    // What a proxy adds: the browser is somewhere behind it (RFC 7239, RFC 9110 section 7.6.3).
    let passed_on = headers
        .keys()
        .map(HeaderName::as_str)
        .any(|name| matches!(name, "forwarded" | "via") || name.starts_with("x-forwarded-"));
    let near = match peer {
        Peer::Tcp(address) => address.ip().to_canonical().is_loopback(),
        Peer::Socket { .. } => false,
    };
    // Behind a proxy everybody is near; what they asked for is not.
    let host = url::Url::parse(&base.0)
        .ok()
        .and_then(|url| match url.host() {
            Some(url::Host::Domain(name)) => Some(name == "localhost"),
            Some(url::Host::Ipv4(address)) => Some(address.is_loopback()),
            Some(url::Host::Ipv6(address)) => Some(address.is_loopback()),
            None => None,
        });
    near && !passed_on && host == Some(true)
}

/// From `localhost` to the number that it stands for: a provider compares addresses letter by letter, and cookies of one
/// name are not those of the other (RFC 8252 section 8.3).
fn numbered(peer: Peer, base: &Base, return_to: &str) -> Option<Response> {
    let port = base.0.strip_prefix("http://localhost")?;
    match peer {
        Peer::Tcp(from) if from.is_ipv4() && (port.is_empty() || port.starts_with(':')) => {
            let query = query(return_to);
            Some(visit::see(&format!(
                "http://127.0.0.1{port}/sign-in?{query}"
            )))
        }
        _ => None,
    }
}

fn query(return_to: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", return_to)
        .finish()
}

fn offer(issuer: &str, return_to: &str) -> Markup {
    let name = match issuer {
        "https://accounts.google.com" => "Google".to_owned(),
        other => url::Url::parse(other)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_else(|| other.to_owned()),
    };
    html! {
        p { a class="button" id="sign-in" href=(format!("/sign-in/start?{}", query(return_to))) { "Sign in with " (name) } }
        p { "The owner of this machine can also run " code { "jarkeeper sign-in" } " and open the link that it prints." }
    }
}

fn signed_in(door: &Door, visit: &Visit, return_to: &str) -> Markup {
    let person = door.identity.person(visit.person.as_str()).ok();
    let name = person.and_then(|person| person.name.or(person.email));
    html! {
        p id="who" { "You are signed in as " (name.as_deref().unwrap_or(visit.person.as_str())) "." }
        @if return_to != HOME { p { a href=(return_to) { "Go on" } } }
        form method="post" action="/sign-out" {
            input type="hidden" name="csrf" value=(visit.csrf.expose_secret());
            button type="submit" { "Sign out" }
        }
    }
}

fn not_set_up() -> Markup {
    html! {
        p { "No OpenID provider is set up here." }
        p { "On the machine where Jarkeeper runs, " code { "jarkeeper sign-in" } " prints a link that lets its owner in." }
        p { "To sign in with Google or another provider, register an application there and write in " code { "config.toml" } ":" }
        pre { "[sign_in]\nclient_id = \"…\"\nclient_secret = { sealed = \"sign-in\" }\nallow = [\"you@example.org\"]" }
    }
}

fn told(message: &str, again: &str) -> Markup {
    html! {
        p id="why" role="alert" { (message) }
        p { a href=(format!("/sign-in?{}", query(again))) { "Sign in" } }
    }
}

fn no_way_back() -> Response {
    let body = told(
        "return_to must be a path of this daemon, like /sign-in.",
        HOME,
    );
    page::page(StatusCode::BAD_REQUEST, "Not a way back", body)
}

/// Why nobody was signed in, for the person at the browser; the log has it too.
fn failed(error: IdentityError, return_to: &str) -> Response {
    let (status, title) = match &error {
        IdentityError::SignIn(SignInError::Refused(_)) => (StatusCode::FORBIDDEN, "Not for you"),
        IdentityError::SignIn(SignInError::NotSetUp) => {
            let body = not_set_up();
            return page::page(StatusCode::SERVICE_UNAVAILABLE, "Not set up", body);
        }
        IdentityError::SignIn(error) if error.is_for_later() => {
            (StatusCode::SERVICE_UNAVAILABLE, "Not now")
        }
        IdentityError::SignIn(_) => (StatusCode::BAD_REQUEST, "Not signed in"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "Not now"),
    };
    match &error {
        IdentityError::SignIn(SignInError::Refused(_)) => {
            tracing::warn!("a sign-in was refused: this account is not among those who may");
        }
        IdentityError::SignIn(error) => tracing::warn!("a sign-in failed: {error}"),
        error => tracing::error!("a sign-in failed: {error}"),
    }
    let message = match &error {
        IdentityError::SignIn(error) => error.to_string(),
        _ => "Jarkeeper cannot read or write its own files; its log says why".to_owned(),
    };
    page::page(status, title, told(&message, return_to))
}

/// Whether this is a path of ours, whatever a browser or a parser makes of it.
pub(super) fn is_own_path(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"/-_.~".contains(&c);
    let sent = |c: u8| c.is_ascii_graphic() && !b"\\\"'<>#`{}|^;".contains(&c);
    text.len() <= LONGEST
        && path.starts_with('/')
        && !path.contains("//")
        && !path.split('/').any(|part| matches!(part, "." | ".."))
        && path.bytes().all(plain)
        && query.bytes().all(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_is_a_path_of_our_own() {
        for good in [
            "/",
            "/sign-in",
            "/oauth/authorize?client_id=a&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb&scope=read+write",
            "/device?user_code=AB-CD",
        ] {
            assert!(is_own_path(good), "{good}");
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for bad in [
            "",
            "a",
            "?x=/",
            "/a//b",
            "/../a",
            "/a/./b",
            "/a?\u{e4}",
            &long,
        ] {
            assert!(!is_own_path(bad), "{bad}");
        }
    }
}
