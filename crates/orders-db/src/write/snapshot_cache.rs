//! The writer's cache of its last snapshot. It saves loads when many clients request the same times.
//!
//! Invariant: a snapshot of an earlier transaction is used only if no other connection of any program
//! has written to the database since. A [`VersionToken`] that is read under each lock proves it.

use orders_core::Needs;
use orders_core::decide::Changes;

use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::write::load::{Loaded, load, load_after};

/// The most orders, slots and intervals that are cached: some 5 MB.
const MOST: usize = 20_000;

/// A version of the database. It shows whether other connections have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionToken {
    /// SQLite's `data_version`. It changes only when another connection commits.
    Sqlite(i64),
    /// PostgreSQL's snapshot of transaction ids, while no writing transaction is open. It changes with
    /// the next write, including our own.
    Postgres(String),
    /// Unknown: other transactions are writing.
    None,
}

impl VersionToken {
    /// Parses the result of `pg_current_snapshot()`: `xmin:xmax:ids in progress`.
    pub(crate) fn from_postgres(snapshot: &str) -> Self {
        match snapshot.split(':').collect::<Vec<_>>().as_slice() {
            [lowest, next, ""] if lowest == next => Self::Postgres(snapshot.to_owned()),
            _ => Self::None,
        }
    }

    /// Returns `true` if no other connection has written between the two.
    pub(crate) fn confirms(&self, other: &Self) -> bool {
        *self != Self::None && self == other
    }

    /// Returns `true` if the token is unchanged by this connection's own writes.
    fn outlives_own_writes(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(_) | Self::None => false,
        }
    }
}

/// The snapshot that one connection has cached.
#[derive(Debug, Default)]
pub(crate) struct SnapshotCache {
    loaded: Option<Loaded>,
}

impl SnapshotCache {
    /// Loads what is needed beyond what is cached. Empties the cache: [`Self::keep`] fills it again.
    pub(crate) fn load(
        &mut self,
        connection: &mut AnyConnection,
        needs: &Needs,
    ) -> Result<Loaded, DbError> {
        match self.loaded.take() {
            Some(cached) => load_after(connection, needs, cached),
            None => load(connection, needs, None),
        }
    }

    /// Caches what was loaded, with the changes that were decided on it.
    pub(crate) fn keep(&mut self, mut loaded: Loaded, changes: &Changes) {
        if !changes.is_empty() && !loaded.version_token.outlives_own_writes() {
            loaded.version_token = VersionToken::None;
        }
        if loaded.version_token == VersionToken::None {
            return;
        }
        loaded.snapshot.follow(&loaded.policy, changes);
        self.loaded = Some(loaded).filter(|loaded| loaded.snapshot.size() <= MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_with_writes_under_way_is_no_version_token() {
        let quiet = VersionToken::from_postgres("740:740:");
        assert!(quiet.confirms(&VersionToken::from_postgres("740:740:")));
        assert!(!quiet.confirms(&VersionToken::from_postgres("741:741:")));
        assert!(
            !VersionToken::None.confirms(&VersionToken::None),
            "two unknown versions are not equal"
        );
        for busy in ["738:740:738", "739:740:", "740:742:740,741", "", "x"] {
            assert_eq!(VersionToken::from_postgres(busy), VersionToken::None, "{busy}");
        }
    }
}
