//! The results of changes as responses, and their errors as problems.

use std::convert::Infallible;

use orders_db::StoredResponse;

use super::{ChangeError, Changed};
use crate::http::idempotency::Sent;
use crate::http::problem::{Code, Problem};

impl<T> Changed<T> {
    /// Returns the response to a change: rendered now, or as it was stored.
    pub(crate) fn respond(
        self,
        render: impl FnOnce(&T) -> Result<StoredResponse, Problem>,
    ) -> Result<Sent, Problem> {
        match self {
            Self::Now(change) => Ok(Sent { answer: render(&change)?, again: false }),
            Self::Replayed(answer) => Ok(Sent { answer, again: true }),
        }
    }
}

/// For changes that no rule rejects.
impl From<Infallible> for Problem {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl<R> From<ChangeError<R>> for Problem
where
    Self: From<R>,
{
    fn from(error: ChangeError<R>) -> Self {
        match error {
            ChangeError::Refused(refusal) => refusal.into(),
            ChangeError::AlreadyDone => Self::new(
                Code::AlreadyDone,
                "The request with this Idempotency-Key succeeded before. Its response contained a \
                 secret, which is shown only once; if it was lost, rotate it.",
            ),
            ChangeError::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "A different request used this Idempotency-Key. Generate a new key for each request.",
            ),
            ChangeError::Store(error) => error.into(),
        }
    }
}
