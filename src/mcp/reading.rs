//! The tool that gives a session: to who may see values the values, to all others the path of a file.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{tool, tool_router};
use serde::{Deserialize, Serialize};
use url::Url;

use super::failed::Failed;
use super::server::Server;
use super::sessions::{stamp, work_of};
use crate::identity::{Principal, Scope};
use crate::ids::{SessionKey, SessionName};
use crate::renewal::{Rendered, Unmet, Unread};
use crate::session::StorageState;
use crate::session::formats::Format;

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Form {
    /// Playwright's storage state: cookies and web storage, JSON
    #[default]
    StorageState,
    /// cookies.txt, for curl -b, wget, yt-dlp and Python's http.cookiejar
    Netscape,
    /// The value of the Cookie header for one URL
    Header,
    /// The list for Puppeteer's setCookie, JSON
    Puppeteer,
    /// The list for Selenium's add_cookie, JSON
    Selenium,
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::StorageState => Self::StorageState,
            Form::Netscape => Self::Netscape,
            Form::Header => Self::Header,
            Form::Puppeteer => Self::Puppeteer,
            Form::Selenium => Self::Selenium,
        }
    }
}

/// Longest `max_age_s`: a hundred years, longer than any session.
const OLDEST: u64 = 3_155_760_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The session, as list_sites names it: SITE, SITE:ACCOUNT, or several sites in one, SITE.SITE.
    session: String,
    /// The form that your tool loads; storage-state where it is not given.
    #[serde(default)]
    format: Form,
    /// Only the cookies that belong to this URL. The form header needs one, and takes the site's own where none is given.
    url: Option<String>,
    /// Renew it first where it was last proven logged in longer ago than this many seconds; 0: prove it now. Not given: as it
    /// is, for the daemon keeps it fresh by itself.
    #[schemars(range(max = OLDEST))]
    max_age_s: Option<u64>,
}

/// What [`Server::get_session`] gives.
#[derive(Serialize, JsonSchema)]
struct Given {
    /// The session.
    session: String,
    /// The form that it is in.
    format: String,
    /// The file that holds it in this form, for you to load; readable by the user who runs Jarkeeper.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The session itself. It is a credential: put it nowhere but into the tool that needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// The domains that its cookies belong to.
    domains: BTreeSet<String>,
    /// Whether it was logged in when it was last looked at; absent: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    alive: Option<bool>,
    /// How long ago that was proven, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<i64>,
    /// When it ends, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
    /// What this form has no place for.
    left_out: Vec<String>,
}

#[tool_router(router = reading_tools, vis = "pub(super)")]
impl Server {
    /// Gives a session that is logged in, in the form that your tool loads. You get the path of a file to load (Playwright:
    /// storage_state=PATH; curl: -b PATH with format netscape), and do not need to read it. Where the site shows its login page
    /// although you loaded it, call renew_session and then this again.
    #[tool(annotations(
        title = "Get a session",
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = true,
        open_world_hint = true
    ))]
    async fn get_session(
        &self,
        Parameters(wanted): Parameters<Wanted>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Given>, Failed> {
        let principal = self.principal(&context)?;
        let (name, parts) = self.named(&principal, &wanted.session)?;
        let url = wanted.url.as_deref().map(Url::parse).transpose();
        let url = url.map_err(|_| Failed::arguments("url is no URL; give it with its https://"))?;
        if let Some(seconds) = wanted.max_age_s {
            self.refresh(&principal, &context, &parts, seconds).await?;
        }
        let format = Format::from(wanted.format);
        let url = url.or_else(|| self.own_url(&parts).filter(|_| format == Format::Header));
        let rendered = self.read(&name, format, url.as_ref()).await?;
        let whole = self.read(&name, Format::StorageState, None).await?;
        let reveals = principal.may(Scope::SessionsReveal);
        let file = match self.file(&name, &parts, format, url.as_ref(), &rendered) {
            // Who gets the values needs no file.
            Err(_) if reveals => None,
            file => Some(file?),
        };
        let fresh = self.rooms.queue.renewer().freshness(&name)?;
        let now = (self.rooms.clock)();
        Ok(Json(Given {
            session: name.to_string(),
            format: format.to_string(),
            file,
            content: reveals.then(|| String::from_utf8_lossy(&rendered.bytes).into_owned()),
            domains: domains(&whole)?,
            alive: fresh.alive,
            age_s: fresh.proven_at.map(|at| (now - at).num_seconds().max(0)),
            expires_at: stamp(fresh.expires_at),
            left_out: rendered.left_out.iter().map(ToString::to_string).collect(),
        }))
    }
}

impl Server {
    /// The session or combination of this name and its parts, where the caller reaches them all.
    fn named(
        &self,
        principal: &Principal,
        name: &str,
    ) -> Result<(SessionName, Vec<SessionKey>), Failed> {
        let shown: String = name.chars().take(80).collect();
        let unknown = || Failed::unknown(&shown);
        match name.parse::<SessionName>().map_err(|_| unknown())? {
            SessionName::One(_) => {
                let key = self.key(principal, name)?;
                Ok((key.clone().into(), vec![key]))
            }
            SessionName::Joined(combination) => {
                let combination = combination.sorted();
                let renewer = self.rooms.queue.renewer();
                let known = renewer.settings().recipes.combinations();
                let parts = renewer.parts(&combination);
                let reached = parts.iter().all(|key| principal.reaches(key));
                match known.contains(&combination) && reached {
                    true => Ok((SessionName::Joined(combination), parts)),
                    false => Err(unknown()),
                }
            }
        }
    }

    /// Sees to it that every part was proven alive lately; only who may renew causes a renewal.
    async fn refresh(
        &self,
        principal: &Principal,
        context: &RequestContext<RoleServer>,
        parts: &[SessionKey],
        seconds: u64,
    ) -> Result<(), Failed> {
        let seconds = i64::try_from(seconds.min(OLDEST)).unwrap_or_default();
        let max_age = TimeDelta::seconds(seconds);
        let queue = &self.rooms.queue;
        let asked = (self.rooms.clock)();
        for key in parts {
            if queue.renewer().is_fresh(key, max_age, asked)? {
                continue;
            }
            if !principal.may(Scope::SessionsRenew) {
                let message = format!(
                    "{key} is older than {seconds} s, and these credentials may not have it renewed"
                );
                return Err(Failed::new("insufficient_scope", message)
                    .or("ask for it without max_age_s, or for the scope sessions:renew"));
            }
            self.count(principal, key)?;
            let work = queue.proven(key, max_age, self.until(key));
            let proven: Result<(), Unmet> = work_of(context, key, work).await;
            proven.map_err(|unmet| Failed::unmet(key, unmet))?;
        }
        Ok(())
    }

    async fn read(
        &self,
        name: &SessionName,
        format: Format,
        url: Option<&Url>,
    ) -> Result<Arc<Rendered>, Failed> {
        let read = self.rooms.queue.renewer().rendered(name, format, url).await;
        match read {
            Ok(Some(rendered)) => Ok(rendered),
            Ok(None) => Err(Failed::new(
                "no_session",
                format!("there is no session of {name} yet"),
            )
            .or("call renew_session, which logs in")),
            Err(Unread::Format(error)) => Err(Failed::arguments(error.to_string())),
            Err(Unread::Failed(failure)) => Err(Failed::new(failure.class.word(), failure.message)
                .or("a person has to look at Jarkeeper's log")),
        }
    }

    /// The path of the file that holds it: the state file itself where that is what was asked for.
    fn file(
        &self,
        name: &SessionName,
        parts: &[SessionKey],
        format: Format,
        url: Option<&Url>,
        rendered: &Rendered,
    ) -> Result<String, Failed> {
        let renewer = self.rooms.queue.renewer();
        let settings = renewer.settings();
        if parts
            .iter()
            .any(|key| settings.recipes.is_sealed(&key.site))
        {
            let message = format!("{name} is kept sealed, so there is no file of it to read");
            return Err(Failed::new("sealed", message)
                .or("a person can give you the scope sessions:reveal"));
        }
        let path = match (format, url, name) {
            (Format::StorageState, None, SessionName::One(key)) => renewer.state_path(key),
            (Format::StorageState, None, SessionName::Joined(combination)) => {
                renewer.files().combination_path(combination)
            }
            _ => {
                let url = url.map(Url::as_str);
                renewer
                    .files()
                    .write_export(name, format, url, &rendered.bytes)?
            }
        };
        Ok(path.display().to_string())
    }

    fn own_url(&self, parts: &[SessionKey]) -> Option<Url> {
        let settings = self.rooms.queue.renewer().settings();
        let recipe = settings.recipes.get(&parts.first()?.site)?;
        Some(recipe.url.clone())
    }
}

fn domains(whole: &Rendered) -> Result<BTreeSet<String>, Failed> {
    let unread = |_| Failed::new("storage", "the session cannot be read");
    let state: StorageState = serde_json::from_slice(&whole.bytes).map_err(unread)?;
    let domain =
        |cookie: crate::session::state::Cookie| cookie.domain.trim_start_matches('.').to_owned();
    Ok(state.cookies.into_iter().map(domain).collect())
}
