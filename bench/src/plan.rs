//! The rows of the benchmark. To add rows, add an entry to `PLANS`. The targets are in `targets.rs`.

use crate::contestant::Contestant::{
    self, Axum, Constant, Control, Fastify, Pgbench, RawLoop, Sequelize, Service, TwoServices,
};
use crate::database::{ENGINES, Engine};
use crate::workload::{STORED, Traffic};

/// Rows of one kind: one for each database and number of connections.
pub(crate) struct Plan {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) task: Task,
    pub(crate) content: Content,
    engines: &'static [Engine],
    connections: &'static [usize],
    /// The first is compared with the others.
    pub(crate) contestants: &'static [Contestant],
    /// Takes long and much disk, so it runs only with `--large`.
    is_large: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Orders per second, each client sending as soon as it has an answer.
    Load(Traffic),
    /// p99 divided by p50 at half the rate of `Load`, sent at a steady pace.
    HalfLoad(Traffic),
    /// Orders per second in batches of 10 000, until 100 000 are stored.
    Import,
    /// Seconds from the start of the process to its first answer.
    Start,
    /// How many of fifty times are booked by more than one of 24 clients.
    Contention,
    /// Syncs to disk per create.
    Syncs,
}

/// The content of a database before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    /// The one service that all orders use.
    Service,
    /// Orders with free time between them, stored by the contestant.
    Orders,
    /// This many orders, spread over a large calendar, in the service's tables.
    Calendar(u64),
}

/// A plan on one database with one number of clients.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) plan: &'static Plan,
    pub(crate) engine: Engine,
    pub(crate) connections: usize,
}

const ALL: &[usize] = &[1, 64, 256];
const PEERS: &[Contestant] = &[Service, Sequelize, Axum, Fastify];
const PEERS_AND_CONTROL: &[Contestant] = &[Service, Control, Sequelize, Axum, Fastify];

/// What most plans have in common.
const USUAL: Plan = Plan {
    id: "",
    title: "",
    task: Task::Start,
    content: Content::Orders,
    engines: &ENGINES,
    connections: ALL,
    contestants: PEERS,
    is_large: false,
};

pub(crate) const PLANS: &[Plan] = &[
    Plan {
        id: "create",
        title: "creates",
        task: Task::Load(Traffic::Create),
        content: Content::Service,
        contestants: &[Service, Control, Sequelize, Axum, Fastify, RawLoop, Pgbench],
        ..USUAL
    },
    Plan {
        id: "conflict",
        title: "refused creates",
        task: Task::Load(Traffic::Conflict),
        contestants: PEERS_AND_CONTROL,
        ..USUAL
    },
    Plan {
        id: "find",
        title: "orders by id",
        task: Task::Load(Traffic::Find),
        contestants: &[Service, Control, Sequelize, Axum, Fastify, Constant],
        ..USUAL
    },
    Plan {
        id: "page",
        title: "pages of 100",
        task: Task::Load(Traffic::Page),
        contestants: &[Service, Sequelize, Axum, Fastify, Constant],
        ..USUAL
    },
    Plan {
        id: "page_from",
        title: "pages of 100, each from another time",
        task: Task::Load(Traffic::PageFrom),
        connections: &[64],
        contestants: &[Service, Axum, Fastify, Constant],
        ..USUAL
    },
    Plan { id: "move", title: "moves (PUT)", task: Task::Load(Traffic::Move), ..USUAL },
    Plan {
        id: "mix",
        title: "80 % by id, 15 % creates, 5 % pages",
        task: Task::Load(Traffic::Mix),
        ..USUAL
    },
    Plan {
        id: "batch",
        title: "orders in batches of 1 000",
        task: Task::Load(Traffic::Batch),
        content: Content::Service,
        // The service refuses to queue as many as 64 000 orders.
        connections: &[1, 8],
        contestants: &[Service],
        ..USUAL
    },
    Plan {
        id: "import",
        title: "import of 100 000 orders",
        task: Task::Import,
        content: Content::Service,
        connections: &[1],
        contestants: &[Service],
        ..USUAL
    },
    Plan {
        id: "two_processes",
        title: "creates by two processes on one database",
        task: Task::Load(Traffic::Create),
        content: Content::Service,
        connections: &[64],
        contestants: &[TwoServices, Service],
        ..USUAL
    },
    Plan {
        id: "half_create",
        title: "p99 of p50, creates at half the maximum",
        task: Task::HalfLoad(Traffic::Create),
        content: Content::Service,
        connections: &[64],
        contestants: &[Service],
        ..USUAL
    },
    Plan {
        id: "half_find",
        title: "p99 of p50, by id at half the maximum",
        task: Task::HalfLoad(Traffic::Find),
        connections: &[64],
        contestants: &[Service],
        ..USUAL
    },
    Plan {
        id: "half_mix",
        title: "p99 of p50, the mix at half the maximum",
        task: Task::HalfLoad(Traffic::Mix),
        connections: &[64],
        contestants: &[Service],
        ..USUAL
    },
    Plan {
        id: "stored_10k",
        title: "creates among 10 thousand stored",
        task: Task::Load(Traffic::Between),
        content: Content::Calendar(10_000),
        connections: &[64],
        contestants: &[Service],
        ..USUAL
    },
    Plan {
        id: "stored_1m",
        title: "creates among 1 million stored",
        task: Task::Load(Traffic::Between),
        content: Content::Calendar(1_000_000),
        connections: &[64],
        contestants: &[Service],
        ..USUAL
    },
    Plan {
        id: "stored_10m",
        title: "creates among 10 million stored",
        task: Task::Load(Traffic::Between),
        content: Content::Calendar(10_000_000),
        connections: &[64],
        contestants: &[Service],
        is_large: true,
        ..USUAL
    },
    Plan {
        id: "start",
        title: "start to first answer",
        task: Task::Start,
        connections: &[1],
        contestants: PEERS_AND_CONTROL,
        ..USUAL
    },
    Plan {
        id: "start_1m",
        title: "start to first answer, 1 million stored",
        task: Task::Start,
        content: Content::Calendar(1_000_000),
        connections: &[1],
        contestants: &[Service],
        ..USUAL
    },
    Plan {
        id: "double_bookings",
        title: "times of 50 that were booked twice",
        task: Task::Contention,
        content: Content::Service,
        connections: &[24],
        contestants: PEERS_AND_CONTROL,
        ..USUAL
    },
    Plan {
        id: "syncs",
        title: "syncs to disk per create",
        task: Task::Syncs,
        content: Content::Service,
        engines: &[Engine::Sqlite],
        connections: &[64],
        contestants: &[Service, Control],
        ..USUAL
    },
];

/// The rows whose id contains `only`.
pub(crate) fn rows(only: &str, with_large: bool) -> Vec<Row> {
    let plans = PLANS.iter().filter(|plan| with_large || !plan.is_large);
    let rows = plans.flat_map(|plan| {
        plan.engines.iter().flat_map(move |&engine| {
            plan.connections.iter().map(move |&connections| Row { plan, engine, connections })
        })
    });
    rows.filter(|row| row.id().contains(only)).collect()
}

impl Row {
    pub(crate) fn id(&self) -> String {
        format!("{}_{}_{}", self.engine.id(), self.plan.id, self.connections)
    }

    /// Whether `wrk` measures the row, too.
    pub(crate) fn has_second_generator(&self) -> bool {
        matches!((self.plan.id, self.connections), ("create" | "find", 1 | 64))
    }

    pub(crate) fn title(&self) -> String {
        let Self { plan: Plan { title, .. }, engine, connections } = self;
        let s = if *connections == 1 { "" } else { "s" };
        format!("{}: {title}, {connections} client{s}", engine.name())
    }

    /// The contestants of the row, in the order of their runs.
    pub(crate) fn contestants(&self) -> impl Iterator<Item = Contestant> {
        let Self { plan, engine, connections } = *self;
        let all = plan.contestants.iter().copied();
        all.filter(move |contestant| contestant.takes_part(engine, connections))
    }
}

impl Content {
    /// The number of orders. In a quick run a large calendar has a fiftieth of them.
    pub(crate) fn orders(self, is_quick: bool) -> u64 {
        match self {
            Self::Service => 0,
            Self::Orders => STORED,
            Self::Calendar(orders) if is_quick => orders.div_ceil(50),
            Self::Calendar(orders) => orders,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn row_ids_are_unique() {
        let rows = rows("", true);
        let ids: HashSet<String> = rows.iter().map(Row::id).collect();
        assert_eq!(ids.len(), rows.len());
    }

    #[test]
    fn rows_are_selected_by_a_part_of_their_id() {
        let ids: Vec<String> = rows("sqlite_create", false).iter().map(Row::id).collect();
        assert_eq!(ids, ["sqlite_create_1", "sqlite_create_64", "sqlite_create_256"]);
        assert!(rows("10m", false).is_empty());
        assert_eq!(rows("10m", true).len(), 2);
    }

    #[test]
    fn the_first_contestant_of_a_row_runs_in_it() {
        for row in rows("", true) {
            assert_eq!(row.contestants().next(), row.plan.contestants.first().copied());
        }
    }
}
