//! People, and by which accounts at a provider they are known.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::tokens::revoke_all;
use super::{Store, StoreError, millis, time};

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Its id.
    pub id: String,
    /// `owner` or `member`.
    pub role: String,
    /// What people call it.
    pub name: Option<String>,
    /// Its address, where an issuer has verified it.
    pub email: Option<String>,
    /// Words between spaces; of an owner `None`.
    pub scopes: Option<String>,
    /// `SITE` or `SITE:ACCOUNT` each; `None`: every session.
    pub reach: Option<Vec<String>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last signed in.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Since when it may not come any more.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// What changes of a person; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct PersonUpdate {
    /// What people call it.
    pub name: Option<String>,
    /// Words between spaces.
    pub scopes: Option<String>,
    /// As in [`PersonRow::reach`].
    pub reach: Option<Option<Vec<String>>>,
    /// Whether it may not come any more.
    pub disabled: Option<bool>,
}

/// An account at a provider: `iss` and `sub`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Whose.
    pub issuer: String,
    /// Which: never given to another one.
    pub subject: String,
}

/// Whether a row of `people` was only made for an instance: a member without an account at a provider who never signed in.
pub(super) const BARE: &str = "people.role = 'member' AND people.last_seen_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM identities WHERE identities.person = people.id)";

const PERSON: &str = "SELECT people.id, role, name, email, scopes, reach, people.created_at, last_seen_at, disabled_at
                      FROM people";

impl Store {
    /// Makes the owner, where nobody is kept yet.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn make_owner(&self, id: &'static str, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |connection| {
            let make =
                "INSERT OR IGNORE INTO people (id, role, created_at) VALUES (?1, 'owner', ?2)";
            connection.execute(make, (id, millis(now))).map(drop)
        })
        .await
    }

    /// One person.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn person(&self, id: &str) -> Result<Option<PersonRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!("{PERSON} WHERE id = ?1"))?
                .query_row([id], person_row)
                .optional()
        })
    }

    /// Whether a person was only made for an instance: a member without an account at a provider who never signed in.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn is_bare(&self, person: &str) -> Result<bool, StoreError> {
        self.read(|connection| is_bare(connection, person))
    }

    /// The newest thousand of those who were only made for an instance, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn bare_people(&self) -> Result<Vec<PersonRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{PERSON} WHERE {BARE} ORDER BY created_at DESC, id LIMIT 1000"
                ))?
                .query_map([], person_row)?
                .collect()
        })
    }

    /// Everybody but those who were only made for an instance, in the order in which they came.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn people(&self) -> Result<Vec<PersonRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{PERSON} WHERE NOT ({BARE}) ORDER BY created_at, id"
                ))?
                .query_map([], person_row)?
                .collect()
        })
    }

    /// Whose account at a provider this is.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn person_by_account(&self, account: &AccountRow) -> Result<Option<PersonRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{PERSON} JOIN identities ON identities.person = people.id WHERE issuer = ?1 AND subject = ?2"
                ))?
                .query_row((&account.issuer, &account.subject), person_row)
                .optional()
        })
    }

    /// A person's accounts at providers.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn accounts(&self, person: &str) -> Result<Vec<AccountRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT issuer, subject FROM identities WHERE person = ?1 ORDER BY issuer, subject",
                )?
                .query_map([person], |row| {
                    Ok(AccountRow {
                        issuer: row.get(0)?,
                        subject: row.get(1)?,
                    })
                })?
                .collect()
        })
    }

    /// Keeps a new person who is known by this account. `is_taken`: somebody is already.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_person(
        &self,
        row: PersonRow,
        account: AccountRow,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            insert_bare(connection, &row)?;
            link(connection, &row.id, &account, row.created_at)
        })
        .await
    }

    /// Makes an account that of a person who has none yet; whether it did.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn link_first(
        &self,
        person: String,
        account: AccountRow,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let has: bool = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM identities WHERE person = ?1)")?
                .query_row([&person], |row| row.get(0))?;
            if !has {
                link(connection, &person, &account, now)?;
            }
            Ok(!has)
        })
        .await
    }

    /// Keeps what the provider says of a person who has signed in again.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn seen_person(
        &self,
        id: String,
        name: Option<String>,
        email: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE people SET name = coalesce(name, ?2), email = ?3, last_seen_at = ?4 WHERE id = ?1",
                )?
                .execute((id, name, email, millis(now)))
                .map(drop)
        })
        .await
    }

    /// Changes some of a person; one that may not come any more loses its visits. Whether it is there.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn update_person(
        &self,
        id: String,
        update: PersonUpdate,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            // In one statement: two changes at once must not undo each other.
            let changed = connection
                .prepare_cached(
                    "UPDATE people SET name = coalesce(:name, name), scopes = coalesce(:scopes, scopes),
                       reach = CASE WHEN :reaches THEN :reach ELSE reach END,
                       disabled_at = CASE :disabled WHEN 1 THEN coalesce(disabled_at, :now) WHEN 0 THEN NULL
                                     ELSE disabled_at END
                     WHERE id = :id",
                )?
                .execute(named_params! {
                    ":id": id, ":name": update.name, ":scopes": update.scopes,
                    ":reaches": update.reach.is_some(),
                    ":reach": list(update.reach.flatten().as_deref()),
                    ":disabled": update.disabled, ":now": millis(now),
                })?;
            if update.disabled == Some(true) {
                end_visits(connection, &id)?;
            }
            Ok(changed > 0)
        })
        .await
    }

    /// Forgets a person's accounts at providers, ends its visits, and revokes its grants. `false`: nothing was done, since it
    /// may not come any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn unlink_person(&self, id: String, now: DateTime<Utc>) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let disabled = connection
                .prepare_cached("SELECT 1 FROM people WHERE id = ?1 AND disabled_at IS NOT NULL")?
                .exists([&id])?;
            if disabled {
                return Ok(false);
            }
            connection.execute("DELETE FROM identities WHERE person = ?1", [&id])?;
            revoke_all(connection, &id, now)?;
            end_visits(connection, &id)?;
            Ok(true)
        })
        .await
    }
}

/// As [`Store::is_bare`].
pub(super) fn is_bare(connection: &Connection, person: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(&format!("SELECT 1 FROM people WHERE id = ?1 AND {BARE}"))?
        .exists([person])
}

/// Keeps a new person, whom no account knows yet.
pub(super) fn insert_bare(connection: &Connection, row: &PersonRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO people (id, role, name, email, scopes, reach, created_at, last_seen_at)
             VALUES (:id, :role, :name, :email, :scopes, :reach, :created_at, :last_seen_at)",
        )?
        .execute(named_params! {
            ":id": row.id, ":role": row.role, ":name": row.name, ":email": row.email,
            ":scopes": row.scopes, ":reach": list(row.reach.as_deref()),
            ":created_at": millis(row.created_at), ":last_seen_at": row.last_seen_at.map(millis),
        })
        .map(drop)
}

fn link(
    connection: &Connection,
    person: &str,
    account: &AccountRow,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO identities (issuer, subject, person, created_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((&account.issuer, &account.subject, person, millis(now)))
        .map(drop)
}

fn end_visits(connection: &Connection, person: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM visits WHERE person = ?1")?
        .execute([person])
        .map(drop)
}

fn list(reach: Option<&[String]>) -> Option<String> {
    reach.map(|list| serde_json::json!(list).to_string())
}

fn person_row(row: &Row<'_>) -> rusqlite::Result<PersonRow> {
    let reach: Option<String> = row.get(5)?;
    Ok(PersonRow {
        id: row.get(0)?,
        role: row.get(1)?,
        name: row.get(2)?,
        email: row.get(3)?,
        scopes: row.get(4)?,
        // What cannot be read reaches nothing.
        reach: reach.map(|list| serde_json::from_str(&list).unwrap_or_default()),
        created_at: time(row.get(6)?),
        last_seen_at: row.get::<_, Option<i64>>(7)?.map(time),
        disabled_at: row.get::<_, Option<i64>>(8)?.map(time),
    })
}
