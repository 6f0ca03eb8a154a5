//! What the events of one page have told so far.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::page::Frame;

/// A request that is older than this keeps nobody waiting: it is a long poll or a stream.
const LONG_POLL: Duration = Duration::from_secs(5);
/// Answers and console lines that are kept.
const KEPT: usize = 200;

/// An answer to a document or script request of the page.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Where it came from.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// Whether it is the document of the page itself (not of a frame).
    pub document: bool,
    /// Whether the request carried something to the site (POST, PUT, PATCH).
    pub sent: bool,
    /// Whether a script of the page asked for it and sent nothing (GET by XHR or fetch).
    pub read: bool,
    /// `Retry-After`, where it is a number of seconds.
    pub retry_after: Option<TimeDelta>,
    /// `WWW-Authenticate` of an answer 401.
    pub challenge: Option<String>,
}

/// A request that has not ended.
pub(super) struct UnderWay {
    pub(super) began: Instant,
    /// Whether it is one that may take its time: a document, or data for the site.
    pub(super) patient: bool,
    /// The document that sent it, or that it is.
    pub(super) document: String,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) url: String,
    /// Every frame, the page's own first.
    pub(super) frames: Vec<Frame>,
    pub(super) origins: BTreeSet<String>,
    /// The requests under way, by their id.
    pub(super) in_flight: HashMap<String, UnderWay>,
    pub(super) sending: BTreeSet<String>,
    pub(super) reading: BTreeSet<String>,
    pub(super) last_activity: Option<Instant>,
    pub(super) answers: VecDeque<Answer>,
    /// Answers that came since the page was made; tells which of `answers` are new.
    pub(super) answered: u64,
    pub(super) requests_sent: u64,
    pub(super) failed_document: Option<(String, String)>,
    /// Documents whose DOM was complete.
    pub(super) documents: u64,
    pub(super) console: VecDeque<String>,
    /// What dialogs said, each with the number of answers that had come before it.
    pub(super) dialogs: VecDeque<(u64, String)>,
    /// Whether a question of the page is answered by yes; otherwise by no.
    pub(super) agrees: Option<fn(&str) -> bool>,
    /// Windows that the page has opened.
    pub(super) windows: u64,
    pub(super) crashed: bool,
}

/// Filled by the page's listener, read and awaited by its user.
#[derive(Default)]
pub(super) struct Observed {
    seen: Mutex<Seen>,
    changed: Notify,
}

impl Observed {
    pub(super) fn note(&self, change: impl FnOnce(&mut Seen)) {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.last_activity = Some(Instant::now());
        change(&mut seen);
        drop(seen);
        self.changed.notify_waiters();
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(
            &self
                .seen
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// Waits until `holds`, at most until `deadline`; says whether it came to hold.
    pub(super) async fn until(&self, deadline: Instant, holds: impl Fn(&Seen) -> bool) -> bool {
        loop {
            let changed = self.changed.notified();
            if self.read(|seen| holds(seen) || seen.crashed) {
                return !self.read(|seen| seen.crashed);
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return self.read(&holds);
            }
        }
    }

    /// Waits for the next event, at most until `deadline`.
    pub(super) async fn next(&self, deadline: Instant) {
        let _ = tokio::time::timeout_at(deadline, self.changed.notified()).await;
    }

    /// Waits until nothing has moved for `quiet` and no request is under way, at most until `deadline`.
    pub(super) async fn until_quiet(&self, quiet: Duration, deadline: Instant) -> bool {
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let next = self.read(|seen| {
                if seen.crashed {
                    return None;
                }
                let still = seen.last_activity.map_or(now, |at| at + quiet);
                let until = |request: &UnderWay| match request.patient {
                    true => deadline + LONG_POLL,
                    false => request.began + LONG_POLL,
                };
                let busy = seen
                    .in_flight
                    .values()
                    .map(until)
                    .filter(|end| *end > now)
                    .max();
                Some(still.max(busy.unwrap_or(now)))
            });
            match next {
                None => return false,
                Some(at) if at <= now => return true,
                Some(_) if now >= deadline => return false,
                Some(at) => {
                    // Either time passes without a change, or something moves and the count begins anew.
                    let _ = tokio::time::timeout_at(at.min(deadline), changed).await;
                }
            }
        }
    }
}

impl Seen {
    /// A frame came, or has another document now.
    pub(super) fn frame(&mut self, frame: Frame) {
        match self.frames.iter_mut().find(|known| **known == frame) {
            Some(known) => *known = frame,
            None => self.frames.push(frame),
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        if self.answers.len() == KEPT {
            self.answers.pop_front();
        }
        self.answered += 1;
        self.answers.push_back(answer);
    }

    pub(super) fn dialog(&mut self, text: &str) {
        if self.dialogs.len() == KEPT {
            self.dialogs.pop_front();
        }
        let text = text.chars().take(500).collect();
        self.dialogs.push_back((self.answered, text));
    }

    pub(super) fn console(&mut self, line: String) {
        if self.console.len() == KEPT {
            self.console.pop_front();
        }
        self.console.push_back(line.chars().take(500).collect());
    }
}
