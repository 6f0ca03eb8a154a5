//! Who may write: locks that the kernel releases when their holder dies, however it dies.
//!
//! Lock files stay for ever: deleting one would let two processes lock two files of one name.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::error::{FilesError, io};
use super::folder::Folder;
use crate::ids::{AccountName, SessionKey, SiteName};

/// How long the second of two daemons waits for the first to tell its process id.
const INTRODUCTION: Duration = Duration::from_millis(200);

/// A locked file.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    name: String,
    file: File,
}

impl Lock {
    /// Takes the lock; `None` where somebody else has it.
    pub(super) fn attempt(folder: &Folder, name: &str) -> Result<Option<Self>, FilesError> {
        let lock = Self::open(folder, name)?;
        match flock(&lock.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(lock)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(e) => Err(io("locking", &lock.path, e.into())),
        }
    }

    /// Takes the lock, waiting for it. Only for locks that are held for one write.
    pub(super) fn wait(folder: &Folder, name: &str) -> Result<Self, FilesError> {
        let lock = Self::open(folder, name)?;
        loop {
            match flock(&lock.file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(lock),
                Err(Errno::INTR) => {}
                Err(e) => return Err(io("locking", &lock.path, e.into())),
            }
        }
    }

    fn open(folder: &Folder, name: &str) -> Result<Self, FilesError> {
        Ok(Self {
            path: folder.at(name),
            name: name.to_owned(),
            file: folder.open_kept(name)?,
        })
    }

    /// Errors where the file that we locked is no longer the one that others would lock.
    pub(super) fn guards(&self, folder: &Folder) -> Result<(), FilesError> {
        if folder.holds(&self.name, &self.file) {
            return Ok(());
        }
        Err(FilesError::LeaseLost {
            path: self.path.clone(),
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child between its fork and its exec has the file open too, for an instant.
        flock(&self.file, FlockOperation::Unlock).ok();
    }
}

/// The right to be the one daemon of a `.auth` folder, until it is dropped or the process ends.
#[derive(Debug)]
pub struct DaemonLock {
    lock: Lock,
}

impl DaemonLock {
    pub(super) fn take(folder: &Folder, name: &str) -> Result<Self, FilesError> {
        let Some(mut lock) = Lock::attempt(folder, name)? else {
            return Err(FilesError::Busy {
                path: folder.at(name),
                pid: introduced(folder, name),
            });
        };
        let pid = format!("{}\n", std::process::id());
        lock.file
            .set_len(0)
            .and_then(|()| lock.file.write_all(pid.as_bytes()))
            .map_err(|source| io("writing", &lock.path, source))?;
        Ok(Self { lock })
    }

    pub(super) fn guards(&self, folder: &Folder) -> Result<(), FilesError> {
        self.lock.guards(folder)
    }
}

impl Drop for DaemonLock {
    fn drop(&mut self) {
        // So that nobody names us as the holder after we have gone.
        self.lock.file.set_len(0).ok();
    }
}

/// The process id that the holder of a lock wrote into it. It writes it just after it took the lock, so the number
/// may be missing, or that of a holder that died, for an instant.
fn introduced(folder: &Folder, name: &str) -> Option<u32> {
    let began = Instant::now();
    loop {
        let mut text = String::new();
        let mut file = folder.open_kept(name).ok()?;
        file.seek(SeekFrom::Start(0)).ok()?;
        file.take(32).read_to_string(&mut text).ok()?;
        let pid = text.trim().parse().ok();
        if let Some(pid) = pid
            && std::path::Path::new(&format!("/proc/{pid}")).exists()
        {
            return Some(pid);
        }
        if began.elapsed() > INTRODUCTION {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The sole right to log in to one account and to write its sessions, combinations' own ones included.
///
/// It ends when it is dropped, and at once when the process dies.
#[derive(Debug)]
pub struct Lease {
    pub(super) site: SiteName,
    pub(super) account: Option<AccountName>,
    pub(super) lock: Lock,
}

impl Lease {
    /// Whether this lease is the one for that key.
    pub fn covers(&self, key: &SessionKey) -> bool {
        self.site == key.site && self.account == key.account
    }

    pub(super) fn check(&self, key: &SessionKey) -> Result<(), FilesError> {
        if self.covers(key) {
            return Ok(());
        }
        Err(FilesError::NotCovered {
            lease: account_text(&self.site, self.account.as_ref()),
            key: key.to_string(),
        })
    }
}

/// `site`, or `site:account`.
pub(super) fn account_text(site: &SiteName, account: Option<&AccountName>) -> String {
    match account {
        Some(account) => format!("{site}:{account}"),
        None => site.to_string(),
    }
}
