//! Documents are kept: each replaced whole, with its passages, in one transaction.

use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::documents::{DOCUMENT, Kept, NewDocument, Room, Unsplit, document_row};
use super::memory_index::Terms;
use super::passages::{self, NewPassage};
use super::people::is_bare;
use super::{Store, StoreError, millis, spaces};

impl Store {
    /// Keeps a document under its name, with its passages; one that is there is replaced whole and keeps its id. Nothing is
    /// done where the same came before. `most`: how much a person may have. `has_folder`: documents of the watched folder
    /// are replaced by that alone. `is_taken`: the person is not there any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn put_document(
        &self,
        person: String,
        new: NewDocument,
        most: Room,
        has_folder: bool,
        terms: Terms,
    ) -> Result<Kept, StoreError> {
        self.write(move |connection| put(connection, &person, new, most, has_folder, terms))
            .await
    }

    /// Gives a document other passages, where it is still as it was; `anew`: of this text, with the pages that it is not whole of.
    /// Where its user's memory has no room for them, it gets none. Whether they could be found from now on.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn split_document(
        &self,
        was: Unsplit,
        rules: u32,
        anew: Option<(String, Vec<u32>)>,
        all: Vec<NewPassage>,
        most: Room,
        terms: Terms,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let id = was.row.id;
            let at = millis(was.row.updated_at);
            let as_it_was = connection
                .prepare_cached(
                    "UPDATE documents SET rules = ?3 WHERE id = ?1 AND updated_at = ?2 AND rules < ?3 AND user = ?4",
                )?
                .execute((&id, at, rules, &was.row.user))?;
            if as_it_was == 0 {
                return Ok(true);
            }
            let done = replace(connection, (&was.person, &was.row.user), &id, at, all, most, terms)?;
            if let Some((text, unread)) = anew.filter(|_| done) {
                connection
                    .prepare_cached("UPDATE documents SET text = ?2, unread = ?3 WHERE id = ?1")?
                    .execute((&id, text, numbers(&unread)))?;
            }
            Ok(done)
        })
        .await
    }
}

/// Numbers of pages as a row has them.
fn numbers(all: &[u32]) -> String {
    let all: Vec<String> = all.iter().map(u32::to_string).collect();
    all.join(" ")
}

/// What is there under a name.
pub(super) struct There {
    pub(super) id: String,
    pub(super) origin: Option<String>,
    hash: Option<Vec<u8>>,
    kind: String,
    pub(super) at: i64,
    rules: u32,
}

pub(super) fn find(
    connection: &Connection,
    person: &str,
    user: &str,
    name: &str,
) -> rusqlite::Result<Option<There>> {
    connection
        .prepare_cached(
            "SELECT id, origin, hash, kind, updated_at, rules FROM documents WHERE person = ?1 AND user = ?2 AND name = ?3",
        )?
        .query_row([person, user, name], |row| {
            Ok(There {
                id: row.get(0)?,
                origin: row.get(1)?,
                hash: row.get(2)?,
                kind: row.get(3)?,
                at: row.get(4)?,
                rules: row.get(5)?,
            })
        })
        .optional()
}

fn put(
    connection: &Connection,
    person: &str,
    mut new: NewDocument,
    most: Room,
    has_folder: bool,
    terms: Terms,
) -> rusqlite::Result<Kept> {
    let there = find(connection, person, &new.user, &new.name)?;
    let yes = |id: &str, new, replaced| {
        let row = connection
            .prepare_cached(&format!("{DOCUMENT} WHERE id = ?1"))?
            .query_row([id], document_row)?;
        Ok(Kept::Yes { row, new, replaced })
    };
    if let Some(there) = &there {
        let another_way = there.origin.is_some() != new.origin.is_some();
        if another_way && (has_folder || new.origin.is_some()) {
            return Ok(Kept::Owned);
        }
        let same = there.hash.as_deref() == Some(&new.hash) && there.kind == new.kind;
        if same && there.origin == new.origin && there.rules == new.rules {
            return yes(&there.id, false, false);
        }
    }
    if let Some(no) = no_room(connection, person, &new, most)? {
        return Ok(no);
    }
    let at = millis(new.at);
    let id = there
        .as_ref()
        .map_or_else(|| new.id.clone(), |there| there.id.clone());
    let old_at = there.as_ref().map_or(at, |there| there.at);
    // The passages first, while the row still tells the time of the old ones.
    if there.is_none() {
        connection
            .prepare_cached(
                "INSERT INTO documents (id, person, user, name, kind, text, created_at, updated_at)
                 VALUES (:id, :person, :user, :name, '', '', :at, :at)",
            )?
            .execute(named_params! {
                ":id": id, ":person": person, ":user": new.user, ":name": new.name, ":at": at,
            })?;
    }
    let all = std::mem::take(&mut new.passages);
    if !replace(
        connection,
        (person, &new.user),
        &id,
        old_at,
        all,
        most,
        terms,
    )? {
        if there.is_none() {
            connection
                .prepare_cached("DELETE FROM documents WHERE id = ?1")?
                .execute([&id])?;
        }
        return Ok(Kept::Crowded);
    }
    connection
        .prepare_cached(
            "UPDATE documents SET kind = :kind, text = :text, original = :original, origin = :origin, hash = :hash, rules = :rules,
               unread = :unread, updated_at = :at
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": id, ":kind": new.kind, ":text": new.text, ":original": new.original, ":origin": new.origin,
            ":hash": new.hash, ":rules": new.rules, ":unread": numbers(&new.unread), ":at": at,
        })?;
    yes(&id, there.is_none(), there.is_some())
}

/// Why there is no room for a document beside the person's others.
fn no_room(
    connection: &Connection,
    person: &str,
    new: &NewDocument,
    most: Room,
) -> rusqlite::Result<Option<Kept>> {
    let (others, bytes, old): (i64, i64, i64) = connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE NOT same), coalesce(sum(bytes) FILTER (WHERE NOT same), 0),
               coalesce(sum(bytes) FILTER (WHERE same), 0)
             FROM (SELECT user = ?2 AND name = ?3 AS same, octet_length(text) + coalesce(octet_length(original), 0) AS bytes
                   FROM documents WHERE person = ?1)",
        )?
        .query_row((person, &new.user, &new.name), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    // Of whom nothing is known, all that it keeps has one room.
    let (held, room) = match is_bare(connection, person)? {
        true => {
            let all = spaces::held(connection, person)?;
            (all.saturating_sub(old.unsigned_abs()), most.bare_bytes)
        }
        false => (bytes.unsigned_abs(), most.bytes),
    };
    let own = new.text.len() + new.original.as_ref().map_or(0, Vec::len);
    let would = held.saturating_add(own as u64);
    if would > room {
        return Ok(Some(Kept::NoRoom { would, room }));
    }
    let full = others.unsigned_abs() >= most.documents;
    Ok(full.then_some(Kept::Full))
}

/// Puts passages in the place of those that a document has from an earlier time; `false`: there is no room, and nothing was done.
fn replace(
    connection: &Connection,
    (person, user): (&str, &str),
    id: &str,
    old_at: i64,
    all: Vec<NewPassage>,
    most: Room,
    terms: Terms,
) -> rusqlite::Result<bool> {
    let old = passages::of(connection, id, old_at, terms)?;
    if !all.is_empty() {
        let more = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let mut space = spaces::open(connection, person, user)?;
        let less = passages::count(connection, id)?;
        let would = (space.count.saturating_sub(less)).saturating_add(more);
        if would > most.entries {
            spaces::shrink(connection, space.id, 0, 0)?;
            return Ok(false);
        }
        // Before the old ones go: a space that is empty for a moment would go with them.
        passages::add(connection, &mut space, id, all)?;
    }
    old.take_out(connection)?;
    Ok(true)
}
