//! A client that sends raw bytes, for requests that no correct client would send.

use std::io::{Read, Write};
use std::net::TcpStream;

use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use crate::Answer;
use crate::server::HANG;

/// One connection.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    sent: Vec<u8>,
}

impl Raw {
    /// Connects to `127.0.0.1:port`.
    ///
    /// # Panics
    /// If no server listens there.
    #[must_use]
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.set_write_timeout(Some(HANG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, sent: Vec::new() }
    }

    /// Sends bytes. A server may respond and close before it has read all of them.
    #[must_use]
    pub fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.sent.extend_from_slice(bytes.as_ref());
        drop(self.stream.write_all(bytes.as_ref()));
        self
    }

    /// Reads up to the end of an expected text.
    ///
    /// # Panics
    /// If the server sends something else and closes.
    #[must_use]
    pub fn read_past(mut self, text: &str) -> Self {
        let mut read = Vec::new();
        while !read.ends_with(text.as_bytes()) {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("the server sends what is waited for");
            read.extend(byte);
        }
        self
    }

    /// Closes the sending side.
    #[must_use]
    pub fn send_end(self) -> Self {
        drop(self.stream.shutdown(std::net::Shutdown::Write));
        self
    }

    /// Reads all responses until the server closes, which the last request should request.
    #[must_use]
    pub fn read_to_end(mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut piece = [0; 16 * 1024];
        // A reset after the response is a close, too.
        while let Ok(length @ 1..) = self.stream.read(&mut piece) {
            all.extend(piece.iter().take(length));
        }
        all
    }

    /// Reads the one response; `None` if the server closed without one.
    ///
    /// # Panics
    /// If the response is not HTTP.
    #[must_use]
    pub fn try_answer(self) -> Option<Answer> {
        let shown = String::from_utf8_lossy(&self.sent).chars().take(500).collect();
        let all = self.read_to_end();
        (!all.is_empty()).then(|| parse(shown, &all))
    }

    /// Reads the one response.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn answer(self) -> Answer {
        let shown = String::from_utf8_lossy(&self.sent).chars().take(500).collect::<String>();
        self.try_answer().unwrap_or_else(|| panic!("no answer to {shown}"))
    }
}

/// Sends a request as it is, with `$HOST` replaced by the address.
#[must_use]
pub fn raw(address: &str, request: &str) -> Answer {
    Raw::connect(address).send(request.replace("$HOST", address)).answer()
}

/// Posts a body as JSON, byte for byte.
#[must_use]
pub fn raw_post(address: &str, path: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    Raw::connect(address).send(head).send(body).answer()
}

fn parse(request: String, bytes: &[u8]) -> Answer {
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, rest) = bytes.split_at(split.expect("an answer has a head"));
    let head = std::str::from_utf8(head).expect("a head is text");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a header has a name");
        let name: HeaderName = name.parse().expect("a header's name is a token");
        headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
    }
    let body = rest.get(4..).unwrap_or_default();
    let chunked = headers.get("transfer-encoding").is_some();
    let body = if chunked { unchunk(body) } else { body.to_vec() };
    let status = status.expect("an answer has a status");
    Answer { request, path: String::new(), status, headers, body }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let (size, after) = rest.split_at(end);
        let size =
            std::str::from_utf8(size).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let Some(size @ 1..) = size else { break };
        body.extend(after.iter().skip(2).take(size));
        rest = after.get(size + 4..).unwrap_or_default();
    }
    body
}
