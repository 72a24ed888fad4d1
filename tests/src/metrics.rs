//! The response of `/metrics`, parsed as strictly as Prometheus does.

use std::collections::{BTreeMap, BTreeSet};

use crate::Client;

/// What was scraped at one moment.
#[derive(Debug)]
pub struct Metrics {
    samples: Vec<Sample>,
    /// The families, each with its type.
    pub types: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeSet<(String, String)>,
    value: f64,
}

impl Metrics {
    /// Scrapes a server.
    ///
    /// # Panics
    /// If Prometheus would reject it.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        let answer = client.get("/metrics").assert_status(200);
        assert_eq!(answer.header("Content-Type"), Some("text/plain; version=0.0.4"));
        let (mut samples, mut types) = (Vec::new(), BTreeMap::new());
        for line in answer.text().lines() {
            if let Some(typed) = line.strip_prefix("# TYPE ") {
                let (name, kind) = typed.split_once(' ').expect("a type has a name");
                let before = types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} comes once");
            } else if !line.starts_with("# HELP ") {
                samples.push(Sample::read(line));
            }
        }
        let known = |name: &str| family_of(name, &types).is_some();
        assert!(samples.iter().all(|sample| known(&sample.name)), "each has a type: {answer}");
        Self { samples, types }
    }

    /// The value of the sample with exactly these labels; 0 if there is none yet.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let labels = labels.iter().map(owned).collect();
        let found = self.samples.iter().find(|it| it.name == name && it.labels == labels);
        found.map_or(0.0, |sample| sample.value)
    }

    /// What all samples of a name add up to.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        self.samples.iter().filter(|it| it.name == name).map(|it| it.value).sum()
    }

    /// How many samples a name has.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.samples.iter().filter(|it| it.name == name).count()
    }

    /// The values that a label has anywhere.
    #[must_use]
    pub fn values_of(&self, label: &str) -> BTreeSet<&str> {
        let labels = self.samples.iter().flat_map(|sample| &sample.labels);
        labels.filter(|(name, _)| name == label).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether there is a sample, or a family, with this name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        family_of(name, &self.types).is_some()
    }
}

/// The family that a sample belongs to.
fn family_of<'t>(name: &str, types: &'t BTreeMap<String, String>) -> Option<&'t str> {
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    let is_histogram = |family: &&str| types.get(*family).is_some_and(|kind| kind == "histogram");
    let family = of_histogram.filter(is_histogram).unwrap_or(name);
    types.get_key_value(family).map(|(family, _)| family.as_str())
}

impl Sample {
    fn read(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("labels end")),
            None => (series, ""),
        };
        let mut read = BTreeSet::new();
        let mut rest = labels;
        while !rest.is_empty() {
            let (label, quoted) = rest.split_once("=\"").expect("a label has a value");
            // No label of the service contains a quote.
            let (value, behind) = quoted.split_once('"').expect("a value ends");
            assert!(read.insert((label.to_owned(), value.to_owned())), "{label} comes once");
            rest = behind.strip_prefix(',').unwrap_or(behind);
        }
        let value = value.parse().expect("a value is a number");
        Self { name: name.to_owned(), labels: read, value }
    }
}
