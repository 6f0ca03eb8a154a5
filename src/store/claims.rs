//! Whose an instance is.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::instances::end_tokens;
use super::people::{insert_bare, is_bare};
use super::{PersonRow, SecretRow, Store, StoreError, millis};

/// Who claims an instance, and what it gets for it.
#[derive(Clone)]
pub struct ClaimRow {
    /// Whose it shall be.
    pub person: String,
    /// Salt, cost and hash of its new password.
    pub secret: SecretRow,
    /// Scope words that tokens for that password can at most have.
    pub ceiling: Option<String>,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is the person's now, with the new password alone.
    Now {
        /// The ids of the other instances that came with it. None of them has a password any more.
        along: Vec<String>,
    },
    /// There is none, or it is another person's.
    No,
}

/// Behind an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BehindRow {
    /// The person's id.
    pub person: String,
    /// Whether it was only made for an instance.
    pub is_bare: bool,
    /// As in [`super::InstanceRow::ceiling`].
    pub ceiling: Option<String>,
}

impl Store {
    /// Makes an instance a person's, where it is that already or nobody's who is known, and gives it another password: every
    /// one before is good no more, and its tokens end. Who was only made for it (without an account, never signed in, not
    /// kept out) is merged into the person, with documents, loads and whatever else is its own; other instances of it lose
    /// their passwords, which others may know.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn claim_instance(
        &self,
        id: String,
        claim: ClaimRow,
        now: DateTime<Utc>,
    ) -> Result<Claimed, StoreError> {
        self.write(move |connection| {
            let found: Option<Option<String>> = connection
                .prepare_cached("SELECT person FROM instances WHERE id = ?1")?
                .query_row([&id], |row| row.get(0))
                .optional()?;
            let Some(before) = found else {
                return Ok(Claimed::No);
            };
            let merged = before.filter(|own| *own != claim.person);
            if let Some(own) = &merged
                && !may_be_merged(connection, own)?
            {
                return Ok(Claimed::No);
            }
            connection
                .prepare_cached(
                    "UPDATE instances SET person = :person, salt = :salt, cost = :cost, hash = :hash, ceiling = :ceiling,
                       next_hash = NULL, next_ceiling = NULL, retry_key = NULL, retry_print = NULL, updated_at = :now
                     WHERE id = :id",
                )?
                .execute(named_params! {
                    ":id": id, ":person": claim.person, ":salt": claim.secret.salt, ":cost": claim.secret.cost,
                    ":hash": claim.secret.hash, ":ceiling": claim.ceiling, ":now": millis(now),
                })?;
            end_tokens(connection, &id)?;
            let along = match &merged {
                Some(own) => merge(connection, own, &claim)?,
                None => Vec::new(),
            };
            Ok(Claimed::Now { along })
        })
        .await
    }

    /// Who is behind an instance; where it is nobody's, this person is made for it. `None`: it is not registered.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn behind_instance(
        &self,
        id: String,
        new: PersonRow,
    ) -> Result<Option<BehindRow>, StoreError> {
        self.write(move |connection| {
            let found: Option<(Option<String>, Option<String>)> = connection
                .prepare_cached(
                    "SELECT person, ceiling FROM instances WHERE id = ?1 AND status <> 'unregistered'",
                )?
                .query_row([&id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((person, ceiling)) = found else {
                return Ok(None);
            };
            let person = match person {
                Some(person) => person,
                None => {
                    insert_bare(connection, &new)?;
                    connection
                        .prepare_cached("UPDATE instances SET person = ?2 WHERE id = ?1")?
                        .execute((&id, &new.id))?;
                    new.id
                }
            };
            Ok(Some(BehindRow {
                is_bare: is_bare(connection, &person)?,
                person,
                ceiling,
            }))
        })
        .await
    }
}

/// Whether a person was only made for an instance, and may come.
fn may_be_merged(connection: &Connection, person: &str) -> rusqlite::Result<bool> {
    let may_come = connection
        .prepare_cached("SELECT 1 FROM people WHERE id = ?1 AND disabled_at IS NULL")?
        .exists([person])?;
    Ok(may_come && is_bare(connection, person)?)
}

/// Gives the memories of one person to another. A memory that is there already cannot take in the numbers of another one: what
/// comes for the same user is kept under its name with the id of who had it behind, and documents of it are split again where
/// they belong from now on.
fn move_spaces(connection: &Connection, from: &str, into: &str) -> rusqlite::Result<()> {
    // Its own first: that one takes the name of the person where it is free.
    let spaces: Vec<(i64, String)> = connection
        .prepare_cached(
            "SELECT id, iif(user = ?1, ?2, user) FROM memory_spaces WHERE person = ?1 ORDER BY user <> ?1, id",
        )?
        .query_map([from, into], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (space, wanted) in spaces {
        let is_taken = |user: &str| {
            connection
                .prepare_cached("SELECT 1 FROM memory_spaces WHERE person = ?1 AND user = ?2")?
                .exists([into, user])
        };
        let mut user = wanted.clone();
        let mut times = 1;
        while is_taken(&user)? {
            // A name has 255 characters at most.
            let begin: String = wanted.chars().take(200).collect();
            user = match times {
                1 => format!("{begin} ({from})"),
                _ => format!("{begin} ({from} {times})"),
            };
            times += 1;
        }
        if times > 1 {
            connection
                .prepare_cached(
                    "UPDATE documents SET rules = 0 WHERE id IN (SELECT document FROM passages WHERE space = ?1)",
                )?
                .execute([space])?;
        }
        connection
            .prepare_cached("UPDATE memory_spaces SET person = ?2, user = ?3 WHERE id = ?1")?
            .execute((space, into, user))?;
    }
    Ok(())
}

/// Gives everything of one person to who claims, and deletes it; the ids of its other instances. Of two that have one name,
/// the one that comes gets an id behind it; what was current there is not current here.
fn merge(connection: &Connection, from: &str, claim: &ClaimRow) -> rusqlite::Result<Vec<String>> {
    let into = claim.person.as_str();
    let along: Vec<String> = connection
        .prepare_cached("SELECT id FROM instances WHERE person = ?1")?
        .query_map([from], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in &along {
        end_tokens(connection, id)?;
    }
    // Nobody has shown their passwords: whoever knows one must not get in as the person. No password has a random hash.
    connection
        .prepare_cached(
            "UPDATE instances SET person = ?2, hash = randomblob(32), ceiling = ?3, next_hash = NULL, next_ceiling = NULL,
               retry_key = NULL, retry_print = NULL
             WHERE person = ?1",
        )?
        .execute((from, into, &claim.ceiling))?;
    move_spaces(connection, from, into)?;
    for sql in [
        "UPDATE documents SET name = substr(name, 1, 230) || ' (' || id || ')'
         WHERE person = ?1 AND (EXISTS (SELECT 1 FROM documents AS own WHERE own.person = ?2
             AND own.user = iif(documents.user = ?1, ?2, documents.user) AND own.name = documents.name)
           OR documents.user = ?1 AND EXISTS (SELECT 1 FROM documents AS other WHERE other.person = ?1
             AND other.user = ?2 AND other.name = documents.name))",
        "UPDATE documents SET person = ?2, user = iif(user = ?1, ?2, user) WHERE person = ?1",
        "UPDATE loads SET name = substr(name, 1, 200) || ' (' || id || ')'
         WHERE person = ?1 AND name IN (SELECT name FROM loads WHERE person = ?2)",
        "UPDATE loads SET is_current = 0
         WHERE person = ?1 AND EXISTS (SELECT 1 FROM loads WHERE person = ?2 AND is_current)",
        "UPDATE loads SET person = ?2 WHERE person = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([from, into])?;
    }
    connection
        .prepare_cached("DELETE FROM people WHERE id = ?1")?
        .execute([from])?;
    Ok(along)
}
