//! The caller of a request, kept with the request once it is authorized.

use actix_web::{HttpMessage, HttpRequest};
use orders_core::Actor;
use orders_core::key::{KeyId, Role, SecretHash};
use orders_db::Session;

use super::{Security, credentials};

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) actor: Actor,
    pub(super) role: Role,
    pub(super) credential: Credential,
}

/// What a request was authorized by. A long response checks it again while it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// None was required.
    Open,
    /// The key from the environment.
    Environment,
    /// A key, by one of its secrets.
    Key(KeyId, SecretHash),
    /// A session that was started with one of the others.
    Session(Session, Box<Credential>),
}

impl Credential {
    /// Whether this credential is still valid.
    pub(crate) fn is_valid(&self, security: &Security) -> bool {
        let table = security.keys.table();
        match self {
            Self::Open => security.is_open(),
            Self::Environment => true,
            Self::Key(id, hash) => {
                table.find(id).is_some_and(|entry| credentials::is_valid(&table, entry, *hash))
            }
            Self::Session(session, by) => {
                table.now() < session.end && !table.is_ended(session) && by.is_valid(security)
            }
        }
    }
}

/// Returns the credential of a request.
pub(crate) fn credential(request: &HttpRequest) -> Credential {
    let extensions = request.extensions();
    extensions.get::<Caller>().map_or(Credential::Open, |caller| caller.credential.clone())
}

/// Whether a request was authenticated, so that its response is private to its caller.
pub(crate) fn is_authenticated(request: &HttpRequest) -> bool {
    request.extensions().contains::<Caller>()
}

/// Returns the role of a request. While the service is open, everyone is an admin.
pub(crate) fn role(request: &HttpRequest) -> Role {
    request.extensions().get::<Caller>().map_or(Role::Admin, |caller| caller.role)
}
