//! The commands `policy show`, `policy check` and `policy set`.

use std::error::Error;
use std::io::{BufWriter, Write};

use orders_core::Policy;
use orders_core::decide::Violation;
use orders_core::policy::CalendarId;
use orders_db::{Answered, DatabaseUrl, PolicyChange, Store, StoreOptions};

use crate::cli::PolicyCommand;
use crate::cli::wait::wait;
use crate::orders::policy::PolicyView;

pub(crate) fn run(database: &DatabaseUrl, command: &PolicyCommand) -> Result<(), Box<dyn Error>> {
    let open = || Store::open(database, StoreOptions::default());
    match command {
        PolicyCommand::Show => show(&open()?.reads.find_policy()?),
        PolicyCommand::Check(options) => {
            let mut out = BufWriter::new(std::io::stdout());
            let mut number = 0_u64;
            let mut written = Ok(());
            let policy = orders_db::check_policy(database, &options.patch(), |violation| {
                number += 1;
                if written.is_ok() {
                    written = writeln!(out, "{}", in_words(violation));
                }
            })?;
            written?;
            out.flush()?;
            if number > 0 {
                return Err(format!("{number} pairs of orders would violate this policy").into());
            }
            show(&policy)
        }
        PolicyCommand::Set { options, accept_violations } => {
            let change = PolicyChange { patch: options.patch(), accept: *accept_violations };
            let store = open()?;
            match wait(|deadline, reply| store.change(change, None, deadline, reply))? {
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
    Ok(writeln!(std::io::stdout(), "{shown}")?)
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
