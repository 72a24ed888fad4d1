//! The API reference as the service serves it.

mod curl;
pub(crate) mod descriptions;
mod document;
mod handlers;
mod markdown;
mod members;
pub(crate) mod problems;

pub(crate) use document::{Document, Endpoint};
pub(crate) use handlers::{File, document, file, page, path_file};
