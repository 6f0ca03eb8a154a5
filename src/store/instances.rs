//! Registered instances: their rows, and what proves that somebody is one. What finds them is in [`super::instance_search`].

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::strangers::has_place;
use super::{Durable, Store, StoreError, millis, time};

/// How long an idempotency key is known whose instance is in use. One whose instance never was stays: whoever lost the answer
/// may ask again after weeks, and would else make a second one.
const RETRIED: TimeDelta = TimeDelta::hours(24);

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRow {
    /// Its place: they only grow.
    pub seq: i64,
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub person: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Whose it is, as they said.
    pub email: Option<String>,
    /// A JSON object.
    pub tags: String,
    /// A JSON object.
    pub capabilities: Option<String>,
    /// `online`, `offline` or `unregistered`.
    pub status: String,
    /// When it was first registered.
    pub registered_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was last heard.
    pub heard_at: Option<DateTime<Utc>>,
    /// When its password was last shown.
    pub used_at: Option<DateTime<Utc>>,
    /// Scope words that tokens for its password can at most have; `None`: as of one whom nobody knows.
    pub ceiling: Option<String>,
}

/// What is kept of an instance's passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// The salt of both hashes.
    pub salt: Vec<u8>,
    /// What a hash costs, as its maker writes it.
    pub cost: String,
    /// Of the password that is good.
    pub hash: Vec<u8>,
    /// Of the one that was given out last and not used yet.
    pub next_hash: Option<Vec<u8>>,
    /// Whether it was registered under an idempotency key that is still good.
    pub retriable: bool,
}

/// What an instance says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceWords {
    /// What people call it.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Whose it is, as they say.
    pub email: Option<String>,
    /// A JSON object.
    pub tags: String,
    /// What a search finds it by.
    pub words: String,
}

/// A new instance.
#[derive(Clone)]
pub struct NewInstance {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub person: Option<String>,
    /// What it says of itself.
    pub said: InstanceWords,
    /// Salt, cost and hash of its password.
    pub secret: SecretRow,
    /// As in [`InstanceRow::ceiling`].
    pub ceiling: Option<String>,
    /// SHA-256 of the idempotency key, and of what is registered with it.
    pub retry: Option<([u8; 32], [u8; 32])>,
    /// Where it is nobody's who is known: how many such ones there may be in all, and of one such person.
    pub most: (u32, u32),
}

/// An instance that was registered under an idempotency key.
#[derive(Clone)]
pub struct RetriedRow {
    /// The instance.
    pub id: String,
    /// SHA-256 of what was registered; `None`: its password was used.
    pub print: Option<Vec<u8>>,
    /// Its salt.
    pub salt: Vec<u8>,
    /// The cost of its hashes.
    pub cost: String,
}

/// What changes of an instance; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct InstanceUpdate {
    /// What people call it.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Whose it is, as they say; `Some(None)`: nobody says.
    pub email: Option<Option<String>>,
    /// A JSON object.
    pub tags: Option<String>,
    /// A JSON object.
    pub capabilities: Option<String>,
}

/// The columns of an [`InstanceRow`], in its order.
pub(super) const INSTANCE: &str =
    "seq, id, person, name, description, email, tags, capabilities, status, registered_at, updated_at,
    heard_at, used_at, ceiling";

impl Store {
    /// Keeps a new instance, offline. `None`: it is nobody's, and there are as many of those as there may be. `is_taken`: one
    /// was registered under this idempotency key.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_instance(
        &self,
        new: NewInstance,
        now: DateTime<Utc>,
    ) -> Result<Option<InstanceRow>, StoreError> {
        self.write(move |connection| {
            if !has_place(connection, new.person.as_deref(), new.most)? {
                return Ok(None);
            }
            let (key, print) = new.retry.unzip();
            if key.is_some() {
                connection
                    .prepare_cached(
                        "UPDATE instances SET retry_key = NULL, retry_print = NULL
                         WHERE retry_key = ?1 AND retry_print IS NULL AND registered_at <= ?2",
                    )?
                    .execute((key, millis(now - RETRIED)))?;
            }
            connection
                .prepare_cached(
                    "INSERT INTO instances (id, person, name, description, email, tags, words, salt, cost, hash, ceiling,
                       retry_key, retry_print, status, registered_at, updated_at)
                     VALUES (:id, :person, :name, :description, :email, :tags, :words, :salt, :cost, :hash, :ceiling,
                       :retry_key, :retry_print, 'offline', :now, :now)",
                )?
                .execute(named_params! {
                    ":id": new.id, ":person": new.person, ":name": new.said.name,
                    ":description": new.said.description, ":email": new.said.email, ":tags": new.said.tags,
                    ":words": new.said.words, ":salt": new.secret.salt, ":cost": new.secret.cost,
                    ":hash": new.secret.hash, ":ceiling": new.ceiling, ":retry_key": key, ":retry_print": print, ":now": millis(now),
                })?;
            one(connection, &new.id)
        })
        .await
    }

    /// One instance.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn instance(&self, id: &str) -> Result<Option<InstanceRow>, StoreError> {
        self.read(|connection| one(connection, id))
    }

    /// What proves that somebody is this instance.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn instance_secret(&self, id: &str) -> Result<Option<SecretRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT salt, cost, hash, next_hash, retry_print IS NOT NULL FROM instances WHERE id = ?1",
                )?
                .query_row([id], |row| {
                    Ok(SecretRow {
                        salt: row.get(0)?,
                        cost: row.get(1)?,
                        hash: row.get(2)?,
                        next_hash: row.get(3)?,
                        retriable: row.get(4)?,
                    })
                })
                .optional()
        })
    }

    /// What was registered under an idempotency key within the last day, or before and was never used.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn instance_by_retry(
        &self,
        key: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<RetriedRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, retry_print, salt, cost FROM instances
                     WHERE retry_key = ?1 AND (retry_print IS NOT NULL OR registered_at > ?2)",
                )?
                .query_row((key, millis(now - RETRIED)), |row| {
                    Ok(RetriedRow {
                        id: row.get(0)?,
                        print: row.get(1)?,
                        salt: row.get(2)?,
                        cost: row.get(3)?,
                    })
                })
                .optional()
        })
    }

    /// Gives what was registered under an idempotency key another password with its own ceiling, which becomes good beside the
    /// first; `None`: a password was used by now, or it is not registered any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn retry_instance(
        &self,
        id: String,
        next_hash: Vec<u8>,
        ceiling: Option<String>,
    ) -> Result<Option<InstanceRow>, StoreError> {
        self.write(move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE instances SET next_hash = ?2, next_ceiling = ?3
                     WHERE id = ?1 AND retry_print IS NOT NULL AND status <> 'unregistered'",
                )?
                .execute((&id, next_hash, ceiling))?;
            match changed {
                0 => Ok(None),
                _ => one(connection, &id),
            }
        })
        .await
    }

    /// Registers an instance again, with another password beside the one that is good. `by`: only this person's, and the
    /// ceiling of the new password, which otherwise is that of the one before. `None`: there is none.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn rotate_instance(
        &self,
        id: String,
        by: Option<(String, Option<String>)>,
        said: InstanceWords,
        next_hash: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<Option<InstanceRow>, StoreError> {
        self.write(move |connection| {
            let (person, ceiling) = by.unzip();
            let changed = connection
                .prepare_cached(
                    "UPDATE instances SET name = :name, description = :description, email = :email, tags = :tags,
                       words = :words, next_hash = :next_hash, updated_at = :now, retry_print = NULL,
                       next_ceiling = CASE WHEN :person IS NULL THEN ceiling ELSE :ceiling END,
                       status = CASE status WHEN 'unregistered' THEN 'offline' ELSE status END
                     WHERE id = :id AND (:person IS NULL OR person = :person)",
                )?
                .execute(named_params! {
                    ":id": id, ":person": person, ":name": said.name, ":description": said.description,
                    ":email": said.email, ":tags": said.tags, ":words": said.words, ":next_hash": next_hash,
                    ":ceiling": ceiling.flatten(), ":now": millis(now),
                })?;
            match changed {
                0 => Ok(None),
                _ => one(connection, &id),
            }
        })
        .await
    }

    /// Makes the password that was given out last the only one that is good, with its ceiling, and ends the tokens that the
    /// one before opened.
    /// `false`: another one was given out by now.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn promote_instance(
        &self,
        id: String,
        next_hash: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE instances SET hash = next_hash, next_hash = NULL, ceiling = next_ceiling, next_ceiling = NULL,
                       retry_print = NULL, used_at = ?3
                     WHERE id = ?1 AND next_hash = ?2",
                )?
                .execute((&id, next_hash, millis(now)))?;
            if changed > 0 {
                end_tokens(connection, &id)?;
            }
            Ok(changed > 0)
        })
        .await
    }

    /// Makes another password the only one that is good, and ends the tokens of those before; what is not registered is
    /// registered again. `None`: this person has no such instance.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn revoke_instance(
        &self,
        id: String,
        (person, ceiling): (String, Option<String>),
        hash: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<Option<InstanceRow>, StoreError> {
        self.write(move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE instances SET hash = ?3, next_hash = NULL, ceiling = ?5, next_ceiling = NULL, retry_print = NULL, updated_at = ?4,
                       status = CASE status WHEN 'unregistered' THEN 'offline' ELSE status END
                     WHERE id = ?1 AND person = ?2",
                )?
                .execute((&id, person, hash, millis(now), ceiling))?;
            if changed == 0 {
                return Ok(None);
            }
            end_tokens(connection, &id)?;
            one(connection, &id)
        })
        .await
    }

    /// Notes that a password was shown for the first time, so that its idempotency key is good no more.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn use_instance(&self, id: String, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE instances SET used_at = ?2, retry_print = NULL WHERE id = ?1",
                )?
                .execute((id, millis(now)))
                .map(drop)
        })
        .await
    }

    /// Notes that a password was shown, unless that was noted less than this time ago. Nobody waits for it.
    pub fn note_instance_use(&self, id: String, now: DateTime<Utc>, within: TimeDelta) {
        self.hand(Durable::Handed, move |connection| {
            connection
                .prepare_cached(
                    "UPDATE instances SET used_at = ?2 WHERE id = ?1 AND (used_at IS NULL OR used_at <= ?3)",
                )?
                .execute((id, millis(now), millis(now - within)))
                .map(drop)
        });
    }

    /// Changes some of an instance that is registered; `None`: there is none. `words` says what a search finds it by.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn update_instance(
        &self,
        id: String,
        update: InstanceUpdate,
        words: fn(&InstanceRow) -> String,
        now: DateTime<Utc>,
    ) -> Result<Option<InstanceRow>, StoreError> {
        self.write(move |connection| {
            // In one statement: two changes at once must not undo each other.
            let changed = connection
                .prepare_cached(
                    "UPDATE instances SET name = coalesce(:name, name), description = coalesce(:description, description),
                       email = CASE WHEN :mails THEN :email ELSE email END, tags = coalesce(:tags, tags),
                       capabilities = coalesce(:capabilities, capabilities), updated_at = :now
                     WHERE id = :id AND status <> 'unregistered'",
                )?
                .execute(named_params! {
                    ":id": id, ":name": update.name, ":description": update.description,
                    ":mails": update.email.is_some(), ":email": update.email.flatten(), ":tags": update.tags,
                    ":capabilities": update.capabilities, ":now": millis(now),
                })?;
            if changed == 0 {
                return Ok(None);
            }
            let row = one(connection, &id)?;
            if let Some(row) = &row {
                find_by(connection, &id, &words(row))?;
            }
            Ok(row)
        })
        .await
    }

    /// Unregisters: ends the instance's tokens, and forgets what it told, but for its name; whoever comes back tells it again.
    /// `words` says what a search finds it by then. Whether there is such an instance.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn unregister_instance(
        &self,
        id: String,
        words: fn(&InstanceRow) -> String,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE instances SET status = 'unregistered', updated_at = ?2, description = NULL, email = NULL,
                       tags = '{}', capabilities = NULL, retry_print = NULL
                     WHERE id = ?1 AND status <> 'unregistered'",
                )?
                .execute((&id, millis(now)))?;
            connection
                .prepare_cached("DELETE FROM instance_roles WHERE instance = ?1")?
                .execute([&id])?;
            end_tokens(connection, &id)?;
            let row = one(connection, &id)?;
            if let Some(row) = &row {
                find_by(connection, &id, &words(row))?;
            }
            Ok(row.is_some())
        })
        .await
    }
}

fn find_by(connection: &Connection, id: &str, words: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE instances SET words = ?2 WHERE id = ?1 AND words <> ?2")?
        .execute((id, words))
        .map(drop)
}

fn one(connection: &Connection, id: &str) -> rusqlite::Result<Option<InstanceRow>> {
    connection
        .prepare_cached(&format!("SELECT {INSTANCE} FROM instances WHERE id = ?1"))?
        .query_row([id], instance_row)
        .optional()
}

pub(super) fn end_tokens(connection: &Connection, instance: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM instance_tokens WHERE instance = ?1")?
        .execute([instance])
        .map(drop)
}

pub(super) fn instance_row(row: &Row<'_>) -> rusqlite::Result<InstanceRow> {
    let at =
        |column: usize| -> rusqlite::Result<_> { Ok(row.get::<_, Option<i64>>(column)?.map(time)) };
    Ok(InstanceRow {
        seq: row.get(0)?,
        id: row.get(1)?,
        person: row.get(2)?,
        name: row.get(3)?,
        description: row.get(4)?,
        email: row.get(5)?,
        tags: row.get(6)?,
        capabilities: row.get(7)?,
        status: row.get(8)?,
        registered_at: time(row.get(9)?),
        updated_at: time(row.get(10)?),
        heard_at: at(11)?,
        used_at: at(12)?,
        ceiling: row.get(13)?,
    })
}
