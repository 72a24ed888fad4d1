//! Failing system calls of a server, as on a broken or full disk.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Server, guard};

/// Which calls fail, and how.
#[derive(Debug, Clone, Copy)]
pub struct Fault<'a> {
    /// The calls, with commas between them.
    pub calls: &'a str,
    /// The error of the calls, such as `EIO`.
    pub error: &'a str,
    /// Which of them, in the syntax of `strace`: `3` for the third, `3+` for all from the third on.
    pub when: &'a str,
    /// The only file affected; all files if there is none.
    pub file: Option<&'a Path>,
}

/// `strace`, which makes calls of a server fail until this is dropped.
#[derive(Debug)]
pub struct Injected {
    strace: Child,
    log: PathBuf,
}

impl Injected {
    /// Makes calls fail from now on.
    ///
    /// # Panics
    /// If `strace` is not installed, or may not trace other processes.
    #[must_use]
    pub fn into(server: &Server, fault: &Fault<'_>) -> Self {
        let log = server.scratch().dir().join("strace.log");
        let inject = format!("inject={}:error={}:when={}", fault.calls, fault.error, fault.when);
        let mut command = Command::new("strace");
        command.args(["-f", "-e", &format!("trace={}", fault.calls), "-e", &inject, "-o"]);
        command.arg(&log).args(["-p", &server.id().to_string()]);
        if let Some(file) = fault.file {
            command.arg("-P").arg(file);
        }
        let started = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut strace = started.expect("strace is installed");
        guard::began(strace.id());
        let mut line = String::new();
        let said = strace.stderr.take().expect("it is piped");
        let read = BufReader::new(said).read_line(&mut line);
        if read.is_ok() && line.contains(" attached") {
            return Self { strace, log };
        }
        drop(strace.kill());
        drop(strace.wait());
        guard::ended(strace.id());
        panic!("calls cannot be made to fail: {line}");
    }

    /// How many calls have failed so far.
    #[must_use]
    pub fn number(&self) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().matches("(INJECTED)").count()
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        // strace detaches from the server, which continues. It has ended if the server has.
        kill_process(Pid::from_child(&self.strace), Signal::TERM).unwrap_or_default();
        drop(self.strace.wait());
        guard::ended(self.strace.id());
    }
}
