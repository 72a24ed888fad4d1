//! The commands `policy show` and `policy set`.

use std::error::Error;
use std::io::Write;

use orders_core::{CalendarId, Policy, Violation};
use orders_db::Store;

use crate::cli::PolicyCommand;
use crate::wait::wait;
use crate::wire::PolicyView;

pub(crate) fn run(store: &Store, command: &PolicyCommand) -> Result<(), Box<dyn Error>> {
    match command {
        PolicyCommand::Show => show(&store.find_policy()?),
        PolicyCommand::Set(options) => {
            let patch = options.patch();
            match wait(|deadline, reply| store.change_policy(patch, deadline, reply))? {
                Ok(policy) => show(&policy),
                Err(violations) => Err(refusal(&violations).into()),
            }
        }
    }
}

fn show(policy: &Policy) -> Result<(), Box<dyn Error>> {
    let shown = serde_json::to_string(&PolicyView::of(policy))?;
    Ok(writeln!(std::io::stdout(), "{shown}")?)
}

fn refusal(violations: &[Violation]) -> String {
    let one = |violation: &Violation| {
        let Violation { calendar, earlier: (earlier, at), later: (later, then) } = violation;
        let calendar = match calendar {
            CalendarId::Global => String::new(),
            CalendarId::Service(id) => format!(" (service {id})"),
        };
        format!("order {earlier} at {at} and order {later} at {then}{calendar}")
    };
    let pairs = violations.iter().map(one).collect::<Vec<_>>().join("; ");
    format!("the policy was not changed: it would find these too close to each other: {pairs}")
}
