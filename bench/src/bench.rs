//! Takes the turns: prepares a database, starts a server, puts load on it, ends it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::contention::double_bookings;
use crate::contestant::{Contestant, Programs};
use crate::fsyncs::Fsyncs;
use crate::histogram::Histogram;
use crate::load::{Load, Outcome, Pace, drive};
use crate::plan::{Row, Task};
use crate::prepared::{Fixture, Prepared};
use crate::server::Server;
use crate::supervisor::Supervisor;
use crate::workload::{Traffic, Workload};
use crate::{pgbench, raw_loop};

/// Long enough for an import.
const IMPORT_TIME: Duration = Duration::from_mins(10);

pub(crate) struct Bench<'a, 'b> {
    pub(crate) supervisor: &'a Supervisor,
    pub(crate) programs: &'a Programs,
    pub(crate) prepared: &'a Prepared<'b>,
    /// Time at the start of a load that does not count: compilers in the peers get their work done.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// How many batches of 10 000 an import has.
    pub(crate) import_batches: u64,
}

/// What one turn came to.
#[derive(Default)]
pub(crate) struct Sample {
    /// In the unit of the row.
    pub(crate) value: f64,
    pub(crate) latencies: Option<Histogram>,
    /// The most resident memory, in millions of bytes, of what is one process.
    pub(crate) peak_mb: Option<f64>,
}

impl Bench<'_, '_> {
    pub(crate) fn run_turn(&self, row: &Row, contestant: Contestant) -> io::Result<Sample> {
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
            | Contestant::Constant => self.serve(row, contestant, &fixture),
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
        let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
        let mut sample = match row.plan.task {
            Task::Load(traffic) => {
                let outcome = self.load(&addresses, row, traffic, fixture)?;
                Sample::rate(outcome.per_second, outcome.latencies)
            }
            Task::HalfLoad(traffic) => self.half_load(&addresses, row, traffic, fixture)?,
            Task::Import => self.import(&addresses)?,
            Task::Start => first_answer(&addresses, started)?,
            Task::Contention => contention(&addresses, row.connections)?,
            Task::Syncs => self.syncs(&servers, row, fixture)?,
        };
        if let [server] = servers.as_slice() {
            sample.peak_mb = Some(server.peak_mb()?);
        }
        servers.into_iter().try_for_each(Server::end)?;
        Ok(sample)
    }

    fn load(
        &self,
        addresses: &[SocketAddr],
        row: &Row,
        traffic: Traffic,
        fixture: &Fixture<'_>,
    ) -> io::Result<Outcome> {
        self.drive(addresses, row.connections, Pace::ClosedLoop, traffic, fixture)
    }

    fn half_load(
        &self,
        addresses: &[SocketAddr],
        row: &Row,
        traffic: Traffic,
        fixture: &Fixture<'_>,
    ) -> io::Result<Sample> {
        let maximum = self.load(addresses, row, traffic, fixture)?.per_second;
        let pace = Pace::OpenLoop(maximum / 2.0);
        let latencies = self.drive(addresses, row.connections, pace, traffic, fixture)?.latencies;
        let [p50, p99] = [50, 99].map(|percent| latencies.percentile_us(percent).max(1));
        let times = Duration::from_micros(p99).div_duration_f64(Duration::from_micros(p50));
        Ok(Sample::rate(times, latencies))
    }

    fn import(&self, addresses: &[SocketAddr]) -> io::Result<Sample> {
        let load = Load {
            connections: 1,
            warm_up: Duration::ZERO,
            measured: IMPORT_TIME,
            pace: Pace::ClosedLoop,
        };
        let outcome = drive(addresses, load, &mut Workload::import(self.import_batches))?;
        let per_second = f64::from(outcome.orders) / outcome.elapsed.as_secs_f64();
        Ok(Sample::rate(per_second, outcome.latencies))
    }

    fn syncs(
        &self,
        servers: &[Server<'_>],
        row: &Row,
        fixture: &Fixture<'_>,
    ) -> io::Result<Sample> {
        let [server] = servers else { return Err(io::Error::other("not one process")) };
        let fsyncs = Fsyncs::of(self.supervisor, server.id())?;
        let outcome = self.load(&[server.address], row, Traffic::Create, fixture)?;
        let count = fsyncs.count()?;
        if count == 0 {
            return Err(io::Error::other("strace saw no sync to disk"));
        }
        let value = f64::from(count) / f64::from(outcome.orders.max(1));
        Ok(Sample { value, ..Sample::default() })
    }

    fn drive(
        &self,
        addresses: &[SocketAddr],
        connections: usize,
        pace: Pace,
        traffic: Traffic,
        fixture: &Fixture<'_>,
    ) -> io::Result<Outcome> {
        let load = Load { connections, warm_up: self.warm_up, measured: self.measured, pace };
        let mut workload = Workload::traffic(traffic, fixture.created.get());
        let outcome = drive(addresses, load, &mut workload)?;
        fixture.created.set(workload.created());
        Ok(outcome)
    }
}

impl Sample {
    fn rate(value: f64, latencies: Histogram) -> Self {
        Self { value, latencies: Some(latencies), peak_mb: None }
    }
}

fn first_answer(addresses: &[SocketAddr], started: Instant) -> io::Result<Sample> {
    let pace = Pace::ClosedLoop;
    let load =
        Load { connections: 1, warm_up: Duration::ZERO, measured: Duration::from_mins(1), pace };
    drive(addresses, load, &mut Workload::first())?;
    Ok(Sample { value: started.elapsed().as_secs_f64(), ..Sample::default() })
}

fn contention(addresses: &[SocketAddr], clients: usize) -> io::Result<Sample> {
    let address = addresses.first().ok_or_else(|| io::Error::other("no server"))?;
    let value = f64::from(double_bookings(*address, clients)?);
    Ok(Sample { value, ..Sample::default() })
}
