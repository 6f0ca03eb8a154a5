//! `/v1/people`: who signs in here, and what they may.

use axum::Extension;
use axum::extract::rejection::JsonRejection;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::given::given;
use super::profile::erase;
use super::{Door, Json, Problem, guarded};
use crate::identity::{Person, PersonChange, PersonId, Principal, Reach, Scope, Scopes};
use crate::registry::{Farewell, Search};

/// Longest name of a person, in characters.
const LONGEST: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::Admin, routes!(list)))
        .routes(guarded(Scope::Admin, routes!(show, change, delete)))
        .routes(guarded(Scope::Admin, routes!(unlink)))
}

/// A person.
#[derive(Serialize, ToSchema)]
struct PersonView {
    /// Its id.
    id: String,
    /// `owner` (of this machine's daemon, who may do everything) or `member`.
    #[schema(example = "member")]
    role: &'static str,
    /// What people call it.
    name: Option<String>,
    /// Its address, where the provider has verified it.
    email: Option<String>,
    /// What its keys and tokens can at most do.
    scopes: Vec<&'static str>,
    /// With which sessions: `SITE` or `SITE:ACCOUNT`; null: every one.
    reach: Option<Vec<String>>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it last signed in.
    last_seen_at: Option<DateTime<Utc>>,
    /// Since when it may not come any more.
    disabled_at: Option<DateTime<Utc>>,
    /// By which accounts at providers it is known.
    accounts: Vec<AccountView>,
}

/// An account at a provider.
#[derive(Serialize, ToSchema)]
struct AccountView {
    /// The provider, `iss`.
    issuer: String,
    /// The account there, `sub`.
    subject: String,
}

impl From<Person> for PersonView {
    fn from(person: Person) -> Self {
        Self {
            id: person.id.to_string(),
            role: if person.owner { "owner" } else { "member" },
            name: person.name,
            email: person.email,
            scopes: person.scopes.iter().map(Scope::word).collect(),
            reach: person.reach.words(),
            created_at: person.created_at,
            last_seen_at: person.last_seen_at,
            disabled_at: person.disabled_at,
            accounts: person
                .accounts
                .into_iter()
                .map(|account| AccountView {
                    issuer: account.issuer,
                    subject: account.subject,
                })
                .collect(),
        }
    }
}

/// Who is wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Instead of everybody those who were only made for an instance that nobody has claimed: the newest thousand, newest first.
    #[serde(default)]
    bare: bool,
}

/// Lists everybody, but for those who were only made for an instance that nobody has claimed: these are listed with `bare`.
#[utoipa::path(get, path = "/v1/people", operation_id = "people.list", tag = "people", params(Wanted),
    responses((status = 200, body = Vec<PersonView>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem)))]
async fn list(
    State(door): State<Door>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Vec<PersonView>>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let people = match wanted.bare {
        true => door.identity.bare_people()?,
        false => door.identity.people()?,
    };
    Ok(Json(people.into_iter().map(PersonView::from).collect()))
}

/// Shows one person.
#[utoipa::path(get, path = "/v1/people/{id}", operation_id = "people.show", tag = "people",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, body = PersonView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
async fn show(
    State(door): State<Door>,
    Path(id): Path<String>,
) -> Result<Json<PersonView>, Problem> {
    Ok(Json(door.identity.person(&id)?.into()))
}

/// What shall change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonPatch {
    /// What people call it.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// What its keys and tokens can at most do; those that it has may do no more from the next request on.
    scopes: Option<Vec<String>>,
    /// With which sessions: `SITE` or `SITE:ACCOUNT`; null: every one.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    reach: Option<Option<Vec<String>>>,
    /// Whether it may not come any more: keys, tokens, visits and the passwords of its instances stop working at once.
    disabled: Option<bool>,
}

/// Changes what a member may, or whether it may come. Only credentials that allow everything the person may can do it.
#[utoipa::path(patch, path = "/v1/people/{id}", operation_id = "people.change", tag = "people",
    params(("id" = String, Path, description = "The person's id")), request_body = PersonPatch,
    responses((status = 200, body = PersonView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem)))]
async fn change(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    patch: Result<Json<PersonPatch>, JsonRejection>,
) -> Result<Json<PersonView>, Problem> {
    let Json(patch) = patch.map_err(unreadable)?;
    let change = patch.read().map_err(Problem::bad_request)?;
    let disables = change.disabled == Some(true);
    let person = door.identity.change_person(&principal, &id, change).await?;
    if disables {
        door.loads.look_again();
    }
    if person.disabled_at.is_some() || !person.scopes.allow(Scope::RegistryWrite) {
        for instance in instances(&door, &person.id)? {
            let farewell = Farewell::Moved;
            door.registry.presence().dismiss(&instance, farewell);
        }
    }
    Ok(Json(person.into()))
}

/// Which of a person's instances may be connected.
fn instances(door: &Door, person: &PersonId) -> Result<Vec<String>, Problem> {
    let mut search = Search {
        person: Some(person.clone()),
        limit: 100,
        ..Search::default()
    };
    let mut all = Vec::new();
    loop {
        let page = door.registry.search(&search)?;
        all.extend(page.instances.into_iter().map(|instance| instance.id));
        search.after = page.next;
        if search.after.is_none() {
            return Ok(all);
        }
    }
}

impl PersonPatch {
    fn read(self) -> Result<PersonChange, String> {
        if let Some(name) = &self.name {
            let length = name.chars().count();
            if name.trim().is_empty() || length > LONGEST || name.contains(char::is_control) {
                return Err(format!(
                    "name has 1 to {LONGEST} characters, and no control characters"
                ));
            }
        }
        let scopes = |words: Vec<String>| -> Result<Scopes, String> {
            let words = words
                .iter()
                .map(|word| word.parse().map_err(|e| format!("{e}")));
            words
                .collect::<Result<Vec<Scope>, _>>()
                .map(Scopes::from_iter)
        };
        Ok(PersonChange {
            name: self.name,
            scopes: self.scopes.map(scopes).transpose()?,
            reach: self
                .reach
                .map(|words| Reach::of(words.as_deref()))
                .transpose()?,
            disabled: self.disabled,
        })
    }
}

/// A body that is no JSON of the wanted shape.
pub(super) fn unreadable(rejection: JsonRejection) -> Problem {
    let title = "The request is not valid";
    Problem::new(
        rejection.status(),
        "invalid-request",
        title,
        rejection.body_text(),
    )
}

/// How a member is deleted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PersonDeletion {
    /// Delete also where a foreign registry cannot be told that a load is gone.
    #[serde(default)]
    without_registry: bool,
}

/// Deletes a member with everything that is kept about it, as the member itself can: profile, accounts at providers, memory,
/// loads, instances, keys, grants, visits. All or nothing. Loads at a foreign registry are unregistered there first. Only
/// credentials that allow everything the person may can do it.
#[utoipa::path(delete, path = "/v1/people/{id}", operation_id = "people.delete", tag = "people",
    params(("id" = String, Path, description = "The person's id"), PersonDeletion),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 502, body = Problem, description = "A foreign registry could not be told; nothing was deleted")))]
async fn delete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    deletion: Result<Query<PersonDeletion>, QueryRejection>,
) -> Result<StatusCode, Problem> {
    let Query(deletion) = deletion.map_err(|error| Problem::bad_request(error.body_text()))?;
    let person = door.identity.deletable(&principal, &id)?;
    erase(&door, &person, deletion.without_registry)
        .await
        // Somebody was faster: that says nothing about the caller's own credentials.
        .map_err(|problem| match problem.status == StatusCode::UNAUTHORIZED {
            true => Problem::not_found("person", person.as_str()),
            false => problem,
        })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets by which accounts at providers a person is known, ends its visits, and revokes what it allowed clients. Only
/// credentials that allow everything the person may can ask for it; of the owner's: who signs in next on this machine becomes
/// the owner, as at the first time.
#[utoipa::path(delete, path = "/v1/people/{id}/accounts", operation_id = "people.unlink", tag = "people",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
async fn unlink(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    door.identity.unlink_person(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
