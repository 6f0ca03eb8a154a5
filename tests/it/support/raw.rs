//! Requests as bytes, as no HTTP library would send them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Api;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back on a connection until the daemon closed it, or fell silent.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) text: String,
    /// Whether the daemon closed it.
    pub(crate) closed: bool,
}

impl Heard {
    /// The status of each answer.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        let answers = self.text.split("HTTP/1.").skip(1);
        let status = |answer: &str| answer.get(2..5)?.parse().ok();
        answers.filter_map(status).collect()
    }

    /// The status of the only answer; 0 where there is none.
    pub(crate) fn status(&self) -> u16 {
        let all = self.statuses();
        assert!(all.len() < 2, "{self:?}");
        all.first().copied().unwrap_or_default()
    }
}

/// The port of an API.
pub(crate) fn port(api: &Api) -> u16 {
    let port = api.base.rsplit(':').next().unwrap();
    port.parse().unwrap()
}

/// Sends these bytes, and hears what comes back.
pub(crate) async fn say(api: &Api, bytes: impl AsRef<[u8]>) -> Heard {
    let stream = TcpStream::connect(("127.0.0.1", port(api))).await.unwrap();
    hear(stream, bytes.as_ref()).await
}

async fn hear(mut stream: TcpStream, bytes: &[u8]) -> Heard {
    // It may have been refused before all of it was sent.
    let _ = stream.write_all(bytes).await;
    let mut all = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, async {
        let mut space = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut space).await {
            all.extend_from_slice(&space[..read]);
        }
    });
    let closed = closed.await.is_ok();
    let text = String::from_utf8_lossy(&all).into_owned();
    Heard { text, closed }
}
