//! `explain`: what a login on a page would do, in words and as a picture.

use std::io::Write;
use std::path::Path;

use serde_json::json;
use tokio::time::Instant;
use url::Url;

use super::{Stop, say, say_json};
use crate::app;
use crate::browser::Browser;
use crate::login::{self, Explained, Mention};
use crate::watch::Settings;

pub(super) async fn run(
    settings: &Settings,
    url: &str,
    picture: &Path,
    json: bool,
) -> Result<(), Stop> {
    let url = address(url)?;
    let path = std::env::var("PATH").unwrap_or_default();
    let browser =
        Browser::new(&app::browser_folders(), &path).map_err(|e| Stop::Told(1, e.to_string()))?;
    let patience = settings.config.login.timeout.to_std().unwrap_or_default();
    let deadline = Instant::now() + patience;
    let explained = login::explain(&browser, &settings.config.browser, &url, deadline).await;
    browser.close().await;
    let explained = explained?;
    save(picture, &explained.picture)?;
    if json {
        let mut value = json!(explained);
        value["picture"] = json!(picture);
        return say_json(&value);
    }
    tell(&explained, picture)
}

fn address(text: &str) -> Result<Url, Stop> {
    let wrong = |why: String| Stop::Told(2, why);
    let url = Url::parse(text).map_err(|e| {
        wrong(format!(
            "{text:?} is no URL: {e}; write it as https://example.com/login"
        ))
    })?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(wrong(format!(
            "{text:?} is no page of a site: {other} is neither http nor https"
        ))),
    }
}

/// Writes the picture whole or not at all, for its owner alone.
fn save(path: &Path, picture: &[u8]) -> Result<(), Stop> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let written =
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).and_then(|mut file| {
            file.write_all(picture)?;
            file.persist(path).map_err(|e| e.error)
        });
    let why = |e| {
        format!(
            "the picture cannot be written to {}: {e}; choose another file with --picture",
            path.display()
        )
    };
    written.map(drop).map_err(|e| Stop::Told(1, why(e)))
}

fn tell(explained: &Explained, picture: &Path) -> Result<(), Stop> {
    for view in &explained.frames {
        if view.does.is_empty() && view.leaves.is_empty() && explained.frames.len() > 1 {
            continue;
        }
        say(&view.url)?;
        for mention in &view.does {
            line("+", mention.part, mention)?;
        }
        for mention in &view.leaves {
            line("-", "left alone", mention)?;
        }
    }
    for note in &explained.notes {
        say(&format!("note: {note}"))?;
    }
    say(&format!("picture: {}", picture.display()))
}

fn line(mark: &str, part: &str, mention: &Mention) -> Result<(), Stop> {
    say(&format!(
        "  {mark} {part:<10} {}: {}",
        mention.element, mention.why
    ))
}
