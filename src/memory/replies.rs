//! Answers that the model's server keeps: in which session of a memory they were given, by the names under which they are kept.

use super::interaction::{user_of, work};
use super::{Memory, MemoryError};
use crate::identity::Principal;
use crate::store::{Beside, Named};

impl Memory {
    /// In which session of a user's memory the answer was given that one of these hashed names means, the nearest one first;
    /// `None`: it is not known there.
    ///
    /// # Errors
    /// `Foreign`: one was given to somebody whose memory these credentials do not reach. `Invalid`; the store cannot be read.
    pub async fn session_of_reply(
        &self,
        by: &Principal,
        user: Option<&str>,
        names: &[String],
    ) -> Result<Option<String>, MemoryError> {
        let (user, person, store) = (user_of(by, user)?, by.person.clone(), self.store.clone());
        let (only, names) = (by.memory_of.clone(), names.to_vec());
        work(move || {
            let mut session = None;
            for name in &names {
                match store.reply(person.as_str(), &user, only.as_deref(), name)? {
                    Named::Here(found) => session = session.or(found),
                    Named::Elsewhere => return Err(MemoryError::Foreign),
                    Named::Nowhere => {}
                }
            }
            Ok(session)
        })
        .await?
    }

    /// Puts hashed names of an answer beside the first of these turns that is there; whether there is one.
    ///
    /// # Errors
    /// `Foreign`, `Invalid`; the store cannot be written.
    pub async fn name_reply(
        &self,
        by: &Principal,
        user: Option<&str>,
        names: Vec<String>,
        beside: Vec<Beside>,
    ) -> Result<bool, MemoryError> {
        let (user, person) = (user_of(by, user)?, by.person.to_string());
        Ok(self.store.name_reply(person, user, names, beside).await?)
    }
}
