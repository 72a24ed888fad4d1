//! The real program, serving: started on a port of its own, ended by its id.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Client, Database, Scratch, binary, guard, sample_data};

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Setup<'a> {
    /// Arguments after the usual ones.
    pub arguments: &'a [&'a str],
    /// Variables added to its environment.
    pub variables: &'a [(&'a str, &'a str)],
    /// Another way to the database than its own URL.
    pub url: Option<&'a str>,
    /// Whether the usual `--drain-delay 0s` is left out.
    pub drains: bool,
    /// Another address than a free one.
    pub bind: Option<&'a str>,
    /// Another build of the program.
    pub program: Option<&'a Path>,
}

/// A running server; a client of it, too.
#[derive(Debug)]
pub struct Server {
    client: Client,
    child: Child,
    running: bool,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    scratch: Scratch,
}

impl Server {
    /// A server on a fresh database with the three sample services and no order.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn fresh(database: Database) -> Self {
        let server = Self::start(&database.fresh());
        for service in sample_data()["services"].as_array().unwrap() {
            server.post("/services", service).assert_status(201);
        }
        server
    }

    /// A server on a fresh database with the sample data.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn with_sample_data(database: Database) -> Self {
        let setup = Setup { arguments: &["--sample-data"], ..Setup::default() };
        Self::start_as(&database.fresh(), &setup)
    }

    /// A server on a database.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(scratch: &Scratch) -> Self {
        Self::start_as(scratch, &Setup::default())
    }

    /// A server on a database, started with options.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_as(scratch: &Scratch, setup: &Setup<'_>) -> Self {
        Self::try_start(scratch, setup).unwrap_or_else(|log| panic!("it does not start:\n{log}"))
    }

    /// A server on a database, or what it logged before it ended.
    ///
    /// # Errors
    /// The log of a server that ended before it took requests.
    ///
    /// # Panics
    /// If there is no program to start.
    pub fn try_start(scratch: &Scratch, setup: &Setup<'_>) -> Result<Self, String> {
        let dir = scratch.dir();
        let mut command = match setup.program {
            Some(program) => binary::command_of(program, dir),
            None => binary::command(dir),
        };
        let own = scratch.url();
        let url = setup.url.unwrap_or(&own);
        command.args([
            "serve",
            "--bind",
            setup.bind.unwrap_or("127.0.0.1:0"),
            "--database-url",
            url,
        ]);
        if !setup.drains {
            command.args(["--drain-delay", "0s"]);
        }
        command.envs(setup.variables.iter().copied());
        command.args(setup.arguments).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        guard::began(child.id());
        let log = Arc::new(Mutex::new(String::new()));
        let (reader, address) = keep_log(child.stderr.take().unwrap(), Arc::clone(&log));
        let Ok(address) = address.recv_timeout(HANG) else {
            // The log ended, so the program did; or it hangs.
            drop(child.kill());
            child.wait().unwrap();
            guard::ended(child.id());
            reader.join().unwrap();
            let log = log.lock().unwrap_or_else(PoisonError::into_inner);
            return Err(log.clone());
        };
        let (client, scratch) = (Client::new(address), scratch.clone());
        Ok(Self { client, child, running: true, log, reader: Some(reader), scratch })
    }

    /// The database it works on.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has logged a text.
    ///
    /// # Panics
    /// If it does not within ten seconds.
    pub fn wait_for_log(&self, text: &str) {
        for _ in 0..1_000 {
            if self.log().contains(text) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{text:?} is not logged:\n{}", self.log());
    }

    /// How much memory it has, in KiB.
    ///
    /// # Panics
    /// If the system does not report it.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap()
    }

    /// How many files and connections it has open.
    ///
    /// # Panics
    /// If the system does not report it.
    #[must_use]
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Asks it to end (SIGTERM), without waiting.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Stops it where it is (SIGSTOP).
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes it (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it (SIGKILL), like a power cut.
    pub fn kill9(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Waits for its end; the exit code, or `None` if a signal ended it.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn wait(&mut self) -> Option<i32> {
        let status = self.child.wait().unwrap();
        if self.running {
            self.running = false;
            guard::ended(self.child.id());
            if let Some(reader) = self.reader.take() {
                reader.join().unwrap();
            }
        }
        status.code()
    }

    /// Ends it, and starts another on the same database.
    #[must_use]
    pub fn restart(mut self) -> Self {
        self.kill9();
        Self::start(&self.scratch)
    }

    /// The members of all pages of a list.
    #[must_use]
    pub fn all(&self, path: &str) -> Vec<Value> {
        self.client.all(path)
    }

    /// Checks that the server still works after all requests, and holds the three sample services
    /// and these orders, nothing else.
    ///
    /// # Panics
    /// If it is not, or does not.
    pub fn assert_untouched(&self, orders: &[Value]) {
        assert_eq!(self.all("/orders"), orders);
        assert_eq!(self.all("/services").len(), 3);
        self.get("/healthz").assert_status(200);
        self.get("/readyz").assert_status(200);
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }

    fn signal(&self, signal: Signal) {
        // An id that was waited for may be another process's by now.
        if self.running {
            kill_process(Pid::from_child(&self.child), signal)
                .expect("the server can be signalled");
        }
    }
}

impl Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.running {
            self.kill9();
        }
        if std::thread::panicking() {
            // Captured by libtest, and shown with the failure.
            let log = self.log();
            let tail = log.char_indices().rev().nth(4_000).map_or(0, |(start, _)| start);
            eprintln!("log of the server:\n{}", log.get(tail..).unwrap_or_default());
        }
    }
}

/// Reads the log to its end in a thread of its own, and sends the address once it is there.
fn keep_log(stderr: ChildStderr, log: Arc<Mutex<String>>) -> (JoinHandle<()>, Receiver<String>) {
    let (sender, receiver) = channel();
    let reader = spawn(move || {
        let mut lines = BufReader::new(stderr);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            log.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            if let Some((_, rest)) = text.split_once("listening on http") {
                let rest = rest.trim_start_matches(['s', ':', '/']);
                let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
                let address = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                // A second such line is ignored.
                drop(sender.send(address.to_owned()));
            }
            line.clear();
        }
    });
    (reader, receiver)
}

/// How long a client waits for what never takes long: only to end a test that hangs.
pub(crate) const HANG: Duration = Duration::from_mins(5);
