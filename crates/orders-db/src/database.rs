//! The way to the database: URLs, connections, transactions, errors, the clock, the tables and their
//! rows, migrations, and metrics.

pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod error;
pub(crate) mod long_reads;
pub(crate) mod metrics;
pub(crate) mod migrate;
pub(crate) mod process_lock;
pub(crate) mod read_pool;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod tables;
pub(crate) mod transaction;
pub(crate) mod url;
