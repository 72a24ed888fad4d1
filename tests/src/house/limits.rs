//! Sizes that nothing may exceed.

use super::source::{Source, block};
use super::{files, top};

/// How many lines a file has at most.
const FILE: usize = 350;
/// How many lines a function has at most, from its `fn` to its closing brace.
const FUNCTION: usize = 60;
/// How many characters a line of a template has at most.
const TEMPLATE_LINE: usize = 110;

pub(super) fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        if source.lines > FILE {
            found.push(format!("file: {} has more than {FILE} lines", source.path));
        }
        for (name, lines) in functions(source) {
            if lines > FUNCTION {
                found.push(format!(
                    "function: {}: {name} has more than {FUNCTION} lines",
                    source.path
                ));
            }
        }
    }
    found
}

pub(super) fn template_violations() -> Vec<String> {
    let folder = top().join("crates/orders-api");
    let mut found = Vec::new();
    for path in files(&folder, "html") {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.lines().any(|line| line.chars().count() > TEMPLATE_LINE) {
            let path = path.strip_prefix(top()).unwrap().display().to_string();
            found.push(format!(
                "template: {path} has a line of more than {TEMPLATE_LINE} characters"
            ));
        }
    }
    found
}

/// The functions of a file that have a body, each with its number of lines.
pub(super) fn functions(source: &Source) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut words = source.words();
    while let Some((start, word)) = words.next() {
        if word != "fn" {
            continue;
        }
        // A type such as `fn(u32)` has no name.
        let Some((at, name)) = words.next() else { break };
        if !source.code[start + 2..at].trim().is_empty() {
            continue;
        }
        let rest = &source.code[start..];
        let Some(end) = rest.find(['{', ';']) else { continue };
        if rest[end..].starts_with('{') {
            let body = &rest[..end + block(&rest[end..])];
            found.push((name, body.lines().count()));
        }
    }
    found
}
