//! The tools for leases: an account of a site for oneself, for a time.

use std::time::Duration;

use chrono::TimeDelta;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{tool, tool_router};
use serde::{Deserialize, Serialize};

use super::failed::Failed;
use super::server::Server;
use super::sessions::stamp;
use crate::ids::{SiteName, is_seen};
use crate::pool::{LONGEST, Lease, Pool, PoolError, SHORTEST, TTL, Wish};

/// Longest wait for a free account.
const LONGEST_WAIT: u64 = 120;
/// Longest purpose, characters.
const LONGEST_PURPOSE: usize = 200;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The site, as list_sites names it.
    site: String,
    /// Only this account of it: the part behind the colon. Not given: any that is free.
    account: Option<String>,
    /// How long you need it, in seconds, 10 to 86400; 600 where it is not given. Extend the lease rather than taking a long one.
    ttl_s: Option<u64>,
    /// How long to wait for a free account, in seconds, at most 120; not at all where it is not given.
    wait_s: Option<u64>,
    /// What for, in a few words: people see it.
    purpose: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Longer {
    /// The lease, as lease_account named it.
    lease: String,
    /// How long you still need it from now on, in seconds, 10 to 86400; 600 where it is not given.
    ttl_s: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The lease, as lease_account named it.
    lease: String,
}

/// What [`Server::lease_account`] and [`Server::extend_lease`] give.
#[derive(Serialize, JsonSchema)]
struct Leased {
    /// The lease's name for extend_lease and release_lease.
    lease: String,
    /// The account's session, for get_session.
    session: String,
    /// From this moment on the account is free for others, and you must not use it any more.
    #[schemars(extend("format" = "date-time"))]
    expires_at: String,
}

/// What [`Server::release_lease`] gives.
#[derive(Serialize, JsonSchema)]
struct Released {
    /// The lease.
    lease: String,
    /// Whether the account is free for others now.
    released: bool,
}

impl From<Lease> for Leased {
    fn from(lease: Lease) -> Self {
        Self {
            lease: lease.id,
            session: lease.session.to_string(),
            expires_at: stamp(Some(lease.expires_at)).unwrap_or_default(),
        }
    }
}

impl From<PoolError> for Failed {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::NoSite(site) => Self::unknown(site.as_str()),
            PoolError::NoAccount(key) => Self::unknown(&key.to_string()),
            PoolError::NoneFree { next_end, .. } => {
                let end = stamp(Some(next_end)).unwrap_or_default();
                Self::new("none_free", error.to_string()).or(format!(
                    "the next lease ends at {end}; call again with wait_s"
                ))
            }
            PoolError::Unknown(_) => Self::new("unknown_lease", error.to_string())
                .or("it is not yours, or was long ago; lease_account gives another one"),
            PoolError::Ended(_) => Self::new("lease_ended", error.to_string())
                .or("the account may be somebody else's by now; take another one"),
            PoolError::Store(_) | PoolError::NoRandom => {
                tracing::error!("a tool failed: {error}");
                Self::new("storage", "Jarkeeper cannot read or write its own files")
                    .or("its log says why; a person has to look")
            }
        }
    }
}

#[tool_router(router = lease_tools, vis = "pub(super)")]
impl Server {
    /// Takes one account of a site for you alone, for a time, among those who lease. Do this before you work on a site whose
    /// accounts other agents use too; then get_session with the session that it names. Give it back with release_lease.
    #[tool(annotations(
        title = "Lease an account",
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = false,
        open_world_hint = false
    ))]
    async fn lease_account(
        &self,
        Parameters(wanted): Parameters<Wanted>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Leased>, Failed> {
        let principal = self.principal(&context)?;
        let shown: String = wanted.site.chars().take(80).collect();
        let site: SiteName = wanted.site.parse().map_err(|_| Failed::unknown(&shown))?;
        let account = match wanted.account.as_deref() {
            None => None,
            Some("") => Some(None),
            Some(name) => {
                let whole = format!("{shown}:{}", name.chars().take(80).collect::<String>());
                Some(Some(name.parse().map_err(|_| Failed::unknown(&whole))?))
            }
        };
        let purpose = wanted.purpose.filter(|text| !text.trim().is_empty());
        let plain =
            |text: &String| text.chars().count() <= LONGEST_PURPOSE && text.chars().all(is_seen);
        if !purpose.as_ref().is_none_or(plain) {
            let why = format!("purpose is one line of at most {LONGEST_PURPOSE} characters");
            return Err(Failed::arguments(why));
        }
        let wait = wanted.wait_s.unwrap_or_default().min(LONGEST_WAIT);
        let wish = Wish {
            site,
            account,
            ttl: ttl(wanted.ttl_s)?,
            wait: Duration::from_secs(wait),
            purpose,
        };
        let lease = self.pool()?.take(&principal, &wish).await?;
        Ok(Json(lease.into()))
    }

    /// Moves the end of your lease: from now on it lasts ttl_s seconds. Do this before it ends; one that has ended is gone.
    #[tool(annotations(
        title = "Extend a lease",
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = true,
        open_world_hint = false
    ))]
    async fn extend_lease(
        &self,
        Parameters(longer): Parameters<Longer>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Leased>, Failed> {
        let principal = self.principal(&context)?;
        let ttl = ttl(longer.ttl_s)?;
        let lease = self.pool()?.extend(&principal, &longer.lease, ttl).await?;
        Ok(Json(lease.into()))
    }

    /// Gives an account back that you leased, so that others can have it. Doing it twice does no harm.
    #[tool(annotations(
        title = "Give an account back",
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = true,
        open_world_hint = false
    ))]
    async fn release_lease(
        &self,
        Parameters(Which { lease }): Parameters<Which>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Released>, Failed> {
        let principal = self.principal(&context)?;
        self.pool()?.give_back(&principal, &lease).await?;
        Ok(Json(Released {
            lease,
            released: true,
        }))
    }
}

impl Server {
    fn pool(&self) -> Result<&Pool, Failed> {
        let none = || Failed::new("no_daemon", "leases are the daemon's, and none runs");
        self.rooms.pool.as_ref().ok_or_else(none)
    }
}

fn ttl(seconds: Option<u64>) -> Result<TimeDelta, Failed> {
    let Some(seconds) = seconds else {
        return Ok(TTL);
    };
    let ttl = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
    ttl.filter(|ttl| (SHORTEST..=LONGEST).contains(ttl))
        .ok_or_else(|| {
            let (least, most) = (SHORTEST.num_seconds(), LONGEST.num_seconds());
            Failed::arguments(format!("ttl_s is {least} to {most}"))
        })
}
