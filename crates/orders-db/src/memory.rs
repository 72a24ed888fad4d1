//! What the writer remembers from one decision to the next, so that it need not load it again:
//! above all the calendar around a time that many ask for and none gets.
//!
//! Invariant: what was loaded under an earlier lock counts under this one only if nobody else has
//! written to the database since, by any way. The database itself says whether somebody has: it is
//! asked for a [`Witness`] of its state under each lock. Only what is presumed is not asked for
//! beforehand: the statement that writes checks it.

use std::collections::BTreeSet;

use orders_core::{Changes, Needs, Policy, Reach, ServiceId, Snapshot, Span, Stored};

use crate::clock::Reading;
use crate::connection::AnyConnection;
use crate::error::Trouble;
use crate::snapshot::{Loaded, load, load_after};

/// How much is remembered, in orders, places and loaded stretches: some 5 MB.
const MOST: usize = 20_000;

/// How many stretches may be presumed free at once: each is a part of the statement that checks it.
const MOST_PRESUMED: usize = 8;

/// What tells whether others have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Witness {
    /// SQLite's `data_version`: it changes when another connection commits, and never else.
    Sqlite(i64),
    /// PostgreSQL's snapshot of transaction ids, while none that writes is under way: it changes
    /// when any is begun. So it lasts until the next write, be it one of ours.
    Postgres(String),
    /// Nobody can say, except that who keeps the lock knows.
    None,
}

impl Witness {
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

/// What a decision counts on without a look. Nothing may be written unless all of it is so.
#[derive(Debug)]
pub(crate) struct Presumed {
    /// Of the last event: nobody has changed an order since.
    pub(crate) last_sequence: u64,
    /// What was needed of orders, occupants and idempotency keys: none of it is there.
    pub(crate) absent: Needs,
    /// The policy; `None` where the lock has been kept since it was read.
    pub(crate) policy: Option<Policy>,
    /// Services that there are.
    pub(crate) services: BTreeSet<ServiceId>,
}

/// How things stood after the last decision and what it changed.
#[derive(Debug, Clone, Copy)]
struct Last {
    policy: Policy,
    /// Of the last event.
    sequence: u64,
}

/// What one connection remembers.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    loaded: Option<Loaded>,
    /// Whether the lock has been kept since that was loaded.
    kept_lock: bool,
    last: Option<Last>,
    /// When the lock was had anew, by the clock of a database that can check what is presumed.
    locked: Option<Reading>,
    /// Whether all was as after the decision before when it was last looked: it may be so again.
    undisturbed: bool,
}

impl Memory {
    /// The lock was lost and is had again, and others may have written meanwhile. `locked` is when that
    /// was, by the clock of the database, where it can check what is presumed.
    pub(crate) fn lose_lock(&mut self, locked: Option<Reading>) {
        self.kept_lock = false;
        self.locked = locked;
        self.loaded.take_if(|loaded| loaded.witness == Witness::None);
    }

    /// Loads what is needed, as far as it is not remembered. What is remembered is taken out: it is
    /// to be kept again once the transaction has come to a good end.
    pub(crate) fn load(
        &mut self,
        connection: &mut AnyConnection,
        needs: &Needs,
    ) -> Result<Loaded, Trouble> {
        let loaded = match self.loaded.take() {
            Some(remembered) if remembered.witness != Witness::None => {
                load_after(connection, needs, remembered)?
            }
            Some(_) | None => load(connection, needs, None)?,
        };
        let last_sequence = loaded.snapshot.last_sequence();
        self.undisturbed = self.last.is_some_and(|last| last.sequence == last_sequence);
        Ok(loaded)
    }

    /// What is remembered, and in place of what is needed beyond, which was not looked up: that no order
    /// stands there, nobody occupies it, no answer is kept. Where the lock was lost meanwhile, also that
    /// all is as it was and that there are the services that are needed.
    pub(crate) fn presume(&mut self, needs: &Needs) -> Option<(Loaded, Presumed)> {
        let wants_all = |span: &Span| span.reach == Reach::All;
        if !needs.spans.iter().all(wants_all)
            || needs.spans.len() > MOST_PRESUMED
            || needs.orders.len() > 1
        {
            return None;
        }
        let (mut loaded, policy, services) = if self.kept_lock {
            let knows = |loaded: &mut Loaded| {
                needs.services.iter().all(|id| loaded.snapshot.service(*id).is_some())
            };
            (self.loaded.take_if(knows)?, None, BTreeSet::new())
        } else {
            let clock = self.locked.filter(|_| self.undisturbed)?;
            let Last { policy, sequence } = self.last?;
            let mut snapshot = Snapshot::new(sequence);
            for id in &needs.services {
                snapshot.add_service(*id, true);
            }
            let loaded = Loaded { witness: Witness::None, policy, clock, snapshot };
            (loaded, Some(policy), needs.services.clone())
        };
        for id in &needs.orders {
            loaded.snapshot.add_order(id.clone(), Stored::Never);
        }
        for span in &needs.spans {
            loaded.snapshot.add_occupants(span, Vec::new());
        }
        for key in &needs.keys {
            loaded.snapshot.add_key(key.clone(), None);
        }
        let last_sequence = loaded.snapshot.last_sequence();
        let absent = Needs { services: BTreeSet::new(), ..needs.clone() };
        Some((loaded, Presumed { last_sequence, absent, policy, services }))
    }

    /// Remembers what was loaded, with what was stored since. `keeps_lock`: whether the lock is kept
    /// until [`Self::lose_lock`].
    pub(crate) fn keep(&mut self, mut loaded: Loaded, changes: &Changes, keeps_lock: bool) {
        if !changes.is_empty() && !loaded.witness.outlives_own_writes() {
            loaded.witness = Witness::None;
        }
        let last = changes.events.last().map(|event| event.sequence);
        let sequence = last.unwrap_or_else(|| loaded.snapshot.last_sequence());
        self.last = Some(Last { policy: loaded.policy, sequence });
        if loaded.witness == Witness::None && !keeps_lock {
            return;
        }
        loaded.snapshot.follow(&loaded.policy, changes);
        self.loaded = Some(loaded).filter(|loaded| loaded.snapshot.size() <= MOST);
        self.kept_lock = keeps_lock;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_with_writes_under_way_is_no_witness() {
        let quiet = Witness::of_postgres("740:740:");
        assert!(quiet.confirms(&Witness::of_postgres("740:740:")));
        assert!(!quiet.confirms(&Witness::of_postgres("741:741:")));
        assert!(!Witness::None.confirms(&Witness::None), "to know nothing twice is no knowledge");
        for busy in ["738:740:738", "739:740:", "740:742:740,741", "", "x"] {
            assert_eq!(Witness::of_postgres(busy), Witness::None, "{busy}");
        }
    }
}
