//! The policy: found, and set together with the slots that follow from it.

mod groups;
mod slots;

use std::ops::ControlFlow;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::{Order, Policy, PolicyPatch, SpacingCheck, Violation};

use crate::connection::AnyConnection;
use crate::error::Trouble;
use crate::export::open_patiently;
use crate::lane::Reply;
use crate::orders::{OrderQuery, list};
use crate::rows;
use crate::schema::policy;
use crate::ticket::Ticket;
use crate::url::DatabaseUrl;
use crate::{StoreError, transaction};

use groups::{Merged, merge_groups};

/// The new policy, or some of the orders that it would find too close to each other.
pub type PolicyVerdict = Result<Policy, Vec<Violation>>;

/// How many violations are named.
const NAMED: usize = 10;
/// How many orders are read in one query.
const PAGE: usize = 1_000;

/// What is to become of the policy, and of the orders that it would find too close.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolicyChange {
    pub(crate) patch: PolicyPatch,
    /// Whether orders that are too close by it become exempt from one another.
    pub(crate) accept: bool,
}

pub(crate) struct PolicyJob {
    pub(crate) policy: PolicyChange,
    pub(crate) ticket: Ticket,
    pub(crate) reply: Reply<PolicyVerdict>,
}

pub(crate) fn find(connection: &mut AnyConnection) -> Result<Policy, Trouble> {
    let (window_ms, scope, edit_lock_ms) = policy::table
        .select((policy::window_ms, policy::scope, policy::edit_lock_ms))
        .get_result::<(i64, String, Option<i64>)>(connection)
        .map_err(|error| Trouble::of(&error))?;
    Ok(rows::policy(window_ms, &scope, edit_lock_ms)?)
}

/// Sets the policy and rewrites all slots by it, in a transaction that holds the lock. Since every
/// writer reads the policy under the lock, none can write by the old one afterwards.
pub(crate) fn set(
    connection: &mut AnyConnection,
    change: &PolicyChange,
) -> Result<PolicyVerdict, Trouble> {
    let old = find(connection)?;
    let new = old.with(&change.patch);
    let moves_slots = new.window != old.window || new.scope != old.scope;
    if moves_slots {
        // Looks at every order, which may take longer than any other statement.
        if let AnyConnection::Postgres(connection) = connection {
            let patience = connection.batch_execute("SET LOCAL statement_timeout = 0");
            patience.map_err(|error| Trouble::of(&error))?;
        }
        let mut found = Vec::new();
        let mut merged = Merged::default();
        violations(connection, &new, |violation| {
            if change.accept {
                merged.join(violation.groups);
            } else {
                found.push(violation);
            }
            // What is refused is refused by the first few.
            found.len() < NAMED
        })?;
        if !found.is_empty() {
            return Ok(Err(found));
        }
        merge_groups(connection, merged).map_err(|error| Trouble::of(&error))?;
    }
    write(connection, &new, moves_slots)?;
    Ok(Ok(new))
}

/// Whether a policy whose commit was not answered is the one that counts.
pub(crate) fn is_set(
    connection: &mut AnyConnection,
    verdict: &PolicyVerdict,
) -> Result<Option<bool>, Trouble> {
    Ok(match verdict {
        Ok(policy) => Some(find(connection)? == *policy),
        // Nothing was to be written.
        Err(_) => Some(true),
    })
}

fn write(connection: &mut AnyConnection, new: &Policy, moves_slots: bool) -> Result<(), Trouble> {
    diesel::update(policy::table)
        .set((
            policy::window_ms.eq(new.window.as_millis()),
            policy::scope.eq(new.scope.as_str()),
            policy::edit_lock_ms.eq(new.edit_lock.map(orders_core::Period::as_millis)),
        ))
        .execute(connection)
        .map_err(|error| Trouble::of(&error))?;
    if moves_slots { slots::rewrite(connection, new) } else { Ok(()) }
}

/// Names to `visit` all neighbours that would be too close to each other by another policy, as the
/// orders stand at one moment; answers that policy. Blocks.
///
/// # Errors
/// [`StoreError::Unavailable`], or [`StoreError::Corrupt`].
pub fn check_policy(
    url: &DatabaseUrl,
    patch: &PolicyPatch,
    mut visit: impl FnMut(&Violation),
) -> Result<Policy, StoreError> {
    let mut connection = open_patiently(url)?;
    transaction::read_only(&mut connection, |connection| {
        let new = find(connection)?.with(patch);
        violations(connection, &new, |violation| {
            visit(&violation);
            true
        })?;
        Ok(new)
    })
}

/// Looks for neighbours that are too close to each other by a policy, until `goes_on` says no.
pub(crate) fn violations(
    connection: &mut AnyConnection,
    policy: &Policy,
    mut goes_on: impl FnMut(Violation) -> bool,
) -> Result<(), Trouble> {
    let mut check = SpacingCheck::new();
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

/// Visits all orders in the order of their times, page by page, until `visit` breaks off.
pub(crate) fn visit_orders(
    connection: &mut AnyConnection,
    mut visit: impl FnMut(&mut AnyConnection, Vec<Order>) -> Result<ControlFlow<()>, Trouble>,
) -> Result<(), Trouble> {
    let mut query = OrderQuery::default();
    loop {
        let page = list(connection, &query, PAGE)?;
        if visit(connection, page.orders)?.is_break() || page.next.is_none() {
            return Ok(());
        }
        query.after = page.next;
    }
}
