//! Combinations: one file with the sessions of several sites, joined from a session of each.

use super::Renewer;
use crate::ids::{Combination, SessionKey, SiteName};
use crate::session::{FilesError, join};

impl Renewer {
    /// The sessions that a combination is joined from.
    pub fn parts(&self, combination: &Combination) -> Vec<SessionKey> {
        let settings = self.settings();
        let part = |site: &SiteName| {
            let own = settings
                .recipes
                .get(site)
                .is_some_and(|recipe| recipe.own_sessions);
            SessionKey {
                within: own.then(|| combination.clone()),
                ..SessionKey::of(site.clone())
            }
        };
        combination.sites().iter().map(part).collect()
    }

    /// Why a combination cannot be made, where two of its sites set the same cookie.
    pub fn collision(&self, combination: &Combination) -> Option<String> {
        self.collisions
            .lock()
            .ok()
            .and_then(|known| known.get(combination).cloned())
    }

    /// Writes the combinations that this session is part of, where all their parts are there.
    pub(super) fn combine(&self, key: &SessionKey) {
        let settings = self.settings();
        for combination in settings.recipes.combinations() {
            let parts = self.parts(&combination);
            if !parts.contains(key) {
                continue;
            }
            if let Err(error) = self.join_into(&combination, &parts) {
                tracing::error!(combination = %combination, "a combination could not be written: {error}");
            }
        }
    }

    fn join_into(&self, combination: &Combination, parts: &[SessionKey]) -> Result<(), FilesError> {
        let mut states = Vec::new();
        for part in parts {
            // A part that is still to come will bring the combination with it.
            let Some(state) = self.files.load(part)? else {
                return Ok(());
            };
            states.push((part.site.clone(), state));
        }
        let borrowed: Vec<_> = states
            .iter()
            .map(|(site, state)| (site.clone(), state))
            .collect();
        let joined = join(&borrowed);
        let mut known = self
            .collisions
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match joined {
            Ok(state) => {
                known.remove(combination);
                drop(known);
                self.files.write_combination(combination, &state)
            }
            Err(collision) => {
                let told = collision.to_string();
                if known.insert(combination.clone(), told.clone()).as_ref() != Some(&told) {
                    tracing::error!(combination = %combination, "this combination is refused: {told}");
                }
                drop(known);
                self.files.remove_combination(combination)
            }
        }
    }
}
