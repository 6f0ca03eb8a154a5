//! The tools for sites and their sessions.

use chrono::{DateTime, Utc};
use rmcp::ErrorData;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::ProgressNotificationParam;
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{tool, tool_router};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot::{self, error::RecvError};
use tokio::time::{Duration, Instant};

use super::failed::Failed;
use super::server::Server;
use crate::codes::{self, Given};
use crate::identity::Principal;
use crate::ids::SessionKey;
use crate::renewal::{Cause, How, Report, view};

/// What [`Server::list_sites`] gives.
#[derive(Serialize, JsonSchema)]
struct Sites {
    /// The sessions that you may use.
    sessions: Vec<Listed>,
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
    how: &'static str,
    /// When it ends, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
    /// The file that holds it, as Playwright's storage state.
    file: String,
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
        let principal = self.caller(&context)?;
        let renewer = self.rooms.queue.renewer();
        let settings = renewer.settings();
        let now = (self.rooms.clock)();
        let mut sessions = Vec::new();
        for key in renewer.keys() {
            let Some(recipe) = settings.recipes.get(&key.site) else {
                continue;
            };
            if !principal.reaches(&key) {
                continue;
            }
            let kept = renewer.kept(&key)?;
            let Some(view) = renewer.with_plan(&key, &kept, |plan| view(now, &kept.record, plan))
            else {
                continue;
            };
            sessions.push(Listed {
                session: key.to_string(),
                site: key.site.to_string(),
                url: recipe.url.to_string(),
                alive: view.alive,
                expires_at: stamp(view.expires_at),
                held: view.hold.map(|hold| format!("{}: {}", hold.class, hold.why)),
                last_failure: view.last_error.map(|error| error.class.to_string()),
                waits_for_code: renewer.files().waits_for_code(&key)?.is_some(),
            });
        }
        Ok(Json(Sites { sessions }))
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
        let principal = self.caller(&context)?;
        let key = self.key(&principal, &session)?;
        let renewer = self.rooms.queue.renewer();
        let told = self.rooms.queue.submit(key.clone(), Cause::Command);
        let stopping = || Failed::new("cancelled", "Jarkeeper is stopping").or("call again");
        let report = told_of(&context, &key, told).await;
        let report = report.map_err(|_| stopping())?;
        if let Some(failure) = report.failure.filter(|_| !matches!(report.how, How::LoggedIn)) {
            return Err(Failed::renewal(&key, failure));
        }
        let how = match report.how {
            How::Kept => "kept",
            How::Probed => "probed",
            How::Extended => "extended",
            How::LoggedIn => "logged_in",
            How::Held | How::Busy | How::Failed => {
                let message = format!("another process is at {key} and did not finish in time");
                return Err(Failed::new("timeout", message).or("call again"));
            }
        };
        let kept = renewer.kept(&key)?;
        let now = (self.rooms.clock)();
        let view = renewer.with_plan(&key, &kept, |plan| view(now, &kept.record, plan));
        Ok(Json(Renewed {
            session: key.to_string(),
            how,
            expires_at: stamp(view.and_then(|view| view.expires_at)),
            file: renewer.state_path(&key).display().to_string(),
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
        let principal = self.caller(&context)?;
        let key = self.key(&principal, &session)?;
        let nobody = || {
            let message = format!("no login of {key} waits for a code");
            Failed::new("nobody_waits", message)
                .or(format!("call renew_session for {key}, and hand the code in while it runs"))
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
    pub(super) fn caller(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> Result<std::sync::Arc<Principal>, Failed> {
        let known = self.principal(context);
        known.map_err(|error: ErrorData| Failed::new("unauthenticated", error.message))
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

/// Waits for the end of a renewal, and tells the client meanwhile that it goes on.
async fn told_of(
    context: &RequestContext<RoleServer>,
    key: &SessionKey,
    mut told: oneshot::Receiver<Report>,
) -> Result<Report, RecvError> {
    let Some(token) = context.meta.get_progress_token() else {
        return told.await;
    };
    let began = Instant::now();
    let mut beat = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            told = &mut told => return told,
            _ = beat.tick() => {
                let seconds = began.elapsed().as_secs_f64();
                let mut progress = ProgressNotificationParam::new(token.clone(), seconds);
                progress.message = Some(format!("{key} is being renewed, {seconds:.0} s so far"));
                // A client that does not listen any more still gets the answer.
                let _ = context.peer.notify_progress(progress).await;
            }
        }
    }
}
