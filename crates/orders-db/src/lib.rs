//! Keeps orders in SQLite or PostgreSQL, so that no two are double-booked.
//!
//! [`Store`] is one database. What is to be written waits in a queue; one thread takes all that
//! waits, takes the database's lock, reads what is needed, lets [`orders_core::decide()`] judge, and
//! writes and commits once for all. This crate loads and applies; it never decides.

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
pub use database::in_use::InUse;
pub use database::metrics::{Distribution, LaneReading, PoolReading, Readings, Timing};
pub use database::migrate::migrate;
pub use database::url::DatabaseUrl;
pub use events::{EventPage, Listener, OrderChange};
pub use keys::sessions::Session;
pub use keys::{KeyEntry, KeyTable, RequireKeys};
pub use lane::Reply;
pub use maintenance::backup::{BackupError, backup, restore};
pub use maintenance::doctor::{Report, examine};
pub use maintenance::export::{ExportPart, export};
pub use maintenance::transfer::{TableSum, TransferError, move_to_postgres, sums};
pub use orders::availability::{Availability, AvailabilityQuery};
pub use orders::calendar::{Calendar, CalendarOrder, CalendarQuery};
pub use orders::reports::{Amount, Figures};
pub use orders::{OrderFilter, OrderPage, OrderPlace, OrderQuery, OrderSort, SortKey};
pub use policy::{PolicyChange, check_policy};
pub use store::{Store, StoreOptions, WholeImport};
pub use ticket::{Steps, Ticket};
pub use webhooks::{Attempt, Claim, Courier, Delivery, DeliveryStatus, Progress};
pub use write::change::{Change, ChangeResult, Idempotency};
pub use write::idempotency::{Answered, KeptAnswer, Render};
