//! What happens to sessions, told to whoever follows.

use tokio::sync::broadcast;

use super::Report;
use crate::ids::SessionKey;

/// How much is kept for one who does not listen at once; then the oldest is lost to that one.
const KEPT: usize = 4096;

/// Something that happened to a session in this process.
#[derive(Debug, Clone)]
pub enum News {
    /// A renewal came to an end.
    Ended(Report),
    /// A person asked to leave it alone.
    Held(SessionKey),
    /// A person let it go on.
    Released(SessionKey),
    /// A person brought it.
    Imported(SessionKey),
    /// A person deleted it.
    Deleted(SessionKey),
    /// Its login waits for a code.
    CodeWanted(SessionKey),
    /// The queue is closed: nothing more comes.
    Over,
}

/// Where news are told. Clones tell the same ones.
#[derive(Clone)]
pub(super) struct Told(broadcast::Sender<News>);

impl Default for Told {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl Told {
    pub(super) fn tell(&self, news: News) {
        // Nobody listens: fine.
        let _ = self.0.send(news);
    }

    pub(super) fn follow(&self) -> broadcast::Receiver<News> {
        self.0.subscribe()
    }
}
