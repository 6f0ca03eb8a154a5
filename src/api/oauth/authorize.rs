//! `/oauth/authorize`: a client sends a person here, and gets a code where the person agrees (RFC 6749 section 4.1).

use axum::extract::{FromRequest as _, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use maud::html;
use secrecy::{ExposeSecret, SecretString};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::audit::Told;
use super::super::base::Base;
use super::super::{Door, open, page, visit};
use super::consent::{Consent, Decision};
use super::{Fields, aliases, audience};
use crate::identity::{Ask, Asked, Client, Refusal, RefusalCode, Scopes, goes_to_this_machine};

/// The parameters of a request, which the form of the page brings back.
const KEPT: [&str; 9] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "resource",
    BEGUN_AT,
];
/// The issuer that a client knows, where signing in led from one of our names to another.
const BEGUN_AT: &str = "begun_at";

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(open(routes!(show, decide)))
}

/// What a client asks for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes what `Fields` reads")]
struct Question {
    /// `code`.
    response_type: Option<String>,
    client_id: Option<String>,
    /// One that the client registered, letter by letter; of a loopback address any port.
    redirect_uri: Option<String>,
    /// Scopes between spaces.
    scope: Option<String>,
    /// Given back as it is.
    state: Option<String>,
    /// SHA-256 of the verifier, in Base64 for URLs.
    code_challenge: Option<String>,
    /// `S256`.
    code_challenge_method: Option<String>,
    /// The address of the API or of `/mcp` (RFC 8707).
    resource: Option<String>,
}

/// What the form of the page sends, beside the parameters of the request.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `Fields` reads")]
struct Decided {
    /// What no other site can know.
    csrf: String,
    /// `allow` or `deny`.
    decision: String,
    /// Each scope that is allowed.
    allow: Vec<String>,
}

/// Asks a person whether a client may have what it asks for.
#[utoipa::path(get, path = "/oauth/authorize", operation_id = "oauth.ask", tag = "oauth", params(Question),
    responses((status = 200, content_type = "text/html", body = String),
        (status = 303, description = "To the sign-in, or to the client with an error"),
        (status = 400, content_type = "text/html", body = String)))]
async fn show(State(door): State<Door>, base: Base, parts: Parts) -> Response {
    let fields = Fields::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let to = match Destination::of(&door, &base, &fields) {
        Ok(to) => to,
        Err(refusal) => return no_client(&refusal),
    };
    let ask = match to.ask(&base, &fields) {
        Ok((ask, _)) => ask,
        Err(refusal) => return to.refuse(&door, &parts, refusal).await,
    };
    let visit = match visit::of(&door, &parts.headers) {
        Ok(Some(visit)) => visit,
        Ok(None) => return visit::wanted(&parts, &again(&base, &to, &fields)),
        Err(error) => return broken(&error.into()),
    };
    let own = match door.identity.allowable(&visit.person, &ask.scopes) {
        Ok(own) => own,
        Err(error) => return broken(&error.into()),
    };
    if own.is_empty() {
        let why = "this person has nothing of what is asked for";
        let refusal = Refusal::of(RefusalCode::AccessDenied, why);
        return to.refuse(&door, &parts, refusal).await;
    }
    let consent = Consent {
        client: &ask.client,
        asked: &ask.scopes,
        own: &own,
        visit: &visit,
        action: "/oauth/authorize",
        hidden: &kept(&fields),
    };
    let about = html! {
        p class="quiet" {
            "The answer goes to "
            @if goes_to_this_machine(&to.redirect) { "a program on this computer, at " }
            code { (to.shown()) } "."
        }
    };
    page::page_to("Allow access?", &to.redirect, consent.body(&door, &about))
}

/// Takes the person's answer.
#[utoipa::path(post, path = "/oauth/authorize", operation_id = "oauth.decide", tag = "oauth",
    request_body(content = Decided, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "To the client, with a code or an error"),
        (status = 400, content_type = "text/html", body = String),
        (status = 403, content_type = "text/html", body = String)))]
async fn decide(State(door): State<Door>, base: Base, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let Ok(fields) = Fields::from_request(request, &door).await else {
        let why = "this is not the form of our page";
        return no_client(&Refusal::of(RefusalCode::InvalidRequest, why));
    };
    let csrf = fields.secret("csrf").unwrap_or_default();
    let visit = match visit::of(&door, &parts.headers) {
        Ok(Some(visit)) if visit::is_own_form(&visit, &csrf) => visit,
        Ok(_) => return not_own(),
        Err(error) => return broken(&error.into()),
    };
    let to = match Destination::of(&door, &base, &fields) {
        Ok(to) => to,
        Err(refusal) => return no_client(&refusal),
    };
    let (ask, audience) = match to.ask(&base, &fields) {
        Ok(ask) => ask,
        Err(refusal) => return to.refuse(&door, &parts, refusal).await,
    };
    let allowed = match Decision::of(&fields) {
        Decision::Allow(scopes) => scopes,
        Decision::Deny => Scopes::default(),
    };
    let identity = &door.identity;
    match identity
        .allow(&visit.person, &ask, &allowed, audience)
        .await
    {
        Ok(code) => {
            let told = Told {
                subject: Some(to.client.id.clone()),
                detail: Some(format!("allowed: {allowed}")),
                ..Told::of(&visit.person)
            };
            told.on(to.go(&door, &parts, &[("code", &code)]).await)
        }
        Err(refusal) => to.refuse(&door, &parts, refusal).await,
    }
}

/// A client, and where its answer goes. Both are known to be right: nobody is sent anywhere before.
struct Destination {
    client: Client,
    redirect: String,
    state: Option<SecretString>,
    issuer: String,
}

impl Destination {
    fn of(door: &Door, base: &Base, fields: &Fields) -> Result<Self, Refusal> {
        let invalid = |why: &str| Refusal::of(RefusalCode::InvalidRequest, why);
        let id = fields.need("client_id")?;
        let redirect = fields.need("redirect_uri")?;
        let client = door.identity.client(id)?;
        let client = client
            .ok_or_else(|| invalid("this program is not known here; it must register again"))?;
        if !client.goes_to(redirect) {
            return Err(invalid(
                "redirect_uri is not one that this program registered",
            ));
        }
        let said = fields.one(BEGUN_AT).ok().flatten();
        let said = said.and_then(|said| aliases(base).find(|own| own == said));
        Ok(Self {
            redirect: redirect.to_owned(),
            // One that is there twice is refused with everything else.
            state: fields.one("state").ok().flatten().map(SecretString::from),
            issuer: said.unwrap_or_else(|| base.0.clone()),
            client,
        })
    }

    fn ask(&self, base: &Base, fields: &Fields) -> Result<(Ask, Option<String>), Refusal> {
        for name in KEPT {
            if name != "resource" {
                fields.one(name)?;
            }
        }
        if !matches!(fields.one("response_mode")?, None | Some("query")) {
            let why = "the only response_mode here is query";
            return Err(Refusal::of(RefusalCode::InvalidRequest, why));
        }
        let asked = Asked {
            response_type: fields.one("response_type")?,
            scope: fields.one("scope")?,
            challenge: fields.one("code_challenge")?,
            challenge_method: fields.one("code_challenge_method")?,
        };
        let ask = Ask::of(self.client.clone(), &self.redirect, asked)?;
        Ok((ask, audience(base, fields)?))
    }

    /// The redirect URI without its query, for a person.
    fn shown(&self) -> &str {
        self.redirect.split('?').next().unwrap_or_default()
    }

    /// The redirect URI with what the client is told, its state, and who tells it (RFC 9207).
    fn with(&self, fields: &[(&str, &SecretString)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            query.append_pair(name, value.expose_secret());
        }
        if let Some(state) = &self.state {
            query.append_pair("state", state.expose_secret());
        }
        query.append_pair("iss", &self.issuer);
        let more = if self.redirect.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{more}{}", self.redirect, query.finish())
    }

    async fn refuse(&self, door: &Door, parts: &Parts, refusal: Refusal) -> Response {
        match refusal {
            Refusal::Rule { code, why } => {
                let word = SecretString::from(code.word());
                let fields = [("error", &word), ("error_description", &why.into())];
                self.go(door, parts, &fields).await
            }
            refusal @ Refusal::Identity(_) => broken(&refusal),
        }
    }

    /// Sends the browser to the client.
    async fn go(&self, door: &Door, parts: &Parts, fields: &[(&str, &SecretString)]) -> Response {
        let mut response = visit::see(&self.with(fields));
        let cookie = visit::cookie(&parts.headers, visit::NAME);
        if let Some(cookie) = cookie.filter(|_| goes_to_this_machine(&self.redirect)) {
            // The listener there would be shown it.
            if let Err(error) = door.identity.end_visit(&cookie).await {
                return broken(&error.into());
            }
            visit::set_cookie(&mut response, &visit::end());
        }
        response
    }
}

fn kept(fields: &Fields) -> Vec<(&'static str, String)> {
    let of = |name: &'static str| fields.all(name).map(move |value| (name, value.to_owned()));
    KEPT.into_iter().flat_map(of).collect()
}

/// This request once more, with the issuer that the client knows.
fn again(base: &Base, to: &Destination, fields: &Fields) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(kept(fields).iter().filter(|(name, _)| *name != BEGUN_AT));
    if to.issuer != base.0 || base.0.contains("//localhost") {
        query.append_pair(BEGUN_AT, &to.issuer);
    }
    format!("/oauth/authorize?{}", query.finish())
}

/// Nobody is sent to where nobody registered.
fn no_client(refusal: &Refusal) -> Response {
    let body = html! {
        p id="why" role="alert" { "The program that sent you here made a mistake: " (refusal) "." }
        p { "Nothing was allowed. You can close this page." }
    };
    page::page(StatusCode::BAD_REQUEST, "This cannot be asked", body)
}

pub(super) fn not_own() -> Response {
    let body = html! {
        p id="why" role="alert" { "This form is not one of this browser's own pages, or your sign-in has ended." }
        p { "Nothing was allowed. Begin again where you came from." }
    };
    page::page(StatusCode::FORBIDDEN, "Not allowed", body)
}

pub(super) fn broken(refusal: &Refusal) -> Response {
    tracing::error!("a page cannot be shown: {refusal}");
    let body =
        html! { p id="why" role="alert" { "Jarkeeper cannot do this now; its log says why." } };
    page::page(StatusCode::SERVICE_UNAVAILABLE, "Not now", body)
}
