//! A booking service's domain: orders, the rule that keeps them apart, and everything that decides.
//! No I/O and no clock.
//!
//! [`decide()`] takes a [`Policy`], a [`Snapshot`] of the database, [`Command`]s and the time. It
//! returns the outcome of each command and the changes to store. It is pure: the same input gives
//! the same output, so every rule is tested without a database.
//!
//! [`Book`] keeps orders in memory by the same decision:
//!
//! ```
//! use orders_core::*;
//!
//! let mut book = Book::new(Policy::default());
//! let testing = ServiceId::new(789).ok_or("out of range")?;
//! book.add_service(testing);
//!
//! let content = |datetime| -> Result<OrderContent, Box<dyn std::error::Error>> {
//!     Ok(OrderContent {
//!         datetime: Timestamp::parse(datetime)?,
//!         total_fee: Fee::parse("99.50")?,
//!         services: Services::new(vec![testing])?,
//!     })
//! };
//! let now = Timestamp::parse("2022-10-01T00:00:00Z")?;
//! let mut create = |id, datetime| -> Result<Result<Done, Refusal>, Box<dyn std::error::Error>> {
//!     let id = NewId::Chosen(OrderId::parse(id)?);
//!     let operation = Operation::Create { id, content: content(datetime)? };
//!     Ok(book.run(&Actor::new("me"), operation, now))
//! };
//! assert!(create("first", "2022-11-01T09:00:00Z")?.is_ok());
//! assert!(create("second", "2022-11-01T12:00:00Z")?.is_ok(), "exactly three hours later");
//! let Err(Refusal::Conflict(conflict)) = create("third", "2022-11-01T10:00:00Z")? else {
//!     return Err("within three hours of both".into());
//! };
//! assert_eq!(conflict.nearest[0].in_words(), "1 hour earlier");
//! assert_eq!(conflict.next, Some(Timestamp::parse("2022-11-01T15:00:00Z")?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod decide;
pub mod key;
pub mod order;
pub mod policy;
pub mod service;
mod text;
pub mod time;
pub mod webhook;

pub use decide::{
    Action, Actor, Book, Command, Decision, Done, Event, EventKind, Needs, NewId, Operation,
    Outcome, Refusal, Snapshot, decide,
};
pub use order::{Fee, Order, OrderContent, OrderId, Services};
pub use policy::{Policy, Scope};
pub use service::{Service, ServiceId};
pub use text::ParseError;
pub use time::{Period, Timestamp};
