//! The modules at the top of a crate: how many, which names which, in which direction.

use std::collections::{BTreeMap, BTreeSet};

use super::imports;
use super::source::Source;

/// The layers of `orders-api`, the lowest first. A module names modules of its own layer and of those
/// before it, and there are no circles.
const LAYERS: [&[&str]; 7] = [
    &["http"],
    &["security"],
    &["store_client"],
    &[
        "orders",
        "services",
        "calendars",
        "events",
        "webhooks",
        "keys",
        "availability",
        "status",
        "docs",
    ],
    &["console", "cli"],
    &["server"],
    &["routes", "state"],
];

/// The modules at the top of a crate, each with those that it names.
pub(super) struct Modules(BTreeMap<String, BTreeSet<String>>);

impl Modules {
    pub(super) fn of(sources: &[Source]) -> Self {
        let root = sources.iter().find(|source| source.module.is_empty());
        let exported = root.map(imports::exported).unwrap_or_default();
        let mut modules = BTreeMap::<String, BTreeSet<String>>::new();
        for source in sources {
            let Some(module) = source.module.first() else { continue };
            modules.entry(module.clone()).or_default().extend(imports::of(source, &exported));
        }
        let names: BTreeSet<String> = modules.keys().cloned().collect();
        for (name, named) in &mut modules {
            named.retain(|other| other != name && names.contains(other));
        }
        Self(modules)
    }

    pub(super) fn number(&self) -> usize {
        self.0.len()
    }

    pub(super) fn violations(&self, of_crate: &str, most: usize) -> Vec<String> {
        let mut found = Vec::new();
        if self.number() > most {
            found.push(format!("modules: {of_crate} has more than {most} at its top"));
        }
        for module in self.in_circles() {
            found.push(format!("circle: {of_crate}: {module}"));
        }
        if of_crate == "orders-api" {
            found.extend(self.against_the_layers());
        }
        found
    }

    /// The modules that name each other, directly or by others.
    pub(super) fn in_circles(&self) -> Vec<&String> {
        self.0.keys().filter(|module| self.reach(module).contains(module)).collect()
    }

    /// All modules that a module names, directly or by others.
    fn reach(&self, module: &str) -> BTreeSet<&String> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&String> = self.0[module].iter().collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(&self.0[next]);
            }
        }
        reached
    }

    fn against_the_layers(&self) -> Vec<String> {
        let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
        let mut found = Vec::new();
        for (module, named) in &self.0 {
            let Some(own) = layer(module) else {
                found.push(format!("layer: orders-api: {module} belongs to none"));
                continue;
            };
            for other in named.iter().filter(|other| layer(other).is_some_and(|it| it > own)) {
                found.push(format!("direction: orders-api: {module} names {other}"));
            }
        }
        found
    }
}
