//! Counts the disk syncs of a process with `strace`, which slows the process down. Nothing is timed
//! in the meantime.

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::supervisor::{Supervised, Supervisor};

pub(crate) struct Fsyncs<'a> {
    strace: Supervised<'a>,
    summary: PathBuf,
}

impl<'a> Fsyncs<'a> {
    /// Attaches to a process and starts to count.
    pub(crate) fn attach(supervisor: &'a Supervisor, process_id: u32) -> io::Result<Self> {
        let summary = supervisor.dir().join(format!("strace-{process_id}"));
        let mut command = Command::new("strace");
        command
            .args(["-f", "-c", "-e", "trace=fsync,fdatasync", "-p", &process_id.to_string(), "-o"])
            .arg(&summary)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut strace = supervisor
            .spawn(&mut command, Signal::INT)
            .map_err(|error| io::Error::new(error.kind(), format!("strace: {error}")))?;
        let output = strace.child().stderr.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut lines = BufReader::new(output).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        if !first.contains("attached") {
            return Err(io::Error::other(format!("strace cannot attach: {first}")));
        }
        // strace reports each new thread. Keep reading, so that it never blocks.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self { strace, summary })
    }

    /// Detaches and returns the count.
    pub(crate) fn count(self) -> io::Result<u32> {
        // The signal that makes it write the summary also kills it, so its status means nothing.
        drop(self.strace.end());
        Ok(calls(&std::fs::read_to_string(&self.summary)?))
    }
}

/// Sums the calls. A line has: share, seconds, µs per call, calls, errors (optional), name.
fn calls(summary: &str) -> u32 {
    let lines = summary.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter(|fields| matches!(fields.last(), Some(&("fsync" | "fdatasync"))))
        .filter_map(|fields| fields.get(3)?.parse::<u32>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_sync_are_counted() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 90.00    0.901000          90      1001           fdatasync
 10.00    0.100000         100        20         1 fsync
------ ----------- ----------- --------- --------- ----------------
100.00    1.001000          98      1021         1 total
";
        assert_eq!(calls(summary), 1_021);
        assert_eq!(calls(""), 0);
    }
}
