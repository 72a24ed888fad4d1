//! The load: clients on persistent connections. One thread, because it shares the processors
//! with the server.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::connection::{Answer, Connection};
use crate::histogram::Histogram;
use crate::workload::Workload;

/// How long answers may take to come in after the last request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How many clients, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Time at the start that does not count.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) pace: Pace,
}

/// When the next request is due.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as the same client has the answer to its last.
    ClosedLoop,
    /// So many a second, whether answers come or not; those of one millisecond together.
    OpenLoop(f64),
}

pub(crate) struct Outcome {
    /// Orders per second of the measured time.
    pub(crate) per_second: f64,
    /// All orders, those outside the measured time too.
    pub(crate) orders: u32,
    /// How long all of it took.
    pub(crate) elapsed: Duration,
    /// Whether the workload came to an end before the time did.
    pub(crate) is_exhausted: bool,
    /// From when requests were due to when they were answered.
    pub(crate) latencies: Histogram,
}

/// Runs the load to its end, spread over the addresses. Waits for each answer, so that afterwards
/// nothing is under way.
///
/// # Errors
/// The first answer that is not as expected, a broken connection or answer, or no answer in
/// `ANSWER_TIMEOUT`.
pub(crate) fn drive(
    addresses: &[SocketAddr],
    load: Load,
    workload: &mut Workload,
) -> io::Result<Outcome> {
    let mut clients = Clients::connect(addresses, load)?;
    clients.run(workload)?;
    let Clients { counted, orders, started, is_exhausted, latencies, .. } = clients;
    let per_second = f64::from(counted) / load.measured.as_secs_f64();
    Ok(Outcome { per_second, orders, elapsed: started.elapsed(), is_exhausted, latencies })
}

struct Clients {
    load: Load,
    poll: Poll,
    connections: Vec<Connection>,
    /// Connections, by index, that wait for no answer.
    idle: Vec<usize>,
    /// Requests that are due and find no idle connection.
    due: VecDeque<Instant>,
    arrived: u64,
    started: Instant,
    counted: u32,
    orders: u32,
    is_exhausted: bool,
    latencies: Histogram,
}

impl Clients {
    fn connect(addresses: &[SocketAddr], load: Load) -> io::Result<Self> {
        let poll = Poll::new()?;
        let connections = addresses
            .iter()
            .cycle()
            .take(load.connections)
            .enumerate()
            .map(|(index, &address)| Connection::open(address, poll.registry(), Token(index)))
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            load,
            poll,
            idle: (0..connections.len()).collect(),
            connections,
            due: VecDeque::new(),
            arrived: 0,
            started: Instant::now(),
            counted: 0,
            orders: 0,
            is_exhausted: false,
            latencies: Histogram::default(),
        })
    }

    fn run(&mut self, workload: &mut Workload) -> io::Result<()> {
        let until = self.started + self.load.warm_up + self.load.measured;
        let mut events = Events::with_capacity(self.connections.len().max(1));
        loop {
            let now = Instant::now();
            if now < until && !self.is_exhausted {
                self.send_due(now, workload)?;
            } else if self.idle.len() == self.connections.len() {
                return Ok(());
            } else if now > until + ANSWER_TIMEOUT {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "an answer did not come"));
            }
            self.poll_once(&mut events)?;
            for event in &events {
                let now = self.receive(event.token().0, until)?;
                if now < until && !self.is_exhausted {
                    self.send_due(now, workload)?;
                }
            }
        }
    }

    /// Sends what is due, as far as there are idle connections.
    fn send_due(&mut self, now: Instant, workload: &mut Workload) -> io::Result<()> {
        self.enqueue_due(now);
        while let (Some(&index), Some(&due_at)) = (self.idle.last(), self.due.front()) {
            let Some(request) = workload.next_request() else {
                self.is_exhausted = true;
                return Ok(());
            };
            if let Some(connection) = self.connections.get_mut(index) {
                connection.send(&request, due_at)?;
            }
            self.idle.pop();
            self.due.pop_front();
        }
        Ok(())
    }

    fn enqueue_due(&mut self, now: Instant) {
        match self.load.pace {
            Pace::ClosedLoop => self.due.resize(self.idle.len(), now),
            Pace::OpenLoop(rate) => {
                let elapsed_ms = (now - self.started).as_millis();
                let elapsed = Duration::from_millis(u64::try_from(elapsed_ms).unwrap_or(u64::MAX));
                let apart = Duration::from_secs_f64(1.0 / rate.max(1.0));
                while apart.saturating_mul(u32::try_from(self.arrived).unwrap_or(u32::MAX))
                    < elapsed
                {
                    self.arrived += 1;
                    self.due.push_back(self.started + elapsed);
                }
            }
        }
    }

    fn poll_once(&mut self, events: &mut Events) -> io::Result<()> {
        let timeout = match self.load.pace {
            Pace::ClosedLoop => Duration::from_millis(100),
            Pace::OpenLoop(_) => Duration::from_millis(1),
        };
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            polled => polled,
        }
    }

    /// Takes an answer, if one has come, and tells the time.
    fn receive(&mut self, index: usize, until: Instant) -> io::Result<Instant> {
        let answer = match self.connections.get_mut(index) {
            Some(connection) => connection.receive()?,
            None => None,
        };
        let now = Instant::now();
        let Some(answer) = answer else { return Ok(now) };
        let Answer { status, body, due_at, expected } = answer;
        if !expected.is_met_by(status, body) {
            return Err(unexpected(status, body));
        }
        self.idle.push(index);
        self.orders += expected.orders;
        if now >= self.started + self.load.warm_up && now < until {
            self.counted += expected.orders;
            self.latencies.record(now - due_at);
        }
        Ok(now)
    }
}

fn unexpected(status: u16, body: &[u8]) -> io::Error {
    let body = String::from_utf8_lossy(body.get(..body.len().min(600)).unwrap_or_default());
    io::Error::other(format!("unexpected status {status}: {body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_at_a_pace_come_due_whether_or_not_anybody_is_idle() {
        let load = Load {
            connections: 0,
            warm_up: Duration::ZERO,
            measured: Duration::ZERO,
            pace: Pace::OpenLoop(2_000.0),
        };
        let mut clients = Clients::connect(&[], load).unwrap();
        for (micros, due) in [(0, 0), (999, 0), (1_000, 2), (1_999, 2), (10_500, 20)] {
            clients.enqueue_due(clients.started + Duration::from_micros(micros));
            assert_eq!(clients.due.len(), due, "after {micros} µs");
        }
        let last = clients.started + Duration::from_millis(10);
        assert_eq!(clients.due.back(), Some(&last), "due at the beginning of its millisecond");
    }
}
