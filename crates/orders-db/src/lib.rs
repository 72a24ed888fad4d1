//! Stores orders in SQLite or PostgreSQL without double bookings.
//!
//! [`Store`] is one database. Writes wait in a queue. One thread takes all that wait, takes the write
//! lock, loads a snapshot, calls [`orders_core::decide()`], writes, and commits once for all.
//! This crate loads and stores; it never decides.

mod database;
mod events;
mod keys;
mod maintenance;
mod orders;
mod policy;
mod services;
mod store;
mod webhooks;
mod write;

// Named here because their features decide how the C libraries are built. OpenSSL is for libpq.
use libsqlite3_sys as _;
use openssl_sys as _;
use pq_sys as _;

pub use database::error::StoreError;
pub use database::metrics::{Distribution, MetricsSnapshot, PoolSnapshot, QueueSnapshot, Timing};
pub use database::migrate::{SchemaState, migrate, schema_state};
pub use database::process_lock::ProcessLock;
pub use database::read_pool::ReadPool;
pub use database::rows::StoredResponse;
pub use database::url::DatabaseUrl;
pub use events::{EventPage, OrderChange, Subscription};
pub use keys::sessions::Session;
pub use keys::{EndSession, KeyEntry, KeyTable, RequireKeys, RotateSessionSecret, SignIn};
pub use maintenance::backup::{BackupError, backup, partial_of, restore};
pub use maintenance::doctor::{CheckResult, check_database};
pub use maintenance::export::{ExportPart, export};
pub use maintenance::transfer::{TableChecksum, TransferError, checksums, move_to_postgres};
pub use orders::availability::{Availability, AvailabilityQuery};
pub use orders::calendar::{CalendarOrder, CalendarQuery, CalendarView};
pub use orders::reports::{Amount, OrderReport};
pub use orders::{OrderPage, OrderPlace, OrderQuery, SortKey};
pub use policy::{PolicyChange, check_policy};
pub use store::{Store, StoreOptions, TransactionalImport};
pub use webhooks::{Attempt, Delivery, DeliveryStore, Lease, Progress};
pub use write::audit::{AuditAction, AuditEntry, AuditRecord, Author};
pub use write::change::{Change, ChangeResult, Idempotency};
pub use write::idempotency::{Answered, RenderResponse};
pub use write::queue::Reply;
pub use write::ticket::{Steps, Ticket};

/// The SQL of a query, without the values that are bound to it.
#[cfg(test)]
fn sql_text(query: &impl ToString) -> String {
    let text = query.to_string();
    text.split_once(" -- binds").map_or(text.clone(), |(sql, _)| sql.to_owned())
}
