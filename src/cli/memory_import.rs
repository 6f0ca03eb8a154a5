//! `memory import`: lines of JSON, and what mem0 exports.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::daemon::{Daemon, Refusal};
use super::memory::open;
use super::memory_lines::{Line, Turn, read};
use super::{Stop, complain};

/// Interactions that are sent at once.
const BATCH: usize = 500;
/// Bytes of their texts: with all the rest they stay below what the daemon reads.
const BYTES: usize = 512 << 10;
/// Largest file that is one JSON document, bytes.
const DOCUMENT: u64 = 256 << 20;
/// Most interactions that a fact can name.
const SOURCES: usize = 20;
/// Where facts are.
const FACTS: &str = "/v1/memory/facts";

/// What became of a file.
#[derive(Default)]
pub(super) struct Imported {
    added: u64,
    known: u64,
    facts: u64,
    documents: u64,
    /// Documents that the watched folder brings.
    of_folder: u64,
    /// Turns that were kept before with something else beside their text.
    unlike: u64,
    /// Turns that are over.
    over: u64,
    /// Facts that do not hold any more, or of which no turn is there.
    old_facts: u64,
    /// What new turns said before they were changed.
    versions: u64,
    /// Documents whose name one of the watched folder has.
    named: u64,
    /// Lines that nobody here knows.
    lines: u64,
}

impl Imported {
    /// What of the file is not there now.
    fn lost(&self) -> u64 {
        self.old_facts + self.versions + self.named + self.lines
    }

    pub(super) fn told(&self) -> String {
        format!(
            "{} new, {} were kept before, {} facts, {} documents, {} left out",
            self.added,
            self.known,
            self.facts,
            self.documents,
            self.lost() + self.over
        )
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "added": self.added, "known": self.known, "facts": self.facts, "documents": self.documents, "of_folder": self.of_folder,
            "unlike": self.unlike,
            "left_out": { "over": self.over, "facts": self.old_facts, "versions": self.versions, "documents": self.named,
                "lines": self.lines },
        })
    }

    /// Says what was left out, and why. A part of the file that is not there now is told by the exit code too.
    pub(super) fn end(&self) -> Result<(), Stop> {
        let all = [
            (
                self.unlike,
                "were kept before with another session, speaker, time or metadata, and stay as they are",
            ),
            (
                self.of_folder,
                "documents are left to the watched folder, which has files of their names",
            ),
            (self.over, "left out: turns that are over"),
            (
                self.old_facts,
                "left out: facts that were replaced or outdated, or whose turns are not there",
            ),
            (
                self.versions,
                "left out: what turns said before they were changed",
            ),
            (
                self.named,
                "left out: documents whose names files of the watched folder have; give them other names",
            ),
            (
                self.lines,
                "left out: lines of a type that this Jarkeeper does not know",
            ),
        ];
        for (count, what) in all.into_iter().filter(|(count, _)| *count > 0) {
            complain(&format!("{count} {what}"));
        }
        match self.lost() {
            0 => Ok(()),
            _ => Err(Stop::Quiet(3)),
        }
    }
}

/// Where something stands in the file: its line, and its place there where that is a list.
#[derive(Clone, Copy)]
struct Place(usize, Option<usize>);

/// Facts of a user by their text: ids and states.
type Facts = HashMap<String, Vec<(String, String)>>;

/// A file on its way.
struct Import<'a> {
    daemon: &'a Daemon,
    file: &'a Path,
    only: Option<&'a str>,
    user: Option<String>,
    waiting: Vec<(Place, Turn)>,
    bytes: usize,
    /// What turns are called here that were called otherwise where they come from, or not.
    ids: HashMap<String, String>,
    /// Those that were there before, and whose they are.
    facts: Option<(Option<String>, Facts)>,
    done: Imported,
}

/// Imports a file; what became of it. It can be repeated: nothing is kept twice.
pub(super) async fn run(
    daemon: &Daemon,
    file: &Path,
    user: Option<&str>,
) -> Result<Imported, Stop> {
    let mut reader = BufReader::new(open(file)?);
    let mut import = Import {
        daemon,
        file,
        only: user,
        user: None,
        waiting: Vec::new(),
        bytes: 0,
        ids: HashMap::new(),
        facts: None,
        done: Imported::default(),
    };
    let (mut text, mut at, mut ended, mut ours) = (String::new(), 0, false, false);
    while reader.read_line(&mut text)? > 0 {
        at += 1;
        if text.trim().is_empty() {
            text.clear();
            continue;
        }
        let wrong = |error: &dyn std::fmt::Display| {
            let message = format!("{}:{at}: this is no JSON: {error}", file.display());
            Stop::Told(2, message)
        };
        let value: Value = match serde_json::from_str(&text) {
            Ok(value) => value,
            // It may be one document over many lines.
            Err(_) if at == 1 => {
                reader.by_ref().take(DOCUMENT).read_to_string(&mut text)?;
                serde_json::from_str(&text).map_err(|error| wrong(&error))?
            }
            Err(error) => return Err(wrong(&error)),
        };
        text.clear();
        let (all, list) = match value {
            Value::Array(all) => (all, true),
            Value::Object(mut one) => match (one.remove("results"), one.remove("memories")) {
                (Some(Value::Array(all)), _) | (_, Some(Value::Array(all))) => (all, true),
                _ => (vec![Value::Object(one)], false),
            },
            _ => return Err(wrong(&"an object is wanted")),
        };
        for (entry, one) in all.into_iter().enumerate() {
            ours |= one["type"].is_string();
            let place = Place(at, list.then_some(entry + 1));
            match read(one).map_err(|why| import.stop(2, place, &why))? {
                Line::End => ended = true,
                line => import.take(line, place).await?,
            }
        }
    }
    import.flush().await?;
    if ours && !ended {
        complain("the file is not whole: an export ends with a line of type end");
    }
    Ok(import.done)
}

impl Import<'_> {
    fn stop(&self, code: u8, Place(line, entry): Place, why: &str) -> Stop {
        let entry = entry.map_or_else(String::new, |entry| format!("entry {entry}: "));
        Stop::Told(
            code,
            format!("{}:{line}: {entry}{why}", self.file.display()),
        )
    }

    async fn take(&mut self, line: Line, at: Place) -> Result<(), Stop> {
        match line {
            Line::Interaction(turn) => {
                if turn.end.is_some_and(|end| end <= Utc::now()) {
                    self.done.over += 1;
                    return Ok(());
                }
                let user = self.only.or(turn.user.as_deref()).map(str::to_owned);
                let bytes = turn.body.to_string().len();
                let full = self.waiting.len() == BATCH || self.bytes + bytes > BYTES;
                if !self.waiting.is_empty() && (full || user != self.user) {
                    self.flush().await?;
                }
                self.user = user;
                self.bytes += bytes;
                self.waiting.push((at, turn));
            }
            Line::Document(one) => self.document(&one, at).await?,
            Line::Fact(one) => self.fact(&one, at).await?,
            Line::Other => self.done.lines += 1,
            Line::End => {}
        }
        Ok(())
    }

    /// Sends what waits.
    async fn flush(&mut self) -> Result<(), Stop> {
        let some = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let Some((first, _)) = some.first() else {
            return Ok(());
        };
        let all: Vec<_> = some.iter().map(|(_, turn)| &turn.body).collect();
        let mut body = json!({ "interactions": all });
        if let Some(user) = &self.user {
            body["user_id"] = user.as_str().into();
        }
        let path = "/v1/memory/interactions";
        let made = self.daemon.answer(Method::POST, path, Some(&body)).await?;
        let made = made.map_err(|Refusal { code, said, .. }| {
            let (at, why) = match blamed(&said) {
                Some((at, why)) => (some.get(at).map_or(*first, |(place, _)| *place), why),
                None => (*first, said.as_str()),
            };
            let kept = format!("{why}; what stands before line {} is kept, and a second import keeps nothing twice", first.0);
            self.stop(code, at, &kept)
        })?;
        let mut was = HashMap::new();
        for one in list(&made["known"]) {
            let unlike = !list(&one["unlike"]).is_empty();
            was.insert(one["at"].as_u64().unwrap_or_default(), unlike);
        }
        self.done.known += was.len() as u64;
        self.done.unlike += was.values().filter(|unlike| **unlike).count() as u64;
        self.done.added += made["added"].as_u64().unwrap_or_default();
        for (at, ((_, turn), id)) in some.into_iter().zip(list(&made["ids"])).enumerate() {
            if !was.contains_key(&(at as u64)) {
                self.done.versions += turn.versions;
            }
            if let (Some(own), Some(id)) = (turn.id, id.as_str()) {
                self.ids.insert(own, id.to_owned());
            }
        }
        Ok(())
    }

    /// States a fact that holds, or rejects one that was rejected, where that is not known here.
    async fn fact(&mut self, one: &Value, at: Place) -> Result<(), Stop> {
        // Its turns stand before it.
        self.flush().await?;
        let word = |name: &str| one[name].as_str().unwrap_or_default();
        let (text, state) = (word("text"), word("state"));
        let user = self.only.or(one["user_id"].as_str()).map(str::to_owned);
        if self.facts.as_ref().is_none_or(|(of, _)| *of != user) {
            let there = facts_of(self.daemon, user.as_deref()).await?;
            self.facts = Some((user.clone(), there));
        }
        let there = self.facts.as_ref().and_then(|(_, all)| all.get(text));
        let there = there.map(Vec::as_slice).unwrap_or_default();
        let id_of = |wanted: &str| {
            let found = there.iter().find(|(_, state)| state == wanted);
            found.map(|(id, _)| id.clone())
        };
        let known = id_of(state).is_some();
        let sources = list(&one["sources"]).iter().filter_map(Value::as_str);
        let sources: Vec<_> = sources.filter_map(|id| self.ids.get(id)).collect();
        let lost = sources.is_empty() && !list(&one["sources"]).is_empty();
        match state {
            // There may be further turns that say it.
            "current" if known && !lost => {}
            // One that its person did not want any more since stays as it is.
            "current" if !there.is_empty() => {
                self.done.known += 1;
                return Ok(());
            }
            _ if known => {
                self.done.known += 1;
                return Ok(());
            }
            "current" | "rejected" if !lost => {}
            _ => {
                self.done.old_facts += 1;
                return Ok(());
            }
        }
        let mut body = json!({ "text": text, "sources": &sources[..sources.len().min(SOURCES)] });
        let members = [
            ("user_id", user.as_deref()),
            ("valid_from", one["valid_from"].as_str()),
            ("valid_until", one["valid_until"].as_str()),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        let id = match id_of("current").filter(|_| state == "rejected") {
            Some(id) => id,
            None => {
                let made = self.daemon.answer(Method::POST, FACTS, Some(&body)).await?;
                let made = made.map_err(|no| self.stop(no.code, at, &no.said))?;
                made["id"].as_str().unwrap_or_default().to_owned()
            }
        };
        if state == "rejected" {
            let path = format!("{FACTS}/{id}/reject");
            let done = self.daemon.answer(Method::POST, &path, None).await?;
            done.map_err(|no| self.stop(no.code, at, &no.said))?;
        }
        match known {
            true => self.done.known += 1,
            false => self.done.facts += 1,
        }
        Ok(())
    }

    async fn document(&mut self, one: &Value, at: Place) -> Result<(), Stop> {
        let word = |name: &str| one[name].as_str().unwrap_or_default();
        let name: String = byte_serialize(word("name").as_bytes())
            .collect::<String>()
            .replace('+', "%20");
        let wrong = |why: &str| format!("the document {}: {why}", word("name"));
        let original = one["original"].as_str().map(|text| STANDARD.decode(text));
        let original = original
            .transpose()
            .map_err(|_| self.stop(2, at, &wrong("its original is no Base64")))?;
        let (kind, body) = match (word("kind"), original) {
            (kind, Some(original)) => (kind, original),
            (kind, None) if kind.starts_with("text/") => (kind, word("text").into()),
            // What is left of it is its text.
            (_, None) => ("text/plain", word("text").into()),
        };
        let mut url = format!("http://localhost/v1/documents/{name}");
        if let Some(user) = self.only.or(one["user_id"].as_str()) {
            let user: String = byte_serialize(user.as_bytes()).collect();
            url += &format!("?user_id={user}");
        }
        let request = self.daemon.client().put(url).header(CONTENT_TYPE, kind);
        let gone = |_| Stop::Told(1, "the daemon does not answer".to_owned());
        let answer = request.body(body).send().await;
        let answer = answer.map_err(gone)?;
        if answer.status().is_success() {
            self.done.documents += 1;
            return Ok(());
        }
        let status = answer.status();
        let told = answer.bytes().await.map_err(gone)?;
        let told: Value = serde_json::from_slice(&told).unwrap_or_default();
        if told["type"] == "urn:jarkeeper:problem:came-another-way" {
            match one["origin"].is_string() {
                true => self.done.of_folder += 1,
                false => self.done.named += 1,
            }
            return Ok(());
        }
        let said = told["detail"].as_str().map(str::to_owned);
        let said = said.unwrap_or_else(|| format!("the daemon answers {status}"));
        Err(self.stop(2, at, &wrong(&said)))
    }
}

/// Which of several interactions is to blame for a refusal, and for what.
fn blamed(said: &str) -> Option<(usize, &str)> {
    let (at, why) = said.strip_prefix("interactions[")?.split_once(']')?;
    Some((at.parse().ok()?, why.trim_start_matches([':', '.', ' '])))
}

/// The facts of a user that are there, in whatever state.
async fn facts_of(daemon: &Daemon, user: Option<&str>) -> Result<Facts, Stop> {
    let (mut all, mut next) = (Facts::new(), None);
    loop {
        let mut path = format!("{FACTS}?limit=1000");
        if let Some(user) = user {
            let user: String = byte_serialize(user.as_bytes()).collect();
            path += &format!("&user_id={user}");
        }
        if let Some(next) = next {
            path += &format!("&after={next}");
        }
        let page = daemon.ask(Method::GET, &path, None).await?;
        for one in list(&page["facts"]) {
            let [text, id, state] =
                ["text", "id", "state"].map(|name| one[name].as_str().unwrap_or_default());
            let same = all.entry(text.to_owned()).or_default();
            same.push((id.to_owned(), state.to_owned()));
        }
        next = page["next"].as_u64();
        if next.is_none() {
            return Ok(all);
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_one_that_is_to_blame() {
        let of = |said| blamed(said);
        assert_eq!(
            of("interactions[7]: text is empty"),
            Some((7, "text is empty"))
        );
        assert_eq!(
            of("interactions[12].occurred_at: no time"),
            Some((12, "occurred_at: no time"))
        );
        assert_eq!(of("this user's memory has 7 entries"), None);
    }
}
