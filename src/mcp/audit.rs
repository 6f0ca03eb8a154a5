//! A line in the audit log for every call of a tool, written before its answer is given: without its line, a session is not
//! given and a change is not confirmed.

use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult as _;
use rmcp::model::{CallToolResponse, JsonObject};

use super::failed::{self, Failed};
use super::{Caller, Rooms};
use crate::identity::holds_a_proof;
use crate::store::AuditRow;

/// Longest subject that is kept, characters.
const SUBJECT: usize = 100;

/// What a call is about, as its arguments say.
pub(super) fn subject(tool: &str, arguments: Option<&JsonObject>) -> Option<String> {
    // What is called a session in a memory is a text of people, which does not belong here.
    let about: &[&str] = match tool.ends_with("_memory") || tool.ends_with("_memories") {
        true => &["id"],
        false => &["session", "lease", "site", "load"],
    };
    let about = about
        .iter()
        .find_map(|name| arguments?.get(*name)?.as_str())?;
    // Somebody may have put a key where a name belongs.
    Some(match holds_a_proof(about) {
        true => "(blotted out)".to_owned(),
        false => about.chars().take(SUBJECT).collect(),
    })
}

/// Writes down how a call ended, and gives its answer on, or the failure in its place.
pub(super) async fn written(
    rooms: &Rooms,
    caller: &Caller,
    tool: &str,
    subject: Option<String>,
    looks: bool,
    answer: Result<CallToolResponse, ErrorData>,
) -> Result<CallToolResponse, ErrorData> {
    let class = match &answer {
        Ok(CallToolResponse::Complete(result)) if result.is_error != Some(true) => None,
        Ok(CallToolResponse::Complete(result)) => Some(failed::class_of(result)),
        Ok(_) => None,
        Err(_) => Some("refused".to_owned()),
    };
    let row = AuditRow {
        id: 0,
        at: (rooms.clock)(),
        principal: caller.principal.who.to_string(),
        person: Some(caller.principal.person.to_string()),
        peer: caller.from.clone(),
        action: format!("tools.{tool}"),
        subject,
        result: class.as_deref().map_or(200, status),
        detail: class,
        looks,
    };
    match rooms.store.audit(row).await {
        Ok(()) => answer,
        Err(error) => {
            tracing::error!("the audit log cannot be written: {error}");
            let message = "the audit log cannot be written, and without its line nothing is given";
            let failed = Failed::new("no_audit", message);
            failed
                .or("a person has to look at Jarkeeper's log")
                .into_call_tool_result()
        }
    }
}

/// The HTTP status that the same failure has at the API, as near as a class tells.
fn status(class: &str) -> u16 {
    match class {
        "invalid_arguments" => 400,
        "insufficient_scope" | "refused" => 403,
        "too_many_requests" => 429,
        "storage" => 503,
        unknown if unknown.starts_with("unknown_") => 404,
        _ => 409,
    }
}
