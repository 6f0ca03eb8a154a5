//! Which question it is, and in which session.

use chrono::Local;
use tokio::time::timeout;

use super::keeping::{asked, once, short};
use super::reading::Plan;
use super::turns::{Key, Turn, hex};
use super::{PATIENCE, Proxy, ProxyError};
use crate::identity::Principal;
use crate::ids;
use crate::memory::MemoryError;

/// Whose it is, and what of it its caller names.
pub(super) struct Names {
    pub(super) user: Option<String>,
    pub(super) app: Option<String>,
    pub(super) session: Option<String>,
}

impl Names {
    /// # Errors
    /// One is no name.
    pub(super) fn check(&self) -> Result<(), ProxyError> {
        let names = [
            ("Jarkeeper-App", &self.app),
            ("Jarkeeper-Session", &self.session),
            ("user", &self.user),
        ];
        for (what, name) in names {
            let checked = name
                .as_deref()
                .map_or(Ok(()), |name| crate::memory::check_name(what, name));
            checked.map_err(ProxyError::Invalid)?;
        }
        Ok(())
    }
}

impl Proxy {
    /// The session of what a request goes on from, where that is known.
    ///
    /// # Errors
    /// `NotYours`; `Memory`: whose memory is meant is no name.
    pub(super) async fn session_of(
        &self,
        by: &Principal,
        user: Option<&str>,
        behind: &[String],
    ) -> Result<Option<String>, ProxyError> {
        if behind.is_empty() {
            return Ok(None);
        }
        let found = timeout(PATIENCE, self.memory.session_of_reply(by, user, behind)).await;
        match found {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(MemoryError::Foreign)) => Err(ProxyError::NotYours),
            Ok(Err(error @ MemoryError::Invalid(_))) => Err(error.into()),
            Ok(Err(error)) => {
                tracing::warn!("the session of an answer is not found: {error}");
                Ok(None)
            }
            Err(_) => Ok(None),
        }
    }

    /// Which question this is, and in which session; `known`: that of what it goes on from, `behind`: the name of that.
    pub(super) async fn turn(
        &self,
        by: &Principal,
        plan: &Plan,
        names: &Names,
        known: Option<String>,
        behind: Option<&String>,
    ) -> (Key, Turn) {
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        let (own, app, named) = (word(&names.user), word(&names.app), word(&names.session));
        let key = plan.question.clone();
        let key = key.key([by.person.as_str(), &own, &app, &named]);
        if let Some(turn) = self.turns.find(&key, plan.continued) {
            return (key, turn);
        }
        // Kept before this process began, or longer ago than it remembers.
        let mut kept_in = known;
        if plan.continued && names.session.is_none() && kept_in.is_none() {
            let behind = asked(plan.question.clone());
            kept_in = self.session_behind(by, &names.user, behind).await;
        }
        if plan.answered && names.session.is_none() && kept_in.is_none() {
            let behind = once(plan.history.clone());
            kept_in = self.session_behind(by, &names.user, behind).await;
        }
        let random = || ids::random().unwrap_or_else(|_| hex(&key[..10]));
        let session = names.session.clone().or(kept_in).unwrap_or_else(|| {
            // What goes on from the same is in the same session, also where it began elsewhere.
            let begun = behind.and_then(|name| name.get(..20)).map(str::to_owned);
            format!("chat-{}", begun.unwrap_or_else(random))
        });
        // Behind the same answers in the same session it is the same question, however often it comes.
        let id = match plan.answered {
            true => short(&session),
            false => random(),
        };
        let now = (self.clock)().with_timezone(&Local).fixed_offset();
        let turn = Turn::new(id, session, by.person.to_string(), now);
        (key, self.turns.begin(key, turn))
    }

    /// In which session it was kept that has an idempotency key that begins like this.
    async fn session_behind(
        &self,
        by: &Principal,
        user: &Option<String>,
        once: String,
    ) -> Option<String> {
        let found = self.memory.session_behind(by, user.as_deref(), once);
        let found = timeout(PATIENCE, found).await;
        found.ok().and_then(Result::ok).flatten()
    }
}
