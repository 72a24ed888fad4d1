//! A keep-alive connection: just enough HTTP/1.1 to send requests and to frame answers.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::workload::{Expected, Request};

const READ_CHUNK: usize = 16 * 1024;

pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    output: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    filled: usize,
    /// The request in flight.
    pending: Option<Pending>,
}

/// A request without an answer yet.
#[derive(Clone, Copy)]
struct Pending {
    due_at: Instant,
    expected: Expected,
}

/// A complete answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    /// When the request was due.
    pub(crate) due_at: Instant,
    pub(crate) expected: Expected,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        stream.register(registry, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            host: address.to_string(),
            output: Vec::new(),
            written: 0,
            input: vec![0; READ_CHUNK],
            filled: 0,
            pending: None,
        })
    }

    pub(crate) fn send(&mut self, request: &Request, due_at: Instant) -> io::Result<()> {
        let Request { method, path, body, expected } = request;
        self.output.clear();
        write!(self.output, "{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host)?;
        if !body.is_empty() {
            let length = body.len();
            write!(self.output, "Content-Type: application/json\r\nContent-Length: {length}\r\n")?;
        }
        write!(self.output, "\r\n{body}")?;
        self.written = 0;
        self.filled = 0;
        self.pending = Some(Pending { due_at, expected: *expected });
        self.flush()
    }

    /// Reads available data and finishes a partly sent request. Edge-triggered: returns only with an
    /// answer or when the socket has no more data.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Answer<'_>>> {
        let Some(Pending { due_at, expected }) = self.pending else { return Ok(None) };
        self.flush()?;
        loop {
            if self.filled == self.input.len() {
                self.input.resize(self.filled + READ_CHUNK, 0);
            }
            let room = self.input.get_mut(self.filled..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(0) => return Err(closed()),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            let frame = frame(self.input.get(..self.filled).unwrap_or_default())?;
            if let Some(Frame { status, head, length }) = frame {
                if self.filled > head + length {
                    return Err(malformed("more than one answer to one request"));
                }
                self.pending = None;
                let body = self.input.get(head..head + length).unwrap_or_default();
                return Ok(Some(Answer { status, body, due_at, expected }));
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Err(closed()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The position of an answer in the input.
struct Frame {
    status: u16,
    /// Bytes before the body.
    head: usize,
    /// Bytes of the body.
    length: usize,
}

/// The frame of the answer in `input`, or `None` if it is incomplete.
fn frame(input: &[u8]) -> io::Result<Option<Frame>> {
    let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(input.get(..end).unwrap_or_default())
        .map_err(|error| malformed(&error.to_string()))?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| malformed("no status line"))?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| malformed("no Content-Length"))?;
    let head = end + 4;
    Ok((input.len() >= head + length).then_some(Frame { status, head, length }))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("malformed answer: {what}"))
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the server closed a connection")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_only_with_its_last_byte() {
        let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\nEtag: \"1\"\r\n\r\n{}";
        for cut in 0..answer.len() {
            assert!(frame(&answer[..cut]).unwrap().is_none(), "complete after {cut} bytes");
        }
        let whole = frame(answer).unwrap().unwrap();
        assert_eq!((whole.status, whole.length), (201, 2));
        assert_eq!(&answer[whole.head..], b"{}");
    }

    #[test]
    fn an_answer_without_a_length_is_an_error() {
        assert!(frame(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(frame(b"SSH-2.0\r\n\r\n").is_err());
    }
}
