//! The watched folder: its documents are kept in the owner's memory, as long as they lie there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::scan::{Found, Scan, Stamp, read, scan};
use crate::identity::{PersonId, Principal};
use crate::memory::entry::terms;
use crate::memory::interaction::{user_of, work};
use crate::memory::{Memory, MemoryError};
use crate::store::StoreError;
use crate::watch::{FolderId, Settings, Tree};

/// Quiet that must follow a change before a file is read: it may be half written.
const QUIET: Duration = Duration::from_millis(400);
/// Longest time for which changes that never pause put off the next look.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the folder is looked at though nothing was heard: some disks tell of nothing.
const EVERY: Duration = Duration::from_secs(60);
/// The same while it is not there.
const AWAY: Duration = Duration::from_secs(5);
/// Files that are read and kept at once.
const AT_ONCE: usize = 4;

/// How the watched folder is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderState {
    /// What is wrong with the folder itself, and the way out.
    pub problem: Option<String>,
    /// Files that could not be taken, by their paths below it: why, and the way out.
    pub files: BTreeMap<String, String>,
}

/// What the loop knows of the folder.
#[derive(Default)]
struct Known {
    folder: PathBuf,
    /// Which one it was when documents were last seen in it.
    seen: Option<FolderId>,
    /// Files as they were when they were last taken, or refused.
    taken: HashMap<String, Stamp>,
    /// Files as they were at the last look, while they have not been quiet yet.
    restless: HashMap<String, Stamp>,
    /// What was logged and still stands.
    told: HashSet<String>,
}

impl Memory {
    /// How the watched folder is doing; `None`: there is none, or not for this caller's memory.
    pub fn folder(&self, by: &Principal, user: Option<&str>) -> Option<FolderState> {
        let owner = PersonId::owner();
        let own = by.person == owner && user_of(by, user).is_ok_and(|user| user == owner.as_str());
        let state = self.documents.folder.lock();
        (own && self.has_folder()).then(|| state.unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Keeps what lies in `[memory] documents` in the owner's memory, from now on. `root`: below which that is.
    pub async fn watch_documents(
        self,
        root: PathBuf,
        mut settings: watch::Receiver<Arc<Settings>>,
    ) {
        let wake = Arc::new(Notify::new());
        let mut tree = match Tree::new(Arc::clone(&wake)) {
            Ok(tree) => tree,
            Err(problem) => {
                tracing::error!("the folder of documents is not watched: {problem}");
                return;
            }
        };
        let mut known = Known::default();
        loop {
            let folder = settings.borrow_and_update().config.memory.documents.clone();
            let Some(folder) = folder.map(|folder| root.join(folder)) else {
                tree.rest();
                known = Known::default();
                self.tell(&mut known, FolderState::default());
                if settings.changed().await.is_err() {
                    return;
                }
                continue;
            };
            if known.folder != folder {
                known = Known {
                    folder,
                    ..Known::default()
                };
            }
            let next = self.look(&mut tree, &mut known).await;
            tokio::select! {
                () = wake.notified() => {
                    let latest = Instant::now() + PATIENCE;
                    while let Ok(Ok(())) = timeout_at(latest, timeout(QUIET, wake.notified())).await {}
                }
                changed = settings.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    /// Looks at the folder once, and takes over what is new there; when to look again.
    async fn look(&self, tree: &mut Tree, known: &mut Known) -> Duration {
        let mut state = FolderState::default();
        // First the watch, then the files: what changes in between is seen once more.
        let id = match tree.arm(&known.folder) {
            Ok(id) => id,
            // It is still looked at now and then.
            Err(problem) => {
                state.problem = Some(problem.to_string());
                None
            }
        };
        let next = match self.take_over(known, &mut state, id).await {
            Ok(next) => next,
            Err(error) => {
                state.problem = Some(error.to_string());
                AWAY
            }
        };
        self.tell(known, state);
        next
    }

    async fn take_over(
        &self,
        known: &mut Known,
        state: &mut FolderState,
        id: Option<FolderId>,
    ) -> Result<Duration, MemoryError> {
        let folder = known.folder.clone();
        let found = match work(move || scan(&folder)).await? {
            Ok(found) => found,
            // A disk that went away did not delete anything.
            Err(error) => {
                state.problem = Some(format!(
                    "the folder {} cannot be read ({error}); its documents stay as they are until it is back, or [memory] documents \
                     names another one",
                    known.folder.display()
                ));
                return Ok(AWAY);
            }
        };
        let owner = PersonId::owner();
        let owner = owner.as_str();
        let kept: HashMap<_, _> = self
            .store
            .folder_documents(owner, owner)?
            .into_iter()
            .collect();
        let is_known = id.is_some() && known.seen == id;
        if found.is_bare && !kept.is_empty() && !is_known {
            state.problem = Some(format!(
                "the folder {} is empty, as where a disk is not mounted; its {} documents stay as they are. If they shall go, put any \
                 file into it",
                known.folder.display(),
                kept.len()
            ));
            return Ok(AWAY);
        }
        known.seen = id;
        let mut changed = self.let_go(&found, &kept).await?;
        known.taken.retain(|name, _| found.files.contains_key(name));
        known
            .restless
            .retain(|name, _| found.files.contains_key(name));
        let old: HashMap<String, String> = self.old_problems(&found);
        let due = known.due(&found);
        let waits = !known.restless.is_empty();
        let took = self.take(&known.folder, due, &kept).await;
        state.files.extend(found.unread);
        state.files.extend(old);
        for (name, stamp, done) in took {
            match done {
                // Not as it was found: it is looked at again.
                Ok(None) => drop(known.restless.insert(name, stamp)),
                Ok(Some(replaced)) => {
                    changed |= replaced;
                    state.files.remove(&name);
                    known.taken.insert(name, stamp);
                }
                // Not the file's fault.
                Err(MemoryError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    state.files.insert(name.clone(), error.to_string());
                    known.taken.insert(name, stamp);
                }
            }
        }
        if changed {
            self.store.write_back().await;
        }
        Ok(match waits || !known.restless.is_empty() {
            true => QUIET,
            false => EVERY,
        })
    }

    /// Deletes documents whose files are gone; whether there were any.
    async fn let_go(
        &self,
        found: &Scan,
        kept: &HashMap<String, Option<Vec<u8>>>,
    ) -> Result<bool, StoreError> {
        let owner = PersonId::owner();
        let gone = kept.keys().filter(|name| !found.may_have(name));
        let gone: Vec<String> = gone.cloned().collect();
        let deleting = gone.into_iter().map(|name| {
            let (person, user) = (owner.to_string(), owner.to_string());
            self.store.delete_document(person, user, name, false, terms)
        });
        let mut deleted = 0;
        let mut deleting = futures::stream::iter(deleting).buffer_unordered(AT_ONCE);
        while let Some(done) = deleting.next().await {
            done?;
            deleted += 1;
        }
        if deleted > 0 {
            tracing::info!(
                deleted,
                "files are gone from the folder of documents, and so are their documents"
            );
        }
        Ok(deleted > 0)
    }

    /// Problems of files that are as they were when these were found.
    fn old_problems(&self, found: &Scan) -> HashMap<String, String> {
        let state = self.documents.folder.lock();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let still = |(name, _): &(&String, &String)| found.files.contains_key(*name);
        let still = state.files.iter().filter(still);
        still
            .map(|(name, why)| (name.clone(), why.clone()))
            .collect()
    }

    /// Takes over files; of each its stamp, and whether it took another one's place. `None`: it changed meanwhile.
    async fn take(
        &self,
        folder: &Path,
        due: Vec<(String, Found)>,
        kept: &HashMap<String, Option<Vec<u8>>>,
    ) -> Vec<(String, Stamp, Result<Option<bool>, MemoryError>)> {
        let many = due.len();
        let taking = due.into_iter().map(async |(name, found)| {
            let stamp = found.stamp;
            let hash = kept.get(&name).and_then(Option::as_deref);
            let done = self.take_one(&name, found, hash).await;
            (name, stamp, done)
        });
        let took: Vec<_> = futures::stream::iter(taking)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        if many > 0 {
            tracing::info!(files = many, folder = %folder.display(), "files of the folder of documents were looked at");
        }
        took
    }

    async fn take_one(
        &self,
        name: &str,
        found: Found,
        hash: Option<&[u8]>,
    ) -> Result<Option<bool>, MemoryError> {
        let kind = found.kind;
        let read = work(move || read(&found)).await?;
        let bytes = match read {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(MemoryError::Invalid(format!("it cannot be read: {error}"))),
        };
        // What came last time came again: nothing is done twice.
        if hash == Some(Sha256::digest(&bytes).as_slice()) {
            return Ok(Some(false));
        }
        let owner = PersonId::owner();
        let origin = Some(name.to_owned());
        let (person, user) = (owner.as_str(), owner.to_string());
        let mut new = self.read_out(person, user, name, kind, bytes).await?;
        new.origin = origin;
        let (_, _, replaced) = self.keep(owner.as_str(), new).await?;
        Ok(Some(replaced))
    }

    /// Shows how the folder is doing, and logs what was not logged before.
    fn tell(&self, known: &mut Known, state: FolderState) {
        let files = state.files.iter();
        let words = files.map(|(name, why)| format!("{name}: {why}"));
        let all: HashSet<String> = state.problem.iter().cloned().chain(words).collect();
        known.told.retain(|told| all.contains(told));
        for it in all {
            if !known.told.contains(&it) {
                tracing::warn!("the folder of documents: {it}");
                known.told.insert(it);
            }
        }
        let shown = self.documents.folder.lock();
        *shown.unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Known {
    /// The files that are to be taken now: other ones than before, and quiet.
    fn due(&mut self, found: &Scan) -> Vec<(String, Found)> {
        let now = SystemTime::now();
        let mut due = Vec::new();
        for (name, file) in &found.files {
            if self.taken.get(name) == Some(&file.stamp) {
                self.restless.remove(name);
                continue;
            }
            // As it was at the look before, which was long enough ago: a clock may say anything.
            let as_before = self.restless.get(name) == Some(&file.stamp);
            if as_before || file.stamp.is_quiet(now, QUIET) {
                self.restless.remove(name);
                due.push((name.clone(), file.clone()));
            } else {
                self.restless.insert(name.clone(), file.stamp);
            }
        }
        due
    }
}
