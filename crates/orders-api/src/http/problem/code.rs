//! The code of a problem: what kind of problem it is.

use actix_web::http::StatusCode;

use super::kinds::{INTERNAL, KINDS};

/// What kind of problem. Its name is the last part of the problem's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    MalformedJson,
    InvalidParameter,
    InvalidHeader,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    UnsupportedMediaType,
    RequestTimeout,
    BodyTooLarge,
    OrderConflict,
    OrderExists,
    ServiceExists,
    ServiceInUse,
    EditLocked,
    AlreadyDone,
    NotAttempted,
    BatchRefused,
    EventsGone,
    VersionMismatch,
    VersionRequired,
    InvalidOrder,
    InvalidService,
    UnknownService,
    InvalidBatch,
    InvalidKey,
    InvalidWebhook,
    WebhookUrlRefused,
    TooManyWebhooks,
    IdempotencyKeyReused,
    RateLimited,
    Overloaded,
    DatabaseUnavailable,
    OutcomeUnknown,
    Internal,
}

/// What is known of a kind of problem.
pub(super) struct Kind {
    pub(super) code: Code,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// The status of its responses. A refused batch has the status of its first refusal.
    pub(super) status: StatusCode,
    /// What it means, and what a caller can do about it.
    pub(super) meaning: &'static str,
}

impl Code {
    /// All codes, in the order of the API reference.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|kind| kind.code)
    }

    fn kind(self) -> &'static Kind {
        // All kinds are in the list, as a test checks.
        KINDS.iter().find(|kind| kind.code == self).unwrap_or(&INTERNAL)
    }

    pub(crate) fn status(self) -> StatusCode {
        self.kind().status
    }

    /// The last part of its `type`.
    pub(crate) fn name(self) -> &'static str {
        self.kind().name
    }

    pub(crate) fn title(self) -> &'static str {
        self.kind().title
    }

    /// What it means, and what a caller can do about it.
    pub(crate) fn meaning(self) -> &'static str {
        self.kind().meaning
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    #[expect(clippy::as_conversions, reason = "a discriminant counts the variants before it")]
    fn every_code_has_a_name_and_a_meaning_of_its_own() {
        // The last variant, so that a code without a kind is missed.
        assert_eq!(Code::all().count(), Code::Internal as usize + 1);
        let names: BTreeSet<&str> = Code::all().map(Code::name).collect();
        assert_eq!(names.len(), Code::all().count());
        assert!(Code::all().all(|code| code.meaning().ends_with('.')));
    }
}
