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
//! let mut create = |id, datetime| -> Result<OperationResult, Box<dyn std::error::Error>> {
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

pub mod book;
pub mod decide;
pub mod key;
pub mod occupancy;
pub mod order;
pub mod policy;
pub mod service;
mod text;
pub mod time;
pub mod webhook;

pub use book::Book;
pub use decide::{
    Action, Actor, Batch, BatchError, Changes, Command, Decision, Done, Event, EventKind,
    EventKindError, Fingerprint, FreeInterval, FreeIntervals, IdempotencyKey, IdempotencyKeyError,
    IdempotentRequest, IfMatch, Import, ImportGroup, Mode, Needs, Neighbour, NewId, Occupant,
    Operation, OperationResult, OrderConflict, OrderPatch, Outcome, OwnKey, Reach, Refusal, Replay,
    RowChange, Snapshot, SpacingCheck, Span, Stored, Versions, Violation, decide,
};
pub use key::{
    Key, KeyChange, KeyCommand, KeyId, KeyIdError, KeyName, KeyNameError, KeyRefusal, Role,
    RoleError, Secret, SecretHash, decide_key,
};
pub use occupancy::{CalendarId, Interval, Slot};
pub use order::{
    Fee, FeeError, Group, Order, OrderContent, OrderId, OrderIdError, Services, ServicesError,
};
pub use policy::{Policy, PolicyPatch, Scope, ScopeError};
pub use service::{
    Service, ServiceChange, ServiceCommand, ServiceId, ServiceIdError, ServiceName,
    ServiceNameError, ServiceRefusal, ServiceSnapshot, decide_service,
};
pub use time::{Period, PeriodError, Timestamp, TimestampError};
pub use webhook::{
    Disabled, DisabledError, EventPattern, EventPatternError, EventPatterns, EventPatternsError,
    Held, SigningSecret, Webhook, WebhookChange, WebhookCommand, WebhookContent,
    WebhookDescription, WebhookDescriptionError, WebhookId, WebhookIdError, WebhookPatch,
    WebhookRefusal, WebhookSnapshot, decide_webhook,
};
