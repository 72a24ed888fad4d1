//! Finds out what is installed, so that the tests that need what is missing are ignored, with the reason,
//! and counted. `tests/run` installs everything and runs them all.

#![expect(clippy::disallowed_methods, reason = "it finds programs on PATH")]

#[path = "src/installation.rs"]
mod installation;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use installation::{libfaketime, on_path, postgres};

fn main() {
    let has = |program: &str| on_path(program).is_some();
    let is_root = fs::metadata("/proc/self").is_ok_and(|of_us| of_us.uid() == 0);
    for (name, is_missing) in [
        ("no_postgres", postgres().is_none()),
        ("no_chromium", !(has("chromium") && has("chromedriver"))),
        ("no_haproxy", !has("haproxy")),
        ("no_pgbouncer", !has("pgbouncer")),
        ("no_sqlite3", !has("sqlite3")),
        ("no_strace", !has("strace")),
        ("no_faketime", libfaketime().is_none()),
        ("no_systemd", !has("systemd-analyze")),
        ("not_root", !is_root),
    ] {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if is_missing {
            println!("cargo::rustc-cfg={name}");
        }
    }
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/installation.rs");
    // What is installed later is found, too.
    for dir in ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib/postgresql"] {
        if Path::new(dir).is_dir() {
            println!("cargo::rerun-if-changed={dir}");
        }
    }
}
