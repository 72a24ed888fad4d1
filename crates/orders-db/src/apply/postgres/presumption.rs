//! The part of a write that finds out whether what was presumed is so.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text};
use orders_core::Needs;

use crate::clock::POSTGRES_NOW;
use crate::rows::{bigint, scope_column};

/// What must be so still. As a part of a statement it is a table `presumption` of one row, if it is;
/// of none, if not.
pub(super) struct Presumption {
    /// Of the last event: nobody has written since.
    last_sequence: i64,
    /// Orders that never were.
    order_ids: Vec<String>,
    /// Stretches of calendars that nobody occupies.
    stretches: Vec<Stretch>,
    /// Callers and their idempotency keys that no answer is kept under.
    keys: Vec<(String, String)>,
}

/// A stretch of a calendar, both ends included.
struct Stretch {
    scope: i64,
    from_ms: i64,
    to_ms: i64,
}

impl Presumption {
    /// That nothing is there of what somebody needed.
    pub(super) fn of(needs: &Needs, last_sequence: u64) -> Self {
        let stretch = |span: &orders_core::Span| Stretch {
            scope: scope_column(span.calendar),
            from_ms: span.from.as_millis(),
            to_ms: span.to.as_millis(),
        };
        Self {
            last_sequence: bigint(last_sequence),
            order_ids: needs.orders.iter().map(ToString::to_string).collect(),
            stretches: needs.spans.iter().map(stretch).collect(),
            keys: needs
                .keys
                .iter()
                .map(|key| (key.caller.as_str().to_owned(), key.key.as_str().to_owned()))
                .collect(),
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
        out.push_sql(")");
        Ok(())
    }
}
