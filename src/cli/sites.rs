//! `sites`: looks through the recipes, and makes new ones.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::terminal::Terminal;
use super::{Stop, say, say_json};
use crate::config::Diagnostic;
use crate::ids::SiteName;
use crate::sites::{Draft, Recipe, save};
use crate::watch::Settings;

/// A recipe was shown and not saved.
pub(super) const NOT_SAVED: u8 = 6;

#[derive(Subcommand)]
pub(super) enum SitesVerb {
    /// Reads every recipe and says what is wrong with it
    Check,
    /// Logs in at a URL with a browser, and writes the shortest recipe that works
    Add(super::add::Arguments),
}

pub(super) fn check(settings: &Settings, json: bool) -> Result<(), Stop> {
    let told = |list: &[Diagnostic]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    if json {
        let recipes: Vec<_> = settings
            .recipes
            .iter()
            .map(|r| r.site.to_string())
            .collect();
        say_json(&serde_json::json!({
            "recipes": recipes, "problems": told(&settings.problems), "warnings": told(&settings.warnings),
        }))?;
    } else {
        for line in told(&settings.problems)
            .iter()
            .chain(&told(&settings.warnings))
        {
            say(line)?;
        }
        if settings.problems.is_empty() {
            let count = settings.recipes.len();
            let noun = if count == 1 { "recipe" } else { "recipes" };
            say(&format!("{count} {noun}, no mistake"))?;
        }
    }
    if settings.problems.is_empty() {
        Ok(())
    } else {
        Err(Stop::Quiet(3))
    }
}

/// Where the recipe of a new site goes, and whether anything is there already.
pub(super) struct Place {
    dir: PathBuf,
    pub(super) site: SiteName,
}

impl Place {
    /// The place for a site that is named, or that gets a name from its URL.
    pub(super) fn find(root: &Path, name: Option<&str>, url: &url::Url) -> Result<Self, Stop> {
        let dir = root.join("sites");
        let taken = |site: &SiteName| dir.join(format!("{site}.toml")).symlink_metadata().is_ok();
        let site = match name {
            None => crate::sites::name_for(url, taken).ok_or_else(|| {
                Stop::Told(
                    2,
                    format!("{url} gives no name for the site; choose one with --name"),
                )
            })?,
            Some("all") => {
                let message = "no site can be named \"all\": the word means every site";
                return Err(Stop::Told(2, message.to_owned()));
            }
            Some(name) => {
                let site: SiteName = name
                    .parse()
                    .map_err(|e: crate::ids::NameError| Stop::Told(2, e.to_string()))?;
                if taken(&site) {
                    let message = format!(
                        "sites/{site}.toml exists already, and is left as it is; choose another name with --name, or remove the file first"
                    );
                    return Err(Stop::Told(2, message));
                }
                site
            }
        };
        Ok(Self { dir, site })
    }

    /// The recipe's file as a person finds it.
    pub(super) fn file(&self) -> String {
        format!("sites/{}.toml", self.site)
    }

    /// A good name for the environment variable that holds a secret of this site.
    pub(super) fn variable(&self, key: &str) -> String {
        let name = format!("{}_{key}", self.site)
            .to_uppercase()
            .replace('-', "_");
        match name.starts_with(|c: char| c.is_ascii_digit()) {
            // A shell takes no name that begins with a digit.
            true => format!("SITE_{name}"),
            false => name,
        }
    }

    pub(super) fn save(&self, draft: &Draft) -> Result<(PathBuf, Recipe), Stop> {
        Ok(save(&self.dir, &self.site, draft)?)
    }
}

/// Whether the recipe that was shown is to be saved. Nobody to ask is a no.
pub(super) async fn agreed(place: &Place, yes: bool) -> Result<bool, Stop> {
    if yes {
        return Ok(true);
    }
    let question = format!("Save as {}?", place.file());
    ask(move |terminal| terminal.agrees(&question))
        .await
        .map(|answer| answer.unwrap_or(false))
}

/// What a person answers; `None` where there is nobody.
pub(super) async fn ask<T: Send + 'static>(
    question: impl FnOnce(Terminal) -> Result<T, Stop> + Send + 'static,
) -> Result<Option<T>, Stop> {
    let Some(terminal) = Terminal::open() else {
        return Ok(None);
    };
    match tokio::task::spawn_blocking(move || question(terminal)).await {
        Ok(answer) => answer.map(Some),
        Err(error) => Err(Stop::Told(
            1,
            format!("the question was not asked: {error}"),
        )),
    }
}
