//! The policy: found, and set together with the slots that follow from it.

use std::collections::HashMap;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::{CalendarId, Group, Policy, PolicyPatch, Scope, Slot, SpacingCheck, Violation};

use crate::connection::AnyConnection;
use crate::database::error::Trouble;
use crate::database::long_reads::open_without_timeouts;
use crate::database::url::DatabaseUrl;
use crate::rows;
use crate::schema::{order_services, orders, policy};
use crate::write::change::Change;
use crate::{StoreError, transaction};

/// How many violations are named.
const NAMED: usize = 10;
/// How many rows are looked at in one query.
const PAGE: i64 = 10_000;

/// Sets the policy, if the orders there are allow it. Rejected with the first violations.
#[derive(Debug, Clone, Copy)]
pub struct PolicyChange {
    /// What to set.
    pub patch: PolicyPatch,
    /// Whether to set the policy in any case: orders that are too close by it become exempt from
    /// one another.
    pub accept: bool,
}

/// What decides about a new policy.
pub struct PolicySnapshot {
    new: Policy,
    moves_slots: bool,
    /// The first of those that reject it.
    violations: Vec<Violation>,
    /// The groups to merge so that nothing rejects it.
    merged: Merged,
}

pub(crate) fn find(connection: &mut AnyConnection) -> Result<Policy, Trouble> {
    let (window_ms, scope, edit_lock_ms) = policy::table
        .select((policy::window_ms, policy::scope, policy::edit_lock_ms))
        .get_result::<(i64, String, Option<i64>)>(connection)
        .map_err(|error| Trouble::of(&error))?;
    Ok(rows::policy(window_ms, &scope, edit_lock_ms)?)
}

/// Sets the policy and rewrites all slots by it. Since every writer reads the policy under the lock,
/// none can write by the old one afterwards.
impl Change for PolicyChange {
    type Snapshot = PolicySnapshot;
    type Accepted = Policy;
    type Refusal = Vec<Violation>;

    fn load(&self, connection: &mut AnyConnection) -> Result<PolicySnapshot, Trouble> {
        let old = find(connection)?;
        let new = old.with(&self.patch);
        let moves_slots = new.window != old.window || new.scope != old.scope;
        let (mut found, mut merged) = (Vec::new(), Merged::default());
        if moves_slots {
            // Looks at every order, which may take longer than any other statement.
            if let AnyConnection::Postgres(connection) = connection {
                let patience = connection.batch_execute("SET LOCAL statement_timeout = 0");
                patience.map_err(|error| Trouble::of(&error))?;
            }
            violations(connection, &new, |violation| {
                if self.accept {
                    merged.join(violation.groups);
                } else {
                    found.push(violation);
                }
                // What is refused is refused by the first few.
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
    ) -> Result<(), Trouble> {
        merge_groups(connection, &snapshot.merged)
            .and_then(|()| write(connection, new, snapshot.moves_slots))
            .map_err(|error| Trouble::of(&error))
    }

    fn is_done(connection: &mut AnyConnection, new: &Policy) -> Result<Option<bool>, Trouble> {
        Ok(Some(find(connection)? == *new))
    }
}

fn write(connection: &mut AnyConnection, new: &Policy, moves_slots: bool) -> QueryResult<()> {
    if moves_slots {
        connection.batch_execute("DELETE FROM order_slots")?;
    }
    diesel::update(policy::table)
        .set((
            policy::window_ms.eq(new.window.as_millis()),
            policy::scope.eq(new.scope.as_str()),
            policy::edit_lock_ms.eq(new.edit_lock.map(orders_core::Period::as_millis)),
        ))
        .execute(connection)?;
    if moves_slots {
        connection.batch_execute(match new.scope {
            Scope::Global => {
                "INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id)
                 SELECT 0, o.datetime_ms, o.datetime_ms + p.window_ms, o.grp, o.id
                 FROM orders o CROSS JOIN policy p"
            }
            Scope::Service => {
                "INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id)
                 SELECT s.service_id, o.datetime_ms, o.datetime_ms + p.window_ms, o.grp, o.id
                 FROM order_services s JOIN orders o ON o.id = s.order_id CROSS JOIN policy p"
            }
        })?;
    }
    Ok(())
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
    let mut connection = open_without_timeouts(url)?;
    transaction::read_only(&mut connection, |connection| {
        let new = find(connection)?.with(patch);
        violations(connection, &new, |violation| {
            visit(&violation);
            true
        })?;
        Ok(new)
    })
}

/// Groups that become one: each leads, by way of others, to the one that stands for all.
#[derive(Default)]
struct Merged(HashMap<i64, i64>);

impl Merged {
    fn join(&mut self, groups: (Group, Group)) {
        let (a, b) = (rows::bigint(groups.0.0.get()), rows::bigint(groups.1.0.get()));
        let (a, b) = (self.shorten(a), self.shorten(b));
        // The oldest stands for all.
        if a != b {
            self.0.insert(a.max(b), a.min(b));
        }
    }

    fn leader(&self, group: i64) -> i64 {
        let mut leader = group;
        while let Some(next) = self.0.get(&leader) {
            leader = *next;
        }
        leader
    }

    /// Finds the leader, and makes the way there shorter for the next look.
    fn shorten(&mut self, group: i64) -> i64 {
        let leader = self.leader(group);
        let mut at = group;
        while at != leader {
            at = self.0.insert(at, leader).unwrap_or(leader);
        }
        leader
    }
}

diesel::table! {
    merged_groups (former) {
        former -> BigInt,
        latter -> BigInt,
    }
}

/// Puts all members of groups that were merged into one group, and with them what histories say of
/// groups: an order that is restored is in the group that it was in.
fn merge_groups(connection: &mut AnyConnection, merged: &Merged) -> QueryResult<()> {
    if merged.0.is_empty() {
        return Ok(());
    }
    connection.batch_execute(
        "CREATE TEMPORARY TABLE merged_groups (
             former BIGINT NOT NULL PRIMARY KEY, latter BIGINT NOT NULL
         )",
    )?;
    for former in merged.0.keys().copied() {
        let latter = merged.leader(former);
        diesel::insert_into(merged_groups::table)
            .values((merged_groups::former.eq(former), merged_groups::latter.eq(latter)))
            .execute(connection)?;
    }
    connection.batch_execute(
        "UPDATE orders SET grp = (SELECT latter FROM merged_groups WHERE former = grp)
         WHERE grp IN (SELECT former FROM merged_groups);
         UPDATE events SET grp = (SELECT latter FROM merged_groups WHERE former = grp)
         WHERE grp IN (SELECT former FROM merged_groups);
         DROP TABLE merged_groups",
    )
}

/// Looks for neighbours that are too close to each other by a policy, until `goes_on` says no.
pub(crate) fn violations(
    connection: &mut AnyConnection,
    policy: &Policy,
    mut goes_on: impl FnMut(Violation) -> bool,
) -> Result<(), Trouble> {
    let mut check = SpacingCheck::new(policy.window);
    let mut after = None;
    loop {
        let page =
            page(connection, policy.scope, after.as_ref()).map_err(|error| Trouble::of(&error))?;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        for row in page {
            let slot = Slot {
                calendar: match policy.scope {
                    Scope::Global => CalendarId::Global,
                    Scope::Service => CalendarId::Service(rows::service_id(row.service_id)?),
                },
                start: rows::instant(row.datetime_ms)?,
                group: rows::group(row.grp)?,
            };
            let violation = check.next(rows::order_id(&row.order_id)?, slot);
            if violation.is_some_and(|violation| !goes_on(violation)) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// An order's place in a calendar, and the key of its page.
#[derive(Debug, Clone, Queryable)]
struct Place {
    /// 0 in scope `global`.
    service_id: i64,
    datetime_ms: i64,
    order_id: String,
    grp: i64,
}

fn page(
    connection: &mut AnyConnection,
    scope: Scope,
    after: Option<&Place>,
) -> QueryResult<Vec<Place>> {
    match scope {
        Scope::Global => {
            let mut page = orders::table
                .order((orders::datetime_ms.asc(), orders::id.asc()))
                .select((orders::datetime_ms, orders::id, orders::grp))
                .limit(PAGE)
                .into_boxed();
            if let Some(Place { datetime_ms, order_id, .. }) = after {
                // The first condition is where the index is entered.
                page = page.filter(orders::datetime_ms.ge(datetime_ms));
                page = page.filter(orders::datetime_ms.gt(datetime_ms).or(orders::id.gt(order_id)));
            }
            let rows: Vec<(i64, String, i64)> = page.load(connection)?;
            let place =
                |(datetime_ms, order_id, grp)| Place { service_id: 0, datetime_ms, order_id, grp };
            Ok(rows.into_iter().map(place).collect())
        }
        Scope::Service => {
            let mut page = order_services::table
                .inner_join(orders::table.on(orders::id.eq(order_services::order_id)))
                .order((
                    order_services::service_id.asc(),
                    order_services::datetime_ms.asc(),
                    order_services::order_id.asc(),
                ))
                .select((
                    order_services::service_id,
                    order_services::datetime_ms,
                    order_services::order_id,
                    orders::grp,
                ))
                .limit(PAGE)
                .into_boxed();
            if let Some(Place { service_id, datetime_ms, order_id, .. }) = after {
                let later =
                    order_services::datetime_ms.gt(datetime_ms).or(order_services::datetime_ms
                        .eq(datetime_ms)
                        .and(order_services::order_id.gt(order_id)));
                // The first condition is where the index is entered.
                page = page.filter(order_services::service_id.ge(service_id));
                page = page.filter(order_services::service_id.gt(service_id).or(later));
            }
            page.load(connection)
        }
    }
}
