//! The API reference as the service serves it.

pub(crate) mod descriptions;
mod handlers;

pub(crate) use handlers::{File, document, file, page, path_file};
