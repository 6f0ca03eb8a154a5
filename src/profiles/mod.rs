//! Profiles: what people tell of themselves, all that is kept about them, and its end.
//!
//! Owns: usernames and what stands beside them; export and deletion. Door: [`Profiles`]. May touch: the store.

mod export;
mod username;

use chrono::{DateTime, Utc};

use crate::identity::PersonId;
use crate::store::{Counts, ProfileRow, ProfileUpdate, Store, StoreError};

pub use export::Export;
pub use username::{Username, UsernameError};

/// Longest name, in characters.
const NAME: usize = 100;
/// Longest description, in characters.
const DESCRIPTION: usize = 2000;
/// Most tags.
const TAGS: usize = 32;
/// Longest tag, in characters.
const TAG: usize = 64;

/// Why a profile is not changed, or not deleted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProfileError {
    /// Something in it cannot be kept: what, and the way out.
    #[error("{0}")]
    Invalid(String),
    /// Somebody has this username, or one that looks like it.
    #[error("somebody has this username, or one that looks like it; choose another one")]
    Taken,
    /// The person is not there any more.
    #[error("the person behind these credentials is not known any more")]
    Gone,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<UsernameError> for ProfileError {
    fn from(error: UsernameError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// A person, as it is told of.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Whose it is.
    pub person: PersonId,
    /// Whether it owns this machine's daemon.
    pub owner: bool,
    /// By which it is found, where it has one.
    pub username: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// Its address, where the provider has verified it.
    pub email: Option<String>,
    /// What it tells of itself.
    pub description: Option<String>,
    /// Words that it gave itself.
    pub tags: Vec<String>,
    /// How much is kept of it.
    pub counts: Counts,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When credentials of it were last shown, to the minute.
    pub last_active_at: Option<DateTime<Utc>>,
}

/// What shall become of a profile; the outer `None` leaves a thing as it is, the inner one takes it away.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// As a person wrote it.
    pub username: Option<Option<String>>,
    /// What people call it.
    pub name: Option<Option<String>>,
    /// What it tells of itself.
    pub description: Option<Option<String>>,
    /// Words that it gave itself.
    pub tags: Option<Vec<String>>,
}

/// The profiles. Clones share them.
#[derive(Clone)]
pub struct Profiles {
    store: Store,
    clock: fn() -> DateTime<Utc>,
}

impl Profiles {
    /// On a store.
    pub fn new(store: Store, clock: fn() -> DateTime<Utc>) -> Self {
        Self { store, clock }
    }

    /// A person's profile.
    ///
    /// # Errors
    /// `Gone`; the store cannot be read.
    pub fn show(&self, person: &PersonId) -> Result<Profile, ProfileError> {
        let row = self.store.profile(person.as_str())?;
        row.map(read).ok_or(ProfileError::Gone)
    }

    /// A person's username, where it has one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn username(&self, person: &PersonId) -> Result<Option<String>, StoreError> {
        let row = self.store.profile(person.as_str())?;
        Ok(row.and_then(|row| row.username))
    }

    /// Whose username this is; `None`: nobody's who may come. One that only looks like it is nobody's.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn find(&self, written: &str) -> Result<Option<Profile>, StoreError> {
        let Ok(username) = Username::new(written) else {
            return Ok(None);
        };
        let found = self.store.profile_of(username.as_str())?;
        Ok(found.map(read))
    }

    /// Changes some of a profile.
    ///
    /// # Errors
    /// `Invalid`, `Taken`, `Gone`; the store cannot be written.
    pub async fn change(
        &self,
        person: &PersonId,
        change: ProfileChange,
    ) -> Result<Profile, ProfileError> {
        let username = match change.username {
            Some(Some(written)) => Some(Some(Username::new(&written)?)),
            Some(None) => Some(None),
            None => None,
        };
        let name = change
            .name
            .map(|name| line("name", name, NAME))
            .transpose()?;
        let description = change.description.map(described).transpose()?;
        let tags = change.tags.map(tagged).transpose()?;
        let update = ProfileUpdate {
            username: username
                .map(|one| one.map(|one| (one.as_str().to_owned(), one.shape().to_owned()))),
            name,
            description,
            tags,
        };
        match self.store.update_profile(person.to_string(), update).await {
            Ok(true) => self.show(person),
            Ok(false) => Err(ProfileError::Gone),
            Err(error) if error.is_taken() => Err(ProfileError::Taken),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this is what a person must say before everything is deleted: its username, or its id where it has none.
    ///
    /// # Errors
    /// `Gone`; the store cannot be read.
    pub fn is_confirmed(&self, person: &PersonId, said: &str) -> Result<bool, ProfileError> {
        Ok(match self.show(person)?.username {
            Some(own) => Username::new(said).is_ok_and(|said| said.as_str() == own),
            None => said == person.as_str(),
        })
    }

    /// Deletes a person with everything that is kept about it: profile, accounts, keys, grants, visits, loads, instances,
    /// memory. All or nothing; the ids of its instances, which may be connected. The owner's place stays, empty. In the audit
    /// log the lines stay, with the person's id, which leads to nobody any more.
    ///
    /// # Errors
    /// `Gone`; the store cannot be written.
    pub async fn delete(&self, person: &PersonId) -> Result<Vec<String>, ProfileError> {
        let again = (*person == PersonId::owner()).then(|| (self.clock)());
        let erased = self.store.erase_person(person.to_string(), again).await?;
        let instances = erased.ok_or(ProfileError::Gone)?;
        // What was deleted still stands in the log of the database until that is written back.
        self.store.write_back().await;
        Ok(instances)
    }
}

fn line(what: &str, text: Option<String>, longest: usize) -> Result<Option<String>, ProfileError> {
    let Some(text) = text else { return Ok(None) };
    let length = text.chars().count();
    if text.trim().is_empty() || length > longest || text.contains(char::is_control) {
        let why = format!("{what} has 1 to {longest} characters, in one line");
        return Err(ProfileError::Invalid(why));
    }
    Ok(Some(text))
}

fn described(text: Option<String>) -> Result<Option<String>, ProfileError> {
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    match text {
        Some(text) if text.chars().count() > DESCRIPTION || text.contains(odd) => {
            let why = format!(
                "description has at most {DESCRIPTION} characters, and no control characters but line ends and tabs"
            );
            Err(ProfileError::Invalid(why))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

fn tagged(tags: Vec<String>) -> Result<Vec<String>, ProfileError> {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    let is_word = |tag: &String| {
        let length = tag.chars().count();
        (1..=TAG).contains(&length) && !tag.contains(odd)
    };
    if tags.len() > TAGS || !tags.iter().all(is_word) {
        let why = format!("tags are at most {TAGS} words of 1 to {TAG} characters");
        return Err(ProfileError::Invalid(why));
    }
    let mut once = Vec::new();
    for tag in tags {
        if !once.contains(&tag) {
            once.push(tag);
        }
    }
    Ok(once)
}

fn read(row: ProfileRow) -> Profile {
    Profile {
        person: PersonId::kept(row.id),
        owner: row.owner,
        username: row.username,
        name: row.name,
        email: row.email,
        description: row.description,
        tags: row.tags,
        counts: row.counts,
        created_at: row.created_at,
        last_active_at: row.last_active_at,
    }
}
