//! One stream of events, from its client's position: from the ring, or from the database if the ring
//! no longer has the events. It holds one chunk at a time. `server/timeouts.rs` disconnects idle
//! clients.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use actix_rt::time::{sleep, timeout};
use actix_web::web::{Bytes, Data};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::watch;

use super::live::{Live, Read, Slot, read};
use super::ring::Found;
use crate::http::connection_state::ConnectionState;
use crate::security::{Credential, Security};
use crate::store_client::StoreClient;

// No blank line follows these two, because some clients take one for the end of an event without data.

/// The first chunk: how long a client waits before it reconnects.
const FIRST_CHUNK: Bytes = Bytes::from_static(b"retry: 2000\n");
/// A comment, which clients ignore.
const HEARTBEAT: Bytes = Bytes::from_static(b": still here\n");
/// The time without a chunk after which a heartbeat is sent.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// How often the credential of the client is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// The maximum size of a chunk from the ring, in bytes.
const RING_CHUNK_BYTES: usize = 16 << 10;
/// The maximum size of a chunk from the database, in bytes.
const DB_CHUNK_BYTES: usize = 64 << 10;
/// The number of events in the first read of the database, and the limits of the next ones. A read
/// takes about twice as many events as fit into a chunk.
const FIRST_READ: usize = 100;
const MIN_READ: usize = 10;
const MAX_READ: usize = 400;
/// The pause after a read of the database, in multiples of its duration.
const PAUSE_FACTOR: u32 = 2;

/// What permits a client to read. It is checked again while the stream is open.
pub(super) struct ReadAccess {
    pub(super) security: Data<Security>,
    pub(super) credential: Credential,
}

impl ReadAccess {
    fn is_valid(&self) -> bool {
        self.credential.is_valid(&self.security)
    }
}

pub(super) struct Reader {
    store: Data<StoreClient>,
    live: Data<Live>,
    access: ReadAccess,
    /// The sequence of the last event that was sent.
    position: u64,
    /// The number of events in the next read of the database.
    next_read: usize,
    published: watch::Receiver<u64>,
    number: u32,
    /// When the last chunk was sent; `None` before the first one.
    sent: Option<Instant>,
    _slot: Slot,
}

/// The next step of a stream.
enum Next {
    Chunk(Bytes),
    Nothing,
    End,
}

impl Reader {
    pub(super) fn new(
        store: Data<StoreClient>,
        live: Data<Live>,
        slot: Slot,
        access: ReadAccess,
        position: u64,
    ) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let published = live.published();
        let next_read = FIRST_READ;
        Self {
            store,
            live,
            access,
            position,
            next_read,
            published,
            number,
            sent: None,
            _slot: slot,
        }
    }

    /// Ends when the server shuts down, the credential is revoked or the client disconnects.
    pub(super) fn into_stream(
        self,
        connection: Option<ConnectionState>,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> {
        // Polled whenever the connection is, so also when the client closes it.
        let is_gone = move || connection.as_ref().is_some_and(ConnectionState::is_closed_by_client);
        let gone = poll_fn(move |_| if is_gone() { Poll::Ready(()) } else { Poll::Pending });
        let chunks = stream::unfold(self, |mut reader| async move {
            let chunk = reader.next().await?;
            reader.sent = Some(Instant::now());
            Some((Ok(chunk), reader))
        });
        chunks.take_until(gone)
    }

    /// Returns the next chunk, or `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let Some(sent) = self.sent else { return Some(FIRST_CHUNK) };
        self.wait_for_turn().await;
        loop {
            if self.live.is_shutting_down() || !self.access.is_valid() {
                return None;
            }
            // Before reading, so that a later event ends the wait below.
            self.published.borrow_and_update();
            let remaining = HEARTBEAT_INTERVAL.saturating_sub(sent.elapsed());
            match self.read_next(remaining).await {
                Next::Chunk(chunk) => return Some(chunk),
                Next::End => return None,
                Next::Nothing if sent.elapsed() >= HEARTBEAT_INTERVAL => return Some(HEARTBEAT),
                Next::Nothing => {}
            }
            let woken = timeout(CHECK_INTERVAL.min(remaining), self.published.changed()).await;
            if woken.is_ok() {
                self.wait_for_turn().await;
            }
        }
    }

    async fn wait_for_turn(&self) {
        let wait = self.live.time_until_turn(self.number);
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    async fn read_next(&mut self, limit: Duration) -> Next {
        match self.live.after(self.position, RING_CHUNK_BYTES) {
            Found::Events(chunk, last) => {
                self.position = last;
                Next::Chunk(chunk)
            }
            Found::Nothing => Next::Nothing,
            Found::TooOld => self.read_database(limit).await,
        }
    }

    /// Reads events that are no longer in the ring. One stream at a time does, with a pause
    /// afterwards, so that streams that catch up take at most a third of one thread.
    async fn read_database(&mut self, limit: Duration) -> Next {
        let Ok(Ok(_permit)) = timeout(limit, self.live.backlog.acquire()).await else {
            return Next::Nothing;
        };
        if !self.access.is_valid() {
            return Next::End;
        }
        let start = Instant::now();
        let (store, installation) = (&self.store, &self.live.installation);
        let read = read(store, installation, self.position, self.next_read, DB_CHUNK_BYTES).await;
        let pause = start.elapsed().saturating_mul(PAUSE_FACTOR);
        let next = match read {
            Ok(Read::Gone) => return Next::End,
            Ok(Read::Nothing) => None,
            Ok(Read::Events(part)) => Some(part),
            Err(problem) => {
                log::debug!("an event stream could not be continued: {problem}");
                None
            }
        };
        sleep(pause.min(CHECK_INTERVAL)).await;
        let Some(part) = next else { return Next::Nothing };
        self.position = part.last();
        self.next_read = (part.len() * 2).clamp(MIN_READ, MAX_READ);
        Next::Chunk(part.into_bytes())
    }
}
