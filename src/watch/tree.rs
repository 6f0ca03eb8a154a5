//! A folder with all that is below it: tells when something in it may have changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::folders::unwatchable;
use crate::config::Diagnostic;

/// Which folder it is, whatever its path: what is mounted over it is another one.
pub type FolderId = (u64, u64);

/// Watches one folder at a time.
pub struct Tree {
    watcher: RecommendedWatcher,
    watched: Option<(PathBuf, FolderId)>,
}

impl Tree {
    /// `wake` hears of changes.
    ///
    /// # Errors
    /// The system gives no more watchers.
    pub fn new(wake: Arc<Notify>) -> Result<Self, Diagnostic> {
        let told = move |event: notify::Result<notify::Event>| {
            // Our own reading opens and closes files too. Where events were lost: look.
            let changed = event.map_or(true, |event| match event.kind {
                EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
                _ => true,
            });
            if changed {
                wake.notify_one();
            }
        };
        // Links lead anywhere, also in circles.
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(told, config);
        Ok(Self {
            watcher: watcher.map_err(|error| unwatchable(Path::new("."), &error))?,
            watched: None,
        })
    }

    /// Watches this folder; one that stands anew under an old path is watched anew. Which one it is; `None`: it is not there.
    ///
    /// # Errors
    /// It cannot be watched: why, and the way out.
    pub fn arm(&mut self, folder: &Path) -> Result<Option<FolderId>, Diagnostic> {
        let now = folder.metadata().ok().filter(std::fs::Metadata::is_dir);
        let now = now.map(|meta| (folder.to_owned(), (meta.dev(), meta.ino())));
        let id = now.as_ref().map(|(_, id)| *id);
        if self.watched == now {
            return Ok(id);
        }
        self.rest();
        if now.is_some() {
            let watched = self.watcher.watch(folder, RecursiveMode::Recursive);
            watched.map_err(|error| unwatchable(folder, &error))?;
        }
        self.watched = now;
        Ok(id)
    }

    /// Watches nothing.
    pub fn rest(&mut self) {
        if let Some((path, _)) = self.watched.take() {
            // It may be gone; then its watch is gone by itself.
            let _ = self.watcher.unwatch(&path);
        }
    }
}
