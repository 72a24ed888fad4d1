//! Orders as NDJSON, and bounded lines.

use std::io::{self, BufRead, BufReader, Read};

use super::source::{LONGEST, Row, SourceError, fault_at, read_order};
use crate::http::json;

/// Lines of a file, of bounded length.
pub(super) struct Lines {
    input: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    /// The number of the line, from 1.
    pub(super) number: u64,
    /// The offset after the line, in bytes.
    pub(super) offset: u64,
}

impl Lines {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        let input = BufReader::with_capacity(256 * 1024, input);
        Self { input, line: Vec::new(), number: 0, offset: 0 }
    }

    /// The next line without its end, or an error if it is too long. `None` at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<&[u8], &'static str>>> {
        self.line.clear();
        let most = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 2;
        let read = (&mut self.input).take(most).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.offset += u64::try_from(read).unwrap_or_default();
        let is_whole = self.line.ends_with(b"\n");
        if !is_whole && self.line.len() > LONGEST {
            self.skip_rest()?;
            return Ok(Some(Err("the line is longer than 64 KiB")));
        }
        let end = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        Ok(Some(Ok(end.strip_suffix(b"\r").unwrap_or(end))))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let (length, is_end) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.input.consume(length);
            self.offset += u64::try_from(length).unwrap_or_default();
            if is_end {
                return Ok(());
            }
        }
    }
}

/// Reads an order from each line that is not blank. An invalid line does not affect the others.
pub(super) fn read(
    input: Box<dyn Read + Send>,
    keep_raw: bool,
    each: &mut dyn FnMut(Row) -> bool,
) -> Result<(), SourceError> {
    let mut lines = Lines::new(input);
    loop {
        let number = lines.number + 1;
        let Some(line) = lines.next()? else { return Ok(()) };
        let mut row =
            Row { line: number, column: 1, end: 0, raw: String::new(), read: Err(String::new()) };
        match line {
            Ok(line) if line.trim_ascii().is_empty() => continue,
            Ok(line) => {
                match json::parse(line) {
                    Ok(json) => row.read = read_order(&json),
                    Err(error) => {
                        let (_, column, why) = fault_at((number, 1), &error);
                        (row.column, row.read) = (column, Err(why));
                    }
                }
                if keep_raw || row.read.is_err() {
                    row.raw = String::from_utf8_lossy(line).into_owned();
                }
            }
            Err(why) => row.read = Err(why.to_owned()),
        }
        row.end = lines.offset;
        if !each(row) {
            return Ok(());
        }
    }
}
