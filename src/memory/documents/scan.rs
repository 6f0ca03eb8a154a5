//! What lies in a folder of documents, and how one of them is read.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;

use super::kind::DocumentKind;

/// Most folders within each other; a link may not lead out, but a disk may be odd.
const DEPTH: usize = 64;

/// What a file is like: another one after every change to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
    modified: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            changed: (meta.ctime(), meta.ctime_nsec()),
            modified: (meta.mtime(), meta.mtime_nsec()),
        }
    }

    /// Whether it has been as it is for so long. A file of the future has not.
    pub(super) fn is_quiet(&self, now: SystemTime, quiet: Duration) -> bool {
        let (seconds, nanos) = self.changed.max(self.modified);
        let at = u64::try_from(seconds).ok().zip(u32::try_from(nanos).ok());
        let at = at.map(|(seconds, nanos)| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
        at.and_then(|at| now.duration_since(at).ok())
            .is_some_and(|since| since >= quiet)
    }
}

/// A file that is a document by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) kind: DocumentKind,
    pub(super) stamp: Stamp,
}

/// What lies in a folder and below it.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// By its path below the folder, which is its name as a document.
    pub(super) files: BTreeMap<String, Found>,
    /// Paths below the folder that could not be looked at, and why: what is below them is not gone.
    pub(super) unread: BTreeMap<String, String>,
    /// Whether there is nothing at all in the folder, as where a disk is not mounted.
    pub(super) is_bare: bool,
}

impl Scan {
    /// Whether a document may still be there, though it was not seen.
    pub(super) fn may_have(&self, name: &str) -> bool {
        let below = |path: &String| {
            path.is_empty()
                || name
                    .strip_prefix(path.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.files.contains_key(name) || self.unread.keys().any(below)
    }
}

/// Looks through a folder. Hidden files, folders behind links and what is no document by its name are left out.
///
/// # Errors
/// The folder itself cannot be read.
pub(super) fn scan(folder: &Path) -> io::Result<Scan> {
    let base = folder.canonicalize()?;
    let mut scan = Scan {
        is_bare: std::fs::read_dir(&base)?.next().is_none(),
        ..Scan::default()
    };
    let mut open = vec![(base.clone(), String::new(), 0)];
    while let Some((path, name, depth)) = open.pop() {
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            // Deleted just now: the next look sees that.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !name.is_empty() => continue,
            Err(error) => {
                scan.unread
                    .insert(name, format!("this folder cannot be read: {error}"));
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let why = format!("this folder cannot be read to its end: {error}");
                    scan.unread.insert(name.clone(), why);
                    break;
                }
            };
            let own = entry.file_name();
            let Some(own) = own.to_str() else {
                let shown = own.to_string_lossy().into_owned();
                scan.unread.insert(
                    joined(&name, &shown),
                    "its name is not UTF-8; rename it".to_owned(),
                );
                continue;
            };
            if own.starts_with('.') {
                continue;
            }
            let called = joined(&name, own);
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth < DEPTH {
                open.push((entry.path(), called, depth + 1));
            } else if let Some(kind) = DocumentKind::of_name(own) {
                match file(&base, &entry.path()) {
                    Ok(Some((path, stamp))) => {
                        scan.files.insert(called, Found { path, kind, stamp });
                    }
                    Ok(None) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => {
                        scan.unread
                            .insert(called, format!("it cannot be read: {error}"));
                    }
                }
            }
        }
    }
    Ok(scan)
}

fn joined(folder: &str, own: &str) -> String {
    match folder.is_empty() {
        true => own.to_owned(),
        false => format!("{folder}/{own}"),
    }
}

/// Where a file is, without links, and what it is like; `None`: it is none, or lies elsewhere.
fn file(base: &Path, path: &Path) -> io::Result<Option<(PathBuf, Stamp)>> {
    let path = match path.symlink_metadata()?.is_symlink() {
        true => path.canonicalize()?,
        false => path.to_owned(),
    };
    let inside = path.strip_prefix(base).ok();
    let hidden = |path: &Path| {
        path.iter()
            .any(|part| part.as_encoded_bytes().starts_with(b"."))
    };
    if inside.is_none_or(hidden) {
        return Ok(None);
    }
    let meta = path.symlink_metadata()?;
    Ok(meta.is_file().then(|| (path, Stamp::of(&meta))))
}

/// The bytes of a file, at most one more than its kind may have; `None`: it is another one than was found, or changes just now.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(found: &Found) -> io::Result<Option<Vec<u8>>> {
    // Whatever stands there by now: no link is followed, and no pipe waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut file = std::fs::File::options()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(&found.path)?;
    // A folder above it may have become a link since it was listed, or while it was: the kernel tells where the file is.
    let place = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    if place != found.path {
        return Ok(None);
    }
    let same = |file: &std::fs::File| -> io::Result<bool> {
        let meta = file.metadata()?;
        Ok(meta.is_file() && Stamp::of(&meta) == found.stamp)
    };
    if !same(&file)? {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(found.kind.limit()).unwrap_or(u64::MAX) + 1;
    (&mut file).take(most).read_to_end(&mut bytes)?;
    Ok(same(&file)?.then_some(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_is_looked_through_and_nothing_outside_of_it() {
        let outer = tempfile::tempdir().unwrap();
        let base = outer.path().join("docs");
        let put = |name: &str| {
            let path = base.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        };
        std::fs::write(outer.path().join("secret.txt"), "x").unwrap();
        std::fs::create_dir_all(&base).unwrap();
        assert!(scan(&base).unwrap().is_bare);
        for name in [
            "a.txt",
            "b/C.MD",
            "b/d/e.pdf",
            "f.htm",
            ".hidden.txt",
            ".git/g.txt",
            "h.exe",
            "noend",
            "i.txt~",
        ] {
            put(name);
        }
        symlink("a.txt", base.join("inside.txt")).unwrap();
        symlink("../secret.txt", base.join("outside.txt")).unwrap();
        symlink(".hidden.txt", base.join("shown.txt")).unwrap();
        symlink("..", base.join("b/circle")).unwrap();
        symlink("nowhere.txt", base.join("broken.txt")).unwrap();
        std::fs::create_dir(base.join("folder.txt")).unwrap();
        let found = scan(&base).unwrap();
        let names: Vec<_> = found.files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["a.txt", "b/C.MD", "b/d/e.pdf", "f.htm", "inside.txt"]
        );
        assert!(found.unread.is_empty() && !found.is_bare, "{found:?}");
        let one = &found.files["inside.txt"];
        assert_eq!(read(one).unwrap().unwrap(), b"a.txt");
        // Another one in its place is not read as the one that was found.
        std::fs::remove_file(base.join("a.txt")).unwrap();
        symlink("../secret.txt", base.join("a.txt")).unwrap();
        assert!(read(one).is_err());
        std::fs::remove_file(base.join("a.txt")).unwrap();
        std::fs::write(base.join("a.txt"), "another").unwrap();
        assert_eq!(read(one).unwrap(), None);
    }

    #[test]
    fn a_folder_that_became_a_link_shows_no_foreign_file() {
        let outer = tempfile::tempdir().unwrap();
        let outer = outer.path().canonicalize().unwrap();
        for folder in ["docs", "foreign"] {
            std::fs::create_dir(outer.join(folder)).unwrap();
        }
        std::fs::write(outer.join("foreign/a.txt"), "secret").unwrap();
        symlink("../foreign", outer.join("docs/sub")).unwrap();
        // As where it was swapped before the file in it was looked at.
        let path = outer.join("docs/sub/a.txt");
        let (path, stamp) = file(&outer.join("docs"), &path).unwrap().unwrap();
        let found = Found {
            path,
            kind: DocumentKind::Plain,
            stamp,
        };
        assert_eq!(read(&found).unwrap(), None);
    }

    #[test]
    fn what_is_below_a_folder_that_cannot_be_read_is_not_gone() {
        let mut scan = Scan::default();
        scan.unread.insert("a/b".to_owned(), "why".to_owned());
        assert!(scan.may_have("a/b/c.txt") && scan.may_have("a/b"));
        assert!(!scan.may_have("a/bc.txt") && !scan.may_have("a/c.txt"));
        scan.unread.insert(String::new(), "why".to_owned());
        assert!(scan.may_have("x.txt"));
    }
}
