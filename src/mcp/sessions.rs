//! The tools for sites and their sessions.

use chrono::{DateTime, Utc};
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::ProgressNotificationParam;
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{tool, tool_router};
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant};

use super::failed::Failed;
use super::server::Server;
use crate::codes::{self, Given};
use crate::identity::{Principal, Who};
use crate::ids::SessionKey;
use crate::renewal::{Cause, How};

/// What [`Server::list_sites`] gives.
#[derive(Serialize, JsonSchema)]
struct Sites {
    /// The sessions that you may use.
    sessions: Vec<Listed>,
    /// Several sites in one session; get_session takes these names too.
    combinations: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    /// The name for the other tools.
    session: String,
    /// The site that it belongs to.
    site: String,
    /// The page that the site's recipe names.
    url: String,
    /// Whether it was logged in when it was last looked at; absent: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    alive: Option<bool>,
    /// When it ends, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
    /// Why nothing is done with it until a person acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<String>,
    /// The class of the newest failure that no success has followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<String>,
    /// Whether its login waits for a one-time code: ask the person, then hand_in_code.
    waits_for_code: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The session, as list_sites names it: SITE, or SITE:ACCOUNT.
    session: String,
}

/// What [`Server::renew_session`] gives.
#[derive(Serialize, JsonSchema)]
struct Renewed {
    /// The session.
    session: String,
    /// What was done: `kept` (fresh enough already), `probed` (asked the site, which said that it is logged in),
    /// `extended` (renewed without a login), `logged_in`.
    #[schemars(with = "String")]
    how: How,
    /// When it ends, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
    /// How long this took, in milliseconds.
    took_ms: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    /// The session whose login waits, as list_sites names it.
    session: String,
    /// The one-time code, or the whole sign-in link, exactly as the person gave it.
    code: String,
}

/// What [`Server::hand_in_code`] gives.
#[derive(Serialize, JsonSchema)]
struct HandedIn {
    /// The session.
    session: String,
    /// Whether the waiting login has it now. Whether the site takes it, the end of the renewal tells.
    handed_in: bool,
}

/// What a renewal may take beside its login: its turn, a probe, the end of another process's work.
const MORE: Duration = Duration::from_secs(30);

pub(super) fn stamp(at: Option<DateTime<Utc>>) -> Option<String> {
    at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

#[tool_router(router = session_tools, vis = "pub(super)")]
impl Server {
    /// Lists the websites whose sessions Jarkeeper keeps and you may use, with the names that the other tools take, and whether
    /// each is logged in. Begin here.
    #[tool(annotations(
        title = "List sites and sessions",
        read_only_hint = true,
        destructive_hint = false,
        idempotent_hint = true,
        open_world_hint = false
    ))]
    async fn list_sites(&self, context: RequestContext<RoleServer>) -> Result<Json<Sites>, Failed> {
        let principal = self.principal(&context)?;
        let renewer = self.rooms.queue.renewer();
        let settings = renewer.settings();
        let mut sessions = Vec::new();
        for key in renewer.keys() {
            let recipe = settings.recipes.get(&key.site);
            let Some(recipe) = recipe.filter(|_| principal.reaches(&key)) else {
                continue;
            };
            let Some(condition) = renewer.condition(&key)? else {
                continue;
            };
            let view = condition.view;
            sessions.push(Listed {
                session: condition.key,
                site: key.site.to_string(),
                url: recipe.url.to_string(),
                alive: view.alive,
                expires_at: stamp(view.expires_at),
                held: view
                    .hold
                    .map(|hold| format!("{}: {}", hold.class, hold.why)),
                last_failure: view.last_error.map(|error| error.class.to_string()),
                waits_for_code: condition.waits_for_code,
            });
        }
        let combinations = settings.recipes.combinations().into_iter();
        let reached = combinations.filter(|combination| {
            let parts = renewer.parts(combination);
            parts.iter().all(|key| principal.reaches(key))
        });
        Ok(Json(Sites {
            sessions,
            combinations: reached.map(|combination| combination.to_string()).collect(),
        }))
    }

    /// Makes a session live now: asks the site whether it is still logged in, extends it, or logs in again where nothing less
    /// will do. A login takes up to some minutes. Call this when a site that you opened with the session shows its login page;
    /// not on suspicion, because logins are scarce and too many lock an account.
    #[tool(annotations(
        title = "Renew a session",
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = true,
        open_world_hint = true
    ))]
    async fn renew_session(
        &self,
        Parameters(Which { session }): Parameters<Which>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Renewed>, Failed> {
        let principal = self.principal(&context)?;
        let key = self.key(&principal, &session)?;
        self.count(&principal, &key)?;
        let work = self
            .rooms
            .queue
            .renewed(&key, Cause::Report, self.until(&key));
        let report = work_of(&context, &key, work).await;
        let report = report.map_err(|unmet| Failed::unmet(&key, unmet))?;
        let renewer = self.rooms.queue.renewer();
        let fresh = renewer.freshness(&key.clone().into())?;
        Ok(Json(Renewed {
            session: key.to_string(),
            how: report.how,
            expires_at: stamp(fresh.expires_at),
            took_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        }))
    }

    /// Hands the one-time code, or the sign-in link, that a site has sent to a person to the login that waits for it. Ask the
    /// person for it first; never guess, because a wrong code can lock the account.
    #[tool(annotations(
        title = "Hand in a one-time code",
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = false,
        open_world_hint = true
    ))]
    async fn hand_in_code(
        &self,
        Parameters(Code { session, code }): Parameters<Code>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<HandedIn>, Failed> {
        let code = secrecy::SecretString::from(code);
        let principal = self.principal(&context)?;
        let key = self.key(&principal, &session)?;
        let nobody = || {
            let message = format!("no login of {key} waits for a code");
            Failed::new("nobody_waits", message).or(format!(
                "call renew_session for {key}, and hand the code in while it runs"
            ))
        };
        match codes::hand_in(self.rooms.queue.renewer().files(), &key, &code).await? {
            Given::Taken => Ok(Json(HandedIn {
                session: key.to_string(),
                handed_in: true,
            })),
            Given::NobodyWaits => Err(nobody()),
            Given::Refused(why) => Err(Failed::arguments(why)),
        }
    }
}

impl Server {
    /// How long a call waits for a renewal: for one whole login.
    pub(super) fn until(&self, key: &SessionKey) -> Instant {
        let settings = self.rooms.queue.renewer().settings();
        let own = settings.recipes.get(&key.site).and_then(|r| r.timeout);
        let login = own.unwrap_or(settings.config.login.timeout);
        Instant::now() + login.to_std().unwrap_or_default() + MORE
    }

    /// Counts a renewal that this caller causes, as the HTTP door does.
    pub(super) fn count(&self, principal: &Principal, key: &SessionKey) -> Result<(), Failed> {
        if matches!(principal.who, Who::Local(_)) {
            return Ok(());
        }
        let counted = self
            .rooms
            .queue
            .count_caused(&principal.who.to_string(), key);
        counted.map_err(|wait| {
            let seconds = wait.as_secs() + 1;
            Failed::new("too_many_requests", "too many renewals by this caller")
                .or(format!("try again in {seconds} s"))
        })
    }

    /// The session of this name, where it is configured and the caller reaches it.
    pub(super) fn key(&self, principal: &Principal, name: &str) -> Result<SessionKey, Failed> {
        let shown: String = name.chars().take(80).collect();
        let key: SessionKey = name.parse().map_err(|_| Failed::unknown(&shown))?;
        let known = self.rooms.queue.renewer().keys().contains(&key);
        match known && principal.reaches(&key) {
            true => Ok(key),
            false => Err(Failed::unknown(&shown)),
        }
    }
}

/// How often a client that asked for it hears that the work goes on.
const BEAT: Duration = Duration::from_secs(2);

/// Does the work, and tells a client that wants to hear it that it goes on.
pub(super) async fn work_of<T>(
    context: &RequestContext<RoleServer>,
    what: &impl std::fmt::Display,
    work: impl Future<Output = T>,
) -> T {
    let Some(token) = context.meta.get_progress_token() else {
        return work.await;
    };
    let mut work = std::pin::pin!(work);
    let began = Instant::now();
    let mut beat = tokio::time::interval_at(began + BEAT, BEAT);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = beat.tick() => {
                let seconds = began.elapsed().as_secs_f64();
                let mut progress = ProgressNotificationParam::new(token.clone(), seconds);
                progress.message = Some(format!("{what} is being renewed, {seconds:.0} s so far"));
                // A client that does not listen any more still gets the answer.
                let _ = context.peer.notify_progress(progress).await;
            }
        }
    }
}
