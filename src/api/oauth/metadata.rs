//! What clients find out by themselves (RFC 8414, RFC 9728).

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::base::Base;
use super::super::{Door, open};
use super::token::INSTANCES;
use crate::identity::{GrantType, Scope};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(open(routes!(server)))
        .routes(open(routes!(resource)))
        .routes(open(routes!(mcp)))
}

/// Where everything of the authorization server is (RFC 8414 section 2).
#[derive(Serialize, ToSchema)]
struct ServerMetadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    registration_endpoint: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    device_authorization_endpoint: String,
    scopes_supported: Vec<&'static str>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: Vec<&'static str>,
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
}

/// Tells where the authorization server has what (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", operation_id = "oauth.metadata", tag = "oauth",
    responses((status = 200, body = ServerMetadata)))]
async fn server(Base(base): Base) -> Json<ServerMetadata> {
    let at = |path: &str| format!("{base}{path}");
    let proofs = ["none", "client_secret_basic", "client_secret_post"];
    Json(ServerMetadata {
        authorization_endpoint: at("/oauth/authorize"),
        token_endpoint: at("/oauth/token"),
        registration_endpoint: at("/oauth/register"),
        revocation_endpoint: at("/oauth/revoke"),
        introspection_endpoint: at("/oauth/introspect"),
        device_authorization_endpoint: at("/oauth/device_authorization"),
        scopes_supported: Scope::ALL.iter().map(|scope| scope.word()).collect(),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: GrantType::ALL
            .iter()
            .map(|grant| grant.word())
            .chain([INSTANCES])
            .collect(),
        token_endpoint_auth_methods_supported: proofs,
        revocation_endpoint_auth_methods_supported: proofs,
        introspection_endpoint_auth_methods_supported: proofs,
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
        issuer: base,
    })
}

/// What a caller of a resource needs (RFC 9728 section 2).
#[derive(Serialize, ToSchema)]
struct ResourceMetadata {
    resource: String,
    resource_name: &'static str,
    authorization_servers: [String; 1],
    scopes_supported: Vec<&'static str>,
    bearer_methods_supported: [&'static str; 1],
}

fn about(base: String, path: &str, leave_out: &[Scope]) -> Json<ResourceMetadata> {
    let offered = Scope::ALL.iter().filter(|scope| !leave_out.contains(scope));
    Json(ResourceMetadata {
        resource: format!("{base}{path}"),
        resource_name: "Jarkeeper",
        scopes_supported: offered.map(|scope| scope.word()).collect(),
        authorization_servers: [base],
        bearer_methods_supported: ["header"],
    })
}

/// Tells whose tokens open the API (RFC 9728).
#[utoipa::path(get, path = "/.well-known/oauth-protected-resource", operation_id = "oauth.resource", tag = "oauth",
    responses((status = 200, body = ResourceMetadata)))]
async fn resource(Base(base): Base) -> Json<ResourceMetadata> {
    about(base, "", &[])
}

/// Tells whose tokens open the tools of language models (RFC 9728 section 3.1). Many clients ask a person for every scope that
/// stands here, so what no model should be given by the way does not.
#[utoipa::path(get, path = "/.well-known/oauth-protected-resource/mcp", operation_id = "oauth.resource_mcp", tag = "oauth",
    responses((status = 200, body = ResourceMetadata)))]
async fn mcp(Base(base): Base) -> Json<ResourceMetadata> {
    about(base, "/mcp", &[Scope::Admin, Scope::SessionsReveal])
}
