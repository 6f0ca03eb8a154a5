//! Arguments, output and exit codes: one function a verb.
//!
//! Exit codes: 0 done, 1 something else failed, 2 wrong usage, 3 the configuration, a recipe or a recording is wrong,
//! 4 another daemon is at work, 5 not alive, 6 a recipe was shown and not saved, 10 and above the class of a failed renewal
//! ([`FailureClass::exit_code`]).

mod add;
mod auto_login;
mod doctor;
mod explain;
mod import_recording;
mod login;
mod sites;
mod state;
mod status;
mod terminal;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

use crate::app::{self, App};
use crate::config::{Config, Diagnostic, LogConfig, LogFormat, Overrides};
use crate::failure::{Failure, FailureClass};
use crate::ids::SessionKey;
use crate::session::FilesError;
use crate::watch::{self, Settings};

/// Keeps logged-in sessions fresh for agents, jobs and scripts.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    /// The folder that holds config.toml, sites/ and .auth/
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Overrides a setting of config.toml, for example --set browser.sandbox=false
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Prints JSON for scripts
    #[arg(long, global = true)]
    json: bool,
    /// Logs as the daemon does
    #[arg(short, long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs the daemon: keeps every session of sites/ fresh
    Serve,
    /// Makes sessions live now: probes them, extends them, logs in where that is needed
    Login {
        /// A site, or one account of it: SITE or SITE:ACCOUNT
        #[arg(required_unless_present = "all")]
        sites: Vec<String>,
        /// Every site
        #[arg(long, conflicts_with = "sites")]
        all: bool,
    },
    /// Exits with 0 only when the session is alive
    Check {
        /// SITE or SITE:ACCOUNT
        site: String,
    },
    /// Shows every session: alive, expires, next renewal, last result
    Status,
    /// Prints a session in the form that a tool loads
    Export {
        /// SITE or SITE:ACCOUNT
        site: String,
        /// The form
        #[arg(long, value_enum, default_value = "storage-state")]
        format: state::Form,
        /// The URL that a header is for; the recipe's where it is not given
        #[arg(long)]
        url: Option<url::Url>,
    },
    /// Takes a session that you bring: storage state, cookies.txt, or a browser's cookie list
    Import {
        /// SITE or SITE:ACCOUNT
        site: String,
        /// The file; - for standard input
        file: PathBuf,
    },
    /// Leaves a session alone until it is released
    Hold {
        /// SITE or SITE:ACCOUNT
        site: String,
        /// Why, for those who wonder later
        #[arg(long, default_value = "")]
        why: String,
    },
    /// Lets a held session go on: after a refused password, a CAPTCHA, or your own hold
    Release {
        /// SITE or SITE:ACCOUNT
        site: String,
    },
    /// Works on the recipes in sites/
    #[command(subcommand)]
    Sites(sites::SitesVerb),
    /// Shows what a login on a page would fill and press, and why; types nothing
    Explain {
        /// The page
        url: String,
        /// Where the picture of the page goes
        #[arg(long, value_name = "FILE", default_value = "explain.png")]
        picture: PathBuf,
    },
    /// Says what is missing on this machine, and how to get it
    Doctor,
    /// Serves the small demo site on loopback; its password comes from DEMO_PASSWORD
    Demo {
        /// The port; 0 for a free one
        #[arg(long, env = "DEMO_PORT", default_value_t = 8377)]
        port: u16,
        /// How long a session lives, for example 10m
        #[arg(long, default_value = "10m")]
        life: humantime::Duration,
    },
    /// Writes state files as WebArena's auto_login.py does
    #[command(name = "auto-login")]
    AutoLogin {
        /// Where the files go
        #[arg(long = "auth_folder", value_name = "DIR", default_value = "./.auth")]
        auth_folder: PathBuf,
        /// The sites of one file, in the order of its name; none or `all`: every file
        #[arg(long = "site_list", value_name = "SITE", num_args = 0..)]
        site_list: Vec<String>,
    },
    /// Prints the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Why a verb did not do what it was asked for. What is to be said has been said, unless it is [`Stop::Told`].
enum Stop {
    /// A message for a person, and the exit code.
    Told(u8, String),
    /// Only the exit code.
    Quiet(u8),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        if let Some(files) = error.downcast_ref::<FilesError>() {
            let code = if matches!(files, FilesError::Busy { .. }) {
                4
            } else {
                1
            };
            return Self::Told(code, files.to_string());
        }
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return Self::Told(failure.class.exit_code(), failure.message.clone());
        }
        Self::Told(1, format!("{error:#}"))
    }
}

impl From<FilesError> for Stop {
    fn from(error: FilesError) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Told(failure.class.exit_code(), failure.to_string())
    }
}

impl From<Diagnostic> for Stop {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Told(3, diagnostic.to_string())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            // The reader has seen enough.
            std::io::ErrorKind::BrokenPipe => Self::Quiet(0),
            _ => Self::Told(1, error.to_string()),
        }
    }
}

/// Runs the command that the process was started as.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    harden();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the runtime does not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(run(arguments));
    // Threads that still wait for Chromium's end get a moment; nothing waits for them longer.
    runtime.shutdown_timeout(std::time::Duration::from_secs(3));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Quiet(code)) => ExitCode::from(code),
        Err(Stop::Told(code, message)) => {
            complain(&message);
            ExitCode::from(code)
        }
    }
}

/// Other processes of this user cannot read our memory, and what Chromium leaves behind comes back to us to be reaped.
fn harden() {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "jarkeeper: {message}");
}

/// Writes to standard output.
fn say(text: &str) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn say_json(value: &impl serde::Serialize) -> Result<(), Stop> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Stop::Told(1, e.to_string()))?;
    say(&text)
}

async fn run(arguments: Arguments) -> Result<(), Stop> {
    let Arguments {
        root,
        set,
        json,
        verbose,
        verb,
    } = arguments;
    match verb {
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "jarkeeper", &mut text);
            return say(&String::from_utf8_lossy(&text));
        }
        Verb::Demo { port, life } => {
            drop(log(&Config::default().log, true));
            return demo(port, *life).await;
        }
        _ => {}
    }
    if !root.is_dir() {
        let message = format!(
            "--root {} is not a folder; it is the one that holds config.toml and sites/",
            root.display()
        );
        return Err(Stop::Told(2, message));
    }
    let overrides = Overrides::new(readable_variables(), set);
    let settings = watch::read(&root, &overrides, &app::environment())?;
    let relog = log(&settings.config.log, verbose || matches!(verb, Verb::Serve));
    match verb {
        Verb::Serve => Ok(app::serve(root, overrides, settings, relog).await?),
        Verb::Sites(sites::SitesVerb::Check) => sites::check(&settings, json),
        Verb::Sites(sites::SitesVerb::Add(arguments)) => {
            let plan = add::plan(&root, arguments).await?;
            with_app(&root, settings, async |app| {
                add::run(app, &root, plan, json).await
            })
            .await
        }
        Verb::Sites(sites::SitesVerb::Import(arguments)) => {
            import_recording::run(&root, arguments, json).await
        }
        Verb::Doctor => doctor::run(&root, &settings, json).await,
        Verb::Explain { url, picture } => explain::run(&settings, &url, &picture, json).await,
        Verb::Login { sites, all } => {
            let keys = wanted(&settings, &sites, all)?;
            with_app(&root, settings, async |app| {
                login::run(app, keys, json).await
            })
            .await
        }
        Verb::Check { site } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                status::check(app, &key, json).await
            })
            .await
        }
        Verb::Status => with_app(&root, settings, async |app| status::run(app, json)).await,
        Verb::Export { site, format, url } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                state::export(app, &key, format, url)
            })
            .await
        }
        Verb::Import { site, file } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                state::import(app, &key, &file).await
            })
            .await
        }
        Verb::Hold { site, why } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                state::hold(app, &key, &why).await
            })
            .await
        }
        Verb::Release { site } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| state::release(app, &key).await).await
        }
        Verb::AutoLogin {
            auth_folder,
            site_list,
        } => {
            with_app(&root, settings, async |app| {
                auto_login::run(app, &auth_folder, &site_list).await
            })
            .await
        }
        Verb::Demo { .. } | Verb::Completions { .. } => Ok(()),
    }
}

async fn with_app(
    root: &Path,
    settings: Settings,
    verb: impl AsyncFnOnce(&App) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let app = App::new(root, settings)?;
    let interrupted = async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            told = tokio::signal::ctrl_c() => told,
            _ = terminate.recv() => Ok(()),
        }
    };
    let done = tokio::select! {
        done = verb(&app) => done,
        _ = interrupted => Err(Stop::Quiet(FailureClass::Cancelled.exit_code())),
    };
    app.close().await;
    done
}

async fn demo(port: u16, life: std::time::Duration) -> Result<(), Stop> {
    let password = std::env::var("DEMO_PASSWORD").unwrap_or_default();
    if password.is_empty() {
        return Err(Stop::Told(
            2,
            "set DEMO_PASSWORD to the password that the demo site is to accept".to_owned(),
        ));
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.map_err(|e| {
        Stop::Told(1, format!("the demo site cannot use port {port}: {e}; choose another with --port or DEMO_PORT"))
    })?;
    let address = listener.local_addr()?;
    say(&format!(
        "the demo site is at http://{address}/login; its user is demo"
    ))?;
    let life =
        chrono::TimeDelta::from_std(life).map_err(|e| Stop::Told(2, format!("--life: {e}")))?;
    let stop = async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let terminated = async {
            match &mut terminate {
                Some(terminate) => terminate.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
    };
    Ok(crate::demo::serve(listener, SecretString::from(password), life, stop).await?)
}

/// Libraries that may put what they send, and so secrets, into their logs are never heard.
const SILENT: &str = "chromiumoxide=off,async_tungstenite=off,tungstenite=off,tokio_tungstenite=off,hyper=off,hyper_util=off,reqwest=off,h2=off,rustls=off";

/// Begins to log, and gives what changes the filter later.
fn log(config: &LogConfig, as_daemon: bool) -> Relog {
    let filter = match as_daemon {
        true => filter(config),
        false => EnvFilter::new("off"),
    };
    let human = match config.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    match human {
        true => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            Box::new(move |config| drop(handle.reload(self::filter(config))))
        }
        false => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            Box::new(move |config| drop(handle.reload(self::filter(config))))
        }
    }
}

/// Puts another filter in force.
type Relog = Box<dyn Fn(&LogConfig) + Send + Sync>;

fn filter(config: &LogConfig) -> EnvFilter {
    // The configuration has checked the filter.
    EnvFilter::try_new(format!("{},{SILENT}", config.filter))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{SILENT}")))
}

/// The sessions of a site, or of one account.
fn wanted(settings: &Settings, sites: &[String], all: bool) -> Result<Vec<SessionKey>, Stop> {
    if all {
        refuse_broken(settings, None)?;
        let all = settings.recipes.iter().flat_map(|r| {
            r.accounts.iter().map(|a| SessionKey {
                site: r.site.clone(),
                account: a.name.clone(),
                within: None,
            })
        });
        return Ok(all.collect());
    }
    let mut keys = Vec::new();
    for name in sites {
        let key: SessionKey = name
            .parse()
            .map_err(|e: crate::ids::NameError| Stop::Told(2, e.to_string()))?;
        refuse_broken(settings, Some(key.site.as_str()))?;
        let Some(recipe) = settings.recipes.get(&key.site) else {
            return Err(no_such(settings, name));
        };
        let accounts = recipe
            .accounts
            .iter()
            .filter(|a| key.account.is_none() || a.name == key.account);
        let before = keys.len();
        keys.extend(accounts.map(|a| SessionKey {
            account: a.name.clone(),
            ..key.clone()
        }));
        if keys.len() == before {
            return Err(no_such(settings, name));
        }
    }
    Ok(keys)
}

fn one(settings: &Settings, name: &str) -> Result<SessionKey, Stop> {
    let key: SessionKey = name
        .parse()
        .map_err(|e: crate::ids::NameError| Stop::Told(2, e.to_string()))?;
    refuse_broken(settings, Some(key.site.as_str()))?;
    let recipe = settings.recipes.get(&key.site);
    match recipe.is_some_and(|r| r.accounts.iter().any(|a| a.name == key.account)) {
        true => Ok(key),
        false => Err(no_such(settings, name)),
    }
}

fn no_such(settings: &Settings, name: &str) -> Stop {
    let known: Vec<String> = settings
        .recipes
        .iter()
        .flat_map(|r| {
            r.accounts.iter().map(|a| match &a.name {
                Some(account) => format!("{}:{account}", r.site),
                None => r.site.to_string(),
            })
        })
        .collect();
    let near = known.iter().find(|k| strsim::jaro_winkler(k, name) > 0.85);
    let hint = match (near, known.is_empty()) {
        (Some(near), _) => format!("did you mean {near}?"),
        (None, true) => format!("there is no recipe yet; write sites/{name}.toml"),
        (None, false) => format!("there are {}", known.join(", ")),
    };
    Stop::Told(2, format!("there is no site {name}; {hint}"))
}

/// Stops where the recipe that is asked for is the one that is broken.
fn refuse_broken(settings: &Settings, site: Option<&str>) -> Result<(), Stop> {
    for problem in &settings.problems {
        let stem = problem
            .path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned());
        if site.is_none_or(|site| stem.as_deref() == Some(site)) {
            return Err(Stop::Told(3, problem.to_string()));
        }
    }
    Ok(())
}

/// The environment, without what is no UTF-8.
fn readable_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
