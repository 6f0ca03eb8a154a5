//! What people allowed clients, and the codes and tokens that follow from it.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::{Store, StoreError, millis, time};

/// How long ended tokens are kept: as long as their replay shall be noticed.
const KEPT: TimeDelta = TimeDelta::days(1);

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// An authorization code, good once.
    Code,
    /// Opens the API.
    Access,
    /// Gets the next access token, once.
    Refresh,
}

impl TokenKind {
    fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "access" => Self::Access,
            "refresh" => Self::Refresh,
            _ => Self::Code,
        }
    }
}

/// What a person allowed a client, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// Its id.
    pub id: String,
    /// Which client.
    pub client: String,
    /// Which person.
    pub person: String,
    /// Words between spaces.
    pub scopes: String,
    /// The resource that was named.
    pub audience: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it ended before its time.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A code or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// SHA-256 of its value.
    pub hash: [u8; 32],
    /// What it is for.
    pub kind: TokenKind,
    /// The grant that it follows from.
    pub grant: String,
    /// Words between spaces.
    pub scopes: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was used, where it is good once.
    pub used_at: Option<DateTime<Utc>>,
    /// Of a code: where it was sent.
    pub redirect: Option<String>,
    /// Of a code: S256 of the verifier.
    pub challenge: Option<String>,
}

/// A token with what it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundToken {
    /// The token.
    pub token: TokenRow,
    /// Its grant.
    pub grant: GrantRow,
}

/// A grant that still opens something, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveGrantRow {
    /// The grant.
    pub grant: GrantRow,
    /// What its client calls itself.
    pub name: String,
    /// When a code or a token last came of it.
    pub last_issued_at: Option<DateTime<Utc>>,
}

/// What became of using a code or a refresh token up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was good, and is used up now.
    Now(Box<FoundToken>),
    /// It had been used before: its whole family has been revoked.
    Before {
        /// The grant that ended.
        grant: String,
    },
    /// There is none like this for this client.
    Unknown,
}

impl Store {
    /// Keeps a grant with the first tokens of it, and notes that its client is used.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_grant(
        &self,
        grant: GrantRow,
        tokens: Vec<TokenRow>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            insert_grant(connection, &grant)?;
            insert_tokens(connection, &tokens)
        })
        .await
    }

    /// Keeps further tokens of a grant.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_tokens(&self, tokens: Vec<TokenRow>) -> Result<(), StoreError> {
        self.write(move |connection| insert_tokens(connection, &tokens))
            .await
    }

    /// A token, ended ones included.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn token(&self, hash: &[u8; 32]) -> Result<Option<FoundToken>, StoreError> {
        self.read(|connection| found(connection, hash))
    }

    /// Uses a code or a refresh token of this client up; one that was used before takes its whole family with it.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn take_token(
        &self,
        kind: TokenKind,
        hash: [u8; 32],
        client: String,
        now: DateTime<Utc>,
    ) -> Result<Taken, StoreError> {
        self.write(move |connection| {
            let found = found(connection, &hash)?
                .filter(|found| found.token.kind == kind && found.grant.client == client);
            let Some(found) = found else {
                return Ok(Taken::Unknown);
            };
            if found.token.used_at.is_some() {
                let grant = found.grant.id;
                revoke(connection, &grant, now)?;
                return Ok(Taken::Before { grant });
            }
            connection.execute(
                "UPDATE tokens SET used_at = ?2 WHERE hash = ?1",
                (hash, millis(now)),
            )?;
            connection.execute(
                "UPDATE clients SET used_at = ?2 WHERE id = ?1",
                (client, millis(now)),
            )?;
            Ok(Taken::Now(Box::new(found)))
        })
        .await
    }

    /// Ends a whole family.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn revoke_grant(&self, id: String, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |connection| revoke(connection, &id, now))
            .await
    }

    /// The grants of a person, or everybody's, of which something is still good; oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn live_grants(
        &self,
        person: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Vec<LiveGrantRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT grants.id, client, person, grants.scopes, audience, grants.created_at, revoked_at,
                            clients.name, (SELECT max(created_at) FROM tokens WHERE of_grant = grants.id)
                     FROM grants JOIN clients ON clients.id = client
                     WHERE revoked_at IS NULL AND (?1 IS NULL OR person = ?1)
                       AND (EXISTS (SELECT 1 FROM tokens
                                    WHERE of_grant = grants.id AND expires_at > ?2 AND used_at IS NULL)
                            OR EXISTS (SELECT 1 FROM devices WHERE of_grant = grants.id AND expires_at > ?2))
                     ORDER BY grants.created_at, grants.id",
                )?
                .query_map((person, millis(now)), |row| {
                    Ok(LiveGrantRow {
                        grant: grant_row(row, 0)?,
                        name: row.get(7)?,
                        last_issued_at: row.get::<_, Option<i64>>(8)?.map(time),
                    })
                })?
                .collect()
        })
    }

    /// Ends a whole family, where it is this person's; `None`: whosever it is. Whether there is one.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn revoke_grant_of(
        &self,
        id: String,
        person: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let there = connection
                .prepare_cached(
                    "SELECT 1 FROM grants WHERE id = ?1 AND (?2 IS NULL OR person = ?2)",
                )?
                .exists((&id, person))?;
            if there {
                revoke(connection, &id, now)?;
            }
            Ok(there)
        })
        .await
    }

    /// Ends one token.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_token(&self, hash: [u8; 32]) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .execute("DELETE FROM tokens WHERE hash = ?1", [hash])
                .map(drop)
        })
        .await
    }
}

/// Keeps a grant, notes that its client is used, and forgets what has ended long ago.
pub(super) fn insert_grant(connection: &Connection, grant: &GrantRow) -> rusqlite::Result<()> {
    forget_tokens(connection, grant.created_at)?;
    let ended = millis(grant.created_at - KEPT);
    connection.execute(
        "DELETE FROM grants WHERE created_at < ?1 AND NOT EXISTS (SELECT 1 FROM tokens WHERE of_grant = grants.id)",
        [ended],
    )?;
    connection.execute(
        "INSERT INTO grants (id, client, person, scopes, audience, created_at)
         VALUES (:id, :client, :person, :scopes, :audience, :created_at)",
        named_params! {
            ":id": grant.id, ":client": grant.client, ":person": grant.person, ":scopes": grant.scopes,
            ":audience": grant.audience, ":created_at": millis(grant.created_at),
        },
    )?;
    connection
        .execute(
            "UPDATE clients SET used_at = ?2 WHERE id = ?1",
            (&grant.client, millis(grant.created_at)),
        )
        .map(drop)
}

fn forget_tokens(connection: &Connection, now: DateTime<Utc>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM tokens WHERE expires_at < ?1")?
        .execute([millis(now - KEPT)])
        .map(drop)
}

fn insert_tokens(connection: &Connection, tokens: &[TokenRow]) -> rusqlite::Result<()> {
    if let Some(newest) = tokens.iter().map(|token| token.created_at).max() {
        forget_tokens(connection, newest)?;
    }
    for token in tokens {
        connection
            .prepare_cached(
                "INSERT INTO tokens (hash, kind, of_grant, scopes, created_at, expires_at, redirect, challenge)
                 VALUES (:hash, :kind, :grant, :scopes, :created_at, :expires_at, :redirect, :challenge)",
            )?
            .execute(named_params! {
                ":hash": token.hash, ":kind": token.kind.word(), ":grant": token.grant, ":scopes": token.scopes,
                ":created_at": millis(token.created_at), ":expires_at": millis(token.expires_at),
                ":redirect": token.redirect, ":challenge": token.challenge,
            })?;
    }
    Ok(())
}

fn revoke(connection: &Connection, grant: &str, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let revoke = "UPDATE grants SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
    connection.execute(revoke, (grant, millis(now))).map(drop)
}

/// Ends everything that a person allowed.
pub(super) fn revoke_all(
    connection: &Connection,
    person: &str,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE grants SET revoked_at = ?2 WHERE person = ?1 AND revoked_at IS NULL",
        )?
        .execute((person, millis(now)))
        .map(drop)
}

fn found(connection: &Connection, hash: &[u8; 32]) -> rusqlite::Result<Option<FoundToken>> {
    connection
        .prepare_cached(
            "SELECT tokens.hash, tokens.kind, tokens.of_grant, tokens.scopes, tokens.created_at, tokens.expires_at,
                    tokens.used_at, tokens.redirect, tokens.challenge,
                    grants.id, grants.client, grants.person, grants.scopes, grants.audience, grants.created_at,
                    grants.revoked_at
             FROM tokens JOIN grants ON grants.id = tokens.of_grant
             WHERE tokens.hash = ?1",
        )?
        .query_row([hash], |row| {
            Ok(FoundToken { token: token_row(row)?, grant: grant_row(row, 9)? })
        })
        .optional()
}

fn token_row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    let kind: String = row.get(1)?;
    Ok(TokenRow {
        hash: row.get(0)?,
        kind: TokenKind::of(&kind),
        grant: row.get(2)?,
        scopes: row.get(3)?,
        created_at: time(row.get(4)?),
        expires_at: time(row.get(5)?),
        used_at: row.get::<_, Option<i64>>(6)?.map(time),
        redirect: row.get(7)?,
        challenge: row.get(8)?,
    })
}

pub(super) fn grant_row(row: &Row<'_>, first: usize) -> rusqlite::Result<GrantRow> {
    Ok(GrantRow {
        id: row.get(first)?,
        client: row.get(first + 1)?,
        person: row.get(first + 2)?,
        scopes: row.get(first + 3)?,
        audience: row.get(first + 4)?,
        created_at: time(row.get(first + 5)?),
        revoked_at: row.get::<_, Option<i64>>(first + 6)?.map(time),
    })
}
