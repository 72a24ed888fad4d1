//! A TCP proxy that can be closed, or drop all data silently.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;

const OPEN: u8 = 0;
const BLACK_HOLE: u8 = 1;
const CLOSED: u8 = 2;

/// A TCP proxy on a free port.
#[derive(Debug)]
pub struct TcpProxy {
    /// Its address.
    pub address: String,
    target: Arc<Mutex<String>>,
    state: Arc<AtomicU8>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    asked: Arc<AtomicU64>,
}

impl TcpProxy {
    /// A TCP proxy to an address.
    ///
    /// # Panics
    /// If it cannot listen.
    #[must_use]
    pub fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (state, streams) = (Arc::new(AtomicU8::new(OPEN)), Arc::new(Mutex::default()));
        let target = Arc::new(Mutex::new(target));
        let (told, kept): (_, Arc<Mutex<Vec<TcpStream>>>) =
            (Arc::clone(&state), Arc::clone(&streams));
        let asked = Arc::<AtomicU64>::default();
        let (there, back) = (Arc::clone(&asked), Arc::<AtomicU64>::default());
        let led_to = Arc::clone(&target);
        spawn(move || {
            for near in listener.incoming().flatten() {
                let target = led_to.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let Ok(far) = TcpStream::connect(target) else { continue };
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                // Checked under the lock, so that no connection slips through while the proxy closes.
                if told.load(Ordering::SeqCst) == CLOSED {
                    continue;
                }
                for (from, to, pieces) in [(&near, &far, &there), (&far, &near, &back)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (told, pieces) = (Arc::clone(&told), Arc::clone(pieces));
                    spawn(move || pass(from, to, &told, &pieces));
                }
                kept.extend([near, far]);
            }
        });
        Self { address, target, state, streams, asked }
    }

    /// How many chunks were sent to the target: at least one for each round trip.
    #[must_use]
    pub fn chunks_sent(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Connects new connections to another address.
    pub fn redirect(&self, target: String) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Closes all connections, and each new one.
    pub fn close(&self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.store(CLOSED, Ordering::SeqCst);
        end(&mut streams);
    }

    /// Accepts connections again.
    pub fn reopen(&self) {
        self.state.store(OPEN, Ordering::SeqCst);
    }

    /// From now on all data is dropped silently.
    pub fn black_hole(&self) {
        self.state.store(BLACK_HOLE, Ordering::SeqCst);
    }

    /// Closes the connections that lost data; new ones work again.
    pub fn restore(&self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.store(OPEN, Ordering::SeqCst);
        end(&mut streams);
    }
}

fn end(streams: &mut Vec<TcpStream>) {
    for stream in streams.drain(..) {
        drop(stream.shutdown(Shutdown::Both));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &AtomicU8, pieces: &AtomicU64) {
    let mut piece = [0; 8 * 1024];
    let mut has_swallowed = false;
    while let Ok(length @ 1..) = from.read(&mut piece) {
        pieces.fetch_add(1, Ordering::SeqCst);
        // Data after a gap is useless.
        has_swallowed |= state.load(Ordering::SeqCst) == BLACK_HOLE;
        if has_swallowed {
            continue;
        }
        if to.write_all(piece.get(..length).unwrap_or_default()).is_err() {
            break;
        }
    }
    if state.load(Ordering::SeqCst) == OPEN {
        drop(to.shutdown(Shutdown::Both));
    }
}
