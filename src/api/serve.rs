//! Listening, and one connection after the other.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::Peer;
use crate::session::Counter;

/// Longest time for the header of a request.
const HEADER: Duration = Duration::from_secs(10);
/// How long a stop waits for answers that are being written.
const PATIENCE: Duration = Duration::from_secs(5);

/// The door while it is open; ends when it is told to.
pub struct Served {
    /// The address of HTTP, where it is served over the network.
    pub address: Option<SocketAddr>,
    stop: tokio::sync::watch::Sender<bool>,
    loops: Vec<JoinHandle<()>>,
    /// Its file goes when the door closes.
    _socket: Counter,
}

impl Served {
    /// Takes no new connection, and lets the answers that are under way end.
    pub async fn close(self) {
        self.stop.send_replace(true);
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
/// The address is taken or not ours.
pub async fn serve(
    router: Router,
    socket: Counter,
    listen: Option<SocketAddr>,
) -> io::Result<Served> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let listening = UnixListener::from_std(socket.listener()?)?;
    let mut loops = Vec::new();
    let mut address = None;
    if let Some(listen) = listen {
        let listener = TcpListener::bind(listen).await?;
        address = Some(listener.local_addr()?);
        let accept = async move || {
            let (stream, from) = listener.accept().await?;
            // A small answer must not wait for more to send.
            stream.set_nodelay(true)?;
            Ok((stream, Peer::Tcp(from)))
        };
        loops.push(tokio::spawn(accept_all(
            accept,
            router.clone(),
            stopped.clone(),
        )));
    }
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
    loops.push(tokio::spawn(accept_all(accept, router, stopped)));
    Ok(Served {
        address,
        stop,
        loops,
        _socket: socket,
    })
}

async fn accept_all<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    accept: impl AsyncFn() -> io::Result<(S, Peer)>,
    router: Router,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
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
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection broke: {error}");
            }
        });
    }
    if tokio::time::timeout(PATIENCE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::debug!("connections that did not end are dropped");
    }
}
