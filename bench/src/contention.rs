//! Clients that all ask for the same instant at the same moment: who double-books is found out.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::connection::Connection;
use crate::workload::Workload;

const ROUNDS: u32 = 50;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How many of fifty instants were given to more than one of the clients.
///
/// # Errors
/// A broken connection, or no answer in `ANSWER_TIMEOUT`. A status that is neither success nor refusal is
/// no error: such a client has no order.
pub(crate) fn double_bookings(address: SocketAddr, clients: usize) -> io::Result<u32> {
    let mut poll = Poll::new()?;
    let mut connections = (0..clients)
        .map(|index| Connection::open(address, poll.registry(), Token(index)))
        .collect::<io::Result<Vec<_>>>()?;
    let mut instants = Workload::same_time();
    let mut double_bookings = 0;
    for _ in 0..ROUNDS {
        let request = instants.next_request().ok_or_else(|| io::Error::other("no instant"))?;
        for connection in &mut connections {
            connection.send(&request, Instant::now())?;
        }
        double_bookings += u32::from(winners(&mut poll, &mut connections)? > 1);
    }
    Ok(double_bookings)
}

/// How many of the requests under way are answered with success.
fn winners(poll: &mut Poll, connections: &mut [Connection]) -> io::Result<u32> {
    let until = Instant::now() + ANSWER_TIMEOUT;
    let mut events = Events::with_capacity(connections.len().max(1));
    let mut winners = 0;
    let mut waiting = connections.len();
    while waiting > 0 {
        if Instant::now() > until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "an answer did not come"));
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
