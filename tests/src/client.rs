//! A small blocking HTTP client, whose responses can be checked against the contract.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{self, HeaderMap};

use crate::document;
use crate::server::HANG;

/// A client of one server, with connections of its own.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    address: String,
    /// Sent with each request.
    key: Option<String>,
}

/// A request that is being built.
#[derive(Debug)]
pub struct Request<'a> {
    client: &'a Client,
    method: &'a str,
    path: String,
    headers: Vec<(&'a str, &'a str)>,
    body: Option<Vec<u8>>,
}

/// A response with its whole body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The request, for messages.
    pub request: String,
    /// The path of the request, without its query; empty if unknown.
    pub path: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Client {
    /// A client of the server at `127.0.0.1:port`.
    #[must_use]
    pub fn new(address: String) -> Self {
        Self::with_timeout(HANG, address)
    }

    /// A client of the server at `127.0.0.1:port` with this timeout.
    #[must_use]
    pub fn with_timeout(timeout: Duration, address: String) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(timeout))
            .allow_non_standard_methods(true)
            .build();
        Self { agent: config.new_agent(), address, key: None }
    }

    /// Another client of the same server, with connections of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { key: self.key.clone(), ..Self::new(self.address.clone()) }
    }

    /// Another client of the same server, which sends a key with each request.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..Self::new(self.address.clone()) }
    }

    /// The key that is sent with each request, if one is.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The server's address, as `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts a request.
    #[must_use]
    pub fn request<'a>(&'a self, method: &'a str, path: impl Into<String>) -> Request<'a> {
        Request { client: self, method, path: path.into(), headers: Vec::new(), body: None }
    }

    /// Reads.
    #[must_use]
    pub fn get(&self, path: impl Into<String>) -> Answer {
        self.request("GET", path).send()
    }

    /// Creates.
    pub fn post(&self, path: impl Into<String>, body: &Value) -> Answer {
        self.request("POST", path).json(body).send()
    }

    /// Replaces.
    pub fn put(&self, path: impl Into<String>, body: &Value) -> Answer {
        self.request("PUT", path).json(body).send()
    }

    /// Deletes.
    pub fn delete(&self, path: impl Into<String>) -> Answer {
        self.request("DELETE", path).send()
    }

    /// The members of all pages of a list, from a path with or without a query.
    ///
    /// # Panics
    /// If a page is not one.
    #[must_use]
    pub fn all(&self, path: &str) -> Vec<Value> {
        let mut members = Vec::new();
        let mut cursor = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page =
                self.get(format!("{path}{joint}limit=1000{cursor}")).assert_status(200).json();
            members.extend(page["data"].as_array().expect("a page has data").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return members,
            }
        }
    }
}

impl<'a> Request<'a> {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// Sends a body as it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends it and reads the response.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        self.try_send().unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Sends it and reads the response, if the server lives long enough.
    ///
    /// # Errors
    /// The reason why there is no response.
    ///
    /// # Panics
    /// If the request is malformed, or the response is not documented.
    #[track_caller]
    pub fn try_send(self) -> Result<Answer, ureq::Error> {
        let url = format!("http://{}{}", self.client.address, self.path);
        let mut request = http::Request::builder().method(self.method).uri(url);
        if let Some(key) = &self.client.key {
            request = request.header("X-API-Key", key);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let shown = self.body.as_deref().map(|body| String::from_utf8_lossy(body).into_owned());
        let shown: String = shown.unwrap_or_default().chars().take(500).collect();
        let described = format!("{} {} {:?} {shown}", self.method, self.path, self.headers);
        let agent = &self.client.agent;
        let answer = match self.body {
            Some(body) => agent.run(request.body(body).unwrap()),
            None => agent.run(request.body(()).unwrap()),
        };
        let (head, mut body) = answer?.into_parts();
        let answer = Answer {
            request: described,
            path: self.path.split('?').next().unwrap_or_default().to_owned(),
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.with_config().limit(1 << 30).read_to_vec()?,
        };
        document().check(self.method, &answer);
        Ok(answer)
    }
}

impl Answer {
    /// A header's value, if there is one.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a body is UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// Checks the status.
    ///
    /// # Panics
    /// If it is another one.
    #[track_caller]
    pub fn assert_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Checks that this is the problem with that status and code, with every member that the
    /// contract names and nothing that it forbids; returns its body.
    ///
    /// # Panics
    /// If it is anything else.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self}");
        let kind = self.header("Content-Type").unwrap_or_default();
        assert_eq!(kind.split(';').next(), Some("application/problem+json"), "{self}");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{code}"), "{self}");
        assert_eq!(problem["status"], status, "{self}");
        for member in ["title", "detail", "instance", "request_id"] {
            assert!(
                problem[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}: {self}"
            );
        }
        assert_eq!(problem["request_id"].as_str(), self.header("X-Request-Id"), "{self}");
        if !self.path.is_empty() {
            assert_eq!(problem["instance"].as_str(), Some(self.path.as_str()), "{self}");
        }
        let text = self.text().to_lowercase();
        for internal in
            ["diesel", "actix", "serde", "sqlite", "postgres", ".rs:", "panicked", "stack"]
        {
            assert!(!text.contains(internal), "{internal}: {self}");
        }
        problem
    }

    /// The pointers of a problem's `errors`, sorted.
    ///
    /// # Panics
    /// If there are none, or one of them says nothing.
    #[track_caller]
    #[must_use]
    pub fn pointers(&self) -> Vec<String> {
        let body = self.json();
        let Some(errors) = body["errors"].as_array() else { panic!("no errors: {self}") };
        let mut pointers = Vec::new();
        for error in errors {
            assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self}");
            pointers.push(error["pointer"].as_str().expect("a pointer is text").to_owned());
        }
        pointers.sort();
        pointers
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(2_000).collect();
        write!(f, "{} to {}\n{:?}\n{body}", self.status, self.request, self.headers)
    }
}
