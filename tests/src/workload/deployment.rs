//! The processes and their database, with TCP proxies that can be closed on every way between them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::wire::{read_event, read_order, send};
use super::{RandomWorkload, Shared};
use crate::history::{Change, Ending, Event, Operation, Order, Request, Scope, Violation};
use crate::time::at;
use crate::{
    Database, HOUR, Postgres, Run, Scratch, Server, Setup, TcpProxy, orders_api, sample_data,
};

/// Far away from where all others are.
const FAR: i64 = 1_800_000_000_000;
/// The longest time to recovery after the last fault. No response takes longer than 5 seconds.
const RECOVERY: Duration = Duration::from_secs(30);

pub(super) struct Deployment {
    scratch: Scratch,
    pub(super) postgres: Option<Postgres>,
    pub(super) processes: Vec<Process>,
}

/// A process, with the way to it and its way to its database.
pub(super) struct Process {
    pub(super) server: Server,
    pub(super) front: TcpProxy,
    pub(super) back: Option<TcpProxy>,
    url: String,
}

/// An order of one client's own, and how it is given another fee.
pub(super) fn anchor(number: usize, fee: u64) -> (String, Change) {
    let place = i64::try_from(number).unwrap();
    let datetime = Some(FAR + place * 24 * HOUR);
    (format!("anchor{number}"), Change { datetime, fee: Some(fee), services: Some(vec![123]) })
}

impl Process {
    /// Lines of its log that must not be there: a panic, or a constraint of the database
    /// that rejected a decided write.
    pub(super) fn complaint(&self) -> Option<Violation> {
        let log = self.server.log();
        let bad = |line: &&str| {
            line.contains("panicked") || line.contains("the database refused what was decided")
        };
        let lines: Vec<String> = log.lines().filter(bad).take(3).map(str::to_owned).collect();
        let what = "a process panicked, or wrote what the database had to refuse".to_owned();
        (!lines.is_empty()).then_some(Violation { what, about: lines })
    }
}

impl Deployment {
    /// Starts all there is, with the sample data and the clients' own orders.
    pub(super) fn made(workload: &RandomWorkload) -> Self {
        let scratch = Database::Sqlite.fresh();
        let postgres = match workload.database {
            Database::Sqlite => None,
            Database::Postgres => Some(Postgres::fresh()),
        };
        let mut deployment = Self { scratch, postgres, processes: Vec::new() };
        for number in 0..workload.processes {
            let back =
                deployment.postgres.as_ref().map(|postgres| TcpProxy::to(postgres.address()));
            let url = match &back {
                Some(back) => format!("postgres://orders@{}/orders", back.address),
                None => deployment.scratch.url(),
            };
            let arguments: &[&str] = if number == 0 { &["--sample-data"] } else { &[] };
            let setup = Setup { arguments, url: Some(&url), ..Setup::default() };
            let server = Server::start_as(&deployment.scratch, &setup);
            let front = TcpProxy::to(server.address().to_owned());
            deployment.processes.push(Process { server, front, back, url });
        }
        // One more than there are clients: for the fence.
        for number in 0..=workload.clients {
            let (id, change) = anchor(number, 1);
            let datetime = at(change.datetime.unwrap_or_default());
            let body =
                json!({"id": id, "datetime": datetime, "totalfee": 1, "services": [{"id": "123"}]});
            deployment.first().post("/orders", &body).assert_status(201);
        }
        deployment
    }

    fn first(&self) -> &Server {
        &self.processes[0].server
    }

    /// The ids of the sample orders, which are exempt from each other.
    pub(super) fn sample_group() -> Vec<String> {
        let orders = sample_data()["orders"].as_array().cloned().unwrap_or_default();
        orders.iter().filter_map(|order| order["id"].as_str()).map(str::to_owned).collect()
    }

    /// The addresses that clients use.
    pub(super) fn fronts(&self) -> Vec<String> {
        self.processes.iter().map(|process| process.front.address.clone()).collect()
    }

    /// Starts a process again that has ended.
    pub(super) fn restart(&mut self, number: usize) {
        let process = &mut self.processes[number];
        let setup = Setup { url: Some(&process.url), ..Setup::default() };
        process.server = Server::start_as(&self.scratch, &setup);
        process.front.redirect(process.server.address().to_owned());
    }

    /// Waits until all processes are ready, and writes through each of them. Afterwards no earlier
    /// transaction holds the lock.
    pub(super) fn fence(&self, shared: &Shared, client: usize) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (process, it) in self.processes.iter().enumerate() {
            let server = &it.server;
            let start = Instant::now();
            while server.get("/readyz").status != 200 {
                assert!(start.elapsed() < RECOVERY, "process {process} does not get well");
                sleep(Duration::from_millis(20));
            }
            loop {
                let (number, begin) = (shared.number(), shared.now());
                let (id, change) = anchor(client, number);
                let request = Request::Update { id, change, if_match: None };
                let ending = send(server, &request, None);
                let is_told = matches!(ending, Ending::Told { .. });
                let (key, end) = (None, shared.now());
                operations.push(Operation {
                    number,
                    client,
                    process,
                    request,
                    key,
                    begin,
                    end,
                    ending,
                });
                if is_told {
                    break;
                }
                assert!(start.elapsed() < RECOVERY, "process {process} does not write");
                sleep(Duration::from_millis(20));
            }
        }
        operations
    }

    /// All events after one, and the orders after them.
    pub(super) fn at_rest(&self, after: u64) -> (Vec<Event>, Vec<Order>) {
        let mut events = self.events(after);
        loop {
            let orders = self.orders();
            let last = events.last().map_or(after, |event| event.sequence);
            // What a client has given up waiting for may still have been on its way.
            let more = self.events(last);
            if more.is_empty() {
                return (events, orders);
            }
            events.extend(more);
        }
    }

    pub(super) fn events(&self, after: u64) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let after = events.last().map_or(after, |event| event.sequence);
            let page = self.first().get(format!("/events?after={after}&limit=1000"));
            let page = page.assert_status(200).json();
            let data = page["data"].as_array().expect("a page has data");
            if data.is_empty() {
                return events;
            }
            events.extend(data.iter().map(read_event));
        }
    }

    pub(super) fn orders(&self) -> Vec<Order> {
        self.first().all("/orders").iter().map(read_order).collect()
    }

    /// Sets what shares a calendar, past the processes that run.
    pub(super) fn set_scope(&self, scope: Scope) {
        let scope = match scope {
            Scope::Global => "global",
            Scope::Service => "service",
        };
        drop(self.run(&["policy", "set", "--scope", scope]).assert_fine());
    }

    /// What the doctor finds, and the logs of the processes that run.
    pub(super) fn complaints(&self) -> Vec<Violation> {
        let run = self.run(&["doctor"]);
        let found = (run.code != Some(0)).then(|| Violation {
            what: "the doctor finds something".to_owned(),
            about: vec![run.stdout, run.stderr],
        });
        let told = self.processes.iter().filter_map(Process::complaint);
        told.chain(found).collect()
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let url = match &self.postgres {
            Some(postgres) => postgres.url(),
            None => self.scratch.url(),
        };
        orders_api(self.scratch.dir(), &[("ORDERS_DATABASE_URL", &url)], arguments)
    }
}
