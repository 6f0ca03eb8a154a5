//! What stands in a file that `memory import` reads: lines of an export, interactions as the API takes them, memories of mem0.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::{Map, Value, json};

use crate::memory::{Role, moment};

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
pub(super) enum Line {
    Interaction(Turn),
    Document(Value),
    Fact(Value),
    /// Nobody here knows what it is.
    Other,
    End,
}

/// An interaction.
#[derive(Debug, PartialEq)]
pub(super) struct Turn {
    /// As the API takes it.
    pub(super) body: Value,
    /// In whose memory it was.
    pub(super) user: Option<String>,
    /// What it was called where it comes from.
    pub(super) id: Option<String>,
    /// What it said before it was changed: how many times.
    pub(super) versions: u64,
    /// When it goes away.
    pub(super) end: Option<DateTime<Utc>>,
}

/// What a line is.
pub(super) fn read(mut one: Value) -> Result<Line, String> {
    let kind = one["type"].take();
    match kind.as_str() {
        Some("end") => return Ok(Line::End),
        Some("document") => return Ok(Line::Document(one)),
        Some("fact") => return Ok(Line::Fact(one)),
        Some("interaction") | None => {}
        Some(_) => return Ok(Line::Other),
    }
    let whole = one.as_object().ok_or("an object is wanted")?;
    let mut made = match whole.get("memory").and_then(Value::as_str) {
        Some(text) => of_mem0(text, whole)?,
        None => ours(whole)?,
    };
    let word = |name: &str| whole.get(name).and_then(Value::as_str).map(str::to_owned);
    // What has no key gets one from its id, so that a second import keeps nothing twice: the memory that it comes from knows it
    // by that too.
    let id = word("id");
    let key = word("idempotency_key").or_else(|| id.as_ref().map(|id| format!("id:{id}")));
    made.extend(key.map(|key| ("idempotency_key".to_owned(), key.into())));
    let end = made.get("expires_at").and_then(Value::as_str);
    Ok(Line::Interaction(Turn {
        // What is no time is refused where it is kept.
        end: end.and_then(|end| Some(moment(end).ok()?.to_utc())),
        user: word("user_id"),
        versions: whole
            .get("versions")
            .and_then(Value::as_array)
            .map_or(0, |all| all.len() as u64),
        id,
        body: made.into(),
    }))
}

fn ours(whole: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let known = MEMBERS
        .iter()
        .filter_map(|name| Some((*name, whole.get(*name)?)));
    let known = known.filter(|(_, value)| !value.is_null());
    let mut made: Map<_, _> = known
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    if !made.contains_key("text") {
        return Err("neither text nor memory is in it; what `jarkeeper memory export` or mem0 prints is wanted".to_owned());
    }
    made.entry("role").or_insert_with(|| "user".into());
    Ok(made)
}

fn of_mem0(text: &str, whole: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut made = Map::new();
    made.insert("text".to_owned(), text.into());
    // Only what was kept as it was said has one.
    let role = match whole.get("role") {
        None | Some(Value::Null) => Role::User,
        Some(role) => role
            .as_str()
            .and_then(Role::of)
            .ok_or_else(|| format!("role is user, assistant, system or tool, and not {role}"))?,
    };
    made.insert("role".to_owned(), role.word().into());
    let names = [
        ("metadata", "metadata"),
        ("agent_id", "app"),
        ("run_id", "session"),
        ("actor_id", "speaker"),
    ];
    for (theirs, own) in names {
        if let Some(value) = whole.get(theirs).filter(|value| !value.is_null()) {
            made.insert(own.to_owned(), value.clone());
        }
    }
    let said = match told(whole, "created_at")? {
        None => told(whole, "updated_at")?,
        said => said,
    };
    // It is there all through its last day.
    let end = told(whole, "expiration_date")?;
    let end = end.and_then(|end| match end.time() == NaiveTime::MIN {
        true => end.checked_add_days(Days::new(1)),
        false => Some(end),
    });
    for (own, at) in [("occurred_at", said), ("expires_at", end)] {
        made.extend(at.map(|at| (own.to_owned(), json!(at))));
    }
    Ok(made)
}

/// A time of mem0: where it names no zone it is of UTC, and a day may stand alone.
fn told(whole: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, String> {
    let text = match whole.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim(),
        Some(other) => return Err(format!("{name} is no time, but {other}")),
    };
    let day = |text: &str| Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN));
    let bare = |text: &str| text.replacen(' ', "T", 1).parse::<NaiveDateTime>().ok();
    match moment(text) {
        Ok(at) => Ok(Some(at.to_utc())),
        Err(why) => match bare(text).or_else(|| day(text)) {
            Some(at) => Ok(Some(at.and_utc())),
            None => Err(format!("{name} is {why}, and not {text:?}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(one: Value) -> Turn {
        match read(one) {
            Ok(Line::Interaction(turn)) => turn,
            Ok(_) => panic!("no interaction"),
            Err(why) => panic!("{why}"),
        }
    }

    #[test]
    fn a_memory_of_mem0_becomes_an_interaction_with_its_own_time_and_speaker() {
        let one = json!({ "id": "m1", "memory": "likes tea", "hash": "x", "user_id": "ada", "metadata": null,
            "created_at": "2024-07-01T05:00:00-07:00", "updated_at": null });
        let made = turn(one);
        let wanted = json!({ "text": "likes tea", "role": "user", "occurred_at": "2024-07-01T12:00:00Z",
            "idempotency_key": "id:m1" });
        assert_eq!((made.body, made.user.as_deref()), (wanted, Some("ada")));
        // As it writes times in its versions: without a zone, with a blank, as a day.
        for (theirs, own) in [
            ("2023-05-01T10:00:00.123456", "2023-05-01T10:00:00.123456Z"),
            ("2023-05-01 10:00:00", "2023-05-01T10:00:00Z"),
            ("2023-05-01 10:00:00+02:00", "2023-05-01T08:00:00Z"),
            ("2023-05-01", "2023-05-01T00:00:00Z"),
        ] {
            let made = turn(json!({ "memory": "x", "created_at": theirs }));
            assert_eq!(made.body["occurred_at"], own, "{theirs}");
        }
        let made = turn(
            json!({ "memory": "Tea it is", "role": "assistant", "actor_id": "Butler", "agent_id": "shop",
                "run_id": "r", "updated_at": "2023-05-01", "expiration_date": "2030-01-31" }),
        );
        let wanted = json!({ "text": "Tea it is", "role": "assistant", "speaker": "Butler", "app": "shop", "session": "r",
            "occurred_at": "2023-05-01T00:00:00Z", "expires_at": "2030-02-01T00:00:00Z" });
        assert_eq!(made.body, wanted);
        for (wrong, says) in [
            (
                json!({ "memory": "x", "created_at": "last May" }),
                "created_at is no time",
            ),
            (
                json!({ "memory": "x", "created_at": 1_714_550_400 }),
                "created_at is no time",
            ),
            (
                json!({ "memory": "x", "expiration_date": "soon" }),
                "expiration_date",
            ),
            (
                json!({ "memory": "x", "role": "butler" }),
                "role is user, assistant",
            ),
            (json!({ "hello": 1 }), "neither text nor memory"),
        ] {
            let why = read(wrong.clone()).err().unwrap_or_default();
            assert!(why.contains(says), "{wrong}: {why}");
        }
        assert!(matches!(
            read(json!({ "type": "end", "lines": 3 })),
            Ok(Line::End)
        ));
    }
}
