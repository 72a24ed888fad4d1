//! Delivery: sends events to the endpoints of webhooks, on a thread of its own.

mod dispatcher;
mod recorder;
mod retry_delays;
mod run;
mod sender;
mod signature;
mod ssrf_guard;
mod test_deliveries;

pub(crate) use dispatcher::{DeliveryOptions, start};
pub(crate) use retry_delays::RetryDelays;
pub(crate) use sender::SendResult;
pub(crate) use signature::{Message, create_secret, secret_text};
pub(crate) use ssrf_guard::{SsrfGuard, TargetError};
pub(crate) use test_deliveries::{TestQueue, TestSender, test_queue};
