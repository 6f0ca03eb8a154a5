//! The registry client: this daemon's own registry, or another one over HTTP.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value;

use super::answer::Given;
use super::remote::{Credentials, Remote};
use super::{Loads, NotRegistered, Reason, WITHOUT_REGISTRY};
use crate::identity::PersonId;
use crate::registry::{
    Registered, RegisteredBy, Registrant, Registry, RegistryError, Status, Upload,
};

/// Whether something that failed may have been done nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landed {
    /// This try was not done: it was never sent, or turned away. Of a try before it that says nothing.
    No,
    /// The registry has said no to this request, whenever it was sent.
    Refused,
    /// Nobody knows.
    Perhaps,
}

/// A question to a registry that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) why: NotRegistered,
    pub(super) landed: Landed,
}

/// A registry, in the name of a person.
pub(super) enum Client {
    /// This daemon's own: the person is proof enough.
    Own(Registry, Registrant),
    /// Another one, where the password is.
    Remote(Remote),
}

/// What a registry knows of an instance now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) status: Status,
    pub(super) last_heartbeat: Option<DateTime<Utc>>,
    pub(super) last_ws_check: Option<DateTime<Utc>>,
}

impl Loads {
    /// The registry of this name: empty for our own, else its URL.
    pub(super) fn client(&self, registry: &str, by: &Registrant) -> Result<Client, Broken> {
        if registry.is_empty() {
            return Ok(Client::Own(self.0.registry.clone(), by.clone()));
        }
        let remote = Remote::at(registry).map(Client::Remote);
        remote.ok_or_else(|| Broken::of(Reason::Unreachable, "the registry's address is none"))
    }
}

impl Client {
    /// Registers something new. The same key with the same upload finds a registration again whose answer was lost.
    pub(super) async fn register(
        &self,
        upload: &Upload,
        key: &SecretString,
    ) -> Result<Given, Broken> {
        match self {
            Self::Remote(remote) => remote.register(upload, None, Some(key)).await,
            Self::Own(registry, by) => {
                let made = registry.register(upload.clone(), Some(by), Some(key));
                Ok(given(registry, made.await.map_err(own)?))
            }
        }
    }

    /// Registers an id again, which gets another password. The one before stays good until the new one is used.
    pub(super) async fn again(
        &self,
        upload: &Upload,
        instance: &str,
        password: Option<&SecretString>,
    ) -> Result<Given, Broken> {
        match self {
            Self::Remote(remote) => {
                let credentials = credentials(instance, password)?;
                remote.register(upload, Some(credentials), None).await
            }
            Self::Own(registry, by) => {
                let by = RegisteredBy::Person(by);
                let made = registry.rotate(instance, by, upload.clone());
                Ok(given(registry, made.await.map_err(own)?))
            }
        }
    }

    /// Unregisters an id; one that is not there is unregistered already.
    pub(super) async fn unregister(
        &self,
        instance: &str,
        password: Option<&SecretString>,
    ) -> Result<(), Broken> {
        match self {
            Self::Remote(remote) => remote.unregister(credentials(instance, password)?).await,
            Self::Own(registry, by) => match registry.instance(instance).map_err(own)? {
                Some(known) if known.person.as_ref() == Some(&by.person) => {
                    match registry.unregister(instance).await {
                        Ok(()) | Err(RegistryError::Unknown(_)) => Ok(()),
                        Err(error) => Err(own(error)),
                    }
                }
                _ => Ok(()),
            },
        }
    }

    /// What is known of an id now.
    pub(super) async fn look(
        &self,
        instance: &str,
        password: Option<&SecretString>,
    ) -> Result<Look, Broken> {
        match self {
            Self::Remote(remote) => {
                let data = remote.detail(credentials(instance, password)?).await?;
                Ok(Look::of(&data))
            }
            Self::Own(registry, by) => Ok(Look::within(registry, &by.person, instance, Utc::now())),
        }
    }
}

/// What our own registry gave, which knows best who is connected.
fn given(registry: &Registry, made: Registered) -> Given {
    let id = made.instance.id;
    let status = match registry.presence().connected(&id) {
        Some(_) => Status::Online,
        None => Status::Offline,
    };
    Given {
        instance: id,
        password: made.password,
        status,
    }
}

fn credentials<'a>(
    instance: &'a str,
    password: Option<&'a SecretString>,
) -> Result<Credentials<'a>, Broken> {
    let none = || {
        let detail = format!(
            "this load has an id at its registry and no password for it; delete the load with {WITHOUT_REGISTRY} and make it anew"
        );
        Broken::of(Reason::NoSeal, detail)
    };
    let password = password.ok_or_else(none)?;
    Ok(Credentials { instance, password })
}

impl Look {
    /// From our own registry: one that is not there, or not this person's, is not registered.
    pub(super) fn within(
        registry: &Registry,
        person: &PersonId,
        instance: &str,
        now: DateTime<Utc>,
    ) -> Self {
        let presence = registry.presence();
        let found = registry.instance(instance).ok().flatten();
        let found = found.filter(|found| found.person.as_ref() == Some(person));
        let connected = presence.connected(instance).filter(|_| found.is_some());
        let status = match (&found, connected) {
            (None, _) => Status::Unregistered,
            (Some(found), _) if found.status == Status::Unregistered => Status::Unregistered,
            (Some(_), Some(_)) => Status::Online,
            (Some(_), None) => Status::Offline,
        };
        let kept = found.and_then(|found| presence.heard_at(instance).or(found.heard_at));
        Self {
            status,
            last_heartbeat: kept,
            last_ws_check: connected.map(|_| now).or(kept),
        }
    }

    /// From a registry's `data`: null for one that is not registered.
    fn of(data: &Value) -> Self {
        let time = |name: &str| {
            let text = data[name].as_str()?;
            let time = DateTime::parse_from_rfc3339(text).ok()?;
            Some(time.with_timezone(&Utc))
        };
        let status = match (data, &data["is_connected"]) {
            (Value::Null, _) => Status::Unregistered,
            (_, Value::Bool(true)) => Status::Online,
            _ if data["status"] == "unregistered" => Status::Unregistered,
            _ => Status::Offline,
        };
        Self {
            status,
            last_heartbeat: time("last_heartbeat"),
            last_ws_check: time("last_ws_check"),
        }
    }
}

impl Broken {
    /// Of something that never left.
    pub(super) fn of(reason: Reason, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            why: NotRegistered { reason, detail },
            landed: Landed::No,
        }
    }
}

/// Of our own registry.
fn own(error: RegistryError) -> Broken {
    let (reason, landed) = match &error {
        RegistryError::Invalid(_) => (Reason::Invalid, Landed::Refused),
        RegistryError::Conflict(_) => (Reason::Refused, Landed::Refused),
        RegistryError::Refused(_) | RegistryError::Unknown(_) | RegistryError::Locked { .. } => {
            (Reason::NotAccepted, Landed::No)
        }
        RegistryError::Busy | RegistryError::Full => (Reason::Unavailable, Landed::No),
        RegistryError::Store(error) => {
            tracing::error!("a registration failed: {error}");
            let detail = "Jarkeeper cannot read or write its own files; its log says why";
            let mut broken = Broken::of(Reason::Unavailable, detail);
            broken.landed = Landed::Perhaps;
            return broken;
        }
    };
    let mut broken = Broken::of(reason, error.to_string());
    broken.landed = landed;
    broken
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_registry_tells_of_an_instance_is_read_with_care() {
        let status = |data: Value| Look::of(&data).status;
        assert_eq!(status(Value::Null), Status::Unregistered);
        assert_eq!(status(json!({"is_connected": true})), Status::Online);
        assert_eq!(status(json!({"is_connected": false})), Status::Offline);
        assert_eq!(status(json!({"is_connected": "true"})), Status::Offline);
        assert_eq!(status(json!([])), Status::Offline);
        let heard =
            Look::of(&json!({"last_heartbeat": "2026-01-02T03:04:05Z", "last_ws_check": 7}));
        assert!(heard.last_heartbeat.is_some() && heard.last_ws_check.is_none());
    }
}
