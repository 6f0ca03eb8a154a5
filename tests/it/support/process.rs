//! The real program in a temporary folder: a daemon whose log is heard, and commands beside it.
//!
//! Whatever a test starts here knows the folder by its environment, its arguments or its working folder; so what is left
//! of it can be found, and is ended when the test ends.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jarkeeper::session::StorageState;
use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::Site;

/// Longest wait for one condition.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many tests may have a daemon, and so a Chromium, at once.
const AT_ONCE: usize = 2;

static PLACES: (Mutex<usize>, Condvar) = (Mutex::new(AT_ONCE), Condvar::new());

/// Whether the long rounds are asked for.
pub(crate) fn all() -> bool {
    std::env::var_os("JARKEEPER_TEST_ALL").is_some_and(|value| value == "1")
}

/// Waits until there is an answer.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look)
        .unwrap_or_else(|| panic!("this did not come within {} s: {what}", PATIENCE.as_secs()))
}

/// Looks again and again until there is an answer, or the time is over.
pub(crate) fn within<T>(time: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place among the tests that may have a daemon.
struct Place;

impl Place {
    fn take() -> Self {
        let mut free = lock(&PLACES.0);
        while *free == 0 {
            free = PLACES.1.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *lock(&PLACES.0) += 1;
        PLACES.1.notify_one();
    }
}

/// A folder with `config.toml`, `sites/` and `.auth/`, and the environment of what is started on it.
pub(crate) struct Root {
    dir: tempfile::TempDir,
    environment: Mutex<Vec<(String, String)>>,
    _place: Option<Place>,
}

/// A process.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// `R`, `S`, `Z` …
    pub(crate) state: char,
    pub(crate) arguments: Vec<String>,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let arguments = line
            .split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        Some(Self {
            pid,
            parent,
            state,
            arguments,
        })
    }

    /// Every process that can be seen.
    pub(crate) fn all() -> Vec<Self> {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(Self::read).collect()
    }

    /// Every process below this one.
    pub(crate) fn below(pid: i32) -> Vec<Self> {
        let all = Self::all();
        let mut found: Vec<Self> = Vec::new();
        let mut parents = vec![pid];
        while let Some(parent) = parents.pop() {
            for process in all.iter().filter(|p| p.parent == parent) {
                parents.push(process.pid);
                found.push(process.clone());
            }
        }
        found
    }

    /// Whether it knows this folder.
    fn knows(&self, dir: &str) -> bool {
        let holds = |file: &str| {
            std::fs::read(format!("/proc/{}/{file}", self.pid))
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(dir))
        };
        let cwd = std::fs::read_link(format!("/proc/{}/cwd", self.pid));
        self.arguments.iter().any(|argument| argument.contains(dir))
            || cwd.is_ok_and(|cwd| cwd.to_string_lossy().contains(dir))
            || holds("environ")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // Gone already: fine.
        let _ = rustix::process::kill_process(Pid::from_raw(self.pid).unwrap(), signal);
    }

    /// `renderer`, `gpu-process` …; `None`: Chromium's first process, or no Chromium.
    pub(crate) fn kind(&self) -> Option<&str> {
        // Chromium's children write their arguments anew, as one.
        let words = self
            .arguments
            .iter()
            .flat_map(|argument| argument.split(' '));
        words
            .into_iter()
            .find_map(|word| word.strip_prefix("--type="))
    }
}

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Everything that was said, with what differs from run to run taken out.
    pub(crate) fn said(&self, root: &Root) -> String {
        let text = format!("{}{}", self.out, self.err);
        redacted(&text, root)
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The text with paths, ports, times and spans of time taken out.
pub(crate) fn redacted(text: &str, root: &Root) -> String {
    let text = text.replace(&root.path().display().to_string(), "ROOT");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..at]);
        let end = rest[at..]
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .map_or(rest.len(), |end| at + end);
        let number = &rest[at..end];
        let port = out.ends_with("127.0.0.1:");
        let seconds = number.contains('.') && rest[end..].starts_with(" s)");
        let stamp = number.len() == 8 && rest[end..].starts_with('T');
        match (port, seconds || stamp) {
            (true, _) => out.push_str("PORT"),
            (_, true) => out.push('N'),
            _ => out.push_str(number),
        }
        rest = &rest[end..];
        if stamp {
            // Through the Z.
            rest = rest.find('Z').map_or(rest, |end| &rest[end + 1..]);
        }
    }
    out.push_str(rest);
    out
}

impl Root {
    /// With no recipe yet. Waits for a place among the tests that may have a daemon.
    pub(crate) fn new() -> Self {
        Self::at(Some(Place::take()))
    }

    /// A second one for the same test. Two that each waited for a place of their own could wait for each other for ever.
    pub(crate) fn beside(_first: &Self) -> Self {
        Self::at(None)
    }

    fn at(place: Option<Place>) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("jarkeeper-test-")
            .tempdir()
            .unwrap();
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        Self {
            dir,
            environment: Mutex::default(),
            _place: place,
        }
    }

    /// With a recipe of three lines for this site, under the name `x`, and its password.
    pub(crate) fn of(site: &Site) -> Self {
        let root = Self::new();
        root.env("PASSWORD", Site::PASSWORD);
        root.recipe("x", &site.recipe("PASSWORD"));
        root
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn auth(&self) -> PathBuf {
        self.path().join(".auth")
    }

    /// Sets a variable for what is started from now on.
    pub(crate) fn env(&self, name: &str, value: &str) {
        lock(&self.environment).push((name.to_owned(), value.to_owned()));
    }

    /// Saves a recipe as careful editors do, by a rename.
    pub(crate) fn recipe(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path().join("sites")).unwrap();
        self.save(&format!("sites/{name}.toml"), text);
    }

    /// Saves a file by a rename.
    pub(crate) fn save(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, path).unwrap();
    }

    /// The state file of a session.
    pub(crate) fn file(&self, key: &str) -> PathBuf {
        self.auth().join(format!("{key}_state.json"))
    }

    /// The state as any reader finds it.
    pub(crate) fn state(&self, key: &str) -> Option<StorageState> {
        let bytes = std::fs::read(self.file(key)).ok()?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    /// The lines of a ledger with this event.
    pub(crate) fn ledger(&self, account: &str, event: &str) -> usize {
        let path = self.auth().join(".jarkeeper/ledger").join(account);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.matches(&format!("\"event\":\"{event}\"")).count()
    }

    /// The program with these arguments, on this folder, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.after(&[], arguments)
    }

    /// The same, after the words of another program that starts it.
    pub(crate) fn after(&self, before: &[&str], arguments: &[&str]) -> Command {
        let mut words: Vec<std::ffi::OsString> = before.iter().map(Into::into).collect();
        words.push(env!("CARGO_BIN_EXE_jarkeeper").into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("--root").arg(self.path());
        if rustix::process::geteuid().is_root() {
            command.args(["--set", "browser.sandbox=false"]);
        }
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("TMPDIR", self.path().join("tmp"))
            .env("JARKEEPER_API__LISTEN", "127.0.0.1:0")
            .envs(lock(&self.environment).clone())
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    /// Starts a daemon and waits until it is ready.
    pub(crate) fn daemon(&self) -> Daemon {
        let daemon = self.start();
        daemon.hears("jarkeeper keeps sessions fresh");
        daemon
    }

    /// Starts a daemon.
    pub(crate) fn start(&self) -> Daemon {
        Daemon::spawn(self.command(&["serve"]))
    }

    /// Waits until `status` says this of a session.
    pub(crate) fn status(&self, key: &str, mut ready: impl FnMut(&Value) -> bool) -> Value {
        eventually(&format!("the awaited status of {key}"), || {
            let all = self.run(&["status", "--json"]).json();
            let mut all = all.as_array().unwrap().iter();
            all.find(|one| one["key"] == key && ready(one)).cloned()
        })
    }

    /// Every process that knows this folder, but for ourselves.
    pub(crate) fn processes(&self) -> Vec<Process> {
        knowing(self.path())
    }

    /// What is left of Chromium.
    pub(crate) fn browsers(&self) -> Vec<Process> {
        let ours = Path::new(env!("CARGO_BIN_EXE_jarkeeper"));
        let mut all = self.processes();
        all.retain(|p| {
            let exe = std::fs::read_link(format!("/proc/{}/exe", p.pid)).unwrap_or_default();
            exe != ours && p.state != 'Z'
        });
        all
    }

    /// Waits until a Chromium runs, and gives its first process.
    pub(crate) fn browser(&self) -> Process {
        eventually("Chromium starts", || {
            self.browsers().into_iter().find(|p| {
                p.kind().is_none()
                    && p.arguments
                        .iter()
                        .any(|a| a.starts_with("--user-data-dir="))
            })
        })
    }

    /// Fails the test where a Chromium is still there after this time.
    pub(crate) fn no_browser_within(&self, time: Duration) {
        let gone = within(time, || self.browsers().is_empty().then_some(()));
        assert!(gone.is_some(), "left: {:?}", self.browsers());
    }

    /// Browser folders that are left.
    pub(crate) fn browser_folders(&self) -> usize {
        let tmp = self.path().join("tmp");
        let folders = std::fs::read_dir(tmp).unwrap().flatten();
        let inside =
            folders.flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten());
        inside.count()
    }

    /// Names of files in `.auth` that no writer finished.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.auth())
            .into_iter()
            .flatten()
            .flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".tmp-")).collect()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        end_all(self.path());
    }
}

fn knowing(dir: &Path) -> Vec<Process> {
    let us = i32::try_from(std::process::id()).unwrap();
    let dir = dir.display().to_string();
    let mut all = Process::all();
    all.retain(|process| process.pid != us && process.knows(&dir));
    all
}

/// Ends everything that knows this folder.
fn end_all(dir: &Path) {
    within(Duration::from_secs(10), || {
        let left = knowing(dir);
        left.iter().for_each(|process| process.signal(Signal::KILL));
        left.iter()
            .all(|process| process.state == 'Z')
            .then_some(())
    });
}

/// A running daemon; killed with everything below it when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: Arc<(Mutex<Log>, Condvar)>,
}

#[derive(Default)]
struct Log {
    lines: Vec<Value>,
    over: bool,
}

impl Daemon {
    /// Starts a command that logs to its standard error, and listens.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::new((Mutex::new(Log::default()), Condvar::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                for line in stderr.lines().map_while(Result::ok) {
                    // What is no JSON is the last word of a program that ends.
                    let value = serde_json::from_str(&line)
                        .unwrap_or_else(|_| serde_json::json!({ "message": line, "level": "END" }));
                    lock(&log.0).lines.push(value);
                    log.1.notify_all();
                }
                lock(&log.0).over = true;
                log.1.notify_all();
            }
        });
        Self { child, log }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Everything that it logged so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        lock(&self.log.0).lines.clone()
    }

    /// Waits for a line of the log whose message holds this text.
    pub(crate) fn hears(&self, text: &str) -> Value {
        self.hears_after(0, text)
    }

    /// The same, among the lines after the first `skip`.
    pub(crate) fn hears_after(&self, skip: usize, text: &str) -> Value {
        let holds = |line: &Value| line["message"].as_str().is_some_and(|m| m.contains(text));
        self.find(skip, holds)
            .unwrap_or_else(|| panic!("{text:?} was not logged: {:#?}", self.log()))
    }

    /// Waits for a line of the log; `None`: the daemon ended, or it did not come in time.
    pub(crate) fn find(
        &self,
        skip: usize,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Option<Value> {
        let end = Instant::now() + PATIENCE;
        let mut log = lock(&self.log.0);
        loop {
            if let Some(found) = log.lines.iter().skip(skip).find(|line| wanted(line)) {
                return Some(found.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if log.over || left.is_zero() {
                return None;
            }
            let waited = self.log.1.wait_timeout(log, left);
            log = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Kills the daemon alone, as the kernel would when memory is short.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self, time: Duration) -> Option<ExitStatus> {
        within(time, || self.child.try_wait().unwrap())
    }

    /// Asks it to stop, and gives its exit code (or the negative signal) and how long it took.
    pub(crate) fn stop(&mut self) -> (i32, Duration) {
        let began = Instant::now();
        self.signal(Signal::TERM);
        let status = self
            .ended(PATIENCE)
            .unwrap_or_else(|| panic!("it does not stop: {:#?}", self.log()));
        let code = status.code().or(status.signal().map(|s| -s));
        (code.unwrap(), began.elapsed())
    }

    /// Its children that died and were not waited for.
    pub(crate) fn zombies(&self) -> Vec<Process> {
        let mut below = Process::below(self.pid());
        below.retain(|process| process.state == 'Z');
        below
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.child.try_wait() {
            return;
        }
        let below = Process::below(self.pid());
        let _ = self.child.kill();
        let _ = self.child.wait();
        below
            .iter()
            .for_each(|process| process.signal(Signal::KILL));
    }
}

/// Whether a site takes this state for a signed-in one, asked by plain HTTP as any reader of the file would.
pub(crate) fn opens(site: &Site, state: &StorageState) -> bool {
    let cookies = state
        .cookies
        .iter()
        .map(|c| format!("{}={}", c.name, c.value));
    let cookies = cookies.collect::<Vec<_>>().join("; ");
    let out = Command::new("curl")
        .args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-b",
            &cookies,
        ])
        .arg(site.home_url())
        .output()
        .expect("the tests need curl");
    out.stdout == b"200"
}
