//! What a command prints: results on standard output, and on standard error what ended it.

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use orders_db::StoreError;

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub(crate) struct OutputError(#[from] pub(crate) io::Error);

/// A usage error that is found only when the command runs.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Prints a text.
pub(crate) fn print(text: &str) -> Result<(), OutputError> {
    let mut out = io::stdout().lock();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
}

/// Prints what ended a command, whatever is logged. Returns the exit code.
pub(crate) fn report(error: &(dyn Error + 'static)) -> ExitCode {
    // Such as `head`, which has seen enough.
    let is_closed = |OutputError(error): &OutputError| error.kind() == ErrorKind::BrokenPipe;
    if error.downcast_ref().is_some_and(is_closed) {
        return ExitCode::SUCCESS;
    }
    // Without standard error there is nowhere to print it.
    drop(writeln!(io::stderr(), "error: {error}"));
    let is_usage = matches!(error.downcast_ref(), Some(StoreError::Url(_)));
    if is_usage || error.is::<UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}
