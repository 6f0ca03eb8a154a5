//! The condition of a session, as `status --json` and the API have it.

use std::path::PathBuf;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Renewer, View, view};
use crate::ids::{Combination, SessionKey};
use crate::session::FilesError;

/// The condition of one session, or of a combination.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Condition {
    /// `SITE`, `SITE:ACCOUNT`, either with `@A.B` where it belongs to that combination alone, or a combination, `A.B`.
    #[schema(example = "wiki:bob")]
    pub key: String,
    /// The site; `None`: a combination.
    pub site: Option<String>,
    /// The account; `None`: the first of the site, or a combination.
    pub account: Option<String>,
    /// How it is. Of a combination: as its parts are, the worst of each.
    #[serde(flatten)]
    pub view: View,
    /// Whether a login waits for a code or a link that the site has sent.
    pub waits_for_code: bool,
    /// Where its state is kept on the daemon's machine.
    #[schema(value_type = String)]
    pub file: PathBuf,
    /// The sessions that a combination is joined from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// Why a combination cannot be joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Renewer {
    /// The condition of a session; `None` where there is no such session.
    ///
    /// # Errors
    /// Its record cannot be read.
    pub fn condition(&self, key: &SessionKey) -> Result<Option<Condition>, FilesError> {
        let kept = self.known(key)?;
        let now = (self.clock)();
        let view = self.with_plan(key, &kept, |plan| view(now, &kept.record, plan));
        Ok(view.map(|view| Condition {
            key: key.to_string(),
            site: Some(key.site.to_string()),
            account: key.account.as_ref().map(ToString::to_string),
            view,
            waits_for_code: self
                .files
                .waits_for_code(key)
                .is_ok_and(|way| way.is_some()),
            file: self.state_path(key),
            parts: Vec::new(),
            refused: None,
        }))
    }

    /// The condition of a combination; `None` where one of its sites has no recipe.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn condition_of_all(
        &self,
        combination: &Combination,
    ) -> Result<Option<Condition>, FilesError> {
        let keys = self.parts(combination);
        let parts = keys.iter().map(|key| self.condition(key));
        let Some(parts) = parts.collect::<Result<Option<Vec<_>>, _>>()? else {
            return Ok(None);
        };
        let fresh = self.freshness(&combination.clone().into())?;
        let renewals = parts.iter().filter_map(|part| part.view.next_renewal_at);
        Ok(Some(Condition {
            key: combination.to_string(),
            site: None,
            account: None,
            view: View {
                alive: fresh.alive,
                proven_at: fresh.proven_at,
                captured_at: fresh.captured_at,
                expires_at: fresh.expires_at,
                next_renewal_at: renewals.min(),
                last_result: None,
                last_error: parts.iter().find_map(|part| part.view.last_error.clone()),
                hold: parts.iter().find_map(|part| part.view.hold.clone()),
            },
            waits_for_code: parts.iter().any(|part| part.waits_for_code),
            file: self.files.combination_path(combination),
            parts: keys.iter().map(ToString::to_string).collect(),
            refused: self.collision(combination),
        }))
    }
}
