//! What concurrent clients observe is linearizable, on one process and on three, while processes are
//! killed and connections are cut.
#![expect(clippy::disallowed_methods, reason = "a test reads its environment")]

use std::time::Duration;

use orders_tests::history::Scope;
use orders_tests::workload::{RandomWorkload, Round};
use orders_tests::{Database, document};
use rstest_reuse::apply;

use crate::both_databases;

#[apply(both_databases)]
fn one_single_order_of_operations_explains_what_all_clients_saw(
    database: Database,
    #[values(1, 3)] processes: usize,
) {
    let _ = document();
    let seed = std::env::var("ORDERS_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
    let workload = RandomWorkload {
        database,
        processes,
        seed: seed.unwrap_or(1),
        clients: 8,
        rest: Duration::from_millis(4),
        fault: (Duration::from_millis(800), Duration::from_millis(900)),
    };
    let round = |scope| Round { scope, length: Duration::from_secs(10), operations: 400 };
    // Captured, and shown with a failure.
    eprintln!("ORDERS_TESTS_SEED={}", workload.seed);
    let tally = workload.run(&[round(Scope::Global), round(Scope::Service)], |_| ());
    eprintln!("{database:?}, {processes}, seed {}: {tally:?}", workload.seed);
    tally.assert_explained(&workload);
    // Its lock is waited for longer than any fault here lasts: nobody is turned away.
    let turned_away = tally.not_done * 100 > tally.operations;
    assert!(database == Database::Postgres || !turned_away, "{tally:?}");
    assert!(tally.kills > 0 && tally.conflicts > 0 && tally.repeated > 0, "{tally:?}");
}
