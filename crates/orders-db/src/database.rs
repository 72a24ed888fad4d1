//! The way to the database: connections, transactions, its clock, its tables and their rows.

pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod tables;
pub(crate) mod transaction;
