//! System calls of a server that fail: what a disk that is broken or full does to it.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Server, guard};

/// Which calls fail, and how.
#[derive(Debug, Clone, Copy)]
pub struct Fault<'a> {
    /// The calls, with commas between them.
    pub calls: &'a str,
    /// The error they end in, such as `EIO`.
    pub error: &'a str,
    /// Which of them, as `strace` has it: `3` for the third, `3+` for all from the third on.
    pub when: &'a str,
    /// The only file that this is about, if it is not about all.
    pub file: Option<&'a Path>,
}

/// `strace`, which makes calls of a server fail until this is dropped.
#[derive(Debug)]
pub struct Injected {
    strace: Child,
    log: PathBuf,
}

impl Injected {
    /// From now on calls fail; `None`, and said so, where there is no `strace`, or the system does not
    /// let it look into another process.
    ///
    /// # Panics
    /// If there is none although `ORDERS_TESTS_REQUIRE_STRACE` is 1.
    #[must_use]
    pub fn into(server: &Server, fault: &Fault<'_>) -> Option<Self> {
        let log = server.scratch().dir().join("strace.log");
        let inject = format!("inject={}:error={}:when={}", fault.calls, fault.error, fault.when);
        let mut command = Command::new("strace");
        command.args(["-f", "-e", &format!("trace={}", fault.calls), "-e", &inject, "-o"]);
        command.arg(&log).args(["-p", &server.id().to_string()]);
        if let Some(file) = fault.file {
            command.arg("-P").arg(file);
        }
        let started = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut strace) = started else { return left_out("there is no strace") };
        guard::began(strace.id());
        let mut line = String::new();
        let said = strace.stderr.take().expect("it is piped");
        let read = BufReader::new(said).read_line(&mut line);
        if read.is_ok() && line.contains(" attached") {
            return Some(Self { strace, log });
        }
        drop(strace.kill());
        drop(strace.wait());
        guard::ended(strace.id());
        left_out(&line)
    }

    /// How many calls have failed so far.
    #[must_use]
    pub fn number(&self) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().matches("(INJECTED)").count()
    }
}

fn left_out(why: &str) -> Option<Injected> {
    let required = env::var_os("ORDERS_TESTS_REQUIRE_STRACE");
    assert!(required.is_none_or(|value| value != "1"), "calls cannot be made to fail: {why}");
    // Written, not printed: libtest captures what is printed.
    writeln!(std::io::stderr(), "LEFT OUT: a test of errors of the disk, because {}", why.trim())
        .expect("standard error takes a line");
    None
}

impl Drop for Injected {
    fn drop(&mut self) {
        // It lets go of the server, which goes on; where that is gone, it is, too.
        kill_process(Pid::from_child(&self.strace), Signal::TERM).unwrap_or_default();
        drop(self.strace.wait());
        guard::ended(self.strace.id());
    }
}
