//! Sending: one try after the other, each webhook at a pace of its own.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;

use super::address::Place;
use super::{Tried, WebhookError, Webhooks, patience, sign};
use crate::events::Event;
use crate::store::{DeliveryRow, StoreError, TriedRow, WebhookRow};

/// Most deliveries to one webhook before the others are looked at again.
const AT_ONCE: u32 = 20;
/// Longest sleep, in case the clock moves.
const NAP: Duration = Duration::from_secs(30);

/// The id of a delivery, the same each time that it is sent.
pub(super) fn id(webhook: &str, event: i64) -> String {
    format!("msg_{webhook}_{event}")
}

/// A receiver that failed, and is left alone for a while.
struct Rest {
    failures: u32,
    until: DateTime<Utc>,
}

impl Webhooks {
    /// Sends what is due, until the daemon stops.
    pub async fn run(self) {
        let mut newest = self.0.bus.follow();
        let mut busy: HashSet<String> = HashSet::new();
        let mut resting: HashMap<String, Rest> = HashMap::new();
        let mut rounds: JoinSet<(String, bool)> = JoinSet::new();
        loop {
            newest.mark_unchanged();
            let now = (self.0.clock)();
            let waiting = self.0.store.waiting_deliveries().unwrap_or_else(|error| {
                tracing::error!("webhooks cannot be told anything: {error}");
                Vec::new()
            });
            let mut nap = NAP;
            for (webhook, due, _) in waiting {
                if busy.contains(&webhook) {
                    continue;
                }
                let rest = resting.get(&webhook).map(|rest| rest.until);
                let due = rest.map_or(due, |until| due.max(until));
                if due > now {
                    nap = nap.min((due - now).to_std().unwrap_or_default());
                    continue;
                }
                busy.insert(webhook.clone());
                let webhooks = self.clone();
                rounds.spawn(async move {
                    let ok = webhooks.round(&webhook).await;
                    (webhook, ok)
                });
            }
            tokio::select! {
                changed = newest.changed() => {
                    if changed.is_err() || newest.borrow().is_none() {
                        return;
                    }
                }
                Some(done) = rounds.join_next() => {
                    match done {
                        Ok((webhook, true)) => {
                            busy.remove(&webhook);
                            resting.remove(&webhook);
                        }
                        Ok((webhook, false)) => {
                            busy.remove(&webhook);
                            let rest = resting.entry(webhook).or_insert(Rest { failures: 0, until: now });
                            rest.failures = rest.failures.saturating_add(1);
                            rest.until = (self.0.clock)() + patience::rest(rest.failures);
                        }
                        // It panicked, which was logged. Whose it was is not known; a second delivery harms nobody.
                        Err(_) => busy.clear(),
                    }
                }
                // A little later than due: times are kept in whole milliseconds.
                () = tokio::time::sleep(nap + Duration::from_millis(1)) => {}
            }
        }
    }

    /// Sends what one webhook is to be told by now, until the first failure; whether there was none.
    async fn round(&self, webhook: &str) -> bool {
        let inner = &*self.0;
        let round = async {
            let row = self.row(webhook)?;
            let due = inner
                .store
                .due_deliveries(webhook, (inner.clock)(), AT_ONCE)?;
            let mut failing_since = row.failing_since;
            for delivery in due {
                let Some(tried) = self.deliver(&row, &delivery).await else {
                    self.pass_over(&row, failing_since, &delivery).await?;
                    continue;
                };
                let ok = tried.error.is_none();
                failing_since = self.note(&row, failing_since, delivery, tried).await?;
                if !ok {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        match round.await {
            Ok(ok) => ok,
            // It was deleted meanwhile.
            Err(WebhookError::Unknown(_)) => true,
            Err(error) => {
                tracing::error!(webhook, "a webhook cannot be told anything: {error}");
                false
            }
        }
    }

    /// `None`: this version does not know such an event, so nothing is sent.
    async fn deliver(&self, row: &WebhookRow, delivery: &DeliveryRow) -> Option<Tried> {
        let event = Event::read(delivery.event.clone())?;
        let body = json!({ "type": event.kind, "timestamp": event.at, "data": event });
        let id = id(&row.id, event.id);
        Some(self.post(row, &id, &body.to_string()).await)
    }

    /// Is done with an event that cannot be told. The receiver is not to blame, and is told the others.
    async fn pass_over(
        &self,
        row: &WebhookRow,
        failing_since: Option<DateTime<Utc>>,
        delivery: &DeliveryRow,
    ) -> Result<(), StoreError> {
        let passed = TriedRow {
            webhook: row.id.clone(),
            event: delivery.event.id,
            at: (self.0.clock)(),
            status: None,
            error: Some("this version does not know such an event".to_owned()),
            next_at: None,
            failing_since,
            disable: None,
        };
        self.0.store.tried(passed).await
    }

    /// Writes down what came of a try; since when the webhook fails.
    async fn note(
        &self,
        row: &WebhookRow,
        failing_since: Option<DateTime<Utc>>,
        delivery: DeliveryRow,
        tried: Tried,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let at = (self.0.clock)();
        let failed = tried.error.is_some();
        let failing_since = failed.then(|| failing_since.unwrap_or(at));
        let disable = match (&tried.error, failing_since) {
            (Some(_), _) if tried.status == Some(410) => {
                Some("its receiver answered 410: it is gone".to_owned())
            }
            (Some(error), Some(since)) if patience::is_over(since, at) => Some(format!(
                "nothing was taken since {}; the last try: {error}",
                since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            )),
            _ => None,
        };
        let (webhook, tries) = (row.id.as_str(), delivery.tries.saturating_add(1));
        let event = delivery.event.id;
        let next_at = match failed {
            true => patience::next_try(tries, at),
            false => None,
        };
        match (&disable, &tried.error) {
            (Some(why), _) => tracing::warn!(webhook, event, "a webhook is disabled: {why}"),
            (None, Some(error)) => {
                let again = next_at.is_some();
                tracing::info!(webhook, event, tries, again, "a delivery failed: {error}");
            }
            (None, None) => tracing::debug!(webhook, event, tries, "delivered"),
        }
        let row = TriedRow {
            webhook: row.id.clone(),
            event,
            at,
            status: tried.status,
            error: tried.error,
            next_at,
            failing_since,
            disable,
        };
        self.0.store.tried(row).await?;
        Ok(failing_since)
    }

    /// Sends something that is no event, now and once; a webhook that takes it and was disabled begins anew.
    ///
    /// # Errors
    /// `Unknown`; `Seal` where its secret does not open.
    pub async fn test(&self, webhook: &str) -> Result<Tried, WebhookError> {
        let row = self.row(webhook)?;
        self.secret(&row).await?;
        let now = (self.0.clock)();
        let body =
            json!({ "type": "webhook.test", "timestamp": now, "data": { "webhook": webhook } });
        let no_random = |_| WebhookError::Seal("the system gives no random numbers".to_owned());
        let id = format!("test_{}", crate::ids::random().map_err(no_random)?);
        let tried = self.post(&row, &id, &body.to_string()).await;
        if tried.error.is_none() && (row.disabled.is_some() || row.failing_since.is_some()) {
            self.0.store.enable_webhook(row.id).await?;
        }
        Ok(tried)
    }

    /// One request, signed for this moment.
    async fn post(&self, row: &WebhookRow, id: &str, body: &str) -> Tried {
        let began = Instant::now();
        let sent = match self.secret(row).await {
            Ok(secret) => self.send(&row.url, &secret, id, body).await,
            Err(error) => Err(error.to_string()),
        };
        let (status, error) = match sent {
            Ok(status @ 200..300) => (Some(status), None),
            Ok(status @ 300..400) => {
                let error = format!("it answered {status}; redirects are not followed");
                (Some(status), Some(error))
            }
            Ok(status) => (Some(status), Some(format!("it answered {status}"))),
            Err(error) => (None, Some(error)),
        };
        let took = began.elapsed();
        Tried {
            status,
            error,
            took,
        }
    }

    async fn send(
        &self,
        url: &str,
        secret: &SecretString,
        id: &str,
        body: &str,
    ) -> Result<u16, String> {
        let url = Url::parse(url).map_err(|_| "its URL cannot be read".to_owned())?;
        let client = match self.place(&url)? {
            Place::Here => &self.0.here,
            Place::World => &self.0.world,
        };
        let timestamp = (self.0.clock)().timestamp();
        let signature = sign::signature(secret, id, timestamp, body)
            .ok_or_else(|| "its secret is damaged".to_owned())?;
        let sent = client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body.to_owned())
            .send()
            .await;
        // Its body is of no interest, and not read.
        sent.map(|answer| answer.status().as_u16())
            .map_err(|error| why(&error))
    }
}

/// Why there was no answer, without the URL, which may hold a secret.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer within 10 s".to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match error.is_connect() {
        true => format!("it cannot be reached: {deepest}"),
        false => "the connection broke".to_owned(),
    }
}
