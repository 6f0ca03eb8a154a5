//! Whether a file is still the one that was read.

use std::path::Path;

use chrono::{DateTime, Utc};

/// What tells one generation of a file from the next: a file that is replaced has another inode, and the one before it is
/// kept, so that its inode is not given away meanwhile.
///
/// It says only whether what was read is still there. Reading anew goes through [`super::Files`], which has the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    place: (u64, u64),
    size: i64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// When the inode last changed: who writes into a file may set its other time at will.
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file at this path, which is not followed where it is a link; `None` where there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let stat = rustix::fs::lstat(path).ok()?;
        Some(Self {
            place: (stat.st_dev, stat.st_ino),
            size: stat.st_size,
            modified: (stat.st_mtime, i64::try_from(stat.st_mtime_nsec).ok()?),
            changed: (stat.st_ctime, i64::try_from(stat.st_ctime_nsec).ok()?),
        })
    }

    /// When the file was written, to the second.
    pub fn modified(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.modified.0, 0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_and_one_written_into_have_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let (path, beside) = (dir.path().join("a"), dir.path().join("b"));
        assert_eq!(Stamp::of(&path), None);
        std::fs::write(&path, "one").unwrap();
        let first = Stamp::of(&path);
        assert_eq!(first, Stamp::of(&path));
        std::fs::write(&beside, "two").unwrap();
        std::fs::rename(&beside, &path).unwrap();
        let second = Stamp::of(&path);
        assert!(first.is_some() && second != first);
        std::fs::write(&path, "three").unwrap();
        assert_ne!(Stamp::of(&path), second);
        std::os::unix::fs::symlink(&path, &beside).unwrap();
        assert_ne!(Stamp::of(&beside), Stamp::of(&path));
    }
}
