//! Delivery: sends events to the endpoints of webhooks, on a thread of its own.

mod dispatcher;
mod recorder;
mod retry_delays;
mod run;
mod sender;
mod signature;
mod ssrf_guard;

pub(crate) use dispatcher::{DeliveryOptions, Tester, Trials, channel, start};
pub(crate) use retry_delays::Delays;
pub(crate) use sender::Sent;
pub(crate) use signature::{Message, make_secret, secret_text};
pub(crate) use ssrf_guard::{Guard, TargetError};
