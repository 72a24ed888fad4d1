//! Many orders at once, written directly by one statement a table, the same for both
//! databases.

use crate::Sql;
use crate::time::HOUR;

/// Generated orders, which a test can predict.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// How many there are.
    pub number: i64,
    /// How many have the same time.
    pub at_once: i64,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkOrder {
    /// Its id.
    pub id: String,
    /// Its time in epoch milliseconds.
    pub datetime: i64,
    /// When it was created, in epoch milliseconds.
    pub created_at: i64,
    /// Its fee in hundredths.
    pub fee: i64,
    /// Its services.
    pub services: Vec<i64>,
}

impl Bulk {
    /// The time of the first order.
    pub const FIRST: i64 = 1_000_000_000_000;
    /// What the times of making follow.
    pub const MADE: i64 = 1_700_000_000_000;
    /// The service that one order in 1 000 has, besides another.
    pub const RARE: i64 = 10;

    /// The order of this number.
    #[must_use]
    pub fn nth(self, n: i64) -> BulkOrder {
        let rare = (n % 1_000 == 1).then_some(Self::RARE);
        BulkOrder {
            id: format!("o{}", 10_000_000 + n),
            datetime: Self::FIRST + n / self.at_once * 3 * HOUR,
            // In another order, with several that are created at the same time.
            created_at: Self::MADE + n * 600_011 % self.number / self.at_once * 10,
            fee: n * 7_919 % 100_000,
            services: [1 + n % 9].into_iter().chain(rare).collect(),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(self) -> Vec<BulkOrder> {
        (0..self.number).map(|n| self.nth(n)).collect()
    }

    /// Stores them and their ten services in a database that has the schema and no service.
    ///
    /// # Panics
    /// If the database rejects it.
    pub fn store(self, sql: &mut Sql) {
        let Self { number, at_once } = self;
        let (first, made, rare) = (Self::FIRST, Self::MADE, Self::RARE);
        let numbers = |last: i64| {
            format!(
                "WITH RECURSIVE numbers(n) AS (SELECT CAST(0 AS BIGINT) UNION ALL \
                 SELECT n + 1 FROM numbers WHERE n < {last})"
            )
        };
        let orders = numbers(number - 1);
        let times = format!(
            "{first} + n / {at_once} * 10800000 AS datetime_ms, \
             {made} + n * 600011 % {number} / {at_once} * 10 AS created_at_ms"
        );
        // To check of each row that its service exists takes longer than to write it.
        let (unchecked, checked) = match sql {
            Sql::Sqlite(_) => ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON"),
            Sql::Postgres(_) => {
                ("SET session_replication_role = replica", "SET session_replication_role = DEFAULT")
            }
        };
        sql.run(unchecked).unwrap();
        sql.run(&format!(
            "BEGIN;
             {} INSERT INTO services (id, name, name_key)
             SELECT n, 'Service ' || n, 'service ' || n FROM numbers WHERE n > 0;
             {orders} INSERT INTO orders (id, datetime_ms, created_at_ms, total_fee, services,
                                          version, grp, updated_at_ms)
             SELECT 'o' || (10000000 + n), {times}, n * 7919 % 100000,
                    '[' || (1 + n % 9) || CASE n % 1000 WHEN 1 THEN ',{rare}]' ELSE ']' END,
                    1, n + 1, {made}
             FROM numbers;
             {orders} INSERT INTO order_services (service_id, order_id, datetime_ms, created_at_ms)
             SELECT 1 + n % 9, 'o' || (10000000 + n), {times} FROM numbers;
             {orders} INSERT INTO order_services (service_id, order_id, datetime_ms, created_at_ms)
             SELECT {rare}, 'o' || (10000000 + n), {times} FROM numbers WHERE n % 1000 = 1;
             COMMIT;",
            numbers(rare)
        ))
        .unwrap();
        sql.run(checked).unwrap();
        // What autovacuum does within a minute, by its own clock.
        sql.run("ANALYZE").unwrap();
    }
}
