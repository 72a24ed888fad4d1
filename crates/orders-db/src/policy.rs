//! Changes of the policy, together with the slots that follow from it.

mod groups;
mod slots;

use std::ops::ControlFlow;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::decide::{SpacingCheck, Violation};
use orders_core::policy::PolicyPatch;
use orders_core::{Order, Policy};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::long_reads::open_without_timeouts;
use crate::database::read_pool::ReadPool;
use crate::database::rows;
use crate::database::schema::policy;
use crate::database::transaction;
use crate::database::url::DatabaseUrl;
use crate::orders::{OrderQuery, list};
use crate::write::audit::{AuditAction, AuditRecord};
use crate::write::change::Change;

use groups::{Merged, merge_groups};

/// How many violations a rejection reports.
const NAMED: usize = 10;
/// How many orders are read in one query.
const PAGE: usize = 1_000;

/// Sets the policy, if no existing orders violate it. Rejected with the first violations.
#[derive(Debug, Clone, Copy)]
pub struct PolicyChange {
    /// What to set.
    pub patch: PolicyPatch,
    /// Whether to set the policy anyway. Orders that violate it become exempt from one another.
    pub accept: bool,
}

/// The data that a change of the policy is decided by.
pub struct PolicySnapshot {
    new: Policy,
    moves_slots: bool,
    /// The first violations of the new policy.
    violations: Vec<Violation>,
    /// The groups to merge so that no order violates it.
    merged: Merged,
}

/// Sets the policy and rewrites all slots by it. Since every writer reads the policy under the lock,
/// none can write by the old one afterwards.
impl Change for PolicyChange {
    type Snapshot = PolicySnapshot;
    type Accepted = Policy;
    type Refusal = Vec<Violation>;

    fn load(&self, connection: &mut AnyConnection) -> Result<PolicySnapshot, DbError> {
        let old = rows::find_policy(connection)?;
        let new = old.with(&self.patch);
        let moves_slots = new.window != old.window || new.scope != old.scope;
        let (mut found, mut merged) = (Vec::new(), Merged::default());
        if moves_slots {
            // Reads every order, which may take longer than any other statement.
            if let AnyConnection::Postgres(connection) = connection {
                let unlimited = connection.batch_execute("SET LOCAL statement_timeout = 0");
                unlimited.map_err(|error| DbError::from_diesel(&error))?;
            }
            violations(connection, &new, |violation| {
                if self.accept {
                    merged.join(violation.groups);
                } else {
                    found.push(violation);
                }
                // The first few violations are enough for a rejection.
                found.len() < NAMED
            })?;
        }
        Ok(PolicySnapshot { new, moves_slots, violations: found, merged })
    }

    fn decide(&self, snapshot: &PolicySnapshot) -> Result<Policy, Vec<Violation>> {
        if snapshot.violations.is_empty() {
            Ok(snapshot.new)
        } else {
            Err(snapshot.violations.clone())
        }
    }

    fn store(
        connection: &mut AnyConnection,
        snapshot: &PolicySnapshot,
        new: &Policy,
    ) -> Result<(), DbError> {
        merge_groups(connection, &snapshot.merged).map_err(|error| DbError::from_diesel(&error))?;
        write(connection, new, snapshot.moves_slots)
    }

    fn audit(_: &Policy) -> Option<AuditRecord> {
        Some(AuditRecord::without_target(AuditAction::PolicyUpdated))
    }

    fn is_done(connection: &mut AnyConnection, new: &Policy) -> Result<Option<bool>, DbError> {
        Ok(Some(rows::find_policy(connection)? == *new))
    }
}

impl ReadPool {
    /// Finds the policy. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_policy(&self) -> Result<Policy, StoreError> {
        self.read(|connection| rows::find_policy(connection).map_err(StoreError::from))
    }
}

fn write(connection: &mut AnyConnection, new: &Policy, moves_slots: bool) -> Result<(), DbError> {
    diesel::update(policy::table)
        .set((
            policy::window_ms.eq(new.window.as_millis()),
            policy::scope.eq(new.scope.as_str()),
            policy::edit_lock_ms.eq(new.edit_lock.map(orders_core::Period::as_millis)),
        ))
        .execute(connection)
        .map_err(|error| DbError::from_diesel(&error))?;
    if moves_slots { slots::rewrite(connection, new) } else { Ok(()) }
}

/// Passes all violations of a patched policy to `visit`, as of one moment. Returns that policy. Blocks.
///
/// # Errors
/// [`StoreError::Unavailable`], or [`StoreError::Corrupt`].
pub fn check_policy(
    url: &DatabaseUrl,
    patch: &PolicyPatch,
    mut visit: impl FnMut(&Violation),
) -> Result<Policy, StoreError> {
    let mut connection = open_without_timeouts(url)?;
    transaction::read_only(&mut connection, |connection| {
        let new = rows::find_policy(connection)?.with(patch);
        violations(connection, &new, |violation| {
            visit(&violation);
            true
        })?;
        Ok(new)
    })
}

/// Finds neighbours that are too close to each other by a policy, until `goes_on` returns `false`.
pub(crate) fn violations(
    connection: &mut AnyConnection,
    policy: &Policy,
    mut goes_on: impl FnMut(Violation) -> bool,
) -> Result<(), DbError> {
    let mut check = SpacingCheck::default();
    visit_orders(connection, |_, orders| {
        for order in &orders {
            for slot in policy.slots(order) {
                let violation = check.next(&order.id, slot);
                if violation.is_some_and(|violation| !goes_on(violation)) {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Visits all orders in the order of their times, page by page, until `visit` breaks.
pub(crate) fn visit_orders(
    connection: &mut AnyConnection,
    mut visit: impl FnMut(&mut AnyConnection, Vec<Order>) -> Result<ControlFlow<()>, DbError>,
) -> Result<(), DbError> {
    let mut query = OrderQuery::default();
    loop {
        let page = list(connection, &query, PAGE)?;
        if visit(connection, page.orders)?.is_break() || page.next.is_none() {
            return Ok(());
        }
        query.after = page.next;
    }
}
