//! Connections that misbehave below HTTP: cut off with a reset, or dripping.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

/// What a handler can do to the connection that its request came on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    cut: AtomicBool,
    slow: AtomicBool,
}

impl Wire {
    /// The next byte of an answer becomes a reset.
    pub(crate) fn cut(&self) {
        self.0.cut.store(true, Ordering::Relaxed);
    }

    /// From now on answers drip at one byte a second, or no longer do.
    pub(crate) fn slow(&self, on: bool) {
        self.0.slow.store(on, Ordering::Relaxed);
    }
}

/// A listener whose connections carry a [`Wire`].
pub(crate) struct Tap(pub(crate) TcpListener);

impl Listener for Tap {
    type Io = Stream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Stream, Self::Addr) {
        let (tcp, address) = Listener::accept(&mut self.0).await;
        let _ = tcp.set_nodelay(true);
        let stream = Stream {
            tcp,
            wire: Wire::default(),
            pause: None,
        };
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Tap>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Tap>) -> Self {
        stream.io().wire.clone()
    }
}

/// One connection.
pub(crate) struct Stream {
    tcp: TcpStream,
    wire: Wire,
    pause: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.wire.0.cut.load(Ordering::Relaxed) {
            // No time to linger: the kernel answers with RST when the socket closes.
            self.tcp.set_zero_linger()?;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if !self.wire.0.slow.load(Ordering::Relaxed) {
            return Pin::new(&mut self.tcp).poll_write(cx, bytes);
        }
        let first = &bytes[..bytes.len().min(1)];
        let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, first))?;
        self.pause = Some(Box::pin(tokio::time::sleep(Duration::from_secs(1))));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
