//! Builds every room once, starts the loops, stops them in order.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::api;
use crate::browser::Browser;
use crate::config::{ApiConfig, LogConfig, Overrides};
use crate::events::{self, Bus};
use crate::identity::{Identity, oidc};
use crate::llm::Llm;
use crate::loads::Loads;
use crate::login::Prober;
use crate::mcp;
use crate::memory::Memory;
use crate::pool::Pool;
use crate::profiles::Profiles;
use crate::proxy::Proxy;
use crate::registry::Registry;
use crate::renewal::{Queue, Renewer, schedule};
use crate::session::files::DaemonLock;
use crate::session::{Files, FilesError};
use crate::store::Store;
use crate::telemetry::{self, Health, Metrics, Traces};
use crate::watch::{self, Environment, Settings};
use crate::webhooks::Webhooks;

/// How long a stop waits for renewals that run.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a stop waits until what happened last is kept.
const LAST: Duration = Duration::from_secs(2);
/// How often the daemon looks whether `.auth` is still the folder that it locked.
const GUARD: Duration = Duration::from_secs(2);

/// Everything that a command needs, built and not yet running.
pub struct App {
    /// The queue, and in it all the rest.
    pub queue: Queue,
    /// The settings, as they change.
    pub settings: tokio::sync::watch::Receiver<Arc<Settings>>,
    browser: Browser,
    change: tokio::sync::watch::Sender<Arc<Settings>>,
}

impl App {
    /// Builds the rooms on settings that were read.
    ///
    /// # Errors
    /// `.auth` or the browser's folder cannot be used.
    pub fn new(root: &Path, settings: Settings) -> anyhow::Result<Self> {
        let environment = environment();
        let files = Files::open(&root.join(".auth"))?;
        let browser = Browser::new(
            &browser_folders(),
            &std::env::var("PATH").unwrap_or_default(),
        )?;
        let prober = Prober::new(settings.config.renewal.probe_timeout, Utc::now)?;
        let (change, settings) = tokio::sync::watch::channel(Arc::new(settings));
        let root = root.to_owned();
        let renewer = Renewer::new(
            files,
            browser.clone(),
            prober,
            settings.clone(),
            root,
            environment,
            Utc::now,
        );
        Ok(Self {
            queue: Queue::new(renewer),
            settings,
            browser,
            change,
        })
    }

    /// Ends what it started.
    pub async fn close(&self) {
        self.queue.close(PATIENCE).await;
        self.browser.close().await;
    }
}

/// Runs the daemon until SIGTERM or SIGINT. `relog` puts another log filter in force.
///
/// # Errors
/// Another daemon holds `.auth`, or took it after it had been deleted; or the files cannot be watched.
pub async fn serve(
    root: PathBuf,
    overrides: Overrides,
    settings: Settings,
    relog: impl Fn(&LogConfig),
) -> anyhow::Result<()> {
    quiet_panics();
    let app = App::new(&root, settings.clone())?;
    let files = app.queue.renewer().files().clone();
    let mut sole = Sole {
        lock: files.daemon_lock()?,
        files,
        alarmed: false,
    };
    let mut guard = tokio::time::interval(GUARD);
    guard.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut orphans = Orphans::default();
    let again = Arc::new(Notify::new());
    let door = door(&app, &sole, &root).await?;
    let loops = Loops::start(&door, &root);
    let (served, tools) = open(&door, &sole, &root, &settings.config.api).await?;
    let (mut newest, watcher) = watch::start(root.clone(), overrides, environment(), settings)?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let sites = app.settings.borrow().recipes.len();
    tracing::info!(root = %root.display(), sites, "jarkeeper keeps sessions fresh");
    notify(&[sd_notify::NotifyState::Ready]);
    let schedule = tokio::spawn(schedule::run(
        app.queue.clone(),
        app.settings.clone(),
        Arc::clone(&again),
        Utc::now,
    ));
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            _ = hangup.recv() => {
                tracing::info!("SIGHUP: files are read again, and every session is looked at");
                notify_reloading();
                watcher.reload();
                // A secret may have changed where no watcher sees it.
                again.notify_one();
                notify(&[sd_notify::NotifyState::Ready]);
            }
            _ = guard.tick() => {
                orphans.reap();
                match sole.look() {
                    Ok(false) => {}
                    Ok(true) => again.notify_one(),
                    Err(error) => break Err(error.into()),
                }
                door.health.auth(!sole.alarmed);
            }
            changed = newest.changed() => {
                if changed.is_err() {
                    break Ok(());
                }
                let settings = newest.borrow_and_update().clone();
                tracing::info!(sites = settings.recipes.len(), problems = settings.problems.len(), "new settings are in force");
                relog(&settings.config.log);
                app.change.send_replace(settings);
                let events = door.events.clone();
                tokio::spawn(async move { events.publish(events::Kind::SettingsChanged, None, Default::default()).await });
            }
        }
    };
    tracing::info!("stopping");
    notify(&[sd_notify::NotifyState::Stopping]);
    drop(tools);
    // Those who follow would keep the door open.
    door.events.close();
    let presence = door.registry.presence();
    if tokio::time::timeout(LAST, presence.close()).await.is_err() {
        tracing::warn!("some instances did not hang up in time");
    }
    presence.write(&door.store).await;
    served.close().await;
    schedule.abort();
    app.close().await;
    loops.close().await;
    door.traces.close().await;
    tracing::info!("stopped");
    ended
}

/// Logs where a panic was, and not what it said: that may hold anything.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(place, thread, "a panic");
    }));
}

/// Opens the store, and builds the rooms that callers reach.
async fn door(app: &App, sole: &Sole, root: &Path) -> anyhow::Result<api::Door> {
    let store = Store::open(&sole.files.store_path()?)?;
    let provider = oidc::Provider::new(app.settings.clone(), root.to_owned(), environment())?;
    let identity = Identity::new(store.clone(), Utc::now).await?;
    let identity = identity.with_provider(provider);
    let renewer = app.queue.renewer();
    let events = Bus::new(store.clone(), Utc::now)?;
    let pool = Pool::open(store.clone(), renewer.clone(), events.clone(), Utc::now)?;
    let webhooks = Webhooks::new(store.clone(), events.clone(), renewer.clone(), Utc::now)?;
    let registry = Registry::open(store.clone(), Utc::now).await?;
    let llm = Llm::new(renewer.clone());
    let memory = Memory::new(store.clone(), llm.clone(), Utc::now);
    memory.bring_up().await?;
    let proxy = Proxy::new(memory.clone(), llm, store.clone(), Utc::now)
        .context("the system gives no random numbers")?;
    let loads = Loads::new(
        store.clone(),
        registry.clone(),
        memory.clone(),
        renewer.clone(),
        Utc::now,
    );
    let profiles = Profiles::new(store.clone(), Utc::now);
    let path = std::env::var("PATH").unwrap_or_default();
    let health = Health::new(store.clone(), app.settings.clone(), path);
    let traces = Traces::new(environment().as_ref())
        .context("traces cannot be sent as the OTEL_ variables say")?;
    Ok(api::Door {
        queue: app.queue.clone(),
        identity,
        store,
        events,
        pool,
        webhooks,
        registry,
        loads,
        profiles,
        memory,
        proxy,
        health,
        metrics: Metrics::default(),
        traces,
        settings: app.settings.clone(),
        clock: Utc::now,
        base: Arc::default(),
    })
}

/// What goes on beside the requests.
struct Loops {
    /// They end when nothing more comes.
    listeners: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
}

impl Loops {
    fn start(door: &api::Door, root: &Path) -> Self {
        let presence = door.registry.presence().clone();
        let renewer = door.queue.renewer();
        let (metrics, traces, health) = (
            door.metrics.clone(),
            door.traces.clone(),
            door.health.clone(),
        );
        Self {
            listeners: vec![
                tokio::spawn(events::record(
                    door.events.clone(),
                    renewer.clone(),
                    renewer.follow(),
                )),
                tokio::spawn(telemetry::follow(metrics, traces, health, renewer.follow())),
            ],
            others: vec![
                tokio::spawn(door.pool.clone().run()),
                tokio::spawn(door.webhooks.clone().run()),
                tokio::spawn(door.loads.clone().keep_connected()),
                tokio::spawn(presence.keep(door.store.clone())),
                tokio::spawn(door.memory.clone().sweep()),
                tokio::spawn(door.registry.clone().sweep()),
                tokio::spawn(documents(
                    door.memory.clone(),
                    root.to_owned(),
                    door.settings.clone(),
                )),
                tokio::spawn(door.memory.clone().learn()),
                tokio::spawn(door.memory.embedder().clone().fill()),
            ],
        }
    }

    async fn close(self) {
        self.others.iter().for_each(JoinHandle::abort);
        let ends = futures::future::join_all(self.listeners);
        if tokio::time::timeout(LAST, ends).await.is_err() {
            tracing::warn!("the last events were not kept in time");
        }
    }
}

/// Splits what was not split yet, and keeps what lies in the folder of documents.
async fn documents(
    memory: Memory,
    root: PathBuf,
    settings: tokio::sync::watch::Receiver<Arc<Settings>>,
) {
    if let Err(error) = memory.split_waiting().await {
        tracing::warn!("some documents are not found yet; the next start tries again: {error}");
    }
    memory.watch_documents(root, settings).await;
}

/// Opens the door.
async fn open(
    door: &api::Door,
    sole: &Sole,
    root: &Path,
    config: &ApiConfig,
) -> anyhow::Result<(api::Served, mcp::Listening)> {
    let tools = mcp::listen(
        sole.files.tools_socket(&sole.lock)?,
        api::tools(door),
        door.identity.clone(),
    )?;
    let (router, _) = api::router(door.clone());
    let socket = sole.files.daemon_socket(&sole.lock)?;
    let served = api::serve(router, socket, root, config).await?;
    if let Some(address) = served.address {
        door.webhooks.keep_off(address.port());
        let public = config.public_url.as_ref();
        door.base.get_or_init(|| match public {
            Some(public) => public.origin().ascii_serialization(),
            None if config.tls.is_some() => format!("https://{address}"),
            None => format!("http://{address}"),
        });
        tracing::info!(%address, "the API is served");
    }
    Ok((served, tools))
}

/// What serves a language model at a pipe where no daemon runs, and in whose name.
///
/// # Errors
/// The store cannot be opened.
pub async fn tools(app: &App) -> anyhow::Result<(mcp::Rooms, mcp::Caller)> {
    let store = Store::open(&app.queue.renewer().files().store_path()?)?;
    let identity = Identity::new(store.clone(), Utc::now).await?;
    let caller = mcp::Caller {
        principal: identity.local(rustix::process::geteuid().as_raw()),
        from: "pipe".to_owned(),
    };
    let llm = Llm::new(app.queue.renewer().clone());
    // An index of older rules is the daemon's to make anew: one may start beside this.
    let memory = Memory::new(store.clone(), llm, Utc::now);
    // Leases are the daemon's: two processes would give the same account away.
    let rooms = mcp::Rooms {
        queue: app.queue.clone(),
        pool: None,
        loads: None,
        memory,
        store,
        clock: Utc::now,
    };
    Ok((rooms, caller))
}

/// The right to be the one daemon, and whether it still means anything.
struct Sole {
    lock: DaemonLock,
    files: Files,
    alarmed: bool,
}

impl Sole {
    /// Raises the alarm, once, where `.auth` was deleted, replaced or opened to others; makes nothing by itself. `true`:
    /// it is back in order now.
    ///
    /// # Errors
    /// `Busy` where another daemon has the folder that stands in its place.
    fn look(&mut self) -> Result<bool, FilesError> {
        let mut found = self.files.still_holds(&self.lock);
        if let Err(FilesError::LeaseLost { .. }) = found {
            // Another folder stands there, and it is ours as far as it could be checked: it needs a lock of its own.
            match self.files.daemon_lock() {
                Ok(lock) => {
                    self.lock = lock;
                    self.alarmed = true;
                    found = Ok(());
                }
                Err(busy @ FilesError::Busy { .. }) => return Err(busy),
                Err(other) => found = Err(other),
            }
        }
        match found {
            Ok(()) if std::mem::take(&mut self.alarmed) => {
                tracing::warn!(
                    "{} is back; every session is looked at",
                    self.files.path().display()
                );
                Ok(true)
            }
            Ok(()) => Ok(false),
            Err(error) => {
                if !std::mem::replace(&mut self.alarmed, true) {
                    tracing::error!("no session can be kept: {error}");
                }
                Ok(false)
            }
        }
    }
}

/// Processes whose parents, started by us, died before them: the kernel gives them to us, and nobody else waits for them.
#[derive(Default)]
struct Orphans {
    dead: HashSet<i32>,
}

impl Orphans {
    /// Waits for those that were dead a look ago already. Who started a process waits for it within moments.
    fn reap(&mut self) {
        let dead: HashSet<i32> = children().into_iter().filter(|pid| is_dead(*pid)).collect();
        for pid in self.dead.intersection(&dead) {
            let pid = rustix::process::Pid::from_raw(*pid);
            // Somebody was faster: fine.
            let _ = rustix::process::waitpid(pid, rustix::process::WaitOptions::NOHANG);
        }
        self.dead = dead;
    }
}

/// Our children, from `/proc/PID/task/TID/children` (proc_pid_task(5)); none where the kernel has no such file.
fn children() -> Vec<i32> {
    let threads = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let lists =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn is_dead(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// `Type=notify-reload` wants the monotonic time with it (sd_notify(3)).
fn notify_reloading() {
    match sd_notify::NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[sd_notify::NotifyState::Reloading, now]),
        Err(error) => tracing::debug!("systemd was not told: {error}"),
    }
}

fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("systemd was not told: {error}");
    }
}

/// The process's environment, as recipes may ask for it.
pub fn environment() -> Environment {
    Arc::new(|name: &str| std::env::var(name).ok())
}

/// Where Chromium's user data dirs go: memory-backed where the system offers that, for this user alone.
pub fn browser_folders() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|dir| dir.is_dir())
    {
        Some(dir) => dir.join("jarkeeper"),
        None => {
            std::env::temp_dir().join(format!("jarkeeper-{}", rustix::process::geteuid().as_raw()))
        }
    }
}
