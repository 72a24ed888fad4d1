//! Work on a whole database: checks, backups, transfers, exports and periodic writes.

pub(crate) mod backup;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod flush;
pub(crate) mod purge;
pub(crate) mod transfer;
