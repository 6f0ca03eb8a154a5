//! How instances and roles are kept.

use serde_json::{Map, Value};

use super::{Instance, InstanceChange, RegistryError, Role, Status, Upload, check, words};
use crate::identity::{PersonId, Scopes};
use crate::store::{InstanceRow, InstanceUpdate, InstanceWords, RoleRow};

pub(super) fn instance(row: InstanceRow) -> Instance {
    Instance {
        id: row.id,
        person: row.person.map(PersonId::kept),
        name: row.name,
        description: row.description,
        email: row.email,
        tags: object(&row.tags),
        capabilities: row.capabilities.as_deref().map(object),
        status: match row.status.as_str() {
            "online" => Status::Online,
            "offline" => Status::Offline,
            _ => Status::Unregistered,
        },
        registered_at: row.registered_at,
        updated_at: row.updated_at,
        heard_at: row.heard_at,
        used_at: row.used_at,
        ceiling: row.ceiling.as_deref().map(Scopes::kept),
    }
}

/// A kept object; one that cannot be read is empty.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

fn text(object: &Map<String, Value>) -> String {
    // Its keys are text: it can be written.
    serde_json::to_string(object).unwrap_or_else(|_| "{}".to_owned())
}

/// What an upload that was checked says of itself.
pub(super) fn said(upload: &Upload) -> InstanceWords {
    InstanceWords {
        name: upload.name.clone(),
        description: upload.description.clone(),
        email: upload.email.clone(),
        tags: text(&upload.tags),
        words: words::of(&upload.name, &upload.tags),
    }
}

/// What a kept instance is found by.
pub(super) fn words(row: &InstanceRow) -> String {
    words::of(&row.name, &object(&row.tags))
}

/// What changes of an instance, as far as it was checked.
pub(super) fn update(change: InstanceChange) -> Result<InstanceUpdate, RegistryError> {
    Ok(InstanceUpdate {
        name: change.name,
        description: change.description,
        email: match change.email {
            Some(email) => Some(check::email(Some(email))?),
            None => None,
        },
        tags: change.tags.as_ref().map(text),
        capabilities: change.capabilities.as_ref().map(text),
    })
}

pub(super) fn kept_role(row: RoleRow) -> Role {
    Role {
        id: row.id,
        name: row.name,
        description: row.description,
        system_prompt: row.system_prompt,
        icon: row.icon,
        is_active: row.is_active,
        enable_l0_retrieval: row.enable_l0_retrieval,
        enable_l1_retrieval: row.enable_l1_retrieval,
    }
}

pub(super) fn role(role: &Role) -> RoleRow {
    RoleRow {
        id: role.id.clone(),
        name: role.name.clone(),
        description: role.description.clone(),
        system_prompt: role.system_prompt.clone(),
        icon: role.icon.clone(),
        is_active: role.is_active,
        enable_l0_retrieval: role.enable_l0_retrieval,
        enable_l1_retrieval: role.enable_l1_retrieval,
    }
}
