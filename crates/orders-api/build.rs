//! Sets `ORDERS_VERSION`: the version with the commit and the features of the build.

#![expect(clippy::disallowed_methods, reason = "Cargo passes settings in the environment")]

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=ORDERS_COMMIT");
    // An image is built without the history, from a commit that its builder names.
    let commit = env::var("ORDERS_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = commit.or_else(head).unwrap_or_else(|| "unknown".to_owned());
    let features = if env::var_os("CARGO_FEATURE_OTEL").is_some() { "otel" } else { "none" };
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=ORDERS_VERSION={version} (commit {commit}, features: {features})");
}

/// The current commit, if this is a clone. Builds again when it changes.
fn head() -> Option<String> {
    for path in ["HEAD", "logs/HEAD"] {
        println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", path])?);
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}
