//! Messages that wait to be sent to an instance.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::budget::Weighed;

/// A message that waits to be sent. Whoever has put it there may take it back until then.
#[derive(Debug, Clone)]
pub(super) struct Letter(Arc<Mutex<Option<Weighed>>>);

impl Letter {
    pub(super) fn new(text: Weighed) -> Self {
        Self(Arc::new(Mutex::new(Some(text))))
    }

    /// Takes it back; `false`: it is on its way.
    pub(super) fn withdraw(&self) -> bool {
        self.open().is_some()
    }

    fn open(&self) -> Option<Weighed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A message that is being sent, as JSON; its bytes count until it is dropped.
#[derive(Debug)]
pub struct Sending(Weighed);

impl Sending {
    /// The message.
    pub fn text(&self) -> &str {
        self.0.text()
    }
}

/// What an instance shall be sent.
#[derive(Debug)]
pub struct Post(mpsc::Receiver<Letter>);

impl Post {
    /// With so many places.
    pub(super) fn new(places: usize) -> (mpsc::Sender<Letter>, Self) {
        let (sender, receiver) = mpsc::channel(places);
        (sender, Self(receiver))
    }

    /// The next message that nobody has taken back; `None`: the line is closed.
    pub async fn next(&mut self) -> Option<Sending> {
        loop {
            if let Some(text) = self.0.recv().await?.open() {
                return Some(Sending(text));
            }
        }
    }

    /// The next one, where one waits.
    #[cfg(test)]
    pub(super) fn waiting(&mut self) -> Option<String> {
        loop {
            if let Some(text) = self.0.try_recv().ok()?.open() {
                return Some(text.text().to_owned());
            }
        }
    }
}
