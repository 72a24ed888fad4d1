//! The commands `policy show`, `policy check` and `policy set`.

use std::error::Error;
use std::io::{BufWriter, Write};

use orders_core::Policy;
use orders_core::decide::Violation;
use orders_core::policy::CalendarId;
use orders_db::{Answered, Author, DatabaseUrl, PolicyChange, Store, StoreOptions};

use crate::cli::PolicyCommand;
use crate::cli::output::{OutputError, print};
use crate::cli::wait::wait;
use crate::orders::policy::PolicyView;

/// How many pairs `check` prints without `--all`.
const SHOWN: u64 = 100;

pub(crate) fn run(database: &DatabaseUrl, command: &PolicyCommand) -> Result<(), Box<dyn Error>> {
    let open = || Store::open(database, StoreOptions::default());
    match command {
        PolicyCommand::Show => show(&open()?.reads.find_policy()?),
        PolicyCommand::Check { options, all } => {
            let limit = if *all { u64::MAX } else { SHOWN };
            let mut out = BufWriter::new(std::io::stdout());
            let mut number = 0_u64;
            let mut written = Ok(());
            let policy = orders_db::check_policy(database, &options.patch(), |violation| {
                number += 1;
                if written.is_ok() && number <= limit {
                    written = writeln!(out, "{}", in_words(violation));
                }
            })?;
            let written = written.and_then(|()| out.flush()).map_err(OutputError);
            if number > 0 {
                let rest = match number.saturating_sub(limit) {
                    0 => String::new(),
                    _ => format!("; these are the first {limit}, --all prints all"),
                };
                let pairs = if number == 1 { "pair" } else { "pairs" };
                let why = format!("{number} {pairs} of orders would violate this policy{rest}");
                return Err(why.into());
            }
            written?;
            show(&policy)
        }
        PolicyCommand::Set { options, accept_violations } => {
            let change = PolicyChange { patch: options.patch(), accept: *accept_violations };
            let (store, author) = (open()?, Author::command("command-line"));
            match wait(|deadline, reply| store.change(author, change, None, deadline, reply))? {
                Answered::Now(Ok(policy)) => show(&policy),
                Answered::Now(Err(violations)) => Err(refusal(&violations).into()),
                Answered::Again(_) | Answered::KeyReused => {
                    Err("a command has no idempotency key".into())
                }
            }
        }
    }
}

fn show(policy: &Policy) -> Result<(), Box<dyn Error>> {
    let shown = serde_json::to_string(&PolicyView::new(policy))?;
    Ok(print(&(shown + "\n"))?)
}

fn refusal(violations: &[Violation]) -> String {
    let pairs = violations.iter().map(in_words).collect::<Vec<_>>().join("; ");
    format!(
        "the policy was not changed: these orders would be too close to each other: {pairs}. \
         `policy check` lists all, `--accept-violations` makes them exempt from one another"
    )
}

fn in_words(violation: &Violation) -> String {
    let Violation { calendar, earlier: (earlier, at), later: (later, then), .. } = violation;
    let calendar = match calendar {
        CalendarId::Global => String::new(),
        CalendarId::Service(id) => format!(" (service {id})"),
    };
    format!("order {earlier} at {at} and order {later} at {then}{calendar}")
}
