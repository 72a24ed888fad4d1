//! Tests SQLite's query plans of the lists' statements. `tests/tests/` tests those of PostgreSQL.

use diesel::connection::Connection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Integer, Text};
use diesel::sqlite::Sqlite;
use orders_core::Timestamp;

use super::list::{Places, Rows, Select};
use super::query::{OrderQuery, Scan, SortKey};
use crate::database::connection::{AnyConnection, Manager, Purpose};
use crate::database::url::DatabaseUrl;

struct Explain<Q>(Q);

impl<Q: QueryFragment<<AnyConnection as Connection>::Backend>>
    QueryFragment<<AnyConnection as Connection>::Backend> for Explain<Q>
{
    fn walk_ast<'b>(
        &'b self,
        mut out: AstPass<'_, 'b, <AnyConnection as Connection>::Backend>,
    ) -> QueryResult<()> {
        out.push_sql("EXPLAIN QUERY PLAN ");
        self.0.walk_ast(out)
    }
}

impl<Q> Query for Explain<Q> {
    type SqlType = (Integer, Integer, Integer, Text);
}

impl<Q> QueryId for Explain<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> RunQueryDsl<AnyConnection> for Explain<Q> {}

fn plan<Q>(connection: &mut AnyConnection, query: Q) -> Vec<String>
where
    Q: QueryFragment<<AnyConnection as Connection>::Backend>,
{
    let lines: Vec<(i32, i32, i32, String)> = Explain(query).load(connection).unwrap();
    lines.into_iter().map(|(_, _, _, detail)| detail).collect()
}

#[test]
fn every_page_is_one_scan_of_one_index() {
    let dir = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::parse(dir.path().join("orders.db").to_str().unwrap()).unwrap();
    crate::migrate(&url).unwrap();
    let connection = &mut Manager::new(&url, Purpose::List).open().unwrap();
    let bound = Timestamp::from_millis(0);
    let query = OrderQuery { from: bound, created_from: bound, ..OrderQuery::default() };
    for (key, service, index) in [
        (SortKey::Datetime, None, "o USING INDEX orders_by_datetime ((datetime_ms,id)>"),
        (SortKey::CreatedAt, None, "o USING INDEX orders_by_created_at ((created_at_ms,id)>"),
        (
            SortKey::Datetime,
            Some(1),
            "u USING PRIMARY KEY (service_id=? AND (datetime_ms,order_id)>",
        ),
        (
            SortKey::CreatedAt,
            Some(1),
            "u USING COVERING INDEX order_services_by_created_at \
             (service_id=? AND (created_at_ms,order_id)>",
        ),
    ] {
        for descending in [false, true] {
            let (start, end) = ((0, String::new()), (9, String::new()));
            let scan = Scan { key, descending, start, end };
            let select = Select::new(scan.clone(), service, 101).only(&query, key);
            let found = plan(connection, Rows(&select));
            assert!(found[0].starts_with(&format!("SEARCH {index}")), "{found:?}");
            let by_id = "SEARCH o USING PRIMARY KEY (id=?)".to_owned();
            assert_eq!(found.get(1), service.map(|_| by_id).as_ref(), "{found:?}");
            assert!(found.len() <= 2, "nothing is sorted: {found:?}");
            let places = Select::new(scan.clone(), service, 2).skip(9_999);
            let found = plan(connection, Places(&places));
            assert!(found[0].starts_with("SEARCH ") && found.len() == 1, "{found:?}");
            // Where few are within the bounds of the other time, its index is the one.
            let select = Select::new(scan, service, 101).only(&query, key.other());
            let found = plan(connection, Rows(&select));
            let other = if key == SortKey::Datetime { "created_at_ms" } else { "datetime_ms" };
            assert!(found[0].starts_with("SEARCH "), "{found:?}");
            assert!(found[0].contains(&format!("{other}>?")), "{found:?}");
            assert_eq!(found.last().unwrap(), "USE TEMP B-TREE FOR ORDER BY");
        }
    }
}

#[test]
fn a_page_is_selected_by_this_sql() {
    let bound = Timestamp::from_millis(0);
    let query = OrderQuery { from: bound, created_from: bound, ..OrderQuery::default() };
    let mut statements = Vec::new();
    for key in [SortKey::Datetime, SortKey::CreatedAt] {
        for service in [None, Some(1)] {
            for descending in [false, true] {
                let (start, end) = ((0, String::new()), (9, String::new()));
                let scan = Scan { key, descending, start, end };
                for index in [key, key.other()] {
                    let select = Select::new(scan.clone(), service, 101).only(&query, index);
                    let (postgres, sqlite) = (
                        crate::sql_text(&diesel::debug_query::<Pg, _>(&Rows(&select))),
                        crate::sql_text(&diesel::debug_query::<Sqlite, _>(&Rows(&select))),
                    );
                    statements.extend([postgres, sqlite]);
                }
                let places = Select::new(scan, service, 2).skip(9_999);
                let (postgres, sqlite) = (
                    crate::sql_text(&diesel::debug_query::<Pg, _>(&Places(&places))),
                    crate::sql_text(&diesel::debug_query::<Sqlite, _>(&Places(&places))),
                );
                statements.extend([postgres, sqlite]);
            }
        }
    }
    insta::assert_snapshot!("pages", statements.join("\n"));
}
