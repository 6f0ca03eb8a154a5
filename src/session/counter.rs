//! Sockets in a folder that nobody else reaches: the daemon's, and one for each login that waits for a code.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::error::{FilesError, io as failed};
use super::files::{Files, hashed};
use super::folder::Folder;
use super::lease::{DaemonLock, Lease, account_text};
use crate::ids::SessionKey;

/// The longest name of a socket. The kernel takes 107 bytes for the whole path, which begins with `/proc/self/fd/`.
const LONGEST: usize = 70;

/// The name of the daemon's socket, in a folder of its own.
const DAEMON: &str = "daemon";
/// The name of the socket beside it, at which it serves the tools for language models.
const TOOLS: &str = "tools";

/// The listening socket of the daemon, or of one waiting login; removed when dropped.
#[derive(Debug)]
pub struct Counter {
    folder: Folder,
    name: String,
    listener: UnixListener,
}

impl Counter {
    /// The socket, set to not block, for whoever serves it.
    ///
    /// # Errors
    /// No more files can be opened.
    pub fn listener(&self) -> io::Result<UnixListener> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.folder.remove(&self.name).ok();
    }
}

/// A way to such a socket.
#[derive(Debug)]
pub struct Way {
    folder: Folder,
    name: String,
}

impl Way {
    /// The path to connect to, good as long as this lives.
    pub fn path(&self) -> PathBuf {
        path(&self.folder, &self.name)
    }
}

impl Files {
    /// Opens the counter of the lease's account. What a process that died has left there is replaced.
    pub fn counter(&self, lease: &Lease) -> Result<Counter, FilesError> {
        self.guard(lease)?;
        let name = name(&account_text(&lease.site, lease.account.as_ref()));
        listen(self.ours("codes")?, name)
    }

    /// Opens the daemon's own socket, in place of what a daemon that died has left.
    pub fn daemon_socket(&self, lock: &DaemonLock) -> Result<Counter, FilesError> {
        self.still_holds(lock)?;
        listen(self.ours("api")?, DAEMON.to_owned())
    }

    /// The way to the daemon that runs on this folder; `None` where none does.
    pub fn daemon_way(&self) -> Result<Option<Way>, FilesError> {
        look(self.ours("api")?, DAEMON.to_owned())
    }

    /// Opens the daemon's socket for tools, in place of what a daemon that died has left.
    pub fn tools_socket(&self, lock: &DaemonLock) -> Result<Counter, FilesError> {
        self.still_holds(lock)?;
        listen(self.ours("api")?, TOOLS.to_owned())
    }

    /// The way to the tools of the daemon that runs on this folder; `None` where none does.
    pub fn tools_way(&self) -> Result<Option<Way>, FilesError> {
        look(self.ours("api")?, TOOLS.to_owned())
    }

    /// The way to where a code for this session's account is waited for; `None` where nobody waits.
    pub fn waits_for_code(&self, key: &SessionKey) -> Result<Option<Way>, FilesError> {
        let name = name(&account_text(&key.site, key.account.as_ref()));
        look(self.ours("codes")?, name)
    }
}

fn listen(folder: Folder, name: String) -> Result<Counter, FilesError> {
    folder.remove(&name)?;
    let listener = UnixListener::bind(path(&folder, &name))
        .map_err(|source| failed("listening at", &folder.at(&name), source))?;
    folder.own(&name)?;
    Ok(Counter {
        folder,
        name,
        listener,
    })
}

fn look(folder: Folder, name: String) -> Result<Option<Way>, FilesError> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let address = SocketAddrUnix::new(path(&folder, &name));
    match socket.and_then(|socket| connect(socket, &address?)) {
        // Where the queue is full somebody listens, and we do not wait for a place in it.
        Ok(()) | Err(Errno::AGAIN) => Ok(Some(Way { folder, name })),
        // A socket that nobody listens at is what a dead process left.
        Err(_) => Ok(None),
    }
}

/// Through the open folder: the path that a person chose may be longer than the kernel takes.
fn path(folder: &Folder, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.fd().as_raw_fd()))
}

fn name(account: &str) -> String {
    match account.len() <= LONGEST {
        true => account.to_owned(),
        false => hashed(account),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_counter_is_found_while_it_lives_however_long_its_path_is() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("x".repeat(120)).join("y".repeat(120));
        std::fs::create_dir_all(&root).unwrap();
        let files = Files::open(&root.join(".auth")).unwrap();
        let long = format!("wiki:{}", "b".repeat(60));
        for key in ["wiki", &*long] {
            let key: SessionKey = key.parse().unwrap();
            let lease = files.lease(&key.site, key.account.as_ref());
            let lease = lease.unwrap().unwrap();
            assert!(files.waits_for_code(&key).unwrap().is_none());
            let counter = files.counter(&lease).unwrap();
            let way = files.waits_for_code(&key).unwrap().unwrap();
            UnixStream::connect(way.path()).unwrap();
            let mode = std::fs::metadata(way.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            // As after a crash: the name stays, nobody listens.
            let left = path(&counter.folder, &counter.name);
            let (folder, name) = (files.ours("codes").unwrap(), counter.name.clone());
            drop(counter);
            assert!(!left.exists());
            drop(UnixListener::bind(path(&folder, &name)).unwrap());
            assert!(files.waits_for_code(&key).unwrap().is_none());
            let again = files.counter(&lease).unwrap();
            assert!(files.waits_for_code(&key).unwrap().is_some());
            drop(again);
            assert!(files.waits_for_code(&key).unwrap().is_none());
        }
    }
}
