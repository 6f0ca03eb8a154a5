//! What is kept in SQL: one SQLite file, one writer, readers beside it.
//!
//! Owns: the schema, transactions, rows. Door: [`Store`]; each file here has the questions about one kind of row. It knows no
//! rule: who may do what is decided above. May touch: the file it was opened on.
//!
//! Writes are gathered: all that wait when the writer comes round go into one transaction, each behind a savepoint of its
//! own, so that one that fails takes no other with it. An answer comes after the commit.

mod again;
mod audit;
mod claims;
mod clients;
mod devices;
mod documents;
mod documents_kept;
mod events;
mod export;
mod instance_roles;
mod instance_search;
mod instance_tokens;
mod instances;
mod interactions;
mod kept;
mod keys;
mod learned;
mod learned_change;
mod learned_reading;
mod learned_turns;
mod leases;
mod loads;
mod meanings;
mod memory_blocks;
mod memory_index;
mod memory_rules;
mod passages;
mod people;
mod presence;
mod profiles;
mod replies;
mod schema;
mod spaces;
mod strangers;
mod take_out;
mod tokens;
mod turns;
mod vectors;
mod versions;
mod visits;
mod webhooks;

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{mpsc, oneshot};

pub use again::KeptTurn;
pub use audit::{AuditRow, AuditSearch};
pub use claims::{BehindRow, ClaimRow, Claimed};
pub use clients::{ClientRow, Forget};
pub use devices::{Asked, DeviceRow};
pub use documents::{Deleted, DocumentRow, Kept, NewDocument, Room, Unsplit};
pub use events::{EventRow, EventSpan};
pub use export::{EXPORT, ExportPage, ExportTable};
pub use instance_roles::RoleRow;
pub use instance_search::InstanceSearch;
pub use instance_tokens::{InstanceTokenRow, Placed};
pub use instances::{
    InstanceRow, InstanceUpdate, InstanceWords, NewInstance, RetriedRow, SecretRow,
};
pub use interactions::{Added, InteractionRow, NewInteraction, Place};
pub use keys::KeyRow;
pub use learned::{CURRENT, LearnedRow, LearnedVersionRow, OUTDATED, REJECTED, REPLACED};
pub use learned_change::{Mended, MendedFact, Stated};
pub use learned_reading::{
    Confirmed, NewFact, ReadTurn, Reading, ReadingState, Unread, UnreadSpace, UnreadTurn,
};
pub use leases::LeaseRow;
pub use loads::{GivenRow, LoadRow, LoadUpdate};
pub use memory_blocks::{Entry, LEARNED, PASSAGE, Posting};
pub use memory_index::{Indexed, MemoryRead, NameKind, Terms};
pub use memory_rules::{RULES, Remake};
pub use passages::{NewPassage, PassageRow, passage_text};
pub use people::{AccountRow, PersonRow, PersonUpdate};
pub use presence::PresenceRow;
pub use profiles::{Counts, ProfileRow, ProfileUpdate};
pub use replies::{Beside, Named};
pub use spaces::{Contents, NoRoom, Quota, SpaceRow};
pub use take_out::WholeDocument;
pub use tokens::{FoundToken, GrantRow, LiveGrantRow, Taken, TokenKind, TokenRow};
pub use vectors::{Embedded, Unembedded, Vector};
pub use versions::{Edited, VersionRow, WholeInteraction};
pub use visits::VisitKind;
pub use webhooks::{DeliveryRow, TriedRow, WebhookRow};

/// How long a write waits for another process (a command beside the daemon) that is writing.
const BUSY: Duration = Duration::from_secs(5);
/// Most writes in one transaction.
const GATHERED: usize = 512;
/// Most writes that wait; who comes later waits for a place.
const WAITING: usize = 4096;
/// Most readers that are kept open between two questions.
const READERS: usize = 8;

/// What went wrong below a question. Names no value.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error("the store {}: {message}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        message: String,
        /// Whether a row with this name or value exists already.
        taken: bool,
    },
    /// There is no room for it.
    #[error("the store {}: its disk is full, so nothing new is kept; make room there", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// It may not be written.
    #[error("the store {} cannot be written: look at the mode and the owner of the file and its folder, and how the disk is mounted", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// A newer Jarkeeper wrote it.
    #[error(
        "the store {} has schema {found}, and this Jarkeeper knows up to {known}: use the newer one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The writer has ended.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            code => Self::Database {
                path,
                message: error.to_string(),
                taken: code == Some(ErrorCode::ConstraintViolation),
            },
        }
    }

    /// Whether the reason is that a row with this name or value exists already.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Database { taken: true, .. })
    }
}

/// Whether a write must be on the disk when it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durable {
    /// Synced: a power cut loses nothing that was answered.
    Yes,
    /// Handed to the system: a kill loses nothing, a power cut may lose the last moments.
    Handed,
}

/// What is told after the commit, or after it failed.
type Tell = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Takes the connection, or why there is no transaction.
type Work = dyn FnOnce(Result<&Connection, StoreError>) -> Tell + Send;

struct Job {
    durable: Durable,
    work: Box<Work>,
}

/// Clones share the file.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: mpsc::Sender<Job>,
    readers: Mutex<Vec<Connection>>,
    /// Deletions whose text may still stand in the database's log.
    owed: AtomicU64,
    /// Large memories that were searched.
    memories: kept::Kept,
}

impl Store {
    /// Opens the file, makes it (0600) where it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// It cannot be opened, is no database, or a newer version wrote it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        // SQLite gives its further files the mode of the first.
        let made = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        made.map_err(|error| StoreError::Database {
            path: path.to_owned(),
            message: error.to_string(),
            taken: false,
        })?;
        let mut connection = connect(path).map_err(|e| StoreError::of(path, &e))?;
        schema::bring_up(path, &mut connection)?;
        let (writer, jobs) = mpsc::channel(WAITING);
        let mut writer_of = Writer {
            path: path.to_owned(),
            connection,
            level: None,
        };
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer_of.run(jobs))
            .map_err(|_| StoreError::Closed)?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            writer,
            readers: Mutex::default(),
            // Nobody knows what the process before this one left there.
            owed: AtomicU64::new(1),
            memories: kept::Kept::default(),
        })))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Shows that it can be written.
    ///
    /// # Errors
    /// It cannot.
    pub async fn try_write(&self) -> Result<(), StoreError> {
        // Sets what is set already, which takes the lock and a page of the log, and no sync.
        self.submit(Durable::Handed, |connection| {
            let known: i64 =
                connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            connection.pragma_update(None, "user_version", known)
        })
        .await
    }

    /// Changes something; the answer comes when it is on the disk.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(Durable::Yes, work).await
    }

    /// Changes something that nobody waits for; it is left out where the writer has too much to do.
    fn hand(
        &self,
        durable: Durable,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) {
        let path = self.0.path.clone();
        let work = Box::new(move |connection: Result<&Connection, StoreError>| -> Tell {
            let done = connection.and_then(|connection| {
                behind_savepoint(connection, work).map_err(|e| StoreError::of(&path, &e))
            });
            if let Err(error) = done {
                tracing::debug!("a note was not written: {error}");
            }
            Box::new(|_| {})
        });
        if self.0.writer.try_send(Job { durable, work }).is_err() {
            tracing::debug!("a note was left out: the store is busy");
        }
    }

    async fn submit<T: Send + 'static>(
        &self,
        durable: Durable,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let path = self.0.path.clone();
        let work = Box::new(move |connection: Result<&Connection, StoreError>| -> Tell {
            let done = connection.and_then(|connection| {
                behind_savepoint(connection, work).map_err(|e| StoreError::of(&path, &e))
            });
            Box::new(move |committed: Result<(), StoreError>| {
                // Who asked may have gone away.
                let _ = tell.send(committed.and(done));
            })
        });
        let job = Job { durable, work };
        let sent = self.0.writer.send(job).await;
        sent.map_err(|_| StoreError::Closed)?;
        told.await.map_err(|_| StoreError::Closed)?
    }

    /// Asks something. It runs where it stands, so it must be short: a look-up by index, or one page of rows.
    fn read<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let failed = |error: rusqlite::Error| StoreError::of(&self.0.path, &error);
        let kept = self.readers().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => connect(&self.0.path).map_err(failed)?,
        };
        let answer = ask(&connection).map_err(failed);
        let mut readers = self.readers();
        if readers.len() < READERS {
            readers.push(connection);
        }
        answer
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    // What a savepoint may bring back: in files it would cost as much as the write itself, and words would stand there.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// What the writer's thread has.
struct Writer {
    path: PathBuf,
    connection: Connection,
    /// How the connection syncs at present.
    level: Option<Durable>,
}

impl Writer {
    /// Writes until the last [`Store`] is dropped.
    fn run(&mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut gathered = Vec::new();
        while jobs.blocking_recv_many(&mut gathered, GATHERED) > 0 {
            self.write(&mut gathered);
        }
    }

    fn write(&mut self, gathered: &mut Vec<Job>) {
        let synced = gathered.iter().any(|job| job.durable == Durable::Yes);
        let begun = self.begin(if synced {
            Durable::Yes
        } else {
            Durable::Handed
        });
        let mut begun = begun.map_err(|e| StoreError::of(&self.path, &e));
        let mut tell: Vec<Tell> = Vec::with_capacity(gathered.len());
        for job in gathered.drain(..) {
            tell.push((job.work)(begun.clone().map(|()| &self.connection)));
            // A full disk, alone of all failures, ends the whole transaction; the next savepoint would be one of its own.
            if begun.is_ok() && self.connection.is_autocommit() {
                begun = Err(StoreError::Full {
                    path: self.path.clone(),
                });
            }
        }
        let done = begun.and_then(|()| {
            let done = run(&self.connection, "COMMIT");
            done.map_err(|e| StoreError::of(&self.path, &e))
        });
        if let Err(error) = &done {
            tracing::error!("nothing can be written: {error}");
            // Where it fails too there was no transaction any more.
            let _ = self.connection.execute_batch("ROLLBACK");
            if matches!(error, StoreError::Full { .. }) {
                // What stands in the log twice gives room to whoever deletes now.
                let _ = checkpoint(&self.connection);
            }
        }
        for tell in tell {
            tell(done.clone());
        }
    }

    fn begin(&mut self, level: Durable) -> rusqlite::Result<()> {
        if self.level != Some(level) {
            self.level = None;
            let word = match level {
                Durable::Yes => "FULL",
                Durable::Handed => "NORMAL",
            };
            self.connection.pragma_update(None, "synchronous", word)?;
            self.level = Some(level);
        }
        run(&self.connection, "BEGIN IMMEDIATE")
    }
}

/// Runs a statement that is parsed once for all.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Does the work so that, where it fails or panics, it alone is taken back.
fn behind_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    run(connection, "SAVEPOINT one")?;
    let work = std::panic::AssertUnwindSafe(|| work(connection));
    let done = match std::panic::catch_unwind(work) {
        Ok(done) => done,
        // The writer goes on; who asked is told, and the panic hook has logged it.
        Err(_) => Err(rusqlite::Error::InvalidQuery),
    };
    if done.is_ok() {
        run(connection, "RELEASE one")?;
        return done;
    }
    let back = run(connection, "ROLLBACK TO one").and_then(|()| run(connection, "RELEASE one"));
    if back.is_err() && !connection.is_autocommit() {
        // Half of it must not be committed with the others.
        run(connection, "ROLLBACK")?;
    }
    done
}

/// Writes the database's log back and empties it; whether others were not in the way.
fn checkpoint(connection: &Connection) -> rusqlite::Result<bool> {
    // busy, pages in the log, pages written back
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0).map(|busy| busy == 0)
    })
}

/// A time as it is kept: milliseconds since 1970.
fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// A kept time; one that no calendar has counts as 1970.
fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn a_write_that_fails_takes_no_other_with_it() {
        let (_folder, store) = store();
        let make = |c: &Connection| c.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY)");
        store.write(make).await.unwrap();
        let insert =
            |id: i64| store.write(move |c| c.execute("INSERT INTO t VALUES (?1)", [id]).map(drop));
        let done = futures::future::join_all([1, 2, 2, 3].map(insert)).await;
        let failed: Vec<_> = done.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, false, true, false]);
        assert!(done[2].as_ref().unwrap_err().is_taken());
        let count: i64 = store
            .read(|c| c.query_row("SELECT count(*) FROM t", [], |r| r.get(0)))
            .unwrap();
        assert_eq!(count, 3);
    }

    #[tokio::test]
    async fn a_panic_in_a_write_is_told_and_the_writer_goes_on() {
        let (_folder, store) = store();
        let failed = store.write::<()>(|_| panic!("a test")).await;
        assert!(failed.is_err());
        store.write(|_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_takes_back_all_of_a_transaction_and_says_so() {
        let (_folder, store) = store();
        let make = |c: &Connection| c.execute_batch("CREATE TABLE t (text TEXT)");
        store.write(make).await.unwrap();
        let pages = |c: &Connection| -> rusqlite::Result<i64> {
            let now: i64 = c.pragma_query_value(None, "page_count", |row| row.get(0))?;
            c.pragma_update_and_check(None, "max_page_count", now + 4, |row| row.get(0))
        };
        store.write(pages).await.unwrap();
        let insert = |bytes: usize| {
            store.write(move |c| {
                c.execute("INSERT INTO t VALUES (?1)", ["x".repeat(bytes)])
                    .map(drop)
            })
        };
        // However they are gathered: what was told as written is there, and nothing else.
        let done = futures::future::join_all([1, 2, 100_000, 3, 4].map(insert)).await;
        assert!(matches!(done[2], Err(StoreError::Full { .. })));
        let told = done.iter().filter(|one| one.is_ok()).count();
        let count = || -> i64 {
            let ask = |c: &Connection| c.query_row("SELECT count(*) FROM t", [], |r| r.get(0));
            store.read(ask).unwrap()
        };
        assert_eq!(count(), i64::try_from(told).unwrap());
        insert(5).await.unwrap();
        assert_eq!(count(), i64::try_from(told + 1).unwrap());
    }

    #[tokio::test]
    async fn what_could_not_be_written_back_is_owed_until_it_is() {
        let (_folder, store) = store();
        assert!(store.owes_write_back(), "nobody knows what was before");
        store.write_back().await;
        assert!(!store.owes_write_back());
        let reader = Connection::open(store.path()).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM people").unwrap();
        let change = |c: &Connection| c.execute_batch("CREATE TABLE t (text TEXT)");
        store.write(change).await.unwrap();
        store.write_back().await;
        assert!(store.owes_write_back());
        reader.execute_batch("COMMIT").unwrap();
        store.write_back().await;
        assert!(!store.owes_write_back());
    }

    #[test]
    fn a_store_that_is_up_to_date_is_opened_without_a_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        drop(Store::open(&path).unwrap());
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        drop(Store::open(&path).unwrap());
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        drop(Store::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        drop(connection);
        assert!(matches!(
            Store::open(&path),
            Err(StoreError::Newer { found: 999, .. })
        ));
    }
}
