//! Carries messages between Chromium's debugging pipe and one WebSocket.
//!
//! Chromium's pipe (`--remote-debugging-pipe`: commands on descriptor 3, answers on 4, each message ended by NUL) has no
//! address that another process could reach. chromiumoxide speaks WebSocket, so a bridge listens on loopback, takes one
//! connection whose path holds a 256-bit secret, and then closes its port.

use std::io::{PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Message, http};

/// How long the bridge waits for the one who asked for it.
const CONNECT: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Bridge {
    listener: TcpListener,
    path: String,
}

impl Bridge {
    pub(super) async fn listen() -> std::io::Result<(String, Self)> {
        let mut secret = [0u8; 32];
        getrandom::fill(&mut secret).map_err(std::io::Error::other)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let path = secret
            .iter()
            .fold("/".to_owned(), |path, byte| format!("{path}{byte:02x}"));
        let address = format!("ws://{}{path}", listener.local_addr()?);
        Ok((address, Self { listener, path }))
    }

    pub(super) fn run(self, commands: PipeWriter, answers: PipeReader) -> std::io::Result<()> {
        let commands = pipe::Sender::from_owned_fd(OwnedFd::from(commands))?;
        let answers = pipe::Receiver::from_owned_fd(OwnedFd::from(answers))?;
        tokio::spawn(async move {
            // Both ends of the pipe close when this task ends, and Chromium with them.
            if let Err(error) = self.carry(commands, answers).await {
                tracing::debug!(%error, "the bridge to Chromium ended");
            }
        });
        Ok(())
    }

    async fn carry(
        self,
        mut commands: pipe::Sender,
        answers: pipe::Receiver,
    ) -> anyhow::Result<()> {
        let socket = tokio::time::timeout(CONNECT, self.accept()).await??;
        // From here on nobody else can connect.
        drop(self.listener);
        let (mut to_client, mut from_client) = socket.split();
        let upward = async {
            let mut answers = tokio::io::BufReader::with_capacity(64 * 1024, answers);
            let mut message = Vec::new();
            loop {
                message.clear();
                if answers.read_until(0, &mut message).await? == 0 {
                    return anyhow::Ok(());
                }
                message.pop();
                let text = String::from_utf8_lossy(&message).into_owned();
                to_client.send(Message::text(text)).await?;
            }
        };
        let downward = async {
            while let Some(message) = from_client.next().await {
                match message? {
                    Message::Text(text) => {
                        commands.write_all(text.as_bytes()).await?;
                        commands.write_all(&[0]).await?;
                    }
                    Message::Close(_) => break,
                    _ => {}
                }
            }
            anyhow::Ok(())
        };
        tokio::select! {
            done = upward => done,
            done = downward => done,
        }
    }

    /// The connection that knows the path. Others are refused and do not end the wait.
    async fn accept(
        &self,
    ) -> anyhow::Result<tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            stream.set_nodelay(true)?;
            #[expect(
                clippy::result_large_err,
                reason = "the library's callback has this type"
            )]
            let check =
                |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
                    if request.uri().path() == self.path {
                        return Ok(response);
                    }
                    let mut refusal = ErrorResponse::new(None);
                    *refusal.status_mut() = http::StatusCode::NOT_FOUND;
                    Err(refusal)
                };
            let config = tokio_tungstenite::tungstenite::protocol::WebSocketConfig::default()
                .max_message_size(None)
                .max_frame_size(None);
            let shaken = tokio::time::timeout(
                Duration::from_secs(2),
                tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(config)),
            );
            if let Ok(Ok(socket)) = shaken.await {
                return Ok(socket);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bridge_takes_only_the_connection_that_knows_its_path() {
        let (address, bridge) = Bridge::listen().await.unwrap();
        let (commands_read, commands_write) = std::io::pipe().unwrap();
        let (answers_read, _answers_write) = std::io::pipe().unwrap();
        bridge.run(commands_write, answers_read).unwrap();
        let port = address.split('/').nth(2).unwrap().to_owned();

        let guess = TcpListenerClient::connect(&port, "/0000").await;
        assert!(guess.is_err());
        let path = format!("/{}", address.rsplit('/').next().unwrap());
        let mut socket = TcpListenerClient::connect(&port, &path).await.unwrap();
        socket.send(Message::text("{}")).await.unwrap();
        let mut commands =
            tokio::io::BufReader::new(pipe::Receiver::from_owned_fd(commands_read.into()).unwrap());
        let mut message = Vec::new();
        commands.read_until(0, &mut message).await.unwrap();
        assert_eq!(message, b"{}\0");
        assert!(
            tokio::net::TcpStream::connect(&port).await.is_err(),
            "the port must be closed after the first"
        );
    }

    struct TcpListenerClient;
    impl TcpListenerClient {
        async fn connect(
            port: &str,
            path: &str,
        ) -> Result<
            tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>,
            tokio_tungstenite::tungstenite::Error,
        > {
            let stream = tokio::net::TcpStream::connect(port).await?;
            Ok(
                tokio_tungstenite::client_async(format!("ws://{port}{path}"), stream)
                    .await?
                    .0,
            )
        }
    }
}
