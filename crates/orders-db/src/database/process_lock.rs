//! The lock file beside an SQLite file. Processes that use the database share the lock; a process that
//! replaces the file holds it exclusively. The system releases it with the process.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::database::url::DatabaseUrl;

/// A lock on the use of a database, released when dropped. PostgreSQL needs none.
#[derive(Debug)]
pub struct ProcessLock {
    _lock: Option<File>,
}

impl ProcessLock {
    /// Shares the use of a database with other processes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] while the file is being replaced.
    pub fn shared(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let Some(lock) = open(url) else { return Ok(Self { _lock: None }) };
        match lock.try_lock_shared() {
            Ok(()) => Ok(Self { _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Unavailable(format!("{url} is being replaced")))
            }
            Err(TryLockError::Error(error)) => {
                log::debug!("cannot lock the file beside {url}: {error}");
                Ok(Self { _lock: None })
            }
        }
    }

    /// Locks out all other processes from a database.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if another process uses it, or if that cannot be determined.
    pub fn exclusive(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let DatabaseUrl::Sqlite(path) = url else { return Ok(Self { _lock: None }) };
        let unavailable = |why: String| StoreError::Unavailable(why);
        let Some(lock) = open(url) else {
            return Err(unavailable(format!("cannot create {}", lock_path(path).display())));
        };
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(unavailable(format!(
                "{url} is in use by another process; stop that process first"
            ))),
            Err(TryLockError::Error(error)) => Err(unavailable(error.to_string())),
        }
    }
}

/// Returns the lock file of an SQLite file.
pub(crate) fn lock_path(database: &Path) -> PathBuf {
    beside(database, ".lock")
}

/// Returns a path with a suffix added to the file name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn open(url: &DatabaseUrl) -> Option<File> {
    let DatabaseUrl::Sqlite(path) = url else { return None };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // If this fails, opening the database fails too and reports the reason.
        drop(std::fs::create_dir_all(folder));
    }
    let lock = lock_path(path);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
    opened.map_err(|error| log::debug!("cannot create {}: {error}", lock.display())).ok()
}
