//! The kit for OpenAPI descriptions: operations, parameters, schemas and problems.

pub(crate) mod description;
pub(crate) mod example;
pub(crate) mod parameters;
pub(crate) mod problems;
pub(crate) mod shape;
