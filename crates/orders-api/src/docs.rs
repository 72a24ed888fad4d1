//! The API reference as the service serves it.

pub(crate) mod descriptions;
mod document;
mod handlers;
mod markdown;
pub(crate) mod problems;

pub(crate) use document::{Document, Endpoint};
pub(crate) use handlers::{File, document, file, page, path_file};
