//! Webhooks: the endpoints of the API, and delivery.

mod delivery;
pub(crate) mod docs;
mod handlers;
mod request;
mod response;

pub(crate) use delivery::{
    Delays, DeliveryOptions, Guard, Sent, Tester, Trials, channel, secret_text, start,
};
pub(crate) use handlers::{
    create, delete, deliveries, find, find_webhook, list, make_id, make_secret, patch, path_id,
    replay, rotate, test, to_keep, try_out, url_fault,
};
