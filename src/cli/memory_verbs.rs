//! What can be written after `jarkeeper memory`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::facts::FactsVerb;
use crate::memory::moment;

#[derive(Subcommand)]
pub(super) enum MemoryVerb {
    /// Keeps a text word for word
    Add {
        /// The text; - for standard input
        text: String,
        #[command(flatten)]
        whose: Whose,
        /// Who said it, as a kind
        #[arg(long, value_enum, default_value = "user")]
        role: Role,
        /// Who said it, by name
        #[arg(long, value_name = "NAME")]
        speaker: Option<String>,
        /// In which session
        #[arg(long, value_name = "NAME")]
        session: Option<String>,
        /// To which application
        #[arg(long, value_name = "NAME")]
        app: Option<String>,
        /// When it was said, as 2025-05-31T12:00:00Z; without it: now
        #[arg(long, value_name = "TIME", value_parser = time)]
        at: Option<DateTime<Utc>>,
        /// When it goes away
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<DateTime<Utc>>,
        /// Keeps the same text with the same key once
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Finds what answers a question
    Search {
        /// The question
        query: String,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        which: Which,
        /// Only of this kind
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// Most hits
        #[arg(short, long, default_value_t = 10)]
        k: usize,
    },
    /// Lists what was said, the newest first
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        which: Which,
        /// The oldest first
        #[arg(long)]
        oldest: bool,
        /// Most lines
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// From where to go on, as the list before said
        #[arg(long, value_name = "NUMBER")]
        from: Option<u32>,
    },
    /// Shows one thing that was said
    Get {
        /// Its id
        id: String,
    },
    /// Changes what was said; what it said before stays in its history
    Edit {
        /// Its id
        id: String,
        /// What it shall say; - for standard input
        #[arg(long)]
        text: Option<String>,
        /// When it was said
        #[arg(long, value_name = "TIME", value_parser = time)]
        at: Option<DateTime<Utc>>,
        /// When it goes away
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<DateTime<Utc>>,
        /// Only where this is its version
        #[arg(long, value_name = "NUMBER")]
        version: Option<u32>,
    },
    /// Shows what was said before it was changed
    History {
        /// Its id
        id: String,
    },
    /// Deletes one thing by its id, what a filter names, or everything of a user; the last two count first
    Delete {
        /// Its id
        #[arg(conflicts_with_all = ["session", "app", "role", "since", "until", "everything"])]
        id: Option<String>,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        which: Which,
        /// Everything of the user: what was said, facts, documents
        #[arg(long, requires = "user", conflicts_with_all = ["session", "app", "role", "since", "until"])]
        everything: bool,
        /// Deletes, if it is this many that go
        #[arg(long, value_name = "NUMBER")]
        confirm: Option<u64>,
    },
    /// Prints everything of a user's memory, a line of JSON a thing
    Export {
        #[command(flatten)]
        whose: Whose,
    },
    /// Takes back what export printed, interactions as JSON lines, or an export of mem0
    Import {
        /// The file; - for standard input
        file: PathBuf,
        /// Into this user's memory, and not into that of each line
        #[command(flatten)]
        whose: Whose,
    },
    /// Shows how much is kept of a user, and how much may be
    Stats {
        #[command(flatten)]
        whose: Whose,
    },
    /// Works on facts: what a model read out of what was said
    #[command(subcommand)]
    Facts(FactsVerb),
    /// Lists whose memories there are
    Users,
    /// Lists the sessions of a user, those that began last first
    Sessions {
        #[command(flatten)]
        whose: Whose,
    },
}

/// Whose memory.
#[derive(Args)]
pub(super) struct Whose {
    /// Whose memory; without it: your own
    #[arg(long, value_name = "USER")]
    pub(super) user: Option<String>,
}

/// A time, or how one is written.
pub(super) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    moment(text).map(|at| at.to_utc())
}

/// A role.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Role {
    User,
    Assistant,
    System,
    Tool,
}

impl Role {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }
}

/// A kind of what is found.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    Interaction,
    Document,
    Fact,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Interaction => "interaction",
            Self::Document => "document",
            Self::Fact => "fact",
        }
    }
}

/// Which of what was said.
#[derive(Args)]
pub(super) struct Which {
    /// Only of this session
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Only to this application
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Only of this role
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// Only what was said then or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<DateTime<Utc>>,
    /// Only what was said before
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<DateTime<Utc>>,
}

impl Which {
    pub(super) fn filters(self) -> Map<String, Value> {
        let all = [
            ("session", self.session.map(Value::from)),
            ("app", self.app.map(Value::from)),
            ("role", self.role.map(|role| role.word().into())),
            ("since", self.since.map(|at| at.to_rfc3339().into())),
            ("until", self.until.map(|at| at.to_rfc3339().into())),
        ];
        let given = all.into_iter();
        given
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}
