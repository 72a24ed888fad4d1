//! Sign-in, sign-out, and the end of all sessions.

use std::convert::Infallible;

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::select;
use orders_core::Timestamp;

use super::sessions::{self, ALL, Session};
use crate::database::clock;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::schema::ended_sessions;
use crate::write::audit::{AuditAction, AuditRecord};
use crate::write::change::Change;

/// Records a sign-in to the console. A session itself needs no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Whether the key was accepted.
    pub accepted: bool,
    /// The id of the key; `None` for text that is no key.
    pub holder: Option<String>,
}

impl Change for SignIn {
    type Snapshot = ();
    type Accepted = Self;
    type Refusal = Infallible;

    fn load(&self, _: &mut AnyConnection) -> Result<(), DbError> {
        Ok(())
    }

    fn decide(&self, (): &()) -> Result<Self, Infallible> {
        Ok(self.clone())
    }

    fn store(_: &mut AnyConnection, (): &(), _: &Self) -> Result<(), DbError> {
        // The entry of the audit trail is all there is to store.
        Ok(())
    }

    fn audit(sign_in: &Self) -> Option<AuditRecord> {
        let action =
            if sign_in.accepted { AuditAction::SessionCreated } else { AuditAction::SessionFailed };
        Some(AuditRecord { action, target: sign_in.holder.clone() })
    }

    fn is_done(_: &mut AnyConnection, _: &Self) -> Result<Option<bool>, DbError> {
        Ok(None)
    }
}

/// Ends a session early, in every process within a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndSession(pub Session);

impl Change for EndSession {
    type Snapshot = Timestamp;
    type Accepted = Session;
    type Refusal = Infallible;

    fn load(&self, connection: &mut AnyConnection) -> Result<Timestamp, DbError> {
        clock::now(connection)
    }

    fn decide(&self, _: &Timestamp) -> Result<Session, Infallible> {
        Ok(self.0.clone())
    }

    fn store(
        connection: &mut AnyConnection,
        now: &Timestamp,
        session: &Session,
    ) -> Result<(), DbError> {
        sessions::end(connection, session, *now).map_err(|error| DbError::from_diesel(&error))
    }

    fn audit(session: &Session) -> Option<AuditRecord> {
        Some(AuditRecord::new(AuditAction::SessionEnded, &session.holder))
    }

    fn is_done(connection: &mut AnyConnection, session: &Session) -> Result<Option<bool>, DbError> {
        let ended = ended_sessions::table
            .filter(ended_sessions::holder.eq(&session.holder))
            .filter(ended_sessions::session.eq_any([session.id.as_str(), ALL]));
        let is_there = select(exists(ended)).get_result(connection);
        is_there.map(Some).map_err(|error| DbError::from_diesel(&error))
    }
}

/// Replaces the secret that sessions are sealed with. All sessions end, in every process within a second.
#[derive(Debug, Clone, Copy)]
pub struct RotateSessionSecret;

impl Change for RotateSessionSecret {
    type Snapshot = ();
    type Accepted = ();
    type Refusal = Infallible;

    fn load(&self, _: &mut AnyConnection) -> Result<(), DbError> {
        Ok(())
    }

    fn decide(&self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn store(connection: &mut AnyConnection, (): &(), (): &()) -> Result<(), DbError> {
        sessions::rotate_secret(connection)
    }

    fn audit((): &()) -> Option<AuditRecord> {
        Some(AuditRecord::without_target(AuditAction::SessionSecretRotated))
    }

    fn is_done(_: &mut AnyConnection, (): &()) -> Result<Option<bool>, DbError> {
        Ok(None)
    }
}
