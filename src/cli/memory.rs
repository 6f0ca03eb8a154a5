//! `memory`: what was said, asked of the daemon that runs.

use std::io::{Read as _, Write as _};
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::daemon::Daemon;
use super::facts;
use super::memory_verbs::MemoryVerb;
use super::{Stop, complain, memory_import, say, say_json};
use crate::session::Files;

/// Where interactions are.
const INTERACTIONS: &str = "/v1/memory/interactions";

/// The daemon that runs.
fn daemon(files: &Files) -> Result<Daemon, Stop> {
    let none =
        "no daemon runs on this folder, and memories are the daemon's; start it: jarkeeper serve";
    Daemon::of(files)?.ok_or_else(|| Stop::Told(1, none.to_owned()))
}

pub(super) async fn run(files: &Files, verb: MemoryVerb, json: bool) -> Result<(), Stop> {
    let daemon = daemon(files)?;
    match verb {
        MemoryVerb::Add {
            text,
            whose,
            role,
            speaker,
            session,
            app,
            at,
            expires,
            key,
        } => {
            let mut one = json!({ "text": given(text)?, "role": role.word() });
            let members = [
                ("speaker", speaker.map(Value::from)),
                ("session", session.map(Value::from)),
                ("app", app.map(Value::from)),
                ("occurred_at", at.map(|at| at.to_rfc3339().into())),
                ("expires_at", expires.map(|at| at.to_rfc3339().into())),
                ("idempotency_key", key.map(Value::from)),
            ];
            put(&mut one, members);
            let mut body = json!({ "interactions": [one] });
            put(&mut body, [("user_id", whose.user.map(Value::from))]);
            let made = daemon.ask(Method::POST, INTERACTIONS, Some(&body)).await?;
            let told = match made["added"].as_u64() {
                Some(0) => "was kept before",
                _ => "kept",
            };
            let id = made["ids"][0].as_str().unwrap_or_default();
            tell(&made, json, format!("{id}: {told}"))
        }
        MemoryVerb::Search {
            query,
            whose,
            which,
            kind,
            k,
        } => {
            let mut filters = which.filters();
            if let Some(kind) = kind {
                filters.insert("kind".to_owned(), kind.word().into());
            }
            let mut body = json!({ "query": query, "k": k, "filters": filters });
            put(&mut body, [("user_id", whose.user.map(Value::from))]);
            let path = "/v1/memory/search";
            let found = daemon.ask(Method::POST, path, Some(&body)).await?;
            // Beside the answer: a program that reads that has them in it.
            for warning in list(&found["warnings"]) {
                let by: Vec<_> = list(&found["signals"])
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                let warning = plain(warning.as_str().unwrap_or_default());
                complain(&format!("found by {} alone: {warning}", by.join(", ")));
            }
            let hits: String = list(&found["hits"]).iter().map(line).collect();
            let reason = found["reason"].as_str().unwrap_or_default().to_owned();
            tell(&found, json, if hits.is_empty() { reason } else { hits })
        }
        MemoryVerb::List {
            whose,
            which,
            oldest,
            limit,
            from,
        } => {
            let order = if oldest { "oldest" } else { "newest" };
            let mut query = Serializer::new(String::new());
            query.append_pair("order", order);
            query.append_pair("limit", &limit.to_string());
            for (name, value) in which.filters() {
                query.append_pair(&name, value.as_str().unwrap_or_default());
            }
            if let Some(from) = from {
                let name = if oldest { "after" } else { "before" };
                query.append_pair(name, &from.to_string());
            }
            if let Some(user) = &whose.user {
                query.append_pair("user_id", user);
            }
            let path = format!("{INTERACTIONS}?{}", query.finish());
            let page = daemon.ask(Method::GET, &path, None).await?;
            let mut text: String = list(&page["interactions"]).iter().map(line).collect();
            if let Some(next) = page["next"].as_u64() {
                text += &format!("there is more: --from {next}\n");
            }
            let none = "nothing is kept that fits".to_owned();
            tell(&page, json, if text.is_empty() { none } else { text })
        }
        MemoryVerb::Get { id } => {
            let one = daemon.ask(Method::GET, &path(&id, ""), None).await?;
            tell(&one, json, whole(&one))
        }
        MemoryVerb::Edit {
            id,
            text,
            at,
            expires,
            version,
        } => {
            let mut change = json!({});
            let members = [
                ("text", text.map(given).transpose()?.map(Value::from)),
                ("occurred_at", at.map(|at| at.to_rfc3339().into())),
                ("expires_at", expires.map(|at| at.to_rfc3339().into())),
                ("version", version.map(Value::from)),
            ];
            put(&mut change, members);
            let place = path(&id, "");
            let one = daemon.ask(Method::PATCH, &place, Some(&change)).await?;
            let told = format!("{id}: version {}", one["version"]);
            tell(&one, json, told)
        }
        MemoryVerb::History { id } => {
            let place = path(&id, "/history");
            let history = daemon.ask(Method::GET, &place, None).await?;
            let of = |one: &Value| {
                let until = one["replaced_at"].as_str().unwrap_or("now");
                let text = one["text"].as_str().unwrap_or_default();
                format!("{} until {until}: {text}\n", one["version"])
            };
            let text: String = list(&history["versions"]).iter().map(of).collect();
            tell(&history, json, text)
        }
        MemoryVerb::Delete { id: Some(id), .. } => {
            daemon.ask(Method::DELETE, &path(&id, ""), None).await?;
            tell(
                &json!({ "id": id, "deleted": true }),
                json,
                format!("{id}: deleted"),
            )
        }
        MemoryVerb::Delete {
            whose,
            everything: true,
            confirm,
            ..
        } => {
            let user = whose.user.unwrap_or_default();
            let mut query = Serializer::new(String::new());
            query.append_pair("user_id", &user);
            if let Some(confirm) = confirm {
                query.append_pair("confirm", &confirm.to_string());
            }
            let path = format!("/v1/memory?{}", query.finish());
            let done = daemon.ask(Method::DELETE, &path, None).await?;
            tell(&done, json, deleted(&done))
        }
        MemoryVerb::Delete {
            whose,
            which,
            confirm,
            ..
        } => {
            let filters = which.filters();
            if filters.is_empty() {
                let message = "name what goes: an ID, a filter (--session, --app, --role, --since, --until), or --everything with --user";
                return Err(Stop::Told(2, message.to_owned()));
            }
            let mut body = json!({ "filters": filters });
            put(
                &mut body,
                [
                    ("user_id", whose.user.map(Value::from)),
                    ("confirm", confirm.map(Value::from)),
                ],
            );
            let path = format!("{INTERACTIONS}/delete");
            let done = daemon.ask(Method::POST, &path, Some(&body)).await?;
            tell(&done, json, deleted(&done))
        }
        MemoryVerb::Export { whose } => export(&daemon, whose.user.as_deref()).await,
        MemoryVerb::Import { file, whose } => {
            let done = memory_import::run(&daemon, &file, whose.user.as_deref()).await?;
            tell(&done.json(), json, done.told())?;
            done.end()
        }
        MemoryVerb::Stats { whose } => {
            let path = format!("/v1/memory/stats{}", of_user(whose.user.as_deref()));
            let stats = daemon.ask(Method::GET, &path, None).await?;
            let text = format!(
                "{}: {} interactions, {} facts, {} documents in {} passages\n{} of {} entries, {} of {} bytes\n",
                stats["user_id"].as_str().unwrap_or_default(),
                stats["interactions"],
                stats["facts"],
                stats["documents"],
                stats["passages"],
                stats["entries"]["used"],
                stats["entries"]["limit"],
                stats["bytes"]["used"],
                stats["bytes"]["limit"],
            );
            tell(&stats, json, text)
        }
        MemoryVerb::Facts(verb) => facts::run(&daemon, verb, json).await,
        MemoryVerb::Users => {
            let page = all(&daemon, "/v1/memory/users?limit=1000", "after", "users").await?;
            let of = |one: &Value| {
                let user = one["user_id"].as_str().unwrap_or_default();
                format!("{:>8} {:>12} {user}\n", one["entries"], one["bytes"])
            };
            let text: String = list(&page).iter().map(of).collect();
            tell(&page, json, text)
        }
        MemoryVerb::Sessions { whose } => {
            let path = format!("/v1/memory/sessions{}", of_user(whose.user.as_deref()));
            let page = daemon.ask(Method::GET, &path, None).await?;
            let of = |one: &Value| {
                let word = |name: &str| one[name].as_str().unwrap_or_default();
                let (first, last) = (word("first_at"), word("last_at"));
                let (count, name) = (&one["interactions"], word("session"));
                format!("{first} {last} {count:>6} {name}\n")
            };
            let text: String = list(&page["sessions"]).iter().map(of).collect();
            tell(&page, json, text)
        }
    }
}

/// Adds the members that there are.
fn put<const N: usize>(into: &mut Value, members: [(&str, Option<Value>); N]) {
    for (name, value) in members {
        if let Some(value) = value {
            into[name] = value;
        }
    }
}

/// An argument, or standard input where it is `-`.
fn given(text: String) -> Result<String, Stop> {
    if text != "-" {
        return Ok(text);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn path(id: &str, behind: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{INTERACTIONS}/{id}{behind}")
}

fn of_user(user: Option<&str>) -> String {
    let Some(user) = user else {
        return String::new();
    };
    let mut query = Serializer::new(String::new());
    format!("?{}", query.append_pair("user_id", user).finish())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// One thing in one line: what people said may hold line breaks, and whatever a terminal obeys.
fn line(one: &Value) -> String {
    let word = |name: &str| one[name].as_str().unwrap_or_default();
    let text = plain(word("text"));
    let by = one["speaker"].as_str().or(one["role"].as_str());
    let by = plain(by.unwrap_or(word("kind")));
    let (id, at) = (word("id"), word("occurred_at"));
    format!("{id} {at} {by}: {text}\n")
}

fn plain(text: &str) -> String {
    let seen = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(seen).collect()
}

fn whole(one: &Value) -> String {
    let mut text = String::new();
    for (name, value) in one.as_object().into_iter().flatten() {
        let shown = match value {
            Value::Null => continue,
            Value::String(value) => plain(value),
            other => other.to_string(),
        };
        text += &format!("{name:<12} {shown}\n");
    }
    text
}

fn deleted(done: &Value) -> String {
    let matched = &done["matched"];
    let stay = match done["stay"].as_u64() {
        None => String::new(),
        Some(stay) => format!(
            "; {stay} documents of the watched folder stay: they go when their files are deleted"
        ),
    };
    match done["deleted"] == true {
        true => format!("{matched}: deleted{stay}"),
        false => {
            format!("{matched} would be deleted{stay}, and nothing was; add --confirm {matched}")
        }
    }
}

fn tell(value: &Value, json: bool, text: String) -> Result<(), Stop> {
    match json {
        true => say_json(value),
        false => say(&text),
    }
}

/// Every page of a list.
async fn all(daemon: &Daemon, path: &str, more: &str, name: &str) -> Result<Value, Stop> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let from: String = match &next {
            None => String::new(),
            Some(next) => {
                let next: String =
                    url::form_urlencoded::byte_serialize(String::as_bytes(next)).collect();
                format!("&{more}={next}")
            }
        };
        let page = daemon
            .ask(Method::GET, &format!("{path}{from}"), None)
            .await?;
        found.extend_from_slice(list(&page[name]));
        next = page["next"].as_str().map(str::to_owned);
        if next.is_none() {
            return Ok(found.into());
        }
    }
}

/// Piece by piece: a memory may be large.
async fn export(daemon: &Daemon, user: Option<&str>) -> Result<(), Stop> {
    let gone = |_| Stop::Told(1, "the daemon does not answer, or broke off".to_owned());
    let url = format!("http://localhost/v1/memory/export{}", of_user(user));
    let mut answer = daemon.client().get(url).send().await.map_err(gone)?;
    if !answer.status().is_success() {
        let status = answer.status();
        let body: Value =
            serde_json::from_slice(&answer.bytes().await.map_err(gone)?).unwrap_or_default();
        let said = body["detail"].as_str().map(str::to_owned);
        let said = said.unwrap_or_else(|| format!("the daemon answers {status}"));
        return Err(Stop::Told(2, said));
    }
    let mut last = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(gone)? {
        std::io::stdout().lock().write_all(&piece)?;
        // Enough to see how it ends.
        last.extend_from_slice(&piece[piece.len().saturating_sub(80)..]);
        last.drain(..last.len().saturating_sub(80));
    }
    std::io::stdout().lock().flush()?;
    if !String::from_utf8_lossy(&last).contains("{\"type\":\"end\"") {
        complain("the export is not whole: its last line is missing; run it again");
        return Err(Stop::Quiet(1));
    }
    Ok(())
}

/// The file, or standard input.
pub(super) fn open(file: &Path) -> Result<Box<dyn std::io::Read>, Stop> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    let opened = std::fs::File::open(file);
    let opened = opened.map_err(|error| {
        let message = format!("the file {} cannot be read: {error}", file.display());
        Stop::Told(2, message)
    })?;
    Ok(Box::new(opened))
}
