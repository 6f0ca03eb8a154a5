//! Taking a load out of its registry, and deleting it.

use super::client::{Broken, Landed};
use super::{Load, LoadError, Loads};
use crate::identity::PersonId;
use crate::registry::Registrant;
use crate::store::LoadRow;

/// Whether a registry knows that a load is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was told.
    Yes,
    /// It was not told, because the caller wanted it so: there the instance stays.
    No,
    /// There was nothing to tell.
    Nothing,
}

impl Loads {
    /// Unregisters a load. Its id and its password stay with it, and to register it again brings the id back. Repeatable.
    ///
    /// # Errors
    /// `Unknown`; `NotTold` where the registry cannot be told, and the load is as it was.
    pub async fn unregister(&self, person: &PersonId, id: &str) -> Result<Load, LoadError> {
        let (loads, person, id) = (self.clone(), person.clone(), id.to_owned());
        let work = async move {
            let _turn = loads.turn(&id).await;
            let row = loads.row(&person, &id)?;
            loads.tell(&person, &row).await?;
            loads.show(&person, &id)
        };
        self.to_the_end(work).await
    }

    /// Deletes a load with all that it holds; it is unregistered first. `without_registry`: a foreign registry is not told.
    ///
    /// # Errors
    /// `Unknown`; `NotTold` where the registry cannot be told, and nothing was changed.
    pub async fn delete(
        &self,
        person: &PersonId,
        id: &str,
        without_registry: bool,
    ) -> Result<Told, LoadError> {
        let (loads, person, id) = (self.clone(), person.clone(), id.to_owned());
        let work = async move {
            let _turn = loads.turn(&id).await;
            let row = loads.row(&person, &id)?;
            let told = match without_registry && loads.is_foreign(&row).await {
                true => Told::No,
                false => loads.tell(&person, &row).await?,
            };
            let gone = loads.0.store.delete_load(person.to_string(), id.clone());
            match gone.await? {
                true => {
                    loads.forget(&id);
                    Ok(told)
                }
                false => Err(LoadError::Unknown(id)),
            }
        };
        self.to_the_end(work).await
    }

    /// Tells the foreign registries of a person's loads that these are not registered any more. Repeatable.
    ///
    /// # Errors
    /// `NotTold` where one cannot be told; that load and those behind it are as they were.
    pub async fn leave_registries(&self, person: &PersonId) -> Result<(), LoadError> {
        let (loads, person) = (self.clone(), person.clone());
        let work = async move {
            for row in loads.0.store.loads(person.as_str())? {
                let _turn = loads.turn(&row.id).await;
                // It may have changed or gone while others had their turn.
                let row = match loads.row(&person, &row.id) {
                    Ok(row) => row,
                    Err(LoadError::Unknown(_)) => continue,
                    Err(error) => return Err(error),
                };
                if loads.is_foreign(&row).await {
                    loads.tell(&person, &row).await?;
                }
            }
            Ok(())
        };
        self.to_the_end(work).await
    }

    /// Whether a foreign registry has, or may have, an instance of this load.
    async fn is_foreign(&self, row: &LoadRow) -> bool {
        let registered = row.registered_at.is_some()
            && row
                .registry
                .as_deref()
                .is_some_and(|registry| !registry.is_empty());
        // What does not open was sealed, so it goes to a foreign one.
        let pending = match self.pending(row).await {
            Ok(pending) => pending.is_some_and(|retry| !retry.registry.is_empty()),
            Err(_) => true,
        };
        registered || pending
    }

    /// Tells the registry of a load that it is not registered any more.
    async fn tell(&self, person: &PersonId, row: &LoadRow) -> Result<Told, LoadError> {
        let mut row = row.clone();
        if row.registered_at.is_none()
            && let Some(retry) = self.pending(&row).await.map_err(sealed)?
        {
            // Perhaps there is an instance of which only the registry knows. To ask again gives its password. That there is none
            // only the registry itself can say, and not whoever turns this try away.
            let by = Registrant::nothing_of(person);
            let client = self.client(&retry.registry, &by).map_err(not_told)?;
            match client.register(&retry.upload, &retry.key).await {
                Ok(given) => {
                    self.keep(person, &client, &row, retry.registry, given, retry.upload)
                        .await?;
                    row = self.row(person, &row.id)?;
                }
                Err(broken) if broken.landed == Landed::Refused => {}
                Err(broken) => return Err(not_told(broken)),
            }
        }
        let told = match (&row.registry, &row.instance, row.registered_at) {
            (Some(registry), Some(instance), Some(_)) => {
                let by = Registrant::nothing_of(person);
                let client = self.client(registry, &by).map_err(not_told)?;
                let password = self.password(&row).await.map_err(sealed)?;
                let told = client.unregister(instance, password.as_ref()).await;
                told.map_err(not_told)?;
                Told::Yes
            }
            _ => Told::Nothing,
        };
        self.0.store.load_unregistered(row.id.clone()).await?;
        self.forget(&row.id);
        self.look_again();
        Ok(told)
    }
}

fn not_told(broken: Broken) -> LoadError {
    LoadError::NotTold(broken.why)
}

fn sealed(error: LoadError) -> LoadError {
    match error {
        LoadError::Seal(why) => not_told(Broken::of(super::Reason::NoSeal, why)),
        other => other,
    }
}
