//! The options of the commands that move, copy and check whole databases.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The options of `import`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportOptions {
    /// The file, or `-` for standard input
    pub(crate) file: PathBuf,
    /// The format of the file. Default: by its extension
    #[arg(long)]
    pub(crate) format: Option<FileFormat>,
    /// What happens to rows that are too close to other orders, or whose id exists
    #[arg(long, default_value = "reject-all")]
    pub(crate) on_conflict: OnConflict,
    /// Validate all rows and write nothing. Up to 100 000 rows
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Create missing services of rows, as `Service 123`
    #[arg(long)]
    pub(crate) create_services: bool,
    /// A file for rejected rows and the reasons, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) rejected: Option<PathBuf>,
    /// Print no results of accepted rows
    #[arg(long, short)]
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
    #[arg(long)]
    pub(crate) format: Option<FileFormat>,
}

/// The options of `doctor`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorOptions {
    /// Another database to compare with, by a checksum of each table
    #[arg(long, value_name = "URL")]
    pub(crate) compare: Option<String>,
    /// Also print the checksum of each table
    #[arg(id = "sums", long = "sums")]
    pub(crate) checksums: bool,
}
