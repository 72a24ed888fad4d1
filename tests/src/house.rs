//! The shape of the product's code, measured: sizes, imports between modules, and words that are no
//! longer used. `tidy` compares it with the limits, and `tests/house` prints it.
//!
//! Reads the sources as text: comments and literals are blanked, then braces are matched.

mod figures;
mod glossary;
mod imports;
mod limits;
mod modules;
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use figures::{figures, paths};
use source::Source;

/// The crates of the product, with how many modules each may have at its top.
const CRATES: [(&str, usize); 3] = [("orders-api", 16), ("orders-db", 10), ("orders-core", 8)];

/// Everything that breaks a rule of the house, one line each, such as `circle: orders-db: write`.
///
/// # Panics
/// If a source cannot be read.
#[must_use]
pub fn violations() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, most_modules) in CRATES {
        let sources = Source::of_crate(name);
        let modules = modules::Modules::of(&sources);
        found.extend(modules.violations(name, most_modules));
        found.extend(limits::violations(&sources));
        found.extend(glossary::violations(name, &sources));
    }
    found.extend(limits::template_violations());
    found
}

/// The top of the repository.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files below a folder that have an extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
