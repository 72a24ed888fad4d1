//! Keeps orders in SQLite or PostgreSQL, so that no two are double-booked.
//!
//! [`Store`] is one database. Writes wait in a queue. One thread takes all that wait, takes the write
//! lock, loads a snapshot, lets [`orders_core::decide()`] decide, writes, and commits once for all.
//! This crate loads and stores; it never decides.

mod apply;
mod clock;
mod connection;
mod database;
mod events;
mod keys;
mod lane;
mod maintenance;
mod memory;
mod orders;
mod policy;
mod read;
mod rows;
mod schema;
mod services;
mod snapshot;
mod store;
mod ticket;
mod transaction;
mod webhooks;
mod write;

// Named here because their features decide how the two C libraries are built.
use libsqlite3_sys as _;
#[cfg(feature = "postgres-tls")]
use openssl_sys as _;
use pq_sys as _;

pub use database::error::StoreError;
pub use database::metrics::{Distribution, MetricsSnapshot, PoolSnapshot, QueueSnapshot, Timing};
pub use database::migrate::migrate;
pub use database::process_lock::ProcessLock;
pub use database::url::DatabaseUrl;
pub use events::{EventPage, OrderChange, Subscription};
pub use keys::sessions::Session;
pub use keys::{KeyEntry, KeyTable, RequireKeys};
pub use lane::Reply;
pub use maintenance::backup::{BackupError, backup, restore};
pub use maintenance::doctor::{CheckResult, check_database};
pub use maintenance::export::{ExportPart, export};
pub use maintenance::transfer::{TableChecksum, TransferError, checksums, move_to_postgres};
pub use orders::availability::{Availability, AvailabilityQuery};
pub use orders::calendar::{CalendarOrder, CalendarQuery, CalendarView};
pub use orders::reports::{Amount, OrderReport};
pub use orders::{OrderFilter, OrderPage, OrderPlace, OrderQuery, OrderSort, SortKey};
pub use policy::{PolicyChange, check_policy};
pub use store::{Store, StoreOptions, WholeImport};
pub use ticket::{Steps, Ticket};
pub use webhooks::{Attempt, Delivery, DeliveryStatus, DeliveryStore, Lease, Progress};
pub use write::change::{Change, ChangeResult, Idempotency};
pub use write::idempotency::{Answered, RenderResponse, StoredResponse};
