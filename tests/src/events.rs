//! A client of Server-Sent Events, by the standard (HTML, section 9.2), as strict as it can be.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Client;

/// A stream of events, being read.
#[derive(Debug)]
pub struct EventStream {
    socket: TcpStream,
    /// The head of the response.
    pub head: String,
    /// What has come and is not a whole chunk yet.
    raw: Vec<u8>,
    /// What is not a whole message yet.
    text: Vec<u8>,
    messages: VecDeque<Message>,
    ended: Option<End>,
}

/// An event, or a line that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An event.
    Event {
        /// Its `id`.
        id: u64,
        /// Its `event`.
        kind: String,
        /// Its `data`.
        data: String,
    },
    /// A comment.
    Comment,
    /// How long to wait before connecting again, in milliseconds.
    Retry(u64),
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The whole response.
    Whole,
    /// In the middle.
    Cut,
}

impl EventStream {
    /// Opens `/events/stream`, with a query and headers, and reads the head of the response.
    ///
    /// # Panics
    /// If it is not 200.
    #[must_use]
    pub fn open(client: &Client, query: &str, headers: &[(&str, &str)]) -> Self {
        let stream = Self::ask(client, query, headers);
        assert!(stream.head.starts_with("HTTP/1.1 200 "), "{}", stream.head);
        stream
    }

    /// Opens the stream and accepts any status.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn ask(client: &Client, query: &str, headers: &[(&str, &str)]) -> Self {
        let host = client.address();
        let mut socket = TcpStream::connect(host).expect("the server listens");
        socket.set_nodelay(true).unwrap();
        let head = format!("GET /events/stream{query} HTTP/1.1\r\nHost: {host}\r\n");
        let mut lines = vec![head];
        if let Some(key) = client.key() {
            lines.push(format!("X-API-Key: {key}\r\n"));
        }
        for (name, value) in headers {
            lines.push(format!("{name}: {value}\r\n"));
        }
        socket.write_all((lines.concat() + "\r\n").as_bytes()).unwrap();
        let mut head = Vec::new();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).expect("an answer has a head");
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let (raw, text, messages) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { socket, head, raw, text, messages, ended: None }
    }

    /// The next message, if there is one within this time and before the end.
    ///
    /// # Panics
    /// If what comes is no stream of events.
    pub fn next(&mut self, timeout: Duration) -> Option<Message> {
        let deadline = Instant::now() + timeout;
        self.socket.set_nonblocking(false).unwrap();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(message) = self.messages.pop_front() {
                return Some(message);
            }
            if left.is_zero() || self.ended.is_some() {
                return None;
            }
            self.socket.set_read_timeout(Some(left)).unwrap();
            self.read();
        }
    }

    /// The next event: its id, type and data.
    ///
    /// # Panics
    /// If there is none within 20 seconds.
    pub fn event(&mut self) -> (u64, String, Value) {
        loop {
            let next = self.next(Duration::from_secs(20));
            let message = next.unwrap_or_else(|| panic!("no event: {:?}", self.ended));
            if let Message::Event { id, kind, data } = message {
                return (id, kind, serde_json::from_str(&data).expect("data is JSON"));
            }
        }
    }

    /// Everything that has arrived so far, without waiting.
    ///
    /// # Panics
    /// If what comes is no stream of events.
    pub fn take(&mut self) -> Vec<Message> {
        self.socket.set_nonblocking(true).unwrap();
        while self.ended.is_none() && self.read() {}
        self.messages.drain(..).collect()
    }

    /// Waits for the end; `None` if it does not come in this time.
    pub fn end(&mut self, timeout: Duration) -> Option<End> {
        let deadline = Instant::now() + timeout;
        while self.ended.is_none() && Instant::now() < deadline {
            drop(self.next(deadline.saturating_duration_since(Instant::now())));
        }
        self.ended
    }

    /// Reads once; whether something came.
    fn read(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        match self.socket.read(&mut piece) {
            Ok(0) => {
                self.ended.get_or_insert(End::Cut);
                false
            }
            Ok(length) => {
                self.raw.extend_from_slice(&piece[..length]);
                self.unchunk();
                self.parse();
                true
            }
            Err(error) => {
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                    self.ended.get_or_insert(End::Cut);
                }
                false
            }
        }
    }

    fn unchunk(&mut self) {
        while let Some(line) = self.raw.windows(2).position(|two| two == b"\r\n") {
            let size = std::str::from_utf8(&self.raw[..line]).expect("a size is text");
            let size = usize::from_str_radix(size, 16).expect("a chunk has a size");
            let start = line + 2;
            if self.raw.len() < start + size + 2 {
                return;
            }
            if size == 0 {
                self.ended = Some(End::Whole);
            }
            self.text.extend_from_slice(&self.raw[start..start + size]);
            self.raw.drain(..start + size + 2);
        }
    }

    fn parse(&mut self) {
        while let Some((end, length)) = end_of(&self.text) {
            let block: Vec<u8> = self.text.drain(..length).collect();
            let block = std::str::from_utf8(&block[..end]).expect("messages are UTF-8");
            let lines: Vec<&str> = block.split('\n').collect();
            let message = match lines.as_slice() {
                [comment] if comment.starts_with(':') => Message::Comment,
                [retry] if retry.starts_with("retry: ") => {
                    Message::Retry(retry["retry: ".len()..].parse().expect("a number"))
                }
                [id, kind, data] => Message::Event {
                    id: field(id, "id").parse().expect("an id is a sequence"),
                    kind: field(kind, "event").to_owned(),
                    data: field(data, "data").to_owned(),
                },
                _ => panic!("no message: {block:?}"),
            };
            self.messages.push_back(message);
        }
    }
}

/// Where the first message ends, without and with what ends it. A comment and `retry` are one line
/// each: some clients take a blank line after them for the end of an event without data.
fn end_of(text: &[u8]) -> Option<(usize, usize)> {
    match text.first()? {
        b':' | b'r' => text.iter().position(|byte| *byte == b'\n').map(|end| (end, end + 1)),
        b'\n' => panic!("a blank line ends no event"),
        _ => text.windows(2).position(|two| two == b"\n\n").map(|end| (end, end + 2)),
    }
}

fn field<'a>(line: &'a str, name: &str) -> &'a str {
    line.strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or_else(|| panic!("{name} is expected: {line:?}"))
}
