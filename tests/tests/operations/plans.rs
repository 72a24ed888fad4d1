//! PostgreSQL's plans for the service's statements.

use orders_tests::{Bulk, Database, HOUR, Server, at, order};

const NOON: i64 = 1_700_000_000_000;

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn no_statement_is_compiled_just_in_time() {
    let server = Server::with_sample_data(Database::Postgres);
    let mut sql = server.scratch().sql();
    if sql.number("SELECT current_setting('server_version_num')::bigint AS number") < 150_000 {
        // Older servers do not count it.
        return;
    }
    for step in 0..20 {
        let millis = NOON + step * 24 * HOUR;
        server.post("/orders", &order("a", millis)).assert_status(201);
        server.post("/orders", &order("b", millis + HOUR)).problem(409, "order-conflict");
        server.put("/orders/a", &order("a", millis + HOUR)).assert_status(200);
        server.get("/orders/a").assert_status(200);
        server.get("/orders?service=123&limit=2").assert_status(200);
        server.delete("/orders/a").assert_status(204);
    }
    sql.run("CREATE EXTENSION pg_stat_statements").unwrap();
    let of_this_database = "FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid \
                            WHERE datname = current_database()";
    // To compile a statement takes hundreds of times as long as to run it. It happens where plan
    // types are switched off: what is left then counts as enormously costly.
    let sum = |column: &str| format!("SELECT sum({column})::bigint AS number {of_this_database}");
    assert!(sql.number(&sum("calls")) > 100);
    assert_eq!(sql.number(&sum("jit_functions")), 0);
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn no_page_of_a_list_looks_at_more_than_it_shows() {
    let scratch = Database::Postgres.fresh();
    let server = Server::start(&scratch);
    let mut sql = scratch.sql();
    sql.run("CREATE EXTENSION pg_stat_statements").unwrap();
    // Generic plans are made and cached while the tables are empty.
    let sorts = ["datetime", "-datetime", "created_at", "-created_at"];
    let middle = Bulk { number: 30_000, at_once: 1 }.nth(15_000);
    let (time, made) = (at(middle.datetime), at(middle.created_at));
    let list_all = || {
        for sort in sorts {
            for filter in [
                String::new(),
                format!("&from={time}"),
                format!("&to={time}"),
                format!("&created_from={made}"),
                format!("&created_to={made}"),
            ] {
                if filter.contains("created") != sort.contains("created") && !filter.is_empty() {
                    continue;
                }
                for services in ["", "&service=4", "&service=10", "&service=4&service=5"] {
                    let path = format!("/orders?limit=2&sort={sort}{filter}{services}");
                    let page = server.get(&path).assert_status(200).json();
                    if let Some(cursor) = page["next_cursor"].as_str() {
                        server.get(format!("{path}&cursor={cursor}")).assert_status(200);
                    }
                }
            }
        }
    };
    for _ in 0..6 {
        list_all();
    }
    Bulk { number: 30_000, at_once: 1 }.store(&mut sql);
    sql.count_statements_anew();
    list_all();
    let pages = "FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid \
                 WHERE datname = current_database() AND query LIKE '%ORDER BY%.%_ms%LIMIT%'";
    // One statement for each sort, of all orders and of those with a service.
    assert_eq!(sql.number(&format!("SELECT count(*) AS number {pages}")), 8);
    assert!(sql.number(&format!("SELECT sum(calls)::bigint AS number {pages}")) > 100);
    let blocks = "SELECT max((shared_blks_hit + shared_blks_read) / calls)::bigint AS number";
    let most = sql.number(&format!("{blocks} {pages}"));
    // To find three orders by an index of a few levels; the tables have hundreds of blocks.
    assert!((1..=30).contains(&most), "{most} blocks for one page");
}

#[test]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
fn no_page_of_the_feed_looks_at_more_than_it_shows() {
    let scratch = Database::Postgres.fresh();
    let server = Server::start(&scratch);
    let mut sql = scratch.sql();
    sql.run("CREATE EXTENSION pg_stat_statements").unwrap();
    // Generic plans are made and cached while the tables are empty.
    for _ in 0..6 {
        server.get("/events?limit=2").assert_status(200);
    }
    let bulk = Bulk { number: 30_000, at_once: 1 };
    bulk.store(&mut sql);
    // A position beyond the last sequence is no place in the feed.
    sql.run("UPDATE counters SET last_sequence = 30000").unwrap();
    sql.count_statements_anew();
    for after in [0, 1, 15_000, 29_998, 30_000] {
        server.get(format!("/events?after={after}&limit=2")).assert_status(200);
    }
    let pages = "FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid \
                 WHERE datname = current_database() AND query LIKE '%events%ORDER BY%LIMIT%'";
    assert_eq!(sql.number(&format!("SELECT sum(calls)::bigint AS number {pages}")), 5);
    let blocks = "SELECT max((shared_blks_hit + shared_blks_read) / calls)::bigint AS number";
    let most = sql.number(&format!("{blocks} {pages}"));
    // Two events, and for each the one of the same order before it.
    assert!((1..=20).contains(&most), "{most} blocks for one page");
}
