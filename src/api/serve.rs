//! Listening, and one connection after the other.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::Peer;
use super::gate::Gate;
use super::places::{Place, Places};
use super::tls::Certificate;
use super::wire::{Answering, Busy, Wire};
use crate::config::ApiConfig;
use crate::session::Counter;

/// Longest time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a stop waits for answers that are being written.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of the header of a request.
const HEADER_BYTES: usize = 32 << 10;
/// Lines of the header of a request.
const HEADER_LINES: usize = 100;
/// Most connections over the network, where so many files may be open.
const CONNECTIONS: usize = 8192;
/// Most connections at the socket.
const AT_SOCKET: usize = 1024;
/// As many files as this the daemon asks to be allowed to open.
const FILES: u64 = 65_536;

/// Why the door does not open.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("HTTP cannot be served at {address}; set another address with [api] listen")]
    Address {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// Others could read along.
    #[error(
        "HTTP at {address} would be readable by everyone on the way: give a certificate with [api] tls = {{ cert = \"…\", key = \"…\" }}, or listen at 127.0.0.1"
    )]
    Plain {
        /// The address.
        address: SocketAddr,
    },
    /// The certificate cannot be used.
    #[error("HTTPS cannot be served: {0}")]
    Certificate(String),
    /// The socket cannot be used.
    #[error("the socket cannot be served")]
    Socket(#[source] io::Error),
}

/// The door while it is open; ends when it is told to.
pub struct Served {
    /// The address of HTTP, where it is served over the network.
    pub address: Option<SocketAddr>,
    stop: tokio::sync::watch::Sender<bool>,
    loops: Vec<JoinHandle<()>>,
    follower: Option<JoinHandle<()>>,
    /// Its file goes when the door closes.
    _socket: Counter,
}

impl Served {
    /// Takes no new connection, and lets the answers that are under way end.
    pub async fn close(self) {
        self.stop.send_replace(true);
        if let Some(follower) = self.follower {
            follower.abort();
        }
        let ends = futures::future::join_all(self.loops);
        if tokio::time::timeout(PATIENCE + Duration::from_secs(1), ends)
            .await
            .is_err()
        {
            tracing::warn!("some connections did not end in time");
        }
    }
}

/// Serves the router at a socket, and over the network where an address is given.
///
/// # Errors
/// The address is taken, not ours, or not loopback and without TLS; or the certificate cannot be used.
pub async fn serve(
    router: Router,
    socket: Counter,
    root: &Path,
    config: &ApiConfig,
) -> Result<Served, ServeError> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let public = config.public_url.as_ref();
    let files = allow_files();
    let (mut loops, mut address, mut follower) = (Vec::new(), None, None);
    if let Some(listen) = config.listen {
        let certificate = config.tls.as_ref();
        let certificate = certificate.map(|tls| Certificate::load(root, tls));
        let certificate = certificate.transpose().map_err(ServeError::Certificate)?;
        if certificate.is_none() && !listen.ip().is_loopback() {
            return Err(ServeError::Plain { address: listen });
        }
        let bound = TcpListener::bind(listen).await;
        let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (at, listener) = bound.map_err(|source| ServeError::Address {
            address: listen,
            source,
        })?;
        let gate = Gate::network(at, certificate.is_some(), public, &config.proxies);
        let acceptor = certificate.as_ref().map(Certificate::acceptor).transpose();
        let acceptor = acceptor.map_err(ServeError::Certificate)?;
        follower = certificate.map(|certificate| tokio::spawn(certificate.follow()));
        address = Some(at);
        let places = Places::new(CONNECTIONS.min(files / 2));
        let accept = async move || {
            let (stream, from) = listener.accept().await?;
            // A small answer must not wait for more to send.
            stream.set_nodelay(true)?;
            Ok((stream, Peer::Tcp(from)))
        };
        let house = House::new(router.clone(), gate, acceptor, places);
        loops.push(tokio::spawn(accept_all(accept, house, stopped.clone())));
    }
    let listening = socket.listener().and_then(UnixListener::from_std);
    let listening = listening.map_err(ServeError::Socket)?;
    let own = rustix::process::geteuid().as_raw();
    let accept = async move || {
        let (stream, _) = listening.accept().await?;
        let uid = stream.peer_cred()?.uid();
        // The folder lets nobody else in; this holds where root handed the socket on.
        if uid != own && uid != 0 {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        Ok((stream, Peer::Socket { uid }))
    };
    let gate = Gate::socket(public);
    let house = House::new(router, gate, None, Places::new(AT_SOCKET));
    loops.push(tokio::spawn(accept_all(accept, house, stopped)));
    Ok(Served {
        address,
        stop,
        loops,
        follower,
        _socket: socket,
    })
}

/// Raises the number of files that may be open as far as the system lets us, and gives it.
fn allow_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES, |most| most.min(FILES));
    let now = limit.current.unwrap_or(u64::MAX);
    let raised = Rlimit {
        current: Some(wanted),
        ..limit
    };
    let raised = now < wanted && setrlimit(Resource::Nofile, raised).is_ok();
    usize::try_from(if raised { wanted } else { now }).unwrap_or(usize::MAX)
}

/// What the connections of one listener share.
struct House {
    router: Router,
    gate: Arc<Gate>,
    tls: Option<TlsAcceptor>,
    places: Arc<Places>,
}

impl House {
    fn new(router: Router, gate: Gate, tls: Option<TlsAcceptor>, places: Places) -> Arc<Self> {
        Arc::new(Self {
            router,
            gate: Arc::new(gate),
            tls,
            places: Arc::new(places),
        })
    }
}

async fn accept_all<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    accept: impl AsyncFn() -> io::Result<(S, Peer)>,
    house: Arc<House>,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) {
    // Each conversation has a receiver; when the last one is dropped, all are over.
    let (conversations, ear) = tokio::sync::watch::channel(());
    loop {
        let accepted = tokio::select! {
            accepted = accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!("a connection was not taken: {error}");
                // No more files may be open: without a pause this would spin.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let Some(place) = house.places.take(peer) else {
            tracing::debug!("a connection too many was closed");
            continue;
        };
        let (house, stopped, ear) = (Arc::clone(&house), stopped.clone(), ear.clone());
        tokio::spawn(async move {
            let _ear = ear;
            let done = match &house.tls {
                None => converse(stream, peer, place, &house, stopped).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, peer, place, &house, stopped).await,
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("no TLS came in time".to_owned()),
                },
            };
            if let Err(error) = done {
                tracing::debug!("a connection broke: {error}");
            }
        });
    }
    drop(ear);
    if tokio::time::timeout(PATIENCE, conversations.closed())
        .await
        .is_err()
    {
        tracing::debug!("connections that did not end are dropped");
    }
}

/// Answers the requests of one connection, until it ends or leaves HTTP; its place is free when nobody has it any more.
async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Peer,
    place: Place,
    house: &House,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) -> Result<(), String> {
    let busy = Busy::default();
    let wire = Wire::new(stream, busy.clone()).keeping(place);
    let (router, gate) = (house.router.clone(), Arc::clone(&house.gate));
    let unused = Arc::new(Mutex::new(None::<OnUpgrade>));
    let service = hyper::service::service_fn({
        let unused = Arc::clone(&unused);
        move |request: Request<Incoming>| {
            let answering = busy.answering();
            let (busy, unused) = (busy.clone(), Arc::clone(&unused));
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(Arc::clone(&gate));
            let upgrade = request.extensions().get::<OnUpgrade>().cloned();
            let answer = router.clone().oneshot(request);
            async move {
                let tracked = |body| Tracked {
                    body,
                    _answering: answering,
                };
                let answer = answer.await?;
                match (answer.status(), upgrade) {
                    (StatusCode::SWITCHING_PROTOCOLS, Some(_)) => busy.switch(),
                    (_, Some(upgrade)) => {
                        *unused.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
                    }
                    (_, None) => {}
                }
                Ok::<_, Infallible>(answer.map(tracked))
            }
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // The wire has its own, which tells a slow header from a caller that has nothing to ask.
        .header_read_timeout(None)
        .max_header_size(HEADER_BYTES)
        .max_headers(HEADER_LINES)
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let stop = async { stopped.wait_for(|stop| *stop).await.is_ok() };
    let done = tokio::select! {
        done = connection.as_mut() => Some(done),
        _ = stop => None,
    };
    let done = match done {
        Some(done) => done,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    let unused = unused.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(unused) = unused
        && let Ok(stream) = unused.await
    {
        // Where another protocol was asked for once, and refused, hyper gives the stream back instead of closing it.
        let _ = TokioIo::new(stream).shutdown().await;
    }
    done.map_err(|error| error.to_string())
}

/// The body of an answer, which is under way as long as this lives.
struct Tracked {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
