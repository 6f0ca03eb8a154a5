//! `memory import`: lines of JSON, and what mem0 exports.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::daemon::Daemon;
use super::memory::open;
use super::{Stop, complain};

/// Interactions that are sent at once.
const BATCH: usize = 500;
/// Bytes of their texts: with all the rest they stay below what the daemon reads.
const BYTES: usize = 512 << 10;
/// Largest file that is one JSON document, bytes.
const DOCUMENT: u64 = 256 << 20;
/// What an interaction can be made with, as an export has it.
const MEMBERS: [&str; 8] = [
    "text",
    "role",
    "speaker",
    "session",
    "app",
    "metadata",
    "occurred_at",
    "expires_at",
];

/// What one line is.
enum Line {
    Interaction(Value),
    Document(Value),
    /// It cannot be taken back.
    Other,
    End(u64),
}

/// What becomes of a file.
struct Import<'a> {
    daemon: &'a Daemon,
    only: Option<&'a str>,
    user: Option<String>,
    waiting: Vec<Value>,
    bytes: usize,
    /// The line on which the first that waits stands.
    first: usize,
    added: u64,
    known: u64,
    documents: u64,
    left_out: u64,
}

/// Imports a file; what became of it. It can be repeated: nothing is kept twice.
pub(super) async fn run(daemon: &Daemon, file: &Path, user: Option<&str>) -> Result<Value, Stop> {
    let mut reader = BufReader::new(open(file)?);
    let mut import = Import {
        daemon,
        only: user,
        user: None,
        waiting: Vec::new(),
        bytes: 0,
        first: 1,
        added: 0,
        known: 0,
        documents: 0,
        left_out: 0,
    };
    let (mut text, mut at, mut ended, mut ours) = (String::new(), 0, None, false);
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
        let all = match value {
            Value::Array(all) => all,
            Value::Object(mut one) => match (one.remove("results"), one.remove("memories")) {
                (Some(Value::Array(all)), _) | (_, Some(Value::Array(all))) => all,
                _ => vec![Value::Object(one)],
            },
            _ => return Err(wrong(&"an object is wanted")),
        };
        for one in all {
            ours |= one["type"].is_string();
            match read(one)
                .map_err(|why| Stop::Told(2, format!("{}:{at}: {why}", file.display())))?
            {
                Line::End(lines) => ended = Some(lines),
                line => import.take(line, at).await?,
            }
        }
    }
    import.flush().await?;
    if ours && ended.is_none() {
        complain("the file is not whole: an export ends with a line of type end");
    }
    Ok(json!({
        "added": import.added, "known": import.known, "documents": import.documents, "left_out": import.left_out,
    }))
}

/// What a line is: one of ours, an interaction as the API takes it, or a memory of mem0.
fn read(mut one: Value) -> Result<Line, String> {
    let kind = one["type"].take();
    match kind.as_str() {
        Some("end") => return Ok(Line::End(one["lines"].as_u64().unwrap_or_default())),
        Some("document") => return Ok(Line::Document(one)),
        Some("interaction") | None => {}
        Some(_) => return Ok(Line::Other),
    }
    let whole = one.as_object().ok_or("an object is wanted")?;
    let mut made = Map::new();
    if let Some(memory) = whole.get("memory").and_then(Value::as_str) {
        let at = ["created_at", "updated_at"].map(|name| whole.get(name));
        let at = at.into_iter().flatten().filter_map(Value::as_str);
        let at = at
            .filter_map(|at| DateTime::parse_from_rfc3339(at).ok())
            .next();
        made.insert("text".to_owned(), memory.into());
        made.insert("role".to_owned(), "user".into());
        if let Some(at) = at {
            made.insert("occurred_at".to_owned(), at.to_rfc3339().into());
        }
        let names = [
            ("metadata", "metadata"),
            ("agent_id", "app"),
            ("run_id", "session"),
        ];
        for (theirs, own) in names {
            if let Some(value) = whole.get(theirs).filter(|value| !value.is_null()) {
                made.insert(own.to_owned(), value.clone());
            }
        }
    } else {
        let known = MEMBERS
            .iter()
            .filter_map(|name| Some((*name, whole.get(*name)?)));
        made.extend(
            known
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.to_owned(), value.clone())),
        );
        if !made.contains_key("text") {
            return Err("neither text nor memory is in it; what `jarkeeper memory export` or mem0 prints is wanted".to_owned());
        }
        made.entry("role").or_insert_with(|| "user".into());
    }
    // What has no key gets one from its id, so that a second import keeps nothing twice.
    let key = match (&whole.get("idempotency_key"), whole.get("id")) {
        (Some(Value::String(key)), _) => Some(key.clone()),
        (_, Some(Value::String(id))) => Some(format!("id:{id}")),
        _ => None,
    };
    if let Some(key) = key {
        made.insert("idempotency_key".to_owned(), key.into());
    }
    made.insert(
        "user_id".to_owned(),
        whole.get("user_id").cloned().unwrap_or_default(),
    );
    Ok(Line::Interaction(made.into()))
}

impl Import<'_> {
    async fn take(&mut self, line: Line, at: usize) -> Result<(), Stop> {
        match line {
            Line::Interaction(mut one) => {
                let own = one["user_id"].take();
                if let Some(one) = one.as_object_mut() {
                    one.remove("user_id");
                }
                let end = one["expires_at"].as_str();
                let end = end.and_then(|end| DateTime::parse_from_rfc3339(end).ok());
                if end.is_some_and(|end| end <= Utc::now()) {
                    self.left_out += 1;
                    return Ok(());
                }
                let user = self.only.or(own.as_str()).map(str::to_owned);
                let bytes = one.to_string().len();
                let full = self.waiting.len() == BATCH || self.bytes + bytes > BYTES;
                if !self.waiting.is_empty() && (full || user != self.user) {
                    self.flush().await?;
                }
                if self.waiting.is_empty() {
                    self.first = at;
                }
                self.user = user;
                self.bytes += bytes;
                self.waiting.push(one);
            }
            Line::Document(one) => self.document(&one, at).await?,
            Line::Other | Line::End(_) => self.left_out += 1,
        }
        Ok(())
    }

    /// Sends what waits.
    async fn flush(&mut self) -> Result<(), Stop> {
        let some = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        if some.is_empty() {
            return Ok(());
        }
        let count = some.len() as u64;
        let mut body = json!({ "interactions": some });
        if let Some(user) = &self.user {
            body["user_id"] = user.as_str().into();
        }
        let path = "/v1/memory/interactions";
        let made = self.daemon.answer(Method::POST, path, Some(&body)).await?;
        let made = made.map_err(|refusal| {
            let message = format!(
                "what begins on line {}: {}; what stands before it is kept, and a second import keeps nothing twice",
                self.first, refusal.said
            );
            Stop::Told(refusal.code, message)
        })?;
        let added = made["added"].as_u64().unwrap_or_default();
        self.added += added;
        self.known += count - added;
        Ok(())
    }

    async fn document(&mut self, one: &Value, at: usize) -> Result<(), Stop> {
        let word = |name: &str| one[name].as_str().unwrap_or_default();
        let name: String = url::form_urlencoded::byte_serialize(word("name").as_bytes())
            .collect::<String>()
            .replace('+', "%20");
        let wrong = |why: &str| Stop::Told(2, format!("the document on line {at}: {why}"));
        let original = one["original"].as_str().map(|text| STANDARD.decode(text));
        let original = original
            .transpose()
            .map_err(|_| wrong("its original is no Base64"))?;
        let (kind, body) = match (word("kind"), original) {
            (kind, Some(original)) => (kind, original),
            (kind, None) if kind.starts_with("text/") => (kind, word("text").into()),
            // What is left of it is its text.
            (_, None) => ("text/plain", word("text").into()),
        };
        let mut url = format!("http://localhost/v1/documents/{name}");
        if let Some(user) = self.only.or(one["user_id"].as_str()) {
            let user: String = url::form_urlencoded::byte_serialize(user.as_bytes()).collect();
            url += &format!("?user_id={user}");
        }
        let request = self.daemon.client().put(url).header(CONTENT_TYPE, kind);
        let gone = |_| Stop::Told(1, "the daemon does not answer".to_owned());
        let answer = request.body(body).send().await;
        let answer = answer.map_err(gone)?;
        if !answer.status().is_success() {
            let status = answer.status();
            let told = answer.bytes().await.map_err(gone)?;
            let told: Value = serde_json::from_slice(&told).unwrap_or_default();
            let said = told["detail"].as_str().map(str::to_owned);
            let said = said.unwrap_or_else(|| format!("the daemon answers {status}"));
            return Err(wrong(&said));
        }
        self.documents += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_of_mem0_becomes_an_interaction_with_its_own_time() {
        let one = json!({ "id": "m1", "memory": "likes tea", "hash": "x", "user_id": "ada", "metadata": null,
            "created_at": "2024-07-01T05:00:00-07:00", "updated_at": null });
        let Ok(Line::Interaction(made)) = read(one) else {
            panic!("no interaction");
        };
        let wanted = json!({ "text": "likes tea", "role": "user", "occurred_at": "2024-07-01T05:00:00-07:00",
            "idempotency_key": "id:m1", "user_id": "ada" });
        assert_eq!(made, wanted);
        assert!(read(json!({ "hello": 1 })).is_err());
        assert!(matches!(
            read(json!({ "type": "end", "lines": 3 })),
            Ok(Line::End(3))
        ));
    }
}
