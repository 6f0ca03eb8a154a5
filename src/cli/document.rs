//! `document`: what is kept in the owner's memory, asked of the daemon.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

use super::daemon::Daemon;
use super::{Stop, complain, say, say_json};
use crate::memory::DocumentKind;
use crate::session::Files;

/// Numbers of pages that are shown.
const PAGES: usize = 10;

#[derive(Subcommand)]
pub(super) enum DocumentVerb {
    /// Keeps files as documents: text, Markdown, HTML or PDF, by how their names end. One of the same name is replaced
    Put {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// In the memory of this user; without it: your own
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// What it is called; without it: what the file is called
        #[arg(long)]
        name: Option<String>,
    },
    /// Shows the documents, and what is wrong with the watched folder
    List {
        /// In the memory of this user; without it: your own
        #[arg(long, value_name = "USER")]
        user: Option<String>,
    },
    /// Prints a document as it came
    Get {
        /// Its name
        name: String,
        /// In the memory of this user; without it: your own
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Prints its text in place of what came
        #[arg(long)]
        text: bool,
    },
    /// Deletes a document
    Delete {
        /// Its name
        name: String,
        /// In the memory of this user; without it: your own
        #[arg(long, value_name = "USER")]
        user: Option<String>,
    },
}

pub(super) async fn run(files: &Files, verb: DocumentVerb, json: bool) -> Result<(), Stop> {
    let Some(daemon) = Daemon::of(files)? else {
        let message = "no daemon runs on this folder; start `jarkeeper serve`";
        return Err(Stop::Told(1, message.to_owned()));
    };
    match verb {
        DocumentVerb::Put { files, user, name } => {
            if name.is_some() && files.len() > 1 {
                let message = "--name is for one file; leave it out, or put them one by one";
                return Err(Stop::Told(2, message.to_owned()));
            }
            let mut kept = Vec::new();
            for file in &files {
                let (name, kind) = called(file, name.as_deref())?;
                let bytes = tokio::fs::read(file).await.map_err(|error| {
                    Stop::Told(1, format!("{} cannot be read: {error}", file.display()))
                })?;
                let path = path(&name, user.as_deref(), &[]);
                let document = daemon.send(Method::PUT, &path, kind.word(), bytes).await?;
                if !json {
                    say(&line(&document))?;
                }
                kept.push(document);
            }
            match json {
                true => say_json(&kept),
                false => Ok(()),
            }
        }
        DocumentVerb::List { user } => list(&daemon, user.as_deref(), json).await,
        DocumentVerb::Get { name, user, text } => {
            let more: &[_] = if text { &[("as", "text")] } else { &[] };
            let bytes = daemon.fetch(&path(&name, user.as_deref(), more)).await?;
            use std::io::Write as _;
            let mut out = std::io::stdout().lock();
            out.write_all(&bytes)?;
            Ok(out.flush()?)
        }
        DocumentVerb::Delete { name, user } => {
            let path = path(&name, user.as_deref(), &[]);
            daemon.ask(Method::DELETE, &path, None).await?;
            complain(&format!("{name} is deleted"));
            Ok(())
        }
    }
}

/// What a file is called as a document, and what it is.
fn called(file: &Path, name: Option<&str>) -> Result<(String, DocumentKind), Stop> {
    let own = file.file_name().and_then(|name| name.to_str());
    let kind = own.and_then(DocumentKind::of_name).ok_or_else(|| {
        let message = format!(
            "{} is no document by its name: it ends with .txt, .md, .markdown, .html, .htm or .pdf",
            file.display()
        );
        Stop::Told(2, message)
    })?;
    let name = name.or(own).unwrap_or_default();
    Ok((name.to_owned(), kind))
}

/// Where a document is asked for.
fn path(name: &str, user: Option<&str>, more: &[(&str, &str)]) -> String {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(user.map(|user| ("user_id", user)));
    query.extend_pairs(more);
    let query = query.finish();
    // A space is a plus only in forms.
    let name = name.replace('+', "%20");
    match query.is_empty() {
        true => format!("/v1/documents/{name}"),
        false => format!("/v1/documents/{name}?{query}"),
    }
}

fn line(document: &Value) -> String {
    let word = |name: &str| document[name].as_str().unwrap_or_default();
    let passages = match document["passages"].as_u64() {
        Some(1) => "1 passage".to_owned(),
        count => format!("{} passages", count.unwrap_or_default()),
    };
    format!(
        "{}  {}  {} bytes, {passages}{}{}",
        word("name"),
        word("kind"),
        document["size"],
        unread(document),
        match word("origin") {
            "folder" => ", from the folder",
            _ => "",
        }
    )
}

/// Which pages of a document are not wholly in its text.
fn unread(document: &Value) -> String {
    let all = document["unread_pages"].as_array().into_iter().flatten();
    let all: Vec<String> = all.map(Value::to_string).collect();
    match all.get(..PAGES) {
        Some(first) if all.len() > PAGES => {
            let more = all.len() - PAGES;
            format!(", unread pages: {} and {more} more", first.join(", "))
        }
        _ if all.is_empty() => String::new(),
        _ => format!(", unread pages: {}", all.join(", ")),
    }
}

async fn list(daemon: &Daemon, user: Option<&str>, json: bool) -> Result<(), Stop> {
    let mut all: Vec<Value> = Vec::new();
    let mut after: Option<String> = None;
    let folder = loop {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", "1000");
        query.extend_pairs(user.map(|user| ("user_id", user)));
        query.extend_pairs(after.as_deref().map(|after| ("after", after)));
        let path = format!("/v1/documents?{}", query.finish());
        let mut page = daemon.ask(Method::GET, &path, None).await?;
        if let Value::Array(documents) = page["documents"].take() {
            all.extend(documents);
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break page["folder"].take();
        }
    };
    if json {
        return say_json(&serde_json::json!({ "documents": all, "folder": folder }));
    }
    for document in &all {
        say(&line(document))?;
    }
    if all.is_empty() {
        complain("there is no document; keep one with `jarkeeper document put FILE`");
    }
    if let Some(problem) = folder["problem"].as_str() {
        complain(problem);
    }
    for file in folder["files"].as_array().into_iter().flatten() {
        let word = |name: &str| file[name].as_str().unwrap_or_default();
        complain(&format!("{}: {}", word("name"), word("problem")));
    }
    Ok(())
}
