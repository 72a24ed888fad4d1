//! Carries out plans: starts servers, puts load on them in turns, collects what came of it.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::database::{Database, Databases, Engine};
use crate::fsyncs::Fsyncs;
use crate::histogram::Histogram;
use crate::keeper::Keeper;
use crate::load::{Load, Outcome, drive};
use crate::plan::{Plan, Task};
use crate::server::{Programs, Server};
use crate::workload::Workload;

/// Long enough to store the orders that are read.
const STORE_TIME: Duration = Duration::from_mins(5);

pub(crate) struct Bench<'a> {
    pub(crate) keeper: &'a Keeper,
    pub(crate) databases: &'a Databases<'a>,
    pub(crate) programs: &'a Programs,
    pub(crate) measured: Duration,
    pub(crate) repetitions: u32,
}

/// What all repetitions with one program came to.
#[derive(Default)]
pub(crate) struct Samples {
    pub(crate) per_second: Vec<f64>,
    pub(crate) resident_mb: Vec<f64>,
    pub(crate) latencies: Histogram,
}

impl Bench<'_> {
    /// The service's samples, then the control's, taken in turns.
    pub(crate) fn measure(&self, plan: &Plan) -> io::Result<[Samples; 2]> {
        match plan.task {
            Task::Create => self.measure_creating(plan),
            Task::Conflict => self.measure_on_stored(plan, &mut Workload::conflict),
            Task::Find => self.measure_on_stored(plan, &mut Workload::find),
        }
    }

    /// Syncs to disk per create with each program, at 64 connections on SQLite.
    pub(crate) fn fsyncs_per_create(&self) -> io::Result<[f64; 2]> {
        let [service, control] = self.programs.in_turn();
        Ok([self.fsyncs_of(service)?, self.fsyncs_of(control)?])
    }

    fn measure_creating(&self, plan: &Plan) -> io::Result<[Samples; 2]> {
        let mut samples = <[Samples; 2]>::default();
        for _ in 0..self.repetitions * plan.times {
            for (program, samples) in self.programs.in_turn().into_iter().zip(&mut samples) {
                let database = self.databases.fresh(plan.engine)?;
                let server = self.start_with_service(program, &database)?;
                let load = self.load(plan.connections);
                samples.add(&drive(server.address, load, &mut Workload::create())?, &server)?;
                server.end()?;
            }
        }
        Ok(samples)
    }

    fn measure_on_stored(
        &self,
        plan: &Plan,
        workload: &mut dyn FnMut() -> Workload,
    ) -> io::Result<[Samples; 2]> {
        let [service, control] = self.programs.in_turn();
        let database = self.databases.fresh(plan.engine)?;
        let server = self.start_with_service(service, &database)?;
        store(&server)?;
        server.end()?;
        // Both read the very same rows.
        let copy = self.databases.copy(&database)?;
        let servers = [
            Server::start(self.keeper, service, &database)?,
            Server::start(self.keeper, control, &copy)?,
        ];

        let mut samples = <[Samples; 2]>::default();
        for _ in 0..self.repetitions * plan.times {
            for (server, samples) in servers.iter().zip(&mut samples) {
                let load = self.load(plan.connections);
                samples.add(&drive(server.address, load, &mut workload())?, server)?;
            }
        }
        servers.into_iter().try_for_each(Server::end)?;
        Ok(samples)
    }

    fn fsyncs_of(&self, program: &Path) -> io::Result<f64> {
        let database = self.databases.fresh(Engine::Sqlite)?;
        let server = self.start_with_service(program, &database)?;
        let fsyncs = Fsyncs::of(self.keeper, server.id())?;
        let outcome = drive(server.address, self.load(64), &mut Workload::create())?;
        let count = fsyncs.count()?;
        server.end()?;
        if count == 0 {
            return Err(io::Error::other("strace saw no sync to disk"));
        }
        Ok(f64::from(count) / f64::from(outcome.answers))
    }

    /// Starts a program on an empty database and creates the service that orders use.
    fn start_with_service(
        &self,
        program: &Path,
        database: &Database<'_>,
    ) -> io::Result<Server<'_>> {
        let server = Server::start(self.keeper, program, database)?;
        exhaust(&server, 1, &mut Workload::service())?;
        Ok(server)
    }

    fn load(&self, connections: usize) -> Load {
        // A tenth to warm up, but never so short that it is over before the first commits are.
        let warm_up = (self.measured / 10).max(Duration::from_millis(300));
        Load { connections, warm_up, measured: self.measured }
    }
}

impl Samples {
    fn add(&mut self, outcome: &Outcome, server: &Server<'_>) -> io::Result<()> {
        self.per_second.push(outcome.per_second);
        self.resident_mb.push(server.resident_mb()?);
        self.latencies.add(&outcome.latencies);
        Ok(())
    }
}

fn store(server: &Server<'_>) -> io::Result<()> {
    exhaust(server, 64, &mut Workload::store())
}

/// Sends all requests of a workload that has an end.
fn exhaust(server: &Server<'_>, connections: usize, workload: &mut Workload) -> io::Result<()> {
    let load = Load { connections, warm_up: Duration::ZERO, measured: STORE_TIME };
    if drive(server.address, load, workload)?.is_exhausted {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the orders to read could not be stored in time"))
}
