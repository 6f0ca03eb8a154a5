//! `register_upload`: a load gets an id and a password at a registry.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::answer::Given;
use super::client::{Broken, Client, Landed};
use super::retry::Retry;
use super::{
    Load, LoadError, Loads, NewLoad, NotRegistered, Reason, WITHOUT_REGISTRY, fresh_id, load, tags,
};
use crate::identity::PersonId;
use crate::registry::{Registrant, Status, Upload};
use crate::store::{GivenRow, LoadRow};

/// What shall be registered. What is left out is that of the load.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wish {
    /// The load; `None`: the current one.
    pub load: Option<String>,
    /// What people will call it. Where there is no load at all, one of this name is made.
    pub name: Option<String>,
    /// The address that is registered.
    pub email: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Over the tags of the load.
    pub tags: Map<String, Value>,
}

/// What was registered: the only time that anybody is given the password.
#[derive(Debug)]
pub struct Made {
    /// The load, as it is now.
    pub load: Load,
    /// The id.
    pub instance: String,
    /// The password. At a foreign registry the load keeps it too, sealed.
    pub password: SecretString,
    /// What was sent.
    pub upload: Upload,
    /// As its registry counts it: a registration connects nothing, and what is connected may stay so.
    pub status: Status,
}

fn not<T>(reason: Reason, detail: impl Into<String>) -> Result<T, LoadError> {
    let detail = detail.into();
    Err(LoadError::NotRegistered(NotRegistered { reason, detail }))
}

/// Whether a load was made for its registration, and goes where that fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Fresh,
    Kept,
}

impl Loads {
    /// Registers a load. One that has an id comes back under it with another password; the one before is good until the new one
    /// is used. Where it fails, the load is as it was, and a repetition finds out by itself what has become of the first try.
    ///
    /// # Errors
    /// `Unknown` for a load that is not this person's; `NotRegistered`, which says what to mend; the store.
    pub async fn register(&self, by: &Registrant, wish: Wish) -> Result<Made, LoadError> {
        let (loads, by) = (self.clone(), by.clone());
        let work = async move {
            match loads.register_in_turn(&by, wish).await {
                Err(LoadError::Invalid(why)) => not(Reason::Invalid, why),
                Err(LoadError::Seal(why)) => not(Reason::NoSeal, why),
                other => other,
            }
        };
        self.to_the_end(work).await
    }

    async fn register_in_turn(&self, by: &Registrant, wish: Wish) -> Result<Made, LoadError> {
        let person = &by.person;
        if let Some(load) = &wish.load {
            let _turn = self.turn(load).await;
            return self.register_now(by, wish).await;
        }
        let current = || {
            let row = self.0.store.current_load(person.as_str())?;
            Ok::<_, LoadError>(row.map(|row| row.id))
        };
        loop {
            let (mut first, mut load) = (None, current()?);
            if load.is_none() {
                // Two at once shall not make two loads.
                first = Some(self.turn(&format!("first of {person}")).await);
                load = current()?;
            }
            let _turn = match &load {
                Some(load) => Some(self.turn(load).await),
                None => first,
            };
            let load = load.clone();
            let wish = Wish {
                load: load.clone(),
                ..wish.clone()
            };
            match self.register_now(by, wish).await {
                // It went while we waited, and another one is current, or none.
                Err(LoadError::Unknown(gone)) if load.as_ref() == Some(&gone) => {}
                done => return done,
            }
        }
    }

    async fn register_now(&self, by: &Registrant, wish: Wish) -> Result<Made, LoadError> {
        let person = &by.person;
        let row = match &wish.load {
            Some(id) => Some(self.row(person, id)?),
            None => None,
        };
        let upload = self.compiled(person, row.as_ref(), &wish)?;
        let settings = self.0.renewer.settings();
        let url = settings.config.registry.url.as_ref();
        let registry = url.map(|url| url.as_str().trim_end_matches('/').to_owned());
        let registry = registry.unwrap_or_default();
        let client = self.client(&registry, by).map_err(failed)?;
        let Some(mut row) = row else {
            let retry = Retry::new(&registry, upload.clone())?;
            let kept = self.closed(&retry).await?;
            let new = NewLoad {
                name: upload.name.clone(),
                description: wish.description,
                email: wish.email,
                tags: wish.tags,
                avatar: None,
            };
            let new = new.checked().map_err(LoadError::Invalid)?;
            // Whoever finds it from now on waits until this is over.
            let id = fresh_id()?;
            let _turn = self.turn(&id).await;
            let row = self.insert(person, id, new, Some(kept)).await?;
            return self.first(person, &client, row, retry, Age::Fresh).await;
        };
        let mut here = row.registry.as_deref() == Some(registry.as_str());
        if row.registered_at.is_some() && !here {
            let at = place(row.registry.as_deref().unwrap_or_default());
            let detail = format!(
                "this load is registered at {at}; unregister it first, or set [registry] url back"
            );
            return not(Reason::RegisteredElsewhere, detail);
        }
        // One whose end nobody knows goes first: it may have made an instance already.
        let pending = self.pending(&row).await?;
        if let Some(retry) = pending.as_ref().filter(|retry| retry.registry != registry) {
            let at = place(&retry.registry);
            let detail = format!(
                "this load may be registered at {at}, whose answer was lost; set [registry] url back and register again, or delete \
                 the load with {WITHOUT_REGISTRY}"
            );
            return not(Reason::RegisteredElsewhere, detail);
        }
        // It was here before it was elsewhere: it comes back under the id that it had.
        if !here && let Some((instance, sealed)) = self.0.store.load_left(&row.id, &registry)? {
            (row.registry, row.instance) = (Some(registry.clone()), Some(instance));
            row.sealed = sealed;
            here = true;
        }
        if let Some(instance) = row.instance.clone().filter(|_| here) {
            return self.again(person, &client, row, &instance, upload).await;
        }
        if let Some(retry) = pending {
            match self
                .first(person, &client, row.clone(), retry, Age::Kept)
                .await
            {
                Ok(made) if made.upload == upload => return Ok(made),
                Ok(made) => {
                    let row = self.row(person, &made.load.id)?;
                    return self
                        .again(person, &client, row, &made.instance, upload)
                        .await;
                }
                Err(error) if !self.is_settled(person, &row)? => return Err(error),
                Err(_) => {}
            }
        }
        let retry = Retry::new(&registry, upload)?;
        let kept = self.closed(&retry).await?;
        if !self.0.store.load_retry(row.id.clone(), Some(kept)).await? {
            return Err(LoadError::Unknown(row.id));
        }
        // What was sent before has been settled.
        row.retry = None;
        self.first(person, &client, row, retry, Age::Kept).await
    }

    /// What is registered: what was asked for, over what the load has, over what is known here.
    fn compiled(
        &self,
        person: &PersonId,
        row: Option<&LoadRow>,
        wish: &Wish,
    ) -> Result<Upload, LoadError> {
        let load = row.cloned().map(Load::from);
        let load = load.as_ref();
        let Some(name) = wish.name.clone().or_else(|| load.map(|it| it.name.clone())) else {
            let detail = "there is no load yet: give an upload_name, and one of that name is made";
            return not(Reason::NoLoad, detail);
        };
        load::name("upload_name", &name).map_err(LoadError::Invalid)?;
        load::tags(&wish.tags).map_err(LoadError::Invalid)?;
        let email = load::email(wish.email.clone()).map_err(LoadError::Invalid)?;
        let description = load::description(wish.description.clone());
        let description = description.map_err(LoadError::Invalid)?;
        let settings = self.0.renewer.settings();
        let model = settings.config.llm.model.as_deref();
        let documents = self.0.memory.document_count(person)?;
        let of_load = load.map(|it| it.tags.clone()).unwrap_or_default();
        let Some(tags) = tags::compiled(&of_load, &wish.tags, model, documents) else {
            let detail = "nobody says which model it is: give model_name in tags, put it into the load's tags, or set model in [llm] of \
                          config.toml";
            return not(Reason::NoModelName, detail);
        };
        load::tags(&tags).map_err(LoadError::Invalid)?;
        Ok(Upload {
            name,
            description: description.or_else(|| load?.description.clone()),
            email: email.or_else(|| load?.email.clone()),
            tags,
        })
    }

    /// Registers what has no id yet. What is sent is written to the load already.
    async fn first(
        &self,
        person: &PersonId,
        client: &Client,
        row: LoadRow,
        retry: Retry,
        age: Age,
    ) -> Result<Made, LoadError> {
        match client.register(&retry.upload, &retry.key).await {
            Ok(given) => {
                let (registry, upload) = (retry.registry, retry.upload);
                self.keep(person, client, &row, registry, given, upload)
                    .await
            }
            Err(mut broken) => {
                // A try before this one may have landed, even where this one did not leave.
                let sent_before = age == Age::Kept && row.retry.is_some();
                match broken.landed {
                    Landed::Refused => self.settle(person, &row, age).await?,
                    Landed::No if !sent_before => self.settle(person, &row, age).await?,
                    Landed::No | Landed::Perhaps if age == Age::Fresh => {
                        broken.why.detail += "; the load stays, as it may be registered already, and to register again finds that out";
                    }
                    Landed::No | Landed::Perhaps if sent_before => {
                        broken.why.detail += "; a try before may have registered this load: register again, or delete the load with ";
                        broken.why.detail += WITHOUT_REGISTRY;
                    }
                    Landed::No | Landed::Perhaps => {}
                }
                Err(failed(broken))
            }
        }
    }

    /// Nothing came of what was sent: the load is as it was.
    async fn settle(&self, person: &PersonId, row: &LoadRow, age: Age) -> Result<(), LoadError> {
        let store = &self.0.store;
        match age {
            Age::Fresh => {
                let gone = store.delete_load(person.to_string(), row.id.clone());
                gone.await?;
            }
            Age::Kept => {
                store.load_retry(row.id.clone(), None).await?;
            }
        }
        Ok(())
    }

    /// Whether it is known that nothing came of what was sent for this load.
    fn is_settled(&self, person: &PersonId, row: &LoadRow) -> Result<bool, LoadError> {
        let now = self.0.store.load(person.as_str(), &row.id)?;
        Ok(now.is_some_and(|now| now.retry.is_none()))
    }

    /// Registers an id again. Until its new password is on the disk here, the one before is good.
    async fn again(
        &self,
        person: &PersonId,
        client: &Client,
        row: LoadRow,
        instance: &str,
        upload: Upload,
    ) -> Result<Made, LoadError> {
        let password = self.password(&row).await?;
        let given = client.again(&upload, instance, password.as_ref()).await;
        let given = given.map_err(|mut broken| {
            if broken.why.reason == Reason::NotAccepted {
                broken.why.detail += &format!(
                    "; where the registry has lost this id, delete the load with {WITHOUT_REGISTRY} and make it anew"
                );
            }
            failed(broken)
        })?;
        let registry = row.registry.clone().unwrap_or_default();
        self.keep(person, client, &row, registry, given, upload)
            .await
    }

    /// Keeps what a registry gave. The password of our own registry is kept nowhere: there the person is proof enough.
    pub(super) async fn keep(
        &self,
        person: &PersonId,
        client: &Client,
        row: &LoadRow,
        registry: String,
        given: Given,
        upload: Upload,
    ) -> Result<Made, LoadError> {
        let sealed = match registry.is_empty() {
            true => None,
            false => {
                let seal = self.seal_or_new().await?;
                let sealed = seal.close(given.password.expose_secret().as_bytes());
                Some(sealed.map_err(|error| LoadError::Seal(error.to_string()))?)
            }
        };
        let kept = GivenRow {
            registry,
            instance: given.instance.clone(),
            sealed,
            at: (self.0.clock)(),
        };
        self.forget(&row.id);
        let is_foreign = kept.sealed.is_some();
        if !self.0.store.load_given(row.id.clone(), kept).await? {
            // Its person was deleted meanwhile, with all that was theirs.
            if let Err(broken) = client
                .unregister(&given.instance, Some(&given.password))
                .await
            {
                tracing::warn!(
                    "an instance without a load stays registered: {}",
                    broken.why.detail
                );
            }
            return Err(LoadError::Unknown(row.id.clone()));
        }
        // What is connected with the password before comes again with this one, before the registry sees it elsewhere. At our own
        // registry it needs none.
        if is_foreign {
            self.look_again();
        }
        Ok(Made {
            load: self.show(person, &row.id)?,
            instance: given.instance,
            password: given.password,
            upload,
            status: given.status,
        })
    }
}

/// A registry, in words.
fn place(registry: &str) -> &str {
    match registry {
        "" => "this daemon's own registry",
        url => url,
    }
}

pub(super) fn failed(broken: Broken) -> LoadError {
    LoadError::NotRegistered(broken.why)
}
