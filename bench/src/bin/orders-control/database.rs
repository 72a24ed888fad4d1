//! The control's database, selected by the scheme of its URL.

use std::time::Duration;

use crate::postgres::{self, Postgres};
use crate::rows::{OrderRow, ServiceRow};
use crate::sqlite::Sqlite;

/// Longest wait of a request for a connection.
pub(crate) const POOL_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of a create.
pub(crate) enum Created {
    Stored,
    /// The orders, as id and time, that it is too close to.
    TooClose(Vec<(String, i64)>),
}

pub(crate) enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Database {
    pub(crate) fn open(url: &str) -> Result<Self, String> {
        if url.starts_with("postgres://") {
            Postgres::open(url).map(Self::Postgres)
        } else {
            Sqlite::open(url).map(Self::Sqlite)
        }
    }

    /// The number of threads that can work at the same time.
    pub(crate) fn threads(&self) -> usize {
        match self {
            Self::Sqlite(_) => 4,
            Self::Postgres(_) => usize::try_from(postgres::POOL).unwrap_or(1),
        }
    }

    pub(crate) fn create_service(&self, row: &ServiceRow) -> Result<(), String> {
        match self {
            Self::Sqlite(sqlite) => sqlite.create_service(row),
            Self::Postgres(postgres) => postgres.create_service(row),
        }
    }

    pub(crate) fn create(&self, order: &mut OrderRow, uses: &[i64]) -> Result<Created, String> {
        match self {
            Self::Sqlite(sqlite) => sqlite.create(order, uses),
            Self::Postgres(postgres) => postgres.create(order, uses),
        }
    }

    pub(crate) fn find(&self, id: &str) -> Result<Option<OrderRow>, String> {
        match self {
            Self::Sqlite(sqlite) => sqlite.find(id),
            Self::Postgres(postgres) => postgres.find(id),
        }
    }
}
