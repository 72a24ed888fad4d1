//! A JSON document with `services` and `orders`, read element by element, so that one of any length
//! takes no more memory than its longest element.

use std::io::{self, Read};

use super::source::{LONGEST, Row, SourceError, fault_at, in_words, read_order};
use crate::json::{self, Json};
use crate::wire::{self, ServiceBody};

/// Looks through a whole document, and returns its services, each with its line.
pub(super) fn check(input: impl Read) -> Result<Vec<(u64, ServiceBody)>, SourceError> {
    let mut services = Vec::new();
    walk(input, &mut |list, element| {
        let json = element.parse()?;
        if list == List::Services {
            let service =
                wire::read_service(&json).map_err(|errors| element.fault(in_words(errors)))?;
            if service.id.is_none() {
                return Err(element.fault("/id is required".to_owned()));
            }
            services.push((element.line, service));
        }
        Ok(true)
    })?;
    Ok(services)
}

/// Hands out the orders of a document that was looked through before.
pub(super) fn read(
    input: Box<dyn Read + Send>,
    keep_raw: bool,
    each: &mut dyn FnMut(Row) -> bool,
) -> Result<(), SourceError> {
    walk(input, &mut |list, element| {
        if list == List::Services {
            return Ok(true);
        }
        let read = read_order(&element.parse()?);
        let is_wanted = keep_raw || read.is_err();
        let raw = if is_wanted { String::from_utf8_lossy(element.raw) } else { "".into() };
        let Element { line, column, end, .. } = *element;
        Ok(each(Row { line, column, end, raw: raw.into_owned(), read }))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Services,
    Orders,
}

/// An element of a list, as it stands in the file.
struct Element<'a> {
    line: u64,
    column: u64,
    end: u64,
    raw: &'a [u8],
}

impl<'a> Element<'a> {
    fn parse(&self) -> Result<Json<'a>, SourceError> {
        json::parse(self.raw).map_err(|error| {
            let (line, column, why) = fault_at((self.line, self.column), &error);
            SourceError::Fault { line, column, why }
        })
    }

    fn fault(&self, why: String) -> SourceError {
        SourceError::Fault { line: self.line, column: self.column, why }
    }
}

type Visit<'v> = dyn FnMut(List, &Element<'_>) -> Result<bool, SourceError> + 'v;

/// Hands out all elements of both lists in the order of the file, until it is told to stop.
fn walk(input: impl Read, visit: &mut Visit<'_>) -> Result<(), SourceError> {
    let mut cursor = Cursor::new(input);
    let mut seen = Vec::new();
    cursor.expect(b'{', "an object with services and orders")?;
    if cursor.skip_blanks()? == Some(b'}') {
        cursor.step()?;
    } else {
        loop {
            let list = cursor.member()?;
            if seen.contains(&list) {
                return Err(cursor.fault("the list is there twice"));
            }
            seen.push(list);
            if !cursor.elements(list, visit)? {
                return Ok(());
            }
            match cursor.skip_blanks()? {
                Some(b',') => cursor.step()?,
                Some(b'}') => break cursor.step()?,
                _ => return Err(cursor.fault("must be a comma, or the end of the object")),
            }
        }
    }
    match cursor.skip_blanks()? {
        None => Ok(()),
        Some(_) => Err(cursor.fault("there is something behind the document")),
    }
}

/// A place in a file.
struct Cursor<R> {
    input: R,
    buffer: Box<[u8]>,
    at: usize,
    length: usize,
    line: u64,
    column: u64,
    offset: u64,
    raw: Vec<u8>,
}

impl<R: Read> Cursor<R> {
    fn new(input: R) -> Self {
        let buffer = vec![0; 256 * 1024].into_boxed_slice();
        Self { input, buffer, at: 0, length: 0, line: 1, column: 1, offset: 0, raw: Vec::new() }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        while self.at == self.length {
            self.at = 0;
            self.length = match self.input.read(&mut self.buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if self.length == 0 {
                return Ok(None);
            }
        }
        Ok(self.buffer.get(self.at).copied())
    }

    /// Goes on by one byte, if there is one.
    fn step(&mut self) -> io::Result<()> {
        if let Some(byte) = self.peek()? {
            self.at += 1;
            self.offset += 1;
            if byte == b'\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        Ok(())
    }

    fn skip_blanks(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.step()?,
                next => return Ok(next),
            }
        }
    }

    fn fault(&self, why: &str) -> SourceError {
        SourceError::Fault { line: self.line, column: self.column, why: why.to_owned() }
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), SourceError> {
        match self.skip_blanks()? {
            Some(next) if next == byte => Ok(self.step()?),
            Some(0xEF) => Err(self.fault("a byte order mark is no part of JSON")),
            Some(_) => Err(self.fault(&format!("must be {what}"))),
            None => Err(self.fault(&format!("the file ends where there must be {what}"))),
        }
    }

    /// The name of a member and the colon behind it.
    fn member(&mut self) -> Result<List, SourceError> {
        if self.skip_blanks()? != Some(b'"') {
            return Err(self.fault("must be the name of a member, in quotes"));
        }
        let (line, column) = (self.line, self.column);
        let raw = self.value()?;
        let element = Element { line, column, end: 0, raw: &raw };
        let lists = [("services", List::Services), ("orders", List::Orders)];
        let name = element.parse()?;
        let list = lists.into_iter().find(|(list, _)| name == Json::Text((*list).into()));
        let unknown = "is not known here: there are services and orders";
        let (_, list) = list.ok_or_else(|| element.fault(unknown.to_owned()))?;
        self.raw = raw;
        self.expect(b':', "a colon")?;
        Ok(list)
    }

    /// A list; whether it goes on.
    fn elements(&mut self, list: List, visit: &mut Visit<'_>) -> Result<bool, SourceError> {
        self.expect(b'[', "an array")?;
        if self.skip_blanks()? == Some(b']') {
            self.step()?;
            return Ok(true);
        }
        loop {
            self.skip_blanks()?;
            let (line, column) = (self.line, self.column);
            let raw = self.value()?;
            let goes_on = visit(list, &Element { line, column, end: self.offset, raw: &raw })?;
            self.raw = raw;
            if !goes_on {
                return Ok(false);
            }
            match self.skip_blanks()? {
                Some(b',') => self.step()?,
                Some(b']') => {
                    self.step()?;
                    return Ok(true);
                }
                Some(_) => return Err(self.fault("must be a comma, or the end of the array")),
                None => return Err(self.fault("the file ends within an array")),
            }
        }
    }

    /// The bytes of the value that begins here. That it is JSON is seen later; here only where it
    /// ends, by its brackets and quotes.
    fn value(&mut self) -> Result<Vec<u8>, SourceError> {
        let mut raw = std::mem::take(&mut self.raw);
        raw.clear();
        let begin = (self.line, self.column);
        let fault = |why: &str| {
            let (line, column) = begin;
            Err(SourceError::Fault { line, column, why: why.to_owned() })
        };
        let (mut depth, mut is_text, mut is_escaped) = (0_u32, false, false);
        loop {
            let Some(byte) = self.peek()? else {
                let is_whole = depth == 0 && !is_text && !raw.is_empty();
                return if is_whole {
                    Ok(raw)
                } else {
                    fault("the value that begins here has no end")
                };
            };
            if is_text {
                (is_text, is_escaped) = match byte {
                    _ if is_escaped => (true, false),
                    b'\\' => (true, true),
                    b'"' => (false, false),
                    _ => (true, false),
                };
            } else {
                match byte {
                    b'"' => is_text = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth > 0 => depth -= 1,
                    b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => {
                        return if raw.is_empty() { fault("must be a value") } else { Ok(raw) };
                    }
                    _ => {}
                }
            }
            raw.push(byte);
            self.step()?;
            if raw.len() > LONGEST {
                return fault("the value that begins here is longer than 64 KiB, or has no end");
            }
            if depth == 0 && !is_text && matches!(byte, b'}' | b']' | b'"') {
                return Ok(raw);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (u64, u64) {
        match check(text.as_bytes()) {
            Err(SourceError::Fault { line, column, .. }) => (line, column),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn lists_are_read_in_either_order_and_may_be_missing() {
        for text in [
            "{}",
            " {\"orders\":[]}\n",
            r#"{"orders":[{"id":"]}\\\""},1,null,"x"],"services":[{"id":1,"name":"a"}]}"#,
        ] {
            assert!(check(text.as_bytes()).is_ok(), "{text}");
        }
        let services =
            check(r#"{"services":[{"id":1,"name":"a"}],"orders":[]}"#.as_bytes()).unwrap();
        assert_eq!(services.len(), 1);
    }

    #[test]
    fn each_kind_of_fault_has_its_place() {
        assert_eq!(fault(""), (1, 1));
        assert_eq!(fault("[]"), (1, 1));
        assert_eq!(fault("{\"orders\":[]} x"), (1, 15));
        assert_eq!(fault("{\"orders\":[],\n \"extra\":[]}"), (2, 2));
        assert_eq!(fault("{\"orders\":{}}"), (1, 11));
        assert_eq!(fault("{\"orders\":[1 2]}"), (1, 14));
        assert_eq!(fault("{\"orders\":[1,]}"), (1, 14));
        assert_eq!(fault("{\"orders\":[\n{\"id\": 01}]}").0, 2);
        assert_eq!(fault("{\"orders\":[\n{\"id\": \"a\"\n"), (2, 1));
        assert_eq!(fault("{\"orders\":[],\"orders\":[]}"), (1, 23));
        assert_eq!(fault("{\"services\":[{\"id\":1}]}"), (1, 14));
    }
}
