//! `load` and `register`: workspaces and their registration, asked of the daemon that runs.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::daemon::{Daemon, Refusal};
use super::{Stop, complain, say, say_json};
use crate::loads::{Failed, Reason, WITHOUT_REGISTRY};
use crate::session::Files;

#[derive(Subcommand)]
pub(super) enum LoadVerb {
    /// Shows your loads
    List,
    /// Makes a load; your first one becomes the current one
    Create {
        /// What you call it
        name: String,
        #[command(flatten)]
        told: Told,
    },
    /// Makes a load the current one
    Use {
        /// Its name or its id
        load: String,
    },
    /// Gives a load another name
    Rename {
        /// Its name or its id
        load: String,
        /// The new name
        name: String,
    },
    /// Deletes a load with all that it holds; it is unregistered first
    Delete {
        /// Its name or its id
        load: String,
        /// Deletes it also where its registry cannot be told: there the instance stays
        #[arg(long)]
        without_registry: bool,
    },
    /// Connects a load to its registry from now on, so that it can be talked to
    Connect {
        /// Its name or its id; without it: the current one
        load: Option<String>,
    },
    /// Ends the connection of a load
    Disconnect {
        /// Its name or its id; without it: the current one
        load: Option<String>,
    },
    /// Takes a load out of its registry; to register it again brings its id back
    Unregister {
        /// Its name or its id; without it: the current one
        load: Option<String>,
    },
}

/// What a load, or a registration, tells of itself.
#[derive(Args)]
pub(super) struct Told {
    /// The address that is registered with it
    #[arg(long)]
    email: Option<String>,
    /// What it is
    #[arg(long)]
    description: Option<String>,
    /// What is registered with it, for example model_name=Qwen2.5-7B-Instruct; again for more. A value that is JSON is taken as that
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, Value)>,
}

/// What is registered.
#[derive(Args)]
pub(super) struct Registration {
    /// What people will call it; without it: what the load is called. Where there is no load yet, one of this name is made
    name: Option<String>,
    #[command(flatten)]
    told: Told,
    /// The name or the id of the load; without it: the current one
    #[arg(long)]
    load: Option<String>,
    /// Writes the password into this new file, for you alone, and not to the terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// `KEY=VALUE`. A name is a text, also where it looks like a number.
fn tag(text: &str) -> Result<(String, Value), String> {
    let Some((key, value)) = text.split_once('=') else {
        return Err("write it as KEY=VALUE".to_owned());
    };
    let value = match key {
        "model_name" => value.into(),
        _ => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
    };
    Ok((key.to_owned(), value))
}

impl Told {
    fn body(self) -> Value {
        let mut body = json!({ "tags": Map::from_iter(self.tags) });
        let texts = [("email", self.email), ("description", self.description)];
        for (name, text) in texts {
            if let Some(text) = text {
                body[name] = text.into();
            }
        }
        body
    }
}

fn daemon(files: &Files) -> Result<Daemon, Stop> {
    let none =
        "no daemon runs on this folder, and loads are the daemon's; start it: jarkeeper serve";
    Daemon::of(files)?.ok_or_else(|| Stop::Told(1, none.to_owned()))
}

/// Asks, and tells what is refused in the words of this door.
async fn ask(
    daemon: &Daemon,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, Stop> {
    let answer = daemon.answer(method, path, body).await?;
    answer.map_err(|refusal| Stop::Told(refusal.code, words(&refusal)))
}

fn words(refusal: &Refusal) -> String {
    match (refusal.code, refusal.reason.as_deref()) {
        (2, Some("no-load")) => {
            "there is no load yet: give a NAME, and one of that name is made; or make one first: jarkeeper load create NAME".to_owned()
        }
        (2, Some("no-model-name")) => {
            "nobody says which model it is: give --tag model_name=…, to this or to `jarkeeper load create`, or set model in [llm] of \
             config.toml"
                .to_owned()
        }
        _ => {
            let said = refusal.said.replace(WITHOUT_REGISTRY, "--without-registry");
            let said = said.replace("upload_name", "NAME");
            said.replace("POST /v1/loads", "jarkeeper load create NAME")
        }
    }
}

pub(super) async fn run(files: &Files, verb: LoadVerb, json: bool) -> Result<(), Stop> {
    let daemon = daemon(files)?;
    // What became of a load, for a program or for a person.
    let tell = |load: &Value, told: String| match json {
        true => say_json(load),
        false => say(&told),
    };
    match verb {
        LoadVerb::List => list(&daemon, json).await,
        LoadVerb::Create { name, told } => {
            let mut body = told.body();
            body["name"] = name.into();
            let made = ask(&daemon, Method::POST, "/v1/loads", Some(&body)).await?;
            tell(&made, format!("{}: made", word(&made, "id")))
        }
        LoadVerb::Use { load } => {
            let id = find(&daemon, &load).await?;
            let body = json!({ "id": id });
            let load = ask(&daemon, Method::PUT, "/v1/loads/current", Some(&body)).await?;
            let name = word(&load, "name");
            tell(&load, format!("{id}: \"{name}\" is the current one"))
        }
        LoadVerb::Rename { load, name } => {
            let id = find(&daemon, &load).await?;
            let path = format!("/v1/loads/{id}");
            let body = json!({ "name": name });
            let load = ask(&daemon, Method::PATCH, &path, Some(&body)).await?;
            tell(&load, format!("{id}: \"{}\"", word(&load, "name")))
        }
        LoadVerb::Delete {
            load,
            without_registry,
        } => {
            let id = find(&daemon, &load).await?;
            let query = if without_registry {
                format!("?{WITHOUT_REGISTRY}")
            } else {
                String::new()
            };
            let path = format!("/v1/loads/{id}{query}");
            let gone = ask(&daemon, Method::DELETE, &path, None).await?;
            if let Some(left) = gone["left"].as_str() {
                complain(left);
            }
            tell(&gone, format!("{id}: deleted"))
        }
        LoadVerb::Connect { load } => {
            let id = find_or_current(&daemon, load).await?;
            let path = format!("/v1/loads/{id}/connect");
            let load = ask(&daemon, Method::POST, &path, None).await?;
            let told = "stays connected from now on; `jarkeeper load list` shows how it stands";
            tell(&load, format!("{id}: \"{}\" {told}", word(&load, "name")))
        }
        LoadVerb::Disconnect { load } => {
            let id = find_or_current(&daemon, load).await?;
            let path = format!("/v1/loads/{id}/connect");
            let load = ask(&daemon, Method::DELETE, &path, None).await?;
            let name = word(&load, "name");
            tell(&load, format!("{id}: \"{name}\" is not connected any more"))
        }
        LoadVerb::Unregister { load } => {
            let id = find_or_current(&daemon, load).await?;
            let path = format!("/v1/registrations/{id}");
            let load = ask(&daemon, Method::DELETE, &path, None).await?;
            let name = word(&load, "name");
            tell(
                &load,
                format!("{id}: \"{name}\" is not registered any more"),
            )
        }
    }
}

/// The id of a load that is named by its name or its id, or of the current one.
async fn find_or_current(daemon: &Daemon, load: Option<String>) -> Result<String, Stop> {
    if let Some(load) = load {
        return find(daemon, &load).await;
    }
    let current = ask(daemon, Method::GET, "/v1/loads/current", None).await?;
    Ok(word(&current, "id").to_owned())
}

/// The id of a load that is named by its name or its id.
async fn find(daemon: &Daemon, load: &str) -> Result<String, Stop> {
    let all = daemon.ask(Method::GET, "/v1/loads", None).await?;
    let all = all.as_array().map_or(&[][..], Vec::as_slice);
    let by = |name: &str| all.iter().find(|one| one[name] == load);
    match by("name").or_else(|| by("id")) {
        Some(one) => Ok(word(one, "id").to_owned()),
        None => {
            let message =
                format!("there is no load {load:?}; `jarkeeper load list` shows what there is");
            Err(Stop::Told(5, message))
        }
    }
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

async fn list(daemon: &Daemon, json: bool) -> Result<(), Stop> {
    let all = daemon.ask(Method::GET, "/v1/loads", None).await?;
    if json {
        return say_json(&all);
    }
    let mut text = String::new();
    for load in all.as_array().into_iter().flatten() {
        let mark = if load["is_current"] == true { '*' } else { ' ' };
        let instance = match (&load["registered_at"], &load["instance_id"]) {
            (Value::String(_), Value::String(id)) => format!("registered as {id}"),
            _ => "not registered".to_owned(),
        };
        let connection = &load["connection"];
        let connected = match (&connection["connected"], &connection["last_error"]) {
            (Value::Bool(true), _) => "connected".to_owned(),
            (Value::Bool(false), Value::String(why)) => format!("not connected: {why}"),
            (Value::Bool(false), _) => "being connected".to_owned(),
            _ => String::new(),
        };
        let (id, name) = (word(load, "id"), word(load, "name"));
        let line = format!("{mark} {id}  {instance:<35}  {name}  {connected}");
        text += line.trim_end();
        text.push('\n');
    }
    match text.is_empty() {
        true => say("there is no load; make one with `jarkeeper load create NAME`"),
        false => say(&text),
    }
}

/// Registers. The password goes to standard output alone, or into a file, and nowhere else.
pub(super) async fn register(files: &Files, wanted: Registration, json: bool) -> Result<(), Stop> {
    let daemon = daemon(files)?;
    let mut body = wanted.told.body();
    if let Some(name) = wanted.name {
        body["upload_name"] = name.into();
    }
    if let Some(load) = &wanted.load {
        let found = find(&daemon, load).await;
        body["load"] = match found {
            Err(Stop::Told(code, why)) => {
                return Err(failed(code, &Failed::new(Reason::NoLoad.word(), why), json));
            }
            found => found?.into(),
        };
    }
    // Before anything is registered: a password that cannot be written down would be lost.
    let file = wanted.password_file.as_deref();
    let file = file.map(|path| Ok::<_, Stop>((path, fresh(path)?)));
    let file = file.transpose()?;
    let made = daemon.answer(Method::POST, "/v1/registrations", Some(&body));
    let made = match made.await {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(refusal)) => Err(match &refusal.reason {
            Some(reason) => failed(refusal.code, &Failed::new(reason, words(&refusal)), json),
            None => refusal.into(),
        }),
        Err(stop) => Err(stop),
    };
    if let (Err(_), Some((path, _))) = (&made, &file) {
        // It is ours and empty.
        let _ = std::fs::remove_file(path);
    }
    let mut made = made?;
    let password = match made["instance_password"].take() {
        Value::String(password) => Zeroizing::new(password),
        _ => {
            return Err(Stop::Told(
                1,
                "the daemon's answer is not known here".to_owned(),
            ));
        }
    };
    if let Some((path, mut file)) = file {
        let written = file
            .write_all(password.as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all());
        written.map_err(|error| {
            let message = format!(
                "the password cannot be written to {}: {error}; register again for another one",
                path.display()
            );
            Stop::Told(1, message)
        })?;
        made["password_file"] = path.display().to_string().into();
    } else {
        made["instance_password"] = password.as_str().into();
    }
    if made["instance_password"].is_null()
        && let Some(made) = made.as_object_mut()
    {
        made.remove("instance_password");
    }
    if json {
        return say_json(&made);
    }
    let told = format!(
        "\"{}\" is registered as {}",
        word(&made, "upload_name"),
        word(&made, "instance_id")
    );
    match made["password_file"].as_str() {
        Some(path) => say(&format!("{told}; its password is in {path}")),
        None => {
            complain(&format!(
                "{told}; keep its password now, nobody can show it again"
            ));
            say(&password)
        }
    }
}

/// What a registration that failed ends with. A program is given all of it.
fn failed(code: u8, failed: &Failed, json: bool) -> Stop {
    if json && let Err(stop) = say_json(failed) {
        return stop;
    }
    Stop::Told(code, format!("{}: {}", failed.message, failed.detail))
}

/// A new file that only its owner reads.
fn fresh(path: &Path) -> Result<File, Stop> {
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.map_err(|error| {
        let message = format!("the file {} cannot be made: {error}", path.display());
        Stop::Told(2, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_json_where_it_is_and_a_text_else() {
        assert_eq!(tag("a=true"), Ok(("a".to_owned(), json!(true))));
        assert_eq!(tag("a=7"), Ok(("a".to_owned(), json!(7))));
        assert_eq!(tag("a=b=c"), Ok(("a".to_owned(), json!("b=c"))));
        assert_eq!(
            tag("model_name=7"),
            Ok(("model_name".to_owned(), json!("7")))
        );
        assert!(tag("a").is_err());
    }

    #[test]
    fn what_the_api_says_is_told_in_the_words_of_the_command_line() {
        let of = |said: &str, reason: Option<&str>| {
            words(&Refusal {
                code: 2,
                said: said.to_owned(),
                reason: reason.map(str::to_owned),
            })
        };
        let said = of(
            &format!("delete the load with {WITHOUT_REGISTRY}"),
            Some("no-seal"),
        );
        assert_eq!(said, "delete the load with --without-registry");
        assert!(of("", Some("no-load")).contains("NAME"));
        assert!(of("", Some("no-model-name")).contains("--tag model_name="));
        assert_eq!(
            of("make one: POST /v1/loads", None),
            "make one: jarkeeper load create NAME"
        );
    }
}
