//! The policy: found, and set together with the slots that follow from it.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::{CalendarId, Policy, PolicyPatch, Scope, Slot, SpacingCheck, Violation};

use crate::connection::AnyConnection;
use crate::error::Trouble;
use crate::lane::Reply;
use crate::rows;
use crate::schema::{order_services, orders, policy};
use crate::ticket::Ticket;

/// The new policy, or some of the orders that it would find too close to each other.
pub type PolicyVerdict = Result<Policy, Vec<Violation>>;

/// How many violations are named.
const NAMED: usize = 10;
/// How many rows are looked at in one query.
const PAGE: i64 = 10_000;

pub(crate) struct PolicyJob {
    pub(crate) policy: PolicyPatch,
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
    patch: &PolicyPatch,
) -> Result<PolicyVerdict, Trouble> {
    let old = find(connection)?;
    let new = old.with(patch);
    let moves_slots = new.window != old.window || new.scope != old.scope;
    if moves_slots {
        // Looks at every order, which may take longer than any other statement.
        if let AnyConnection::Postgres(connection) = connection {
            let patience = connection.batch_execute("SET LOCAL statement_timeout = 0");
            patience.map_err(|error| Trouble::of(&error))?;
        }
        let violations = violations(connection, &new)?;
        if !violations.is_empty() {
            return Ok(Err(violations));
        }
    }
    write(connection, &new, moves_slots).map_err(|error| Trouble::of(&error))?;
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

/// The first orders that are too close to each other by a policy.
fn violations(connection: &mut AnyConnection, policy: &Policy) -> Result<Vec<Violation>, Trouble> {
    let mut check = SpacingCheck::new(policy.window);
    let mut found = Vec::new();
    let mut after = None;
    while found.len() < NAMED {
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
            found.extend(check.next(rows::order_id(&row.order_id)?, slot));
        }
    }
    found.truncate(NAMED);
    Ok(found)
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
