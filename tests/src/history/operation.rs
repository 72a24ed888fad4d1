//! Requests of clients, and their responses.

use std::fmt;

use crate::time::at;

/// An order as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Its time in epoch milliseconds.
    pub datetime: i64,
    /// Its fee, in whole units.
    pub fee: u64,
    /// Its services, in the order given.
    pub services: Vec<u64>,
    /// From 1 on.
    pub version: u64,
    /// When it was created, in epoch milliseconds.
    pub created_at: i64,
    /// When it was last changed, in epoch milliseconds.
    pub updated_at: i64,
}

/// What an update sets; all three of a PUT, any of a PATCH.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// A new time in epoch milliseconds.
    pub datetime: Option<i64>,
    /// A new fee, in whole units.
    pub fee: Option<u64>,
    /// New services.
    pub services: Option<Vec<u64>>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A new order.
    Create {
        /// Its id, if the client chooses it.
        id: Option<String>,
        /// Its time in epoch milliseconds.
        datetime: i64,
        /// Its fee, in whole units.
        fee: u64,
        /// Its services.
        services: Vec<u64>,
    },
    /// A change of an order.
    Update {
        /// Which.
        id: String,
        /// The new values.
        change: Change,
        /// The version that it must have.
        if_match: Option<u64>,
    },
    /// Deletes an order.
    Delete {
        /// Which.
        id: String,
        /// The version that it must have.
        if_match: Option<u64>,
    },
    /// Restores a deleted order.
    Restore {
        /// Which.
        id: String,
    },
    /// Several creations, whole updates and deletions.
    Batch {
        /// Whether the batch is atomic: validated on the state after all operations.
        atomic: bool,
        /// The operations; no id twice in an atomic batch.
        operations: Vec<Request>,
    },
    /// Reads an order.
    Read {
        /// Which.
        id: String,
    },
    /// Reads the free times between two times, both included.
    Free {
        /// From when, in epoch milliseconds.
        from: i64,
        /// Until when.
        to: i64,
        /// For an order with these services.
        services: Vec<u64>,
    },
}

impl Request {
    /// Whether it is the same request for a key. The version in a header does not count.
    pub(super) fn repeats(&self, first: &Self) -> bool {
        let unconditional = |request: &Self| match request.clone() {
            Self::Update { id, change, .. } => Self::Update { id, change, if_match: None },
            Self::Delete { id, .. } => Self::Delete { id, if_match: None },
            other @ (Self::Create { .. }
            | Self::Restore { .. }
            | Self::Batch { .. }
            | Self::Read { .. }
            | Self::Free { .. }) => other,
        };
        unconditional(self) == unconditional(first)
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// 200 or 201 with an order.
    Order(u16, Order),
    /// 204.
    Deleted,
    /// A problem, by its status and code; with the conflict, if it is one.
    Refused(u16, String, Option<Conflict>),
    /// The free intervals, both ends included.
    Free(Vec<(i64, i64)>),
    /// The results of a batch: 200, or the status of a rejected batch.
    Results(u16, Vec<Told>),
}

/// A rejection by the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The nearest conflicting orders: at most ten, sorted by distance, time and id.
    pub nearest: Vec<Neighbour>,
    /// How many there are.
    pub count: usize,
    /// The nearest free time before, in epoch milliseconds.
    pub previous: Option<i64>,
    /// The nearest free time after.
    pub next: Option<i64>,
}

/// A conflicting order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its distance from the requested time, in milliseconds; negative if it is earlier.
    pub gap: i64,
    /// Its time in epoch milliseconds.
    pub datetime: i64,
    /// Its id.
    pub id: String,
    /// The shared services, in ascending order.
    pub services: Vec<u64>,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With a response.
    Told {
        /// The response.
        told: Told,
        /// Whether it was marked as given before.
        replayed: bool,
    },
    /// The response says that the request had no effect, or the request never reached the service.
    NotDone(String),
    /// Unknown: it may be done at any time after it was sent, or never.
    Unknown(String),
}

/// An operation of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Which of all.
    pub number: u64,
    /// Whose.
    pub client: usize,
    /// The process that received the request.
    pub process: usize,
    /// The request.
    pub request: Request,
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
    /// When it was sent, in nanoseconds of one clock for all clients.
    pub begin: u64,
    /// When its response arrived, by the same clock.
    pub end: u64,
    /// How it ended.
    pub ending: Ending,
}

impl Operation {
    /// When it was over: never, if it may still be going on.
    pub(super) fn over(&self) -> u64 {
        match self.ending {
            Ending::Told { .. } | Ending::NotDone(_) => self.end,
            Ending::Unknown(_) => u64::MAX,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, datetime, fee, services, version, .. } = self;
        write!(f, "{id} version {version} at {}, fee {fee}, services {services:?}", at(*datetime))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { datetime, fee, services } = self;
        if let Some(datetime) = datetime {
            write!(f, " at {}", at(*datetime))?;
        }
        if let Some(fee) = fee {
            write!(f, " fee {fee}")?;
        }
        if let Some(services) = services {
            write!(f, " services {services:?}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let condition = |if_match: &Option<u64>| match if_match {
            Some(version) => format!(" if version {version}"),
            None => String::new(),
        };
        match self {
            Self::Create { id, datetime, fee, services } => {
                let id = id.as_deref().unwrap_or("an order");
                write!(f, "create {id} at {} fee {fee} services {services:?}", at(*datetime))
            }
            Self::Update { id, change, if_match } => {
                write!(f, "update {id}{}{change}", condition(if_match))
            }
            Self::Delete { id, if_match } => write!(f, "delete {id}{}", condition(if_match)),
            Self::Restore { id } => write!(f, "restore {id}"),
            Self::Batch { atomic, operations } => {
                write!(f, "{} of [", if *atomic { "atomic batch" } else { "batch" })?;
                for (position, operation) in operations.iter().enumerate() {
                    write!(f, "{}{operation}", if position == 0 { "" } else { "; " })?;
                }
                write!(f, "]")
            }
            Self::Read { id } => write!(f, "read {id}"),
            Self::Free { from, to, services } => {
                write!(f, "ask what is free from {} to {}", at(*from), at(*to))?;
                write!(f, " for services {services:?}")
            }
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(status, order) => write!(f, "{status} {order}"),
            Self::Deleted => write!(f, "204"),
            Self::Free(stretches) => {
                write!(f, "200, free:")?;
                stretches.iter().try_for_each(|(from, to)| write!(f, " {}-{}", at(*from), at(*to)))
            }
            Self::Refused(status, code, None) => write!(f, "{status} {code}"),
            Self::Refused(status, code, Some(conflict)) => {
                write!(f, "{status} {code}, in the way:")?;
                for other in &conflict.nearest {
                    write!(f, " {} at {} ({} ms)", other.id, at(other.datetime), other.gap)?;
                }
                let free = |instant: Option<i64>| instant.map_or("none".to_owned(), at);
                write!(f, " ({} in all)", conflict.count)?;
                write!(f, ", free: {} and {}", free(conflict.previous), free(conflict.next))
            }
            Self::Results(status, results) => {
                write!(f, "{status} of [")?;
                for (position, told) in results.iter().enumerate() {
                    write!(f, "{}{told}", if position == 0 { "" } else { "; " })?;
                }
                write!(f, "]")
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds =
            |nanos: u64| format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
        let Self { number, client, process, request, key, begin, end, ending } = self;
        write!(f, "#{number} of client {client} at process {process}, ")?;
        write!(f, "{} to {} s: {request}", seconds(*begin), seconds(*end))?;
        if let Some(key) = key {
            write!(f, ", key {key}")?;
        }
        match ending {
            Ending::Told { told, replayed: false } => write!(f, " -> {told}"),
            Ending::Told { told, replayed: true } => write!(f, " -> once more: {told}"),
            Ending::NotDone(why) => write!(f, " -> not done: {why}"),
            Ending::Unknown(why) => write!(f, " -> unknown: {why}"),
        }
    }
}
