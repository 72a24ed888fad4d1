//! What is measured, row by row, and what each is to reach. To measure more, add a row.

use crate::database::Engine;
use crate::figures::Target;

/// One row: the same load on the service and on the control, in turns.
pub(crate) struct Plan {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) engine: Engine,
    pub(crate) task: Task,
    pub(crate) connections: usize,
    /// How many times the usual number of repetitions: more where the target is narrow.
    pub(crate) times: u32,
    pub(crate) target: Option<Target>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Each repetition on an empty database of its own.
    Create,
    /// On a database with orders, the same all along.
    Conflict,
    /// On a database with orders, the same all along.
    Find,
}

/// The syncs of one run under `strace`, apart from what is timed.
pub(crate) const FSYNCS: Extra = Extra {
    id: "sqlite_fsyncs_per_create",
    title: "SQLite: syncs to disk per create, 64 connections",
    target: Target::AtMost(0.1),
};

/// Resident memory after each run on SQLite.
pub(crate) const MEMORY: Extra = Extra {
    id: "sqlite_resident_memory",
    title: "SQLite: resident memory after load",
    target: Target::Below(100.0),
};

/// A row that is not a rate.
pub(crate) struct Extra {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) target: Target,
}

pub(crate) const PLANS: [Plan; 7] = [
    Plan {
        id: "sqlite_create_64",
        title: "SQLite: creates, 64 connections",
        engine: Engine::Sqlite,
        task: Task::Create,
        connections: 64,
        times: 1,
        target: None,
    },
    Plan {
        id: "sqlite_create_1",
        title: "SQLite: creates, 1 connection",
        engine: Engine::Sqlite,
        task: Task::Create,
        connections: 1,
        times: 2,
        target: Some(Target::RatioAtLeast(0.95)),
    },
    Plan {
        id: "postgres_find_64",
        title: "PostgreSQL: orders by id, 64 connections",
        engine: Engine::Postgres,
        task: Task::Find,
        connections: 64,
        times: 1,
        target: Some(Target::RatioAtLeast(2.0)),
    },
    Plan {
        id: "postgres_create_64",
        title: "PostgreSQL: creates, 64 connections",
        engine: Engine::Postgres,
        task: Task::Create,
        connections: 64,
        times: 1,
        target: None,
    },
    Plan {
        id: "sqlite_conflict_64",
        title: "SQLite: refused creates, 64 connections",
        engine: Engine::Sqlite,
        task: Task::Conflict,
        connections: 64,
        times: 1,
        target: None,
    },
    Plan {
        id: "postgres_conflict_64",
        title: "PostgreSQL: refused creates, 64 connections",
        engine: Engine::Postgres,
        task: Task::Conflict,
        connections: 64,
        times: 1,
        target: None,
    },
    Plan {
        id: "sqlite_find_64",
        title: "SQLite: orders by id, 64 connections",
        engine: Engine::Sqlite,
        task: Task::Find,
        connections: 64,
        times: 1,
        target: None,
    },
];
