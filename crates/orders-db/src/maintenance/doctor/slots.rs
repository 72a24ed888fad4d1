//! Checks the slots against the orders and the spacing rule. Core computes the slots of an order. Both
//! tables are read page by page.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use orders_core::decide::{SpacingCheck, Violation};
use orders_core::policy::Slot;
use orders_core::{Order, OrderId, Policy};

use super::{CheckResult, NAMED};
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::rows::{self, OrderRow};
use crate::database::schema::{order_slots, orders};
use crate::{StoreError, policy};

/// How many slots are read at once, and how many values one query compares with.
const PAGE: usize = 1_000;

/// A row of `order_slots`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Queryable, Selectable)]
#[diesel(table_name = order_slots)]
struct SlotRow {
    scope: i64,
    start_ms: i64,
    order_id: String,
    end_ms: i64,
    grp: i64,
}

impl SlotRow {
    fn new(order: &Order, slot: &Slot) -> Self {
        Self {
            scope: rows::scope_column(slot.calendar),
            start_ms: slot.interval.start().as_millis(),
            order_id: order.id.to_string(),
            end_ms: slot.interval.end_ms(),
            grp: rows::bigint(slot.group.0.get()),
        }
    }

    /// Converts the row into a slot, if its values are valid.
    fn slot(&self) -> Option<(OrderId, Slot)> {
        let slot = Slot {
            calendar: rows::calendar(self.scope)?,
            interval: rows::interval(self.start_ms, self.end_ms).ok()?,
            group: rows::group(self.grp).ok()?,
        };
        Some((rows::order_id(&self.order_id).ok()?, slot))
    }
}

fn rows_of(policy: &Policy, order: &Order) -> impl Iterator<Item = SlotRow> {
    policy.slots(order).into_iter().map(move |slot| SlotRow::new(order, &slot))
}

/// Returns the results of all checks of slots.
pub(super) fn reports(connection: &mut AnyConnection) -> Result<Vec<CheckResult>, StoreError> {
    let policy = rows::find_policy(connection).map_err(StoreError::from)?;
    let lacking = lacking(connection, &policy).map_err(StoreError::from)?;
    let mut found = Found::default();
    visit_slots(connection, |connection, slots| found.add(connection, &policy, slots))?;
    let exempt = "neighbours exempt from each other: loaded together, or accepted with a policy";
    Ok(vec![
        CheckResult::fault("orders keep their distance, by their slots", found.number, found.close),
        lacking,
        CheckResult::fault("every slot is that of an order", found.number, found.strange),
        CheckResult { is_note: true, ..CheckResult::fault(exempt, found.number, found.exempt) },
    ])
}

/// Checks that orders have all their slots.
fn lacking(connection: &mut AnyConnection, policy: &Policy) -> Result<CheckResult, DbError> {
    let (mut found, mut checked) = (Vec::new(), 0);
    policy::visit_orders(connection, |connection, orders| {
        checked += u64::try_from(orders.len()).unwrap_or_default();
        let wanted: Vec<SlotRow> = orders.iter().flat_map(|it| rows_of(policy, it)).collect();
        let there =
            find_slots(connection, &wanted).map_err(|error| DbError::from_diesel(&error))?;
        for SlotRow { order_id, scope, .. } in wanted.iter().filter(|row| !there.contains(row)) {
            record(&mut found, || {
                format!("order {order_id} has no slot of its own in calendar {scope}")
            });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(CheckResult::fault("every order has its slots", checked, found))
}

/// Finds which of these slots exist. The orders come in the order of their times, so all pages together
/// scan each calendar once.
fn find_slots(
    connection: &mut AnyConnection,
    wanted: &[SlotRow],
) -> QueryResult<BTreeSet<SlotRow>> {
    let starts = wanted.iter().map(|row| row.start_ms);
    let (Some(from), Some(to)) = (starts.clone().min(), starts.max()) else {
        return Ok(BTreeSet::new());
    };
    let scopes: BTreeSet<i64> = wanted.iter().map(|row| row.scope).collect();
    let scopes: Vec<i64> = scopes.into_iter().collect();
    let ids: BTreeSet<&str> = wanted.iter().map(|row| row.order_id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut there = BTreeSet::new();
    for scopes in scopes.chunks(PAGE) {
        let page: Vec<SlotRow> = order_slots::table
            .filter(order_slots::scope.eq_any(scopes))
            .filter(order_slots::start_ms.between(from, to))
            .filter(order_slots::order_id.eq_any(&ids))
            .select(SlotRow::as_select())
            .load(connection)?;
        there.extend(page);
    }
    Ok(there)
}

/// Visits all slots, calendar by calendar, in the order of their starts.
fn visit_slots(
    connection: &mut AnyConnection,
    mut visit: impl FnMut(&mut AnyConnection, Vec<SlotRow>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after: Option<SlotRow> = None;
    loop {
        let mut page = order_slots::table
            .order((
                order_slots::scope.asc(),
                order_slots::start_ms.asc(),
                order_slots::order_id.asc(),
            ))
            .select(SlotRow::as_select())
            .limit(i64::try_from(PAGE).unwrap_or(i64::MAX))
            .into_boxed();
        if let Some(SlotRow { scope, start_ms, order_id, .. }) = after {
            let behind = sql::<Bool>("(scope, start_ms, order_id) > (")
                .bind::<BigInt, _>(scope)
                .sql(", ")
                .bind::<BigInt, _>(start_ms)
                .sql(", ")
                .bind::<Text, _>(order_id)
                .sql(")");
            page = page.filter(behind);
        }
        let page = page.load(connection).map_err(|error| StoreError::from_read(&error))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        visit(connection, page)?;
    }
}

/// The findings of one pass over the slots.
#[derive(Default)]
struct Found {
    number: u64,
    check: SpacingCheck,
    previous: Option<SlotRow>,
    close: Vec<String>,
    strange: Vec<String>,
    exempt: Vec<String>,
}

impl Found {
    fn add(
        &mut self,
        connection: &mut AnyConnection,
        policy: &Policy,
        slots: Vec<SlotRow>,
    ) -> Result<(), StoreError> {
        self.number += u64::try_from(slots.len()).unwrap_or_default();
        let orders = find_orders(connection, &slots)?;
        for row in slots {
            let order = orders.get(&row.order_id);
            if !order.is_some_and(|order| rows_of(policy, order).any(|own| own == row)) {
                let SlotRow { scope, order_id, .. } = &row;
                record(&mut self.strange, || {
                    format!(
                        "calendar {scope} has a slot of order {order_id} that the order does not \
                         have"
                    )
                });
            }
            if let Some((id, slot)) = row.slot()
                && let Some(Violation { earlier, later, .. }) = self.check.next(&id, slot)
            {
                let gap_ms = later.1.millis_since(earlier.1);
                record(&mut self.close, || apart(row.scope, earlier.0.as_str(), &row, gap_ms));
            }
            if let Some(before) = &self.previous
                && (before.scope, before.grp) == (row.scope, row.grp)
                && row.start_ms < before.end_ms
            {
                let gap_ms = row.start_ms - before.start_ms;
                record(&mut self.exempt, || apart(row.scope, &before.order_id, &row, gap_ms));
            }
            self.previous = Some(row);
        }
        Ok(())
    }
}

fn apart(scope: i64, before: &str, row: &SlotRow, gap_ms: i64) -> String {
    let after = &row.order_id;
    format!("calendar {scope}: order {before} and order {after} are {gap_ms} ms apart")
}

fn find_orders(
    connection: &mut AnyConnection,
    slots: &[SlotRow],
) -> Result<HashMap<String, Order>, StoreError> {
    let ids: BTreeSet<&str> = slots.iter().map(|row| row.order_id.as_str()).collect();
    let found: Vec<OrderRow> = orders::table
        .filter(orders::id.eq_any(ids))
        .select(OrderRow::as_select())
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    found.into_iter().map(|row| Ok((row.id.clone(), row.into_order()?))).collect()
}

/// Records a finding, unless there are enough already.
fn record(found: &mut Vec<String>, finding: impl FnOnce() -> String) {
    if found.len() <= NAMED {
        found.push(finding());
    }
}
