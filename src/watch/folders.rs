//! Which folders are watched, and which of their changes matter.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use crate::config::Diagnostic;

/// Most links on the way to one file, as in the kernel.
const LINKS: usize = 40;

/// The folders that are watched: those in which the files stand, and those of every link on the way to one.
pub(super) struct Folders {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
}

impl Folders {
    pub(super) fn new(root: &Path, wake: Arc<Notify>) -> Result<Self, Diagnostic> {
        let base = resolved(root);
        let (config, sites) = (base.join("config.toml"), base.join("sites"));
        let relevant = move |path: &Path| {
            // Beside them the root holds whatever its owner keeps there; elsewhere a link may have any name.
            path.parent() != Some(&base)
                || path == config
                || path == sites
                || path.symlink_metadata().is_ok_and(|meta| meta.is_symlink())
        };
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let changed = match event {
                // Our own reading opens and closes files too.
                Ok(event) => match event.kind {
                    EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                        event.paths.iter().any(|path| relevant(path))
                    }
                    EventKind::Access(_) => false,
                    // Events were lost, or the event names nothing: look.
                    _ => event.paths.is_empty() || event.paths.iter().any(|path| relevant(path)),
                },
                Err(_) => true,
            };
            if changed {
                wake.notify_one();
            }
        });
        Ok(Self {
            watcher: watcher.map_err(|error| unwatchable(root, &error))?,
            watched: BTreeSet::new(),
        })
    }

    /// Watches what is to be watched now. A folder made anew under an old name is watched anew.
    pub(super) fn arm(&mut self, root: &Path) -> Vec<Diagnostic> {
        let wanted = folders(root);
        for gone in self.watched.difference(&wanted) {
            // It may be deleted; then its watch is gone by itself.
            let _ = self.watcher.unwatch(gone);
        }
        let mut problems = Vec::new();
        for folder in &wanted {
            let watched = self.watcher.watch(folder, RecursiveMode::NonRecursive);
            match watched {
                Ok(()) => {}
                // Deleted meanwhile: the folder above tells of it.
                Err(_) if *folder != resolved(root) && !folder.exists() => {}
                Err(error) => problems.push(unwatchable(folder, &error)),
            }
        }
        self.watched = wanted;
        problems
    }
}

pub(super) fn unwatchable(path: &Path, error: &notify::Error) -> Diagnostic {
    let help = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => "raise the limit: sysctl fs.inotify.max_user_watches",
        // EMFILE, 24: the limit of instances is told in no better way.
        notify::ErrorKind::Io(io) if io.raw_os_error() == Some(24) => {
            "raise the limit: sysctl fs.inotify.max_user_instances"
        }
        notify::ErrorKind::PathNotFound => "make this folder, or name another with --root",
        _ => "see that it is a folder that the user who runs jarkeeper may read",
    };
    // notify repeats the path, which stands before the message already.
    let what = match &error.kind {
        notify::ErrorKind::PathNotFound => "there is no such folder".to_owned(),
        notify::ErrorKind::Io(io) => format!("cannot be watched for changes: {io}"),
        _ => format!("cannot be watched for changes: {error}"),
    };
    Diagnostic::of(path, what, help)
}

/// The path without links; as it is where it leads nowhere.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The folders to watch for `config.toml` and `sites/` below `root`, each by its path without links, so that none is
/// watched under two names.
fn folders(root: &Path) -> BTreeSet<PathBuf> {
    let root = resolved(root);
    let mut folders = BTreeSet::new();
    trace(&root, Path::new("config.toml"), &mut folders);
    trace(&root, Path::new("sites"), &mut folders);
    let sites = resolved(&root.join("sites"));
    if sites.is_dir() {
        for entry in std::fs::read_dir(&sites).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                trace(&sites, Path::new(&entry.file_name()), &mut folders);
            }
        }
        folders.insert(sites);
    }
    folders.insert(root);
    folders
}

/// Adds the folder of every link on the way from `start` along `path`, and the folder in which the way ends.
fn trace(start: &Path, path: &Path, folders: &mut BTreeSet<PathBuf>) {
    let parts = |path: &Path| -> VecDeque<OsString> {
        path.components()
            .filter(|part| !matches!(part, Component::CurDir | Component::Prefix(_)))
            .map(|part| part.as_os_str().to_owned())
            .collect()
    };
    let mut at = start.to_owned();
    let mut todo = parts(path);
    let mut links = 0;
    while let Some(part) = todo.pop_front() {
        // An absolute part ("/") replaces what was there; ".." is resolved, as links before it are.
        let next = match part == ".." {
            true => at.parent().unwrap_or(&at).to_owned(),
            false => at.join(&part),
        };
        match std::fs::read_link(&next) {
            Ok(target) => {
                folders.insert(at.clone());
                links += 1;
                if links > LINKS {
                    return;
                }
                let mut first = parts(&target);
                first.append(&mut todo);
                todo = first;
            }
            Err(_) if next.exists() => {
                if todo.is_empty() {
                    folders.insert(at.clone());
                }
                at = next;
            }
            // The way ends here until someone makes what is missing.
            Err(_) => {
                folders.insert(at);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_or_in_a_circle_do_no_harm() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        symlink("config.toml", root.path().join("config.toml")).unwrap();
        symlink("far/away", root.path().join("sites")).unwrap();
        std::fs::create_dir(root.path().join("far")).unwrap();
        let base = resolved(root.path());
        assert_eq!(
            folders(&base),
            BTreeSet::from([base.clone(), base.join("far")])
        );
    }
}
