//! Loads, and what registries gave them.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::people::BARE;
use super::{Store, StoreError, millis, time};

/// One load, without its picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadRow {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub person: String,
    /// What its person calls it; no other of the same person has this name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The address that is registered with it.
    pub email: Option<String>,
    /// JSON object.
    pub tags: String,
    /// Media type of its picture; `None`: it has none.
    pub avatar_kind: Option<String>,
    /// Whether it is the current one of its person.
    pub is_current: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// The registry that it has an id of: empty for this daemon's own, else a URL.
    pub registry: Option<String>,
    /// The id there.
    pub instance: Option<String>,
    /// The password there, sealed.
    pub sealed: Option<Vec<u8>>,
    /// When it was last registered; `None`: it is not at present.
    pub registered_at: Option<DateTime<Utc>>,
    /// What a registration sends that is under way, or of which nobody knows how it ended.
    pub retry: Option<Vec<u8>>,
    /// Whether it shall be connected.
    pub connect: bool,
}

/// What changes of a load; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct LoadUpdate {
    /// What its person calls it.
    pub name: Option<String>,
    /// What it is; `Some(None)`: nothing is told.
    pub description: Option<Option<String>>,
    /// The address that is registered with it; `Some(None)`: none.
    pub email: Option<Option<String>>,
    /// JSON object.
    pub tags: Option<String>,
    /// Its picture with its media type; `Some(None)`: none.
    pub avatar: Option<Option<(String, Vec<u8>)>>,
}

/// What a registry gave.
#[derive(Debug, Clone)]
pub struct GivenRow {
    /// Empty for this daemon's own, else a URL.
    pub registry: String,
    /// The id.
    pub instance: String,
    /// The password, sealed; `None`: none is kept.
    pub sealed: Option<Vec<u8>>,
    /// When.
    pub at: DateTime<Utc>,
}

const COLUMNS: &str =
    "id, person, name, description, email, tags, avatar_kind, is_current, created_at, updated_at,
    registry, instance, sealed, registered_at, retry_key, connect";

impl Store {
    /// Keeps a new load with a picture or without; the first of a person becomes the current one. `false`: the person has
    /// `most` already.
    ///
    /// # Errors
    /// It cannot be written; `is_taken` where the person has one of this name.
    pub async fn insert_load(
        &self,
        row: LoadRow,
        avatar: Option<Vec<u8>>,
        most: u32,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let made = connection
                .prepare_cached(
                    "INSERT INTO loads (id, person, name, description, email, tags, avatar, avatar_kind, is_current,
                         created_at, updated_at, retry_key)
                     SELECT :id, :person, :name, :description, :email, :tags, :avatar, :avatar_kind,
                         NOT EXISTS (SELECT 1 FROM loads WHERE person = :person AND is_current),
                         :created_at, :updated_at, :retry
                     WHERE (SELECT count(*) FROM loads WHERE person = :person) < :most",
                )?
                .execute(named_params! {
                    ":id": row.id, ":person": row.person, ":name": row.name, ":description": row.description,
                    ":email": row.email, ":tags": row.tags, ":avatar": avatar, ":avatar_kind": row.avatar_kind,
                    ":created_at": millis(row.created_at), ":updated_at": millis(row.updated_at),
                    ":retry": row.retry, ":most": most,
                })?;
            Ok(made > 0)
        })
        .await
    }

    /// A person's loads, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn loads(&self, person: &str) -> Result<Vec<LoadRow>, StoreError> {
        self.read(|connection| {
            let sql =
                format!("SELECT {COLUMNS} FROM loads WHERE person = ?1 ORDER BY created_at, id");
            connection
                .prepare_cached(&sql)?
                .query_map([person], load_row)?
                .collect()
        })
    }

    /// The loads that shall be connected, of everybody who may come and is more than an instance.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn loads_to_connect(&self) -> Result<Vec<LoadRow>, StoreError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM loads WHERE connect AND registered_at IS NOT NULL
                   AND EXISTS (SELECT 1 FROM people WHERE id = loads.person AND disabled_at IS NULL AND NOT ({BARE}))
                 ORDER BY id"
            );
            connection
                .prepare_cached(&sql)?
                .query_map([], load_row)?
                .collect()
        })
    }

    /// Whether loads of this person may be connected: it may come, and is more than an instance.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn may_answer(&self, person: &str) -> Result<bool, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT 1 FROM people WHERE id = ?1 AND disabled_at IS NULL AND NOT ({BARE})"
                ))?
                .exists([person])
        })
    }

    /// One load of a person.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load(&self, person: &str, id: &str) -> Result<Option<LoadRow>, StoreError> {
        self.one_load("person = ?1 AND id = ?2", (person, id))
    }

    /// The load of a person that has this name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load_named(&self, person: &str, name: &str) -> Result<Option<LoadRow>, StoreError> {
        self.one_load("person = ?1 AND name = ?2", (person, name))
    }

    /// The current load of a person.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn current_load(&self, person: &str) -> Result<Option<LoadRow>, StoreError> {
        self.one_load("person = ?1 AND is_current", [person])
    }

    fn one_load(
        &self,
        of: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Option<LoadRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM loads WHERE {of}"))?
                .query_row(parameters, load_row)
                .optional()
        })
    }

    /// The picture of a load with its media type.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn avatar(&self, person: &str, id: &str) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT avatar_kind, avatar FROM loads
                     WHERE person = ?1 AND id = ?2 AND avatar IS NOT NULL",
                )?
                .query_row((person, id), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
    }

    /// Makes a load the current one of its person; `false`: the person has no such load.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn switch_load(&self, person: String, id: String) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let is_there: bool = connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM loads WHERE person = ?1 AND id = ?2)",
                )?
                .query_row((&person, &id), |row| row.get(0))?;
            if is_there {
                make_current(connection, &person, &id)?;
            }
            Ok(is_there)
        })
        .await
    }

    /// Changes a load; `false`: the person has no such load.
    ///
    /// # Errors
    /// It cannot be written; `is_taken` where the person has another one of this name.
    pub async fn update_load(
        &self,
        person: String,
        id: String,
        update: LoadUpdate,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let (describes, description) = given(update.description);
            let (addresses, email) = given(update.email);
            let (pictures, avatar) = given(update.avatar);
            let (kind, picture) = avatar.unzip();
            let changed = connection
                .prepare_cached(
                    "UPDATE loads SET name = coalesce(:name, name), tags = coalesce(:tags, tags),
                         description = CASE WHEN :describes THEN :description ELSE description END,
                         email = CASE WHEN :addresses THEN :email ELSE email END,
                         avatar = CASE WHEN :pictures THEN :picture ELSE avatar END,
                         avatar_kind = CASE WHEN :pictures THEN :kind ELSE avatar_kind END,
                         updated_at = :now
                     WHERE person = :person AND id = :id",
                )?
                .execute(named_params! {
                    ":name": update.name, ":tags": update.tags, ":describes": describes,
                    ":description": description, ":addresses": addresses, ":email": email,
                    ":pictures": pictures, ":picture": picture, ":kind": kind, ":now": millis(now),
                    ":person": person, ":id": id,
                })?;
            Ok(changed > 0)
        })
        .await
    }

    /// Removes a load with all that it holds. Where it was the current one, the newest of the others becomes that. `false`:
    /// the person has no such load.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_load(&self, person: String, id: String) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let gone = connection
                .prepare_cached("DELETE FROM loads WHERE person = ?1 AND id = ?2")?
                .execute((&person, &id))?;
            let next: Option<String> = connection
                .prepare_cached(
                    "SELECT id FROM loads WHERE person = ?1
                         AND NOT EXISTS (SELECT 1 FROM loads WHERE person = ?1 AND is_current)
                     ORDER BY created_at DESC, id DESC LIMIT 1",
                )?
                .query_row([&person], |row| row.get(0))
                .optional()?;
            if let Some(next) = next {
                make_current(connection, &person, &next)?;
            }
            Ok(gone > 0)
        })
        .await
    }

    /// Writes down what a registration is about to send; `None`: it is known that nothing came of it. `false`: the load is
    /// gone.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn load_retry(&self, id: String, retry: Option<Vec<u8>>) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let changed = connection
                .prepare_cached("UPDATE loads SET retry_key = ?2 WHERE id = ?1")?
                .execute((id, retry))?;
            Ok(changed > 0)
        })
        .await
    }

    /// What another registry gave a load before, where that is kept: the id there, and the password, sealed.
    ///
    /// # Errors
    /// The store cannot be read.
    #[expect(clippy::type_complexity, reason = "an id and a sealed password")]
    pub fn load_left(
        &self,
        id: &str,
        registry: &str,
    ) -> Result<Option<(String, Option<Vec<u8>>)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT instance, sealed FROM load_credentials WHERE load = ?1 AND registry = ?2",
                )?
                .query_row((id, registry), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
    }

    /// Keeps what a registry gave, and forgets what was sent for it. What another registry gave before is put aside. `false`:
    /// the load is gone.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn load_given(&self, id: String, given: GivenRow) -> Result<bool, StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO load_credentials
                     SELECT id, registry, instance, sealed FROM loads
                     WHERE id = ?1 AND registry <> ?2 AND instance IS NOT NULL",
                )?
                .execute((&id, &given.registry))?;
            connection
                .prepare_cached("DELETE FROM load_credentials WHERE load = ?1 AND registry = ?2")?
                .execute((&id, &given.registry))?;
            let changed = connection
                .prepare_cached(
                    "UPDATE loads SET registry = :registry, instance = :instance, sealed = :sealed,
                         registered_at = :at, retry_key = NULL
                     WHERE id = :id",
                )?
                .execute(named_params! {
                    ":registry": given.registry, ":instance": given.instance, ":sealed": given.sealed,
                    ":at": millis(given.at), ":id": id,
                })?;
            Ok(changed > 0)
        })
        .await
    }

    /// Notes that a load is not registered any more; its id and password stay, so that it can come back with them.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn load_unregistered(&self, id: String) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE loads SET registered_at = NULL, retry_key = NULL, connect = 0 WHERE id = ?1",
                )?
                .execute([id])
                .map(drop)
        })
        .await
    }

    /// Notes whether a load shall be connected; `false`: the person has no such load.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn connect_load(
        &self,
        person: String,
        id: String,
        connect: bool,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let changed = connection
                .prepare_cached("UPDATE loads SET connect = ?3 WHERE person = ?1 AND id = ?2")?
                .execute((person, id, connect))?;
            Ok(changed > 0)
        })
        .await
    }
}

/// Whether it changes, and to what.
fn given<T>(change: Option<Option<T>>) -> (bool, Option<T>) {
    (change.is_some(), change.flatten())
}

/// In two statements: an index knows only one current load of a person at any time.
fn make_current(connection: &Connection, person: &str, id: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE loads SET is_current = 0 WHERE person = ?1 AND is_current AND id <> ?2",
        )?
        .execute((person, id))?;
    connection
        .prepare_cached("UPDATE loads SET is_current = 1 WHERE person = ?1 AND id = ?2")?
        .execute((person, id))
        .map(drop)
}

fn load_row(row: &Row<'_>) -> rusqlite::Result<LoadRow> {
    Ok(LoadRow {
        id: row.get(0)?,
        person: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        email: row.get(4)?,
        tags: row.get(5)?,
        avatar_kind: row.get(6)?,
        is_current: row.get(7)?,
        created_at: time(row.get(8)?),
        updated_at: time(row.get(9)?),
        registry: row.get(10)?,
        instance: row.get(11)?,
        sealed: row.get(12)?,
        registered_at: row.get::<_, Option<i64>>(13)?.map(time),
        retry: row.get(14)?,
        connect: row.get(15)?,
    })
}
