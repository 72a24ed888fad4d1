//! Concurrent creates for the same time, which reveal a server that double-books.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::connection::Connection;
use crate::workload::Workload;

const ROUNDS: u32 = 50;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Counts how many of fifty times more than one client could book.
///
/// # Errors
/// A broken connection, or no answer within `ANSWER_TIMEOUT`. A status other than success counts as
/// "not booked".
pub(crate) fn double_bookings(address: SocketAddr, clients: usize) -> io::Result<u32> {
    let mut poll = Poll::new()?;
    let mut connections = (0..clients)
        .map(|index| Connection::open(address, poll.registry(), Token(index)))
        .collect::<io::Result<Vec<_>>>()?;
    let mut times = Workload::same_time();
    let mut double_bookings = 0;
    for _ in 0..ROUNDS {
        let request = times.next_request().ok_or_else(|| io::Error::other("no time"))?;
        for connection in &mut connections {
            connection.send(&request, Instant::now())?;
        }
        double_bookings += u32::from(winners(&mut poll, &mut connections)? > 1);
    }
    Ok(double_bookings)
}

/// Waits for all answers and counts the successes.
fn winners(poll: &mut Poll, connections: &mut [Connection]) -> io::Result<u32> {
    let until = Instant::now() + ANSWER_TIMEOUT;
    let mut events = Events::with_capacity(connections.len().max(1));
    let mut winners = 0;
    let mut waiting = connections.len();
    while waiting > 0 {
        if Instant::now() > until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
        }
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in &events {
            let Some(connection) = connections.get_mut(event.token().0) else { continue };
            if let Some(answer) = connection.receive()? {
                waiting -= 1;
                winners += u32::from(answer.status == answer.expected.status);
            }
        }
    }
    Ok(winners)
}
