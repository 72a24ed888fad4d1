//! Measures the service, its peers and the limits of this machine, and prints a table.
#![expect(
    clippy::disallowed_methods,
    reason = "a separate program that uses none of the service's crates"
)]

mod bench;
mod cluster;
mod connection;
mod contention;
mod contestant;
mod cpu;
mod database;
mod fsyncs;
mod histogram;
mod load;
mod pgbench;
mod plan;
mod prepared;
mod raw_loop;
mod report;
mod results;
mod seed;
mod server;
mod statistics;
mod supervisor;
mod targets;
mod workload;
mod wrk;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

use crate::bench::{Bench, Generator};
use crate::contestant::Programs;
use crate::database::Databases;
use crate::plan::rows;
use crate::prepared::Prepared;
use crate::report::{Machine, Report};
use crate::results::Results;
use crate::supervisor::Supervisor;

/// Measures the service, its peers and its limits on this machine.
#[derive(Parser)]
struct Args {
    /// Measured time of each run, in seconds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one())]
    seconds: u32,
    /// Number of runs of each contestant in each row
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one())]
    repetitions: u32,
    /// Also write the results to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only rows whose id contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// One short run each: shows that everything works
    #[arg(long, conflicts_with_all = ["seconds", "repetitions"])]
    quick: bool,
    /// Include the rows with 10 million orders
    #[arg(long)]
    large: bool,
    /// A setting of the PostgreSQL server; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    postgres: Vec<String>,
    /// Print the ids of the rows and exit
    #[arg(long)]
    list: bool,
    /// The service's program [default: the one beside this one]
    #[arg(long, value_name = "PATH")]
    service: Option<PathBuf>,
}

fn at_least_one() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=3600)
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    if args.list {
        let ids =
            rows(&args.only, args.large).iter().map(|row| row.id() + "\n").collect::<String>();
        return io::stdout().write_all(ids.as_bytes());
    }
    if rows(&args.only, args.large).is_empty() {
        return Err(io::Error::other(format!("no row's id contains {:?}; see --list", args.only)));
    }
    // First, so that an error does not cost a whole run.
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
    let programs = programs(args)?;
    let (warm_up, measured, repetitions) = if args.quick {
        (Duration::from_millis(300), Duration::from_millis(300), 1)
    } else {
        (Duration::from_secs(1), Duration::from_secs(args.seconds.into()), args.repetitions)
    };
    let supervisor = Supervisor::new()?;
    let databases = Databases::new(&supervisor, &args.postgres)?;
    let prepared = Prepared::new(&supervisor, &programs, &databases, args.quick);
    let bench = Bench {
        supervisor: &supervisor,
        programs: &programs,
        prepared: &prepared,
        warm_up,
        measured,
        import_batches: if args.quick { 2 } else { 10 },
    };
    let results = measure(&bench, args, repetitions)?;
    Ok(Report {
        machine: Machine::this(),
        seconds: measured.as_secs_f64(),
        repetitions,
        is_quick: args.quick,
        postgres: args.postgres.clone(),
        lines: results.lines(),
    })
}

fn programs(args: &Args) -> io::Result<Programs> {
    let this = std::env::current_exe()?;
    let built = this.parent().ok_or_else(|| io::Error::other("no directory"))?.to_owned();
    Ok(Programs {
        service: match &args.service {
            // Servers run in another directory.
            Some(path) => std::path::absolute(path)?,
            None => built.join("orders-api"),
        },
        built,
        peers: Path::new(env!("CARGO_MANIFEST_DIR")).join("peers"),
    })
}

/// Measures in rounds through all rows, so that other load on the machine affects all alike.
fn measure(bench: &Bench<'_, '_>, args: &Args, repetitions: u32) -> io::Result<Results> {
    let mut results = Results::default();
    let rows = rows(&args.only, args.large);
    for round in 1..=repetitions {
        for row in &rows {
            eprintln!("{round}/{repetitions} {}", row.title());
            for contestant in row.contestants() {
                let run = |generator| {
                    bench.run(row, contestant, generator).map_err(|error| {
                        let name = contestant.name();
                        io::Error::new(error.kind(), format!("{}, {name}: {error}", row.title()))
                    })
                };
                let mut sample = run(Generator::BuiltIn)?;
                if row.has_second_generator() && contestant.is_one_server() {
                    sample.wrk_per_second = Some(run(Generator::Wrk)?.value);
                }
                results.add(row, contestant, sample);
            }
        }
    }
    Ok(results)
}
