//! `/v1/sites`: what is configured.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::leases::shown;
use super::{Door, Problem, guarded};
use crate::config::Diagnostic;
use crate::identity::{Principal, Reach, Scope};
use crate::renewal::Condition;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::SessionsRead, routes!(list)))
}

/// A site, and the accounts of it.
#[derive(Serialize, ToSchema)]
struct SiteView {
    /// Its name.
    #[schema(example = "wiki")]
    site: String,
    /// Its sessions: the first account's, and those of further accounts.
    sessions: Vec<Condition>,
    /// What is wrong with its recipe, for administrators. The last good recipe stays in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Mistake>,
}

/// A mistake in a recipe.
#[derive(Serialize, ToSchema)]
struct Mistake {
    /// The file.
    file: String,
    /// Counted from 1.
    line: Option<usize>,
    /// Counted from 1, in characters.
    column: Option<usize>,
    /// What is wrong.
    message: String,
    /// What to do about it.
    help: String,
}

impl From<&Diagnostic> for Mistake {
    fn from(problem: &Diagnostic) -> Self {
        Self {
            file: problem.path.display().to_string(),
            line: problem.line,
            column: problem.column,
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}

/// The site that a broken recipe is for; `None`: it is another file.
fn site_of(problem: &Diagnostic) -> Option<String> {
    let folder = problem.path.parent()?.file_name()?;
    let stem = problem.path.file_stem()?.to_str()?;
    (folder == "sites").then(|| stem.to_owned())
}

/// Lists the sites that the caller reaches, with the condition of their sessions.
#[utoipa::path(get, path = "/v1/sites", operation_id = "sites.list", tag = "sessions",
    responses((status = 200, description = "The sites.", body = Vec<SiteView>)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Vec<SiteView>>, Problem> {
    let mut sites: Vec<SiteView> = Vec::new();
    let renewer = door.queue.renewer();
    let keys = renewer.keys();
    let own = keys.iter().filter(|key| key.within.is_none());
    for key in own.filter(|key| principal.reaches(key)) {
        // What was configured a moment ago may be gone.
        let Some(condition) = renewer.condition(key)? else {
            continue;
        };
        of(&mut sites, key.site.as_str())
            .sessions
            .push(shown(&door, condition));
    }
    if principal.may(Scope::Admin) && principal.reach == Reach::All {
        for problem in &door.settings.borrow().problems {
            if let Some(site) = site_of(problem) {
                of(&mut sites, &site).problems.push(problem.into());
            }
        }
    }
    Ok(Json(sites))
}

fn of<'a>(sites: &'a mut Vec<SiteView>, site: &str) -> &'a mut SiteView {
    let at = sites.iter().position(|one| one.site == site);
    let at = at.unwrap_or_else(|| {
        sites.push(SiteView {
            site: site.to_owned(),
            sessions: Vec::new(),
            problems: Vec::new(),
        });
        sites.len() - 1
    });
    &mut sites[at]
}
