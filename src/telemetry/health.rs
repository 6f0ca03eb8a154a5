//! Whether the daemon can do its work now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};

use crate::browser::launch;
use crate::failure::FailureClass;
use crate::renewal::{How, Report};
use crate::store::Store;
use crate::watch::Settings;

/// How long an answer is good: who asks in a loop costs nothing.
const FRESH: Duration = Duration::from_secs(1);
/// Longest time for a write to the store before it counts as not writable.
const PATIENCE: Duration = Duration::from_secs(2);

/// One thing that must be in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What is wrong with it, in words that anybody may read; `None`: nothing.
    pub wrong: Option<&'static str>,
}

/// Looks whether everything is in order. Clones share what they saw.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    store: Store,
    settings: watch::Receiver<Arc<Settings>>,
    path: String,
    auth_wrong: AtomicBool,
    browser_lost: AtomicBool,
    seen: Mutex<Option<(Instant, Vec<Check>)>>,
}

impl Health {
    /// `path` is where programs are found, in the shape of `PATH`.
    pub fn new(store: Store, settings: watch::Receiver<Arc<Settings>>, path: String) -> Self {
        Self(Arc::new(Inner {
            store,
            settings,
            path,
            auth_wrong: AtomicBool::new(false),
            browser_lost: AtomicBool::new(false),
            seen: Mutex::default(),
        }))
    }

    /// Whether `.auth` was found in order, by whoever looks after it.
    pub fn auth(&self, in_order: bool) {
        self.0.auth_wrong.store(!in_order, Ordering::Relaxed);
    }

    /// Takes notice of what a renewal says about the browser: the first that it served well clears a loss.
    pub(super) fn renewed(&self, report: &Report) {
        let class = report.failure.as_ref().map(|failure| failure.class);
        match (report.how, class) {
            (How::Failed, Some(FailureClass::BrowserLost)) => {
                self.0.browser_lost.store(true, Ordering::Relaxed);
            }
            (How::Extended | How::LoggedIn, _) => {
                self.0.browser_lost.store(false, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Looks; an answer is good for a second.
    pub async fn look(&self) -> Vec<Check> {
        // Who comes meanwhile waits for the same answer.
        let mut seen = self.0.seen.lock().await;
        if let Some((at, checks)) = &*seen
            && at.elapsed() < FRESH
        {
            return checks.clone();
        }
        let checks = vec![
            self.store().await,
            self.folder(),
            self.files(),
            self.browser(),
        ];
        *seen = Some((Instant::now(), checks.clone()));
        checks
    }

    async fn store(&self) -> Check {
        let written = timeout(PATIENCE, self.0.store.try_write()).await;
        let wrong = match written {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some("the store cannot be written; the log says why"),
            Err(_) => Some("the store does not answer"),
        };
        Check {
            name: "store",
            wrong,
        }
    }

    fn folder(&self) -> Check {
        let wrong = self.0.auth_wrong.load(Ordering::Relaxed);
        Check {
            name: "auth",
            wrong: wrong.then_some("the folder of sessions is not in order; the log says why"),
        }
    }

    fn files(&self) -> Check {
        let wrong = !self.0.settings.borrow().problems.is_empty();
        Check {
            name: "settings",
            wrong: wrong.then_some(
                "a file of settings is broken and its last good value stays; the log says which",
            ),
        }
    }

    fn browser(&self) -> Check {
        let config = self.0.settings.borrow().config.browser.clone();
        let there = config.cdp_url.is_some()
            || launch::find(config.executable.as_deref(), &self.0.path).is_ok();
        let lost = self.0.browser_lost.load(Ordering::Relaxed);
        let wrong = match (there, lost) {
            (false, _) => Some("no Chromium is found"),
            (true, true) => Some("Chromium did not serve the last renewal that needed it"),
            (true, false) => None,
        };
        Check {
            name: "browser",
            wrong,
        }
    }
}
