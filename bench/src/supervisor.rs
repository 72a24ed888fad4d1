//! Cleans up however the benchmark ends, Ctrl-C and SIGKILL included: a shell that outlives it.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Signal, kill_process};

/// Reads `<id> <signal>` when a process has begun and `<id>` when it was waited for. At the end of
/// its input, which is the end of the benchmark, it ends what still runs and removes the directory.
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
    /// `None` only while it is dropped.
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
        // PostgreSQL, which may run as another user, must reach its own directory in this one.
        std::fs::set_permissions(&dir, Permissions::from_mode(0o711))?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "orders-bench-supervisor"])
            .arg(&dir)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C at the terminal goes to the benchmark, not to what cleans up after it.
            .process_group(0)
            .spawn()?;
        let pipe = Mutex::new(shell.stdin.take());
        Ok(Self { dir, shell, pipe })
    }

    /// The directory for all files of this run.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a process that `signal` ends in an orderly way.
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

    /// Sends the signal and waits for the end.
    ///
    /// # Errors
    /// An end with another code than 0.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.signal_and_wait()
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// An end with another code than 0.
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
            // On the way out with another error, which is the one to be told.
            drop(self.signal_and_wait());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_still_runs_is_ended_with_the_keeper_and_the_files_are_gone() {
        let supervisor = Supervisor::new().unwrap();
        let dir = supervisor.dir().to_owned();
        std::fs::write(dir.join("file"), "").unwrap();
        let mut forgotten = Command::new("sleep").arg("600").spawn().unwrap();
        let mut waited_for = Command::new("sleep").arg("600").spawn().unwrap();
        for child in [&forgotten, &waited_for] {
            supervisor.send(&format!("{} {}", child.id(), Signal::TERM.as_raw())).unwrap();
        }
        supervisor.send(&waited_for.id().to_string()).unwrap();
        drop(supervisor);
        assert!(!dir.exists());
        assert!(!forgotten.wait().unwrap().success());
        assert_eq!(waited_for.try_wait().unwrap(), None, "its id may be another process's by now");
        waited_for.kill().unwrap();
        waited_for.wait().unwrap();
    }
}
