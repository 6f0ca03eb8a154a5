//! The condition of a session, as `status --json` and the API have it, and how fresh it is.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Freshness, Renewer, View, freshness, view};
use crate::ids::{Combination, SessionKey, SessionName};
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
    /// Until when the account is leased, see `/v1/leases`; absent: it is not. A lease keeps nobody from reading it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leased_until: Option<DateTime<Utc>>,
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
            leased_until: None,
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
            leased_until: None,
            file: self.files.combination_path(combination),
            parts: keys.iter().map(ToString::to_string).collect(),
            refused: self.collision(combination),
        }))
    }

    /// How fresh a session is; of a combination, how fresh the least fresh of its parts is.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn freshness(&self, name: &SessionName) -> Result<Freshness, FilesError> {
        match name {
            SessionName::One(key) => self.freshness_of(key),
            SessionName::Joined(combination) => {
                let parts = self.parts(combination);
                let all = parts.iter().map(|key| self.freshness_of(key));
                let all: Vec<_> = all.collect::<Result<_, _>>()?;
                Ok(least(&all))
            }
        }
    }

    fn freshness_of(&self, key: &SessionKey) -> Result<Freshness, FilesError> {
        let kept = self.known(key)?;
        let now = (self.clock)();
        let fresh = self.with_plan(key, &kept, |plan| freshness(now, &kept.record, plan));
        Ok(fresh.unwrap_or_default())
    }

    /// Whether there is a session that was proven alive at most `max_age` before `asked`, and is not known to be dead.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn is_fresh(
        &self,
        key: &SessionKey,
        max_age: TimeDelta,
        asked: DateTime<Utc>,
    ) -> Result<bool, FilesError> {
        if self.known(key)?.record.clock_went_back(asked) {
            return Ok(false);
        }
        let fresh = self.freshness_of(key)?;
        let young = fresh
            .proven_at
            .is_some_and(|at| asked.signed_duration_since(at) <= max_age);
        Ok(young && fresh.alive != Some(false) && self.stamped(key).is_some())
    }
}

/// The least fresh in every respect.
fn least(all: &[Freshness]) -> Freshness {
    let earliest = |of: fn(&Freshness) -> Option<DateTime<Utc>>| {
        let times: Option<Vec<_>> = all.iter().map(of).collect();
        times?.into_iter().min()
    };
    let alive = match all {
        all if all.iter().any(|one| one.alive == Some(false)) => Some(false),
        all if all.iter().all(|one| one.alive == Some(true)) => Some(true),
        _ => None,
    };
    Freshness {
        alive,
        proven_at: earliest(|one| one.proven_at),
        captured_at: earliest(|one| one.captured_at),
        expires_at: all.iter().filter_map(|one| one.expires_at).min(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_combination_is_as_fresh_as_the_least_fresh_of_its_parts() {
        let at = |second| DateTime::from_timestamp(second, 0);
        let part = |alive, proven, end| Freshness {
            alive,
            proven_at: at(proven),
            captured_at: at(1),
            expires_at: at(end),
        };
        let (young, old) = (part(Some(true), 20, 90), part(Some(true), 10, 50));
        let joined = least(&[young, old]);
        assert_eq!((joined.alive, joined.proven_at), (Some(true), at(10)));
        assert_eq!(joined.expires_at, at(50));
        let missing = Freshness::default();
        assert_eq!(least(&[young, missing]).proven_at, None);
        assert_eq!(least(&[young, missing]).alive, None);
        let dead = part(Some(false), 30, 90);
        assert_eq!(least(&[dead, missing]).alive, Some(false));
    }
}
