//! A server under measurement.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::Signal;

use crate::database::Database;
use crate::supervisor::{Supervised, Supervisor};

const START_TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) struct Server<'a> {
    pub(crate) address: SocketAddr,
    process: Supervised<'a>,
}

impl<'a> Server<'a> {
    /// Starts a server on a free port and waits until it accepts requests.
    pub(crate) fn start(
        supervisor: &'a Supervisor,
        mut command: Command,
        database: &Database<'_>,
    ) -> io::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command
            .args(["serve", "--bind", "127.0.0.1:0", "--drain-delay", "0s", "--database-url"])
            .arg(database.url())
            .current_dir(supervisor.dir())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // Measure the defaults, not the settings of the caller.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("ORDERS_") || text == "DATABASE_URL" || text == "RUST_LOG" {
                command.env_remove(&name);
            }
        }
        let mut process = supervisor
            .spawn(&mut command, Signal::TERM)
            .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        let log = process.child().stderr.take().ok_or_else(|| io::Error::other("no log"))?;
        let address = address_in(&follow(log), &program)?;
        Ok(Self { address, process })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its peak resident memory in millions of bytes.
    pub(crate) fn peak_mb(&self) -> io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        peak_kib(&status)
            .map(|kib| f64::from(kib) * 1024.0 / 1e6)
            .ok_or_else(|| io::Error::other("no VmHWM"))
    }

    /// Stops it with SIGTERM.
    pub(crate) fn end(self) -> io::Result<()> {
        self.process.end()
    }
}

fn peak_kib(status: &str) -> Option<u32> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Reads a log to its end in a thread, so that the server never blocks on writing it.
fn follow(log: ChildStderr) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            // Keep reading without a receiver.
            drop(sender.send(line));
        }
    });
    lines
}

fn address_in(log: &Receiver<String>, program: &str) -> io::Result<SocketAddr> {
    let mut output = String::new();
    loop {
        match log.recv_timeout(START_TIMEOUT) {
            Ok(line) => {
                if let Some(address) = address(&line) {
                    return Ok(address);
                }
                output.push_str(&line);
                output.push('\n');
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other(format!("{program} does not start:\n{output}")));
            }
        }
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http://")?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
    rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_text_and_json_logs() {
        let expected = "127.0.0.1:4711".parse().ok();
        assert_eq!(address("[INFO] listening on http://127.0.0.1:4711"), expected);
        assert_eq!(address(r#"{"message":"listening on http://127.0.0.1:4711"}"#), expected);
        assert_eq!(address("[INFO] migrated"), None);
    }

    #[test]
    fn peak_memory_is_read_from_the_process_status() {
        assert_eq!(peak_kib("VmHWM:\t    9000 kB\nVmRSS:\t    8000 kB\n"), Some(9000));
        assert_eq!(peak_kib("VmRSS:\t    9000 kB\n"), None);
    }
}
