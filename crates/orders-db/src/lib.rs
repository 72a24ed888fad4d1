//! Keeps orders in SQLite or PostgreSQL, so that no two are double-booked.
//!
//! [`Store`] is one database. What is to be written waits in a queue; one thread takes all that
//! waits, takes the database's lock, reads what is needed, lets [`orders_core::decide()`] judge, and
//! writes and commits once for all. This crate loads and applies; it never decides.

mod answers;
mod availability;
mod backup;
mod calendar;
mod database;
mod doctor;
mod error;
mod events;
mod export;
mod figures;
mod in_use;
mod keys;
mod meter;
mod migrate;
mod notes;
mod orders;
mod policy;
mod refusals;
mod services;
mod sessions;
mod store;
mod transfer;
mod url;
mod webhooks;
mod write;

// Short paths into the folders.
use database::{clock, connection, rows, schema, transaction};
use orders::find as read;
use write::{load as snapshot, queue as lane, store_rows as apply, ticket};

// Named here because their features decide how the two C libraries are built.
use libsqlite3_sys as _;
#[cfg(feature = "postgres-tls")]
use openssl_sys as _;
use pq_sys as _;

pub use answers::{Answered, KeptAnswer, Render};
pub use availability::{Availability, AvailabilityQuery};
pub use backup::{BackupError, backup, restore};
pub use calendar::{Calendar, CalendarOrder, CalendarQuery};
pub use doctor::{Report, examine};
pub use error::StoreError;
pub use events::{EventPage, Listener, OrderChange};
pub use export::{ExportPart, export};
pub use figures::{Amount, Figures};
pub use in_use::InUse;
pub use keys::{KeyEntry, KeyTable, KeyVerdict};
pub use meter::{Distribution, PoolReading, QueueReading, Readings, Timing};
pub use migrate::migrate;
pub use orders::{OrderFilter, OrderPage, OrderPlace, OrderQuery, OrderSort, SortKey};
pub use policy::{PolicyVerdict, check_policy};
pub use services::ServiceVerdict;
pub use sessions::Session;
pub use store::{Store, StoreOptions, TransactionalImport};
pub use transfer::{TableSum, TransferError, move_to_postgres, sums};
pub use url::DatabaseUrl;
pub use webhooks::{Attempt, Claim, Courier, Delivery, DeliveryStatus, Progress, WebhookVerdict};
pub use write::queue::Reply;
pub use write::ticket::{Steps, Ticket};

/// The SQL of a query, without the values that are bound to it.
#[cfg(test)]
fn sql_text(query: &impl ToString) -> String {
    let text = query.to_string();
    text.split_once(" -- binds").map_or(text.clone(), |(sql, _)| sql.to_owned())
}
