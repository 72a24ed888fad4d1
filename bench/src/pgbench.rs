//! The limit of PostgreSQL: `pgbench` inserts the rows of a create in one prepared statement.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::database::Database;
use crate::supervisor::Supervisor;
use crate::workload::{FIRST_MS, WINDOW_MS};

/// Numbers the orders. With the row in `counters` each transaction would wait for the previous
/// commit.
const SEQUENCE: &str = "CREATE SEQUENCE bench_number";

/// Measures creates per second in a database that has the schema and the one service.
pub(crate) fn creates_per_second(
    supervisor: &Supervisor,
    database: &Database<'_>,
    clients: usize,
    measured: Duration,
) -> io::Result<f64> {
    database.run(SEQUENCE)?;
    let script = supervisor.dir().join("create.sql");
    std::fs::write(&script, statement())?;
    let mut command = Command::new(database.program("pgbench")?);
    command
        .args(["--no-vacuum", "--protocol=prepared", "--file"])
        .arg(&script)
        .arg(format!("--client={clients}"))
        .arg(format!("--jobs={}", clients.min(2)))
        .arg(format!("--time={}", measured.as_secs().max(1)))
        .arg(database.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut pgbench = supervisor.spawn(&mut command, Signal::TERM)?;
    let output = pgbench.child().stdout.take().ok_or_else(|| io::Error::other("no output"))?;
    let output = io::read_to_string(output)?;
    pgbench.wait()?;
    per_second(&output).ok_or_else(|| io::Error::other(format!("pgbench:\n{output}")))
}

/// Inserts orders as close as the rule allows, with ascending ids like the service's. Inserts nothing
/// on a conflict.
fn statement() -> String {
    format!(
        "WITH number AS MATERIALIZED (SELECT nextval('bench_number') AS n), \
         slot AS ( \
             INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) \
             SELECT 0, {FIRST_MS} + n * {WINDOW_MS}, {FIRST_MS} + (n + 1) * {WINDOW_MS}, n, \
                    '01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') \
             FROM number ON CONFLICT DO NOTHING RETURNING start_ms, grp, order_id \
         ), new_order AS ( \
             INSERT INTO orders (id, datetime_ms, total_fee, services, version, grp, \
                                 created_at_ms, updated_at_ms) \
             SELECT order_id, start_ms, 10000, '[123]', 1, grp, start_ms, start_ms FROM slot \
         ), used AS ( \
             INSERT INTO order_services (service_id, datetime_ms, order_id, created_at_ms) \
             SELECT 123, start_ms, order_id, start_ms FROM slot \
         ) \
         INSERT INTO events (sequence, order_id, version, kind, time_ms, actor, datetime_ms, \
                             total_fee, services, grp, created_at_ms) \
         SELECT grp, order_id, 1, 'created', start_ms, 'anonymous', start_ms, 10000, '[123]', \
                grp, start_ms FROM slot;\n"
    )
}

fn per_second(output: &str) -> Option<f64> {
    let rate = output.lines().find_map(|line| line.strip_prefix("tps = "))?;
    rate.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_the_output() {
        let output = "latency average = 1.2 ms\ntps = 812.5 (without initial connection time)\n";
        assert_eq!(per_second(output).map(|rate| rate.to_string()), Some("812.5".to_owned()));
        assert_eq!(per_second("pgbench: error: no connection\n"), None);
    }
}
