//! The targets. A missed target is marked in the table. It is not an error.

use crate::contestant::Contestant;
use crate::database::Engine::{Postgres, Sqlite};
use crate::plan::{Row, Task};
use crate::statistics::Target::{self, AtMost, RatioAtLeast};
use crate::workload::Traffic::{Between, Conflict, Create, Find, Mix, Move, Page, PageFrom};

/// The target of the service against another contestant of the same row.
pub(crate) fn against(row: &Row, other: Contestant) -> Option<Target> {
    let bound = match (row.engine, row.plan.task, row.connections, other) {
        (Sqlite, Task::Load(Create), 1, Contestant::Control) => 0.95,
        (Sqlite, Task::Load(Create), 64, Contestant::Control) => 3.0,
        (Sqlite, Task::Load(Create), _, Contestant::RawLoop)
        | (Sqlite, Task::Load(Find), _, Contestant::Constant) => 0.45,
        (Sqlite, Task::Load(Create | Find | Conflict), _, Contestant::Fastify) => 1.3,
        (Postgres, Task::Load(Create), 1, Contestant::Pgbench) => 0.5,
        (Postgres, Task::Load(Create), _, Contestant::Pgbench) => 1.0,
        (Postgres, Task::Load(Create), 64, Contestant::Axum) => 1.5,
        (Postgres, Task::Load(Find), _, Contestant::Constant) => 0.40,
        (_, Task::Load(Page | PageFrom), _, Contestant::Constant) => 0.05,
        // Two processes against one.
        (Postgres, Task::Load(Create), _, Contestant::Service) => 0.9,
        (_, Task::Load(_) | Task::Start, _, other) if other.is_peer() => 1.0,
        _ => return None,
    };
    Some(RatioAtLeast(bound))
}

/// The target of the first contestant of a row without a comparison.
pub(crate) fn alone(row: &Row) -> Option<Target> {
    match row.plan.task {
        Task::HalfLoad(_) => Some(AtMost(10.0)),
        Task::Start => Some(AtMost(0.3)),
        Task::Contention => Some(AtMost(0.0)),
        Task::Syncs => Some(AtMost(0.06)),
        Task::Load(_) | Task::Import => None,
    }
}

/// The target of `row` against the row `earlier`, if they are compared.
pub(crate) fn across(row: &Row, earlier: &Row) -> Option<Target> {
    if row.engine != earlier.engine {
        return None;
    }
    let ids = (row.plan.id, earlier.plan.id);
    let bound = match (row.plan.task, ids, row.connections, earlier.connections) {
        (Task::Load(Create | Conflict | Find | Page | Move | Mix), (a, b), 256, 64) if a == b => {
            1.0
        }
        (Task::Load(Conflict), (_, "create"), a, b) if a == b => 1.0,
        (Task::Load(Between), ("stored_1m", "stored_10k"), ..) => 0.6,
        (Task::Load(Between), ("stored_10m", "stored_10k"), ..) => 0.45,
        _ => return None,
    };
    Some(RatioAtLeast(bound))
}

/// Resident memory with 256 clients, in millions of bytes.
pub(crate) const MEMORY: Target = AtMost(100.0);
