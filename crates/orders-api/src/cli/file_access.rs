//! Who may read the files of the program: its own user alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use orders_db::DatabaseUrl;
use rustix::fs::Mode;

/// The permission bits of other users.
const OTHERS: u32 = 0o077;

/// Makes every new file and directory accessible to the program's user only, whatever the umask was.
/// SQLite creates its files itself, so there is no call that could name their mode.
pub(crate) fn restrict_new_files() {
    rustix::process::umask(Mode::from_raw_mode(OTHERS));
}

/// Warns of files of the database that other users can access, and of its directory.
pub(crate) fn warn_of_open_files(database: &DatabaseUrl) {
    let DatabaseUrl::Sqlite(path) = database else { return };
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let advice = format!("run: chmod 600 {}", file.display());
        warn_if_open(Path::new(&file), &advice);
    }
    // It may be a directory that others need, such as /tmp.
    let advice = "keep the database in a directory of its own with mode 700";
    path.parent().into_iter().for_each(|directory| warn_if_open(directory, advice));
}

fn warn_if_open(path: &Path, advice: &str) {
    // SQLite removes some of the files when the last process closes the database.
    let Ok(metadata) = fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        let path = path.display();
        log::warn!(
            "{path} has mode {mode:04o}, so other users of this machine can access it; {advice}"
        );
    }
}
