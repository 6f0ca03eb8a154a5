//! What can go wrong with the files of a session, told with the place and the way out.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// What can go wrong with the files of a session.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Something is there that we neither follow nor overwrite, or that others can reach.
    #[error("{} {why}: {way_out}", path.display())]
    Refused {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What a person can do.
        way_out: String,
    },
    /// The folder is gone.
    #[error("{} is gone: make it again with `mkdir -m 700 {}`", path.display(), path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// Another process works here.
    #[error("{} is locked by {}: stop that one, or use another --root", path.display(), holder(*pid))]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, as far as it has told.
        pid: Option<u32>,
    },
    /// The lock in hand no longer guards the folder: somebody deleted or replaced it meanwhile.
    #[error("{} was deleted or replaced while we held it; nothing was written", path.display())]
    LeaseLost {
        /// The lock file.
        path: PathBuf,
    },
    /// A lease on one account was used to write another's.
    #[error("the lease on {lease} does not cover {key}")]
    NotCovered {
        /// `site` or `site:account`.
        lease: String,
        /// The key that was to be written.
        key: String,
    },
    /// A file does not hold what it should.
    #[error("{} is damaged ({source}): move it away", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column. Holds no value of the file.
        source: Damage,
    },
    /// A sealed file was sealed with another key.
    #[error("{} was sealed with another key: bring that one back (see [seal] in config.toml), or delete the file", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
    },
    /// A file is larger than anything that we would write.
    #[error("{} is larger than {} MiB", path.display(), limit >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size, in bytes.
        limit: usize,
    },
    /// The system refused.
    #[error("{doing} {} failed: {source}{}", path.display(), way_out(source))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Where JSON stops being what it should. Unlike `serde_json::Error` it repeats nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// From 1; 0 where the text is empty.
    pub line: usize,
    /// From 1, in bytes; 0 where the text is empty.
    pub column: usize,
    /// What kind of damage.
    pub what: &'static str,
}

impl Damage {
    /// A sealed file whose text nobody can see.
    pub(super) const SEALED: Self = Self {
        line: 0,
        column: 0,
        what: "it was changed or cut, or is no age file",
    };
}

impl std::error::Error for Damage {}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, column, what } = self;
        match *self == Self::SEALED {
            true => f.write_str(what),
            false => write!(f, "line {line}, column {column}: {what}"),
        }
    }
}

impl From<serde_json::Error> for Damage {
    fn from(error: serde_json::Error) -> Self {
        Self {
            line: error.line(),
            column: error.column(),
            what: match error.classify() {
                serde_json::error::Category::Eof => "it ends too early",
                serde_json::error::Category::Syntax => "it is not JSON",
                serde_json::error::Category::Data => "a value is missing or of the wrong kind",
                serde_json::error::Category::Io => "it cannot be read",
            },
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room, what was there before is untouched"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; remount it writable, or use another --root",
        io::ErrorKind::PermissionDenied => "; let the daemon's user own it",
        _ => "",
    }
}

/// The system refused something at this place.
pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> FilesError {
    let path = path.to_owned();
    FilesError::Io {
        doing,
        path,
        source,
    }
}

/// What an open that failed means.
pub(super) fn refusal(path: &Path, errno: Errno) -> FilesError {
    let link = || path.symlink_metadata().is_ok_and(|m| m.is_symlink());
    let why = match errno {
        Errno::NOENT => {
            return FilesError::Missing {
                path: path.to_owned(),
            };
        }
        Errno::LOOP => "is a symbolic link, which is not followed",
        Errno::NOTDIR if link() => "is a symbolic link, which is not followed",
        Errno::NOTDIR => "is not a folder",
        Errno::ISDIR => "is a folder, not a file",
        // What a FIFO without a reader and a socket answer.
        Errno::NXIO => "is not a regular file",
        _ => return io("opening", path, errno.into()),
    };
    FilesError::Refused {
        path: path.to_owned(),
        why: why.to_owned(),
        way_out: "move it away".to_owned(),
    }
}
