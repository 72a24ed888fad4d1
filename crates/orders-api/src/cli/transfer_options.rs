//! The options of the commands that move, copy and check whole databases.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

/// The options of `import`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportOptions {
    /// The file, or `-` for standard input
    pub(crate) file: PathBuf,
    /// The format of the file. Default: by its extension
    #[arg(long, env = "ORDERS_IMPORT_FORMAT")]
    pub(crate) format: Option<FileFormat>,
    /// What happens to rows that are too close to other orders, or whose id exists
    #[arg(long, env = "ORDERS_ON_CONFLICT", default_value = "reject-all")]
    pub(crate) on_conflict: OnConflict,
    /// Validate all rows and write nothing. Up to 100 000 rows
    #[arg(long, env = "ORDERS_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,
    /// Create missing services of rows, as `Service 123`
    #[arg(long, env = "ORDERS_CREATE_SERVICES", value_parser = FalseyValueParser::new())]
    pub(crate) create_services: bool,
    /// A file for rejected rows and the reasons, one JSON object a line
    #[arg(long, env = "ORDERS_REJECTED", value_name = "FILE")]
    pub(crate) rejected: Option<PathBuf>,
    /// Print no results of accepted rows
    #[arg(long, short, env = "ORDERS_QUIET", value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// An object with `services` and `orders`, up to 64 MiB.
    Json,
    /// One order a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    /// All or nothing, in one transaction; up to 100 000 rows
    RejectAll,
    /// Skip them and import the others, in chunks
    Skip,
    /// Make all imported orders exempt from one another, in chunks. Rows too close to other orders are
    /// rejected
    AcceptGroup,
}

/// The options of `export`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportOptions {
    /// The file, which is replaced when the export is complete. `-` or none for standard output
    pub(crate) file: Option<PathBuf>,
    /// The format. Default: by the extension of the file, else JSON
    #[arg(long, env = "ORDERS_EXPORT_FORMAT")]
    pub(crate) format: Option<FileFormat>,
}

/// The options of `doctor`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorOptions {
    /// Another database to compare with, by a checksum of each table
    #[arg(long, env = "ORDERS_COMPARE", hide_env_values = true, value_name = "URL")]
    pub(crate) compare: Option<String>,
    /// Also print the checksum of each table
    #[arg(id = "sums", long = "sums", env = "ORDERS_SUMS", value_parser = FalseyValueParser::new())]
    pub(crate) checksums: bool,
}
