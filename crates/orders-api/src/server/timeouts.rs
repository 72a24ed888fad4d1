//! Timeouts of slow clients: while the head of a request arrives, and while a response is sent.
//! `body.rs` has the timeout of bodies.
//!
//! The HTTP library itself limits the head of the first request only, and never a write.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_rt::net::TcpStream;
use actix_rt::time::{Instant, Sleep, sleep_until};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::connection_state::{ConnectionState, Phase};

/// The timeout of a request's head, from its first byte.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may accept no byte of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The response to a head that takes too long.
const HEAD_TIMED_OUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A stream that disconnects slow clients.
pub(crate) struct TimedStream<T> {
    inner: T,
    socket: fn(&T) -> &TcpStream,
    state: ConnectionState,
    head_timer: Timer,
    write_timer: Timer,
}

impl<T: AsyncWrite + Unpin> TimedStream<T> {
    pub(crate) fn new(inner: T, socket: fn(&T) -> &TcpStream) -> Self {
        let (state, head_timer) = (ConnectionState::new(), Timer::default());
        Self { inner, socket, state, head_timer, write_timer: Timer::default() }
    }

    pub(crate) fn state(&self) -> ConnectionState {
        self.state.clone()
    }

    /// Starts the timer of a head with its first bytes.
    fn record_read(&mut self, bytes: usize) {
        match self.state.phase() {
            Phase::Idle | Phase::Responding if bytes > 0 => {
                self.state.set_phase(Phase::Head);
                self.head_timer.start(HEAD_TIMEOUT);
            }
            Phase::Idle | Phase::Head | Phase::Busy | Phase::Responding => {}
        }
    }

    /// Records that a response is being written, unless it is a `100 Continue`.
    fn record_write(&mut self, bytes: &[u8]) {
        match self.state.phase() {
            Phase::Busy if !bytes.starts_with(b"HTTP/1.1 100 ") => {
                self.state.set_phase(Phase::Responding);
            }
            // The next head arrived during a response: its time starts when the response ends.
            Phase::Head => self.head_timer.start(HEAD_TIMEOUT),
            Phase::Idle | Phase::Busy | Phase::Responding => {}
        }
    }

    /// Sends a 408, if that does not block. Within a response that is still being sent, no client
    /// takes it for data: responses of unknown length are chunked.
    fn send_timed_out(&mut self, context: &mut Context<'_>) {
        if Pin::new(&mut self.inner).poll_write(context, HEAD_TIMED_OUT).is_ready() {
            drop(Pin::new(&mut self.inner).poll_flush(context));
        }
    }

    fn poll_write_timeout<R>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<R>> {
        self.write_timer.start_once(WRITE_TIMEOUT);
        ready!(self.write_timer.poll(context));
        Poll::Ready(Err(timed_out()))
    }
}

impl<T> Drop for TimedStream<T> {
    fn drop(&mut self) {
        if self.state.is_aborted()
            && let Err(error) = (self.socket)(&self.inner).set_zero_linger()
        {
            log::debug!("cannot reset a connection: {error}");
        }
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for TimedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.state.phase() == Phase::Head {
            // While a response is blocked, the next request may wait too.
            if !this.write_timer.is_running && this.head_timer.poll(context).is_ready() {
                this.send_timed_out(context);
                return Poll::Ready(Err(timed_out()));
            }
        } else {
            this.head_timer.stop();
        }
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        this.state.set_closed_by_client(read == 0 && room > 0);
        this.record_read(read);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimedStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = Pin::new(&mut self.inner).poll_write(context, bytes) else {
            return self.poll_write_timeout(context);
        };
        self.write_timer.stop();
        self.record_write(bytes);
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Poll::Ready(flushed) = Pin::new(&mut self.inner).poll_flush(context) else {
            return self.poll_write_timeout(context);
        };
        self.write_timer.stop();
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// A timer that allocates when it first starts: most connections never need one.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

impl Timer {
    fn start(&mut self, after: Duration) {
        let end = Instant::now() + after;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(end),
            none @ None => *none = Some(Box::pin(sleep_until(end))),
        }
        self.is_running = true;
    }

    fn start_once(&mut self, after: Duration) {
        if !self.is_running {
            self.start(after);
        }
    }

    fn stop(&mut self) {
        self.is_running = false;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.is_running => sleep.as_mut().poll(context),
            Some(_) | None => Poll::Pending,
        }
    }
}
