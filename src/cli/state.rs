//! `export`, `import`, `hold` and `release`.

use std::io::Read;
use std::path::Path;

use chrono::Utc;
use url::Url;

use super::daemon::Daemon;
use super::{Stop, complain, say};
use crate::app::App;
use crate::ids::SessionKey;
use crate::session::files::LARGEST_STATE;
use crate::session::formats::{self, Format};

/// Longest file that is imported, bytes.
const MOST: u64 = LARGEST_STATE as u64;

/// The form of an export.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Form {
    /// Playwright's storage state
    StorageState,
    /// cookies.txt, for curl -b, wget and yt-dlp --cookies
    Netscape,
    /// The Cookie header for one URL
    Header,
    /// The list for Puppeteer's setCookie
    Puppeteer,
    /// The list for Selenium's add_cookie
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

pub(super) async fn export(
    app: &App,
    key: &SessionKey,
    form: Form,
    url: Option<Url>,
) -> Result<(), Stop> {
    let renewer = app.queue.renewer();
    let Some(state) = renewer.state(key).await? else {
        return Err(Stop::Told(
            5,
            format!("{key} has no session yet; `jarkeeper login {key}` makes one"),
        ));
    };
    let settings = renewer.settings();
    // A header is for one URL; the other forms hold everything unless they are asked for less.
    let own = settings.recipes.get(&key.site).map(|r| r.url.clone());
    let url = url.or(own.filter(|_| matches!(form, Form::Header)));
    let exported = formats::export(&state, form.into(), url.as_ref(), Utc::now())
        .map_err(|e| Stop::Told(1, e.to_string()))?;
    for left_out in &exported.left_out {
        complain(&format!("{key}: left out: {left_out}"));
    }
    say(&exported.text)
}

pub(super) async fn import(
    app: &App,
    daemon: Option<&Daemon>,
    key: &SessionKey,
    file: &Path,
) -> Result<(), Stop> {
    let read = || -> std::io::Result<String> {
        let mut text = String::new();
        match file.as_os_str() == "-" {
            true => std::io::stdin().take(MOST).read_to_string(&mut text)?,
            false => std::fs::File::open(file)?
                .take(MOST)
                .read_to_string(&mut text)?,
        };
        Ok(text)
    };
    let text =
        read().map_err(|e| Stop::Told(1, format!("{} cannot be read: {e}", file.display())))?;
    let state = crate::session::import(&text)
        .map_err(|e| Stop::Told(1, format!("{}: {e}", file.display())))?;
    let there = match daemon {
        Some(daemon) => daemon.import(key, &state).await,
        None => None,
    };
    match there {
        Some(taken) => taken?,
        None => app.queue.renewer().import(key, state).await?,
    }
    say(&format!(
        "{key}: alive, {}",
        app.queue.renewer().state_path(key).display()
    ))
}

pub(super) async fn hold(
    app: &App,
    daemon: Option<&Daemon>,
    key: &SessionKey,
    why: &str,
) -> Result<(), Stop> {
    let there = match daemon {
        Some(daemon) => daemon.hold(key, why).await,
        None => None,
    };
    match there {
        Some(held) => held?,
        None => app.queue.renewer().hold(key, why).await?,
    }
    say(&format!(
        "{key} is left alone until: jarkeeper release {key}"
    ))
}

pub(super) async fn release(
    app: &App,
    daemon: Option<&Daemon>,
    key: &SessionKey,
) -> Result<(), Stop> {
    let there = match daemon {
        Some(daemon) => daemon.release(key).await,
        None => None,
    };
    match there {
        Some(released) => released?,
        None => app.queue.renewer().release(key).await?,
    }
    say(&format!(
        "{key} is released; the daemon goes on with it, or: jarkeeper login {key}"
    ))
}
