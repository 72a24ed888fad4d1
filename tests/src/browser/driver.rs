//! The browser's driver, and what else has to be on the machine: found, started, or missed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

/// Starts the driver of the browser: it, and the port on which it listens.
pub(super) fn start(driver: &Path) -> (Child, u16) {
    // Two that start at the same moment may take the same port: then the one that lost ends.
    for _ in 0..10 {
        let mut command = Command::new(driver);
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the driver starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        for line in lines.by_ref() {
            if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                // Read to the end, so that it can say what it likes.
                std::thread::spawn(move || lines.for_each(drop));
                return (child, port.trim_end_matches('.').parse().unwrap());
            }
        }
        child.wait().unwrap();
    }
    panic!("the driver does not say where it listens");
}

/// Where a program is.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|dir| dir.join(program)).find(|program| program.is_file())
}

/// Says that a test was left out, or fails it.
pub(super) fn tell_what_is_left_out() {
    let why = "there is no chromium, or no chromedriver, on PATH";
    let required = env::var_os("ORDERS_TESTS_REQUIRE_CHROMIUM");
    assert!(required.is_none_or(|value| value != "1"), "{why}");
    // Written, not printed: libtest captures what is printed.
    let line = format!("LEFT OUT: a test in a browser, because {why}");
    writeln!(std::io::stderr(), "{line}").expect("standard error takes a line");
}

/// The script of axe-core, which finds faults of accessibility; `None` if it is not installed.
///
/// # Panics
/// If it is missing though it is required.
#[must_use]
pub fn axe() -> Option<String> {
    let found = env::var_os("ORDERS_TESTS_AXE").and_then(|file| fs::read_to_string(file).ok());
    if found.is_none() {
        let required = env::var_os("ORDERS_TESTS_REQUIRE_CHROMIUM");
        assert!(required.is_none_or(|value| value != "1"), "ORDERS_TESTS_AXE names no file");
        let line = "LEFT OUT: the check of accessibility, because ORDERS_TESTS_AXE names no file";
        writeln!(std::io::stderr(), "{line}").expect("standard error takes a line");
    }
    found
}
