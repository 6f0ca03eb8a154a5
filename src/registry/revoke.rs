//! Passwords that others may know.

use super::{Farewell, Registered, Registrant, Registry, RegistryError, ceiling, rows};

impl Registry {
    /// Gives a person's instance another password, which is the only good one from now on: the one before opens nothing any
    /// more, its tokens end and new ones may no more than who asks, and what was connected by it is closed. One that is not registered is registered again.
    ///
    /// # Errors
    /// `Busy`; `Unknown`, also for another person's.
    pub async fn revoke(&self, id: &str, by: &Registrant) -> Result<Registered, RegistryError> {
        let unknown = || RegistryError::Unknown(id.to_owned());
        // Before anything is spent on it; the statement that changes it looks once more.
        let found = self.instance(id)?.ok_or_else(unknown)?;
        if found.person.as_ref() != Some(&by.person) {
            return Err(unknown());
        }
        let store = &self.0.store;
        let secret = store.instance_secret(id)?.ok_or_else(unknown)?;
        let (password, hash) = self.another(secret.salt, &secret.cost).await?;
        let now = (self.0.clock)();
        let person = (by.person.to_string(), ceiling(by));
        let revoked = store.revoke_instance(id.to_owned(), person, hash.to_vec(), now);
        let row = revoked.await?.ok_or_else(unknown)?;
        // In this order: who comes with the old one in between looks once more, or is closed.
        self.forget(id);
        self.pardon(id);
        self.presence().dismiss_proven(id, Farewell::Rotated);
        Ok(Registered {
            instance: rows::instance(row),
            password,
        })
    }
}
