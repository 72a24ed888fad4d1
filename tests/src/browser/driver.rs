//! The browser's driver, and the script that checks its pages.

use std::io::{BufRead, BufReader};
use std::path::Path;
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

/// The script of axe-core, which finds faults of accessibility.
///
/// # Panics
/// If `ORDERS_TESTS_AXE` is not the path of a file.
#[must_use]
pub fn axe() -> String {
    let file = env::var_os("ORDERS_TESTS_AXE").expect("ORDERS_TESTS_AXE is set: see tests/run");
    fs::read_to_string(file).expect("ORDERS_TESTS_AXE is the path of a file")
}
