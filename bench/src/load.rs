//! The load: clients on persistent connections. One thread, because it shares the processors with
//! the server.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::connection::{Answer, Connection};
use crate::cpu::{CpuTime, Processes};
use crate::histogram::Histogram;
use crate::workload::Workload;

/// Longest wait for an answer after the last request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Number of clients, duration and pace.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) measured: Duration,
    pub(crate) pace: Pace,
}

/// When the next request is due. "Closed" and "open loop" are the terms of the literature on load.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// A client sends a request as soon as its previous one is answered.
    ClosedLoop,
    /// A fixed number of requests per second, independent of the answers. Those of the same
    /// millisecond are sent together.
    OpenLoop(f64),
}

pub(crate) struct Outcome {
    /// Orders per second.
    pub(crate) per_second: f64,
    /// All orders, including those answered after the measured time.
    pub(crate) orders: u32,
    /// How long the whole load took.
    pub(crate) elapsed: Duration,
    /// Whether the workload ended before the time did.
    pub(crate) is_exhausted: bool,
    /// From the time that a request was due to its answer.
    pub(crate) latencies: Histogram,
    /// Processor time per order.
    pub(crate) cpu: CpuTime,
}

/// Runs a load, spread over the addresses, and waits for the answer to each request.
///
/// # Errors
/// An unexpected answer, a broken connection or answer, or no answer within `ANSWER_TIMEOUT`.
pub(crate) fn drive(
    addresses: &[SocketAddr],
    load: Load,
    workload: &mut Workload,
    processes: &Processes,
) -> io::Result<Outcome> {
    let mut clients = Clients::connect(addresses, load)?;
    let before = processes.cpu_time()?;
    clients.run(workload)?;
    let after = processes.cpu_time()?;
    let Clients { counted, orders, started, is_exhausted, latencies, .. } = clients;
    let per_second = f64::from(counted) / load.measured.as_secs_f64();
    let cpu = after.per_request_since(before, orders);
    Ok(Outcome { per_second, orders, elapsed: started.elapsed(), is_exhausted, latencies, cpu })
}

struct Clients {
    load: Load,
    poll: Poll,
    connections: Vec<Connection>,
    /// Indexes of the connections without a request.
    idle: Vec<usize>,
    /// Requests that are due but have no idle connection yet.
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
        let until = self.started + self.load.measured;
        let mut events = Events::with_capacity(self.connections.len().max(1));
        loop {
            let now = Instant::now();
            if now < until && !self.is_exhausted {
                self.send_due(now, workload)?;
            } else if self.idle.len() == self.connections.len() {
                return Ok(());
            } else if now > until + ANSWER_TIMEOUT {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
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

    /// Sends the requests that are due while there are idle connections.
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

    /// Takes an answer, if there is one, and returns the time.
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
        if now < until {
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
    fn an_open_loop_sends_at_its_rate_even_if_no_client_is_idle() {
        let load = Load { connections: 0, measured: Duration::ZERO, pace: Pace::OpenLoop(2_000.0) };
        let mut clients = Clients::connect(&[], load).unwrap();
        for (micros, due) in [(0, 0), (999, 0), (1_000, 2), (1_999, 2), (10_500, 20)] {
            clients.enqueue_due(clients.started + Duration::from_micros(micros));
            assert_eq!(clients.due.len(), due, "after {micros} µs");
        }
        let last = clients.started + Duration::from_millis(10);
        assert_eq!(clients.due.back(), Some(&last), "due at the start of its millisecond");
    }
}
