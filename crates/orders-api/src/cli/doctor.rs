//! The command `doctor`: checks a database, and compares two.

use std::error::Error;

use orders_db::{DatabaseUrl, TableChecksum};

use crate::cli::DoctorOptions;
use crate::cli::output::{OutputError, print};

/// Prints a line for each check, and one for each finding.
pub(crate) fn run(database: &DatabaseUrl, options: &DoctorOptions) -> Result<(), Box<dyn Error>> {
    // Before anything is printed.
    let other = options.compare.as_deref().map(other_database).transpose()?;
    let (mut checks, mut faults, mut rows) = (0_u64, 0, 0);
    let mut written = Ok(());
    orders_db::check_database(database, |report| {
        checks += 1;
        rows += report.checked;
        let word = match (report.findings.is_empty(), report.is_note) {
            (true, _) => "ok   ",
            (false, true) => "note ",
            (false, false) => "FAULT",
        };
        let mut lines = format!("{word} {} ({} looked at)\n", report.check, report.checked);
        for finding in &report.findings {
            lines.extend(["      ", finding, "\n"]);
        }
        if report.has_more {
            lines.push_str("      and more\n");
        }
        if !report.findings.is_empty() && !report.is_note {
            faults += 1;
        }
        if written.is_ok() {
            written = print(&lines);
        }
    })?;
    let own = if options.checksums || other.is_some() {
        let checksums = orders_db::checksums(database)?;
        print_checksums(&checksums)?;
        checksums
    } else {
        Vec::new()
    };
    if let Some(other) = &other {
        faults += compare(&own, &orders_db::checksums(other)?)?;
    }
    if faults > 0 {
        return Err(format!("{faults} of {checks} checks failed in {database}").into());
    }
    written?;
    Ok(print(&format!("all {checks} checks are fine, of {rows} rows in all\n"))?)
}

/// The database to compare with.
fn other_database(url: &str) -> Result<DatabaseUrl, Box<dyn Error>> {
    let other = DatabaseUrl::parse(url)?;
    match other.check_exists() {
        Err(_) => Err(format!("there is no database at {url}, which --compare names").into()),
        Ok(()) => Ok(other),
    }
}

/// Prints the checksum and the number of rows of each table.
pub(crate) fn print_checksums(checksums: &[TableChecksum]) -> Result<(), OutputError> {
    for TableChecksum { table, rows, sum } in checksums {
        print(&format!("{sum}  {rows:>10} rows  {table}\n"))?;
    }
    Ok(())
}

/// Compares two databases. Returns the number of tables that differ.
fn compare(own: &[TableChecksum], others: &[TableChecksum]) -> Result<u64, OutputError> {
    let mut differing = 0;
    let only = |a: &[TableChecksum], b: &[TableChecksum]| -> Vec<TableChecksum> {
        a.iter().filter(|sum| !b.contains(sum)).cloned().collect()
    };
    for TableChecksum { table, rows, .. } in only(own, others) {
        differing += 1;
        print(&format!("FAULT the other database differs in {table} ({rows} rows here)\n"))?;
    }
    for TableChecksum { table, rows, .. } in only(others, own) {
        if !own.iter().any(|sum| sum.table == table) {
            differing += 1;
            print(&format!("FAULT only the other database has {table} ({rows} rows)\n"))?;
        }
    }
    if differing == 0 {
        print(&format!("ok    both databases are identical in {} tables\n", own.len()))?;
    }
    Ok(differing)
}
