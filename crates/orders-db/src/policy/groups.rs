//! Merges exemption groups, so that orders that violate a new policy may stay.

use std::collections::HashMap;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orders_core::order::Group;

use crate::database::connection::AnyConnection;
use crate::database::rows;

/// Merged groups. Each points to another one, up to the leader of all.
#[derive(Default)]
pub(super) struct Merged(HashMap<i64, i64>);

impl Merged {
    pub(super) fn join(&mut self, groups: (Group, Group)) {
        let (a, b) = (rows::bigint(groups.0.0.get()), rows::bigint(groups.1.0.get()));
        let (a, b) = (self.shorten(a), self.shorten(b));
        // The oldest group leads.
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

    /// Finds the leader, and shortens the path for the next search.
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
    merged_groups (previous) {
        previous -> BigInt,
        merged -> BigInt,
    }
}

/// Stores merged groups in orders and events, so that a restored order is in its merged group.
pub(super) fn merge_groups(connection: &mut AnyConnection, merged: &Merged) -> QueryResult<()> {
    if merged.0.is_empty() {
        return Ok(());
    }
    connection.batch_execute(
        "CREATE TEMPORARY TABLE merged_groups (
             previous BIGINT NOT NULL PRIMARY KEY, merged BIGINT NOT NULL
         )",
    )?;
    for previous in merged.0.keys().copied() {
        let merged = merged.leader(previous);
        diesel::insert_into(merged_groups::table)
            .values((merged_groups::previous.eq(previous), merged_groups::merged.eq(merged)))
            .execute(connection)?;
    }
    connection.batch_execute(
        "UPDATE orders SET grp = (SELECT merged FROM merged_groups WHERE previous = grp)
         WHERE grp IN (SELECT previous FROM merged_groups);
         UPDATE events SET grp = (SELECT merged FROM merged_groups WHERE previous = grp)
         WHERE grp IN (SELECT previous FROM merged_groups);
         DROP TABLE merged_groups",
    )
}
