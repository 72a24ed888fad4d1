//! Problem codes.

use actix_web::http::StatusCode;

use super::kinds::{INTERNAL, KINDS};

/// A problem code. Its name is the last segment of the problem's `type`.
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

/// A problem type.
pub(super) struct Kind {
    pub(super) code: Code,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// The status of its responses. A rejected batch has the status of its first failed operation.
    pub(super) status: StatusCode,
    /// Explains the code and what a client can do about it.
    pub(super) meaning: &'static str,
}

impl Code {
    /// All codes, in the order of the API reference.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|kind| kind.code)
    }

    fn kind(self) -> &'static Kind {
        // The list has all codes, as a test checks.
        KINDS.iter().find(|kind| kind.code == self).unwrap_or(&INTERNAL)
    }

    pub(crate) fn status(self) -> StatusCode {
        self.kind().status
    }

    /// Returns the last segment of the `type`.
    pub(crate) fn name(self) -> &'static str {
        self.kind().name
    }

    pub(crate) fn title(self) -> &'static str {
        self.kind().title
    }

    /// Explains the code and what a client can do about it.
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
        // `Internal` is the last variant, so the comparison finds a code that the list lacks.
        assert_eq!(Code::all().count(), Code::Internal as usize + 1);
        let names: BTreeSet<&str> = Code::all().map(Code::name).collect();
        assert_eq!(names.len(), Code::all().count());
        assert!(Code::all().all(|code| code.meaning().ends_with('.')));
    }
}
