//! Documents about the program: shell completions and man pages.

use std::error::Error;
use std::path::Path;

use clap::ValueEnum;
use clap_complete::{Generator, generate, shells};
use clap_mangen::Man;

use super::output::{OutputError, print};

/// What completes the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Completer {
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
}

/// Prints the completions of a shell.
pub(crate) fn print_completions(completer: Completer) -> Result<(), OutputError> {
    print(&match completer {
        Completer::Bash => completions(shells::Bash),
        Completer::Elvish => completions(shells::Elvish),
        Completer::Fish => completions(shells::Fish),
        Completer::PowerShell => completions(shells::PowerShell),
        Completer::Zsh => completions(shells::Zsh),
    })
}

fn completions(generator: impl Generator) -> String {
    let mut text = Vec::new();
    generate(generator, &mut super::command(), "orders-api", &mut text);
    String::from_utf8_lossy(&text).into_owned()
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
