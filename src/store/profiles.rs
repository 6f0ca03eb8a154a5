//! What people tell of themselves, and its end.

use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{Durable, Store, StoreError, checkpoint, connect, millis, spaces, time};

/// How much is kept of a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents in its own memory, as they are counted where it registers something; not those of its applications' users.
    pub documents: u64,
    /// Loads.
    pub loads: u64,
    /// Instances that are registered.
    pub instances: u64,
    /// API keys that are not revoked.
    pub keys: u64,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRow {
    /// The person's id.
    pub id: String,
    /// Whether it owns this machine's daemon.
    pub owner: bool,
    /// As it is shown.
    pub username: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// Its address, where an issuer has verified it.
    pub email: Option<String>,
    /// What it tells of itself.
    pub description: Option<String>,
    /// Words that it gave itself.
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When credentials of it were last shown.
    pub last_active_at: Option<DateTime<Utc>>,
    /// How much is kept of it.
    pub counts: Counts,
}

/// What changes of a profile; the outer `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ProfileUpdate {
    /// As it is shown, and its shape.
    pub username: Option<Option<(String, String)>>,
    /// What people call it.
    pub name: Option<Option<String>>,
    /// What it tells of itself.
    pub description: Option<Option<String>>,
    /// Words that it gave itself.
    pub tags: Option<Vec<String>>,
}

const PROFILE: &str = "SELECT id, role = 'owner', username, name, email, description, tags, created_at, last_active_at,
       (SELECT count(*) FROM documents WHERE person = people.id AND user = people.id),
       (SELECT count(*) FROM loads WHERE person = people.id),
       (SELECT count(*) FROM instances WHERE person = people.id AND status <> 'unregistered'),
       (SELECT count(*) FROM keys WHERE person = people.id AND revoked_at IS NULL)
     FROM people";

impl Store {
    /// A person's profile.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn profile(&self, person: &str) -> Result<Option<ProfileRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!("{PROFILE} WHERE id = ?1"))?
                .query_row([person], profile_row)
                .optional()
        })
    }

    /// The profile with this username, of somebody who may come.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn profile_of(&self, username: &str) -> Result<Option<ProfileRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{PROFILE} WHERE username = ?1 AND disabled_at IS NULL"
                ))?
                .query_row([username], profile_row)
                .optional()
        })
    }

    /// Changes some of a profile; whether the person is there. `is_taken`: somebody has a username of this shape.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn update_profile(
        &self,
        person: String,
        update: ProfileUpdate,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let names = update.username.is_some();
            let (username, shape) = update.username.flatten().unzip();
            // In one statement: two changes at once must not undo each other.
            let changed = connection
                .prepare_cached(
                    "UPDATE people SET
                       username = CASE WHEN :names THEN :username ELSE username END,
                       username_shape = CASE WHEN :names THEN :shape ELSE username_shape END,
                       name = CASE WHEN :called THEN :name ELSE name END,
                       description = CASE WHEN :described THEN :description ELSE description END,
                       tags = coalesce(:tags, tags)
                     WHERE id = :id",
                )?
                .execute(named_params! {
                    ":id": person, ":names": names, ":username": username, ":shape": shape,
                    ":called": update.name.is_some(), ":name": update.name.flatten(),
                    ":described": update.description.is_some(), ":description": update.description.flatten(),
                    ":tags": update.tags.map(|tags| serde_json::json!(tags).to_string()),
                })?;
            Ok(changed > 0)
        })
        .await
    }

    /// Notes that a person was here, where the note before is older than this. Nobody waits for it.
    pub fn note_activity(&self, person: String, now: DateTime<Utc>, noted: TimeDelta) {
        self.hand(Durable::Handed, move |connection| {
            connection
                .prepare_cached(
                    "UPDATE people SET last_active_at = ?2
                     WHERE id = ?1 AND (last_active_at IS NULL OR last_active_at <= ?3)",
                )?
                .execute((person, millis(now), millis(now - noted)))
                .map(drop)
        });
    }

    /// Deletes a person with everything that is its own, and gives the ids of its instances; `None`: it is not there. `again`:
    /// it is the owner, whose row is made anew with this time. Nothing of it can be found after one transaction; its memories and
    /// documents, which may be large, are deleted in further ones, and others write in between. Where the process ends before the
    /// last one, [`Store::finish_leaving`] goes on.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn erase_person(
        &self,
        person: String,
        again: Option<DateTime<Utc>>,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let erased = self.write(move |connection| {
            let instances = connection
                .prepare_cached("SELECT id FROM instances WHERE person = ?1")?
                .query_map([&person], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            spaces::leave(connection, &person)?;
            // Whatever belongs to a person refers to it, and goes with it.
            if connection.execute("DELETE FROM people WHERE id = ?1", [&person])? == 0 {
                return Ok(None);
            }
            if let Some(now) = again {
                connection.execute(
                    "INSERT INTO people (id, role, created_at) VALUES (?1, 'owner', ?2)",
                    (person, millis(now)),
                )?;
            }
            Ok(Some(instances))
        });
        let erased = erased.await?;
        if erased.is_some() {
            self.finish_leaving().await?;
        }
        Ok(erased)
    }

    /// Writes the database's log back and empties it, so that no deleted text is left in it. Where others are at work it is
    /// tried a while, and then again whenever [`Store::owes_write_back`] is asked.
    pub async fn write_back(&self) {
        let before = self.0.owed.fetch_add(1, Ordering::AcqRel);
        let path = self.path().to_owned();
        let done = tokio::task::spawn_blocking(move || checkpoint(&connect(&path)?));
        let why = match done.await {
            Ok(Ok(true)) => {
                // What was deleted since then is owed still.
                let own = before + 1;
                let _ = self
                    .0
                    .owed
                    .compare_exchange(own, 0, Ordering::AcqRel, Ordering::Acquire);
                return;
            }
            Ok(Ok(false)) => "others were reading".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        // Once, not every time that it is tried again.
        if before == 0 {
            tracing::warn!("the store's log could not be emptied yet: {why}");
        }
    }

    /// Whether the log is to be written back: deleted text may stand in it.
    pub fn owes_write_back(&self) -> bool {
        self.0.owed.load(Ordering::Acquire) > 0
    }
}

fn profile_row(row: &Row<'_>) -> rusqlite::Result<ProfileRow> {
    let tags: Option<String> = row.get(6)?;
    let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(ProfileRow {
        id: row.get(0)?,
        owner: row.get(1)?,
        username: row.get(2)?,
        name: row.get(3)?,
        email: row.get(4)?,
        description: row.get(5)?,
        tags: tags
            .and_then(|tags| serde_json::from_str(&tags).ok())
            .unwrap_or_default(),
        created_at: time(row.get(7)?),
        last_active_at: row.get::<_, Option<i64>>(8)?.map(time),
        counts: Counts {
            documents: count(9)?,
            loads: count(10)?,
            instances: count(11)?,
            keys: count(12)?,
        },
    })
}
