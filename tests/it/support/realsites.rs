//! Real applications to log in to, each started by its own script.
//!
//! The scripts are in a folder `realsites` beside this repository's, or where `JARKEEPER_REALSITES` says; where they
//! are absent, tests that want one say so and pass. An application is installed once, into `realsites/NAME` of the
//! target folder, and started anew for each test that asks; one at a time, over processes too.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// What `site.json` says about an application, as far as tests need it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Facts {
    /// The username; empty where only a password is asked for.
    pub(crate) user: String,
    /// The password.
    pub(crate) password: String,
    /// Base32 secret of the one-time codes, where the user has one.
    pub(crate) totp_secret: Option<String>,
    /// What plain HTTP sees with the session's cookies and without.
    pub(crate) live: Live,
    /// Whether cookies alone bring the session back.
    #[serde(default = "yes")]
    pub(crate) replay_cookies: bool,
    /// Whether cookies and web storage together do.
    #[serde(default = "yes")]
    pub(crate) replay_all: bool,
    /// When `SESSION_TTL` is read; absent where a session cannot be made short.
    pub(crate) ttl: Option<String>,
    /// Where a person begins who wants to log in.
    pub(crate) login_path: String,
    /// A page that only the signed-in see; where `None`, `live` is one.
    pub(crate) app_path: Option<String>,
    /// What that page shows, where it is not what the login leads to.
    pub(crate) app_selector: Option<String>,
    /// What a login leads to.
    pub(crate) success: Sign,
}

/// What a browser shows.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sign {
    /// A visible element, as CSS.
    pub(crate) selector: Option<String>,
    /// A pattern that the page's URL matches.
    pub(crate) url: Option<String>,
}

/// One GET, signed in and signed out.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Live {
    /// Path and query.
    pub(crate) path: String,
    /// Status with the session.
    #[serde(rename = "in")]
    pub(crate) signed_in: u16,
    /// Status without.
    #[serde(rename = "out")]
    pub(crate) signed_out: u16,
    /// A pattern that only the signed-in answer has, where the statuses are the same.
    pub(crate) text: Option<String>,
}

fn yes() -> bool {
    true
}

/// A running application; it stops on drop, also when a test panics.
pub(crate) struct RealSite {
    /// The application's name.
    pub(crate) app: String,
    /// Base URL, without a slash at the end.
    pub(crate) base: String,
    /// What its `site.json` says.
    pub(crate) facts: Facts,
    scripts: Scripts,
    /// Keeps every other test from this installation; the kernel lets go of it whatever happens to this process.
    _sole: File,
}

/// How to call the scripts for one installation.
#[derive(Debug, Clone)]
struct Scripts {
    program: PathBuf,
    app: String,
    state: PathBuf,
    port: u16,
    life: Option<u32>,
}

impl RealSite {
    /// Starts an application, installing it first if needed; `None`, and one line on stderr, where there are no scripts.
    pub(crate) async fn start(app: &str) -> Option<Self> {
        Self::launch(app, None).await
    }

    /// The same, asking for sessions that live this many seconds; see the application's README for what it makes of it.
    pub(crate) async fn start_short(app: &str, seconds: u32) -> Option<Self> {
        Self::launch(app, Some(seconds)).await
    }

    async fn launch(app: &str, life: Option<u32>) -> Option<Self> {
        let app = app.to_owned();
        let start = move || Self::launch_blocking(&app, life);
        tokio::task::spawn_blocking(start).await.unwrap()
    }

    fn launch_blocking(app: &str, life: Option<u32>) -> Option<Self> {
        let Some(folder) = folder() else {
            // Past the capture of passing tests' output, or nobody would see it.
            let _ = writeln!(
                io::stderr(),
                "skipped: {app} is not here; JARKEEPER_REALSITES=FOLDER names the folder of applications"
            );
            return None;
        };
        let facts = fs::read(folder.join(app).join("site.json")).unwrap();
        let facts: Facts = serde_json::from_slice(&facts).unwrap();
        // Some read the life when they are seeded: those with a life of its own have an installation of its own.
        let seeded = facts.ttl.as_ref().is_some_and(|when| when.contains("seed"));
        let name = match life {
            Some(seconds) if seeded => format!("{app}-{seconds}s"),
            _ => app.to_owned(),
        };
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("realsites");
        fs::create_dir_all(&cache).unwrap();
        let sole = File::create(cache.join(format!("{name}.lock"))).unwrap();
        sole.lock().unwrap();
        let state = cache.join(name);
        let scripts = Scripts {
            program: folder.join("realsites"),
            app: app.to_owned(),
            port: kept_port(&state).unwrap_or_else(free_port),
            state,
            life,
        };
        scripts.fit();
        scripts.run("start");
        Some(Self {
            app: app.to_owned(),
            base: format!("http://127.0.0.1:{}", scripts.port),
            facts,
            scripts,
            _sole: sole,
        })
    }

    /// Ends every session on the server's side.
    pub(crate) async fn invalidate(&self) {
        let scripts = self.scripts.clone();
        let run = move || scripts.run("invalidate");
        tokio::task::spawn_blocking(run).await.unwrap();
    }

    /// How many lines of the application's own logs hold this text.
    pub(crate) fn logged(&self, text: &str) -> usize {
        let files = fs::read_dir(&self.scripts.state).unwrap();
        let logs = files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "log"));
        logs.map(|log| {
            String::from_utf8_lossy(&fs::read(log).unwrap())
                .matches(text)
                .count()
        })
        .sum()
    }

    /// A folder that the application keeps.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.scripts.state.join(name)
    }

    /// One of the application's own programs, to be run in its folder.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.scripts.state.join(name));
        command
            .current_dir(&self.scripts.state)
            .stdin(Stdio::null());
        command
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The application's recipe, of `sites/examples`; [`RealSite::variables`] has what it names.
    pub(crate) fn recipe(&self) -> String {
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("sites/examples");
        fs::read_to_string(recipes.join(format!("{}.toml", self.app))).unwrap()
    }

    /// The variables that the application's recipe names, and those of the tests' own: `BASE`, `REALSITE_PASSWORD` and
    /// `REALSITE_TOTP`.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let own = self.app.to_uppercase().replace('-', "_");
        let mut all = Vec::new();
        for (name, value) in [
            ("PASSWORD", Some(self.facts.password.clone())),
            ("TOTP", self.facts.totp_secret.clone()),
        ] {
            for prefix in ["REALSITE", own.as_str()] {
                all.extend(
                    value
                        .clone()
                        .map(|value| (format!("{prefix}_{name}"), value)),
                );
            }
        }
        all.push(("BASE".to_owned(), self.base.clone()));
        all.push((format!("{own}_URL"), self.base.clone()));
        all.push((format!("{own}_PROVIDER"), self.provider()));
        all
    }

    /// The origin of the sign-on, where the application has one beside its own.
    pub(crate) fn provider(&self) -> String {
        format!("http://localhost:{}", self.scripts.port + 1)
    }
}

impl Drop for RealSite {
    fn drop(&mut self) {
        // Not `run`: a panic here, during another, would abort the whole test process.
        let _ = self.scripts.command("stop").status();
    }
}

impl Scripts {
    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args([verb, &self.app])
            .env("PORT", self.port.to_string())
            .env("STATE_DIR", &self.state)
            .env_remove("SESSION_TTL")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(seconds) = self.life {
            command.env("SESSION_TTL", seconds.to_string());
        }
        command
    }

    /// Runs one verb to its end. Its output goes to a file, because the application inherits it and outlives the verb.
    fn run(&self, verb: &str) {
        let log = self.state.with_extension("log");
        let output = File::create(&log).unwrap();
        let status = self.command(verb).stderr(output).status().unwrap();
        let said = || fs::read_to_string(&log).unwrap_or_default();
        assert!(
            status.success(),
            "{verb} {}: {status}\n{}",
            self.app,
            said()
        );
    }

    /// Makes the installation fit to start: nothing runs in it, and it was made where it is.
    fn fit(&self) {
        if !self.state.exists() {
            fs::create_dir_all(&self.state).unwrap();
        }
        // A test process that was killed leaves its application running.
        self.run("stop");
        // Installations hold absolute paths: one that was copied from elsewhere is made again.
        let made = self.state.join(".made-in");
        match fs::read_to_string(&made) {
            Ok(place) if Path::new(&place) == self.state => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => fs::remove_dir_all(&self.state).unwrap(),
        }
        fs::create_dir_all(&self.state).unwrap();
        fs::write(&made, self.state.to_str().unwrap()).unwrap();
    }
}

fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("JARKEEPER_REALSITES") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("shared/realsites"),
    };
    folder.join("realsites").exists().then_some(folder)
}

/// The port of the last start, where it and the next are free: some applications are seeded for one port.
fn kept_port(state: &Path) -> Option<u16> {
    let port: u16 = fs::read_to_string(state.join("port"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    (free(port) && free(port.checked_add(1)?)).then_some(port)
}

/// A port that was free a moment ago. The scripts take a number, not a socket.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
