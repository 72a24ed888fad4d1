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

/// Warns of files of the database that other users can access.
pub(crate) fn warn_of_open_files(database: &DatabaseUrl) {
    let DatabaseUrl::Sqlite(path) = database else { return };
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let file = Path::new(&file);
        // SQLite removes the other files when the last process closes the database.
        let Ok(metadata) = fs::metadata(file) else { continue };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & OTHERS != 0 {
            let file = file.display();
            log::warn!(
                "{file} has mode {mode:04o}, so other users of this machine can access it; run: \
                 chmod 600 {file}"
            );
        }
    }
}
