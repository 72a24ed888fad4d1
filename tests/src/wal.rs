//! SQLite databases with their write-ahead logs, copied and truncated as a crash would leave them.

use std::fs;
use std::path::Path;

use crate::Sql;

/// The lengths of the header of a log and of each frame, by SQLite's description of the format.
const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;

/// The bytes of a database and its log at one moment.
#[derive(Debug, Clone)]
pub struct Logged {
    database: Vec<u8>,
    log: Vec<u8>,
    page: usize,
}

impl Logged {
    /// Reads both files. No writer may be active, and the log must not have been restarted.
    ///
    /// # Panics
    /// If it has been, or ends within a frame.
    #[must_use]
    pub fn take(file: &Path) -> Self {
        let database = fs::read(file).expect("there is a database");
        let log = fs::read(format!("{}-wal", file.display())).expect("there is a log");
        let page = usize::try_from(number(&log, 8)).expect("a page is small");
        let taken = Self { database, log, page };
        assert_eq!((taken.log.len() - HEAD) % (FRAME_HEAD + page), 0, "the log ends with a frame");
        for frame in 0..taken.frames() {
            let salt = taken.begin_of(frame) + 8;
            assert_eq!(taken.log[salt..salt + 8], taken.log[16..24], "frame {frame} is an old one");
        }
        taken
    }

    /// Checkpoints the log of a file and restarts it.
    ///
    /// # Panics
    /// If another connection reads or writes.
    pub fn fold(file: &Path) {
        Sql::open(file).run("PRAGMA wal_checkpoint(TRUNCATE)").expect("it is told to");
        let log = fs::metadata(format!("{}-wal", file.display()));
        // The last connection that closes removes the log.
        assert!(log.map_or(true, |log| log.len() == 0), "the log is folded");
    }

    /// How many frames the log has.
    #[must_use]
    pub fn frames(&self) -> usize {
        (self.log.len() - HEAD) / (FRAME_HEAD + self.page)
    }

    /// How long the log is up to the end of a frame, counted from 0.
    #[must_use]
    pub fn end_of(&self, frame: usize) -> usize {
        HEAD + (frame + 1) * (FRAME_HEAD + self.page)
    }

    /// Where a frame begins.
    #[must_use]
    pub fn begin_of(&self, frame: usize) -> usize {
        self.end_of(frame) - self.page - FRAME_HEAD
    }

    /// Whether a frame is the last of a transaction.
    #[must_use]
    pub fn commits(&self, frame: usize) -> bool {
        number(&self.log, self.begin_of(frame) + 4) != 0
    }

    /// The number of frames of a log of this length that belong to complete transactions.
    #[must_use]
    pub fn whole(&self, length: usize) -> usize {
        let is_within = |frame: &usize| self.end_of(*frame) <= length && self.commits(*frame);
        (0..self.frames()).rev().find(is_within).map_or(0, |frame| frame + 1)
    }

    /// Writes the database with its log truncated to a number of bytes.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn write_cut(&self, file: &Path, length: usize) {
        self.write(file, &self.log[..length]);
    }

    /// Writes the database with its log, with one bit of one byte flipped.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn write_flipped(&self, file: &Path, byte: usize, bit: u8) {
        let mut log = self.log.clone();
        log[byte] ^= 1 << bit;
        self.write(file, &log);
    }

    fn write(&self, file: &Path, log: &[u8]) {
        // An earlier copy may have left the index of another log.
        drop(fs::remove_file(format!("{}-shm", file.display())));
        fs::write(file, &self.database).expect("a database is written");
        fs::write(format!("{}-wal", file.display()), log).expect("a log is written");
    }
}

fn number(bytes: &[u8], from: usize) -> u32 {
    u32::from_be_bytes(bytes[from..from + 4].try_into().expect("four bytes"))
}
