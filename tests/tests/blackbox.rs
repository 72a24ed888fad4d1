//! The black-box tests: the real program, over TCP, on both databases.
//! One program, so that it is linked once and starts one PostgreSQL. `docs/TESTING.md` says what each
//! folder shows.

use rstest_reuse::template;

/// Runs a test on SQLite and on PostgreSQL: `#[apply(both_databases)] fn name(database: Database)`.
#[template]
#[rstest::rstest]
#[case::sqlite(orders_tests::Database::Sqlite)]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[case::postgresql(orders_tests::Database::Postgres)]
fn both_databases(#[case] database: orders_tests::Database) {}

mod api {
    mod audit;
    mod authorization;
    mod availability;
    mod bad_json;
    mod bad_requests;
    mod batches;
    mod bugs;
    mod datetimes;
    mod document;
    mod fees;
    mod filters;
    mod history;
    mod idempotency;
    mod ids;
    mod injections;
    mod keys;
    mod lists;
    mod orders;
    mod patches;
    mod rates;
    mod reference;
    mod routes;
    mod rule;
    mod schemathesis;
    mod services;
    mod streams;
}

mod console {
    mod admin;
    mod calendar;
    mod drag;
    mod hostile;
    mod looks;
    mod mistakes;
    mod pages;
    mod sessions;
}

mod events {
    mod consumers;
    mod feed;
    mod load;
    mod sse;
}

mod webhooks {
    mod deliveries;
    mod endpoints;
    mod failover;
    mod isolation;
    mod ssrf;
}

mod durability {
    mod backstop;
    mod commits;
    mod concurrency;
    mod crash;
    mod databases_agree;
    mod disk_errors;
    mod faults;
    mod kills;
    mod linearizable;
    mod many_processes;
    mod other_writers;
    mod outage;
    mod wal;
}

mod operations {
    mod access_log;
    mod backup;
    mod canaries;
    mod connections;
    mod database_states;
    mod deploy;
    mod doctor;
    mod environment;
    mod errors;
    mod export;
    mod file_access;
    mod help;
    mod import;
    mod interrupts;
    mod metrics;
    mod migrations;
    mod million;
    mod plans;
    mod policy;
    mod postgres_tls;
    mod program;
    mod purge;
    mod seed;
    mod shutdown;
    mod traces;
    mod upgrades;
}
