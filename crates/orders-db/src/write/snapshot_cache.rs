//! What the writer remembers from one decision to the next, so that it need not load it again:
//! above all the calendar around a time that many ask for and none gets.
//!
//! Invariant: what was loaded under an earlier lock counts under this one only if nobody else has
//! written to the database since, by any way. The database itself says whether somebody has: it is
//! asked for a [`VersionToken`] of its state under each lock.

use orders_core::{Changes, Needs};

use crate::database::connection::AnyConnection;
use crate::error::Trouble;
use crate::write::load::{Loaded, load, load_after};

/// How much is remembered, in orders, places and loaded stretches: some 5 MB.
const MOST: usize = 20_000;

/// What tells whether others have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionToken {
    /// SQLite's `data_version`: it changes when another connection commits, and never else.
    Sqlite(i64),
    /// PostgreSQL's snapshot of transaction ids, while none that writes is under way: it changes
    /// when any is begun. So it lasts until the next write, be it one of ours.
    Postgres(String),
    /// Nobody can say.
    None,
}

impl VersionToken {
    /// Reads what `pg_current_snapshot()` says: `xmin:xmax:ids under way`.
    pub(crate) fn of_postgres(snapshot: &str) -> Self {
        match snapshot.split(':').collect::<Vec<_>>().as_slice() {
            [lowest, next, ""] if lowest == next => Self::Postgres(snapshot.to_owned()),
            _ => Self::None,
        }
    }

    /// Whether nobody has written between the taking of the other and of this one.
    pub(crate) fn confirms(&self, other: &Self) -> bool {
        *self != Self::None && self == other
    }

    /// Whether it will still be true after a write of our own.
    fn outlives_own_writes(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(_) | Self::None => false,
        }
    }
}

/// What one connection remembers.
#[derive(Debug, Default)]
pub(crate) struct SnapshotCache {
    loaded: Option<Loaded>,
}

impl SnapshotCache {
    /// Loads what is needed, as far as it is not remembered. What is remembered is taken out: it is
    /// to be kept again once the transaction has come to a good end.
    pub(crate) fn load(
        &mut self,
        connection: &mut AnyConnection,
        needs: &Needs,
    ) -> Result<Loaded, Trouble> {
        match self.loaded.take() {
            Some(remembered) => load_after(connection, needs, remembered),
            None => load(connection, needs, None),
        }
    }

    /// Remembers what was loaded, with what was stored since.
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
        let quiet = VersionToken::of_postgres("740:740:");
        assert!(quiet.confirms(&VersionToken::of_postgres("740:740:")));
        assert!(!quiet.confirms(&VersionToken::of_postgres("741:741:")));
        assert!(
            !VersionToken::None.confirms(&VersionToken::None),
            "two unknown versions are not equal"
        );
        for busy in ["738:740:738", "739:740:", "740:742:740,741", "", "x"] {
            assert_eq!(VersionToken::of_postgres(busy), VersionToken::None, "{busy}");
        }
    }
}
