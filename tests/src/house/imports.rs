//! Which modules a file names by a path from the root of its crate, or from the module above.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// The modules at the top of its crate that a file names. `exported` maps the items that the root
/// exports to their modules.
pub(super) fn of(source: &Source, exported: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in names_at_the_root(source) {
        let module = exported.get(&name).cloned().unwrap_or(name);
        found.insert(module);
    }
    found
}

/// The items of the root that are exported from its modules: their names, and the module of each.
pub(super) fn exported(root: &Source) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for statement in root.code.split(';') {
        let Some((_, path)) = statement.split_once("use ") else { continue };
        let Some((module, items)) = path.split_once("::") else { continue };
        for item in items.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            found.insert(item.to_owned(), module.trim().to_owned());
        }
    }
    found.remove("");
    found
}

/// The first names of all paths that begin at the root of the crate.
fn names_at_the_root(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (at, word) in source.words() {
        let rest = source.code[at + word.len()..].trim_start();
        let Some(path) = rest.strip_prefix("::") else { continue };
        let is_inner = source.code[..at].ends_with("::");
        match word {
            "crate" => found.extend(first_names(path)),
            // Each `super` leads one module up; from one at the top, to the root.
            "super" if !is_inner => {
                let mut path = path.trim_start();
                let mut level = 1;
                while let Some(further) = path.strip_prefix("super::") {
                    (path, level) = (further, level + 1);
                }
                if level == source.module.len() {
                    found.extend(first_names(path));
                }
            }
            _ => {}
        }
    }
    found
}

/// The first names of a path, or of each path of a group.
fn first_names(path: &str) -> Vec<String> {
    let path = path.trim_start();
    let Some(group) = path.strip_prefix('{') else {
        return vec![first_name(path)];
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(first_name(group[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(module: &[&str], code: &str) -> Source {
        let module = module.iter().map(|part| (*part).to_owned()).collect();
        Source { path: String::new(), module, code: code.to_owned(), lines: 1, product_lines: 1 }
    }

    #[test]
    fn paths_from_the_root_are_found_in_groups_and_through_super_and_exports() {
        let root = source(&[], "pub use order::{Order, OrderId}; pub(crate) use time::Timestamp;");
        let exported = exported(&root);
        for (module, code, named) in [
            (&["a"][..], "use crate::b::{C, d::E};", &["b"][..]),
            (&["a"], "use crate::{b::{C, D}, e, f::g::H};", &["b", "e", "f"]),
            (&["a"], "fn f() { crate::b::call() }", &["b"]),
            (&["a"], "use crate::{Order, Timestamp};", &["order", "time"]),
            (&["a"], "use super::b::C;", &["b"]),
            (&["a", "b"], "use super::c::D;", &[]),
            (&["a", "b"], "use super::super::c::D;", &["c"]),
            (&["a"], "pub(crate) fn f() {}", &[]),
        ] {
            let found = of(&source(module, code), &exported);
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), named, "{code}");
        }
    }
}
