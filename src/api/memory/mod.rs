//! `/v1/memory`: what was said, and what of it answers a question.

mod adk;
mod care;
mod export;
mod interactions;
mod mending;
pub(super) mod search;
mod status;
pub(super) mod words;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::Door;
use crate::memory::Role;

/// Most rows of one page.
const PAGE: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .merge(interactions::routes())
        .merge(mending::routes())
        .merge(care::routes())
        .merge(export::routes())
        .merge(adk::routes())
        .merge(search::routes())
        .merge(status::routes())
}

/// Who speaks, as a kind.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RoleWord {
    User,
    Assistant,
    System,
    Tool,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::User => Self::User,
            RoleWord::Assistant => Self::Assistant,
            RoleWord::System => Self::System,
            RoleWord::Tool => Self::Tool,
        }
    }
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Assistant => Self::Assistant,
            Role::System => Self::System,
            Role::Tool => Self::Tool,
        }
    }
}
