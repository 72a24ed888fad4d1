//! The program under test: its binary, and the output of a run.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::guard;

/// A run of the program that has ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it logged.
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Run {
    /// Checks that the program failed, explained why in a few lines, and did not panic.
    ///
    /// # Panics
    /// If it did anything else.
    pub fn assert_refused(&self, code: i32, why: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.to_lowercase().contains(&why.to_lowercase()), "{self:?}");
        for internal in ["panicked", "RUST_BACKTRACE", ".rs:"] {
            assert!(!self.stderr.contains(internal), "{self:?}");
        }
    }

    /// Checks that the program succeeded.
    ///
    /// # Panics
    /// If it failed.
    #[must_use]
    pub fn assert_fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

/// The program as a command, in an empty environment and directory.
pub(crate) fn command(dir: &Path) -> Command {
    command_of(program(), dir)
}

/// The same of another build of the program.
pub(crate) fn command_of(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let name_text = name.to_string_lossy();
        // The last two are what libpq and OpenTelemetry listen to.
        let ours = name_text.starts_with("ORDERS_") || name_text == "DATABASE_URL";
        if ours || name_text.starts_with("PG") || name_text.starts_with("OTEL_") {
            command.env_remove(&name);
        }
    }
    // A directory of its own, so that stray files are seen and removed.
    command.current_dir(dir).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// Runs the program to its end in a directory, with variables added to its environment.
///
/// # Panics
/// If it does not start.
pub fn orders_api<S: AsRef<OsStr>>(dir: &Path, variables: &[(&str, &str)], arguments: &[S]) -> Run {
    command(dir)
        .envs(variables.iter().copied())
        .args(arguments)
        .output()
        .expect("the program starts")
        .into()
}

/// A build of the program with the feature `otel`.
///
/// # Panics
/// If `ORDERS_API_OTEL_BIN` is not the path of a file.
#[must_use]
pub fn traced_binary() -> PathBuf {
    let path =
        env::var_os("ORDERS_API_OTEL_BIN").expect("ORDERS_API_OTEL_BIN is set: see tests/run");
    std::path::absolute(path).expect("ORDERS_API_OTEL_BIN is the path of a file")
}

/// Runs the program, and kills it (SIGKILL) after a time. Returns the run if it ended by itself.
///
/// # Panics
/// If it does not start.
pub(crate) fn killed_after(
    dir: &Path,
    variables: &[(&str, &str)],
    arguments: &[&str],
    time: Duration,
) -> Option<Run> {
    let mut command = command(dir);
    command.envs(variables.iter().copied()).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    guard::began(child.id());
    let end = Instant::now() + time;
    while Instant::now() < end && child.try_wait().is_ok_and(|status| status.is_none()) {
        sleep(Duration::from_micros(500));
    }
    // The id of a process that was not waited for is not reused.
    child.kill().expect("it can be killed");
    let output = child.wait_with_output().expect("it can be waited for");
    Some(output.into()).filter(|run: &Run| run.code.is_some())
}

/// Runs the program, and interrupts it (Ctrl-C) once `is_time` returns `true`.
pub(crate) fn interrupted(
    dir: &Path,
    variables: &[(&str, &str)],
    arguments: &[&str],
    mut is_time: impl FnMut() -> bool,
) -> Run {
    let mut command = command(dir);
    command.envs(variables.iter().copied()).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    guard::began(child.id());
    while child.try_wait().is_ok_and(|status| status.is_none()) {
        if is_time() {
            kill_process(Pid::from_child(&child), Signal::INT).expect("it can be interrupted");
            break;
        }
        sleep(Duration::from_millis(1));
    }
    child.wait_with_output().expect("it can be waited for").into()
}

/// The path of the program: `ORDERS_API_BIN`, or else what cargo builds beside this very executable.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn program() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var_os("ORDERS_API_BIN") {
        Some(path) => std::path::absolute(path).expect("ORDERS_API_BIN is the path of a file"),
        None => build(),
    })
}

fn build() -> PathBuf {
    let executable = env::current_exe().expect("an executable has a path");
    let mut dir = executable.parent().expect("an executable lies in a directory");
    if dir.ends_with("deps") {
        dir = dir.parent().unwrap();
    }
    let profile = match dir.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--workspace", "--bins", "--profile", profile, "--target-dir"])
        .arg(dir.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the program under test does not build");
    dir.join("orders-api")
}
