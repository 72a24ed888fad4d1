//! Cleans up at any end of the benchmark, including Ctrl-C and SIGKILL, by a shell that outlives it.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Signal, kill_process};

/// Reads `<id> <signal>` for each started process and `<id>` for each that has ended. Its input ends
/// with the benchmark. Then it stops the remaining processes and removes the directory.
const SCRIPT: &str = r#"
set -f
running=
while read -r id signal; do
    rest=
    for entry in $running; do
        [ "${entry%%:*}" = "$id" ] || rest="$rest $entry"
    done
    running="$rest${signal:+ $id:$signal}"
done
for entry in $running; do kill -s "${entry#*:}" "${entry%%:*}" 2>/dev/null; done
for entry in $running; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "${entry%%:*}" 2>/dev/null && sleep 0.2; done
done
rm -rf "$1"
"#;

pub(crate) struct Supervisor {
    dir: PathBuf,
    shell: Child,
    /// `None` only during `drop`.
    pipe: Mutex<Option<ChildStdin>>,
}

/// A process that does not outlive the benchmark.
pub(crate) struct Supervised<'a> {
    supervisor: &'a Supervisor,
    child: Child,
    signal: Signal,
    has_ended: bool,
}

impl Supervisor {
    pub(crate) fn new() -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("orders-bench-").tempdir()?.keep();
        // PostgreSQL may run as another user and must reach its directory in this one.
        std::fs::set_permissions(&dir, Permissions::from_mode(0o711))?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "orders-bench-supervisor"])
            .arg(&dir)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own process group, so that Ctrl-C in the terminal does not reach it.
            .process_group(0)
            .spawn()?;
        let pipe = Mutex::new(shell.stdin.take());
        Ok(Self { dir, shell, pipe })
    }

    /// The directory for all files of the benchmark.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a process that `signal` stops cleanly.
    pub(crate) fn spawn(
        &self,
        command: &mut Command,
        signal: Signal,
    ) -> io::Result<Supervised<'_>> {
        let child = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let supervised = Supervised { supervisor: self, child, signal, has_ended: false };
        self.send(&format!("{} {}", supervised.id(), signal.as_raw()))?;
        Ok(supervised)
    }

    fn send(&self, line: &str) -> io::Result<()> {
        match self.pipe.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(pipe) => writeln!(pipe, "{line}"),
            None => Ok(()),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.shell.wait());
    }
}

impl Supervised<'_> {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends the signal and waits for the exit.
    ///
    /// # Errors
    /// An exit code other than 0.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.signal_and_wait()
    }

    /// Waits until the process exits by itself.
    ///
    /// # Errors
    /// An exit code other than 0.
    pub(crate) fn wait(mut self) -> io::Result<()> {
        self.has_ended = true;
        self.await_end()
    }

    fn signal_and_wait(&mut self) -> io::Result<()> {
        self.has_ended = true;
        kill_process(rustix::process::Pid::from_child(&self.child), self.signal)?;
        self.await_end()
    }

    fn await_end(&mut self) -> io::Result<()> {
        let status = self.child.wait()?;
        self.supervisor.send(&self.id().to_string())?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("process {} ended with {status}", self.id())))
    }
}

impl Drop for Supervised<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            // Another error is being returned, and it matters more.
            drop(self.signal_and_wait());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_supervisor_stops_processes_and_removes_files() {
        let supervisor = Supervisor::new().unwrap();
        let dir = supervisor.dir().to_owned();
        std::fs::write(dir.join("file"), "").unwrap();
        let mut running = Command::new("sleep").arg("600").spawn().unwrap();
        let mut ended = Command::new("sleep").arg("600").spawn().unwrap();
        for child in [&running, &ended] {
            supervisor.send(&format!("{} {}", child.id(), Signal::TERM.as_raw())).unwrap();
        }
        supervisor.send(&ended.id().to_string()).unwrap();
        drop(supervisor);
        assert!(!dir.exists());
        assert!(!running.wait().unwrap().success());
        assert_eq!(ended.try_wait().unwrap(), None, "another process may have its id by now");
        ended.kill().unwrap();
        ended.wait().unwrap();
    }
}
