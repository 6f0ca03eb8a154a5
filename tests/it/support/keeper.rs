//! A Jarkeeper in a temporary folder, in this process, on the Chromium that all tests share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jarkeeper::browser::Browser;
use jarkeeper::config::Config;
use jarkeeper::ids::SessionKey;
use jarkeeper::login::Prober;
use jarkeeper::renewal::{Cause, How, Kept, Queue, Renewer, Report};
use jarkeeper::session::{Files, StorageState};
use jarkeeper::sites;
use jarkeeper::watch::Settings;
use tokio::sync::watch;

use super::Site;

/// One runtime for all tests: the shared Chromium's connection lives in it.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap()
});

static BROWSER: LazyLock<Browser> = LazyLock::new(|| {
    // Chromium ends with the test process, whose end closes its pipe; its folder is removed by the next run.
    let folders = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chromium");
    Browser::new(&folders, &std::env::var("PATH").unwrap()).unwrap()
});

/// Longest time for one test: a wait that never ends must not stop the suite.
const TEST: Duration = Duration::from_secs(240);

/// Runs a test that uses the shared Chromium.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let ended = RUNTIME.block_on(async { tokio::time::timeout(TEST, test).await });
    assert!(
        ended.is_ok(),
        "the test did not end within {} s",
        TEST.as_secs()
    );
}

/// The shared Chromium.
pub(crate) fn browser() -> Browser {
    BROWSER.clone()
}

/// The configuration of tests: as shipped, and without Chromium's sandbox where they run as root.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.browser.sandbox = !rustix::process::geteuid().is_root();
    // The shared Chromium is only started anew when its configuration differs.
    config.browser.idle = TimeDelta::hours(1);
    config.login.timeout = TimeDelta::seconds(40);
    config
}

/// See the module.
pub(crate) struct Keeper {
    root: Arc<Root>,
    environment: Arc<Mutex<HashMap<String, String>>>,
    change: watch::Sender<Arc<Settings>>,
    clock: fn() -> DateTime<Utc>,
    pub(crate) queue: Queue,
}

enum Root {
    Temporary(tempfile::TempDir),
    Given(PathBuf),
}

impl Root {
    fn temporary() -> Arc<Self> {
        Arc::new(Self::Temporary(tempfile::tempdir().unwrap()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(dir) => dir.path(),
            Self::Given(path) => path,
        }
    }
}

/// A clock of its own for one test: `clock!(NOW, OFFSET)` makes the function `NOW` and the seconds that it is ahead.
macro_rules! clock {
    ($now:ident, $ahead:ident) => {
        static $ahead: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
        fn $now() -> chrono::DateTime<chrono::Utc> {
            let ahead = $ahead.load(std::sync::atomic::Ordering::SeqCst);
            chrono::Utc::now() + chrono::TimeDelta::seconds(ahead)
        }
    };
}
pub(crate) use clock;

impl Keeper {
    /// With no recipe yet.
    pub(crate) fn new() -> Self {
        Self::with(browser(), Utc::now)
    }

    /// With no recipe yet, in a folder that is there.
    pub(crate) fn at(root: PathBuf) -> Self {
        let root = Arc::new(Root::Given(root));
        Self::over(root, Arc::default(), browser(), Utc::now)
    }

    /// The same with another browser and another clock.
    pub(crate) fn with(browser: Browser, clock: fn() -> DateTime<Utc>) -> Self {
        Self::over(Root::temporary(), Arc::default(), browser, clock)
    }

    /// For this site as `x`, with the three-line recipe and `more` behind it, on this clock.
    pub(crate) fn of(site: &Site, more: &str, clock: fn() -> DateTime<Utc>) -> Self {
        let keeper = Self::with(browser(), clock);
        keeper
            .env("PASSWORD", Site::PASSWORD)
            .recipe("x", &(site.recipe("PASSWORD") + more));
        keeper
    }

    /// As after a restart: another process on the same folder.
    pub(crate) fn restarted(&self) -> Self {
        let keeper = Self::over(
            Arc::clone(&self.root),
            Arc::clone(&self.environment),
            browser(),
            self.clock,
        );
        keeper.reload();
        keeper
    }

    fn over(
        root: Arc<Root>,
        environment: Arc<Mutex<HashMap<String, String>>>,
        browser: Browser,
        clock: fn() -> DateTime<Utc>,
    ) -> Self {
        let files = Files::open(&root.path().join(".auth")).unwrap();
        let prober = Prober::new(TimeDelta::seconds(10), clock).unwrap();
        let settings = Settings {
            config: config(),
            ..Settings::default()
        };
        let (change, settings) = watch::channel(Arc::new(settings));
        let lookup = {
            let environment = Arc::clone(&environment);
            Arc::new(move |name: &str| environment.lock().unwrap().get(name).cloned())
        };
        let path = root.path().to_owned();
        let renewer = Renewer::new(files, browser, prober, settings, path, lookup, clock);
        Self {
            root,
            environment,
            change,
            clock,
            queue: Queue::new(renewer),
        }
    }

    /// The folder with `sites/` and `.auth/`.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Sets an environment variable as the recipes see it.
    pub(crate) fn env(&self, name: &str, value: &str) -> &Self {
        self.environment
            .lock()
            .unwrap()
            .insert(name.to_owned(), value.to_owned());
        self
    }

    /// Writes a recipe and puts it in force.
    pub(crate) fn recipe(&self, name: &str, text: &str) -> &Self {
        let sites = self.root().join("sites");
        std::fs::create_dir_all(&sites).unwrap();
        std::fs::write(sites.join(format!("{name}.toml")), text).unwrap();
        self.reload();
        self
    }

    /// Deletes a recipe.
    pub(crate) fn forget(&self, name: &str) -> &Self {
        std::fs::remove_file(self.root().join("sites").join(format!("{name}.toml"))).unwrap();
        self.reload();
        self
    }

    /// Changes the configuration in force.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Config)) -> &Self {
        let mut settings = Settings::clone(&self.change.borrow());
        change(&mut settings.config);
        self.change.send_replace(Arc::new(settings));
        self
    }

    fn reload(&self) {
        let environment = self.environment.lock().unwrap().clone();
        let present = Settings::clone(&self.change.borrow());
        let loaded = sites::load(
            &self.root().join("sites"),
            &|name| environment.get(name).cloned(),
            &present.recipes,
        );
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        self.change.send_replace(Arc::new(Settings {
            recipes: loaded.recipes,
            ..present
        }));
    }

    /// The settings, for what watches them.
    pub(crate) fn settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.change.subscribe()
    }

    /// Renews for this cause and waits for the end.
    pub(crate) async fn renew(&self, key: &str, cause: Cause) -> Report {
        self.queue
            .submit(key.parse().unwrap(), cause)
            .await
            .unwrap()
    }

    /// Renews as a person would who asks for it.
    pub(crate) async fn login(&self, key: &str) -> Report {
        self.renew(key, Cause::Command).await
    }

    /// Renews, and fails the test unless there is a live session then.
    pub(crate) async fn must_login(&self, key: &str) -> How {
        let report = self.login(key).await;
        assert!(report.ok(), "{}: {:?}", key, report.failure);
        report.how
    }

    /// The state file's path.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.queue
            .renewer()
            .files()
            .state_path(&key.parse().unwrap())
    }

    /// The state as it is on the disk.
    pub(crate) fn state(&self, key: &str) -> Option<StorageState> {
        self.queue
            .renewer()
            .files()
            .load(&key.parse().unwrap())
            .unwrap()
    }

    /// The record and what was learned.
    pub(crate) fn kept(&self, key: &str) -> Kept {
        let key: SessionKey = key.parse().unwrap();
        self.queue.renewer().kept(&key).unwrap()
    }

    /// Changes the record on the disk, as time or another process would.
    pub(crate) async fn tamper(&self, key: &str, change: impl FnOnce(&mut Kept)) {
        let key: SessionKey = key.parse().unwrap();
        let files = self.queue.renewer().files();
        let lease = files
            .lease(&key.site, key.account.as_ref())
            .unwrap()
            .unwrap();
        let mut kept = self.queue.renewer().kept(&key).unwrap();
        change(&mut kept);
        files.write_record(&lease, &key, &kept).unwrap();
    }
}
