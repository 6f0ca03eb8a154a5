//! `/v1/sites`: what is configured.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::SessionsRead, routes!(list)))
}

/// A site, and the accounts of it.
#[derive(Serialize, ToSchema)]
struct SiteView {
    /// Its name.
    site: String,
    /// Its sessions: `SITE` for the first account, `SITE:ACCOUNT` for further ones.
    sessions: Vec<String>,
}

/// Lists the sites that the caller reaches.
#[utoipa::path(get, path = "/v1/sites", operation_id = "sites.list", tag = "sessions",
    responses((status = 200, body = Vec<SiteView>)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Vec<SiteView>>, Problem> {
    let mut sites: Vec<SiteView> = Vec::new();
    for key in door.queue.renewer().keys() {
        if key.within.is_some() || !principal.reaches(&key) {
            continue;
        }
        let site = key.site.to_string();
        match sites.iter_mut().find(|one| one.site == site) {
            Some(one) => one.sessions.push(key.to_string()),
            None => sites.push(SiteView {
                site,
                sessions: vec![key.to_string()],
            }),
        }
    }
    Ok(Json(sites))
}
