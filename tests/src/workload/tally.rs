//! The counts of a workload.

use std::fmt;

use crate::history::{Ending, Event, Operation, Request, Told, Violation};

/// Counts of operations, faults and violations.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Rounds that were checked.
    pub rounds: u64,
    /// Operations that were checked.
    pub operations: u64,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Of these, those replayed under their keys.
    pub repeated: u64,
    /// Reads of an order that was there, and of free times.
    pub read: u64,
    /// Rejected requests, batches as a whole.
    pub refused: u64,
    /// Of these, those rejected by the rule.
    pub conflicts: u64,
    /// Operations whose response says that they had no effect.
    pub not_done: u64,
    /// Operations whose end no client knows.
    pub unknown: u64,
    /// Events of the feed.
    pub events: u64,
    /// Processes killed by SIGKILL.
    pub kills: u64,
    /// Processes ended in order and started again.
    pub restarts: u64,
    /// Processes stopped for a while.
    pub freezes: u64,
    /// Times that connections were cut, or what was sent on them did not arrive.
    pub cuts: u64,
    /// Times that the server of the database was ended at once.
    pub stops: u64,
    /// What no single order of the operations explains.
    pub violations: Vec<Violation>,
}

impl Tally {
    pub(super) fn count(&mut self, operations: &[Operation], events: &[Event]) {
        let add = |sum: &mut u64, number: usize| *sum += u64::try_from(number).unwrap();
        add(&mut self.operations, operations.len());
        add(&mut self.events, events.len());
        for operation in operations {
            match &operation.ending {
                Ending::Unknown(_) => self.unknown += 1,
                Ending::NotDone(_) => self.not_done += 1,
                Ending::Told { told, replayed } => match told {
                    Told::Refused(_, code, _) => {
                        self.refused += 1;
                        self.conflicts += u64::from(code == "order-conflict");
                    }
                    Told::Results(status, _) if *status != 200 => self.refused += 1,
                    Told::Free(_) => self.read += 1,
                    Told::Order(..) if matches!(operation.request, Request::Read { .. }) => {
                        self.read += 1;
                    }
                    Told::Order(..) | Told::Deleted | Told::Results(..) => {
                        self.acknowledged += 1;
                        self.repeated += u64::from(*replayed);
                    }
                },
            }
        }
    }

    /// All things that went wrong.
    pub fn faults(&self) -> u64 {
        self.kills + self.restarts + self.freezes + self.cuts + self.stops
    }

    /// The names of the columns in which it is written.
    pub const COLUMNS: &str = "operations  acknowledged  repeated    read  refused  by rule  \
        not done  unknown  events  kills  restarts  stopped  cuts  database  violations";
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10}  {:>12}  {:>8}", self.operations, self.acknowledged, self.repeated)?;
        write!(f, "  {:>6}  {:>7}  {:>7}", self.read, self.refused, self.conflicts)?;
        write!(f, "  {:>8}  {:>7}  {:>6}", self.not_done, self.unknown, self.events)?;
        write!(f, "  {:>5}  {:>8}  {:>7}", self.kills, self.restarts, self.freezes)?;
        write!(f, "  {:>4}  {:>8}  {:>10}", self.cuts, self.stops, self.violations.len())
    }
}
