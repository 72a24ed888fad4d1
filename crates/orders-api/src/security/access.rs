//! What each route requires of its callers.

use orders_core::key::Role;

/// The permission that a route requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone, without a key.
    Anyone,
    /// A key with at least this role. While the service is open, anyone.
    Role(Role),
    /// Like [`Self::Role`], unless the operator opens it to anyone.
    Metrics(Role),
    /// A key with at least this role. While the service is open, nobody: otherwise anyone could make
    /// themselves an admin.
    Keyed(Role),
}

impl Access {
    pub(crate) const READER: Self = Self::Role(Role::Reader);
    pub(crate) const METRICS: Self = Self::Metrics(Role::Reader);
    pub(crate) const WRITER: Self = Self::Role(Role::Writer);
    pub(crate) const ADMIN: Self = Self::Role(Role::Admin);
    pub(crate) const KEYED_ADMIN: Self = Self::Keyed(Role::Admin);

    /// The required role, if there is one.
    pub(crate) fn role(self) -> Option<Role> {
        match self {
            Self::Anyone => None,
            Self::Role(role) | Self::Metrics(role) | Self::Keyed(role) => Some(role),
        }
    }
}
