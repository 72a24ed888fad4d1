//! The two databases: URLs, errors, the schema's version, and what is counted about them.

pub(crate) mod error;
pub(crate) mod long_reads;
pub(crate) mod metrics;
pub(crate) mod migrate;
pub(crate) mod process_lock;
pub(crate) mod url;
