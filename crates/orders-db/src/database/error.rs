//! Database errors, by what a caller can do about them.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// An error of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or did not answer in time. The request has no effect.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A queue is full, or a lock was held too long. The request has no effect.
    #[error("the database is busy: others hold its lock, or too many requests wait; try again")]
    Overloaded,
    /// The connection was lost during the commit, and its outcome is unknown.
    #[error("the connection to the database was lost during the commit; its outcome is unknown")]
    OutcomeUnknown,
    /// There is no database at this place.
    #[error(
        "there is no database at {0}; run `orders-api migrate`, or name another with --data-dir or \
         --database-url"
    )]
    Missing(String),
    /// The file of a database cannot be used: it may not be opened, is no database, or is locked.
    #[error("{0}")]
    File(String),
    /// The schema of this database is older than this program.
    #[error("{0} has an older schema; run `orders-api migrate` to bring it up to date")]
    Outdated(String),
    /// The schema was migrated by a newer version of this program.
    #[error(
        "the database has schema {0}, which is newer than this program; install the version of \
         orders-api that migrated it, or a later one"
    )]
    TooNew(String),
    /// The SQLite library has a known bug that can corrupt databases.
    #[error("SQLite {0} can corrupt a database under load; 3.51.3 or newer is needed")]
    FaultyLibrary(String),
    /// The database URL is invalid.
    #[error("{0}")]
    Url(String),
    /// The migration of the schema failed.
    #[error("the schema could not be brought up to date: {0}")]
    Migration(String),
    /// The database holds a value that this program never stores.
    #[error("the database has an invalid value: {0}")]
    Corrupt(String),
}

/// What a failed statement means for its transaction.
#[derive(Debug, PartialEq, Eq)]
pub enum DbError {
    /// The connection is lost; nothing was committed.
    Lost(String),
    /// Another transaction held a lock for too long.
    Locked,
    /// A constraint rejected a row, which the decision should have prevented.
    Violation(String),
    /// Anything else.
    Failed(String),
}

impl DbError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "Diesel's enums may grow")]
    pub(crate) fn from_diesel(error: &DieselError) -> Self {
        let text = one_line(&error.to_string());
        match error {
            DieselError::DatabaseError(kind, information) => match kind {
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                    Self::Lost(text)
                }
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation
                | DatabaseErrorKind::RestrictViolation
                | DatabaseErrorKind::ExclusionViolation => Self::Violation(text),
                DatabaseErrorKind::ReadOnlyTransaction => Self::Lost(text),
                DatabaseErrorKind::SerializationFailure => Self::Locked,
                // Diesel may add kinds; the message is enough.
                _ => Self::from_message(information.message()),
            },
            DieselError::BrokenTransactionManager => Self::Lost(text),
            _ => Self::Failed(text),
        }
    }

    /// Classifies an error by its text, because Diesel drops the SQLSTATE. Both databases report errors
    /// in English (PostgreSQL if the role may set `lc_messages`).
    fn from_message(message: &str) -> Self {
        const LOST: [&str; 14] = [
            "terminating connection",                  // 57P01, 25P03
            "the database system is",                  // 57P03: starting up, shutting down
            "server closed the connection",            // libpq
            "no connection to the server",             // libpq
            "could not receive data from server",      // libpq
            "could not send data to server",           // libpq
            "SSL connection has been closed",          // libpq
            "connection is bad",                       // libpq
            "too many clients",                        // 53300
            "remaining connection slots are reserved", // 53300
            "cannot set transaction read-write",       // 25006, during recovery
            "readonly database",                       // SQLITE_READONLY
            "in a read-only transaction",              // 25006: a standby, or a demoted primary
            "disk I/O error",                          // SQLITE_IOERR
        ];
        const LOCKED: [&str; 4] = [
            "database is locked", // SQLITE_BUSY
            "lock timeout",       // 55P03
            "deadlock detected",  // 40P01
            "statement timeout",  // 57014
        ];
        const VIOLATION: [&str; 1] = ["order_slots_no_overlap"];
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
        if says(&LOST) {
            Self::Lost(message.to_owned())
        } else if says(&LOCKED) {
            Self::Locked
        } else if says(&VIOLATION) {
            Self::Violation(message.to_owned())
        } else {
            Self::Failed(message.to_owned())
        }
    }
}

/// Joins the lines of a text, for the log.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<StoreError> for DbError {
    /// For connections that are opened and rows that are read within a transaction.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(text) => Self::Lost(text),
            StoreError::Missing(_) | StoreError::File(_) => Self::Lost(error.to_string()),
            StoreError::Overloaded => Self::Locked,
            StoreError::OutcomeUnknown
            | StoreError::Outdated(_)
            | StoreError::TooNew(_)
            | StoreError::FaultyLibrary(_)
            | StoreError::Url(_)
            | StoreError::Migration(_)
            | StoreError::Corrupt(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<DbError> for StoreError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Locked => Self::Overloaded,
            DbError::Lost(text) | DbError::Violation(text) | DbError::Failed(text) => {
                Self::Unavailable(text)
            }
        }
    }
}

impl StoreError {
    /// Converts the error of a read.
    pub(crate) fn from_read(error: &DieselError) -> Self {
        DbError::from_diesel(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_diesel_has_no_kind_for_are_told_apart() {
        let lost = |text: &str| DbError::Lost(text.to_owned());
        for (message, error) in [
            (
                "terminating connection due to administrator command",
                lost("terminating connection due to administrator command"),
            ),
            ("the database system is starting up", lost("the database system is starting up")),
            ("sorry, too many clients already", lost("sorry, too many clients already")),
            (
                "cannot execute INSERT in a read-only transaction",
                lost("cannot execute INSERT in a read-only transaction"),
            ),
            ("canceling statement due to lock timeout", DbError::Locked),
            ("canceling statement due to statement timeout", DbError::Locked),
            ("deadlock detected", DbError::Locked),
            ("database is locked", DbError::Locked),
            ("order_slots_no_overlap", DbError::Violation("order_slots_no_overlap".to_owned())),
            ("syntax error", DbError::Failed("syntax error".to_owned())),
        ] {
            assert_eq!(DbError::from_message(message), error);
        }
    }
}
