//! The harness of the black-box tests: throwaway databases, the real binary, and HTTP clients.
//! Knows the service only by its contract, and links nothing of it.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "an error of the harness fails the test"
)]
#![expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "a check returns the answer for further checks"
)]
#![expect(clippy::disallowed_methods, reason = "the tests may read settings and open connections")]

mod binary;
mod browser;
mod bulk;
mod certificates;
mod client;
mod cluster;
mod database;
mod disk;
mod document;
mod events;
mod faults;
mod guard;
pub mod history;
pub mod house;
mod installation;
mod load;
mod metrics;
mod pages;
mod pooler;
mod postgres;
mod proxy;
mod random;
mod raw;
mod receiver;
mod sample;
mod server;
mod sql;
mod tcp_proxy;
mod time;
mod wal;
mod webhooks;
pub mod workload;

pub use binary::{Run, orders_api, program, traced_binary};
pub use browser::{Browser, Looks, axe};
pub use bulk::{Bulk, BulkOrder};
pub use certificates::certificate;
pub use client::{Answer, Client, Request};
pub use database::{Database, Scratch};
pub use disk::SmallDisk;
pub use document::{Document, document};
pub use events::{End, EventStream, Message};
pub use faults::{Fault, Injected};
pub use load::{Outcomes, under_load};
pub use metrics::Metrics;
pub use pages::{
    FORM, PAGES, browse, encoded, make_key, open_page, send_form, sign_in, wait_for_time,
};
pub use pooler::Pooler;
pub use postgres::Postgres;
pub use proxy::{Proxy, free_address};
pub use random::Random;
pub use raw::{Raw, raw, raw_post};
pub use receiver::{Received, Receiver, Reply};
pub use sample::{bare_order, order, sample_data};
pub use server::{Server, Setup};
pub use sql::Sql;
pub use tcp_proxy::TcpProxy;
pub use time::{HOUR, MINUTE, assert_spaced, at, libfaketime, millis_of};
pub use wal::Logged;
pub use webhooks::{Hook, OWN_KEY, delivering, keyed};
