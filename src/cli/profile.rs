//! `profile`: the owner's own, asked of the daemon.

use std::io::Write as _;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::daemon::Daemon;
use super::{Stop, complain, say, say_json};
use crate::session::Files;

#[derive(Subcommand)]
pub(super) enum ProfileVerb {
    /// Shows your profile
    Show,
    /// Changes your profile; an empty text takes a thing away
    Set {
        /// By which you are found: letters and digits of one script, with '.', '-' or '_' between them
        #[arg(long, value_name = "NAME")]
        username: Option<String>,
        /// What people call you
        #[arg(long)]
        name: Option<String>,
        /// What you tell of yourself
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// A word about you; again for more. They take the place of those before
        #[arg(long = "tag", value_name = "WORD")]
        tags: Vec<String>,
    },
    /// Prints everything that is kept about you, as one JSON document
    Export,
    /// Deletes everything that is kept about you: profile, memory, loads, instances, keys
    Delete {
        /// Your username, or your id where you have none
        #[arg(long, value_name = "NAME")]
        confirm: String,
        /// Also where a foreign registry cannot be told
        #[arg(long)]
        without_registry: bool,
    },
}

pub(super) async fn run(files: &Files, verb: ProfileVerb, json: bool) -> Result<(), Stop> {
    let Some(daemon) = Daemon::of(files)? else {
        let message = "no daemon runs on this folder; start `jarkeeper serve`";
        return Err(Stop::Told(1, message.to_owned()));
    };
    match verb {
        ProfileVerb::Show => {
            let profile = daemon.ask(Method::GET, "/v1/profile", None).await?;
            show(&profile, json)
        }
        ProfileVerb::Set {
            username,
            name,
            description,
            tags,
        } => {
            let mut change = json!({});
            let texts = [
                ("username", username),
                ("name", name),
                ("description", description),
            ];
            for (member, text) in texts {
                if let Some(text) = text {
                    change[member] = match text.is_empty() {
                        true => Value::Null,
                        false => text.into(),
                    };
                }
            }
            if !tags.is_empty() {
                let words = tags.into_iter().filter(|tag| !tag.is_empty());
                change["tags"] = words.collect::<Vec<_>>().into();
            }
            if change == json!({}) {
                let message = "nothing to change; name --username, --name, --description or --tag";
                return Err(Stop::Told(2, message.to_owned()));
            }
            let asked = daemon.ask(Method::PATCH, "/v1/profile", Some(&change));
            show(&asked.await?, json)
        }
        ProfileVerb::Export => export(&daemon).await,
        ProfileVerb::Delete {
            confirm,
            without_registry,
        } => {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("confirm", &confirm)
                .append_pair("without_registry", &without_registry.to_string())
                .finish();
            let path = format!("/v1/profile?{query}");
            daemon.ask(Method::DELETE, &path, None).await?;
            complain("everything that was kept about you is deleted");
            Ok(())
        }
    }
}

fn show(profile: &Value, json: bool) -> Result<(), Stop> {
    if json {
        return say_json(profile);
    }
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text += &format!("{name:<12} {value}\n");
        }
    };
    let word = |name: &str| profile[name].as_str().unwrap_or_default().to_owned();
    line(
        "username",
        profile["username"]
            .as_str()
            .unwrap_or("none; set one with `jarkeeper profile set --username NAME`")
            .to_owned(),
    );
    line("id", word("id"));
    line("name", word("name"));
    line("e-mail", word("email"));
    line("description", word("description"));
    let list = profile["tags"].as_array().into_iter().flatten();
    let tags: Vec<_> = list.filter_map(Value::as_str).collect();
    line("tags", tags.join(" "));
    let counts = ["documents", "loads", "instances", "keys"];
    let counts = counts.map(|name| format!("{} {name}", profile["counts"][name]));
    line("kept", counts.join(", "));
    for instance in profile["instances"].as_array().into_iter().flatten() {
        let word = |name: &str| instance[name].as_str().unwrap_or_default();
        let shown = format!("{} {} ({})", word("id"), word("name"), word("status"));
        line("instance", shown);
    }
    line("last active", word("last_active_at"));
    say(&text)
}

/// Piece by piece: a memory may be large.
async fn export(daemon: &Daemon) -> Result<(), Stop> {
    let gone = |_| Stop::Told(1, "the daemon does not answer, or broke off".to_owned());
    let request = daemon.client().get("http://localhost/v1/profile/export");
    let mut answer = request.send().await.map_err(gone)?;
    if !answer.status().is_success() {
        let message = format!("the daemon answers {}", answer.status());
        return Err(Stop::Told(1, message));
    }
    while let Some(piece) = answer.chunk().await.map_err(gone)? {
        std::io::stdout().lock().write_all(&piece)?;
    }
    Ok(std::io::stdout().lock().flush()?)
}
