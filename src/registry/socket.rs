//! An instance's line over a WebSocket.

use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::far::{Attached, Far};
use super::patient::Patient;
use super::presence::Farewell;

/// Longest message, and longest frame of one, from an instance, bytes.
const MESSAGE: usize = 1 << 20;
/// Bytes that are read at once.
const READ: usize = 16 << 10;
/// Bytes that wait to be written: one message to the instance, and some words beside it.
const WRITE: usize = (1 << 20) + (256 << 10);
/// An instance that sends nothing for so long is gone. It pings every 30 seconds.
const SILENCE: Duration = Duration::from_secs(90);
/// How long a close waits for its answer.
const GOODBYE: Duration = Duration::from_secs(1);

/// Carries a line over a stream that has left HTTP, until either end is over, or the other end takes nothing for 30 seconds.
pub async fn carry<S: AsyncRead + AsyncWrite + Unpin>(stream: S, attached: Attached) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE))
        .read_buffer_size(READ)
        .write_buffer_size(READ)
        .max_write_buffer_size(WRITE);
    let socket =
        WebSocketStream::from_raw_socket(Patient::new(stream), Role::Server, Some(config)).await;
    let (mut to, mut from) = socket.split();
    let Attached {
        mut post,
        mut end,
        far,
    } = attached;
    // Reading goes on while something is written: two ends that both wait for the other to read would wait for ever.
    let down = async {
        while let Some(message) = post.next().await {
            if to.send(Message::text(message.text())).await.is_err() {
                return;
            }
        }
        // Its line is closed; what is said is said below.
        std::future::pending::<()>().await;
    };
    let why = tokio::select! {
        biased;
        farewell = &mut end => Some(farewell.unwrap_or(Farewell::Stopping)),
        end = read(&mut from, &far) => end,
        () = down => None,
    };
    // Whoever asks is told from now on that it is not connected; that it is gone is seen when this returns.
    if let Some(why) = why {
        let _ = timeout(GOODBYE, part(&mut to, &mut from, why)).await;
    }
    drop(far);
}

/// Reads until the instance ends it (`None`), or says nothing any more.
async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    from: &mut SplitStream<WebSocketStream<S>>,
    far: &Far,
) -> Option<Farewell> {
    loop {
        match timeout(SILENCE, from.next()).await {
            Err(_) => return Some(Farewell::Silent),
            Ok(Some(Ok(Message::Text(text)))) => far.take(&text),
            // Pings are answered by the library; whatever comes shows that somebody is there.
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_)))) => far.heard(),
            Ok(Some(Ok(Message::Close(_) | Message::Frame(_)))) => {
                // Once more, so that its close is answered.
                let _ = timeout(GOODBYE, from.next()).await;
                return None;
            }
            Ok(Some(Err(error))) => {
                tracing::debug!(instance = far.id(), "a socket broke: {error}");
                return None;
            }
            Ok(None) => return None,
        }
    }
}

/// Says goodbye, and reads on until the other end has said it too.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(
    to: &mut SplitSink<WebSocketStream<S>, Message>,
    from: &mut SplitStream<WebSocketStream<S>>,
    why: Farewell,
) {
    let (code, reason) = why.code();
    let frame = CloseFrame {
        code: CloseCode::from(code),
        reason: reason.into(),
    };
    if to.send(Message::Close(Some(frame))).await.is_ok() {
        while let Some(Ok(_)) = from.next().await {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::time::Instant;

    use super::*;
    use crate::registry::Presence;

    type Client = WebSocketStream<tokio::io::DuplexStream>;

    async fn connected(presence: &Presence, id: &str) -> (Client, tokio::task::JoinHandle<()>) {
        let (theirs, ours) = duplex(64 << 10);
        let attached = presence.attach(id).unwrap();
        let carried = tokio::spawn(carry(ours, attached));
        let client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
        (client, carried)
    }

    /// The code of the close that comes next, whatever comes before it.
    async fn closed(client: &mut Client) -> Option<u16> {
        while let Some(Ok(message)) = client.next().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| frame.code.into());
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_is_answered_and_ninety_silent_seconds_are_the_end() {
        let presence = Presence::default();
        let (mut client, carried) = connected(&presence, "a").await;
        client.send(Message::Ping("x".into())).await.unwrap();
        let pong = client.next().await.unwrap().unwrap();
        assert_eq!(pong, Message::Pong("x".into()));
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            client.send(Message::text("no JSON")).await.unwrap();
        }
        tokio::task::yield_now().await;
        assert!(presence.connected("a").is_some());
        let began = Instant::now();
        assert_eq!(closed(&mut client).await, Some(4003));
        assert_eq!(began.elapsed().as_secs(), 90);
        drop(client);
        carried.await.unwrap();
        assert!(presence.connected("a").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_does_not_say_goodbye_does_not_hold_up_a_stop() {
        let presence = Presence::default();
        let (mut polite, _) = connected(&presence, "a").await;
        let (mute, _) = connected(&presence, "b").await;
        let stop = tokio::spawn({
            let presence = presence.clone();
            async move { presence.close().await }
        });
        assert_eq!(closed(&mut polite).await, Some(1001));
        let began = Instant::now();
        stop.await.unwrap();
        assert!(began.elapsed() <= GOODBYE * 2);
        drop(mute);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_takes_nothing_is_cut_though_it_goes_on_talking() {
        let presence = Presence::default();
        let (client, carried) = connected(&presence, "a").await;
        let (mut to, _from) = client.split();
        let began = Instant::now();
        let long = "x".repeat(1 << 19);
        let request = serde_json::Map::from_iter([("m".to_owned(), long.into())]);
        let chat = presence.chat("a", &request).unwrap();
        let talk = async {
            loop {
                tokio::time::sleep(Duration::from_secs(10)).await;
                if to.send(Message::text("x")).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            ended = carried => ended.unwrap(),
            () = talk => {}
        }
        assert_eq!(began.elapsed().as_secs(), 30);
        assert!(presence.connected("a").is_none());
        drop(chat);
    }

    #[tokio::test]
    async fn who_sends_too_much_at_once_is_cut() {
        let presence = Presence::default();
        let (mut client, carried) = connected(&presence, "a").await;
        let long = "x".repeat(MESSAGE + 1);
        let _ = client.send(Message::text(long)).await;
        carried.await.unwrap();
        assert!(presence.connected("a").is_none());
    }
}
