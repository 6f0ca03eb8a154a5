//! `key`: API keys. A daemon that runs is asked; otherwise the store is opened here.

use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::daemon::Daemon;
use super::{Stop, complain, say, say_json};
use crate::identity::{
    Identity, IdentityError, Key, MadeKey, NewKey, Principal, Reach, Scope, Scopes,
};
use crate::session::Files;
use crate::store::Store;

#[derive(Subcommand)]
pub(super) enum KeyVerb {
    /// Makes an API key and prints it, this once
    Create {
        /// What you will know it by
        name: String,
        /// What it may do, for example sessions:read; several with commas, or by naming it again
        #[arg(
            long = "scope",
            value_name = "SCOPE",
            required = true,
            value_delimiter = ','
        )]
        scopes: Vec<String>,
        /// A session that it may reach, SITE or SITE:ACCOUNT, and no other; again for more. Without it: every one
        #[arg(long = "session", value_name = "SESSION")]
        sessions: Vec<String>,
        /// The only user whose memory it may reach
        #[arg(long, value_name = "USER")]
        memory_of: Option<String>,
        /// How long it is good, for example 30d; without it: until it is revoked
        #[arg(long, value_name = "TIME")]
        expires: Option<humantime::Duration>,
    },
    /// Shows the keys, without their values
    List,
    /// Gives a key a new value and prints it, this once
    Rotate {
        /// The key's id
        id: String,
        /// How long the old value stays good
        #[arg(long, value_name = "TIME", default_value = "1h")]
        overlap: humantime::Duration,
    },
    /// Ends a key at once
    Revoke {
        /// The key's id
        id: String,
    },
}

/// A key, as the API shows it.
#[derive(Serialize, Deserialize)]
struct Shown {
    id: String,
    name: String,
    person: String,
    scopes: Vec<String>,
    sessions: Option<Vec<String>>,
    memory_of: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    old_value_until: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl From<Key> for Shown {
    fn from(key: Key) -> Self {
        Self {
            id: key.id,
            name: key.name,
            person: key.person.to_string(),
            scopes: key.scopes.iter().map(|s| s.word().to_owned()).collect(),
            sessions: key.reach.words(),
            memory_of: key.memory_of,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
            old_value_until: key.old_until,
            value: None,
        }
    }
}

impl From<MadeKey> for Shown {
    fn from(made: MadeKey) -> Self {
        let value = made.value.expose_secret().to_owned();
        Self {
            value: Some(value),
            ..made.key.into()
        }
    }
}

pub(super) async fn run(files: &Files, verb: KeyVerb, json: bool) -> Result<(), Stop> {
    let keys = Keys::open(files).await?;
    match verb {
        KeyVerb::Create {
            name,
            scopes,
            sessions,
            memory_of,
            expires,
        } => {
            let new = new(name, &scopes, &sessions, memory_of, expires)?;
            show_value(&keys.create(new).await?, json)
        }
        KeyVerb::List => list(&keys.list().await?, json),
        KeyVerb::Rotate { id, overlap } => {
            let overlap = TimeDelta::from_std(overlap.into())
                .map_err(|_| Stop::Told(2, "this overlap is too long".to_owned()))?;
            show_value(&keys.rotate(&id, overlap).await?, json)
        }
        KeyVerb::Revoke { id } => {
            keys.revoke(&id).await?;
            say(&format!("{id}: revoked"))
        }
    }
}

fn new(
    name: String,
    scopes: &[String],
    sessions: &[String],
    memory_of: Option<String>,
    expires: Option<humantime::Duration>,
) -> Result<NewKey, Stop> {
    let wrong = |what: String| Stop::Told(2, what);
    let words = scopes.iter().map(|word| word.parse::<Scope>());
    let scopes: Scopes = words.collect::<Result<_, _>>().map_err(|unknown| {
        let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.word()).collect();
        wrong(format!("{unknown}; known are {}", known.join(", ")))
    })?;
    let reach = match sessions {
        [] => Reach::All,
        words => Reach::of(Some(words)).map_err(wrong)?,
    };
    let expires_at = match expires {
        None => None,
        Some(span) => {
            let span = TimeDelta::from_std(span.into()).ok();
            let at = span.and_then(|span| Utc::now().checked_add_signed(span));
            Some(at.ok_or_else(|| wrong("this time is too long".to_owned()))?)
        }
    };
    Ok(NewKey {
        name,
        scopes,
        reach,
        memory_of,
        expires_at,
    })
}

/// Where keys are kept.
enum Keys {
    Daemon(Daemon),
    Store(Identity, Principal),
}

impl Keys {
    async fn open(files: &Files) -> Result<Self, Stop> {
        if let Some(daemon) = Daemon::of(files)? {
            return Ok(Self::Daemon(daemon));
        }
        let broken = |error: &dyn std::fmt::Display| Stop::Told(1, error.to_string());
        let store = Store::open(&files.store_path()?).map_err(|e| broken(&e))?;
        let identity = Identity::new(store, Utc::now).await;
        let identity = identity.map_err(|e| broken(&e))?;
        let owner = identity.local(rustix::process::geteuid().as_raw());
        Ok(Self::Store(identity, owner))
    }

    async fn create(&self, new: NewKey) -> Result<Shown, Stop> {
        match self {
            Self::Store(identity, owner) => Ok(identity.make_key(owner, new).await?.into()),
            Self::Daemon(daemon) => {
                let scopes: Vec<_> = new.scopes.iter().map(Scope::word).collect();
                let body = json!({
                    "name": new.name, "scopes": scopes, "sessions": new.reach.words(),
                    "memory_of": new.memory_of, "expires_at": new.expires_at,
                });
                read(daemon.ask(Method::POST, "/v1/keys", Some(&body)).await?)
            }
        }
    }

    async fn list(&self) -> Result<Vec<Shown>, Stop> {
        match self {
            Self::Store(identity, owner) => {
                Ok(identity.keys(owner)?.into_iter().map(Shown::from).collect())
            }
            Self::Daemon(daemon) => read(daemon.ask(Method::GET, "/v1/keys", None).await?),
        }
    }

    async fn rotate(&self, id: &str, overlap: TimeDelta) -> Result<Shown, Stop> {
        match self {
            Self::Store(identity, owner) => {
                Ok(identity.rotate_key(owner, id, overlap).await?.into())
            }
            Self::Daemon(daemon) => {
                let body = json!({ "overlap": overlap.num_seconds() });
                let path = format!("/v1/keys/{}/rotate", segment(id));
                read(daemon.ask(Method::POST, &path, Some(&body)).await?)
            }
        }
    }

    async fn revoke(&self, id: &str) -> Result<(), Stop> {
        match self {
            Self::Store(identity, owner) => Ok(identity.revoke_key(owner, id).await?),
            Self::Daemon(daemon) => {
                let path = format!("/v1/keys/{}", segment(id));
                daemon.ask(Method::DELETE, &path, None).await.map(drop)
            }
        }
    }
}

impl From<IdentityError> for Stop {
    fn from(error: IdentityError) -> Self {
        let code = match error {
            IdentityError::Malformed(_) | IdentityError::Refused(_) => 2,
            IdentityError::Unknown { .. } => 5,
            _ => 1,
        };
        Self::Told(code, error.to_string())
    }
}

fn read<T: for<'de> Deserialize<'de>>(answer: Value) -> Result<T, Stop> {
    serde_json::from_value(answer).map_err(|_| {
        let message = "the daemon's answer is not known here; is it of another version?";
        Stop::Told(1, message.to_owned())
    })
}

/// A part of a path.
fn segment(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// The value alone goes to standard output, so that a script can take it from there.
fn show_value(key: &Shown, json: bool) -> Result<(), Stop> {
    if json {
        return say_json(key);
    }
    let mut told = format!(
        "key {} \"{}\"; keep its value now, nobody can show it again",
        key.id, key.name
    );
    if let Some(until) = key.old_value_until {
        told += &format!("; the old value is good until {}", minute(until));
    }
    complain(&told);
    say(key.value.as_deref().unwrap_or_default())
}

fn list(keys: &[Shown], json: bool) -> Result<(), Stop> {
    if json {
        return say_json(&keys);
    }
    if keys.is_empty() {
        return say(
            "there is no key; make one with `jarkeeper key create NAME --scope sessions:read`",
        );
    }
    let header = ["ID", "NAME", "STATE", "LAST USED", "SCOPES", "SESSIONS"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(header)
        .chain(keys.iter().map(Shown::row))
        .collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[column].chars().count()).max();
            line += &format!("{cell:<width$}  ", width = width.unwrap_or(0));
        }
        text += line.trim_end();
        text.push('\n');
    }
    say(&text)
}

impl Shown {
    fn row(&self) -> [String; 6] {
        let state = match (self.revoked_at, self.expires_at) {
            (Some(_), _) => "revoked".to_owned(),
            (None, Some(at)) if at <= Utc::now() => "expired".to_owned(),
            (None, Some(at)) => format!("until {}", minute(at)),
            (None, None) => "good".to_owned(),
        };
        let sessions = match &self.sessions {
            None => "all".to_owned(),
            Some(none) if none.is_empty() => "none".to_owned(),
            Some(some) => some.join(" "),
        };
        [
            self.id.clone(),
            self.name.clone(),
            state,
            self.last_used_at.map_or_else(|| "never".to_owned(), minute),
            self.scopes.join(" "),
            sessions,
        ]
    }
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%MZ").to_string()
}
