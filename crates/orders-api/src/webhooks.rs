//! Webhooks: the endpoints of the API, and delivery.

mod delivery;
pub(crate) mod docs;
mod handlers;
mod problems;
mod query;
mod request;
mod response;
pub(crate) mod shape;

pub(crate) use delivery::{
    DeliveryOptions, RetryDelays, SendResult, SsrfGuard, TestQueue, TestSender, secret_text, start,
    test_queue,
};
pub(crate) use handlers::{
    create, create_id, create_secret, delete, deliveries, find, find_webhook, list, patch, path_id,
    replay, rotate, send_test, test, to_keep, url_fault,
};
