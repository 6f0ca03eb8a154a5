//! Browsers in which a person has signed in, and one-time tickets for that.

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension as _;

use super::{Store, StoreError, millis};

/// What a row of visits is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitKind {
    /// A browser's cookie.
    Visit,
    /// A link that begins a visit, once.
    Ticket,
}

impl VisitKind {
    fn word(self) -> &'static str {
        match self {
            Self::Visit => "visit",
            Self::Ticket => "ticket",
        }
    }
}

impl Store {
    /// Keeps a new one, and forgets those that have ended.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_visit(
        &self,
        kind: VisitKind,
        hash: [u8; 32],
        person: String,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM visits WHERE expires_at <= ?1")?
                .execute([millis(now)])?;
            connection
                .prepare_cached(
                    "INSERT INTO visits (hash, kind, person, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((hash, kind.word(), person, millis(now), millis(expires_at)))
                .map(drop)
        })
        .await
    }

    /// Whose visit this is; `None`: it is none, or has ended, or the person may not come any more.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn visitor(
        &self,
        hash: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT people.id FROM visits JOIN people ON people.id = visits.person
                     WHERE hash = ?1 AND kind = 'visit' AND expires_at > ?2 AND disabled_at IS NULL",
                )?
                .query_row((hash, millis(now)), |row| row.get(0))
                .optional()
        })
    }

    /// Takes one away, and says whose it was; so a ticket is good once.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn take_visit(
        &self,
        kind: VisitKind,
        hash: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<String>, StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM visits WHERE hash = ?1 AND kind = ?2 AND expires_at > ?3 RETURNING person",
                )?
                .query_row((hash, kind.word(), millis(now)), |row| row.get(0))
                .optional()
        })
        .await
    }
}
