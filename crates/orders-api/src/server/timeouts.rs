//! Connections that are ended when their clients are too slow: the head of any request may take so
//! long to arrive, and an answer so long to be taken. How long a body may take is said where bodies
//! are read.
//!
//! The HTTP library times the head of the first request only, and what is written not at all.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_rt::time::{Instant, Sleep, sleep_until};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long a request's head may take to arrive, from its first byte on.
pub(crate) const HEAD: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer.
const STALL: Duration = Duration::from_secs(30);

/// What is answered to a head that takes too long.
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte of a request has come yet, or none of the next: the library's own timers count.
    Idle,
    /// The head of a request arrives.
    Head,
    /// A request is read and answered.
    Busy,
    /// An answer is being written. What comes now is the next request.
    Answering,
}

/// Where a connection stands, known to the connection and to the requests that come by it.
#[derive(Debug, Clone)]
pub(crate) struct Pace(Rc<State>);

#[derive(Debug)]
struct State {
    phase: Cell<Phase>,
    /// Whether the client has closed its side.
    ended: Cell<bool>,
}

impl Pace {
    /// Says that a request's head has arrived.
    pub(crate) fn head_has_arrived(&self) {
        self.0.phase.set(Phase::Busy);
    }

    /// Whether the client has said that it will send no more. Who reads an answer that has no end
    /// says so by going away.
    pub(crate) fn client_has_ended(&self) -> bool {
        self.0.ended.get()
    }
}

/// A connection with limits on time.
pub(crate) struct Patient<T> {
    inner: T,
    pace: Pace,
    head: Timer,
    stall: Timer,
}

impl<T: AsyncWrite + Unpin> Patient<T> {
    pub(crate) fn new(inner: T) -> Self {
        let pace = Pace(Rc::new(State { phase: Cell::new(Phase::Idle), ended: Cell::new(false) }));
        Self { inner, pace, head: Timer::default(), stall: Timer::default() }
    }

    pub(crate) fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// What has been read may be the beginning of a head.
    fn note_read(&mut self, read: usize) {
        match self.pace.0.phase.get() {
            Phase::Idle | Phase::Answering if read > 0 => {
                self.pace.0.phase.set(Phase::Head);
                self.head.start(HEAD);
            }
            Phase::Idle | Phase::Head | Phase::Busy | Phase::Answering => {}
        }
    }

    /// What has been written is an answer, unless it asks for the rest of a request.
    fn note_written(&mut self, bytes: &[u8]) {
        match self.pace.0.phase.get() {
            Phase::Busy if !bytes.starts_with(b"HTTP/1.1 100 ") => {
                self.pace.0.phase.set(Phase::Answering);
            }
            // An answer goes on while the next request has come: that one is not late.
            Phase::Head => self.head.start(HEAD),
            Phase::Idle | Phase::Busy | Phase::Answering => {}
        }
    }

    /// Tells the client why its connection ends, if that can be sent at once. Where an answer is
    /// under way all the same, this cannot be taken for a part of it: answers of unknown length come
    /// in chunks.
    fn say_too_slow(&mut self, context: &mut Context<'_>) {
        if Pin::new(&mut self.inner).poll_write(context, TOO_SLOW).is_ready() {
            drop(Pin::new(&mut self.inner).poll_flush(context));
        }
    }

    fn poll_stall<R>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<R>> {
        self.stall.start_once(STALL);
        ready!(self.stall.poll(context));
        Poll::Ready(Err(too_slow()))
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.pace.0.phase.get() == Phase::Head {
            // While an answer waits to be taken, what comes behind may wait, too.
            if !this.stall.runs && this.head.poll(context).is_ready() {
                this.say_too_slow(context);
                return Poll::Ready(Err(too_slow()));
            }
        } else {
            this.head.stop();
        }
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        this.pace.0.ended.set(read == 0 && room > 0);
        this.note_read(read);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(context, bytes) {
            Poll::Pending => self.poll_stall(context),
            Poll::Ready(written) => {
                self.stall.stop();
                self.note_written(bytes);
                Poll::Ready(written)
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_flush(context) {
            Poll::Pending => self.poll_stall(context),
            Poll::Ready(flushed) => {
                self.stall.stop();
                Poll::Ready(flushed)
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// A timer that is made when it is first needed: most connections never need one.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    runs: bool,
}

impl Timer {
    fn start(&mut self, after: Duration) {
        let end = Instant::now() + after;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(end),
            none @ None => *none = Some(Box::pin(sleep_until(end))),
        }
        self.runs = true;
    }

    fn start_once(&mut self, after: Duration) {
        if !self.runs {
            self.start(after);
        }
    }

    fn stop(&mut self) {
        self.runs = false;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.runs => sleep.as_mut().poll(context),
            Some(_) | None => Poll::Pending,
        }
    }
}
