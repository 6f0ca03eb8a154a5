//! What each part of ranking adds: conversations are kept as they would be, and every question is asked with all parts, with one
//! left out, and with words alone. Started by `scripts/bench recall --ablation`, which makes the table.
//!
//! Argument: a JSON file, `{"users": [{"user", "turns": [{"id", "speaker", "role", "session", "occurred_at", "text"}], "questions":
//! [{"id", "text", "now"}]}]}`. Prints a line of JSON for each question and each way: `{"variant", "user", "question", "hits"}`,
//! the hits as ids of turns, the best first.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use jarkeeper::app::{self, App};
use jarkeeper::config::Overrides;
use jarkeeper::identity::Principal;
use jarkeeper::memory::{BATCH, Memory, Parts, Query, Role, Said};
use jarkeeper::watch;
use serde::Deserialize;
use serde_json::json;

/// Hits of a question.
const HITS: usize = 20;

#[derive(Deserialize)]
struct All {
    users: Vec<User>,
}

#[derive(Deserialize)]
struct User {
    user: String,
    turns: Vec<Turn>,
    questions: Vec<Asked>,
}

#[derive(Deserialize)]
struct Turn {
    id: String,
    speaker: Option<String>,
    role: String,
    session: Option<String>,
    occurred_at: DateTime<Utc>,
    text: String,
}

#[derive(Deserialize)]
struct Asked {
    id: String,
    text: String,
    now: Option<DateTime<Utc>>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let Some(file) = arguments.next() else {
        // `cargo bench` starts this too.
        return Ok(());
    };
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let all: All =
        serde_json::from_str(&text).with_context(|| format!("{file} is not as it should be"))?;
    let root = tempfile::tempdir()?;
    let overrides = Overrides::default();
    let settings = watch::read(root.path(), &overrides, &app::environment())
        .map_err(|why| anyhow::anyhow!("{why}"))?;
    let (rooms, caller) = rooms(root.path(), settings).await?;
    for user in &all.users {
        let ids = keep(&rooms, &caller, user).await?;
        for (variant, parts) in variants() {
            for question in &user.questions {
                let hits = ask(&rooms, &caller, user, question, parts).await?;
                let hits: Vec<_> = hits.iter().filter_map(|id| ids.get(id)).collect();
                let line = json!({ "variant": variant, "user": user.user, "question": question.id, "hits": hits });
                println!("{line}");
            }
        }
    }
    Ok(())
}

async fn rooms(root: &Path, settings: watch::Settings) -> anyhow::Result<(Memory, Principal)> {
    let app = App::new(root, settings)?;
    let (rooms, caller) = app::tools(&app).await?;
    Ok((rooms.memory, caller.principal))
}

fn variants() -> Vec<(&'static str, Parts)> {
    let all = Parts::ALL;
    vec![
        ("everything", all),
        (
            "without dates",
            Parts {
                dates: false,
                ..all
            },
        ),
        ("without the kind of answer", Parts { cues: false, ..all }),
        (
            "without neighbours",
            Parts {
                neighbours: false,
                ..all
            },
        ),
        (
            "without names",
            Parts {
                names: false,
                ..all
            },
        ),
        (
            "without questions told apart",
            Parts {
                questions: false,
                ..all
            },
        ),
        (
            "without languages",
            Parts {
                languages: false,
                ..all
            },
        ),
        (
            "without the table",
            Parts {
                semantic: false,
                ..all
            },
        ),
        ("words alone", Parts::NONE),
    ]
}

/// Keeps the turns; the id that each was given in the file, by that which it was given here.
async fn keep(
    memory: &Memory,
    by: &Principal,
    user: &User,
) -> anyhow::Result<HashMap<String, String>> {
    let mut ids = HashMap::new();
    for turns in user.turns.chunks(BATCH) {
        let said = turns.iter().map(|turn| Said {
            text: turn.text.clone(),
            role: Role::of(&turn.role).unwrap_or(Role::User),
            speaker: turn.speaker.clone(),
            session: turn.session.clone(),
            app: None,
            metadata: None,
            occurred_at: Some(turn.occurred_at),
            expires_at: None,
            once: None,
        });
        let made = memory.add(by, Some(&user.user), said.collect()).await?;
        ids.extend(
            made.into_iter()
                .zip(turns)
                .map(|(kept, turn)| (kept.id, turn.id.clone())),
        );
    }
    Ok(ids)
}

async fn ask(
    memory: &Memory,
    by: &Principal,
    user: &User,
    question: &Asked,
    parts: Parts,
) -> anyhow::Result<Vec<String>> {
    let last = user.turns.iter().map(|turn| turn.occurred_at).max();
    let query = Query {
        text: question.text.clone(),
        most: HITS,
        now: question.now.or(last),
        ..Query::default()
    };
    let found = memory.search_by(by, Some(&user.user), query, parts).await?;
    Ok(found
        .hits
        .iter()
        .map(|hit| hit.item.id().to_owned())
        .collect())
}
