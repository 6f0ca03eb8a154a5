//! Sessions as their readers get them: read and rendered once for each generation of their files.
//!
//! A reader costs two looks at files' inodes and a clone of bytes that are shared. What is kept here is in memory only,
//! bounded, and dropped when its file changes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use url::Url;

use super::{Kept, Renewer};
use crate::failure::{Failure, FailureClass};
use crate::ids::{SessionKey, SessionName};
use crate::session::formats::{Format, FormatError, export};
use crate::session::{Dropped, FilesError, Stamp, StorageState};

/// Most that is kept of rendered sessions, bytes.
const ROOM: usize = 64 << 20;
/// Most that one rendered session may weigh to be kept, bytes.
const LARGEST: usize = ROOM / 4;
/// Most rendered sessions: the URL that one is rendered for comes from outside.
const MOST: usize = 1024;
/// Most records: far more than anybody has sessions.
const MOST_RECORDS: usize = 16 * 1024;

/// A session in one format.
#[derive(Debug)]
pub struct Rendered {
    /// The text.
    pub bytes: Bytes,
    /// A strong entity tag, with its quotes: a hash of the bytes (RFC 9110 section 8.8.3).
    pub etag: String,
    /// When the state was written, to the second.
    pub modified: DateTime<Utc>,
    /// What the format has no place for. Names no value.
    pub left_out: Vec<Dropped>,
}

/// Why a session cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// It is damaged, or does not open.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The format cannot hold it.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// What was read and rendered.
#[derive(Default)]
pub(super) struct Shelf {
    records: RwLock<HashMap<SessionKey, (Stamp, Arc<Kept>)>>,
    states: RwLock<States>,
    /// Grows with every use: the entry with the smallest count was used least lately.
    uses: AtomicU64,
}

#[derive(Default)]
struct States {
    by_path: HashMap<PathBuf, Vec<Entry>>,
    weight: usize,
    count: usize,
}

struct Entry {
    format: Format,
    url: Option<Url>,
    stamp: Stamp,
    /// A cookie ends then, and is left out from then on.
    good_until: Option<DateTime<Utc>>,
    used: AtomicU64,
    rendered: Arc<Rendered>,
}

impl Entry {
    /// What it takes, bytes. The URL comes from outside, and may be long.
    fn weight(&self) -> usize {
        let url = self.url.as_ref().map_or(0, |url| url.as_str().len());
        self.rendered.bytes.len() + url
    }
}

impl Shelf {
    fn find(
        &self,
        path: &Path,
        stamp: Stamp,
        (format, url): (Format, Option<&Url>),
        now: DateTime<Utc>,
    ) -> Option<Arc<Rendered>> {
        let states = self.states.read().unwrap_or_else(PoisonError::into_inner);
        let entry = states.by_path.get(path)?.iter().find(|entry| {
            entry.stamp == stamp
                && entry.format == format
                && entry.url.as_ref() == url
                && entry.good_until.is_none_or(|end| now < end)
        })?;
        entry.used.store(self.next_use(), Ordering::Relaxed);
        Some(Arc::clone(&entry.rendered))
    }

    fn keep(&self, path: PathBuf, entry: Entry) {
        let weight = entry.weight();
        if weight > LARGEST {
            return;
        }
        entry.used.store(self.next_use(), Ordering::Relaxed);
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        states.retain(|at, other| {
            let same = other.format == entry.format && other.url == entry.url;
            at != path || (other.stamp == entry.stamp && !same)
        });
        while states.count >= MOST || states.weight + weight > ROOM {
            let all = states.by_path.values().flatten();
            let Some(oldest) = all.map(|entry| entry.used.load(Ordering::Relaxed)).min() else {
                break;
            };
            states.retain(|_, entry| entry.used.load(Ordering::Relaxed) != oldest);
        }
        states.weight += weight;
        states.count += 1;
        states.by_path.entry(path).or_default().push(entry);
    }

    /// Drops what was rendered of a file.
    pub(super) fn drop_states(&self, path: &Path) {
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        states.retain(|at, _| at != path);
    }

    /// Drops everything that was rendered.
    pub(super) fn clear(&self) {
        *self.states.write().unwrap_or_else(PoisonError::into_inner) = States::default();
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }
}

impl States {
    fn retain(&mut self, keep: impl Fn(&Path, &Entry) -> bool) {
        let (mut weight, mut count) = (0, 0);
        self.by_path.retain(|path, entries| {
            entries.retain(|entry| keep(path, entry));
            count += entries.len();
            weight += entries.iter().map(Entry::weight).sum::<usize>();
            !entries.is_empty()
        });
        (self.weight, self.count) = (weight, count);
    }
}

impl Renewer {
    /// What is kept beside a session's state, shared as long as its file does not change.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn known(&self, key: &SessionKey) -> Result<Arc<Kept>, FilesError> {
        let path = self.files.record_path(key);
        let Some(stamp) = Stamp::of(&path) else {
            return self.kept(key).map(Arc::new);
        };
        let records = &self.shelf.records;
        let found = records.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, kept)) = found.get(key)
            && *read == stamp
        {
            return Ok(Arc::clone(kept));
        }
        drop(found);
        let kept = Arc::new(self.kept(key)?);
        if Stamp::of(&path) == Some(stamp) {
            let mut records = records.write().unwrap_or_else(PoisonError::into_inner);
            if records.len() >= MOST_RECORDS {
                records.clear();
            }
            records.insert(key.clone(), (stamp, Arc::clone(&kept)));
        }
        Ok(kept)
    }

    /// The session in a format; with a URL, only what belongs to it. `None` where it was never captured.
    ///
    /// # Errors
    /// It is damaged, does not open, or the format cannot hold it.
    pub async fn rendered(
        &self,
        name: &SessionName,
        format: Format,
        url: Option<&Url>,
    ) -> Result<Option<Arc<Rendered>>, Unread> {
        let now = (self.clock)();
        let stamped = match name {
            SessionName::One(key) => self.stamped(key),
            SessionName::Joined(combination) => {
                let path = self.files.combination_path(combination);
                Stamp::of(&path).map(|stamp| (path, stamp))
            }
        };
        if let Some((path, stamp)) = &stamped
            && let Some(found) = self.shelf.find(path, *stamp, (format, url), now)
        {
            return Ok(Some(found));
        }
        let files = match name {
            SessionName::One(key) => self.files_of(key).await?,
            SessionName::Joined(_) => self.files.clone(),
        };
        let (name, url, shelf) = (name.clone(), url.cloned(), Arc::clone(&self.shelf));
        // A state may weigh megabytes.
        let made = tokio::task::spawn_blocking(move || {
            let state = match &name {
                SessionName::One(key) => files.load(key),
                SessionName::Joined(combination) => files.load_combination(combination),
            };
            let Some(state) = state.map_err(Failure::from)? else {
                return Ok(None);
            };
            let modified = stamped.as_ref().map(|(_, stamp)| stamp.modified());
            let rendered = render(&state, format, url.as_ref(), now, modified.unwrap_or(now))?;
            let rendered = Arc::new(rendered);
            if let Some((path, stamp)) = stamped
                && Stamp::of(&path) == Some(stamp)
            {
                let entry = Entry {
                    format,
                    url,
                    stamp,
                    good_until: next_end(&state, now),
                    used: AtomicU64::default(),
                    rendered: Arc::clone(&rendered),
                };
                shelf.keep(path, entry);
            }
            Ok(Some(rendered))
        });
        made.await.unwrap_or_else(|_| {
            let message = "the session could not be read";
            Err(Failure::new(FailureClass::Storage, message).into())
        })
    }

    /// The file that the state of this key is read from, and its stamp.
    pub(super) fn stamped(&self, key: &SessionKey) -> Option<(PathBuf, Stamp)> {
        let path = self.state_path(key);
        match Stamp::of(&path) {
            Some(stamp) => Some((path, stamp)),
            // Sealing was switched on, and nobody has worked on this account since.
            None => {
                let plain = self.files.state_path(key);
                Stamp::of(&plain).map(|stamp| (plain, stamp))
            }
        }
    }
}

fn render(
    state: &StorageState,
    format: Format,
    url: Option<&Url>,
    now: DateTime<Utc>,
    modified: DateTime<Utc>,
) -> Result<Rendered, FormatError> {
    let exported = export(state, format, url, now)?;
    let hash = Sha256::digest(exported.text.as_bytes());
    Ok(Rendered {
        etag: format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..18])),
        bytes: exported.text.into(),
        modified,
        left_out: exported.left_out,
    })
}

/// When the next cookie ends.
fn next_end(state: &StorageState, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let ends = state
        .cookies
        .iter()
        .filter_map(|cookie| DateTime::from_timestamp_millis((cookie.expires * 1000.0) as i64));
    ends.filter(|end| *end > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(url: &str, stamp: Stamp, bytes: usize) -> Entry {
        Entry {
            format: Format::Header,
            url: Some(url.parse().unwrap()),
            stamp,
            good_until: DateTime::from_timestamp(100, 0),
            used: AtomicU64::default(),
            rendered: Arc::new(Rendered {
                bytes: vec![b'x'; bytes].into(),
                etag: String::new(),
                modified: DateTime::UNIX_EPOCH,
                left_out: Vec::new(),
            }),
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_goes_when_its_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "one").unwrap();
        let first = Stamp::of(&file).unwrap();
        let shelf = Shelf::default();
        let held = || {
            let states = shelf.states.read().unwrap();
            (states.count, states.weight)
        };
        let found = |url: &str, stamp, second| {
            let url = url.parse().unwrap();
            let now = DateTime::from_timestamp(second, 0).unwrap();
            let found = shelf.find(&file, stamp, (Format::Header, Some(&url)), now);
            found.is_some()
        };
        for i in 0..MOST + 10 {
            shelf.keep(file.clone(), entry(&format!("http://a/{i}"), first, 10));
            // The first is used all the time, and stays.
            assert!(found("http://a/0", first, 50));
        }
        assert_eq!(held().0, MOST);
        assert!(held().1 >= MOST * (10 + "http://a/0".len()));
        assert!(!found("http://a/1", first, 50));
        assert!(!found("http://a/0", first, 100), "a cookie has ended");
        for i in 0..10 {
            shelf.keep(
                file.clone(),
                entry(&format!("http://b/{i}"), first, LARGEST - 10),
            );
            assert!(held().1 <= ROOM);
        }
        shelf.keep(file.clone(), entry("http://c/", first, LARGEST));
        assert!(!found("http://c/", first, 50));
        std::fs::write(&file, "two!").unwrap();
        let second = Stamp::of(&file).unwrap();
        shelf.keep(file.clone(), entry("http://a/", second, 7));
        assert_eq!(held(), (1, 7 + "http://a/".len()));
        assert!(found("http://a/", second, 50) && !found("http://a/", first, 50));
        shelf.drop_states(&file);
        assert_eq!(held(), (0, 0));
    }
}
