//! `/oauth/register`: a client makes itself known (RFC 7591).

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::{Door, open};
use super::{Answer, OAuthError, unkept};
use crate::identity::{NewClient, Refusal, RefusalCode};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(open(routes!(register)))
}

/// What a client says of itself. What is not known here is left alone (RFC 7591 section 2).
#[derive(Deserialize, ToSchema)]
struct Registration {
    /// What it calls itself: 1 to 100 characters.
    #[schema(example = "My agent")]
    client_name: Option<String>,
    /// Where codes may be sent: `https`, a scheme such as `com.example.app`, or `http` to a loopback address. Of
    /// `http://127.0.0.1` and `http://[::1]` any port may be used later.
    #[serde(default)]
    #[schema(example = json!(["http://127.0.0.1/callback"]))]
    redirect_uris: Vec<String>,
    /// `authorization_code` where none are named.
    #[schema(example = json!(["authorization_code", "refresh_token"]))]
    grant_types: Option<Vec<String>>,
    /// `code` alone.
    response_types: Option<Vec<String>>,
    /// `none` for a client that keeps no secret; `client_secret_basic` where none is named.
    #[schema(example = "none")]
    token_endpoint_auth_method: Option<String>,
    /// The most that it will ask for, between spaces; without it anything but `admin`.
    #[schema(example = "sessions:read sessions:renew")]
    scope: Option<String>,
}

/// A client that is known now.
#[derive(Serialize, ToSchema)]
struct Registered {
    client_id: String,
    /// Only of a client that keeps one, and only this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    client_id_issued_at: i64,
    /// 0: it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    client_name: String,
    redirect_uris: Vec<String>,
    grant_types: Vec<&'static str>,
    response_types: Vec<&'static str>,
    token_endpoint_auth_method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// Makes a client known. It may ask people then; one that nobody allows anything is forgotten after a day.
#[utoipa::path(post, path = "/oauth/register", operation_id = "oauth.register", tag = "oauth", request_body = Registration,
    responses((status = 201, body = Registered), (status = 400, body = OAuthError), (status = 503, body = OAuthError)))]
async fn register(
    State(door): State<Door>,
    sent: Result<Json<Registration>, JsonRejection>,
) -> Result<Response, Answer> {
    let refuse = |why: String| Refusal::of(RefusalCode::InvalidClientMetadata, why);
    let Json(sent) = sent.map_err(|rejection| refuse(rejection.body_text()))?;
    let method = sent
        .token_endpoint_auth_method
        .unwrap_or_else(|| "client_secret_basic".to_owned());
    let confidential = match method.as_str() {
        "none" => false,
        "client_secret_basic" | "client_secret_post" => true,
        _ => {
            let why = "token_endpoint_auth_method must be none, client_secret_basic or client_secret_post";
            return Err(refuse(why.to_owned()).into());
        }
    };
    let other = |types: &Vec<String>| types.iter().any(|one| one != "code");
    if sent.response_types.as_ref().is_some_and(other) {
        return Err(refuse("response_types may hold only code".to_owned()).into());
    }
    let made = door.identity.register_client(NewClient {
        name: sent.client_name,
        redirects: sent.redirect_uris,
        grants: sent.grant_types,
        scopes: sent.scope,
        confidential,
    });
    let made = made.await?;
    let client = made.client;
    let codes = !client.redirects.is_empty();
    let registered = Registered {
        client_id: client.id,
        client_secret_expires_at: made.secret.as_ref().map(|_| 0),
        client_secret: made.secret.map(|secret| secret.expose_secret().to_owned()),
        client_id_issued_at: (door.clock)().timestamp(),
        client_name: client.name,
        redirect_uris: client.redirects,
        grant_types: client.grants.iter().map(|grant| grant.word()).collect(),
        response_types: if codes { vec!["code"] } else { Vec::new() },
        token_endpoint_auth_method: method,
        scope: client.scopes.map(|scopes| scopes.to_string()),
    };
    Ok(unkept(
        (StatusCode::CREATED, Json(registered)).into_response(),
    ))
}
