//! `/oauth/token`, `/oauth/revoke`, `/oauth/introspect`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::audit::Told;
use super::super::base::Base;
use super::super::{Door, open};
use super::{Answer, Asker, Fields, Hearing, OAuthError, Shown, audience, client, unkept};
use crate::identity::{GrantType, Issued, Refusal, RefusalCode};

/// The grant type of instances. No client registers it: it is no client's secret that opens it.
pub(super) const INSTANCES: &str = "client_credentials";

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(open(routes!(token)))
        .routes(open(routes!(revoke)))
        .routes(open(routes!(introspect)))
}

/// What a client asks for tokens with. A client with a secret shows it here, or as `Authorization: Basic`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `Fields` reads")]
struct TokenForm {
    /// `authorization_code`, `refresh_token`, `urn:ietf:params:oauth:grant-type:device_code`, or `client_credentials`: for a
    /// registered instance, with its id and password in place of a client's id and secret.
    grant_type: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    /// With `authorization_code`.
    code: Option<String>,
    /// With `authorization_code`: where the code was sent.
    redirect_uri: Option<String>,
    /// With `authorization_code` (RFC 7636).
    code_verifier: Option<String>,
    /// With `refresh_token`.
    refresh_token: Option<String>,
    /// With `refresh_token`: less than was allowed. With `client_credentials`: less than an instance may.
    scope: Option<String>,
    /// With the device's grant type.
    device_code: Option<String>,
    /// As it was asked for (RFC 8707).
    resource: Option<String>,
}

/// Tokens (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
struct Tokens {
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// Good once; using it a second time ends all tokens that follow from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// What the person allowed.
    scope: String,
}

/// Gives tokens for a code, a refresh token, a device code, or the password of an instance.
#[utoipa::path(post, path = "/oauth/token", operation_id = "oauth.token", tag = "oauth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Tokens), (status = 400, body = OAuthError), (status = 401, body = OAuthError)))]
async fn token(
    State(door): State<Door>,
    base: Base,
    hearing: Hearing,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Answer> {
    let word = fields.need("grant_type")?;
    if word == INSTANCES {
        return of_instance(&hearing, &base, &headers, &fields).await;
    }
    let grant = GrantType::of(word).ok_or_else(|| {
        let known = GrantType::ALL.map(GrantType::word).join(", ");
        let why = format!("the grant types here are {known}, {INSTANCES}");
        Refusal::of(RefusalCode::UnsupportedGrantType, why)
    })?;
    let client = client(&door, &headers, &fields)?;
    let audience = audience(&base, &fields)?;
    let audience = audience.as_deref();
    let identity = &door.identity;
    let issued = match grant {
        GrantType::Code => {
            let code = fields.secret("code")?;
            let redirect = fields.need("redirect_uri")?;
            let verifier = fields.secret("code_verifier")?;
            let issued = identity.exchange_code(&client, &code, redirect, &verifier, audience);
            issued.await?
        }
        GrantType::Refresh => {
            let token = fields.secret("refresh_token")?;
            let scope = fields.one("scope")?;
            identity.refresh(&client, &token, scope, audience).await?
        }
        GrantType::Device => {
            let code = fields.secret("device_code")?;
            identity.exchange_device(&client, &code, audience).await?
        }
    };
    let told = Told {
        subject: Some(client.id),
        detail: Some(format!("{word}: {}", issued.scopes)),
        ..Told::default()
    };
    Ok(told.on(given(issued)))
}

/// A token for an instance, which shows its password (RFC 6749 section 4.4).
async fn of_instance(
    hearing: &Hearing,
    base: &Base,
    headers: &HeaderMap,
    fields: &Fields,
) -> Result<Response, Answer> {
    audience(base, fields)?;
    let scope = fields.one("scope")?;
    let id = hearing.instance(Shown::of(headers, fields)?).await?;
    let identity = &hearing.desk.door.identity;
    let issued = identity.exchange_instance(&id, scope).await?;
    let told = Told {
        subject: Some(id),
        detail: Some(format!("{INSTANCES}: {}", issued.scopes)),
        ..Told::default()
    };
    Ok(told.on(given(issued)))
}

fn given(issued: Issued) -> Response {
    let refresh = issued.refresh.map(|token| token.expose_secret().to_owned());
    let tokens = Tokens {
        access_token: issued.access.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: issued.expires_in.num_seconds(),
        refresh_token: refresh,
        scope: issued.scopes.to_string(),
    };
    unkept(Json(tokens).into_response())
}

/// A token that its own client asks about, or ends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `Fields` reads")]
struct TokenQuestion {
    token: String,
    /// Not needed.
    token_type_hint: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// Ends a token of the client; a refresh token with all that follow from the same consent (RFC 7009).
#[utoipa::path(post, path = "/oauth/revoke", operation_id = "oauth.revoke", tag = "oauth",
    request_body(content = TokenQuestion, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "It is not in force any more, or never was"),
        (status = 400, body = OAuthError), (status = 401, body = OAuthError)))]
async fn revoke(
    State(door): State<Door>,
    hearing: Hearing,
    headers: HeaderMap,
    fields: Fields,
) -> Result<StatusCode, Answer> {
    let asker = hearing.asker(&headers, &fields).await?;
    let token = fields.secret("token")?;
    let identity = &door.identity;
    let revoked = match &asker {
        Asker::Client(client) => identity.revoke_token(client, &token).await,
        Asker::Instance(id) => identity.revoke_instance_token(id, &token).await,
    };
    revoked.map_err(Refusal::from)?;
    Ok(StatusCode::OK)
}

/// What a token allows (RFC 7662 section 2.2).
#[derive(Default, Serialize, ToSchema)]
struct Introspection {
    /// Whether it is in force, and the client's own.
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// `Bearer`, of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The resource, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
}

/// Tells what a token of the client allows. Of another client's, and of what is none, it says only that it is not active.
#[utoipa::path(post, path = "/oauth/introspect", operation_id = "oauth.introspect", tag = "oauth",
    request_body(content = TokenQuestion, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Introspection), (status = 400, body = OAuthError), (status = 401, body = OAuthError)))]
async fn introspect(
    State(door): State<Door>,
    Base(base): Base,
    hearing: Hearing,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Answer> {
    let asker = hearing.asker(&headers, &fields).await?;
    let token = fields.secret("token")?;
    let found = match &asker {
        Asker::Client(client) => door.identity.introspect(client, &token),
        Asker::Instance(id) => door.identity.introspect_instance(id, &token),
    };
    let answer = match found.map_err(Refusal::from)? {
        None => Introspection::default(),
        Some(found) => Introspection {
            active: true,
            scope: Some(found.scopes.to_string()),
            client_id: Some(found.client),
            token_type: (!found.refresh).then_some("Bearer"),
            exp: Some(found.expires_at.timestamp()),
            iat: Some(found.created_at.timestamp()),
            sub: Some(found.person.to_string()),
            aud: found.audience,
            iss: Some(base),
        },
    };
    Ok(unkept(Json(answer).into_response()))
}
