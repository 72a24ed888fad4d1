//! Converts database errors into problems.

use actix_web::http::header;
use orders_db::StoreError;

use super::{Code, Problem};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let retry_after = |problem: Self| problem.with_header(header::RETRY_AFTER, "1");
        match error {
            StoreError::Overloaded => retry_after(Self::new(
                Code::Overloaded,
                "Too many requests are waiting for the database. The request had no effect; retry it.",
            )),
            StoreError::OutcomeUnknown => retry_after(Self::new(
                Code::OutcomeUnknown,
                "The connection to the database was lost during the commit. Retry with the same \
                 Idempotency-Key, or read the current state first.",
            )),
            StoreError::Unavailable(reason) => {
                let problem = Self::new(
                    Code::DatabaseUnavailable,
                    "The database is unavailable. The request had no effect; retry it.",
                );
                retry_after(problem.with_cause(reason))
            }
            // The file of a running server is gone, or may not be opened any more.
            StoreError::Missing(_) | StoreError::File(_) => {
                let problem = Self::new(
                    Code::DatabaseUnavailable,
                    "The database is unavailable. The request had no effect; retry it.",
                );
                retry_after(problem.with_cause(error.to_string()))
            }
            StoreError::Outdated(_)
            | StoreError::TooNew(_)
            | StoreError::FaultyLibrary(_)
            | StoreError::Url(_)
            | StoreError::Migration(_)
            | StoreError::Corrupt(_) => Self::unexpected(error.to_string()),
        }
    }
}
