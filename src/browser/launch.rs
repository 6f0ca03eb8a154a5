//! One Chromium process: found, started over its debugging pipe, and ended with everything that it started.

use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, WaitOptions};

use super::bridge::Bridge;
use super::error::BrowserError;

/// Names that Chromium goes by, the cheapest first: the shell needs a third of the full browser's time for a login.
const NAMES: [&str; 5] = [
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];
/// Where Debian keeps the program behind its wrapper script.
const DEBIAN: [&str; 2] = [
    "/usr/lib/chromium/chromium-headless-shell",
    "/usr/lib/chromium/chromium",
];
/// Lines of Chromium's standard error that are kept for a message.
const KEPT_LINES: usize = 12;

/// Finds Chromium: the configured path, else a known place, else a known name on `path` (the `PATH` variable).
///
/// # Errors
/// [`BrowserError::Missing`] says where it was looked for.
pub fn find(configured: Option<&Path>, path: &str) -> Result<PathBuf, BrowserError> {
    if let Some(configured) = configured {
        return match configured.is_file() {
            true => Ok(configured.to_owned()),
            false => Err(BrowserError::Missing {
                looked: format!("browser.executable is {}", configured.display()),
            }),
        };
    }
    let on_path = |name: &str| {
        path.split(':')
            .map(|dir| Path::new(dir).join(name))
            .find(|file| file.is_file())
    };
    // Debian's commands are scripts that stay between us and Chromium; the program itself is taken where it is known.
    let debian = |shell: bool| {
        DEBIAN
            .iter()
            .map(PathBuf::from)
            .find(|file| file.ends_with("chromium-headless-shell") == shell && file.is_file())
    };
    let shells = NAMES[..2]
        .iter()
        .find_map(|name| on_path(name))
        .map(|found| debian(true).unwrap_or(found));
    let found = shells
        .or_else(|| debian(true))
        .or_else(|| {
            NAMES[2..]
                .iter()
                .find_map(|name| on_path(name))
                .map(|found| match found.ends_with("chromium") {
                    true => debian(false).unwrap_or(found),
                    false => found,
                })
        })
        .or_else(|| debian(false));
    found.ok_or_else(|| BrowserError::Missing {
        looked: format!("{} on PATH", NAMES.join(", ")),
    })
}

/// A running Chromium. Dropping it ends it.
pub(super) struct Chromium {
    process: Arc<Mutex<Process>>,
    group: Pid,
    /// WebSocket address for the one connection.
    pub(super) address: String,
    folder: PathBuf,
    // Held as long as the folder is in use; see `sweep`.
    _folder_lock: std::fs::File,
    stderr: Arc<Mutex<Vec<String>>>,
}

/// Chromium's first process. Once it was waited for its number may be another's, so then it is never signalled.
enum Process {
    Running(Child),
    Ended(Option<ExitStatus>),
}

impl Process {
    /// Ends it with its whole group, and waits for them.
    fn end(&mut self) -> Option<ExitStatus> {
        let child = match self {
            Self::Running(child) => child,
            Self::Ended(status) => return *status,
        };
        let group = Pid::from_child(child);
        // Fails only where the group is gone already.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        let status = child.wait().ok();
        // Its children become ours where we are their reaper; collect them so that no zombie stays.
        while let Ok(Some(_)) = rustix::process::waitpgid(group, WaitOptions::empty()) {}
        *self = Self::Ended(status);
        status
    }
}

impl Chromium {
    /// Starts `executable` with a fresh user data dir below `folders`.
    pub(super) async fn start(
        executable: &Path,
        folders: &Path,
        sandbox: bool,
    ) -> Result<Self, BrowserError> {
        if sandbox && rustix::process::geteuid().is_root() {
            return Err(BrowserError::Root);
        }
        let fail = |why: String| BrowserError::Start {
            path: executable.to_owned(),
            why,
        };
        let (folder, folder_lock) = new_folder(folders)?;
        let (commands_read, commands_write) = std::io::pipe().map_err(|e| fail(e.to_string()))?;
        let (answers_read, answers_write) = std::io::pipe().map_err(|e| fail(e.to_string()))?;
        let (address, bridge) = Bridge::listen().await.map_err(|e| fail(e.to_string()))?;

        let mut command = Command::new(executable);
        command
            .args(arguments(executable, &folder, sandbox))
            .env_clear()
            .envs(environment(&folder))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        command
            .fd_mappings(vec![
                FdMapping {
                    parent_fd: OwnedFd::from(commands_read),
                    child_fd: 3,
                },
                FdMapping {
                    parent_fd: OwnedFd::from(answers_write),
                    child_fd: 4,
                },
            ])
            .map_err(|e| fail(e.to_string()))?;
        let mut child = command.spawn().map_err(|e| {
            remove_folder(&folder);
            fail(e.to_string())
        })?;
        // The command still owns our copies of the child's ends; while they are open, a dead Chromium is not noticed.
        drop(command);
        let group = Pid::from_child(&child);
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let lines = child.stderr.take();
        let process = Arc::new(Mutex::new(Process::Running(child)));
        if let Some(lines) = lines {
            let (kept, process) = (Arc::clone(&stderr), Arc::clone(&process));
            std::thread::spawn(move || {
                keep_last_lines(lines, &kept);
                // The last process that could write has gone: it died by itself, and must not stay a zombie.
                if let Ok(mut process) = process.lock() {
                    process.end();
                }
            });
        }
        let chromium = Self {
            process,
            group,
            address,
            folder,
            _folder_lock: folder_lock,
            stderr,
        };
        bridge
            .run(commands_write, answers_read)
            .map_err(|e| fail(e.to_string()))?;
        Ok(chromium)
    }

    /// What to say when the start failed: how it ended, and what it printed last.
    pub(super) fn last_words(&mut self) -> String {
        let status = match self.process.lock().as_deref_mut() {
            Ok(Process::Running(child)) => child.try_wait().ok().flatten(),
            Ok(Process::Ended(status)) => *status,
            Err(_) => None,
        };
        let ended = match status.map(|status| (status.code(), status.signal())) {
            Some((Some(code), _)) => format!("it ended with code {code}"),
            Some((None, Some(signal))) => format!("it was ended by signal {signal}"),
            Some((None, None)) => "it ended".to_owned(),
            None => "it did not answer".to_owned(),
        };
        let lines = self
            .stderr
            .lock()
            .map(|lines| lines.join(" | "))
            .unwrap_or_default();
        if lines.is_empty() {
            ended
        } else {
            format!("{ended}; it printed: {lines}")
        }
    }

    /// Memory of all its processes together (proportional set size), in bytes.
    pub(super) fn memory(&self) -> u64 {
        group_members(self.group)
            .into_iter()
            .filter_map(proportional_set_size)
            .sum()
    }
}

impl Drop for Chromium {
    /// Ends every process of it, waits for them, and removes its folder. Blocks for some milliseconds.
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.end();
        remove_folder(&self.folder);
    }
}

/// Makes the folder for user data dirs, for us alone, and removes what killed daemons left in it.
pub(super) fn prepare(folders: &Path) -> Result<(), BrowserError> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let fail = |source| BrowserError::Folder {
        path: folders.to_owned(),
        source,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folders)
        .map_err(fail)?;
    let found = std::fs::symlink_metadata(folders).map_err(fail)?;
    if !found.is_dir()
        || found.uid() != rustix::process::geteuid().as_raw()
        || found.mode() & 0o077 != 0
    {
        return Err(fail(std::io::Error::other(
            "it belongs to somebody else or is open to others; remove it",
        )));
    }
    sweep(folders);
    Ok(())
}

/// Removes what killed daemons left: user data dirs whose owner is gone, and any Chromium that still uses one.
fn sweep(folders: &Path) {
    let Ok(entries) = std::fs::read_dir(folders) else {
        return;
    };
    for entry in entries.flatten() {
        let folder = entry.path();
        let abandoned = match std::fs::File::open(folder.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // Made, but its lock was not yet: another process may be at it just now. Old ones are rubbish.
            Err(_) => entry
                .metadata()
                .and_then(|m| m.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > Duration::from_secs(60))),
        };
        if !abandoned {
            continue;
        }
        let argument = user_data_dir(&folder);
        for pid in processes() {
            let Some(process) = Pid::from_raw(pid) else {
                continue;
            };
            let first = std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
                line.split(|byte| *byte == 0)
                    .any(|arg| arg == argument.as_bytes())
            });
            let inside =
                || std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder);
            if first {
                // It leads a group, in which its children may have been stopped and so have not noticed anything.
                let _ = rustix::process::kill_process_group(process, Signal::KILL);
            }
            if first || inside() {
                let _ = rustix::process::kill_process(process, Signal::KILL);
            }
        }
        remove_folder(&folder);
    }
}

/// Name of the lock file in a user data dir.
const LOCK: &str = "jarkeeper.lock";

fn new_folder(folders: &Path) -> Result<(PathBuf, std::fs::File), BrowserError> {
    let make = || {
        let folder = tempfile::Builder::new()
            .prefix("chromium-")
            .tempdir_in(folders)?
            .keep();
        let lock = std::fs::File::create(folder.join(LOCK))?;
        lock.try_lock()?;
        Ok((folder, lock))
    };
    make().map_err(|source| BrowserError::Folder {
        path: folders.to_owned(),
        source,
    })
}

fn remove_folder(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "a browser folder could not be removed");
    }
}

fn user_data_dir(folder: &Path) -> String {
    format!("--user-data-dir={}", folder.display())
}

fn arguments(executable: &Path, folder: &Path, sandbox: bool) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--remote-debugging-pipe",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-extensions",
        "--disable-sync",
        "--disable-breakpad",
        "--disable-crash-reporter",
        "--disable-client-side-phishing-detection",
        "--disable-hang-monitor",
        "--disable-gpu",
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        "--metrics-recording-only",
        "--mute-audio",
        "--no-pings",
        "--password-store=basic",
        "--window-size=1280,900",
        // One process a context: frames of a login page are reached as its own document is. Contexts never share one.
        "--disable-site-isolation-trials",
        // Sites on plain http stay there: an upgrade ends in a certificate error that is nobody's fault.
        "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,IsolateOrigins,site-per-process,Translate,\
         OptimizationHints,MediaRouter,AcceptCHFrame,BackForwardCache,SpareRendererForSitePerProcess",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(user_data_dir(folder));
    let shell = executable
        .file_name()
        .is_some_and(|name| name.to_string_lossy().contains("headless-shell"));
    if !shell {
        arguments.push("--headless=new".to_owned());
    }
    if !sandbox {
        arguments.push("--no-sandbox".to_owned());
    }
    arguments
}

/// Chromium gets none of our variables but these: secrets are often among the others.
fn environment(folder: &Path) -> Vec<(String, String)> {
    const PASSED: [&str; 12] = [
        "PATH",
        "LANG",
        "LC_ALL",
        "TZ",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
    ];
    let mut variables: Vec<_> = std::env::vars()
        .filter(|(name, _)| PASSED.contains(&name.as_str()))
        .collect();
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        variables.push((name.to_owned(), folder.display().to_string()));
    }
    variables
}

fn keep_last_lines(stderr: impl std::io::Read, kept: &Mutex<Vec<String>>) {
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { return };
        let Ok(mut kept) = kept.lock() else { return };
        if kept.len() == KEPT_LINES {
            kept.remove(0);
        }
        kept.push(line.chars().take(300).collect());
    }
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes of a group, from field 5 of `/proc/PID/stat` (proc_pid_stat(5)).
fn group_members(group: Pid) -> Vec<i32> {
    let in_group = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        fields
            .split_whitespace()
            .nth(2)
            .and_then(|field| field.parse::<i32>().ok())
            == Some(group.as_raw_nonzero().get())
    };
    processes().filter(in_group).collect()
}

fn proportional_set_size(pid: i32) -> Option<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_chromium_that_is_missing_is_not_replaced_by_another() {
        let error = find(Some(Path::new("/nowhere/chromium")), "/usr/bin").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("browser.executable is /nowhere/chromium"),
            "{error}"
        );
    }

    #[test]
    fn the_shell_is_preferred_to_the_full_browser() {
        let bin = tempfile::tempdir().unwrap();
        for name in ["google-chrome", "chrome-headless-shell"] {
            std::fs::File::create(bin.path().join(name)).unwrap();
        }
        let found = find(None, &bin.path().display().to_string()).unwrap();
        assert!(
            found.to_string_lossy().contains("headless-shell"),
            "{}",
            found.display()
        );
    }
}
