//! Stored responses are purged after a day. Links the store itself, because the service purges only
//! once a minute.

use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_db::{DatabaseUrl, Store, StoreOptions};
use orders_tests::{Database, HOUR};
use rstest_reuse::apply;

use crate::both_databases;

#[apply(both_databases)]
fn answers_whose_day_is_over_are_thrown_away_and_no_others(database: Database) {
    let scratch = database.fresh();
    let url = DatabaseUrl::parse(&scratch.url()).unwrap();
    orders_db::migrate(&url).unwrap();
    let mut sql = scratch.sql();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    // More than are thrown away at once.
    for number in 0..250 {
        let expires = if number < 3 { now + HOUR } else { now - number };
        sql.run(&format!(
            "INSERT INTO idempotency_keys (caller, key, fingerprint, status, body, expires_ms) \
             VALUES ('c', 'k{number}', 'f', 204, '', {expires})"
        ))
        .unwrap();
    }
    let options =
        StoreOptions { purge_interval: Duration::from_millis(10), ..StoreOptions::default() };
    let store = Store::open(&url, options).unwrap();
    let mut left = || sql.number("SELECT count(*) AS number FROM idempotency_keys");
    let deadline = Instant::now() + Duration::from_secs(20);
    while left() > 3 && Instant::now() < deadline {
        sleep(Duration::from_millis(10));
    }
    assert_eq!(left(), 3);
    sleep(Duration::from_millis(100));
    assert_eq!(left(), 3, "what is still to be given again stays");
    let before = Instant::now();
    drop(store);
    assert!(before.elapsed() < Duration::from_secs(2), "it ends with its store");
}
