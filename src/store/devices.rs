//! Terminals that wait until a person allows them something elsewhere.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::tokens::insert_grant;
use super::{GrantRow, Store, StoreError, millis, time};

/// One device code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// SHA-256 of the device code.
    pub hash: [u8; 32],
    /// What the person types.
    pub user_code: String,
    /// Which client asked.
    pub client: String,
    /// The scopes that it asked for, between spaces.
    pub scopes: String,
    /// The resource that was named.
    pub audience: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Least seconds between two questions.
    pub wait_s: i64,
    /// When it last asked.
    pub asked_at: Option<DateTime<Utc>>,
    /// What the person allowed.
    pub grant: Option<String>,
    /// When the person said no.
    pub denied_at: Option<DateTime<Utc>>,
}

/// What a terminal that asks is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// There is no such code of this client, or it was answered and used.
    Unknown,
    /// It has ended.
    Expired,
    /// The person said no.
    Denied,
    /// It asked too soon, and has to wait longer from now on.
    TooSoon,
    /// Nobody has answered yet.
    Waiting,
    /// Allowed; the code is used up.
    Allowed(GrantRow),
}

const DEVICE: &str =
    "hash, user_code, client, scopes, audience, created_at, expires_at, wait_s, asked_at, of_grant,
    denied_at";

impl Store {
    /// Keeps a new code, and forgets those that ended long enough ago that nobody asks for them. `false`: too many wait.
    ///
    /// # Errors
    /// It cannot be written, or the user code is taken.
    pub async fn insert_device(
        &self,
        row: DeviceRow,
        forgotten_before: DateTime<Utc>,
        most: u32,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            connection.execute(
                "DELETE FROM devices WHERE expires_at < ?1",
                [millis(forgotten_before)],
            )?;
            let count: u32 =
                connection.query_row("SELECT count(*) FROM devices", [], |row| row.get(0))?;
            if count >= most {
                return Ok(false);
            }
            connection.execute(
                "INSERT INTO devices (hash, user_code, client, scopes, audience, created_at, expires_at, wait_s)
                 VALUES (:hash, :user_code, :client, :scopes, :audience, :created_at, :expires_at, :wait_s)",
                named_params! {
                    ":hash": row.hash, ":user_code": row.user_code, ":client": row.client, ":scopes": row.scopes,
                    ":audience": row.audience, ":created_at": millis(row.created_at),
                    ":expires_at": millis(row.expires_at), ":wait_s": row.wait_s,
                },
            )?;
            Ok(true)
        })
        .await
    }

    /// The code that a person typed, where it still waits for an answer.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn waiting_device(
        &self,
        user_code: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<DeviceRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {DEVICE} FROM devices
                     WHERE user_code = ?1 AND expires_at > ?2 AND of_grant IS NULL AND denied_at IS NULL"
                ))?
                .query_row((user_code, millis(now)), device_row)
                .optional()
        })
    }

    /// Answers a code that waits: with a grant, or, without one, with a no. `false`: it does not wait any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn answer_device(
        &self,
        user_code: String,
        grant: Option<GrantRow>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let waits = connection
                .prepare_cached(
                    "SELECT 1 FROM devices
                     WHERE user_code = ?1 AND expires_at > ?2 AND of_grant IS NULL AND denied_at IS NULL",
                )?
                .exists((&user_code, millis(now)))?;
            if !waits {
                return Ok(false);
            }
            if let Some(grant) = &grant {
                insert_grant(connection, grant)?;
            }
            let denied = grant.is_none().then(|| millis(now));
            connection.execute(
                "UPDATE devices SET of_grant = ?2, denied_at = ?3 WHERE user_code = ?1",
                (&user_code, grant.map(|grant| grant.id), denied),
            )?;
            Ok(true)
        })
        .await
    }

    /// A terminal asks whether there is an answer. Who asks too soon has to wait `more_s` seconds longer each time.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn ask_device(
        &self,
        hash: [u8; 32],
        client: String,
        now: DateTime<Utc>,
        more_s: i64,
    ) -> Result<Asked, StoreError> {
        self.write(move |connection| {
            let device = connection
                .prepare_cached(&format!("SELECT {DEVICE} FROM devices WHERE hash = ?1 AND client = ?2"))?
                .query_row((hash, client), device_row)
                .optional()?;
            let Some(device) = device else {
                return Ok(Asked::Unknown);
            };
            if device.expires_at <= now {
                return Ok(Asked::Expired);
            }
            let soon = |at: DateTime<Utc>| (now - at).num_milliseconds() < device.wait_s * 1000;
            let too_soon = device.asked_at.is_some_and(soon);
            connection
                .prepare_cached("UPDATE devices SET asked_at = ?2, wait_s = wait_s + ?3 WHERE hash = ?1")?
                .execute((hash, millis(now), if too_soon { more_s } else { 0 }))?;
            if too_soon {
                return Ok(Asked::TooSoon);
            }
            if device.denied_at.is_some() {
                return Ok(Asked::Denied);
            }
            let Some(grant) = device.grant else {
                return Ok(Asked::Waiting);
            };
            let grant = connection
                .prepare_cached(
                    "SELECT id, client, person, scopes, audience, created_at, revoked_at FROM grants WHERE id = ?1",
                )?
                .query_row([grant], |row| super::tokens::grant_row(row, 0))?;
            connection.execute("DELETE FROM devices WHERE hash = ?1", [hash])?;
            Ok(Asked::Allowed(grant))
        })
        .await
    }
}

fn device_row(row: &Row<'_>) -> rusqlite::Result<DeviceRow> {
    Ok(DeviceRow {
        hash: row.get(0)?,
        user_code: row.get(1)?,
        client: row.get(2)?,
        scopes: row.get(3)?,
        audience: row.get(4)?,
        created_at: time(row.get(5)?),
        expires_at: time(row.get(6)?),
        wait_s: row.get(7)?,
        asked_at: row.get::<_, Option<i64>>(8)?.map(time),
        grant: row.get(9)?,
        denied_at: row.get::<_, Option<i64>>(10)?.map(time),
    })
}
