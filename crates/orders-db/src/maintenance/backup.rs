//! Backups of SQLite files: taken while others write, checked before they are restored.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::database::connection::{AnyConnection, Manager, Purpose};
use crate::database::error::DbError;
use crate::database::long_reads::open_without_timeouts;
use crate::database::process_lock::{ProcessLock, beside};
use crate::database::url::{DatabaseUrl, sqlite_name};
use crate::keys::sessions;
use crate::maintenance::doctor;
use crate::{SchemaState, StoreError, events, migrate, schema_state};

/// Why a backup or a restore failed. The database is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// A file with the name of the backup exists.
    #[error("{0} exists already; a backup never replaces a file")]
    Exists(String),
    /// The file is not an intact database of this program.
    #[error("{file} cannot be used: {why}")]
    Unfit {
        /// Which file.
        file: String,
        /// The first fault.
        why: String,
    },
    /// The database is on PostgreSQL, which has its own tools.
    #[error("this works on SQLite files only")]
    NotSqlite,
    /// There is no such backup.
    #[error("there is no file {0}")]
    NoFile(String),
    /// A file cannot be written or read.
    #[error("{0}: {1}")]
    File(String, String),
    /// A database error.
    #[error("{0}")]
    Store(#[from] StoreError),
}

fn file_error(path: &Path) -> impl Fn(io::Error) -> BackupError + '_ {
    |error| BackupError::File(path.display().to_string(), error.to_string())
}

/// Copies an SQLite database at one moment, while others may write. The copy gets its name only after
/// it was checked and synced to the disk.
///
/// # Errors
/// [`BackupError`]; then there is no file of that name.
pub fn backup(url: &DatabaseUrl, to: &Path) -> Result<(), BackupError> {
    let DatabaseUrl::Sqlite(_) = url else { return Err(BackupError::NotSqlite) };
    url.check_exists()?;
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Exists(to.display().to_string()));
    }
    let partial = partial_of(to);
    // The rest of an earlier attempt.
    drop(fs::remove_file(&partial));
    let cannot_write = |error: io::Error| {
        BackupError::File(format!("cannot write {}", to.display()), error.to_string())
    };
    OpenOptions::new().write(true).create_new(true).open(&partial).map_err(cannot_write)?;
    let copied = copy(url, &partial, to).and_then(|()| {
        check_integrity(&partial, to)?;
        File::open(&partial).and_then(|file| file.sync_all()).map_err(cannot_write)?;
        // Unlike a rename, a link never replaces a file.
        fs::hard_link(&partial, to).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                return BackupError::Exists(to.display().to_string());
            }
            cannot_write(error)
        })
    });
    drop(fs::remove_file(&partial));
    copied.and_then(|()| sync_folder(to))
}

/// The name that a file has until it is complete.
#[must_use]
pub fn partial_of(file: &Path) -> PathBuf {
    beside(file, ".partial")
}

/// Copies a database into an empty file, which will be `to`.
fn copy(url: &DatabaseUrl, partial: &Path, to: &Path) -> Result<(), BackupError> {
    let name = sqlite_name(partial);
    let AnyConnection::Sqlite(mut connection) = open_without_timeouts(url)? else {
        return Err(BackupError::NotSqlite);
    };
    connection
        .batch_execute("PRAGMA query_only = OFF")
        .and_then(|()| {
            diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(&name).execute(&mut connection)
        })
        .map(drop)
        .map_err(|error| {
            BackupError::File(
                format!("cannot back up {url} to {}", to.display()),
                error.to_string(),
            )
        })
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// Checks a copy of a file, or one that will have its name.
fn check_integrity(file: &Path, name: &Path) -> Result<(), BackupError> {
    let unfit = |why: String| BackupError::Unfit { file: name.display().to_string(), why };
    let url = DatabaseUrl::Sqlite(file.to_owned());
    let AnyConnection::Sqlite(mut connection) = open_without_timeouts(&url).map_err(|error| {
        let is_other = matches!(error, StoreError::File(_));
        unfit(if is_other { "it is not an SQLite database".into() } else { error.to_string() })
    })?
    else {
        return Err(BackupError::NotSqlite);
    };
    // SQLite takes an empty file for an empty database.
    if fs::metadata(file).is_ok_and(|file| file.len() == 0) {
        return Err(unfit("it is empty".to_owned()));
    }
    let lines: Vec<Line> = diesel::sql_query("PRAGMA integrity_check")
        .load(&mut connection)
        .map_err(|error| unfit(error.to_string()))?;
    match lines.into_iter().map(|line| line.integrity_check).find(|line| line != "ok") {
        Some(why) => Err(unfit(why)),
        None => Ok(()),
    }
}

/// Restores a backup in the place of an SQLite database. Returns the path that the previous database
/// has now.
///
/// # Errors
/// [`BackupError`], for example for a damaged backup or a database in use.
pub fn restore(url: &DatabaseUrl, from: &Path) -> Result<Option<PathBuf>, BackupError> {
    let DatabaseUrl::Sqlite(database) = url else { return Err(BackupError::NotSqlite) };
    if !from.exists() {
        return Err(BackupError::NoFile(from.display().to_string()));
    }
    let _lock = ProcessLock::exclusive(url)?;
    let restored = beside(database, ".restoring");
    remove_with_log(&restored);
    let result = prepare(from, &restored, url).and_then(|()| {
        let previous = set_aside(url, database)?;
        fs::rename(&restored, database).map_err(file_error(database))?;
        sync_folder(database)?;
        Ok(previous)
    });
    remove_with_log(&restored);
    result
}

/// Copies a backup and checks the copy, so that the checked file is the one in use.
fn prepare(from: &Path, restored: &Path, replaced: &DatabaseUrl) -> Result<(), BackupError> {
    let (backup, copy) = (from.display().to_string(), restored.display().to_string());
    let cannot_copy = |error: io::Error| {
        BackupError::File(format!("cannot copy {backup} to {copy}"), error.to_string())
    };
    // Not `fs::copy`: others may read the backup, but the database is for the program's user only.
    let mut created = File::create(restored).map_err(cannot_copy)?;
    File::open(from)
        .and_then(|mut backup| io::copy(&mut backup, &mut created))
        .map_err(cannot_copy)?;
    check_integrity(restored, from)?;
    let unfit =
        |why: String| BackupError::Unfit { file: backup.clone(), why: why.replace(&copy, &backup) };
    let url = DatabaseUrl::Sqlite(restored.to_owned());
    if schema_state(&url).map_err(|error| unfit(error.to_string()))? == SchemaState::Missing {
        return Err(unfit("it is no database of orders-api".to_owned()));
    }
    // An older schema is migrated, then checked like any other.
    migrate(&url).map_err(|error| unfit(error.to_string()))?;
    let mut faults = Vec::new();
    doctor::check_database(&url, |report| {
        if !report.is_note {
            faults.extend(
                report.findings.into_iter().take(1).map(|line| format!("{}: {line}", report.check)),
            );
        }
    })
    .map_err(|error| unfit(error.to_string()))?;
    if let Some(fault) = faults.into_iter().next() {
        return Err(unfit(fault));
    }
    begin_feed(&url, replaced)?;
    fold_log(restored).map_err(|error| unfit(format!("{error:?}")))?;
    sync(restored)
}

/// Gives the restored feed an id of its own, and sequences above those of the replaced file. Ends all
/// sessions.
fn begin_feed(restored: &DatabaseUrl, replaced: &DatabaseUrl) -> Result<(), BackupError> {
    let mut connection = Manager::new(restored, Purpose::Write).open()?;
    events::renew_feed(&mut connection)?;
    // The backup may have leaked, and it does not know who has signed out since.
    sessions::rotate_secret(&mut connection).map_err(StoreError::from)?;
    let DatabaseUrl::Sqlite(file) = replaced else { return Ok(()) };
    if !file.exists() {
        return Ok(());
    }
    let last = open_without_timeouts(replaced)
        .and_then(|mut replaced| Ok(events::find_feed(&mut replaced)?.last_sequence));
    match last {
        Ok(last) => Ok(events::reserve(&mut connection, last)?),
        // It may be the reason for the restore.
        Err(error) => {
            log::warn!(
                "{replaced} cannot be read ({error}), so sequences of its events may be used again; \
                 followers notice by the id of the feed"
            );
            Ok(())
        }
    }
}

/// Moves the write-ahead log into the file and ends the log. Fails while another process has the file
/// open.
fn fold_log(file: &Path) -> Result<(), DbError> {
    let manager = Manager::new(&DatabaseUrl::Sqlite(file.to_owned()), Purpose::Write);
    let mut connection = manager.open()?;
    connection
        .batch_execute("PRAGMA busy_timeout = 500; PRAGMA journal_mode = DELETE")
        .map_err(|error| DbError::from_diesel(&error))
}

/// Gives the current database a second name, so that there is a database at all times.
fn set_aside(url: &DatabaseUrl, database: &Path) -> Result<Option<PathBuf>, BackupError> {
    if !database.exists() {
        return Ok(None);
    }
    let log = match fold_log(database) {
        Ok(()) => false,
        Err(DbError::Locked) => {
            let why = format!("{url} is in use by another process; stop that process first");
            return Err(StoreError::File(why).into());
        }
        // This file may be the reason for the restore, so it is kept unchanged.
        Err(_) => true,
    };
    let previous = free_name(database);
    fs::hard_link(database, &previous).map_err(file_error(&previous))?;
    for suffix in ["-wal", "-shm"] {
        let of_log = beside(database, suffix);
        if log && of_log.exists() {
            fs::rename(&of_log, beside(&previous, suffix)).map_err(file_error(&of_log))?;
        }
    }
    Ok(Some(previous))
}

fn free_name(database: &Path) -> PathBuf {
    let name = |number: u32| match number {
        1 => beside(database, ".before-restore"),
        number => beside(database, &format!(".before-restore-{number}")),
    };
    (1..1_000).map(name).find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| name(1))
}

fn remove_with_log(file: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        drop(fs::remove_file(beside(file, suffix)));
    }
}

fn sync(file: &Path) -> Result<(), BackupError> {
    File::open(file).and_then(|file| file.sync_all()).map_err(file_error(file))
}

fn sync_folder(file: &Path) -> Result<(), BackupError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync(folder.unwrap_or(Path::new(".")))
}
