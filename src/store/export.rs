//! What is kept about a person, table by table, without anything that proves something.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};

use super::{Store, StoreError, time};

/// Lines of the audit log that are looked through at once: it is not sorted by people.
const WINDOW: i64 = 20_000;

/// One table of an export: where its rows come from. The first column is the place from which the next page goes on.
#[derive(Debug, Clone, Copy)]
pub struct ExportTable {
    /// Its name in the export.
    pub name: &'static str,
    /// Whether there is one row at most.
    pub single: bool,
    /// Rows of one page: few where one may be large.
    page: i64,
    /// `?1` the person, `?2` the place, `?3` the page.
    sql: &'static str,
}

/// Every table. No hash, no sealed value, no salt.
pub const EXPORT: [ExportTable; 13] = [
    ExportTable {
        name: "profile",
        single: true,
        page: 1,
        sql: "SELECT rowid, id, role, username, name, email, description, tags AS tags_json, scopes, reach AS reach_json,
                created_at, last_seen_at, last_active_at, disabled_at
              FROM people WHERE id = ?1 AND rowid > ?2 LIMIT ?3",
    },
    ExportTable {
        name: "accounts",
        single: false,
        page: 100,
        sql: "SELECT rowid, issuer, subject, created_at FROM identities
              WHERE person = ?1 AND rowid > ?2 ORDER BY rowid LIMIT ?3",
    },
    ExportTable {
        name: "loads",
        single: false,
        page: 4,
        sql: "SELECT rowid, id, name, description, email, tags AS tags_json, avatar, avatar_kind, is_current, created_at,
                updated_at, registry, instance, registered_at, connect,
                (SELECT json_group_array(json_object('registry', registry, 'instance', instance)) FROM load_credentials
                 WHERE load = loads.id) AS before_json
              FROM loads WHERE person = ?1 AND rowid > ?2 ORDER BY rowid LIMIT ?3",
    },
    ExportTable {
        name: "instances",
        single: false,
        page: 100,
        sql: "SELECT seq, id, name, description, email, tags AS tags_json, capabilities AS capabilities_json, status,
                registered_at, updated_at, heard_at, used_at
              FROM instances WHERE person = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    },
    ExportTable {
        name: "roles",
        single: false,
        page: 100,
        sql: "SELECT instance_roles.rowid, instance, instance_roles.id, instance_roles.name, instance_roles.description,
                system_prompt, icon, is_active, enable_l0_retrieval, enable_l1_retrieval, instance_roles.updated_at
              FROM instance_roles JOIN instances ON instances.id = instance
              WHERE person = ?1 AND instance_roles.rowid > ?2 ORDER BY instance_roles.rowid LIMIT ?3",
    },
    ExportTable {
        name: "documents",
        single: false,
        page: 1,
        sql: "SELECT rowid, id, user, name, kind, text, original, origin, created_at, updated_at FROM documents
              WHERE person = ?1 AND user >= ' ' AND rowid > ?2 ORDER BY rowid LIMIT ?3",
    },
    ExportTable {
        name: "interactions",
        single: false,
        page: 50,
        // The place is a space and a number in it.
        sql: "SELECT (space << 32) + doc, interactions.id, user, role, speaker, session, app, text, metadata AS metadata_json,
                occurred_at, created_at, expires_at, version, interactions.updated_at,
                (SELECT json_group_array(json_object('version', old.version, 'text', old.text, 'metadata', json(old.metadata),
                   'replaced_at', strftime('%Y-%m-%dT%H:%M:%fZ', old.replaced_at / 1000.0, 'unixepoch')))
                 FROM interaction_versions AS old WHERE old.space = interactions.space AND old.doc = interactions.doc)
                 AS versions_json
              FROM memory_spaces JOIN interactions ON space = memory_spaces.id
              WHERE person = ?1 AND user >= ' ' AND memory_spaces.id >= ?2 >> 32 AND (space > ?2 >> 32 OR doc > ?2 & 4294967295)
              ORDER BY memory_spaces.id, doc LIMIT ?3",
    },
    ExportTable {
        name: "facts",
        single: false,
        page: 50,
        sql: "SELECT (space << 32) + doc, learned.id, user, text, state, version, model, replaced_by,
                strftime('%Y-%m-%dT%H:%M:%fZ', valid_from / 1000.0, 'unixepoch') AS valid_from,
                strftime('%Y-%m-%dT%H:%M:%fZ', valid_until / 1000.0, 'unixepoch') AS valid_until,
                (SELECT json_group_array(interactions.id) FROM learned_sources JOIN interactions
                   ON interactions.space = learned_sources.space AND interactions.doc = source
                 WHERE learned_sources.space = learned.space AND learned_sources.doc = learned.doc) AS sources_json,
                created_at, updated_at
              FROM memory_spaces JOIN learned ON space = memory_spaces.id
              WHERE person = ?1 AND user >= ' ' AND memory_spaces.id >= ?2 >> 32 AND (space > ?2 >> 32 OR doc > ?2 & 4294967295)
              ORDER BY memory_spaces.id, doc LIMIT ?3",
    },
    ExportTable {
        name: "fact_versions",
        single: false,
        page: 50,
        // The place is that of the fact; all versions of one come together.
        sql: "SELECT (learned.space << 32) + learned.doc, fact, json_group_array(json_object('version', learned_versions.version,
                'text', learned_versions.text, 'model', learned_versions.model,
                'valid_from', strftime('%Y-%m-%dT%H:%M:%fZ', learned_versions.valid_from / 1000.0, 'unixepoch'),
                'valid_until', strftime('%Y-%m-%dT%H:%M:%fZ', learned_versions.valid_until / 1000.0, 'unixepoch'),
                'replaced_at', strftime('%Y-%m-%dT%H:%M:%fZ', replaced_at / 1000.0, 'unixepoch')) ORDER BY learned_versions.version) AS versions_json
              FROM memory_spaces JOIN learned ON space = memory_spaces.id JOIN learned_versions ON fact = learned.id
              WHERE person = ?1 AND user >= ' ' AND memory_spaces.id >= ?2 >> 32 AND (space > ?2 >> 32 OR doc > ?2 & 4294967295)
              GROUP BY memory_spaces.id, doc ORDER BY memory_spaces.id, doc LIMIT ?3",
    },
    ExportTable {
        name: "keys",
        single: false,
        page: 100,
        sql: "SELECT rowid, id, name, scopes, reach AS reach_json, memory_of, created_at, expires_at, last_used_at,
                revoked_at
              FROM keys WHERE person = ?1 AND rowid > ?2 ORDER BY rowid LIMIT ?3",
    },
    ExportTable {
        name: "grants",
        single: false,
        page: 100,
        sql: "SELECT grants.rowid, grants.id, client AS client_id, clients.name AS client_name, grants.scopes,
                audience AS resource, grants.created_at, revoked_at
              FROM grants JOIN clients ON clients.id = client
              WHERE person = ?1 AND grants.rowid > ?2 ORDER BY grants.rowid LIMIT ?3",
    },
    ExportTable {
        name: "visits",
        single: false,
        page: 100,
        sql: "SELECT rowid, kind, created_at, expires_at FROM visits
              WHERE person = ?1 AND rowid > ?2 ORDER BY rowid LIMIT ?3",
    },
    ExportTable {
        name: "audit",
        single: false,
        page: WINDOW,
        sql: "SELECT id, at AS done_at, principal, peer, action, subject, result, detail FROM audit
              WHERE person = ?1 AND id > ?2 AND id <= ?2 + ?3 ORDER BY id",
    },
];

/// Rows of a table, and from where to go on; `None`: that was all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportPage {
    /// Each by the names of its columns.
    pub rows: Vec<Value>,
    /// Where the next page begins.
    pub next: Option<i64>,
}

impl Store {
    /// A page of what a table keeps about a person; `after`: 0, or where the page before ended.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn export_page(
        &self,
        table: &ExportTable,
        person: &str,
        after: i64,
    ) -> Result<ExportPage, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(table.sql)?;
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut found = statement.query((person, after, table.page))?;
            let (mut rows, mut last) = (Vec::new(), after);
            while let Some(row) = found.next()? {
                last = row.get(0)?;
                rows.push(object(row, &names)?);
            }
            let next = match table.page {
                WINDOW => {
                    let newest: Option<i64> =
                        connection.query_row("SELECT max(id) FROM audit", [], |row| row.get(0))?;
                    Some(after + WINDOW).filter(|end| newest.is_some_and(|newest| *end < newest))
                }
                page => {
                    (i64::try_from(rows.len()).is_ok_and(|count| count == page)).then_some(last)
                }
            };
            Ok(ExportPage { rows, next })
        })
    }
}

/// A row by its columns: times as RFC 3339, bytes as Base64, and JSON as it is.
fn object(row: &Row<'_>, names: &[String]) -> rusqlite::Result<Value> {
    let mut object = Map::new();
    for (at, name) in names.iter().enumerate().skip(1) {
        let json = name.strip_suffix("_json");
        let value = match row.get_ref(at)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(millis) if name.ends_with("_at") => {
                Value::String(time(millis).to_rfc3339())
            }
            ValueRef::Integer(flag) if is_flag(name) => Value::Bool(flag != 0),
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(text) => {
                let text = String::from_utf8_lossy(text).into_owned();
                match json {
                    Some(_) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                    None => Value::String(text),
                }
            }
            ValueRef::Blob(bytes) => Value::String(STANDARD.encode(bytes)),
        };
        object.insert(json.unwrap_or(name).to_owned(), value);
    }
    Ok(Value::Object(object))
}

fn is_flag(name: &str) -> bool {
    name.starts_with("is_") || name.starts_with("enable_") || name == "connect"
}
