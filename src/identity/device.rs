//! Terminals without a browser: a person types their code elsewhere (RFC 8628).

use chrono::TimeDelta;
use secrecy::SecretString;

use super::client::{Client, GrantType};
use super::kept::scopes;
use super::key::{fresh, hash, random};
use super::principal::PersonId;
use super::refusal::{Refusal, RefusalCode};
use super::scope::Scopes;
use super::token::Issued;
use super::{Identity, IdentityError};
use crate::store::{Asked, DeviceRow};

/// How long a person has for it.
const LIFE: TimeDelta = TimeDelta::minutes(10);
/// How long a code that has ended is told from one that never was.
const KEPT: TimeDelta = TimeDelta::minutes(10);
/// Least seconds between two questions, and how many are added each time that it was less.
const WAIT_S: i64 = 5;
/// Most terminals that wait.
const MOST: u32 = 1000;
/// What user codes are made of: no vowels, so that no words come out, and nothing that looks like something else
/// (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many of them: 34 bits, for ten minutes, and only for people who are signed in.
const LENGTH: usize = 8;

/// A device code that was just made.
#[derive(Debug)]
pub struct MadeDevice {
    /// What the terminal asks with: the only time that anybody sees it.
    pub code: SecretString,
    /// What the person types, as `XXXX-XXXX`.
    pub user_code: String,
    /// How long both are good.
    pub expires_in: TimeDelta,
    /// Least seconds between two questions.
    pub wait_s: i64,
}

/// What a terminal asks a person for.
#[derive(Debug, Clone)]
pub struct DeviceAsk {
    /// Who asks.
    pub client: Client,
    /// For what.
    pub scopes: Scopes,
    /// As `XXXX-XXXX`.
    pub user_code: String,
    audience: Option<String>,
}

impl Identity {
    /// A code for a terminal.
    ///
    /// # Errors
    /// `unauthorized_client` or `invalid_scope` where the client did not register for it; `temporarily_unavailable` where too
    /// many wait.
    pub async fn begin_device(
        &self,
        client: &Client,
        asked: Option<&str>,
        audience: Option<String>,
    ) -> Result<MadeDevice, Refusal> {
        client.may_use(GrantType::Device)?;
        let scopes = client.asks(asked)?;
        let now = (self.clock)();
        let (code, hash) = fresh("jd_")?;
        let user_code = user_code()?;
        let row = DeviceRow {
            hash,
            user_code: user_code.clone(),
            client: client.id.clone(),
            scopes: scopes.to_string(),
            audience,
            created_at: now,
            expires_at: now + LIFE,
            wait_s: WAIT_S,
            asked_at: None,
            grant: None,
            denied_at: None,
        };
        if !self.store.insert_device(row, now - KEPT, MOST).await? {
            let why = "too many terminals wait for a person; try again in some minutes";
            return Err(Refusal::of(RefusalCode::TemporarilyUnavailable, why));
        }
        Ok(MadeDevice {
            code,
            user_code: shown(&user_code),
            expires_in: LIFE,
            wait_s: WAIT_S,
        })
    }

    /// What a person who typed this code is asked; `None`: nobody waits with it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn device_ask(&self, typed: &str) -> Result<Option<DeviceAsk>, IdentityError> {
        let device = self
            .store
            .waiting_device(&typed_code(typed), (self.clock)())?;
        let Some(device) = device else {
            return Ok(None);
        };
        let client = self.client(&device.client)?;
        Ok(client.map(|client| DeviceAsk {
            client,
            scopes: scopes(&device.scopes),
            user_code: shown(&device.user_code),
            audience: device.audience,
        }))
    }

    /// A person allows a terminal something.
    ///
    /// # Errors
    /// `access_denied` where nothing is left to allow, `expired_token` where it does not wait any more.
    pub async fn allow_device(
        &self,
        person: &PersonId,
        ask: &DeviceAsk,
        allowed: &Scopes,
    ) -> Result<(), Refusal> {
        let audience = ask.audience.clone();
        let grant = self.grant(person, &ask.client, &ask.scopes, allowed, audience)?;
        self.answer_device(ask, Some(grant)).await
    }

    /// A person says no.
    ///
    /// # Errors
    /// `expired_token` where it does not wait any more.
    pub async fn deny_device(&self, ask: &DeviceAsk) -> Result<(), Refusal> {
        self.answer_device(ask, None).await
    }

    async fn answer_device(
        &self,
        ask: &DeviceAsk,
        grant: Option<crate::store::GrantRow>,
    ) -> Result<(), Refusal> {
        let code = typed_code(&ask.user_code);
        if self
            .store
            .answer_device(code, grant, (self.clock)())
            .await?
        {
            return Ok(());
        }
        let why = "the terminal does not wait with this code any more";
        Err(Refusal::of(RefusalCode::ExpiredToken, why))
    }

    /// The terminal asks for its tokens.
    ///
    /// # Errors
    /// `authorization_pending`, `slow_down`, `access_denied`, `expired_token`; `invalid_grant` for a code that is none, or
    /// used up.
    pub async fn exchange_device(
        &self,
        client: &Client,
        code: &SecretString,
        audience: Option<&str>,
    ) -> Result<Issued, Refusal> {
        client.may_use(GrantType::Device)?;
        let asked = self
            .store
            .ask_device(hash(code), client.id.clone(), (self.clock)(), WAIT_S);
        let (code, why) = match asked.await? {
            Asked::Allowed(grant) => return self.issue(client, &grant, audience).await,
            Asked::Unknown => (RefusalCode::InvalidGrant, "this device code is not known"),
            Asked::Expired => (
                RefusalCode::ExpiredToken,
                "this device code has ended; ask for another one",
            ),
            Asked::Denied => (RefusalCode::AccessDenied, "the person said no"),
            Asked::TooSoon => (
                RefusalCode::SlowDown,
                "this was asked too soon; wait five seconds longer from now on",
            ),
            Asked::Waiting => (
                RefusalCode::AuthorizationPending,
                "the person has not answered yet",
            ),
        };
        Err(Refusal::of(code, why))
    }
}

fn user_code() -> Result<String, IdentityError> {
    let mut code = String::new();
    while code.len() < LENGTH {
        let mut byte = [0];
        random(&mut byte)?;
        // 240 is the largest multiple of 20 in a byte: what is above would make some letters likelier.
        if byte[0] < 240 {
            code.push(char::from(LETTERS[usize::from(byte[0]) % LETTERS.len()]));
        }
    }
    Ok(code)
}

fn shown(code: &str) -> String {
    let (one, other) = code.split_at_checked(LENGTH / 2).unwrap_or((code, ""));
    format!("{one}-{other}")
}

/// What a person typed, without what only helps to read it.
fn typed_code(typed: &str) -> String {
    typed
        .chars()
        .filter(char::is_ascii_alphabetic)
        .take(LENGTH + 1)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}
