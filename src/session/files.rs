//! The files under `.auth`; nothing else writes there.
//!
//! ```text
//! .auth/NAME_state.json            the first account's session        (readers: any agent)
//! .auth/NAME_state-ACCOUNT.json    a further account's
//! .auth/A.B_state.json             a combination's
//! .auth/NAME_state.json.age        in place of the plain file, where the recipe wants it sealed (reader: Jarkeeper)
//! .auth/.jarkeeper/daemon.lock     the one daemon
//!                  locks/          one lock for each account, one for each combination
//!                  sessions/       sessions that a combination has of its own
//!                  previous/       the generation before, of each state file
//!                  aside/          damaged files, kept for a person to look at
//!                  passkeys/       sealed passkeys
//!                  records/ ledger/ artefacts/
//!                  codes/ api/     sockets
//!                  store/          what is kept in SQL; written by the room store
//! ```
//! Folders are 0700, files 0600. A file is written beside its place, synced, read back, renamed into it, and the
//! folder is synced: a reader sees the old or the new one, whatever happens meanwhile. Reading changes nothing and
//! needs no lease.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::io;
pub use super::error::{Damage, FilesError};
use super::folder::Folder;
pub use super::lease::{DaemonLock, Lease};
use super::lease::{Lock, account_text};
use super::state::StorageState;
use crate::failure::{Failure, FailureClass};
use crate::ids::{AccountName, Combination, SessionKey, SiteName};
use crate::seal::{Seal, Unopened};

/// Largest state that is written or read, in bytes. Chromium keeps 180 cookies of 4 KiB and 10 MiB of localStorage a
/// site; IndexedDB is what may go beyond.
pub const LARGEST_STATE: usize = 64 << 20;
/// Largest record or ledger, in bytes: thousands of times what they grow to.
const LARGEST_RECORD: usize = 16 << 20;
/// What a state commonly weighs at most, in bytes: so much must fit before a login is worth its risk.
const COMMON_STATE: usize = 64 << 10;
/// What sealing adds at most, in bytes: a header, and 16 for every 64 KiB.
const SEALING: usize = 64 << 10;
/// How the names of sealed files end.
pub(super) const SEALED: &str = ".age";
/// Our own folder in `.auth`.
const OURS: &str = ".jarkeeper";
/// The lock of the one daemon, in our own folder.
const DAEMON_LOCK: &str = "daemon.lock";
/// How long a waiting lease sleeps between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl From<FilesError> for Failure {
    fn from(error: FilesError) -> Self {
        Self::new(FailureClass::Storage, error.to_string())
    }
}

/// The `.auth` folder.
#[derive(Debug, Clone)]
pub struct Files {
    path: PathBuf,
    /// `None`: states are plain.
    seal: Option<Seal>,
}

impl Files {
    /// Opens the folder, makes it (0700) where it is missing, and removes what died writers left in it.
    ///
    /// # Errors
    /// `Refused` for a symbolic link, another owner, or a mode that lets others in, with the command that mends it.
    pub fn open(path: &Path) -> Result<Self, FilesError> {
        let root = Folder::open_or_make(path)?;
        root.sweep()?;
        let ours = root.sub(OURS)?;
        for name in ["sessions", "previous", "records", "passkeys"] {
            ours.sub(name)?.sweep()?;
        }
        let path = path.to_owned();
        Ok(Self { path, seal: None })
    }

    /// The same folder, whose states are kept sealed with this key.
    pub fn sealed(&self, seal: Seal) -> Self {
        Self {
            path: self.path.clone(),
            seal: Some(seal),
        }
    }

    /// The same folder, whose states are plain.
    pub(super) fn plain(&self) -> Self {
        Self {
            path: self.path.clone(),
            seal: None,
        }
    }

    /// The folder that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn root(&self) -> Result<Folder, FilesError> {
        Folder::open(&self.path)
    }

    pub(super) fn ours(&self, name: &str) -> Result<Folder, FilesError> {
        self.root()?.sub(OURS)?.sub(name)
    }

    /// Becomes the one daemon of this folder.
    ///
    /// # Errors
    /// `Busy` names the process that is it already.
    pub fn daemon_lock(&self) -> Result<DaemonLock, FilesError> {
        DaemonLock::take(&self.root()?.sub(OURS)?, DAEMON_LOCK)
    }

    /// Errors with `LeaseLost` or `Missing` where the folder was deleted or replaced since the lock was taken: another
    /// daemon could start there.
    pub fn still_holds(&self, lock: &DaemonLock) -> Result<(), FilesError> {
        lock.guards(&self.root()?.sub(OURS)?)
    }

    /// The sole right to work on an account; `None` where somebody else has it.
    pub fn lease(
        &self,
        site: &SiteName,
        account: Option<&AccountName>,
    ) -> Result<Option<Lease>, FilesError> {
        let lock = Lock::attempt(&self.ours("locks")?, &account_text(site, account))?;
        Ok(lock.map(|lock| Lease {
            site: site.clone(),
            account: account.cloned(),
            lock,
        }))
    }

    /// As [`Files::lease`], looking again until the deadline. `None`: it did not come free.
    pub async fn lease_wait(
        &self,
        site: &SiteName,
        account: Option<&AccountName>,
        deadline: tokio::time::Instant,
    ) -> Result<Option<Lease>, FilesError> {
        loop {
            if let Some(lease) = self.lease(site, account)? {
                return Ok(Some(lease));
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(None);
            }
            tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + LOOK_AGAIN)).await;
        }
    }

    /// Where what is kept in SQL lies. The folder is there and is ours; the file may not be.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn store_path(&self) -> Result<PathBuf, FilesError> {
        Ok(self.ours("store")?.at("store.db"))
    }

    pub(super) fn guard(&self, lease: &Lease) -> Result<(), FilesError> {
        lease.lock.guards(&self.ours("locks")?)
    }

    /// Where the state of this key is.
    pub fn state_path(&self, key: &SessionKey) -> PathBuf {
        match self.name(key) {
            (None, name) => self.path.join(name),
            (Some(sub), name) => self.path.join(OURS).join(sub).join(name),
        }
    }

    fn name(&self, key: &SessionKey) -> (Option<&'static str>, String) {
        let (sub, mut name) = place(key);
        if self.seal.is_some() {
            name.push_str(SEALED);
        }
        (sub, name)
    }

    /// Where the file of this combination is.
    pub fn combination_path(&self, combination: &Combination) -> PathBuf {
        self.path.join(format!("{combination}_state.json"))
    }

    /// Where the record of this key is.
    pub fn record_path(&self, key: &SessionKey) -> PathBuf {
        self.path.join(OURS).join("records").join(record_name(key))
    }

    pub(super) fn place(&self, key: &SessionKey) -> Result<(Folder, String), FilesError> {
        let (sub, name) = self.name(key);
        let folder = match sub {
            None => self.root()?,
            Some(sub) => self.ours(sub)?,
        };
        Ok((folder, name))
    }

    /// Reads the state of this key; `None` where it was never captured.
    ///
    /// A damaged file is passed over with a warning, for the generation before it; the next write sets it aside.
    ///
    /// # Errors
    /// `Corrupt` where the generation before is damaged too or missing.
    pub fn load(&self, key: &SessionKey) -> Result<Option<StorageState>, FilesError> {
        let (folder, name) = self.place(key)?;
        let damage = match self.read_state(&folder, &name) {
            Err(damage @ FilesError::Corrupt { .. }) => damage,
            // Sealing was switched on, and nobody has worked on this account since.
            Ok(None) if self.seal.is_some() => return self.plain().load(key),
            other => return other,
        };
        let previous = self.read_state(&self.ours("previous")?, &short(name.clone()));
        let Ok(Some(state)) = previous else {
            return Err(damage);
        };
        tracing::warn!(
            key = %key,
            file = %folder.at(&name).display(),
            "{damage}; the generation before it is used"
        );
        Ok(Some(state))
    }

    pub(super) fn read_state(
        &self,
        folder: &Folder,
        name: &str,
    ) -> Result<Option<StorageState>, FilesError> {
        let Some(seal) = &self.seal else {
            return read_json(folder, name, LARGEST_STATE);
        };
        opened(seal, folder, name)?
            .map(|plain| parsed(&plain, folder, name))
            .transpose()
    }

    /// The bytes of a state as they stand in its file.
    fn form(
        &self,
        plain: Zeroizing<Vec<u8>>,
        path: &Path,
    ) -> Result<Zeroizing<Vec<u8>>, FilesError> {
        let Some(seal) = &self.seal else {
            return Ok(plain);
        };
        seal.close(&plain)
            .map(Zeroizing::new)
            .map_err(|source| io("sealing", path, source))
    }

    /// When the state of this key was last written; `None` where it was never captured.
    pub fn written_at(&self, key: &SessionKey) -> Result<Option<DateTime<Utc>>, FilesError> {
        let (folder, name) = self.place(key)?;
        Ok(folder.modified(&name)?.map(DateTime::from))
    }

    /// Proves before a login that its outcome can be kept: a file of a common state's size is written, synced, read
    /// back and removed, in each place that a write needs.
    pub fn verify_write(&self, lease: &Lease) -> Result<(), FilesError> {
        self.guard(lease)?;
        let key = SessionKey {
            site: lease.site.clone(),
            account: lease.account.clone(),
            within: None,
        };
        let (folder, name) = self.place(&key)?;
        folder.writable(&name)?;
        // Not zeros: some file systems make holes of them.
        let bytes: Vec<u8> = (0..COMMON_STATE).map(|i| b'0' + (i % 61) as u8).collect();
        folder.rehearse(&bytes)?;
        self.ours("previous")?.writable(&short(name))?;
        self.ours("ledger")?.rehearse(&[b'\n'; 512])
    }

    /// Replaces the state of this key, and keeps the one before.
    ///
    /// What is written is the sanitised state; what had to be left out is logged, with names and without values.
    pub fn write(
        &self,
        lease: &Lease,
        key: &SessionKey,
        state: &StorageState,
    ) -> Result<(), FilesError> {
        lease.check(key)?;
        self.guard(lease)?;
        let (folder, name) = self.place(key)?;
        let bytes = self.form(shipped(state, &folder.at(&name))?, &folder.at(&name))?;
        self.replace(&folder, &name, &bytes)?;
        tracing::debug!(key = %key, bytes = bytes.len(), "state written");
        Ok(())
    }

    /// Replaces the file of a combination, and keeps the one before. Its own lock keeps two writers apart.
    pub fn write_combination(
        &self,
        combination: &Combination,
        state: &StorageState,
    ) -> Result<(), FilesError> {
        let locks = self.ours("locks")?;
        let lock = Lock::wait(&locks, &short(combination.to_string()))?;
        lock.guards(&locks)?;
        let folder = self.root()?;
        let name = format!("{combination}_state.json");
        let bytes = shipped(state, &folder.at(&name))?;
        self.replace(&folder, &name, &bytes)
    }

    /// Reads the joined state of a combination; `None` where it was never written. The next renewal of one of its parts mends
    /// a damaged one.
    pub fn load_combination(
        &self,
        combination: &Combination,
    ) -> Result<Option<StorageState>, FilesError> {
        let name = format!("{combination}_state.json");
        read_json(&self.root()?, &name, LARGEST_STATE)
    }

    /// Removes the file of a combination, whose parts no longer fit together. The generation before stays.
    pub fn remove_combination(&self, combination: &Combination) -> Result<(), FilesError> {
        let locks = self.ours("locks")?;
        let _lock = Lock::wait(&locks, &short(combination.to_string()))?;
        self.root()?.remove(&format!("{combination}_state.json"))
    }

    pub(super) fn replace(
        &self,
        folder: &Folder,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), FilesError> {
        let previous = self.ours("previous")?;
        folder.replace(name, bytes, || {
            match self.read_state(folder, name) {
                Ok(_) => folder.keep(name, &previous, &short(name.to_owned())),
                // A damaged file must not push out the good generation before it.
                Err(FilesError::Corrupt { .. } | FilesError::TooLarge { .. }) => {
                    self.set_aside(folder, name)
                }
                Err(other) => Err(other),
            }
        })
    }

    fn set_aside(&self, folder: &Folder, name: &str) -> Result<(), FilesError> {
        let aside = self.ours("aside")?;
        let to = format!("{}.{}", short(name.to_owned()), stamp(Utc::now()));
        tracing::warn!(
            file = %folder.at(name).display(),
            to = %aside.at(&to).display(),
            "a damaged file is set aside"
        );
        // It keeps its name too, until the new file takes it: a crash here leaves no gap.
        folder.keep(name, &aside, &to)
    }

    /// Removes the state of this key; the generation before stays.
    pub fn remove(&self, lease: &Lease, key: &SessionKey) -> Result<(), FilesError> {
        lease.check(key)?;
        self.guard(lease)?;
        let (folder, name) = self.place(key)?;
        folder.remove(&name)
    }

    /// Reads the record of this key; `None` where there is none, or where it is no JSON (with a warning: the ledger
    /// still bounds what may be done without a record).
    ///
    /// # Errors
    /// `Corrupt` where it is JSON of another shape: perhaps that of a newer version, which must not be overwritten.
    pub fn read_record<T: DeserializeOwned>(
        &self,
        key: &SessionKey,
    ) -> Result<Option<T>, FilesError> {
        let folder = self.ours("records")?;
        let name = record_name(key);
        match read_json::<serde_json::Value>(&folder, &name, LARGEST_RECORD) {
            Err(damage @ FilesError::Corrupt { .. }) => {
                tracing::warn!(key = %key, "{damage}; a new record is begun");
                Ok(None)
            }
            Ok(None) => Ok(None),
            Ok(Some(_)) => read_json(&folder, &name, LARGEST_RECORD),
            Err(other) => Err(other),
        }
    }

    /// Replaces the record of this key.
    pub fn write_record<T: Serialize>(
        &self,
        lease: &Lease,
        key: &SessionKey,
        record: &T,
    ) -> Result<(), FilesError> {
        lease.check(key)?;
        self.guard(lease)?;
        let folder = self.ours("records")?;
        let name = record_name(key);
        let bytes = json(record, &folder.at(&name))?;
        folder.replace(&name, &bytes, || Ok(()))
    }

    /// The lines of an account's login ledger, as they are; empty where there is none. A crash may have torn the last.
    pub fn read_ledger(
        &self,
        site: &SiteName,
        account: Option<&AccountName>,
    ) -> Result<Vec<u8>, FilesError> {
        let folder = self.ours("ledger")?;
        let bytes = folder.read(&account_text(site, account), LARGEST_RECORD)?;
        Ok(bytes.unwrap_or_default())
    }

    /// Adds one line (given without its end) to the ledger of the lease's account; it is on the disk when this returns.
    pub fn append_ledger(&self, lease: &Lease, line: &[u8]) -> Result<(), FilesError> {
        self.guard(lease)?;
        let folder = self.ours("ledger")?;
        let name = account_text(&lease.site, lease.account.as_ref());
        let mut file = folder.open_kept(&name)?;
        let path = folder.at(&name);
        let mut append = || {
            let mut bytes = Vec::with_capacity(line.len() + 2);
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                let mut last = [0];
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    // The line before was torn by a crash; ours must not join it.
                    bytes.push(b'\n');
                }
            }
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
            file.write_all(&bytes)?;
            file.sync_all()
        };
        append().map_err(|source| io("writing", &path, source))
    }
}

/// Writes a state into a folder of the caller's choosing (made 0700 where it is missing), whole or not at all, 0600.
///
/// `name` is the file's name, without a folder. Unlike `.auth`, the folder may be a link and open to others.
pub fn deliver(dir: &Path, name: &str, state: &StorageState) -> Result<(), FilesError> {
    let folder = match Folder::open_foreign(dir) {
        Err(FilesError::Missing { .. }) => Folder::open_or_make(dir)?,
        other => other?,
    };
    let bytes = shipped(state, &folder.at(name))?;
    folder.replace(name, &bytes, || Ok(()))
}

/// Writes a file of our own into a folder of the caller's choosing, as [`deliver`] does.
pub fn put(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
    Folder::open_foreign(dir)?.replace(name, bytes, || Ok(()))
}

/// Reads a file of our own in a folder of the caller's choosing; `None` where there is none.
pub fn fetch(dir: &Path, name: &str, limit: usize) -> Result<Option<Vec<u8>>, FilesError> {
    Folder::open_foreign(dir)?.read(name, limit)
}

/// Whether anything below this `.auth` is sealed.
pub fn holds_sealed(auth: &Path) -> bool {
    let passkeys = auth.join(OURS).join("passkeys");
    [auth, &passkeys].iter().any(|folder| {
        let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().ends_with(SEALED))
    })
}

/// The path of the sealed file in place of a plain one.
pub fn sealed_name(path: PathBuf) -> PathBuf {
    let mut path = path.into_os_string();
    path.push(SEALED);
    path.into()
}

/// The folder of ours (`None`: `.auth` itself) and the file name for a key.
pub(super) fn place(key: &SessionKey) -> (Option<&'static str>, String) {
    match (&key.within, &key.account) {
        (Some(_), _) => (Some("sessions"), format!("{}.json", short(key.to_string()))),
        (None, None) => (None, format!("{}_state.json", key.site)),
        // Readers cut the name at its last underscore; an account's name has none.
        (None, Some(account)) => (None, format!("{}_state-{account}.json", key.site)),
    }
}

fn record_name(key: &SessionKey) -> String {
    format!("{}.json", short(key.to_string()))
}

/// A text of ours as a file name that is not too long: file systems stop at 255 bytes.
pub(super) fn short(text: String) -> String {
    match text.len() <= 200 {
        true => text,
        false => hashed(&text),
    }
}

/// A name for a text, of 65 bytes.
pub(super) fn hashed(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    // Names begin with a letter or a digit, and hold no '='.
    format!("={hex}")
}

pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%S%3fZ").to_string()
}

/// The bytes of a state as it is shipped.
fn shipped(state: &StorageState, path: &Path) -> Result<Zeroizing<Vec<u8>>, FilesError> {
    let mut state = state.clone();
    for dropped in state.sanitise(Utc::now()) {
        tracing::warn!(file = %path.display(), "left out: {dropped}");
    }
    let bytes = Zeroizing::new(json(&state, path)?);
    if bytes.len() > LARGEST_STATE {
        return Err(FilesError::TooLarge {
            path: path.to_owned(),
            limit: LARGEST_STATE,
        });
    }
    Ok(bytes)
}

fn json<T: Serialize>(value: &T, path: &Path) -> Result<Vec<u8>, FilesError> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|source| io("shaping", path, std::io::Error::other(source)))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read_json<T: DeserializeOwned>(
    folder: &Folder,
    name: &str,
    limit: usize,
) -> Result<Option<T>, FilesError> {
    let bytes = folder.read(name, limit)?;
    bytes.map(|bytes| parsed(&bytes, folder, name)).transpose()
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], folder: &Folder, name: &str) -> Result<T, FilesError> {
    serde_json::from_slice(bytes).map_err(|error| FilesError::Corrupt {
        path: folder.at(name),
        source: Damage::from(error),
    })
}

/// What a sealed file holds; `None` where there is none.
pub(super) fn opened(
    seal: &Seal,
    folder: &Folder,
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, FilesError> {
    let Some(bytes) = folder.read(name, LARGEST_STATE + SEALING)? else {
        return Ok(None);
    };
    let path = || folder.at(name);
    seal.open(&bytes).map(Some).map_err(|why| match why {
        Unopened::OtherKey => FilesError::OtherKey { path: path() },
        Unopened::Damaged => FilesError::Corrupt {
            path: path(),
            source: Damage::SEALED,
        },
    })
}
