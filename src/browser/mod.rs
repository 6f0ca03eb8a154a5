//! Chromium, and nothing else: processes, contexts, tabs, deadlines.
//!
//! Owns the one shared Chromium. Door: [`Browser::context`], which gives a [`Context`] with one [`Page`] in it. It does
//! not know what a recipe or a password is, and no type of the browser library leaves this folder.

mod act;
mod authenticator;
mod bridge;
mod capture;
mod error;
mod events;
pub mod launch;
mod observed;
mod page;
mod shadow;
mod signing;
pub mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::{
    BrowserContextId, GetVersionParams, SetDownloadBehaviorBehavior, SetDownloadBehaviorParams,
};
use chromiumoxide::cdp::browser_protocol::emulation::{
    SetFocusEmulationEnabledParams, SetUserAgentOverrideParams,
};
use chromiumoxide::cdp::browser_protocol::inspector;
use chromiumoxide::cdp::browser_protocol::page::CloseParams;
use chromiumoxide::cdp::browser_protocol::security::SetIgnoreCertificateErrorsParams;
use chromiumoxide::cdp::browser_protocol::target::{
    CreateBrowserContextParams, CreateTargetParams, DisposeBrowserContextParams, GetTargetsParams,
    TargetInfo,
};
use chromiumoxide::handler::HandlerConfig;
use futures::StreamExt;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;
use url::Url;

pub use authenticator::Authenticator;
pub use error::BrowserError;
pub use observed::Answer;
use page::bounded;
pub use page::{Element, Frame, Page};

use crate::config::BrowserConfig;
use crate::session::StorageState;
use launch::Chromium;

/// How long Chromium may take to start and answer.
const START: Duration = Duration::from_secs(30);
/// How long it may take to say its version before it is taken for hung.
const ALIVE: Duration = Duration::from_secs(5);
/// How often Chromium's memory is looked at while it is used.
const WEIGH: Duration = Duration::from_secs(20);
/// How long a context may take to be disposed of before Chromium is taken for hung.
const DISPOSE: Duration = Duration::from_secs(5);

/// The shared Chromium: started on demand, ended when idle, replaced when it crashes, hangs or grows too large.
#[derive(Clone)]
pub struct Browser {
    folders: PathBuf,
    path: String,
    running: Arc<Mutex<Option<Arc<Running>>>>,
}

/// What a context is made with.
pub struct Wanted<'a> {
    /// The state to begin with.
    pub seed: Option<&'a StorageState>,
    /// Whether certificates that do not verify are accepted.
    pub ignore_https_errors: bool,
    /// When everything in the context must be done.
    pub deadline: Instant,
}

/// A fresh set of cookies and storage with one tab in it. Dropping it disposes of it.
pub struct Context {
    id: BrowserContextId,
    page: Page,
    running: Arc<Running>,
    /// Whether certificates that do not verify are accepted.
    lenient: bool,
}

struct Running {
    connection: chromiumoxide::Browser,
    handler: tokio::task::JoinHandle<()>,
    /// Closes when the connection ends.
    gone: tokio::sync::watch::Receiver<()>,
    chromium: std::sync::Mutex<Option<Chromium>>,
    user_agent: String,
    made_for: BrowserConfig,
    contexts: AtomicUsize,
    released: Notify,
    /// Set when it must not be used for anything new.
    spent: AtomicBool,
}

impl Browser {
    /// A browser that keeps its user data dirs below `folders` and looks for Chromium on `path` (the `PATH` variable).
    /// Nothing is started yet, but what a killed daemon left there is removed.
    ///
    /// # Errors
    /// [`BrowserError::Folder`] where the folder cannot be made.
    pub fn new(folders: &Path, path: &str) -> Result<Self, BrowserError> {
        launch::prepare(folders)?;
        Ok(Self {
            folders: folders.to_owned(),
            path: path.to_owned(),
            running: Arc::default(),
        })
    }

    /// Opens a context with one tab, starting Chromium where none runs.
    ///
    /// # Errors
    /// Chromium is missing, does not start, or was lost.
    pub async fn context(
        &self,
        config: &BrowserConfig,
        wanted: Wanted<'_>,
    ) -> Result<Context, BrowserError> {
        let running = self.running(config).await?;
        let held = Held(Some(Arc::clone(&running)));
        let what = "open a context";
        let made = async {
            let parameters = CreateBrowserContextParams::builder()
                .dispose_on_detach(true)
                .build();
            let id = bounded(
                what,
                wanted.deadline,
                running.connection.create_browser_context(parameters),
            )
            .await?;
            let context = Disposal {
                running: Arc::clone(&running),
                id: Some(id.clone()),
            };
            let deny = SetDownloadBehaviorParams::builder()
                .behavior(SetDownloadBehaviorBehavior::Deny)
                .browser_context_id(id.clone())
                .build()
                .map_err(|why| BrowserError::Refused {
                    what: what.to_owned(),
                    why,
                })?;
            bounded(what, wanted.deadline, running.connection.execute(deny)).await?;
            let mut target = CreateTargetParams::new("about:blank");
            target.browser_context_id = Some(id);
            let tab = bounded(what, wanted.deadline, running.connection.new_page(target)).await?;
            let page = Page::attach(tab, Arc::new(std::sync::Mutex::new(wanted.deadline))).await?;
            dress(&page, &running.user_agent, wanted.ignore_https_errors).await?;
            Ok((context, page))
        };
        let made: Result<_, BrowserError> = made.await;
        let (mut disposal, page) = match made {
            Ok(made) => made,
            Err(error) => return Err(self.explain(&running, error).await),
        };
        let Some(id) = disposal.id.take() else {
            return Err(BrowserError::Lost(what.to_owned()));
        };
        held.keep();
        let context = Context {
            id,
            page,
            running,
            lenient: wanted.ignore_https_errors,
        };
        if let Some(seed) = wanted.seed {
            context.seed(seed).await?;
        }
        Ok(context)
    }

    /// Tells a Chromium that is gone or hung from a page that is slow, and gets rid of the former.
    pub async fn diagnose(&self, context: &Context, error: BrowserError) -> BrowserError {
        self.explain(&context.running, error).await
    }

    async fn explain(&self, running: &Arc<Running>, error: BrowserError) -> BrowserError {
        if !matches!(error, BrowserError::Lost(_) | BrowserError::Timeout { .. }) {
            return error;
        }
        let version = running.connection.execute(GetVersionParams::default());
        if matches!(tokio::time::timeout(ALIVE, version).await, Ok(Ok(_))) {
            return error;
        }
        running.end();
        match error {
            BrowserError::Timeout { what, .. } => BrowserError::Lost(what),
            other => other,
        }
    }

    async fn running(&self, config: &BrowserConfig) -> Result<Arc<Running>, BrowserError> {
        let mut slot = self.running.lock().await;
        if let Some(running) = slot.as_ref() {
            if !running.spent.load(Ordering::Acquire)
                && running.made_for == *config
                && !running.handler.is_finished()
            {
                running.contexts.fetch_add(1, Ordering::AcqRel);
                return Ok(Arc::clone(running));
            }
            // Those who still use it keep it until they are done.
            running.spent.store(true, Ordering::Release);
            running.end_if_unused();
            *slot = None;
        }
        let running = Arc::new(self.start(config).await?);
        running.contexts.store(1, Ordering::Release);
        *slot = Some(Arc::clone(&running));
        tokio::spawn(look_after(Arc::downgrade(&running), config.clone()));
        Ok(running)
    }

    async fn start(&self, config: &BrowserConfig) -> Result<Running, BrowserError> {
        let began = Instant::now();
        let (mut chromium, address) = match &config.cdp_url {
            Some(url) => (None, url.to_string()),
            None => {
                let executable = launch::find(config.executable.as_deref(), &self.path)?;
                let chromium = Chromium::start(&executable, &self.folders, config.sandbox).await?;
                let address = chromium.address.clone();
                (Some((executable, chromium)), address)
            }
        };
        let handler_config = HandlerConfig {
            ignore_https_errors: false,
            viewport: None,
            request_timeout: START,
            ..Default::default()
        };
        let connect = async {
            let (connection, mut handler) =
                chromiumoxide::Browser::connect_with_config(address, handler_config)
                    .await
                    .ok()?;
            let (alive, gone) = tokio::sync::watch::channel(());
            // Ends with the connection; its errors show in the commands that they hit.
            let task = tokio::spawn(async move {
                while let Some(Ok(())) = handler.next().await {}
                drop(alive);
            });
            let version = connection.execute(GetVersionParams::default()).await.ok()?;
            Some((connection, task, gone, version.result))
        };
        let connected = tokio::time::timeout(START, connect).await.ok().flatten();
        let Some((connection, handler, gone, version)) = connected else {
            return Err(match &mut chromium {
                Some((path, chromium)) => BrowserError::Start {
                    path: path.clone(),
                    why: chromium.last_words(),
                },
                None => BrowserError::Remote("no DevTools connection could be made".to_owned()),
            });
        };
        let started_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(version = %version.product, started_ms, "Chromium started");
        Ok(Running {
            connection,
            handler,
            gone,
            chromium: std::sync::Mutex::new(chromium.map(|(_, chromium)| chromium)),
            // Sites turn away what calls itself headless, though it is the same browser.
            user_agent: version.user_agent.replace("HeadlessChrome", "Chrome"),
            made_for: config.clone(),
            contexts: AtomicUsize::new(0),
            released: Notify::new(),
            spent: AtomicBool::new(false),
        })
    }

    /// Whether Chromium runs now.
    pub async fn is_running(&self) -> bool {
        self.running
            .lock()
            .await
            .as_ref()
            .is_some_and(|r| !r.spent.load(Ordering::Acquire))
    }

    /// Ends Chromium, whoever uses it.
    pub async fn close(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.end();
        }
    }
}

/// Ends an idle Chromium, one that has grown too large, and what is left of one that crashed.
async fn look_after(running: Weak<Running>, config: BrowserConfig) {
    let idle = config.idle.to_std().unwrap_or_default();
    let Some(mut gone) = running.upgrade().map(|now| now.gone.clone()) else {
        return;
    };
    let mut weighed = Instant::now();
    loop {
        let Some(now) = running.upgrade() else { return };
        if now.spent.load(Ordering::Acquire) && now.end_if_unused() {
            return;
        }
        let released = now.released.notified();
        let unused = now.contexts.load(Ordering::Acquire) == 0;
        tokio::select! {
            () = released => {}
            // Its sender ends with the connection.
            _ = gone.changed() => {
                now.end();
                return;
            }
            () = tokio::time::sleep(idle), if unused => {
                if now.contexts.load(Ordering::Acquire) == 0 {
                    now.spent.store(true, Ordering::Release);
                    if now.end_if_unused() {
                        tracing::info!("Chromium was idle and is ended");
                        return;
                    }
                }
            }
        }
        // Weighing reads every page table of every process: not after each login.
        if weighed.elapsed() < WEIGH {
            continue;
        }
        weighed = Instant::now();
        let chromium = now.chromium.lock();
        let memory = chromium.map_or(0, |c| c.as_ref().map_or(0, Chromium::memory));
        if memory > config.memory_mib * 1024 * 1024 && !now.spent.swap(true, Ordering::AcqRel) {
            let memory_mib = memory / 1024 / 1024;
            tracing::info!(memory_mib, "Chromium has grown too large and is replaced");
        }
    }
}

impl Running {
    fn end(&self) {
        self.spent.store(true, Ordering::Release);
        self.handler.abort();
        let chromium = self
            .chromium
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(chromium) = chromium {
            // Waiting for processes and removing a folder blocks. Before the program ends, the runtime waits for it.
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(move || drop(chromium))),
                Err(_) => drop(chromium),
            }
        }
    }

    fn end_if_unused(&self) -> bool {
        let unused = self.contexts.load(Ordering::Acquire) == 0;
        if unused {
            self.end();
        }
        unused
    }

    fn release(&self) {
        self.contexts.fetch_sub(1, Ordering::AcqRel);
        self.released.notify_waiters();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Counts a context that is being made; gives the count back unless it was made.
struct Held(Option<Arc<Running>>);

impl Held {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.release();
        }
    }
}

/// Disposes of a context that was half made.
struct Disposal {
    running: Arc<Running>,
    id: Option<BrowserContextId>,
}

impl Drop for Disposal {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            dispose(Arc::clone(&self.running), id, false);
        }
    }
}

fn dispose(running: Arc<Running>, id: BrowserContextId, release: bool) {
    let work = async move {
        let disposed = running
            .connection
            .execute(DisposeBrowserContextParams::new(id));
        if tokio::time::timeout(DISPOSE, disposed).await.is_err() {
            running.end();
        }
        if release {
            running.release();
        }
    };
    // Without a runtime the process is ending, and Chromium with it.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(work);
    }
}

/// What every tab is made to be before it is used.
async fn dress(page: &Page, user_agent: &str, lenient: bool) -> Result<(), BrowserError> {
    const WHAT: &str = "open a tab";
    page.call(WHAT, inspector::EnableParams::default()).await?;
    page.call(WHAT, SetUserAgentOverrideParams::new(user_agent))
        .await?;
    // With a window of its own open, a tab would count as hidden and stand still.
    page.call(WHAT, SetFocusEmulationEnabledParams::new(true))
        .await?;
    if lenient {
        page.call(WHAT, SetIgnoreCertificateErrorsParams::new(true))
            .await?;
    }
    Ok(())
}

impl Context {
    /// The newest window that the tab has opened and that is open still, but for those named.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn window(&self, but: &[String]) -> Result<Option<Page>, BrowserError> {
        const WHAT: &str = "show its windows";
        let deadline = self.page.deadline();
        let targets = self.running.connection.execute(GetTargetsParams::default());
        let targets = bounded(WHAT, deadline, targets).await?.result.target_infos;
        let own = self.page.page.target_id();
        let fits = |target: &&TargetInfo| {
            target.r#type == "page"
                && target.browser_context_id.as_ref() == Some(&self.id)
                && target.target_id != *own
                && !but.contains(target.target_id.inner())
        };
        let Some(target) = targets.iter().rfind(fits) else {
            return Ok(None);
        };
        // The library attaches to it by itself, and needs a moment.
        let Ok(tab) = self
            .running
            .connection
            .get_page(target.target_id.clone())
            .await
        else {
            return Ok(None);
        };
        let attached = async {
            let window = Page::attach(tab, self.page.shared_deadline()).await?;
            dress(&window, &self.running.user_agent, self.lenient).await?;
            Ok(window)
        };
        match attached.await {
            Ok(window) => Ok(Some(window)),
            // It may close while it is looked at.
            Err(BrowserError::Lost(_) | BrowserError::Moved(_) | BrowserError::Refused { .. }) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Closes a window; what it has stored belongs to the session too.
    pub async fn close(&self, window: &Page) {
        let origins = window.observed.read(|seen| seen.origins.clone());
        self.page.observed.note(|seen| seen.origins.extend(origins));
        let _ = window.call("close", CloseParams::default()).await;
    }

    /// Its tab.
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// What the browser calls itself to sites.
    pub fn user_agent(&self) -> &str {
        &self.running.user_agent
    }

    fn id(&self) -> &BrowserContextId {
        &self.id
    }

    fn connection(&self) -> &chromiumoxide::Browser {
        &self.running.connection
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        dispose(Arc::clone(&self.running), self.id.clone(), true);
    }
}

/// A URL as it may be shown: without userinfo, query and fragment, which may hold secrets.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
