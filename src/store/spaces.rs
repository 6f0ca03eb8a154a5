//! The memory of one user, as a row: how much is in it, and which numbers come next.

use rusqlite::{Connection, OptionalExtension as _};

/// A space as it is before something is added. Whoever adds moves the numbers on, and then calls [`grow`].
pub(super) struct Space {
    pub(super) id: i64,
    /// The number of the next entry.
    pub(super) next_doc: u32,
    /// The number of the next name.
    pub(super) next_name: u32,
    /// Entries that are there.
    pub(super) count: u32,
}

/// The space of a user; made, where there is none yet.
pub(super) fn open(connection: &Connection, person: &str, user: &str) -> rusqlite::Result<Space> {
    if let Some(space) = find(connection, person, user)? {
        return Ok(space);
    }
    connection
        .prepare_cached(
            "INSERT INTO memory_spaces (person, user, next_doc, next_name, count) VALUES (?1, ?2, 0, 1, 0)",
        )?
        .execute([person, user])?;
    Ok(Space {
        id: connection.last_insert_rowid(),
        next_doc: 0,
        next_name: 1,
        count: 0,
    })
}

/// The space of a user.
pub(super) fn find(
    connection: &Connection,
    person: &str,
    user: &str,
) -> rusqlite::Result<Option<Space>> {
    connection
        .prepare_cached(
            "SELECT id, next_doc, next_name, count FROM memory_spaces WHERE person = ?1 AND user = ?2",
        )?
        .query_row([person, user], |row| {
            Ok(Space {
                id: row.get(0)?,
                next_doc: row.get(1)?,
                next_name: row.get(2)?,
                count: row.get(3)?,
            })
        })
        .optional()
}

/// Writes what was added to a space, and its next numbers.
pub(super) fn grow(
    connection: &Connection,
    space: &Space,
    entries: u32,
    bytes: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE memory_spaces SET next_doc = ?2, next_name = ?3, count = count + ?4, bytes = bytes + ?5 WHERE id = ?1",
        )?
        .execute((space.id, space.next_doc, space.next_name, entries, bytes))
        .map(drop)
}

/// Writes what was taken out of a space. An empty one goes: it leaves not even the name of its user.
pub(super) fn shrink(
    connection: &Connection,
    space: i64,
    entries: u32,
    bytes: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE memory_spaces SET count = count - ?2, bytes = bytes - ?3 WHERE id = ?1",
        )?
        .execute((space, entries, bytes))?;
    connection
        .prepare_cached("DELETE FROM memory_spaces WHERE id = ?1 AND count = 0")?
        .execute([space])
        .map(drop)
}
