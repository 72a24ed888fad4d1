//! The load: some clients that each wait for an answer before they ask again. One thread, because
//! it shares the processors with the server.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::connection::Connection;
use crate::histogram::Histogram;
use crate::workload::Workload;

/// How long answers may take to come in after the last request.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many clients, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Time at the start that does not count.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

pub(crate) struct Outcome {
    /// Answers per second of the measured time.
    pub(crate) per_second: f64,
    /// All answers, those outside the measured time too.
    pub(crate) answers: u32,
    /// Whether the workload came to an end before the time did.
    pub(crate) is_exhausted: bool,
    pub(crate) latencies: Histogram,
}

/// Runs the load to its end. Waits for each answer, so that afterwards nothing is under way.
///
/// # Errors
/// The first answer with another status than the workload's, a broken connection or answer, or no
/// answer in `PATIENCE`.
pub(crate) fn drive(
    address: SocketAddr,
    load: Load,
    workload: &mut Workload,
) -> io::Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(load.connections.max(1));
    let mut connections = (0..load.connections)
        .map(|index| Connection::open(address, poll.registry(), Token(index)))
        .collect::<io::Result<Vec<_>>>()?;

    let from = Instant::now() + load.warm_up;
    let until = from + load.measured;
    let mut counted = 0_u32;
    let mut outcome = Outcome {
        per_second: 0.0,
        answers: 0,
        is_exhausted: false,
        latencies: Histogram::default(),
    };
    let mut waiting = 0_usize;
    for connection in &mut connections {
        waiting += usize::from(send_next(connection, workload, &mut outcome)?);
    }
    while waiting > 0 {
        if Instant::now() > until + PATIENCE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "an answer did not come"));
        }
        poll_once(&mut poll, &mut events)?;
        for event in &events {
            let Some(connection) = connections.get_mut(event.token().0) else { continue };
            let Some(answer) = connection.receive()? else { continue };
            let now = Instant::now();
            if answer.status != workload.expected_status() {
                return Err(unexpected(answer.status, answer.body));
            }
            outcome.answers += 1;
            if (from..until).contains(&now) {
                counted += 1;
                outcome.latencies.record(now - answer.sent_at);
            }
            if now >= until || !send_next(connection, workload, &mut outcome)? {
                waiting -= 1;
            }
        }
    }
    outcome.per_second = f64::from(counted) / load.measured.as_secs_f64();
    Ok(outcome)
}

/// Whether there was another request to send.
fn send_next(
    connection: &mut Connection,
    workload: &mut Workload,
    outcome: &mut Outcome,
) -> io::Result<bool> {
    let Some(request) = workload.next_request() else {
        outcome.is_exhausted = true;
        return Ok(false);
    };
    connection.send(&request)?;
    Ok(true)
}

fn poll_once(poll: &mut Poll, events: &mut Events) -> io::Result<()> {
    match poll.poll(events, Some(Duration::from_millis(100))) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        polled => polled,
    }
}

fn unexpected(status: u16, body: &[u8]) -> io::Error {
    let body = String::from_utf8_lossy(body.get(..body.len().min(600)).unwrap_or_default());
    io::Error::other(format!("unexpected status {status}: {body}"))
}
