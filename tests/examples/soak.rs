//! Runs randomized workloads of any length. `tests/soak` builds what it needs and starts it.
//!
//! ```sh
//! tests/soak --minutes 30 --seed 7 --database postgres --processes 3
//! ```
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program reports on standard output"
)]
#![expect(clippy::disallowed_methods, reason = "a seed may come from the clock")]

use std::process::ExitCode;
use std::thread::scope;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orders_tests::Database;
use orders_tests::history::Scope;
use orders_tests::workload::{RandomWorkload, Round, Tally};

const USAGE: &str = "usage: tests/soak [--minutes N] [--seed S] [--database sqlite|postgres] \
    [--processes N] [--clients N] [--rest-ms N] [--at-once]

Runs randomized workloads: clients read and write while processes are killed and frozen, connections are
cut, and PostgreSQL is shut down. Every minute a checker searches for one sequential order of all operations
that explains what the clients saw. Without --database and --processes it runs four workloads, on both
databases with 1 and with 3 processes, one after the other or, with --at-once, side by side.

  --minutes N    how long each workload lasts (30); half of it in each scope of the policy
  --seed S       the seed of the random numbers; printed if it is not given
  --clients N    the number of clients of each workload (8)
  --rest-ms N    the longest pause of a client between two operations (60)";

/// How long a round lasts before it is checked, so that histories stay short.
const ROUND: Duration = Duration::from_mins(1);

struct Plan {
    minutes: u32,
    seed: u64,
    databases: Vec<Database>,
    processes: Vec<usize>,
    clients: usize,
    rest: Duration,
    at_once: bool,
}

fn main() -> ExitCode {
    let plan = match plan(std::env::args().skip(1)) {
        Ok(Some(plan)) => plan,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(what) => {
            eprintln!("{what}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    println!("--minutes {} --seed {}", plan.minutes, plan.seed);
    let workloads: Vec<RandomWorkload> = plan
        .databases
        .iter()
        .flat_map(|database| plan.processes.iter().map(|processes| (*database, *processes)))
        .map(|(database, processes)| RandomWorkload {
            database,
            processes,
            seed: plan.seed,
            clients: plan.clients,
            rest: plan.rest,
            fault: (Duration::from_secs(4), Duration::from_secs(5)),
        })
        .collect();
    let rounds = rounds(plan.minutes);
    let tallies: Vec<(RandomWorkload, Option<Tally>)> = if plan.at_once {
        scope(|threads| {
            let start = |workload: &RandomWorkload| {
                let (workload, rounds) = (*workload, &rounds);
                (workload, threads.spawn(move || run(&workload, rounds)))
            };
            let running: Vec<_> = workloads.iter().map(start).collect();
            running.into_iter().map(|(workload, run)| (workload, run.join().ok())).collect()
        })
    } else {
        let one = |workload: &RandomWorkload| {
            let run = scope(|threads| threads.spawn(|| run(workload, &rounds)).join());
            (*workload, run.ok())
        };
        workloads.iter().map(one).collect()
    };
    println!("\n{:<23}  {}", "", Tally::COLUMNS);
    let mut is_fine = true;
    for (workload, tally) in &tallies {
        let fine = tally.as_ref().is_some_and(|tally| tally.violations.is_empty());
        is_fine &= fine;
        match tally {
            Some(tally) => println!("{:<23}  {tally}", name(workload)),
            None => println!("{:<23}  was not run to its end", name(workload)),
        }
    }
    println!("seed {}, {} minutes each", plan.seed, plan.minutes);
    if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Half of the time in each scope.
fn rounds(minutes: u32) -> Vec<Round> {
    let round = |number| {
        let scope = if number < minutes.div_ceil(2) { Scope::Global } else { Scope::Service };
        Round { scope, length: ROUND, operations: 0 }
    };
    (0..minutes).map(round).collect()
}

fn run(workload: &RandomWorkload, rounds: &[Round]) -> Tally {
    let name = name(workload);
    let tally = workload.run(rounds, |tally| {
        println!("{name}: round {} of {}: {tally}", tally.rounds, rounds.len());
    });
    for violation in &tally.violations {
        println!("{name}: VIOLATION: {violation}");
    }
    tally
}

fn name(workload: &RandomWorkload) -> String {
    let database = match workload.database {
        Database::Sqlite => "SQLite",
        Database::Postgres => "PostgreSQL",
    };
    match workload.processes {
        1 => format!("{database}, 1 process"),
        many => format!("{database}, {many} processes"),
    }
}

/// The parsed options; `None` for help.
fn plan(mut arguments: impl Iterator<Item = String>) -> Result<Option<Plan>, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut plan = Plan {
        minutes: 30,
        seed: now.as_secs(),
        databases: vec![Database::Sqlite, Database::Postgres],
        processes: vec![1, 3],
        clients: 8,
        rest: Duration::from_millis(60),
        at_once: false,
    };
    while let Some(option) = arguments.next() {
        match option.as_str() {
            "--help" | "-h" => return Ok(None),
            "--at-once" => {
                plan.at_once = true;
                continue;
            }
            _ => {}
        }
        let value = arguments.next().ok_or_else(|| format!("{option} of what?"))?;
        let number = |least: u64| match value.parse::<u64>() {
            Ok(number) if number >= least => Ok(number),
            _ => Err(format!("{option}: {value} is no number from {least} on")),
        };
        let small = |number: u64| usize::try_from(number).map_err(|error| error.to_string());
        match option.as_str() {
            "--minutes" => {
                let minutes = u32::try_from(number(1)?);
                plan.minutes = minutes.map_err(|error| format!("--minutes: {error}"))?;
            }
            "--seed" => plan.seed = number(0)?,
            "--clients" => plan.clients = small(number(1)?)?,
            "--rest-ms" => plan.rest = Duration::from_millis(number(0)?),
            "--processes" => plan.processes = vec![small(number(1)?)?],
            "--database" => {
                plan.databases = vec![match value.as_str() {
                    "sqlite" => Database::Sqlite,
                    "postgres" => Database::Postgres,
                    _ => return Err(format!("no such database: {value}")),
                }];
            }
            _ => return Err(format!("no such option: {option}")),
        }
    }
    Ok(Some(plan))
}
