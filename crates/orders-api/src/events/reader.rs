//! One stream of events, from its client's position on: out of the ring, and out of the database
//! where that has forgotten what the client needs. It holds one piece at a time, and reads the next
//! when its client has taken that; whoever takes nothing for long is cut by `patience.rs`.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use actix_rt::time::{sleep, timeout};
use actix_web::web::{Bytes, Data};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::watch;

use super::live::{Past, Slot, read};
use super::ring::Found;
use crate::app::App;
use crate::security::Pass;
use crate::server::timeouts::Pace;

/// How long a client is to wait before it connects again.
const BEGINNING: Bytes = Bytes::from_static(b"retry: 2000\n\n");
/// A comment, which clients ignore.
const HEARTBEAT: Bytes = Bytes::from_static(b": still here\n\n");
/// The longest silence.
const SILENCE: Duration = Duration::from_secs(15);
/// How often it is looked whether the client may still read.
const LOOK: Duration = Duration::from_millis(500);
/// How much of the ring is sent at once, in bytes.
const PIECE: usize = 16 << 10;
/// How much is read of the database at once, in bytes.
const PAGE: usize = 64 << 10;
/// How many events at first, and at least and at most: about twice as many as fit.
const FIRST_EVENTS: usize = 100;
const EVENTS: (usize, usize) = (10, 400);
/// How much longer than it took a read of the database is followed by none.
const REST: u32 = 2;

pub(super) struct Reader {
    app: Data<App>,
    pass: Pass,
    /// The last sequence that was sent.
    position: u64,
    /// How many events are read of the database next.
    events: usize,
    published: watch::Receiver<u64>,
    number: u32,
    /// When something was last sent; `None` before the beginning.
    sent: Option<Instant>,
    _slot: Slot,
}

/// What comes next.
enum Next {
    Piece(Bytes),
    Nothing,
    End,
}

impl Reader {
    pub(super) fn new(app: Data<App>, slot: Slot, pass: Pass, position: u64) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let published = app.live.published();
        let events = FIRST_EVENTS;
        Self { app, pass, position, events, published, number, sent: None, _slot: slot }
    }

    /// All that is sent, until the server ends, the client may not read any more, or it is gone.
    pub(super) fn into_stream(
        self,
        pace: Option<Pace>,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> {
        // Polled whenever the connection is, so also when it has read that the client has ended.
        let is_gone = move || pace.as_ref().is_some_and(Pace::client_has_ended);
        let gone = poll_fn(move |_| if is_gone() { Poll::Ready(()) } else { Poll::Pending });
        let pieces = stream::unfold(self, |mut reader| async move {
            let piece = reader.next().await?;
            reader.sent = Some(Instant::now());
            Some((Ok(piece), reader))
        });
        pieces.take_until(gone)
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let Some(sent) = self.sent else { return Some(BEGINNING) };
        self.wait_for_turn().await;
        loop {
            if self.app.is_draining() || !self.pass.holds(&self.app) {
                return None;
            }
            // Before looking, so that what is published later ends the wait below.
            self.published.borrow_and_update();
            let silence = SILENCE.saturating_sub(sent.elapsed());
            match self.look(silence).await {
                Next::Piece(piece) => return Some(piece),
                Next::End => return None,
                Next::Nothing if sent.elapsed() >= SILENCE => return Some(HEARTBEAT),
                Next::Nothing => {}
            }
            let woken = timeout(LOOK.min(silence), self.published.changed()).await;
            if woken.is_ok() {
                self.wait_for_turn().await;
            }
        }
    }

    async fn wait_for_turn(&self) {
        let wait = self.app.live.wait_for_turn(self.number);
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    async fn look(&mut self, patience: Duration) -> Next {
        match self.app.live.after(self.position, PIECE) {
            Found::Events(piece, last) => {
                self.position = last;
                Next::Piece(piece)
            }
            Found::Nothing => Next::Nothing,
            Found::Behind => self.look_back(patience).await,
        }
    }

    /// Reads what the ring has forgotten. One stream at a time does, and leaves the database alone
    /// for a while afterwards, so that those who catch up take a third of one thread at most.
    async fn look_back(&mut self, patience: Duration) -> Next {
        let Ok(Ok(_permit)) = timeout(patience, self.app.live.past.acquire()).await else {
            return Next::Nothing;
        };
        if !self.pass.holds(&self.app) {
            return Next::End;
        }
        let start = Instant::now();
        let read = read(&self.app, self.position, self.events, PAGE).await;
        let rest = start.elapsed().saturating_mul(REST);
        let next = match read {
            Ok(Past::Gone) => return Next::End,
            Ok(Past::Nothing) => None,
            Ok(Past::Events(part)) => Some(part),
            Err(problem) => {
                log::debug!("a stream cannot go on yet: {problem}");
                None
            }
        };
        sleep(rest.min(LOOK)).await;
        let Some(part) = next else { return Next::Nothing };
        self.position = part.last();
        self.events = (part.len() * 2).clamp(EVENTS.0, EVENTS.1);
        Next::Piece(part.into_bytes())
    }
}
