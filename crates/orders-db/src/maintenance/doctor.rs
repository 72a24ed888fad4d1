//! The doctor: looks at the whole of a database, and tells what should never be. It changes nothing,
//! and needs no more memory for a million orders than for ten: what compares many rows is done by the
//! database, the rest page by page.

mod callers;
mod checks;
mod webhooks;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use orders_core::{Key, Service, ServiceId, Webhook};

use crate::connection::AnyConnection;
use crate::database::error::Trouble;
use crate::database::url::DatabaseUrl;
use crate::maintenance::export::open_patiently;
use crate::rows::OrderRow;
use crate::schema::orders;
use crate::{StoreError, database::migrate, policy, services, transaction};

use checks::{CHECKS, Check, Looks};

/// What one check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was checked, in a few words.
    pub check: &'static str,
    /// How many rows were looked at.
    pub looked_at: u64,
    /// What was found, a line each; at most 100.
    pub findings: Vec<String>,
    /// Whether more was found than is told.
    pub has_more: bool,
    /// Whether what was found is nothing wrong, but good to know.
    pub is_note: bool,
}

impl Report {
    fn fault(check: &'static str, looked_at: u64, findings: Vec<String>) -> Self {
        let mut report = Self { check, looked_at, findings, has_more: false, is_note: false };
        report.has_more = report.findings.len() > NAMED;
        report.findings.truncate(NAMED);
        report
    }
}

/// How many findings of a check are told.
const NAMED: usize = 100;
/// How many rows are read at once.
const PAGE: usize = 5_000;

/// Looks at a database as it stands at one moment, and tells of each check as it ends. Where the
/// schema is another than this program's, nothing else is looked at. Blocks.
///
/// # Errors
/// [`StoreError::Unavailable`] if the database cannot be read.
pub fn examine(url: &DatabaseUrl, mut tell: impl FnMut(Report)) -> Result<(), StoreError> {
    let mut connection = open_patiently(url)?;
    transaction::read_only(&mut connection, |connection| {
        if let AnyConnection::Sqlite(connection) = connection {
            tell(Report::fault("the file is whole", 1, file_faults(connection)?));
            tell(Report::fault(
                "no row refers to one that is gone",
                1,
                lost_references(connection)?,
            ));
        }
        let schema = schema_faults(connection)?;
        let is_other = !schema.findings.is_empty();
        tell(schema);
        if is_other {
            return Ok(());
        }
        let rows = order_rows(connection)?;
        // What cannot be read cannot be compared: the databases would stumble over it.
        let is_readable = rows.findings.is_empty();
        tell(rows);
        tell(service_rows(connection)?);
        tell(key_rows(connection)?);
        tell(webhook_rows(connection)?);
        if is_readable {
            tell(rule_by_orders(connection)?);
        }
        prepare(connection)?;
        let beside = callers::CHECKS.iter().chain([&callers::FEED]).chain(&webhooks::CHECKS);
        for check in CHECKS.iter().chain(beside) {
            if is_readable || !check.reads_services {
                tell(run(connection, check)?);
            }
        }
        Ok(())
    })
}

/// Lets PostgreSQL compare whole tables, for which the service itself has no use. Never row by row:
/// where its statistics are behind, each row might lead through all of an index.
fn prepare(connection: &mut AnyConnection) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(connection) = connection {
        connection
            .batch_execute(
                "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;
                 SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on;
                 SET LOCAL enable_sort = on; SET LOCAL enable_nestloop = off",
            )
            .map_err(|error| StoreError::of_read(&error))?;
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
    let lines = lines.map_err(|error| StoreError::of_read(&error))?;
    Ok(lines.into_iter().map(|line| line.line).collect())
}

fn number(connection: &mut AnyConnection, query: &str) -> Result<u64, StoreError> {
    let number: QueryResult<Number> = match connection {
        AnyConnection::Postgres(connection) => diesel::sql_query(query).get_result(connection),
        AnyConnection::Sqlite(connection) => diesel::sql_query(query).get_result(connection),
    };
    let Number { number } = number.map_err(|error| StoreError::of_read(&error))?;
    Ok(u64::try_from(number).unwrap_or_default())
}

fn run(connection: &mut AnyConnection, check: &Check) -> Result<Report, StoreError> {
    let query = match (&check.looks, &*connection) {
        (Looks::Alike(query), _)
        | (Looks::Apart { sqlite: query, .. }, AnyConnection::Sqlite(_))
        | (Looks::Apart { postgres: query, .. }, AnyConnection::Postgres(_)) => *query,
    };
    let limit = (NAMED + 1).to_string();
    let found = lines(connection, &[query, " LIMIT ", &limit].concat())?;
    let looked_at = number(connection, check.count)?;
    Ok(Report { is_note: check.is_note, ..Report::fault(check.name, looked_at, found) })
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

fn schema_faults(connection: &mut AnyConnection) -> Result<Report, StoreError> {
    let (lacking, unknown) = migrate::difference(connection)?;
    let lacking = lacking.into_iter().map(|version| format!("lacks {version}: run `migrate`"));
    let unknown =
        unknown.into_iter().map(|version| format!("has {version}: it is newer than this program"));
    Ok(Report::fault("the schema is this program's", 1, lacking.chain(unknown).collect()))
}

/// Reads every order, one page after the other.
fn order_rows(connection: &mut AnyConnection) -> Result<Report, StoreError> {
    let mut found = Vec::new();
    let mut looked_at = 0;
    let mut after = String::new();
    loop {
        let page: Vec<OrderRow> = orders::table
            .filter(orders::id.gt(&after))
            .order(orders::id.asc())
            .limit(i64::try_from(PAGE).unwrap_or(i64::MAX))
            .select((
                orders::id,
                orders::datetime_ms,
                orders::total_fee,
                orders::services,
                orders::version,
                orders::grp,
                orders::created_at_ms,
                orders::updated_at_ms,
            ))
            .load(connection)
            .map_err(|error| StoreError::of_read(&error))?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for row in page {
            looked_at += 1;
            let id = row.id.clone();
            if let Err(error) = row.into_order()
                && found.len() <= NAMED
            {
                found.push(format!("order {id}: {error}"));
            }
        }
    }
    Ok(Report::fault("orders can be read", looked_at, found))
}

fn service_rows(connection: &mut AnyConnection) -> Result<Report, StoreError> {
    let name = "services can be read and found by their names";
    let page =
        |after: Option<&ServiceId>| services::list_with_keys(connection, after.copied(), PAGE);
    let misplaced = |(service, key): &(Service, String)| {
        let is_found = service.name.key() == *key;
        (!is_found).then(|| format!("service {} is kept under the name {key:?}", service.id))
    };
    read_all(name, page, |(service, _)| service.id, misplaced)
}

fn key_rows(connection: &mut AnyConnection) -> Result<Report, StoreError> {
    let page = |after: Option<&_>| crate::keys::list(connection, after, PAGE);
    let place = |key: &Key| (key.created_at, key.id.clone());
    read_all("keys can be read", page, place, |_| None)
}

fn webhook_rows(connection: &mut AnyConnection) -> Result<Report, StoreError> {
    let page = |after: Option<&_>| crate::webhooks::list(connection, after, PAGE);
    let place = |webhook: &Webhook| (webhook.created_at, webhook.id.clone());
    read_all("webhooks can be read", page, place, |_| None)
}

/// Reads a whole table, one page behind the place of the last row of the other. A row that cannot be
/// read is told of, and ends it.
fn read_all<R, P>(
    check: &'static str,
    mut page: impl FnMut(Option<&P>) -> Result<Vec<R>, StoreError>,
    place: impl Fn(&R) -> P,
    fault: impl Fn(&R) -> Option<String>,
) -> Result<Report, StoreError> {
    let (mut found, mut looked_at, mut after) = (Vec::new(), 0, None);
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
        looked_at += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let room = (NAMED + 1).saturating_sub(found.len());
        found.extend(rows.iter().filter_map(&fault).take(room));
    }
    Ok(Report::fault(check, looked_at, found))
}

/// The rule once more, by what the orders say of themselves.
fn rule_by_orders(connection: &mut AnyConnection) -> Result<Report, StoreError> {
    let policy = policy::find(connection).map_err(StoreError::from)?;
    let mut found = Vec::new();
    policy::violations(connection, &policy, |violation| {
        let (earlier, at) = violation.earlier;
        let (later, then) = violation.later;
        found.push(format!("order {earlier} at {at} and order {later} at {then}"));
        found.len() <= NAMED
    })
    .map_err(|trouble: Trouble| StoreError::from(trouble))?;
    let looked_at = number(connection, "SELECT count(*) AS number FROM orders")?;
    Ok(Report::fault("orders keep their distance, by their own times", looked_at, found))
}
