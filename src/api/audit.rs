//! The audit log: a line for every operation that is guarded or changes something, written before the answer is given.
//!
//! What gives a session's cookies, and whatever changes something, gives nothing where its line cannot be written. A change of
//! keys, people, clients, tokens, visits and the like also has a line before it begins (`result` 0): without it, it does not begin. Operations
//! that only list (their names end in `.list`) are answered all the same; the failure is in the daemon's log.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::guard::Desk;
use super::{Door, Peer, Problem, guarded};
use crate::identity::{Principal, Scope, Who};
use crate::store::{AuditRow, AuditSearch};

/// Longest subject that is kept, bytes.
const SUBJECT: usize = 200;
/// Most lines of one answer.
const PAGE: u32 = 1000;

/// Open operations that are asked with GET and do something nevertheless.
const DOINGS: [&str; 2] = ["signin.callback", CONNECT];
/// A doing that gives nothing that outlasts it: it has one line, at its end.
const CONNECT: &str = "instances.connect";
/// Operations that only look, although their method does not say so.
const ASKING: [&str; 3] = ["memory.adk.search", "memory.context", "memory.search"];
/// Operations that look, and give what opens a session: their lines stay as long as those of changes.
const GIVING: [&str; 2] = ["sessions.state.get", "sessions.artefacts.get"];
/// What the names of operations begin with that change who may do what.
const CREDENTIALS: [&str; 10] = [
    "instances.claim",
    "instances.rotate",
    "instances.unregister",
    "keys.",
    "loads.delete",
    "people.",
    "profile.delete",
    "registrations.",
    "tickets.",
    "webhooks.",
];

/// What becomes of an operation whose line cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// It has no line: it is open, and only answers questions.
    None,
    /// It is answered all the same.
    Lists,
    /// Its answer is not given.
    Closed,
    /// It does not begin.
    Credentials,
}

impl Care {
    /// Of an operation; `scope`: `None` for an open one.
    pub(super) fn of(method: &Method, operation: &str, scope: Option<Scope>) -> Self {
        let of_credentials = |name: &&str| operation.starts_with(*name);
        match scope {
            None if method.is_safe() && !DOINGS.contains(&operation) => Self::None,
            None if operation == CONNECT => Self::Closed,
            // Registrations, consents, tokens, tickets, sign-ins: whatever is open and does something gives or takes rights.
            None => Self::Credentials,
            Some(Scope::Admin) if !method.is_safe() => Self::Credentials,
            Some(_) if !method.is_safe() && CREDENTIALS.iter().any(of_credentials) => {
                Self::Credentials
            }
            Some(_) if method.is_safe() && operation.ends_with(".list") => Self::Lists,
            _ => Self::Closed,
        }
    }
}

/// What a handler adds to the line of its operation, as an extension of its response: who it turned out to be, and what for.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// The person, where no principal says it.
    pub(super) person: Option<String>,
    /// What it was about, where no path says it.
    pub(super) subject: Option<String>,
    /// What else a reader needs. No secret.
    pub(super) detail: Option<String>,
}

impl Told {
    /// About a person.
    pub(super) fn of(person: impl ToString) -> Self {
        Self {
            person: Some(person.to_string()),
            ..Self::default()
        }
    }

    /// Puts it beside an answer.
    pub(super) fn on(self, mut answer: Response) -> Response {
        answer.extensions_mut().insert(self);
        answer
    }
}

/// One operation of one caller, as it will stand in the log.
pub(super) struct Line {
    desk: Arc<Desk>,
    row: AuditRow,
    care: Care,
}

impl Line {
    pub(super) fn new(
        desk: Arc<Desk>,
        care: Care,
        operation: &str,
        method: &Method,
        peer: Option<&Peer>,
        principal: Option<&Principal>,
        subject: Option<&str>,
    ) -> Self {
        let row = AuditRow {
            id: 0,
            at: (desk.door.clock)(),
            principal: principal.map_or_else(|| "anonymous".to_owned(), |p| p.who.to_string()),
            person: principal.map(|p| p.person.to_string()),
            peer: super::guard::from(peer),
            action: operation.to_owned(),
            subject: subject.map(shown),
            result: 0,
            detail: None,
            looks: only_looks(method, operation),
        };
        Self { desk, row, care }
    }

    /// Who it was, where no principal says it.
    pub(super) fn by(&mut self, who: &crate::identity::Who, person: Option<String>) {
        self.row.principal = who.to_string();
        self.row.person = person;
    }

    /// Writes the line that stands before the operation, where it needs one.
    pub(super) async fn begin(&self) -> Result<(), Problem> {
        match self.care {
            Care::Credentials => self.write(self.row.clone()).await,
            Care::None | Care::Lists | Care::Closed => Ok(()),
        }
    }

    /// Writes how it ended, and gives the answer on, or the problem in its place.
    pub(super) async fn end(mut self, mut answer: Response) -> Response {
        if self.care == Care::None {
            return answer;
        }
        self.row.result = answer.status().as_u16();
        if let Some(who) = answer.extensions().get::<Who>() {
            self.row.principal = who.to_string();
        }
        if self.row.action == CONNECT && self.row.result != 101 {
            if !matches!(self.row.result, 401 | 403) {
                // No password was looked at, or nothing came of it for want of room.
                return answer;
            }
            // Whoever guesses must not push out the traces of changes.
            self.row.looks = true;
        }
        if let Some(told) = answer.extensions_mut().remove::<Told>() {
            self.row.person = told.person.or(self.row.person);
            self.row.subject = told.subject.as_deref().map(shown).or(self.row.subject);
            self.row.detail = told.detail;
        }
        let written = self.write(self.row.clone()).await;
        match (written, self.care) {
            (Ok(()), _) | (Err(_), Care::None | Care::Lists) => answer,
            (Err(problem), Care::Closed | Care::Credentials) => {
                axum::response::IntoResponse::into_response(problem)
            }
        }
    }

    async fn write(&self, row: AuditRow) -> Result<(), Problem> {
        self.desk.door.store.audit(row).await.map_err(|error| {
            tracing::error!("the audit log cannot be written: {error}");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let detail = "the audit log cannot be written, and without its line this is not done; the daemon's log says why";
            Problem::new(status, "no-audit", "Not recorded", detail).retry_after(5)
        })
    }
}

/// Whether a line may go before those of changes. Who reads much must not push out the traces of who took a session.
fn only_looks(method: &Method, operation: &str) -> bool {
    ASKING.contains(&operation)
        || method.is_safe() && !DOINGS.contains(&operation) && !GIVING.contains(&operation)
}

/// A subject as it is kept. Somebody may have put a key where a name belongs.
fn shown(subject: &str) -> String {
    let mut end = subject.len().min(SUBJECT);
    while !subject.is_char_boundary(end) {
        end -= 1;
    }
    let subject = &subject[..end];
    match crate::identity::holds_a_proof(subject) {
        true => "(blotted out)".to_owned(),
        false => subject.to_owned(),
    }
}

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::Admin, routes!(list)))
}

/// Which lines are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only lines older than this number: `next` of the page before.
    before: Option<i64>,
    /// Most lines; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only what this principal did.
    principal: Option<String>,
    /// Only what was done to this.
    subject: Option<String>,
}

/// Lines of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditPage {
    /// The lines, newest first.
    lines: Vec<AuditLine>,
    /// What to give as `before` for the lines behind these; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// What was done, by whom, and how it ended.
#[derive(Serialize, ToSchema)]
struct AuditLine {
    /// Its number; they only grow.
    id: i64,
    /// When.
    at: DateTime<Utc>,
    /// Who: `key:ID`, `token:ID`, `instance:ID`, `local:UID` or `anonymous`.
    principal: String,
    /// Whose principal it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// From where: an IP address, or `socket`.
    peer: String,
    /// The operation, as the OpenAPI document names it.
    action: String,
    /// What it was done to: a session, a key's id, …
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The HTTP status of the answer; 0: this is the line from before a change of credentials, and the outcome is another line.
    result: u16,
    /// What else there is to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<AuditRow> for AuditLine {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            principal: row.principal,
            person: row.person,
            peer: row.peer,
            action: row.action,
            subject: row.subject,
            result: row.result,
            detail: row.detail,
        }
    }
}

/// Reads the audit log, newest first.
///
/// It cannot be changed here. Kept are the last million lines of operations that only looked; those that changed something are
/// kept for 400 days, ten million at most.
#[utoipa::path(get, path = "/v1/audit", operation_id = "audit.list", tag = "audit", params(Wanted),
    responses((status = 200, body = AuditPage)))]
async fn list(
    State(door): State<Door>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<AuditPage>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=PAGE).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is 1 to {PAGE}")));
    }
    let rows = door.store.audited(&AuditSearch {
        before: wanted.before,
        principal: wanted.principal,
        subject: wanted.subject,
        limit,
    })?;
    let more = u32::try_from(rows.len()).is_ok_and(|found| found == limit);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    let lines = rows.into_iter().map(AuditLine::from).collect();
    Ok(Json(AuditPage { lines, next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_or_changes_rights_has_a_line_before_it_begins() {
        for operation in [
            "oauth.register",
            "oauth.decide",
            "oauth.device_decide",
            "oauth.token",
            "tickets.redeem",
        ] {
            assert_eq!(
                Care::of(&Method::POST, operation, None),
                Care::Credentials,
                "{operation}"
            );
        }
        let of = |operation| Care::of(&Method::GET, operation, None);
        assert_eq!(of("signin.callback"), Care::Credentials);
        assert_eq!(of("signin.show"), Care::None);
        assert_eq!(of("instances.connect"), Care::Closed);
        let scope = Some(Scope::RegistryWrite);
        for operation in [
            "instances.rotate",
            "instances.unregister",
            "loads.delete",
            "registrations.create",
            "registrations.delete",
        ] {
            assert_eq!(
                Care::of(&Method::POST, operation, scope),
                Care::Credentials,
                "{operation}"
            );
        }
    }

    #[test]
    fn lines_of_who_took_a_session_stay_as_long_as_those_of_changes() {
        let looks = |operation| only_looks(&Method::GET, operation);
        assert!(looks("sessions.list") && looks("sessions.artefacts.list"));
        assert!(!looks("sessions.state.get") && !looks("sessions.artefacts.get"));
        assert!(!only_looks(&Method::POST, "sessions.renew"));
    }
}
