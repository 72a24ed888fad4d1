//! The doctor: checks a whole database and reports faults. It changes nothing, and its memory does not
//! grow with the database: the database compares rows, the rest is read in pages.

mod callers;
mod checks;
mod slots;
mod webhooks;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use orders_core::key::Key;
use orders_core::webhook::Webhook;
use orders_core::{Service, ServiceId};

use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::long_reads::open_without_timeouts;
use crate::database::rows::{self, OrderRow};
use crate::database::schema::orders;
use crate::database::transaction;
use crate::database::url::DatabaseUrl;
use crate::{StoreError, database::migrate, policy, services};

use checks::{CHECKS, Check, Looks};

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// The check, in a few words.
    pub check: &'static str,
    /// The number of rows checked.
    pub checked: u64,
    /// The findings, one line each; at most 100.
    pub findings: Vec<String>,
    /// Whether there are more findings.
    pub has_more: bool,
    /// Whether the findings are notes, not faults.
    pub is_note: bool,
}

impl CheckResult {
    fn fault(check: &'static str, checked: u64, findings: Vec<String>) -> Self {
        let mut report = Self { check, checked, findings, has_more: false, is_note: false };
        report.has_more = report.findings.len() > NAMED;
        report.findings.truncate(NAMED);
        report
    }
}

/// The most findings of a check.
const NAMED: usize = 100;
/// How many rows one query reads.
const PAGE: usize = 5_000;

/// Checks a database at one moment, and passes each result to `report`. If the schema is not this
/// program's, nothing else is checked. Blocks.
///
/// # Errors
/// [`StoreError::Unavailable`] if the database cannot be read.
pub fn check_database(
    url: &DatabaseUrl,
    mut report: impl FnMut(CheckResult),
) -> Result<(), StoreError> {
    let mut connection = open_without_timeouts(url)?;
    transaction::read_only(&mut connection, |connection| {
        if let AnyConnection::Sqlite(connection) = connection {
            report(CheckResult::fault("the file is whole", 1, file_faults(connection)?));
            report(CheckResult::fault(
                "no row refers to one that is gone",
                1,
                lost_references(connection)?,
            ));
        }
        let schema = schema_faults(connection)?;
        let is_other = !schema.findings.is_empty();
        report(schema);
        if is_other {
            return Ok(());
        }
        let rows = order_rows(connection)?;
        // Rows that cannot be read cannot be compared by the database either.
        let is_readable = rows.findings.is_empty();
        report(rows);
        report(service_rows(connection)?);
        report(key_rows(connection)?);
        report(webhook_rows(connection)?);
        if is_readable {
            report(rule_by_orders(connection)?);
            slots::reports(connection)?.into_iter().for_each(&mut report);
        }
        prepare(connection)?;
        let beside = callers::CHECKS.iter().chain([&callers::FEED]).chain(&webhooks::CHECKS);
        for check in CHECKS.iter().chain(beside) {
            if is_readable || !check.reads_services {
                report(run(connection, check)?);
            }
        }
        Ok(())
    })
}

/// Lets PostgreSQL join whole tables, which the service never needs. Never row by row: with outdated
/// statistics, each row might scan a whole index.
fn prepare(connection: &mut AnyConnection) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(connection) = connection {
        connection
            .batch_execute(
                "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;
                 SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on;
                 SET LOCAL enable_sort = on; SET LOCAL enable_nestloop = off",
            )
            .map_err(|error| StoreError::from_read(&error))?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

fn lines(connection: &mut AnyConnection, query: &str) -> Result<Vec<String>, StoreError> {
    let lines = match connection {
        AnyConnection::Postgres(connection) => diesel::sql_query(query).load(connection),
        AnyConnection::Sqlite(connection) => return lines_of_sqlite(connection, query),
    };
    texts(lines)
}

fn texts(lines: QueryResult<Vec<Line>>) -> Result<Vec<String>, StoreError> {
    let lines = lines.map_err(|error| StoreError::from_read(&error))?;
    Ok(lines.into_iter().map(|line| line.line).collect())
}

fn number(connection: &mut AnyConnection, query: &str) -> Result<u64, StoreError> {
    let number: QueryResult<Number> = match connection {
        AnyConnection::Postgres(connection) => diesel::sql_query(query).get_result(connection),
        AnyConnection::Sqlite(connection) => diesel::sql_query(query).get_result(connection),
    };
    let Number { number } = number.map_err(|error| StoreError::from_read(&error))?;
    Ok(u64::try_from(number).unwrap_or_default())
}

fn run(connection: &mut AnyConnection, check: &Check) -> Result<CheckResult, StoreError> {
    let query = match (&check.looks, &*connection) {
        (Looks::Alike(query), _)
        | (Looks::Apart { sqlite: query, .. }, AnyConnection::Sqlite(_))
        | (Looks::Apart { postgres: query, .. }, AnyConnection::Postgres(_)) => *query,
    };
    let limit = (NAMED + 1).to_string();
    let found = lines(connection, &[query, " LIMIT ", &limit].concat())?;
    let checked = number(connection, check.count)?;
    Ok(CheckResult::fault(check.name, checked, found))
}

fn file_faults(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let query =
        "SELECT integrity_check AS line FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
    lines_of_sqlite(connection, query)
}

fn lost_references(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let query = "SELECT \"table\" || ' has a row whose row of ' || parent || ' is gone' AS line \
                 FROM pragma_foreign_key_check LIMIT 101";
    lines_of_sqlite(connection, query)
}

fn lines_of_sqlite(
    connection: &mut SqliteConnection,
    query: &str,
) -> Result<Vec<String>, StoreError> {
    texts(diesel::sql_query(query).load(connection))
}

fn schema_faults(connection: &mut AnyConnection) -> Result<CheckResult, StoreError> {
    let (lacking, unknown) = migrate::difference(connection)?;
    let lacking = lacking.into_iter().map(|version| format!("lacks {version}: run `migrate`"));
    let unknown =
        unknown.into_iter().map(|version| format!("has {version}: it is newer than this program"));
    Ok(CheckResult::fault("the schema is this program's", 1, lacking.chain(unknown).collect()))
}

/// Reads all orders in pages.
fn order_rows(connection: &mut AnyConnection) -> Result<CheckResult, StoreError> {
    let mut found = Vec::new();
    let mut checked = 0;
    let mut after = String::new();
    loop {
        let page: Vec<OrderRow> = orders::table
            .filter(orders::id.gt(&after))
            .order(orders::id.asc())
            .limit(i64::try_from(PAGE).unwrap_or(i64::MAX))
            .select(OrderRow::as_select())
            .load(connection)
            .map_err(|error| StoreError::from_read(&error))?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for row in page {
            checked += 1;
            let id = row.id.clone();
            if let Err(error) = row.into_order()
                && found.len() <= NAMED
            {
                found.push(format!("order {id}: {error}"));
            }
        }
    }
    Ok(CheckResult::fault("orders can be read", checked, found))
}

fn service_rows(connection: &mut AnyConnection) -> Result<CheckResult, StoreError> {
    let name = "services can be read and found by their names";
    let page =
        |after: Option<&ServiceId>| services::list_with_keys(connection, after.copied(), PAGE);
    let misplaced = |(service, key): &(Service, String)| {
        let is_found = service.name.key() == *key;
        (!is_found).then(|| format!("service {} is kept under the name {key:?}", service.id))
    };
    read_all(name, page, |(service, _)| service.id, misplaced)
}

fn key_rows(connection: &mut AnyConnection) -> Result<CheckResult, StoreError> {
    let page = |after: Option<&_>| crate::keys::list(connection, after, PAGE);
    let place = |key: &Key| (key.created_at, key.id.clone());
    read_all("keys can be read", page, place, |_| None)
}

fn webhook_rows(connection: &mut AnyConnection) -> Result<CheckResult, StoreError> {
    let page = |after: Option<&_>| crate::webhooks::list(connection, after, PAGE);
    let place = |webhook: &Webhook| (webhook.created_at, webhook.id.clone());
    read_all("webhooks can be read", page, place, |_| None)
}

/// Reads a whole table in pages. A row that cannot be read is reported and ends it.
fn read_all<R, P>(
    check: &'static str,
    mut page: impl FnMut(Option<&P>) -> Result<Vec<R>, StoreError>,
    place: impl Fn(&R) -> P,
    fault: impl Fn(&R) -> Option<String>,
) -> Result<CheckResult, StoreError> {
    let (mut found, mut checked, mut after) = (Vec::new(), 0, None);
    loop {
        let rows = match page(after.as_ref()) {
            Ok(rows) => rows,
            Err(StoreError::Corrupt(what)) => {
                found.push(what);
                break;
            }
            Err(error) => return Err(error),
        };
        let Some(last) = rows.last() else { break };
        after = Some(place(last));
        checked += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let room = (NAMED + 1).saturating_sub(found.len());
        found.extend(rows.iter().filter_map(&fault).take(room));
    }
    Ok(CheckResult::fault(check, checked, found))
}

/// Checks the spacing rule by the times of the orders.
fn rule_by_orders(connection: &mut AnyConnection) -> Result<CheckResult, StoreError> {
    let policy = rows::find_policy(connection).map_err(StoreError::from)?;
    let mut found = Vec::new();
    policy::violations(connection, &policy, |violation| {
        let (earlier, at) = violation.earlier;
        let (later, then) = violation.later;
        found.push(format!("order {earlier} at {at} and order {later} at {then}"));
        found.len() <= NAMED
    })
    .map_err(|error: DbError| StoreError::from(error))?;
    let checked = number(connection, "SELECT count(*) AS number FROM orders")?;
    Ok(CheckResult::fault("orders keep their distance, by their own times", checked, found))
}
