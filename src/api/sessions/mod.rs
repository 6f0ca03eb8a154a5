//! `/v1/sessions`: condition, state, renewal, history.
//!
//! A session's name is `SITE`, `SITE:ACCOUNT`, either with `@A.B` where a combination has sessions of its own, or `A.B` for a
//! combination. A session that the caller does not reach answers as one that does not exist.

mod change;
mod history;
mod renew;
mod state;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::leases::shown;
use super::{Door, Json, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::ids::{SessionKey, SessionName};
use crate::renewal::{Condition, Unmet};

pub(super) use renew::RenewalView;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::SessionsRead, routes!(list)))
        .routes(guarded(Scope::SessionsRead, routes!(show)))
        .merge(state::routes())
        .merge(renew::routes())
        .merge(change::routes())
        .merge(history::routes())
}

/// Lists the sessions that the caller reaches, then the combinations.
#[utoipa::path(get, path = "/v1/sessions", operation_id = "sessions.list", tag = "sessions",
    responses((status = 200, description = "The sessions.", body = Vec<Condition>)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Vec<Condition>>, Problem> {
    let renewer = door.queue.renewer();
    let mut all = Vec::new();
    let keys = renewer.keys();
    for key in keys.iter().filter(|key| principal.reaches(key)) {
        all.extend(renewer.condition(key)?.map(|it| shown(&door, it)));
    }
    for combination in renewer.settings().recipes.combinations() {
        let parts = renewer.parts(&combination);
        if parts.iter().all(|part| principal.reaches(part)) {
            all.extend(renewer.condition_of_all(&combination)?);
        }
    }
    Ok(Json(all))
}

/// Tells the condition of a session.
#[utoipa::path(get, path = "/v1/sessions/{session}", operation_id = "sessions.show", tag = "sessions",
    params(("session" = String, Path, description = "`SITE`, `SITE:ACCOUNT` or `A.B`.")),
    responses((status = 200, description = "Its condition.", body = Condition)))]
async fn show(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
) -> Result<Json<Condition>, Problem> {
    let name = reached(&door, &principal, &session)?;
    condition(&door, &name)
}

fn condition(door: &Door, name: &SessionName) -> Result<Json<Condition>, Problem> {
    let renewer = door.queue.renewer();
    let condition = match name {
        SessionName::One(key) => renewer.condition(key)?.map(|it| shown(door, it)),
        SessionName::Joined(combination) => renewer.condition_of_all(combination)?,
    };
    condition
        .map(Json)
        .ok_or_else(|| unknown(&name.to_string()))
}

fn unknown(name: &str) -> Problem {
    Problem::not_found("session", name)
}

/// The session of this name, where there is one that the caller reaches.
fn reached(door: &Door, principal: &Principal, name: &str) -> Result<SessionName, Problem> {
    let named: SessionName = name
        .parse()
        .map_err(|error: crate::ids::NameError| Problem::bad_request(error.to_string()))?;
    let renewer = door.queue.renewer();
    let settings = renewer.settings();
    let here = match &named {
        SessionName::One(key) if key.within.is_some() => {
            principal.reaches(key) && renewer.keys().contains(key)
        }
        SessionName::One(key) => {
            let recipe = settings.recipes.get(&key.site);
            let mut accounts = recipe.iter().flat_map(|recipe| &recipe.accounts);
            accounts.any(|account| account.name == key.account) && principal.reaches(key)
        }
        SessionName::Joined(combination) => {
            let parts = renewer.parts(combination);
            settings.recipes.combinations().contains(combination)
                && parts.iter().all(|part| principal.reaches(part))
        }
    };
    match here {
        true => Ok(named),
        false => Err(unknown(name)),
    }
}

/// The same for what is done to one session and not to a combination.
fn reached_one(door: &Door, principal: &Principal, name: &str) -> Result<SessionKey, Problem> {
    match reached(door, principal, name)? {
        SessionName::One(key) => Ok(key),
        SessionName::Joined(combination) => {
            let parts = door.queue.renewer().parts(&combination);
            let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
            let detail = format!(
                "{combination} is joined from the sessions {}: do this with those",
                parts.join(", ")
            );
            Err(Problem::conflict("combination", detail))
        }
    }
}

/// What is done to a session waits its turn behind a renewal that runs, and no longer than any caller may wait.
async fn in_time<T>(done: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(state::LONGEST_WAIT, done)
        .await
        .map_err(|_| {
            let detail = "a renewal of the session did not end in time; nothing was changed";
            let status = StatusCode::GATEWAY_TIMEOUT;
            Problem::new(status, "session-busy", "Not possible now", detail).retry_after(5)
        })
}

impl From<Unmet> for Problem {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::Held { class, why } => {
                let mut problem = Self::conflict("session-held", why);
                problem.class = class;
                problem
            }
            Unmet::Failed { failure, report } => {
                let mut problem = Self::from(failure);
                problem.renewal = report.map(|report| Box::new(RenewalView::of(&report)));
                problem
            }
            Unmet::Pending => {
                let detail = "the session is still being renewed; ask again, or wait longer";
                let status = StatusCode::GATEWAY_TIMEOUT;
                Self::new(status, "renewal-pending", "Not yet renewed", detail).retry_after(5)
            }
        }
    }
}
