//! What each route needs of whoever asks.

use orders_core::Role;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone, without a key.
    Anyone,
    /// Whoever has a key with this role or a stronger one; anyone while no key is needed.
    Role(Role),
    /// As [`Self::Role`], or anyone where the operator says so.
    Metrics(Role),
    /// Whoever has a key with this role or a stronger one: nobody while no key is needed, since what
    /// is here would make a guest the master of the house.
    Keyed(Role),
}

impl Access {
    pub(crate) const READER: Self = Self::Role(Role::Reader);
    pub(crate) const METRICS: Self = Self::Metrics(Role::Reader);
    pub(crate) const WRITER: Self = Self::Role(Role::Writer);
    pub(crate) const ADMIN: Self = Self::Role(Role::Admin);
    pub(crate) const KEYED_ADMIN: Self = Self::Keyed(Role::Admin);

    /// The role that it takes, if it takes one.
    pub(crate) fn role(self) -> Option<Role> {
        match self {
            Self::Anyone => None,
            Self::Role(role) | Self::Metrics(role) | Self::Keyed(role) => Some(role),
        }
    }
}
