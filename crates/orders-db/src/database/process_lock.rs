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
    /// [`StoreError::File`] while the file is being replaced.
    pub fn shared(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let Some(lock) = open(url) else { return Ok(Self { _lock: None }) };
        match lock.try_lock_shared() {
            Ok(()) => Ok(Self { _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::File(format!(
                "{url} is being replaced by `orders-api restore` or `orders-api move`; try again \
                     when that has ended"
            ))),
            Err(TryLockError::Error(error)) => {
                log::debug!("cannot lock the file beside {url}: {error}");
                Ok(Self { _lock: None })
            }
        }
    }

    /// Locks out all other processes from a database.
    ///
    /// # Errors
    /// [`StoreError::File`] if another process uses it, or if that cannot be determined.
    pub fn exclusive(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let DatabaseUrl::Sqlite(path) = url else { return Ok(Self { _lock: None }) };
        let Some(lock) = open(url) else {
            return Err(StoreError::File(format!("cannot create {}", lock_path(path).display())));
        };
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::File(format!(
                "{url} is in use by another process; stop that process first"
            ))),
            Err(TryLockError::Error(error)) => {
                Err(StoreError::File(format!("cannot lock {}: {error}", lock_path(path).display())))
            }
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

/// Creates the folder of an SQLite file, but not the folders above it: a mistyped path creates nothing.
pub(crate) fn create_folder(database: &Path) -> Result<(), StoreError> {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Some(folder) = folder.filter(|folder| !folder.exists()) else { return Ok(()) };
    std::fs::create_dir(folder).map_err(|error| {
        StoreError::File(format!(
            "cannot create the directory {}: {error}; create it, or name another with --data-dir or \
             --database-url",
            folder.display()
        ))
    })
}

fn open(url: &DatabaseUrl) -> Option<File> {
    let DatabaseUrl::Sqlite(path) = url else { return None };
    // If this fails, opening the database fails too and reports the reason.
    drop(create_folder(path));
    let lock = lock_path(path);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
    opened.map_err(|error| log::debug!("cannot create {}: {error}", lock.display())).ok()
}
