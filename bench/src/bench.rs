//! One run: prepares a database, starts a server, puts load on it, stops it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::contention::double_bookings;
use crate::contestant::{Contestant, Programs};
use crate::cpu::{CpuTime, Processes};
use crate::fsyncs::Fsyncs;
use crate::histogram::Histogram;
use crate::load::{Load, Outcome, Pace, drive};
use crate::plan::{Row, Task};
use crate::prepared::{Fixture, Prepared};
use crate::server::Server;
use crate::supervisor::Supervisor;
use crate::workload::{Traffic, Workload};
use crate::{pgbench, raw_loop, wrk};

/// The order number at which `wrk` starts when it is measured: beyond all of its warm-up.
const WRK_MEASURED_FROM: u64 = 1_000_000;

/// Long enough for an import.
const IMPORT_TIME: Duration = Duration::from_mins(10);

pub(crate) struct Bench<'a, 'b> {
    pub(crate) supervisor: &'a Supervisor,
    pub(crate) programs: &'a Programs,
    pub(crate) prepared: &'a Prepared<'b>,
    /// How long a load runs before it is measured, so that the peers' compilers are done.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Number of batches of 10 000 orders in an import.
    pub(crate) import_batches: u64,
}

/// Which program sends the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generator {
    BuiltIn,
    Wrk,
}

/// The result of one run.
#[derive(Default)]
pub(crate) struct Sample {
    /// In the unit of the row.
    pub(crate) value: f64,
    pub(crate) latencies: Option<Histogram>,
    /// Peak resident memory in millions of bytes, if the server is one process.
    pub(crate) peak_mb: Option<f64>,
    /// Processor time per request.
    pub(crate) cpu: Option<CpuTime>,
    /// The rate that `wrk` measured on a database of its own.
    pub(crate) wrk_per_second: Option<f64>,
}

impl Bench<'_, '_> {
    pub(crate) fn run(
        &self,
        row: &Row,
        contestant: Contestant,
        generator: Generator,
    ) -> io::Result<Sample> {
        let fixture = self.prepared.take(contestant, row.engine, row.plan.content)?;
        fixture.database.flush_and_warm()?;
        match contestant {
            Contestant::RawLoop => self.raw_loop(&fixture),
            Contestant::Pgbench => self.pgbench(&fixture, row.connections),
            Contestant::Service
            | Contestant::TwoServices
            | Contestant::Control
            | Contestant::Sequelize
            | Contestant::Axum
            | Contestant::Fastify
            | Contestant::Constant => self.serve(row, contestant, generator, &fixture),
        }
    }

    fn raw_loop(&self, fixture: &Fixture<'_>) -> io::Result<Sample> {
        let value =
            raw_loop::creates_per_second(Path::new(&fixture.database.url()), self.measured)?;
        Ok(Sample { value, ..Sample::default() })
    }

    fn pgbench(&self, fixture: &Fixture<'_>, clients: usize) -> io::Result<Sample> {
        let value = pgbench::creates_per_second(
            self.supervisor,
            &fixture.database,
            clients,
            self.measured,
        )?;
        Ok(Sample { value, ..Sample::default() })
    }

    fn serve(
        &self,
        row: &Row,
        contestant: Contestant,
        generator: Generator,
        fixture: &Fixture<'_>,
    ) -> io::Result<Sample> {
        let started = Instant::now();
        let processes = if contestant == Contestant::TwoServices { 2 } else { 1 };
        let servers = (0..processes)
            .map(|_| {
                let command = self.programs.command(contestant)?;
                Server::start(self.supervisor, command, &fixture.database)
            })
            .collect::<io::Result<Vec<_>>>()?;
        let target = Target {
            addresses: servers.iter().map(|server| server.address).collect(),
            processes: Processes {
                servers: servers.iter().map(Server::id).collect(),
                database: fixture.database.server_id(),
            },
            fixture,
        };
        let mut sample = match (row.plan.task, generator) {
            (Task::Load(traffic), Generator::Wrk) => self.wrk(&target, row, traffic)?,
            (Task::Load(traffic), Generator::BuiltIn) => self.load(&target, row, traffic)?.into(),
            (Task::HalfLoad(traffic), _) => self.half_load(&target, row, traffic)?,
            (Task::Import, _) => self.import(&target)?,
            (Task::Start, _) => first_answer(&target, started)?,
            (Task::Contention, _) => contention(&target, row.connections)?,
            (Task::Syncs, _) => self.syncs(&target, row)?,
        };
        if let [server] = servers.as_slice() {
            sample.peak_mb = Some(server.peak_mb()?);
        }
        servers.into_iter().try_for_each(Server::end)?;
        Ok(sample)
    }

    fn load(&self, target: &Target<'_>, row: &Row, traffic: Traffic) -> io::Result<Outcome> {
        self.drive(target, row.connections, Pace::ClosedLoop, traffic)
    }

    fn half_load(&self, target: &Target<'_>, row: &Row, traffic: Traffic) -> io::Result<Sample> {
        let maximum = self.load(target, row, traffic)?.per_second;
        let pace = Pace::OpenLoop(maximum / 2.0);
        let outcome = self.drive(target, row.connections, pace, traffic)?;
        let [p50, p99] = [50, 99].map(|percent| outcome.latencies.percentile_us(percent).max(1));
        let factor = Duration::from_micros(p99).div_duration_f64(Duration::from_micros(p50));
        Ok(Sample { value: factor, ..outcome.into() })
    }

    fn import(&self, target: &Target<'_>) -> io::Result<Sample> {
        let load = Load { connections: 1, measured: IMPORT_TIME, pace: Pace::ClosedLoop };
        let outcome = target.drive(load, &mut Workload::import(self.import_batches))?;
        let value = f64::from(outcome.orders) / outcome.elapsed.as_secs_f64();
        Ok(Sample { value, ..outcome.into() })
    }

    fn syncs(&self, target: &Target<'_>, row: &Row) -> io::Result<Sample> {
        let [server] = *target.processes.servers else {
            return Err(io::Error::other("not one process"));
        };
        let fsyncs = Fsyncs::attach(self.supervisor, server)?;
        let outcome = self.load(target, row, Traffic::Create)?;
        let count = fsyncs.count()?;
        if count == 0 {
            return Err(io::Error::other("strace saw no sync to disk"));
        }
        let value = f64::from(count) / f64::from(outcome.orders.max(1));
        Ok(Sample { value, ..Sample::default() })
    }

    fn wrk(&self, target: &Target<'_>, row: &Row, traffic: Traffic) -> io::Result<Sample> {
        let [address] = *target.addresses else {
            return Err(io::Error::other("wrk takes one address"));
        };
        let run = |first, duration| {
            wrk::run(self.supervisor, address, (traffic, first), row.connections, duration)
        };
        run(0, self.warm_up)?;
        let before = target.processes.cpu_time()?;
        let wrk::Run { requests, per_second } = run(WRK_MEASURED_FROM, self.measured)?;
        let cpu = target.processes.cpu_time()?.per_request_since(before, requests);
        Ok(Sample { value: per_second, cpu: Some(cpu), ..Sample::default() })
    }

    /// Warms up, then measures.
    fn drive(
        &self,
        target: &Target<'_>,
        connections: usize,
        pace: Pace,
        traffic: Traffic,
    ) -> io::Result<Outcome> {
        let created = &target.fixture.created;
        let mut workload = Workload::traffic(traffic, created.get());
        target.drive(Load { connections, measured: self.warm_up, pace }, &mut workload)?;
        let measured = Load { connections, measured: self.measured, pace };
        let outcome = target.drive(measured, &mut workload)?;
        created.set(workload.created());
        Ok(outcome)
    }
}

/// The servers of one run and what they work on.
struct Target<'a> {
    addresses: Vec<SocketAddr>,
    processes: Processes,
    fixture: &'a Fixture<'a>,
}

impl Target<'_> {
    fn drive(&self, load: Load, workload: &mut Workload) -> io::Result<Outcome> {
        drive(&self.addresses, load, workload, &self.processes)
    }
}

impl From<Outcome> for Sample {
    fn from(outcome: Outcome) -> Self {
        Self {
            value: outcome.per_second,
            latencies: Some(outcome.latencies),
            cpu: Some(outcome.cpu),
            ..Self::default()
        }
    }
}

fn first_answer(target: &Target<'_>, started: Instant) -> io::Result<Sample> {
    let pace = Pace::ClosedLoop;
    let load = Load { connections: 1, measured: Duration::from_mins(1), pace };
    target.drive(load, &mut Workload::first())?;
    Ok(Sample { value: started.elapsed().as_secs_f64(), ..Sample::default() })
}

fn contention(target: &Target<'_>, clients: usize) -> io::Result<Sample> {
    let address = target.addresses.first().ok_or_else(|| io::Error::other("no server"))?;
    let value = f64::from(double_bookings(*address, clients)?);
    Ok(Sample { value, ..Sample::default() })
}
