//! The line between a load and its registry, whatever carries it.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rustls_platform_verifier::ConfigVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::Loads;
use super::answering::Answering;
use crate::llm::Llm;
use crate::registry::{Attached, Farewell, Patient, Status};
use crate::store::LoadRow;

/// Longest wait for a connection, and for its TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait until a registry agrees to a WebSocket.
const AGREED: Duration = Duration::from_secs(10);
/// Pause between two pings.
const PING: Duration = Duration::from_secs(30);
/// A registry that answers no ping for so long is gone.
const SILENCE: Duration = Duration::from_secs(90);
/// How often it is looked whether another connection of the instance still has its place.
const LOOK: Duration = Duration::from_secs(1);
/// Longest message from a registry.
const MESSAGE: usize = 2 << 20;
/// Bytes that are read, or gathered before they are written.
const BUFFER: usize = 16 << 10;
/// Messages that wait to be sent.
const AHEAD: usize = 64;

/// Why a load is not connected any more, or was not at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Left {
    /// Nobody answers there.
    #[error("the registry cannot be reached")]
    Unreachable,
    /// Nobody can be sure who answers there.
    #[error("the registry's certificate is not one that is trusted here")]
    Untrusted,
    /// It knows the id or the password no more.
    #[error("the registry does not take this load's credentials; register it again")]
    Refused,
    /// It is no registry, or one that does not work now.
    #[error("the registry does not agree to a connection (status {0})")]
    Status(u16),
    /// It answers something else.
    #[error("what answers at the registry's address is no registry")]
    Odd,
    /// Whoever came with the password goes before.
    #[error("replaced by a connection with its password; it connects when that ends")]
    Behind,
    /// It does not listen.
    #[error("the registry asks for more answers than it takes")]
    Flooded,
    /// Another one has connected with the same credentials.
    #[error("another connection of the same instance has taken its place")]
    Replaced,
    /// The registry has ended it.
    #[error("the registry has ended the connection")]
    Ended,
    /// It broke.
    #[error("the connection to the registry broke")]
    Broke,
    /// What is needed for it is not there.
    #[error("{0}")]
    Here(String),
}

impl Loads {
    fn answering(&self, row: &LoadRow, out: mpsc::Sender<String>) -> Answering {
        let (store, person) = (self.0.store.clone(), row.person.clone());
        // Asked anew for each chat: the person may have been kept out since it connected.
        let may = move || store.may_answer(&person).unwrap_or(false);
        Answering::new(Llm::new(self.0.renewer.clone()), may, out)
    }

    /// Connects a load, and answers chats until it ends. `tell` is called when it is connected, and where it waits, with why.
    pub(super) async fn line(&self, row: &LoadRow, tell: impl Fn(Option<Left>)) -> Left {
        let (Some(registry), Some(instance)) = (&row.registry, &row.instance) else {
            return Left::Refused;
        };
        if registry.is_empty() {
            return self.own_line(row, instance, tell).await;
        }
        let password = match self.password(row).await {
            Ok(Some(password)) => password,
            Ok(None) => return Left::Refused,
            Err(error) => return Left::Here(error.to_string()),
        };
        let Some(url) = address(registry, instance, &password) else {
            return Left::Odd;
        };
        drop(password);
        match open(&url).await {
            Ok(Socket::Plain(socket)) => self.talk(row, *socket, tell).await,
            Ok(Socket::Tls(socket)) => self.talk(row, *socket, tell).await,
            Err(left) => left,
        }
    }

    /// Within this process: the person of the load is proof enough.
    async fn own_line(&self, row: &LoadRow, instance: &str, tell: impl Fn(Option<Left>)) -> Left {
        let registry = &self.0.registry;
        let known = match registry.instance(instance) {
            Ok(known) => known,
            Err(error) => return Left::Here(error.to_string()),
        };
        let own = known.is_some_and(|known| {
            known.status != Status::Unregistered
                && known
                    .person
                    .is_some_and(|person| person.as_str() == row.person)
        });
        if !own {
            return Left::Refused;
        }
        if registry.presence().connected(instance).is_some() {
            tell(Some(Left::Behind));
        }
        while registry.presence().connected(instance).is_some() {
            sleep(LOOK).await;
        }
        let Attached {
            mut post,
            mut end,
            far,
        } = match registry.presence().attach_within(instance) {
            Ok(attached) => attached,
            Err(full) => return Left::Here(full.to_string()),
        };
        tell(None);
        let (out, mut answers) = mpsc::channel(AHEAD);
        let mut answering = self.answering(row, out);
        let mut beat = interval(PING);
        loop {
            tokio::select! {
                farewell = &mut end => return match farewell {
                    Ok(Farewell::Replaced) => Left::Replaced,
                    Ok(Farewell::Unregistered | Farewell::Moved) => Left::Refused,
                    _ => Left::Ended,
                },
                Some(message) = post.next() => if answering.take(message.text()).is_err() {
                    return Left::Flooded;
                },
                Some(answer) = answers.recv() => far.take(&answer),
                _ = beat.tick() => far.heard(),
            }
        }
    }

    /// Over a WebSocket.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        row: &LoadRow,
        socket: WebSocketStream<S>,
        tell: impl Fn(Option<Left>),
    ) -> Left {
        tell(None);
        let (mut to, mut from) = socket.split();
        let (out, mut answers) = mpsc::channel(AHEAD);
        let mut answering = self.answering(row, out);
        // In two: who writes must not keep the other end from being read.
        let up = async {
            let mut beat = interval(PING);
            loop {
                let message = tokio::select! {
                    Some(answer) = answers.recv() => Message::text(answer),
                    _ = beat.tick() => Message::Ping(Default::default()),
                };
                if to.send(message).await.is_err() {
                    return Left::Broke;
                }
            }
        };
        let down = async {
            loop {
                match timeout(SILENCE, from.next()).await {
                    Ok(Some(Ok(Message::Text(text)))) => {
                        if answering.take(&text).is_err() {
                            return Left::Flooded;
                        }
                    }
                    Ok(Some(Ok(Message::Close(frame)))) => {
                        let code = frame.map(|frame| u16::from(frame.code));
                        return match code {
                            Some(4000) => Left::Replaced,
                            _ => Left::Ended,
                        };
                    }
                    Ok(Some(Ok(_))) => {}
                    Ok(Some(Err(_)) | None) | Err(_) => return Left::Broke,
                }
            }
        };
        tokio::select! {
            left = down => left,
            left = up => left,
        }
    }
}

/// Where an instance connects. Its password stands in the query, as registries want it: this is printed nowhere.
fn address(registry: &str, instance: &str, password: &SecretString) -> Option<Zeroizing<String>> {
    let mut url = Url::parse(registry).ok()?;
    let scheme = match url.scheme() {
        "https" => "wss",
        _ => "ws",
    };
    url.set_scheme(scheme).ok()?;
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend(["api", "ws", instance]);
    url.query_pairs_mut()
        .append_pair("password", password.expose_secret());
    Some(Zeroizing::new(url.into()))
}

enum Socket {
    Plain(Box<WebSocketStream<Patient<TcpStream>>>),
    Tls(Box<WebSocketStream<Patient<tokio_rustls::client::TlsStream<TcpStream>>>>),
}

async fn open(address: &str) -> Result<Socket, Left> {
    let url = Url::parse(address).map_err(|_| Left::Odd)?;
    let (host, port) = (url.host().ok_or(Left::Odd)?, url.port_or_known_default());
    let port = port.ok_or(Left::Odd)?;
    let connected = async {
        match &host {
            Host::Domain(name) => TcpStream::connect((*name, port)).await,
            Host::Ipv4(ip) => TcpStream::connect((*ip, port)).await,
            Host::Ipv6(ip) => TcpStream::connect((*ip, port)).await,
        }
    };
    let connected = timeout(CONNECT, connected).await;
    let stream = connected
        .map_err(|_| Left::Unreachable)?
        .map_err(|_| Left::Unreachable)?;
    // Without it an answer in small pieces waits for acknowledgements.
    let _ = stream.set_nodelay(true);
    if url.scheme() != "wss" {
        let socket = agreed(address, stream).await?;
        return Ok(Socket::Plain(Box::new(socket)));
    }
    let name = url.host_str().ok_or(Left::Odd)?;
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(name.to_owned()).map_err(|_| Left::Odd)?;
    let config = ClientConfig::with_platform_verifier().map_err(|_| Left::Untrusted)?;
    let secured = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let secured = timeout(CONNECT, secured).await;
    let stream = secured
        .map_err(|_| Left::Unreachable)?
        .map_err(|_| Left::Untrusted)?;
    let socket = agreed(address, stream).await?;
    Ok(Socket::Tls(Box::new(socket)))
}

/// Asks for a WebSocket. Nothing leads elsewhere: any answer but 101 is a refusal.
async fn agreed<S: AsyncRead + AsyncWrite + Unpin>(
    address: &str,
    stream: S,
) -> Result<WebSocketStream<Patient<S>>, Left> {
    let request = address.into_client_request().map_err(|_| Left::Odd)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE))
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(MESSAGE);
    let asked = client_async_with_config(request, Patient::new(stream), Some(config));
    match timeout(AGREED, asked).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(answer))) => Err(match answer.status().as_u16() {
            401 => Left::Refused,
            status => Left::Status(status),
        }),
        // The library's words may hold the address.
        Ok(Err(Error::Io(_))) => Err(Left::Broke),
        Ok(Err(_)) => Err(Left::Odd),
        Err(_) => Err(Left::Unreachable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_connects_below_its_registry_over_the_same_security() {
        let of = |registry: &str| {
            let password = SecretString::from("a b&c");
            address(registry, "1/2", &password).unwrap().to_string()
        };
        let rest = "api/ws/1%2F2?password=a+b%26c";
        assert_eq!(of("https://r.test"), format!("wss://r.test/{rest}"));
        assert_eq!(of("https://r.test/x/"), format!("wss://r.test/x/{rest}"));
        let here = of("http://127.0.0.1:81");
        assert_eq!(here, format!("ws://127.0.0.1:81/{rest}"));
    }
}
