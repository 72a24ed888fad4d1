//! The two databases: URLs, errors, the schema's version, and what is counted about them.

pub(crate) mod error;
pub(crate) mod in_use;
pub(crate) mod metrics;
pub(crate) mod migrate;
pub(crate) mod url;
