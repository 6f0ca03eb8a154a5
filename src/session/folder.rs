//! A folder that nobody else can reach into, and the only way to put a file there.
//!
//! Every folder is opened anew for each operation and checked: ours, 0700, no symbolic link. Files in it are opened
//! relative to it, never through a link, and never waited for (a FIFO under a file's name does not hang us).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, ResolveFlags, Stat, chmodat, fchmod,
    flock, fstat, fsync, linkat, mkdirat, openat, openat2, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::error::{FilesError, io, refusal};

/// How names of files begin that are not finished. A dot keeps them out of `*.json`.
const UNFINISHED: &str = ".tmp-";

/// Whether a stat structure speaks of this type.
fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

/// An open, checked folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    fd: OwnedFd,
}

impl Folder {
    /// Opens a folder that is ours alone. `Missing` where there is none.
    pub(super) fn open(path: &Path) -> Result<Self, FilesError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| refusal(path, e))?;
        Self::checked(path.to_owned(), fd)
    }

    /// Opens the folder, and makes it (0700, its parents too) where it is missing.
    pub(super) fn open_or_make(path: &Path) -> Result<Self, FilesError> {
        match Self::open(path) {
            Err(FilesError::Missing { .. }) => {}
            other => return other,
        }
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .recursive(true)
            .create(path)
            .map_err(|source| io("making", path, source))?;
        Self::open(path)
    }

    /// A folder that the caller chose: it may be reached through links and be open to others.
    pub(super) fn open_foreign(path: &Path) -> Result<Self, FilesError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| refusal(path, e))?;
        Ok(Self {
            path: path.to_owned(),
            fd,
        })
    }

    fn checked(path: PathBuf, fd: OwnedFd) -> Result<Self, FilesError> {
        let stat = fstat(&fd).map_err(|e| io("looking at", &path, e.into()))?;
        let us = rustix::process::geteuid();
        if stat.st_uid != us.as_raw() {
            return Err(FilesError::Refused {
                why: format!(
                    "belongs to user {}, and we are user {}",
                    stat.st_uid,
                    us.as_raw()
                ),
                way_out: format!("`chown {} {}`", us.as_raw(), path.display()),
                path,
            });
        }
        let mode = stat.st_mode & 0o777;
        if mode & 0o077 != 0 {
            return Err(FilesError::Refused {
                why: format!("is open to other users of this machine (mode {mode:04o})"),
                way_out: format!("`chmod 700 {}`", path.display()),
                path,
            });
        }
        Ok(Self { path, fd })
    }

    /// The folder of this name inside, made where it is missing.
    pub(super) fn sub(&self, name: &str) -> Result<Self, FilesError> {
        match mkdirat(&self.fd, name, Mode::RWXU) {
            Ok(()) => fsync(&self.fd).map_err(|e| io("syncing", &self.path, e.into()))?,
            Err(Errno::EXIST) => {}
            Err(e) => return Err(self.io("making", name, e)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let fd = self.openat(name, flags)?;
        Self::checked(self.path.join(name), fd)
    }

    /// The folder of this name inside; `None` where there is none.
    pub(super) fn sub_if_there(&self, name: &str) -> Result<Option<Self>, FilesError> {
        match self.openat(name, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(FilesError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            other => Self::checked(self.path.join(name), other?).map(Some),
        }
    }

    /// The size of a file, bytes; `None` where there is none.
    pub(super) fn size(&self, name: &str) -> Result<Option<u64>, FilesError> {
        let Some(file) = self.open_file(name, OFlags::RDONLY)? else {
            return Ok(None);
        };
        let size = file.metadata().map(|metadata| Some(metadata.len()));
        size.map_err(|source| io("looking at", &self.at(name), source))
    }

    /// The open folder.
    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Takes a name inside, which must not be a link, from everybody but us (0600).
    pub(super) fn own(&self, name: &str) -> Result<(), FilesError> {
        self.check(name)?;
        chmodat(&self.fd, name, Mode::RUSR | Mode::WUSR, AtFlags::empty())
            .map_err(|e| self.io("setting the mode of", name, e))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name inside.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn io(&self, doing: &'static str, name: &str, errno: Errno) -> FilesError {
        io(doing, &self.at(name), errno.into())
    }

    /// Refuses every text that is not the name of something directly inside.
    fn check(&self, name: &str) -> Result<(), FilesError> {
        let elsewhere = name.contains(['/', '\0']);
        if elsewhere || matches!(name, "" | "." | "..") {
            return Err(FilesError::Refused {
                path: self.path.clone(),
                why: format!("has no room for a file named {:?}", shortened(name)),
                way_out: "choose a name without a folder".to_owned(),
            });
        }
        Ok(())
    }

    /// Opens one name directly inside, and nothing else, whatever the name holds.
    fn openat(&self, name: &str, flags: OFlags) -> Result<OwnedFd, FilesError> {
        self.check(name)?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mode = if flags.contains(OFlags::CREATE) {
            Mode::RUSR | Mode::WUSR
        } else {
            Mode::empty()
        };
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(&self.fd, name, flags, mode, beneath) {
            // Kernels before 5.6 and some sandboxes lack it. One name without a slash, not followed, is as safe.
            Err(Errno::NOSYS | Errno::PERM) => openat(&self.fd, name, flags, mode),
            other => other,
        }
        .map_err(|e| match e {
            Errno::NOENT => self.io("opening", name, e),
            _ => refusal(&self.at(name), e),
        })
    }

    /// Opens a regular file of ours; `None` where there is none.
    fn open_file(&self, name: &str, flags: OFlags) -> Result<Option<File>, FilesError> {
        let fd = match self.openat(name, flags) {
            Err(FilesError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            other => other?,
        };
        let stat = fstat(&fd).map_err(|e| self.io("looking at", name, e))?;
        self.regular(name, &stat)?;
        Ok(Some(File::from(fd)))
    }

    fn regular(&self, name: &str, stat: &Stat) -> Result<(), FilesError> {
        let why = if !is(stat, FileType::RegularFile) {
            "is not a regular file"
        } else if stat.st_uid != rustix::process::geteuid().as_raw() {
            "belongs to another user"
        } else {
            return Ok(());
        };
        Err(FilesError::Refused {
            path: self.at(name),
            why: why.to_owned(),
            way_out: "move it away".to_owned(),
        })
    }

    /// Refuses what stands under a name that is to be written, unless it is a regular file of ours or nothing.
    pub(super) fn writable(&self, name: &str) -> Result<(), FilesError> {
        self.check(name)?;
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => self.regular(name, &stat),
            Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(self.io("looking at", name, e)),
        }
    }

    /// The whole content; `None` where there is no such file.
    pub(super) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, FilesError> {
        let Some(file) = self.open_file(name, OFlags::RDONLY)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| io("reading", &self.at(name), source))?;
        if bytes.len() > limit {
            return Err(FilesError::TooLarge {
                path: self.at(name),
                limit,
            });
        }
        Ok(Some(bytes))
    }

    /// When the file was last written; `None` where there is none.
    pub(super) fn modified(&self, name: &str) -> Result<Option<std::time::SystemTime>, FilesError> {
        let Some(file) = self.open_file(name, OFlags::RDONLY)? else {
            return Ok(None);
        };
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        modified
            .map(Some)
            .map_err(|source| io("looking at", &self.at(name), source))
    }

    /// Opens a file for appending or locking, made 0600 where it is missing.
    pub(super) fn open_kept(&self, name: &str) -> Result<File, FilesError> {
        let flags = OFlags::RDWR | OFlags::APPEND;
        if let Some(file) = self.open_file(name, flags)? {
            return Ok(file);
        }
        let file = self.open_file(name, flags | OFlags::CREATE)?;
        self.sync()?;
        file.ok_or_else(|| self.io("making", name, Errno::NOENT))
    }

    /// Whether this open file is still the one under this name.
    pub(super) fn holds(&self, name: &str, file: &File) -> bool {
        let (Ok(there), Ok(here)) = (
            statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW),
            fstat(file),
        ) else {
            return false;
        };
        (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
    }

    /// Writes a whole file, 0600, so that a reader and a crash see the old one or the new one and never a part.
    ///
    /// `before` runs when the new content is safe on the disk and the old one still in its place.
    pub(super) fn replace(
        &self,
        name: &str,
        bytes: &[u8],
        before: impl FnOnce() -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        self.writable(name)?;
        let unfinished = self.unfinished(bytes)?;
        before()?;
        unfinished.promote(name)
    }

    /// Proves that this much can be written here, and leaves nothing behind.
    pub(super) fn rehearse(&self, bytes: &[u8]) -> Result<(), FilesError> {
        self.unfinished(bytes).map(drop)
    }

    /// Keeps the file under a second name in another folder, replacing what stood there; the file stays.
    ///
    /// By a hard link where the file system has them, by a copy otherwise.
    pub(super) fn keep(&self, name: &str, to: &Folder, as_name: &str) -> Result<(), FilesError> {
        to.writable(as_name)?;
        let Some(file) = self.open_file(name, OFlags::RDONLY)? else {
            return Ok(());
        };
        // A sweeper may hold it for an instant, where the name of a dead writer leads to this very file.
        while let Err(e) = flock(&file, FlockOperation::LockExclusive) {
            if e != Errno::INTR {
                return Err(self.io("locking", name, e));
            }
        }
        let temporary = unfinished_name(&self.at(name))?;
        match linkat(&self.fd, name, &to.fd, &temporary, AtFlags::empty()) {
            Ok(()) => {
                // Where both names are one file already, rename does nothing and leaves the temporary name.
                let renamed = renameat(&to.fd, &temporary, &to.fd, as_name);
                to.unlink(&temporary).ok();
                renamed.map_err(|e| to.io("renaming to", as_name, e))?;
                to.sync()
            }
            Err(Errno::NOENT) => Ok(()),
            Err(_) => match self.read(name, usize::MAX >> 1)? {
                Some(bytes) => to.replace(as_name, &bytes, || Ok(())),
                None => Ok(()),
            },
        }
    }

    /// Removes a file; nothing happens where there is none.
    pub(super) fn remove(&self, name: &str) -> Result<(), FilesError> {
        self.check(name)?;
        match self.unlink(name) {
            Ok(()) => self.sync(),
            Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(self.io("removing", name, e)),
        }
    }

    /// Removes a folder inside with the files in it.
    pub(super) fn remove_sub(&self, name: &str) -> Result<(), FilesError> {
        let sub = self.sub(name)?;
        for file in sub.names()? {
            sub.remove(&file)?;
        }
        unlinkat(&self.fd, name, AtFlags::REMOVEDIR).map_err(|e| self.io("removing", name, e))
    }

    /// The names inside, sorted; those that are no UTF-8 are not ours and are passed over.
    pub(super) fn names(&self) -> Result<Vec<String>, FilesError> {
        let failed = |e: Errno| io("listing", &self.path, e.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if let Some(name) = name.to_str().filter(|name| !matches!(*name, "." | "..")) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Makes the names inside safe on the disk.
    pub(super) fn sync(&self) -> Result<(), FilesError> {
        fsync(&self.fd).map_err(|e| io("syncing", &self.path, e.into()))
    }

    fn unlink(&self, name: &str) -> Result<(), Errno> {
        unlinkat(&self.fd, name, AtFlags::empty())
    }

    /// Removes what writers that died have left here. A living writer holds a lock on what it is writing.
    pub(super) fn sweep(&self) -> Result<(), FilesError> {
        for name in self.names()? {
            if !name.starts_with(UNFINISHED) {
                continue;
            }
            let Ok(Some(file)) = self.open_file(&name, OFlags::RDONLY) else {
                continue;
            };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    fn unfinished(&self, bytes: &[u8]) -> Result<Unfinished<'_>, FilesError> {
        // A sweeper may take the name between its making and the lock; then the next try makes another.
        let mut unfinished = loop {
            let name = unfinished_name(&self.path)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            let file = File::from(self.openat(&name, flags)?);
            let unfinished = Unfinished {
                folder: self,
                name,
                file,
            };
            let locked = flock(&unfinished.file, FlockOperation::NonBlockingLockExclusive).is_ok();
            if locked && self.holds(&unfinished.name, &unfinished.file) {
                break unfinished;
            }
        };
        let path = self.at(&unfinished.name);
        // The umask may have taken bits that we need.
        fchmod(&unfinished.file, Mode::RUSR | Mode::WUSR)
            .map_err(|e| io("setting the mode of", &path, e.into()))?;
        unfinished
            .file
            .write_all(bytes)
            .map_err(|source| io("writing", &path, source))?;
        unfinished
            .file
            .sync_all()
            .map_err(|source| io("syncing", &path, source))?;
        // What was written is what is there: some network file systems tell of a full disk only now.
        if self.read(&unfinished.name, bytes.len())?.as_deref() != Some(bytes) {
            let source = io::Error::other("it reads back differently");
            return Err(io("verifying", &path, source));
        }
        Ok(unfinished)
    }
}

/// A written file that has not got its name yet; dropped, it is gone.
struct Unfinished<'a> {
    folder: &'a Folder,
    name: String,
    file: File,
}

impl Unfinished<'_> {
    fn promote(self, name: &str) -> Result<(), FilesError> {
        let fd = &self.folder.fd;
        renameat(fd, &self.name, fd, name).map_err(|e| self.folder.io("renaming to", name, e))?;
        self.folder.sync()
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // After a promotion there is no such name.
        self.folder.unlink(&self.name).ok();
    }
}

fn unfinished_name(path: &Path) -> Result<String, FilesError> {
    let random =
        getrandom::u64().map_err(|e| io("naming a file for", path, io::Error::other(e)))?;
    Ok(format!("{UNFINISHED}{random:016x}"))
}

/// The beginning of a name that may be megabytes long.
fn shortened(name: &str) -> String {
    name.chars().take(80).collect()
}
