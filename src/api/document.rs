//! The OpenAPI document: what is true of every operation, in one place. Each operation describes the rest beside its handler.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json, http};
use utoipa::openapi::path::{Operation, ParameterIn, Paths};
use utoipa::openapi::response::Response as Answer;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, AuthorizationCode, Flow, OAuth2, Scopes, SecurityRequirement,
    SecurityScheme,
};
use utoipa::openapi::{
    Components, Content, ContentBuilder, Header, Info, ObjectBuilder, OpenApi, Ref, RefOr,
    ResponseBuilder, Server, Tag, Type,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::contract::Refused;
use super::{Door, Problem, open};
use crate::identity::oidc::Endpoints;
use crate::identity::{IdentityError, Scope};

/// What the document says first.
const ABOUT: &str = "Fresh logged-in sessions for agents, jobs and scripts, kept by the Jarkeeper of this machine.

Call with an API key or with an access token. A program that acts for a person gets a token from the daemon itself, which tells \
its endpoints at `/.well-known/oauth-authorization-server` (RFC 8414); the two addresses of the scheme `oauth2` are where that \
person signs in. Errors are problems (RFC 9457), and the `type` of a problem never changes its meaning. The same sessions are \
served to language models at `/mcp` (Model Context Protocol, streamable HTTP).";

const JSON: &str = "application/json";
const STREAM: &str = "text/event-stream";
/// RFC 9457 section 3.
const PROBLEM: &str = "application/problem+json";

/// What each tag holds.
const TAGS: &[(&str, &str)] = &[
    (
        "sessions",
        "Sites, their sessions, and the cookies in them.",
    ),
    (
        "leases",
        "Accounts that an agent has for itself for a time.",
    ),
    ("events", "What happens to sessions, as it happens."),
    ("webhooks", "Where events are sent."),
    (
        "registry",
        "Workspaces, what is registered here, and whose it is.",
    ),
    ("keys", "API keys."),
    (
        "people",
        "Who may sign in, what they are called and tell of themselves.",
    ),
    ("memory", "What is kept for a person, word for word."),
    ("sign-in", "Pages for a person in a browser."),
    (
        "oauth",
        "The authorization server: how programs get tokens of their own.",
    ),
    (
        "upload",
        "The same for clients that were there before: success is status 200 and code 0. Who is an instance shows \
         Authorization: Bearer ID:PASSWORD; a key or a token does as well.",
    ),
    ("audit", "What was done, and by whom."),
    ("health", "Whether the daemon does its work."),
    ("document", "What can be called."),
];

/// A document with no operation in it yet.
pub(super) fn blank() -> OpenApi {
    let mut info = Info::new("Jarkeeper", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut document = OpenApi::new(info, Paths::new());
    let here = Server::builder()
        .url("/")
        .description(Some("The daemon that serves this document"));
    document.servers = Some(vec![here.build()]);
    let tag = |(name, what): &(&str, &str)| {
        let mut tag = Tag::new(*name);
        tag.description = Some((*what).to_owned());
        tag
    };
    document.tags = Some(TAGS.iter().map(tag).collect());
    // Whatever forgets to say what it asks for asks for credentials.
    document.security = Some(vec![
        SecurityRequirement::new("oauth2", [] as [&str; 0]),
        SecurityRequirement::new("apiKey", [] as [&str; 0]),
    ]);
    document
}

/// Adds the ways to be known, and the answers that operations refer to.
pub(super) fn complete(document: &mut OpenApi, provider: &Endpoints) {
    let components = document.components.get_or_insert_with(Components::new);
    let scopes = Scopes::from_iter(Scope::ALL.iter().map(|scope| (scope.word(), scope.told())));
    let (authorize, token) = (provider.authorize.as_str(), provider.token.as_str());
    let flow = AuthorizationCode::new(authorize, token, scopes);
    let oauth2 = OAuth2::new([Flow::AuthorizationCode(flow)]);
    components.add_security_scheme("oauth2", SecurityScheme::OAuth2(oauth2));
    let key = ApiKey::Query(ApiKeyValue::new("key"));
    components.add_security_scheme("apiKey", SecurityScheme::ApiKey(key));
    let mut schemas = vec![(Refused::name().into(), Refused::schema())];
    Problem::schemas(&mut schemas);
    schemas.push((Problem::name().into(), Problem::schema()));
    components.schemas.extend(schemas);
    for refusal in REFUSALS {
        let (name, answer) = (refusal.name.to_owned(), refusal.answer());
        components.responses.insert(name, answer.into());
    }
}

/// A refusal that is not one operation's own.
struct Refusal {
    status: http::StatusCode,
    name: &'static str,
    what: &'static str,
    header: Option<(&'static str, &'static str)>,
}

const REFUSALS: &[Refusal] = &[
    Refusal {
        status: http::StatusCode::BAD_REQUEST,
        name: "BadRequest",
        what: "The request is not valid, or shows credentials twice.",
        header: None,
    },
    Refusal {
        status: http::StatusCode::UNAUTHORIZED,
        name: "Unauthenticated",
        what: "There are no credentials, or they are not good any more.",
        header: Some(("WWW-Authenticate", "How to be known (RFC 6750, RFC 9728).")),
    },
    Refusal {
        status: http::StatusCode::FORBIDDEN,
        name: "Forbidden",
        what: "The credentials do not allow this, or the request comes from a foreign page.",
        header: None,
    },
    Refusal {
        status: http::StatusCode::NOT_FOUND,
        name: "NotFound",
        what: "There is no such thing, or not for this caller.",
        header: None,
    },
    Refusal {
        status: http::StatusCode::REQUEST_TIMEOUT,
        name: "TooSlow",
        what: "The request did not come whole in time.",
        header: None,
    },
    Refusal {
        status: http::StatusCode::PAYLOAD_TOO_LARGE,
        name: "TooLarge",
        what: "The body is larger than what is read.",
        header: None,
    },
    Refusal {
        status: http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
        name: "WrongType",
        what: "The body is not of the type that this operation reads.",
        header: None,
    },
    Refusal {
        status: http::StatusCode::UNPROCESSABLE_ENTITY,
        name: "WrongShape",
        what: "The body is JSON, and not of the shape that this operation reads.",
        header: None,
    },
    Refusal {
        status: http::StatusCode::TOO_MANY_REQUESTS,
        name: "TooMany",
        what: "The caller, or its address, asks too often.",
        header: Some(("Retry-After", "How long to wait, in seconds.")),
    },
    Refusal {
        status: http::StatusCode::SERVICE_UNAVAILABLE,
        name: "Unavailable",
        what: "Jarkeeper cannot do its part now; its log says why.",
        header: Some(("Retry-After", "How long to wait, in seconds.")),
    },
];

impl Refusal {
    fn answer(&self) -> Answer {
        self.answer_as(PROBLEM, &Problem::name())
    }

    fn answer_as(&self, kind: &str, schema: &str) -> Answer {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(schema)))
            .build();
        let mut answer = ResponseBuilder::new()
            .description(self.what)
            .content(kind, content);
        if let Some((name, what)) = self.header {
            let kind = match name {
                "Retry-After" => Type::Integer,
                _ => Type::String,
            };
            let mut header = Header::new(ObjectBuilder::new().schema_type(kind));
            header.description = Some(what.to_owned());
            answer = answer.header(name, header);
        }
        answer.build()
    }

    /// Whether an operation can answer so.
    fn concerns(&self, operation: &Operation, guarded: bool) -> bool {
        use http::StatusCode as S;
        let parameters = || operation.parameters.iter().flatten();
        let reads_body = operation.request_body.is_some();
        match self.status {
            S::UNAUTHORIZED => guarded,
            S::NOT_FOUND => parameters().any(|one| match one {
                RefOr::T(one) => one.parameter_in == ParameterIn::Path,
                RefOr::Ref(_) => false,
            }),
            S::PAYLOAD_TOO_LARGE
            | S::UNSUPPORTED_MEDIA_TYPE
            | S::UNPROCESSABLE_ENTITY
            | S::REQUEST_TIMEOUT => reads_body,
            _ => true,
        }
    }
}

/// How a session is named: `SITE`, `SITE:ACCOUNT`, either with `@A.B`, or `A.B`.
const SESSION: &str = "^[a-z0-9][a-z0-9_-]{0,63}(:[a-z0-9][a-z0-9-]{0,63})?(@[a-z0-9][a-z0-9_-]{0,63}([.][a-z0-9][a-z0-9_-]{0,63})+)?$|^[a-z0-9][a-z0-9_-]{0,63}([.][a-z0-9][a-z0-9_-]{0,63})+$";

/// Adds what an operation shares with others: the shape of names in its path, the type of problems, and the refusals that are
/// not its own. What it says itself stays.
pub(super) fn describe(operation: &mut Operation, guarded: bool) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && (parameter.name.as_str(), &parameter.parameter_in) == ("session", &ParameterIn::Path)
        {
            let shape = ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some(SESSION));
            parameter.schema = Some(shape.build().into());
        }
    }
    for (status, answer) in &mut operation.responses.responses {
        let RefOr::T(answer) = answer else { continue };
        if let Some(RefOr::T(stream)) = answer.content.get_mut(STREAM) {
            // Each event has a schema of its own, which OpenAPI 3.1 has no place for here.
            stream.schema = None;
        }
        let is_problem = answer.content.get(JSON).is_some_and(is_problem);
        if is_problem
            && status.starts_with(['4', '5'])
            && let Some(problem) = answer.content.shift_remove(JSON)
        {
            answer.content.insert(PROBLEM.to_owned(), problem);
        }
    }
    refuse(operation, guarded);
}

/// The same for an operation below `/api/`, whose refusals are envelopes.
pub(super) fn describe_contract(operation: &mut Operation) {
    for refusal in REFUSALS {
        let wrong_shape = refusal.status == http::StatusCode::UNPROCESSABLE_ENTITY;
        if !wrong_shape && refusal.concerns(operation, true) {
            let answer = refusal.answer_as(JSON, &Refused::name());
            let answers = &mut operation.responses.responses;
            let status = refusal.status.as_str().to_owned();
            answers.entry(status).or_insert_with(|| answer.into());
        }
    }
    for (status, answer) in &mut operation.responses.responses {
        if let RefOr::T(answer) = answer
            && status.starts_with(['4', '5'])
            && answer.content.is_empty()
        {
            let content = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name(Refused::name())))
                .build();
            answer.content.insert(JSON.to_owned(), content.into());
        }
    }
}

/// OAuth has errors of another shape (RFC 6749 section 5.2).
fn is_problem(content: &RefOr<Content>) -> bool {
    let RefOr::T(content) = content else {
        return false;
    };
    match &content.schema {
        Some(RefOr::Ref(schema)) => schema.ref_location.ends_with("/Problem"),
        _ => false,
    }
}

fn refuse(operation: &mut Operation, guarded: bool) {
    for refusal in REFUSALS {
        if refusal.concerns(operation, guarded) {
            let answers = &mut operation.responses.responses;
            answers
                .entry(refusal.status.as_str().to_owned())
                .or_insert_with(|| Ref::from_response_name(refusal.name).into());
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(open(routes!(show)))
}

/// What was built with the routes; where people sign in may change with the settings.
#[derive(Clone)]
pub(super) struct Built(pub(super) Arc<OpenApi>);

/// Gives this document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "document.show", tag = "document",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object)))]
async fn show(
    State(door): State<Door>,
    Extension(Built(document)): Extension<Built>,
) -> Result<Json<OpenApi>, Problem> {
    let provider = door.identity.endpoints().await;
    let provider = provider.map_err(IdentityError::from)?;
    let mut document = OpenApi::clone(&document);
    complete(&mut document, &provider);
    Ok(Json(document))
}
