//! Events out of what renewals tell.

use std::collections::HashMap;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::{Bus, Facts, Kind, renewal};
use crate::ids::SessionKey;
use crate::renewal::{How, News, Renewer};

/// Publishes what happens to sessions, until nothing more comes.
pub async fn record(bus: Bus, renewer: Renewer, mut news: Receiver<News>) {
    let mut held: HashMap<SessionKey, String> = HashMap::new();
    for key in renewer.keys() {
        if let Some(class) = holds(&renewer, &key) {
            held.insert(key, class);
        }
    }
    loop {
        match news.recv().await {
            Ok(News::Over) | Err(RecvError::Closed) => return,
            Ok(news) => tell(&bus, &renewer, &mut held, news).await,
            Err(RecvError::Lagged(lost)) => {
                tracing::error!(lost, "events are lost: the store is too slow for them");
            }
        }
    }
}

async fn tell(bus: &Bus, renewer: &Renewer, held: &mut HashMap<SessionKey, String>, news: News) {
    let plain = |kind, key: SessionKey| (kind, key, Facts::default());
    let (kind, key, facts) = match news {
        News::Ended(report) => {
            let duration_ms = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX);
            let class = report.failure.as_ref().map(|failure| failure.class);
            let facts = renewal(report.cause, report.how, class, duration_ms);
            let kind = match report.how {
                How::Extended | How::LoggedIn => Some(Kind::SessionRenewed),
                How::Failed => Some(Kind::SessionFailed),
                How::Kept | How::Probed | How::Held | How::Busy => None,
            };
            if let Some(kind) = kind {
                bus.publish(kind, Some(&report.key), facts).await;
            }
            follow_hold(bus, renewer, held, report.key).await;
            return;
        }
        News::Held(key) | News::Released(key) => {
            return follow_hold(bus, renewer, held, key).await;
        }
        News::Imported(key) => plain(Kind::SessionImported, key),
        News::Deleted(key) => plain(Kind::SessionDeleted, key),
        News::CodeWanted(key) => plain(Kind::CodeWanted, key),
        News::Over => return,
    };
    bus.publish(kind, Some(&key), facts).await;
    // A session that a person brings or deletes may have lost its hold.
    if kind != Kind::CodeWanted {
        follow_hold(bus, renewer, held, key).await;
    }
}

/// Tells where a session begins or ceases to wait for a person; also where another process had it so.
async fn follow_hold(
    bus: &Bus,
    renewer: &Renewer,
    held: &mut HashMap<SessionKey, String>,
    key: SessionKey,
) {
    match (held.get(&key), holds(renewer, &key)) {
        (before, Some(class)) if before != Some(&class) => {
            let facts = Facts {
                class: Some(class.clone()),
                ..Facts::default()
            };
            bus.publish(Kind::SessionHeld, Some(&key), facts).await;
            held.insert(key, class);
        }
        (Some(_), None) => {
            held.remove(&key);
            let facts = Facts::default();
            bus.publish(Kind::SessionReleased, Some(&key), facts).await;
        }
        _ => {}
    }
}

/// The class of what a session waits for a person for; `None`: it does not.
fn holds(renewer: &Renewer, key: &SessionKey) -> Option<String> {
    // A record that cannot be read is told where the session is looked at.
    let record = renewer.kept(key).ok()?.record;
    match (record.parked, record.hold) {
        (Some(_), _) => Some("person".to_owned()),
        (None, Some(hold)) if hold.gave_up => Some("gave_up".to_owned()),
        (None, Some(hold)) => Some(hold.class.word().to_owned()),
        (None, None) => None,
    }
}
