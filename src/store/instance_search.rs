//! Instances by what is known of them: pages, newest first, and how many there are.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::instances::{INSTANCE, InstanceRow, instance_row};
use super::{Store, StoreError};

/// Up to which number matches by words are counted.
const COUNTED: u64 = 10_000;

/// Which instances are wanted, newest first.
#[derive(Debug, Clone, Default)]
pub struct InstanceSearch {
    /// Only this person's.
    pub person: Option<String>,
    /// Only of these statuses; empty: all.
    pub statuses: Vec<&'static str>,
    /// Only with all of these in [`super::InstanceWords::words`].
    pub words: Vec<String>,
    /// Only with a lower place.
    pub below: Option<i64>,
    /// How many are passed over.
    pub skip: u64,
    /// Most rows.
    pub limit: u32,
}

impl Store {
    /// Rows, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn instances(&self, search: &InstanceSearch) -> Result<Vec<InstanceRow>, StoreError> {
        self.read(|connection| {
            let (places, mut values) = match search.words.is_empty() {
                true => plain(search),
                false => by_words(search),
            };
            values.push(i64::from(search.limit).into());
            values.push(i64::try_from(search.skip).unwrap_or(i64::MAX).into());
            connection
                .prepare_cached(&format!(
                    "SELECT {INSTANCE} FROM instances WHERE seq IN ({places} LIMIT ? OFFSET ?) ORDER BY seq DESC"
                ))?
                .query_map(params_from_iter(values), instance_row)?
                .collect()
        })
    }

    /// How many match, wherever the page begins. Matches by words are counted up to 10,000.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn count_instances(&self, search: &InstanceSearch) -> Result<u64, StoreError> {
        self.read(|connection| match search.words.is_empty() {
            true => kept_count(connection, search),
            false => {
                // In no order: that alone costs a quarter less.
                let most = i64::try_from(COUNTED).unwrap_or(i64::MAX);
                let count: i64 = connection
                    .prepare_cached(
                        "SELECT count(*) FROM (SELECT rowid FROM instance_index WHERE instance_index MATCH ?1 LIMIT ?2)",
                    )?
                    .query_row((all_words(search), most), |row| row.get(0))?;
                Ok(count.unsigned_abs())
            }
        })
    }
}

fn marks(number: usize) -> String {
    vec!["?"; number].join(", ")
}

/// From the indexes of the table itself.
fn plain(search: &InstanceSearch) -> (String, Vec<Value>) {
    let index = match (&search.person, search.statuses.len()) {
        (Some(_), _) => "instances_person",
        (None, 1) => "instances_status",
        (None, _) => "instances_newest",
    };
    let mut values: Vec<Value> = vec![search.below.unwrap_or(i64::MAX).into()];
    let mut sql = format!("SELECT seq FROM instances INDEXED BY {index} WHERE seq < ?");
    if let Some(person) = &search.person {
        sql += " AND person = ?";
        values.push(person.clone().into());
    }
    if !search.statuses.is_empty() {
        sql += &format!(" AND status IN ({})", marks(search.statuses.len()));
        values.extend(search.statuses.iter().map(|one| (*one).to_owned().into()));
    }
    (sql + " ORDER BY seq DESC", values)
}

/// What the index of words is asked, which knows persons and statuses too.
fn all_words(search: &InstanceSearch) -> String {
    let mut all = search.words.clone();
    if let Some(person) = &search.person {
        all.push(format!("p{person}"));
    }
    let statuses: Vec<_> = search.statuses.iter().map(|s| format!("s{s}")).collect();
    if !statuses.is_empty() {
        all.push(format!("({})", statuses.join(" OR ")));
    }
    all.join(" AND ")
}

/// From the index of words.
fn by_words(search: &InstanceSearch) -> (String, Vec<Value>) {
    let values = vec![
        all_words(search).into(),
        search.below.unwrap_or(i64::MAX).into(),
    ];
    let sql = "SELECT rowid FROM instance_index WHERE instance_index MATCH ? AND rowid < ? ORDER BY rowid DESC";
    (sql.to_owned(), values)
}

fn kept_count(connection: &Connection, search: &InstanceSearch) -> rusqlite::Result<u64> {
    let mut sql =
        "SELECT coalesce(sum(number), 0) FROM instance_counts WHERE person = ?".to_owned();
    let whose = search.person.as_deref().unwrap_or("*");
    let mut values: Vec<Value> = vec![whose.to_owned().into()];
    if !search.statuses.is_empty() {
        sql += &format!(" AND status IN ({})", marks(search.statuses.len()));
        values.extend(search.statuses.iter().map(|one| (*one).to_owned().into()));
    }
    let count: i64 = connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(values), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
