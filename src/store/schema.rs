//! The schema, as steps that are only ever added to.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Each step once, in this order; `user_version` counts those that were taken.
const STEPS: [&str; 3] = [
    concat!(
        include_str!("schema/identity.sql"),
        include_str!("schema/visits.sql"),
        include_str!("schema/tokens.sql"),
        include_str!("schema/audit.sql"),
        include_str!("schema/events.sql"),
        include_str!("schema/leases.sql"),
    ),
    concat!(
        include_str!("schema/profiles.sql"),
        include_str!("schema/documents.sql"),
        include_str!("schema/registry.sql"),
        include_str!("schema/loads.sql"),
        include_str!("schema/memory.sql"),
    ),
    concat!(
        include_str!("schema/recall.sql"),
        include_str!("schema/versions.sql"),
        include_str!("schema/passages.sql"),
        include_str!("schema/learned.sql"),
        include_str!("schema/vectors.sql"),
        include_str!("schema/registered.sql"),
        include_str!("schema/changes.sql"),
        include_str!("schema/replies.sql"),
    ),
];

pub(super) fn bring_up(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::of(path, &error);
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    // Where nothing is to be done nothing is written: what is kept is of use on a full disk, too.
    if version(connection).map_err(failed)? == known {
        return Ok(());
    }
    // Two processes may start at once: who comes second finds the work done.
    let step = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let found = version(&step).map_err(failed)?;
    if found > known {
        let path = path.to_owned();
        return Err(StoreError::Newer { path, found, known });
    }
    for sql in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        step.execute_batch(sql).map_err(failed)?;
    }
    step.pragma_update(None, "user_version", known)
        .map_err(failed)?;
    step.commit().map_err(failed)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
