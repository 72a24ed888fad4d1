//! The figures that `tests/house` prints.

use std::fmt::Write;

use super::modules::Modules;
use super::source::Source;
use super::{CRATES, files, limits, top};

/// The files on the call path of a request, from its route to its SQL statement, kept by hand. `tidy`
/// checks that they exist.
const PATHS: &str = "tests/tests/tidy/paths.txt";

/// The figures of the product's shape, as a table: what is measured, what it is, and its limit.
///
/// # Panics
/// If a source cannot be read.
#[must_use]
pub fn figures() -> String {
    let mut table = String::new();
    let mut row = |what: &str, is: usize, limit: &str| {
        writeln!(table, "{what:<58} {is:>6}  {limit}").expect("a string takes a line");
    };
    let sources: Vec<(&str, usize, Vec<Source>)> =
        CRATES.iter().map(|(name, most)| (*name, *most, Source::of_crate(name))).collect();
    let all = || sources.iter().flat_map(|(_, _, sources)| sources);
    row("lines of product Rust, without tests", all().map(|it| it.product_lines).sum(), "≤ 34000");
    row("  of them neither blank nor comment", all().map(lines_of_code).sum(), "");
    for (name, most, sources) in &sources {
        let modules = Modules::of(sources);
        row(&format!("{name}: modules at the top"), modules.number(), &format!("≤ {most}"));
        row(&format!("{name}: modules in circles"), modules.in_circles().len(), "0");
        row(&format!("{name}: files"), sources.len(), "");
    }
    let of_libraries = sources.iter().filter(|(name, ..)| *name != "orders-api");
    let libraries: Vec<&Source> = of_libraries.flat_map(|(_, _, sources)| sources).collect();
    row("public items in core and db", public(&libraries, true), "≤ 300");
    row("  of them neither methods nor constants of types", public(&libraries, false), "");
    for (request, files) in paths() {
        let limit = if request.starts_with("POST") { "≤ 9" } else { "≤ 4" };
        row(&format!("files from route to SQL: {request}"), files.len(), limit);
    }
    row("files that spell an order's fee", all().filter(|it| names_the_fee(it)).count(), "");
    row("longest file, in lines", all().map(|it| it.lines).max().unwrap_or(0), "≤ 350");
    let functions = all().flat_map(limits::functions).map(|(_, lines)| lines);
    row("longest function, in lines", functions.max().unwrap_or(0), "≤ 60");
    row("longest line of a template", longest_template_line(), "≤ 110");
    table
}

/// The requests whose call path is listed, each with its files.
///
/// # Panics
/// If the list cannot be read.
#[must_use]
pub fn paths() -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(top().join(PATHS)).unwrap();
    let mut paths: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match (line.strip_prefix("  "), paths.last_mut()) {
            (Some(file), Some((_, files))) => files.push(file.to_owned()),
            _ => paths.push((line.to_owned(), Vec::new())),
        }
    }
    paths
}

fn lines_of_code(source: &Source) -> usize {
    source.code.lines().filter(|line| !line.trim().is_empty()).count()
}

fn public(sources: &[&Source], with_inner: bool) -> usize {
    const KINDS: [&str; 10] = [
        "pub fn ",
        "pub const ",
        "pub static ",
        "pub struct ",
        "pub enum ",
        "pub trait ",
        "pub type ",
        "pub union ",
        "pub async fn ",
        "pub mod ",
    ];
    let is_item = |line: &&str| {
        let item = if with_inner { line.trim_start() } else { line };
        KINDS.iter().any(|kind| item.starts_with(kind))
    };
    sources.iter().map(|source| source.code.lines().filter(is_item).count()).sum()
}

fn names_the_fee(source: &Source) -> bool {
    source.words().any(|(_, word)| {
        let word = word.to_ascii_lowercase();
        word == "totalfee" || word.split('_').any(|part| part == "fee")
    })
}

fn longest_template_line() -> usize {
    let templates = files(&top().join("crates/orders-api"), "html");
    let lines = templates.iter().map(|path| std::fs::read_to_string(path).unwrap());
    lines.filter_map(|text| text.lines().map(|line| line.chars().count()).max()).max().unwrap_or(0)
}
