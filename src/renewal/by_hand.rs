//! What a person does to a session by hand: brings one, looks, holds, releases, deletes.

use super::news::News;
use super::work::{Work, tag};
use super::{Cause, Event, Outcome, Renewer, forget, hold, line, release};
use crate::failure::{Failure, FailureClass};
use crate::ids::SessionKey;
use crate::login::Liveness;
use crate::session::StorageState;
use crate::session::expiry::ends_at;
use crate::vault;

impl Renewer {
    /// The same for a person, who is told where it does not come free.
    pub(super) async fn by_hand<'w>(&'w self, key: &'w SessionKey) -> Result<Work<'w>, Failure> {
        let work = self.open(key, Cause::Command).await?;
        work.ok_or_else(|| {
            let message = format!("another process is at {key} and did not finish in time");
            Failure::new(FailureClass::Timeout, message)
        })
    }

    /// Takes a session that a person brings, after it has been seen to be logged in.
    ///
    /// # Errors
    /// The session is not alive, or cannot be written. The present one stays.
    pub async fn import(&self, key: &SessionKey, state: StorageState) -> Result<(), Failure> {
        let mut work = self.by_hand(key).await?;
        work.settle().await?;
        let mut kept = self.kept(key)?;
        let state = match work.look(&kept.learned, &state).await? {
            Liveness::In(renewed) => renewed.unwrap_or(state),
            Liveness::Out(seen) => {
                let message =
                    format!("the imported session is not logged in: {seen}; nothing was changed");
                return Err(Failure::new(FailureClass::NotProven, message));
            }
            Liveness::Unknown(failure) => return Err(failure),
        };
        work.write(&state)?;
        let expires_at = ends_at(&state, work.matter(&kept));
        work.note(
            &mut kept,
            Outcome::Renewed {
                expires_at,
                login: false,
            },
            None,
        )?;
        self.tell(News::Imported(key.clone()));
        Ok(())
    }

    /// Looks whether a session is alive, keeping the cookies that the site renewed.
    ///
    /// # Errors
    /// The site does not tell, or there is no such session.
    pub async fn check(&self, key: &SessionKey) -> Result<Result<(), String>, Failure> {
        let mut work = self.by_hand(key).await?;
        work.settle().await?;
        let mut kept = self.kept(key)?;
        let Some(state) = work.files.load(key)? else {
            return Ok(Err(format!(
                "there is no session yet; `jarkeeper login {key}` makes one"
            )));
        };
        match work.look(&kept.learned, &state).await? {
            Liveness::In(renewed) => {
                if let Some(renewed) = &renewed {
                    work.write(renewed)?;
                }
                let expires_at = ends_at(renewed.as_ref().unwrap_or(&state), work.matter(&kept));
                work.note(&mut kept, Outcome::Alive { expires_at }, None)?;
                Ok(Ok(()))
            }
            Liveness::Out(seen) => {
                work.note(&mut kept, Outcome::Dead, None)?;
                Ok(Err(seen))
            }
            Liveness::Unknown(failure) => Err(failure),
        }
    }

    /// Leaves a session alone until it is released.
    ///
    /// # Errors
    /// Another process is at the session, or the record cannot be written.
    pub async fn hold(&self, key: &SessionKey, why: &str) -> Result<(), Failure> {
        let work = self.by_hand(key).await?;
        let mut kept = self.kept(key)?;
        kept.record = hold((self.clock)(), kept.record, why);
        self.files.write_record(&work.lease, key, &kept)?;
        self.tell(News::Held(key.clone()));
        Ok(())
    }

    /// Lets a held session go on: a refused password may be submitted once more.
    ///
    /// # Errors
    /// Another process is at the session, or the record cannot be written.
    pub async fn release(&self, key: &SessionKey) -> Result<(), Failure> {
        let work = self.by_hand(key).await?;
        let credentials = vault::credentials(&work.account, self.reach(&work.settings)).await;
        let credentials = credentials.ok();
        let tag = credentials.map(|credentials| tag(key, &credentials));
        let now = (self.clock)();
        self.files
            .append_ledger(&work.lease, &line(now, tag, Event::Released))?;
        let mut kept = self.kept(key)?;
        kept.record = release(now, kept.record);
        self.files.write_record(&work.lease, key, &kept)?;
        self.tell(News::Released(key.clone()));
        Ok(())
    }

    /// Deletes a session: its state, the generation before, the files of the combinations that it went into, and what is
    /// known of its life. The site's own logout is not called. The schedule makes the session again, unless it is held.
    ///
    /// # Errors
    /// Another process is at the session, or something cannot be removed.
    pub async fn forget(&self, key: &SessionKey) -> Result<(), Failure> {
        let work = self.by_hand(key).await?;
        self.files.forget_state(&work.lease, key)?;
        self.shelf.clear();
        let mut kept = self.kept(key)?;
        kept.record = forget((self.clock)(), kept.record);
        self.files.write_record(&work.lease, key, &kept)?;
        // A combination of the site that has a session of its own there lost its file too.
        for combination in self.settings().recipes.combinations() {
            let parts = self.parts(&combination);
            let other = parts
                .iter()
                .find(|part| part.site == key.site && *part != key);
            other.inspect(|part| self.combine(part));
        }
        self.tell(News::Deleted(key.clone()));
        Ok(())
    }
}
