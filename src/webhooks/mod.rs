//! Telling others: events, sent by HTTP to URLs that an administrator names.
//!
//! Owns: where a webhook may lead, signatures, how long a delivery is tried. Door: [`Webhooks`]. May touch: the store, the
//! network, the key that seals. Each delivery goes out at least once, and each time under the same id, so that a receiver can
//! tell a repetition; a receiver that takes nothing for a day is told no more. Secrets are sealed at rest.

mod address;
mod courier;
mod patience;
mod sign;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::events::{Bus, Event, Kind};
use crate::failure::Failure;
use crate::identity::Who;
use crate::renewal::Renewer;
use crate::seal::Unopened;
use crate::store::{Store, StoreError, WebhookRow};
use crate::vault::must_seal;
use address::{Lookup, Place, place};

/// Most webhooks.
const MOST: u32 = 64;
/// Longest time for one try, connecting included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a URL into this machine is refused to who calls over the network.
const NOT_FROM_AFAR: &str = "a receiver on this machine itself is set by its owner alone; make it at the daemon's socket: \
curl --unix-socket SOCKET http://localhost/v1/webhooks";

/// Why something about a webhook cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Its URL may not be called.
    #[error("{0}")]
    Url(String),
    /// There are too many.
    #[error("there are {MOST} webhooks, which is the most; delete one")]
    TooMany,
    /// No such webhook.
    #[error("there is no webhook {0}")]
    Unknown(String),
    /// Its secret cannot be sealed or opened: why, and the way out.
    #[error("{0}")]
    Seal(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for WebhookError {
    fn from(failure: Failure) -> Self {
        Self::Seal(failure.message)
    }
}

/// A webhook, without its secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Where deliveries go.
    pub url: String,
    /// Of which kinds; `None`: every kind.
    pub kinds: Option<Vec<Kind>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the first failure was that no success has followed.
    pub failing_since: Option<DateTime<Utc>>,
    /// Since when, and why, nothing is sent any more.
    pub disabled: Option<(DateTime<Utc>, String)>,
}

/// One event for one webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The id under which it is sent, each time.
    pub id: String,
    /// What is told; `None`: of a kind that this version does not know.
    pub event: Option<Event>,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next; `None`: no more.
    pub next_at: Option<DateTime<Utc>>,
    /// When it was taken.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The status of the newest answer.
    pub status: Option<u16>,
    /// Why the newest try failed.
    pub error: Option<String>,
}

/// What came of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// Why it failed; `None`: it was taken.
    pub error: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// The webhooks. Clones share them.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    store: Store,
    bus: Bus,
    renewer: Renewer,
    clock: fn() -> DateTime<Utc>,
    here: reqwest::Client,
    world: reqwest::Client,
    /// Opened once: the key may come from a command that asks a person.
    secrets: Mutex<HashMap<String, SecretString>>,
    /// The port of the daemon itself, where it has one.
    own_port: OnceLock<u16>,
}

impl Webhooks {
    /// On a store.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(
        store: Store,
        bus: Bus,
        renewer: Renewer,
        clock: fn() -> DateTime<Utc>,
    ) -> reqwest::Result<Self> {
        let client = |place| {
            reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .dns_resolver(Arc::new(Lookup(place)))
                .timeout(PATIENCE)
                .user_agent(concat!("jarkeeper/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        Ok(Self(Arc::new(Inner {
            store,
            bus,
            renewer,
            clock,
            here: client(Place::Here)?,
            world: client(Place::World)?,
            secrets: Mutex::default(),
            own_port: OnceLock::new(),
        })))
    }

    /// Never calls this port of this machine: it is the daemon's own.
    pub fn keep_off(&self, port: u16) {
        self.0.own_port.get_or_init(|| port);
    }

    /// Where a URL leads, as far as it says so itself.
    fn place(&self, url: &Url) -> Result<Place, &'static str> {
        let place = place(url)?;
        let own = self.0.own_port.get().copied();
        match place == Place::Here && own.is_some() && url.port_or_known_default() == own {
            true => Err("the URL leads to Jarkeeper itself"),
            false => Ok(place),
        }
    }

    /// Makes one; the secret is given this once. Only who is at this machine already may have its own ports called.
    ///
    /// # Errors
    /// `Url` where it may not be called, `Seal` where its secret cannot be kept.
    pub async fn make(
        &self,
        by: &Who,
        url: &str,
        kinds: Option<&[Kind]>,
    ) -> Result<(Webhook, SecretString), WebhookError> {
        let inner = &*self.0;
        let url = Url::parse(url).map_err(|why| WebhookError::Url(format!("no URL: {why}")))?;
        let place = self.place(&url);
        let place = place.map_err(|why| WebhookError::Url(why.to_owned()))?;
        if place == Place::Here && !matches!(by, Who::Local(_)) {
            return Err(WebhookError::Url(NOT_FROM_AFAR.to_owned()));
        }
        let no_random = |_| WebhookError::Seal("the system gives no random numbers".to_owned());
        let secret = sign::fresh().map_err(no_random)?;
        let id = crate::ids::random().map_err(no_random)?;
        let seal = inner.renewer.seal_or_new(&inner.renewer.settings()).await?;
        let sealed = seal
            .close(secret.expose_secret().as_bytes())
            .map_err(|why| WebhookError::Seal(why.to_string()))?;
        let words = |kinds: &[Kind]| kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>();
        let row = WebhookRow {
            id,
            url: url.into(),
            kinds: kinds.map(|kinds| words(kinds).join(" ")),
            secret: sealed,
            created_at: (inner.clock)(),
            failing_since: None,
            disabled: None,
        };
        match inner.store.insert_webhook(row.clone(), MOST).await? {
            true => Ok((read(row), secret)),
            false => Err(WebhookError::TooMany),
        }
    }

    /// Every webhook.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn list(&self) -> Result<Vec<Webhook>, WebhookError> {
        Ok(self.0.store.webhooks()?.into_iter().map(read).collect())
    }

    /// Removes one, with what it was still to be told.
    ///
    /// # Errors
    /// `Unknown`.
    pub async fn delete(&self, id: &str) -> Result<(), WebhookError> {
        self.with_secrets(|secrets| secrets.remove(id));
        match self.0.store.delete_webhook(id.to_owned()).await? {
            true => Ok(()),
            false => Err(WebhookError::Unknown(id.to_owned())),
        }
    }

    /// The newest deliveries of one, newest first.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn deliveries(&self, id: &str, limit: u32) -> Result<Vec<Delivery>, WebhookError> {
        self.row(id)?;
        let rows = self.0.store.deliveries(id, limit)?;
        let read = rows.into_iter().map(|row| Delivery {
            id: courier::id(&row.webhook, row.event.id),
            event: Event::read(row.event),
            tries: row.tries,
            next_at: row.next_at,
            delivered_at: row.delivered_at,
            status: row.status,
            error: row.error,
        });
        Ok(read.collect())
    }

    fn row(&self, id: &str) -> Result<WebhookRow, WebhookError> {
        let row = self.0.store.webhook(id)?;
        row.ok_or_else(|| WebhookError::Unknown(id.to_owned()))
    }

    /// The secret of one, unsealed.
    async fn secret(&self, row: &WebhookRow) -> Result<SecretString, WebhookError> {
        if let Some(known) = self.with_secrets(|secrets| secrets.get(&row.id).cloned()) {
            return Ok(known);
        }
        let renewer = &self.0.renewer;
        let settings = renewer.settings();
        let seal = must_seal(renewer.reach(&settings)).await?;
        let plain = seal.open(&row.secret).map_err(|why| {
            let why = match why {
                Unopened::OtherKey => "was sealed with another key",
                Unopened::Damaged => "is damaged",
            };
            let way = "bring back the key (see [seal] in config.toml), or delete the webhook and make it anew";
            WebhookError::Seal(format!("its secret {why}: {way}"))
        })?;
        let text = std::str::from_utf8(&plain)
            .map_err(|_| WebhookError::Seal("its secret is damaged".to_owned()))?;
        let secret = SecretString::from(text);
        self.with_secrets(|secrets| secrets.insert(row.id.clone(), secret.clone()));
        Ok(secret)
    }

    fn with_secrets<T>(&self, act: impl FnOnce(&mut HashMap<String, SecretString>) -> T) -> T {
        let secrets = &self.0.secrets;
        act(&mut secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(row: WebhookRow) -> Webhook {
    let kinds = row.kinds.map(|words| {
        let kinds = words.split(' ').filter_map(|word| word.parse().ok());
        kinds.collect()
    });
    Webhook {
        id: row.id,
        url: row.url,
        kinds,
        created_at: row.created_at,
        failing_since: row.failing_since,
        disabled: row.disabled,
    }
}
