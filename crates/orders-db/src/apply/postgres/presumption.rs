//! The part of a write that finds out whether what was presumed is so.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use orders_core::{Period, Policy};

use crate::clock::POSTGRES_NOW;
use crate::memory::Presumed;
use crate::rows::{bigint, scope_column};

/// What must be so still. As a part of a statement it is a table `presumption` of one row, if it is;
/// of none, if not.
pub(super) struct Presumption {
    /// Of the last event: nobody has changed an order since.
    last_sequence: i64,
    /// Orders that never were.
    order_ids: Vec<String>,
    /// Stretches of calendars that nobody occupies.
    stretches: Vec<Stretch>,
    /// Callers and their idempotency keys that no answer is kept under.
    keys: Vec<(String, String)>,
    policy: Option<PolicyRow>,
    /// Services that there are.
    services: Vec<i64>,
}

/// A stretch of a calendar, both ends included.
struct Stretch {
    scope: i64,
    from_ms: i64,
    to_ms: i64,
}

/// The policy as the database has it.
struct PolicyRow {
    window_ms: i64,
    scope: String,
    edit_lock_ms: Option<i64>,
}

impl PolicyRow {
    fn of(policy: &Policy) -> Self {
        Self {
            window_ms: policy.window.as_millis(),
            scope: policy.scope.as_str().to_owned(),
            edit_lock_ms: policy.edit_lock.map(Period::as_millis),
        }
    }
}

impl Presumption {
    pub(super) fn of(presumed: &Presumed) -> Self {
        let needs = &presumed.absent;
        let stretch = |span: &orders_core::Span| Stretch {
            scope: scope_column(span.calendar),
            from_ms: span.from.as_millis(),
            to_ms: span.to.as_millis(),
        };
        Self {
            last_sequence: bigint(presumed.last_sequence),
            order_ids: needs.orders.iter().map(ToString::to_string).collect(),
            stretches: needs.spans.iter().map(stretch).collect(),
            keys: needs
                .keys
                .iter()
                .map(|key| (key.caller.as_str().to_owned(), key.key.as_str().to_owned()))
                .collect(),
            policy: presumed.policy.as_ref().map(PolicyRow::of),
            services: presumed.services.iter().map(|id| id.get()).collect(),
        }
    }
}

impl QueryFragment<Pg> for Presumption {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "presumption AS MATERIALIZED (SELECT FROM counters WHERE id = 1 AND last_sequence = ",
        );
        out.push_bind_param::<BigInt, _>(&self.last_sequence)?;
        for id in &self.order_ids {
            // Of every order there ever was there is an event.
            out.push_sql(" AND NOT EXISTS (SELECT FROM events WHERE order_id = ");
            out.push_bind_param::<Text, _>(id)?;
            out.push_sql(")");
        }
        for stretch in &self.stretches {
            out.push_sql(" AND NOT EXISTS (SELECT FROM order_slots WHERE scope = ");
            out.push_bind_param::<BigInt, _>(&stretch.scope)?;
            out.push_sql(" AND start_ms BETWEEN ");
            out.push_bind_param::<BigInt, _>(&stretch.from_ms)?;
            out.push_sql(" AND ");
            out.push_bind_param::<BigInt, _>(&stretch.to_ms)?;
            out.push_sql(")");
        }
        for (caller, key) in &self.keys {
            out.push_sql(" AND NOT EXISTS (SELECT FROM idempotency_keys WHERE caller = ");
            out.push_bind_param::<Text, _>(caller)?;
            out.push_sql(" AND key = ");
            out.push_bind_param::<Text, _>(key)?;
            out.push_sql(" AND expires_ms > ");
            out.push_sql(POSTGRES_NOW);
            out.push_sql(")");
        }
        if let Some(policy) = &self.policy {
            out.push_sql(" AND EXISTS (SELECT FROM policy WHERE id = 1 AND window_ms = ");
            out.push_bind_param::<BigInt, _>(&policy.window_ms)?;
            out.push_sql(" AND scope = ");
            out.push_bind_param::<Text, _>(&policy.scope)?;
            out.push_sql(" AND edit_lock_ms IS NOT DISTINCT FROM ");
            out.push_bind_param::<Nullable<BigInt>, _>(&policy.edit_lock_ms)?;
            out.push_sql(")");
        }
        if !self.services.is_empty() {
            out.push_sql(" AND NOT EXISTS (SELECT FROM unnest(");
            out.push_bind_param::<Array<BigInt>, _>(&self.services)?;
            out.push_sql(") AS q(id) WHERE NOT EXISTS (SELECT FROM services s WHERE s.id = q.id))");
        }
        out.push_sql(")");
        Ok(())
    }
}
