//! What the tools for memory take, and how what is kept looks in their answers: never more than a model can take.

use rmcp::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::sessions::stamp;
use crate::memory::{Hit, Interaction, Item, Kind, Role};

/// Most items of one answer.
pub(super) const ITEMS: usize = 50;
/// Longest text of an item among others, bytes; `get_memory` gives all of it.
const TEXT: usize = 2000;
/// Most bytes of all texts of one answer.
const ALL: usize = 32 << 10;

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoleWord {
    /// The person
    #[default]
    User,
    /// You, or another model
    Assistant,
    /// Who set the conversation up
    System,
    /// What a tool answered
    Tool,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindWord {
    /// What was said
    Interaction,
    /// A passage of a document
    Document,
    /// What a model read out of what was said
    Fact,
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Interaction => Self::Interaction,
            KindWord::Document => Self::Document,
            KindWord::Fact => Self::Fact,
        }
    }
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::User => Self::User,
            RoleWord::Assistant => Self::Assistant,
            RoleWord::System => Self::System,
            RoleWord::Tool => Self::Tool,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The question, in the person's own words, at most 8 KiB: names, things and times ("last May") in it lead to what was said.
    pub(super) query: String,
    /// Whose memory; your own person's where it is not given.
    pub(super) user_id: Option<String>,
    /// Only of this session.
    pub(super) session: Option<String>,
    /// Only of this role.
    pub(super) role: Option<RoleWord>,
    /// Only what was said to this application.
    pub(super) app: Option<String>,
    /// Only of this kind.
    pub(super) kind: Option<KindWord>,
    /// Only whose metadata has each of these members with the same value.
    pub(super) metadata: Option<Map<String, Value>>,
    /// How many turns or passages before and behind each hit come with it; none where it is not given.
    #[schemars(range(max = 10))]
    pub(super) neighbours: Option<usize>,
    /// Only what was said at this time or later, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub(super) since: Option<String>,
    /// Only what was said before this time, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub(super) until: Option<String>,
    /// How many; 10 where it is not given.
    #[schemars(range(min = 1, max = ITEMS))]
    pub(super) limit: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// Whose memory; your own person's where it is not given.
    pub(super) user_id: Option<String>,
    /// Only of this session.
    pub(super) session: Option<String>,
    /// Only those before this one: next of the answer before.
    pub(super) before: Option<u32>,
    /// How many; 10 where it is not given.
    #[schemars(range(min = 1, max = ITEMS))]
    pub(super) limit: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// What is to be remembered, word for word, at most 64 KiB.
    pub(super) text: String,
    /// Who said it, as a kind; user where it is not given.
    #[serde(default)]
    pub(super) role: RoleWord,
    /// Who said it, by name.
    pub(super) speaker: Option<String>,
    /// Whose memory; your own person's where it is not given.
    pub(super) user_id: Option<String>,
    /// The session that it belongs to.
    pub(super) session: Option<String>,
    /// The application that it was said to; what your client calls itself where it is not given.
    pub(super) app: Option<String>,
    /// What you want to find it by later, besides its words: at most 8 KiB of JSON.
    pub(super) metadata: Option<Map<String, Value>>,
    /// When it was said, RFC 3339; now where it is not given.
    #[schemars(extend("format" = "date-time"))]
    pub(super) occurred_at: Option<String>,
    /// The same key with the same text is kept once: give one where you may have to call again.
    pub(super) idempotency_key: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// The id of what was said or of a fact, as add_memory, search_memory or list_memories gave it.
    pub(super) id: String,
}

/// What is kept.
#[derive(Serialize, JsonSchema)]
pub(super) struct Memory {
    /// Its id, for get_memory and delete_memory; of a passage its document's.
    pub(super) id: String,
    /// interaction: it was said; document: a passage of one; fact: a model read it out of what was said.
    pub(super) source: &'static str,
    /// When it was said; of a document when it was last replaced.
    #[schemars(extend("format" = "date-time"))]
    pub(super) date: String,
    /// Who said it, or the document's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// Who said it, as a kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    /// The session that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<String>,
    /// The application that it was said to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<String>,
    /// Where a passage begins in its document, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) begin: Option<u32>,
    /// Ids of what a fact was read out of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) sources: Vec<String>,
    /// The quoted words.
    pub(super) text: String,
    /// Whether the text is longer; get_memory gives all of what was said.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) cut: bool,
    /// What stands before it, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) before: Vec<Around>,
    /// What stands behind it, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) behind: Vec<Around>,
}

/// What stands beside a hit.
#[derive(Serialize, JsonSchema)]
pub(super) struct Around {
    /// Its id.
    pub(super) id: String,
    /// Who said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// The quoted words.
    pub(super) text: String,
}

impl Memory {
    pub(super) fn of(item: Item) -> Self {
        let date = stamp(Some(item.at())).unwrap_or_default();
        let bare = Self {
            id: item.id().to_owned(),
            source: "interaction",
            date,
            by: None,
            role: None,
            session: None,
            app: None,
            begin: None,
            sources: Vec::new(),
            text: String::new(),
            cut: false,
            before: Vec::new(),
            behind: Vec::new(),
        };
        match item {
            Item::Interaction(Interaction {
                text,
                role,
                speaker,
                session,
                app,
                ..
            }) => Self {
                role: Some(role.word()),
                by: speaker,
                session,
                app,
                text,
                ..bare
            },
            Item::Passage(one) => Self {
                source: "document",
                by: Some(one.name),
                begin: Some(one.begin),
                text: one.text,
                ..bare
            },
            Item::Fact(one) => Self {
                source: "fact",
                sources: one.sources,
                text: one.text,
                ..bare
            },
        }
    }
}

/// As many as one answer may hold, each text cut where it is too long.
pub(super) fn bounded(items: impl Iterator<Item = Item>) -> Vec<Memory> {
    let (mut all, mut left) = (Vec::new(), ALL);
    for mut one in items.map(Memory::of) {
        let end = one.text.floor_char_boundary(TEXT.min(left));
        one.cut = end < one.text.len();
        one.text.truncate(end);
        if end == 0 {
            break;
        }
        left -= end;
        all.push(one);
    }
    all
}

/// The same of hits, with as much of what stands beside each as there is room for.
pub(super) fn bounded_hits(hits: Vec<Hit>) -> Vec<Memory> {
    let (mut items, mut beside) = (Vec::new(), Vec::new());
    for hit in hits {
        items.push(hit.item);
        beside.push((hit.before, hit.behind));
    }
    let mut all = bounded(items.into_iter());
    // The hits first: neighbours take what they leave.
    let mut left = ALL - all.iter().map(|one| one.text.len()).sum::<usize>();
    let mut around = |items: Vec<Item>| {
        let mut all = Vec::new();
        for Memory {
            id,
            by,
            role,
            mut text,
            ..
        } in items.into_iter().map(Memory::of)
        {
            text.truncate(text.floor_char_boundary(TEXT.min(left)));
            if text.is_empty() {
                break;
            }
            left -= text.len();
            let by = by.or(role.map(str::to_owned));
            all.push(Around { id, by, text });
        }
        all
    };
    for (one, (before, behind)) in all.iter_mut().zip(beside) {
        one.before = around(before);
        one.behind = around(behind);
    }
    all
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn said(text: &str) -> Item {
        Item::Interaction(Interaction {
            id: "i".to_owned(),
            user: "u".to_owned(),
            role: Role::User,
            speaker: None,
            session: None,
            app: None,
            text: text.to_owned(),
            metadata: None,
            occurred_at: DateTime::UNIX_EPOCH,
            created_at: DateTime::UNIX_EPOCH,
            expires_at: None,
            version: 1,
            updated_at: None,
            number: 0,
        })
    }

    #[test]
    fn an_answer_is_never_larger_than_a_model_can_take() {
        let long = "ü".repeat(5000);
        let all = bounded((0..50).map(|_| said(&long)));
        let bytes: usize = all.iter().map(|one| one.text.len()).sum();
        assert!(bytes <= ALL && all.len() > 10, "{bytes}");
        assert!(all.iter().all(|one| one.cut));
        let short = bounded([said("short")].into_iter());
        assert_eq!((short[0].text.as_str(), short[0].cut), ("short", false));
    }
}
