//! Measures the service and a control in turns on this machine, and prints a table of both.
#![expect(
    clippy::disallowed_methods,
    reason = "a program of its own, with none of the service's crates to ask"
)]

mod bench;
mod cluster;
mod connection;
mod database;
mod figures;
mod fsyncs;
mod histogram;
mod keeper;
mod load;
mod plan;
mod report;
mod server;
mod workload;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

use crate::bench::Bench;
use crate::database::{Databases, Engine};
use crate::keeper::Keeper;
use crate::plan::{FSYNCS, MEMORY, PLANS};
use crate::report::{Machine, Report, Row, Side, Unit};
use crate::server::Programs;

/// Measures the service against a control on this machine.
#[derive(Parser)]
struct Args {
    /// How long each turn is measured
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one())]
    seconds: u32,
    /// How many turns each program has
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one())]
    repetitions: u32,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only rows whose id contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// The service's program [default: the one beside this one]
    #[arg(long, value_name = "PATH")]
    service: Option<PathBuf>,
}

fn at_least_one() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=3600)
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    // Before the work, so that it is not for nothing.
    let json = args.json.as_ref().map(File::create).transpose()?;
    let report = run(&args)?;
    io::stdout().write_all(report.markdown().as_bytes())?;
    if let Some(mut json) = json {
        serde_json::to_writer_pretty(&json, &report)?;
        json.write_all(b"\n")?;
    }
    Ok(())
}

fn run(args: &Args) -> io::Result<Report> {
    let beside = |name: &str| std::env::current_exe().map(|path| path.with_file_name(name));
    let service = match &args.service {
        // Servers are started in another directory.
        Some(path) => std::path::absolute(path)?,
        None => beside("orders-api")?,
    };
    let programs = Programs { service, control: beside("orders-control")? };
    let keeper = Keeper::new()?;
    let databases = Databases::new(&keeper)?;
    let bench = Bench {
        keeper: &keeper,
        databases: &databases,
        programs: &programs,
        measured: Duration::from_secs(args.seconds.into()),
        repetitions: args.repetitions,
    };
    let rows = rows(&bench, &args.only)?;
    let Args { seconds, repetitions, .. } = *args;
    Ok(Report { machine: Machine::this(), seconds, repetitions, rows })
}

fn rows(bench: &Bench<'_>, only: &str) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if FSYNCS.id.contains(only) {
        eprintln!("{}", FSYNCS.title);
        let sides = bench.fsyncs_per_create()?.map(|per_create| Side::plain(vec![per_create]));
        let name = (FSYNCS.id, FSYNCS.title);
        rows.push(Row::new(name, Unit::PerCreate, sides, Some(FSYNCS.target)));
    }
    let mut resident_mb = <[Vec<f64>; 2]>::default();
    for plan in PLANS.iter().filter(|plan| plan.id.contains(only)) {
        eprintln!("{}", plan.title);
        let samples = bench.measure(plan)?;
        if plan.engine == Engine::Sqlite {
            for (all, samples) in resident_mb.iter_mut().zip(&samples) {
                all.extend(&samples.resident_mb);
            }
        }
        let sides = samples.map(|samples| Side::rate(samples.per_second, &samples.latencies));
        rows.push(Row::new((plan.id, plan.title), Unit::PerSecond, sides, plan.target));
    }
    if resident_mb.iter().all(|samples| !samples.is_empty()) {
        let sides = resident_mb.map(Side::plain);
        let name = (MEMORY.id, MEMORY.title);
        rows.push(Row::new(name, Unit::Megabytes, sides, Some(MEMORY.target)));
    }
    Ok(rows)
}
