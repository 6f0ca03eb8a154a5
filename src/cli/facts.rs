//! `memory facts`: what a model read out of what was said, asked of the daemon that runs.

use chrono::{DateTime, Utc};
use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::daemon::Daemon;
use super::memory_verbs::{Whose, time};
use super::{Stop, say, say_json};

/// Where facts are.
const FACTS: &str = "/v1/memory/facts";

#[derive(Subcommand)]
pub(super) enum FactsVerb {
    /// Lists facts, the newest first
    List {
        #[command(flatten)]
        whose: Whose,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Most lines
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// From where to go on, as the list before said
        #[arg(long, value_name = "NUMBER")]
        from: Option<u32>,
    },
    /// Shows a fact, the turns that say it, and what it said before
    Get {
        /// Its id
        id: String,
    },
    /// States a fact
    Add {
        /// One sentence
        text: String,
        #[command(flatten)]
        whose: Whose,
        /// Since when it is so
        #[arg(long, value_name = "TIME", value_parser = time)]
        since: Option<DateTime<Utc>>,
        /// Until when it was so
        #[arg(long, value_name = "TIME", value_parser = time)]
        until: Option<DateTime<Utc>>,
        /// The id of an interaction that says it; again for more
        #[arg(long = "source", value_name = "ID")]
        sources: Vec<String>,
    },
    /// Mends a fact; what it said before stays in its history
    Mend {
        /// Its id
        id: String,
        /// What it shall say
        #[arg(long)]
        text: Option<String>,
        /// Since when it is so
        #[arg(long, value_name = "TIME", value_parser = time)]
        since: Option<DateTime<Utc>>,
        /// Until when it was so
        #[arg(long, value_name = "TIME", value_parser = time)]
        until: Option<DateTime<Utc>>,
    },
    /// Rejects a fact: it is not found any more, and not read out of the same turns again
    Reject {
        /// Its id
        id: String,
    },
    /// Deletes a fact and its history; what was said stays
    Delete {
        /// Its id
        id: String,
    },
    /// Shows how far what was said has been read, and what is in the way
    Status {
        #[command(flatten)]
        whose: Whose,
    },
    /// Has what was said read now, without waiting until nothing more is said
    Read {
        #[command(flatten)]
        whose: Whose,
    },
}

/// How a fact stands.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum State {
    Current,
    Replaced,
    Rejected,
    Outdated,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Replaced => "replaced",
            Self::Rejected => "rejected",
            Self::Outdated => "outdated",
        }
    }
}

pub(super) async fn run(daemon: &Daemon, verb: FactsVerb, json: bool) -> Result<(), Stop> {
    // For a program or for a person.
    let tell = |answer: &Value, told: String| match json {
        true => say_json(answer),
        false => say(&told),
    };
    let stamp = |at: Option<DateTime<Utc>>| at.map(|at| Value::from(at.to_rfc3339()));
    match verb {
        FactsVerb::List {
            whose,
            state,
            limit,
            from,
        } => {
            let mut query = Serializer::new(String::new());
            query.append_pair("limit", &limit.to_string());
            query.extend_pairs(state.map(|state| ("state", state.word())));
            query.extend_pairs(from.map(|from| ("after", from.to_string())));
            query.extend_pairs(whose.user.map(|user| ("user_id", user)));
            let path = format!("{FACTS}?{}", query.finish());
            let page = daemon.ask(Method::GET, &path, None).await?;
            let mut text: String = list(&page["facts"]).iter().map(line).collect();
            if let Some(next) = page["next"].as_u64() {
                text += &format!("there is more: --from {next}\n");
            }
            let none =
                "there are no facts; `jarkeeper memory facts status` says whether any are read";
            tell(
                &page,
                if text.is_empty() {
                    none.to_owned()
                } else {
                    text
                },
            )
        }
        FactsVerb::Get { id } => {
            let fact = daemon.ask(Method::GET, &path(&id, ""), None).await?;
            let mut text = line(&fact);
            for source in list(&fact["sources"]) {
                text += &format!("  said in {}\n", source.as_str().unwrap_or_default());
            }
            for one in list(&fact["history"]) {
                let until = word(one, "replaced_at");
                text += &format!(
                    "  {} until {until}: {}\n",
                    one["version"],
                    word(one, "text")
                );
            }
            tell(&fact, text)
        }
        FactsVerb::Add {
            text,
            whose,
            since,
            until,
            sources,
        } => {
            let mut body = json!({ "text": text, "sources": sources });
            put(&mut body, "user_id", whose.user.map(Value::from));
            put(&mut body, "valid_from", stamp(since));
            put(&mut body, "valid_until", stamp(until));
            let fact = daemon.ask(Method::POST, FACTS, Some(&body)).await?;
            tell(&fact, format!("{}: kept", word(&fact, "id")))
        }
        FactsVerb::Mend {
            id,
            text,
            since,
            until,
        } => {
            let mut body = json!({});
            put(&mut body, "text", text.map(Value::from));
            put(&mut body, "valid_from", stamp(since));
            put(&mut body, "valid_until", stamp(until));
            let fact = daemon
                .ask(Method::PATCH, &path(&id, ""), Some(&body))
                .await?;
            tell(&fact, format!("{id}: version {}", fact["version"]))
        }
        FactsVerb::Reject { id } => {
            let fact = daemon
                .ask(Method::POST, &path(&id, "/reject"), None)
                .await?;
            tell(&fact, format!("{id}: rejected"))
        }
        FactsVerb::Delete { id } => {
            let gone = daemon.ask(Method::DELETE, &path(&id, ""), None).await?;
            tell(&gone, format!("{id}: deleted"))
        }
        FactsVerb::Status { whose } => {
            let path = of(&whose, "status");
            let status = daemon.ask(Method::GET, &path, None).await?;
            tell(&status, standing(&status))
        }
        FactsVerb::Read { whose } => {
            let path = of(&whose, "read");
            let status = daemon.ask(Method::POST, &path, None).await?;
            tell(&status, standing(&status))
        }
    }
}

fn of(whose: &Whose, what: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(whose.user.as_ref().map(|user| ("user_id", user)));
    format!("{FACTS}/{what}?{}", query.finish())
}

/// The place of a fact: whatever is typed stays one segment.
fn path(id: &str, behind: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{FACTS}/{}{behind}", id.replace('+', "%20"))
}

fn put(body: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        body[name] = value;
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn line(fact: &Value) -> String {
    let day = |name: &str| word(fact, name).get(..10).map(str::to_owned);
    let mut times = String::new();
    for (name, before) in [("valid_from", "since"), ("valid_until", "until")] {
        if let Some(day) = day(name) {
            times += &format!(" {before} {day}");
        }
    }
    let state = match word(fact, "state") {
        "current" => String::new(),
        other => format!(" [{other}]"),
    };
    format!(
        "{} {}{times}{state}\n",
        word(fact, "id"),
        word(fact, "text")
    )
}

fn standing(status: &Value) -> String {
    let mut text = match status["off"].as_str() {
        Some(why) => format!("no facts are read: {why}\n"),
        None => "facts are read\n".to_owned(),
    };
    text += &format!("{} turns are not read yet", status["behind"]);
    for (name, what) in [
        (
            "passed_over",
            "turns passed over, which the model never answered about",
        ),
        (
            "dropped",
            "dropped facts of the model, which nobody had said",
        ),
    ] {
        if status[name] != 0 {
            text += &format!("\n{what}: {}", status[name]);
        }
    }
    if let Some(message) = status["last_failure"]["message"].as_str() {
        text += &format!(
            "\nlast failure, {}: {message}",
            word(&status["last_failure"], "at")
        );
    }
    if let Some(until) = status["waits_until"].as_str() {
        text += &format!("\nthe model is asked again at {until}");
    }
    text
}
