//! The options of the commands that move, copy and check whole databases.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

/// What to import, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportOptions {
    /// The file, or `-` for standard input
    pub(crate) file: PathBuf,
    /// What the file is. Default: what its name ends with
    #[arg(long, env = "ORDERS_IMPORT_FORMAT")]
    pub(crate) format: Option<FileFormat>,
    /// What becomes of rows that are too close to other orders, or whose id is taken
    #[arg(long, env = "ORDERS_ON_CONFLICT", default_value = "reject-all")]
    pub(crate) on_conflict: OnConflict,
    /// Judge all rows and write nothing; up to 100 000 rows
    #[arg(long, env = "ORDERS_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,
    /// Make the services that rows name and that do not exist, as `Service 123`
    #[arg(long, env = "ORDERS_CREATE_SERVICES", value_parser = FalseyValueParser::new())]
    pub(crate) create_services: bool,
    /// A file for the rows that were rejected, with the reasons: one JSON object a line
    #[arg(long, env = "ORDERS_REJECTED", value_name = "FILE")]
    pub(crate) rejected: Option<PathBuf>,
    /// Print no verdicts on rows that were accepted
    #[arg(long, short, env = "ORDERS_QUIET", value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// An object with `services` and `orders`, like the sample data.
    Json,
    /// An order a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    /// All or nothing, in one transaction; up to 100 000 rows
    RejectAll,
    /// The others are imported, in slices
    Skip,
    /// All that is imported becomes exempt from one another, in slices; what is too close to other
    /// orders is rejected
    AcceptGroup,
}

/// Where to export to, and as what.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportOptions {
    /// The file, which is replaced once the export is whole; `-` or none for standard output
    pub(crate) file: Option<PathBuf>,
    /// As what. Default: what the file's name ends with, else JSON
    #[arg(long, env = "ORDERS_EXPORT_FORMAT")]
    pub(crate) format: Option<FileFormat>,
}

/// What to look at.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorOptions {
    /// Another database: compare what both hold, by a sum for each table
    #[arg(long, env = "ORDERS_COMPARE", hide_env_values = true, value_name = "URL")]
    pub(crate) compare: Option<String>,
    /// Print the sum of each table, too
    #[arg(long, env = "ORDERS_SUMS", value_parser = FalseyValueParser::new())]
    pub(crate) sums: bool,
}
