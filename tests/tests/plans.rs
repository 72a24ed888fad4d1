//! What PostgreSQL makes of the service's statements.

use orders_tests::{Database, HOUR, Server, order};

const NOON: i64 = 1_700_000_000_000;

#[test]
fn no_statement_is_compiled_just_in_time() {
    let Some(server) = Server::with_sample_data(Database::Postgres) else { return };
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
