//! One connection: nobody takes longer than they may, and only strict HTTP/1.1 goes on to the parser.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::framing::{Framing, Stage};
use crate::registry::Patient;

/// Longest time for the header of a request, from its first byte; for a connection's first one, from the beginning.
const HEADER: Duration = Duration::from_secs(10);
/// Longest time for the body of a request, from the end of its header.
const BODY: Duration = Duration::from_secs(30);
/// How long a connection without a request is kept.
const IDLE: Duration = Duration::from_secs(60);
/// Longest time in which what a caller still sends is read and forgotten, once it has its answer.
const LINGER: Duration = Duration::from_secs(2);

/// What becomes of a connection behind the parser: whether an answer is under way, and whether it has left HTTP. Clones know
/// of the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Busy(Arc<Course>);

#[derive(Debug, Default)]
struct Course {
    answering: AtomicBool,
    switched: AtomicBool,
}

impl Busy {
    /// An answer is under way until this is dropped.
    pub(super) fn answering(&self) -> Answering {
        self.0.answering.store(true, Ordering::Relaxed);
        Answering(self.clone())
    }

    /// The answer is 101: what comes from now on is no HTTP, and whoever has the stream sees to its times.
    pub(super) fn switch(&self) {
        self.0.switched.store(true, Ordering::Release);
    }

    fn has_switched(&self) -> bool {
        self.0.switched.load(Ordering::Acquire)
    }
}

/// An answer that is under way.
#[derive(Debug)]
pub(super) struct Answering(Busy);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.answering.store(false, Ordering::Relaxed);
    }
}

/// A stream with strict framing and time limits.
pub(super) struct Wire<S> {
    stream: Patient<S>,
    framing: Framing,
    busy: Busy,
    /// Whether an answer was under way when this was last asked for bytes.
    was_busy: bool,
    /// A request has come on this connection.
    begun: bool,
    /// When the present stage began.
    since: Instant,
    reading: Option<Pin<Box<Sleep>>>,
    over: bool,
    lingering: Option<Pin<Box<Sleep>>>,
    /// What lasts as long as the connection, whoever has it.
    _kept: Option<Box<dyn Send>>,
}

impl<S> Wire<S> {
    /// The same, with something that is dropped when the connection is.
    pub(super) fn keeping(mut self, kept: impl Send + 'static) -> Self {
        self._kept = Some(Box::new(kept));
        self
    }

    pub(super) fn new(stream: S, busy: Busy) -> Self {
        Self {
            stream: Patient::new(stream),
            framing: Framing::default(),
            busy,
            was_busy: false,
            begun: false,
            since: Instant::now(),
            reading: None,
            over: false,
            lingering: None,
            _kept: None,
        }
    }

    /// Follows what has just been read. The parser behind this answers 400 to a NUL, and that is what it gets in place of what
    /// may not stand there.
    fn follow(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        let stage = self.framing.stage();
        if let Err(at) = self.framing.follow(&buf.filled()[before..]) {
            buf.set_filled(before + at);
            buf.put_slice(b"\0");
            self.over = true;
            return;
        }
        let next = self.framing.stage();
        self.begun = true;
        if stage != next {
            self.since = Instant::now();
        }
        self.was_busy |= next == Stage::Start;
    }

    /// When a wait for more bytes ends; `None`: it may last.
    fn deadline(&mut self) -> Option<Instant> {
        let longest = match self.framing.stage() {
            Stage::Start if self.busy.0.answering.load(Ordering::Relaxed) => {
                self.was_busy = true;
                return None;
            }
            Stage::Start => {
                if std::mem::take(&mut self.was_busy) {
                    self.since = Instant::now();
                }
                if self.begun { IDLE } else { HEADER }
            }
            Stage::Head => HEADER,
            Stage::Body => BODY,
        };
        Some(self.since + longest)
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Some(deadline) = self.deadline() else {
                return Poll::Pending;
            };
            if Instant::now() >= deadline {
                self.over = true;
                return Poll::Ready(match self.framing.stage() {
                    Stage::Body => Err(io::ErrorKind::TimedOut.into()),
                    // As if the caller had hung up.
                    Stage::Start | Stage::Head => Ok(()),
                });
            }
            let sleep = self
                .reading
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            // One that wakes too early finds the time that is in force then; that spares a timer a request.
            if sleep.deadline() > deadline || sleep.is_elapsed() {
                sleep.as_mut().reset(deadline);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(Ok(()));
        }
        if this.busy.has_switched() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                if buf.filled().len() > before {
                    this.follow(buf, before);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.wait(cx),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        if this.over || this.framing.stage() != Stage::Start {
            ready!(this.linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads on for a moment. Were the connection closed on bytes that nobody has read, the kernel would send a reset, and the
    /// caller might lose the answer that says what is wrong.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = self
            .lingering
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut space = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const ASKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";

    /// Both ends, and whether an answer is under way.
    fn wire() -> (DuplexStream, Wire<DuplexStream>, Busy) {
        let (caller, ours) = duplex(1024);
        let busy = Busy::default();
        (caller, Wire::new(ours, busy.clone()), busy)
    }

    /// Reads until nothing comes any more: what came, how it ended, and after how many seconds.
    async fn read(wire: &mut Wire<DuplexStream>) -> (Vec<u8>, io::Result<usize>, u64) {
        let (began, mut all) = (Instant::now(), Vec::new());
        let end = wire.read_to_end(&mut all).await;
        (all, end, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_has_ten_seconds_however_often_a_byte_comes() {
        let (mut caller, mut wire, _) = wire();
        let drip = tokio::spawn(async move {
            for byte in ASKED {
                if caller.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let (all, end, seconds) = read(&mut wire).await;
        assert!(end.is_ok() && all.len() < ASKED.len());
        assert_eq!(seconds, 10);
        drip.abort();
        // Who says nothing at all has no longer.
        let (_caller, mut silent, _) = self::wire();
        assert_eq!(read(&mut silent).await.2, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_thirty_seconds_and_its_end_is_an_error() {
        let (mut caller, mut wire, _) = wire();
        caller.write_all(ASKED).await.unwrap();
        caller.write_all(b"12345678").await.unwrap();
        let (all, end, seconds) = read(&mut wire).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!((all.len(), seconds), (ASKED.len() + 8, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_from_the_end_of_its_last_answer() {
        let (mut caller, mut wire, busy) = wire();
        caller.write_all(ASKED).await.unwrap();
        caller.write_all(b"123456789").await.unwrap();
        let mut asked = vec![0; ASKED.len() + 9];
        wire.read_exact(&mut asked).await.unwrap();
        let answering = busy.answering();
        // An answer may take its time: an event stream has no end.
        let long = tokio::time::timeout(Duration::from_secs(3600), wire.read_u8()).await;
        assert!(long.is_err());
        drop(answering);
        let (_, end, seconds) = read(&mut wire).await;
        assert!(end.is_ok());
        assert_eq!(seconds, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_given_up() {
        let (_caller, mut wire, _) = wire();
        let began = Instant::now();
        let end = wire.write_all(&[0; 4096]).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_left_http_is_passed_on_as_it_comes_and_has_no_end_by_itself() {
        let (mut caller, mut wire, busy) = wire();
        caller
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut asked = [0; 27];
        wire.read_exact(&mut asked).await.unwrap();
        busy.switch();
        drop(busy.answering());
        let long = tokio::time::timeout(Duration::from_secs(3600), wire.read_u8()).await;
        assert!(long.is_err());
        caller.write_all(b"\0\n\x81 GET /\n\n").await.unwrap();
        let mut came = [0; 11];
        wire.read_exact(&mut came).await.unwrap();
        assert_eq!(&came, b"\0\n\x81 GET /\n\n");
        // What could not stand in HTTP before is not let in by it.
        let (mut caller, mut wire, busy) = self::wire();
        caller.write_all(b"GET / HTTP/1.1\n\x81").await.unwrap();
        let mut space = [0; 64];
        let read = wire.read(&mut space).await.unwrap();
        assert_eq!(&space[..read], b"GET / HTTP/1.1\0");
        busy.switch();
        assert_eq!(wire.read(&mut space).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_may_not_stand_there_is_not_read_on() {
        let (mut caller, mut wire, _) = wire();
        caller
            .write_all(b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(
            read(&mut wire).await.0,
            b"GET / HTTP/1.1\r\nHost: a\0".as_slice()
        );
    }
}
