//! Documents about the program: shell completions and man pages.

use std::error::Error;
use std::path::Path;

use clap_complete::Shell;
use clap_mangen::Man;

use super::output::{OutputError, print};

/// Prints the completions of a shell.
pub(crate) fn print_completions(shell: Shell) -> Result<(), OutputError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "orders-api", &mut text);
    print(&String::from_utf8_lossy(&text))
}

/// Writes a man page for each command into a directory, or prints that of the program.
pub(crate) fn write_man_pages(directory: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let Some(directory) = directory else {
        let mut text = Vec::new();
        Man::new(super::command()).render(&mut text)?;
        return Ok(print(&String::from_utf8_lossy(&text))?);
    };
    clap_mangen::generate_to(super::command(), directory).map_err(|error| {
        format!("cannot write man pages to {}: {error}", directory.display()).into()
    })
}
