//! Cleans up when the test process ends, by any cause: a small shell that outlives it.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Keeps the ids of the servers that run; when its standard input closes, which happens however
/// the test process ends, ends those and removes the directory.
const SCRIPT: &str = r#"
running=" "
mine=
while read -r verb id; do
    case $verb in
        began) running="$running$id " ;;
        remove) mine="$mine $id" ;;
        ended) running="${running%%" $id "*} ${running#*" $id "}" ;;
    esac
done
for id in $running; do kill -KILL "$id" 2>/dev/null; done
for dir in $mine; do umount "$dir" 2>/dev/null; done
rm -rf "$1" $mine
"#;

struct Guard {
    dir: PathBuf,
    pipe: Mutex<ChildStdin>,
}

/// The directory for this process's files. It goes away with the process.
pub(crate) fn dir() -> &'static Path {
    &guard().dir
}

/// Registers a running server, so that it does not outlive the tests.
pub(crate) fn began(id: u32) {
    tell("began", id);
}

/// Unregisters a server that was waited for: its id may be reused.
pub(crate) fn ended(id: u32) {
    tell("ended", id);
}

/// Registers a directory to remove. Its name must not contain a blank.
pub(crate) fn will_remove(dir: &Path) {
    tell("remove", dir.display());
}

fn tell(verb: &str, id: impl std::fmt::Display) {
    let mut pipe = guard().pipe.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(pipe, "{verb} {id}").expect("the guard listens");
}

#[expect(clippy::zombie_processes, reason = "it outlives this process: that is what it is for")]
fn guard() -> &'static Guard {
    static GUARD: OnceLock<Guard> = OnceLock::new();
    GUARD.get_or_init(|| {
        let dir = tempfile::Builder::new().prefix("orders-tests-").tempdir().unwrap().keep();
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "orders-tests-guard"])
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C at the terminal goes to the tests, not to what cleans up after them.
            .process_group(0)
            .spawn()
            .expect("sh starts");
        let pipe = Mutex::new(shell.stdin.take().unwrap());
        Guard { dir, pipe }
    })
}
