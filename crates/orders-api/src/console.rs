//! The console: pages that show orders and free times, and change orders. Each page works without
//! scripts. Changes go through the same store client as those of the API, under the same rule.

pub(crate) mod admin;
mod assets;
mod calendar;
mod failure;
mod form;
pub(crate) mod keys;
mod layout;
pub(crate) mod list;
mod order_form;
pub(crate) mod orders;
pub(crate) mod problem;
pub(crate) mod reports;
pub(crate) mod services;
mod sign_in;
pub(crate) mod webhooks;
mod zone;

pub(crate) use assets::{file, read_assets_from};
pub(crate) use calendar::show as calendar;
pub(crate) use failure::{is_page, render as render_failure};
pub(crate) use sign_in::{sign_in, sign_in_page, sign_out};
