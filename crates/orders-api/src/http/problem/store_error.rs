//! Failures of the database as problems.

use actix_web::http::header;
use orders_db::StoreError;

use super::{Code, Problem};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let retry_after = |problem: Self| problem.with_header(header::RETRY_AFTER, "1");
        match error {
            StoreError::Overloaded => retry_after(Self::new(
                Code::Overloaded,
                "Too much is waiting for the database. Nothing was written, nor will be.",
            )),
            StoreError::OutcomeUnknown => retry_after(Self::new(
                Code::OutcomeUnknown,
                "The database went away while it was committing. Ask again with the same \
                 Idempotency-Key, or read to see whether it did.",
            )),
            StoreError::Unavailable(reason) => {
                let problem = Self::new(
                    Code::DatabaseUnavailable,
                    "The database does not answer. Nothing was written, nor will be.",
                );
                retry_after(problem.with_cause(reason))
            }
            StoreError::TooNew(_)
            | StoreError::FaultyLibrary(_)
            | StoreError::Url(_)
            | StoreError::Migration(_)
            | StoreError::Corrupt(_) => Self::unexpected(error.to_string()),
        }
    }
}
