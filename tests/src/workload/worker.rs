//! One client: sends requests that are likely to conflict, and records the responses.

use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use super::deployment::anchor;
use super::{Shared, wire};
use crate::Random;
use crate::history::{Change, Ending, Operation, Order, Request, Scope};
use crate::{Client, HOUR};

/// The time of the sample orders, around which all orders of the workload lie.
const MIDST: i64 = 1_667_301_071_111;
const WINDOW: i64 = 3 * HOUR;
/// The timeout of a client: less than some faults last.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How often a client retries a key whose outcome it does not know.
const REPEATS: usize = 3;

pub(super) struct Worker<'a> {
    number: usize,
    clients: Vec<Client>,
    random: Random,
    shared: &'a Shared,
    rest: Duration,
    scope: Scope,
    last_key: Option<String>,
    operations: Vec<Operation>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        number: usize,
        fronts: &[String],
        random: Random,
        shared: &'a Shared,
        rest: Duration,
        scope: Scope,
    ) -> Self {
        let client = |front: &String| Client::with_timeout(TIMEOUT, front.clone());
        Self {
            number,
            clients: fronts.iter().map(client).collect(),
            random,
            shared,
            rest,
            scope,
            last_key: None,
            operations: Vec::new(),
        }
    }

    pub(super) fn work(mut self) -> Vec<Operation> {
        while !self.shared.is_over() {
            let fee = self.shared.number();
            let request = self.request(fee);
            let key = self.key(&request, fee);
            for _ in 0..=REPEATS {
                let is_told = self.ask(&request, key.clone());
                // Without a key, a retry could have a second effect. With one it is safe.
                let again = self.random.percent(if is_told { 10 } else { 80 });
                if key.is_none() || !again || self.shared.is_over() {
                    break;
                }
            }
            sleep(self.random.duration_below(self.rest));
        }
        self.operations
    }

    /// Sends a request and records its outcome. Returns whether that is known.
    fn ask(&mut self, request: &Request, key: Option<String>) -> bool {
        let process = self.random.below(self.clients.len());
        let begin = self.shared.now();
        let ending = wire::send(&self.clients[process], request, key.as_deref());
        let end = self.shared.now();
        self.shared.ended.fetch_add(1, Ordering::SeqCst);
        let is_told = match &ending {
            Ending::Told { told, .. } => {
                self.shared.seen().learn(request, told);
                true
            }
            Ending::NotDone(_) | Ending::Unknown(_) => {
                // Do not retry in a busy loop.
                sleep(Duration::from_millis(40));
                false
            }
        };
        let (number, client, request) = (self.shared.number(), self.number, request.clone());
        self.operations.push(Operation {
            number,
            client,
            process,
            request,
            key,
            begin,
            end,
            ending,
        });
        is_told
    }

    /// A key for some writes. A request that may change nothing has none, because no event would
    /// show when its response was stored.
    fn key(&mut self, request: &Request, fee: u64) -> Option<String> {
        let writes = match request {
            Request::Read { .. } | Request::Free { .. } => false,
            Request::Update { change, .. } => change.fee == Some(fee),
            Request::Create { .. }
            | Request::Delete { .. }
            | Request::Restore { .. }
            | Request::Batch { .. } => true,
        };
        if !writes || !self.random.percent(40) {
            return None;
        }
        // Sometimes a key is reused for another request.
        if self.random.percent(4) && self.last_key.is_some() {
            return self.last_key.clone();
        }
        self.last_key = Some(format!("key-{fee}"));
        self.last_key.clone()
    }

    /// A request that is unique by its fee.
    fn request(&mut self, fee: u64) -> Request {
        match self.random.below(100) {
            0..28 => {
                let id = (!self.random.percent(5)).then(|| self.new_id());
                let (datetime, services) = (self.instant(), self.services());
                Request::Create { id, datetime, fee, services }
            }
            28..54 => self.update(fee),
            54..65 => {
                let id = self.known_id();
                let if_match = self.version(&id);
                Request::Delete { id, if_match }
            }
            65..75 => {
                let gone = self.shared.seen().any_gone(&mut self.random);
                Request::Restore { id: gone.unwrap_or_else(|| self.some_id()) }
            }
            75..88 => self.batch(fee),
            88..92 => {
                let (from, services) = (self.instant() - 4 * WINDOW, self.services());
                Request::Free { from, to: from + 8 * WINDOW, services }
            }
            _ => Request::Read { id: self.known_id() },
        }
    }

    fn update(&mut self, fee: u64) -> Request {
        let id = self.known_id();
        let if_match = self.version(&id);
        let (datetime, fee) = (Some(self.instant()), Some(fee));
        let services = Some(self.services());
        let change = match self.random.below(10) {
            0..5 => Change { datetime, fee, services },
            5..7 => Change { datetime, fee, services: None },
            7 => Change { datetime: None, fee, services },
            8 => Change { datetime: None, fee, services: None },
            // As last seen: perhaps nothing changes.
            _ => match self.shared.seen().get(&id) {
                Some(Order { datetime, fee, services, .. }) => Change {
                    datetime: Some(*datetime),
                    fee: Some(*fee),
                    services: Some(services.clone()),
                },
                None => Change { datetime, fee, services },
            },
        };
        Request::Update { id, change, if_match }
    }

    /// A batch whose first operation is identified by its event.
    fn batch(&mut self, fee: u64) -> Request {
        let atomic = self.random.percent(50);
        let mut ids: Vec<String> = (0..3).map(|_| self.known_id()).collect();
        ids.sort();
        ids.dedup();
        self.random.shuffle(&mut ids);
        let mut operations = Vec::new();
        if !atomic {
            // Only this client has this order, and the rule does not apply: the batch always writes.
            let (id, change) = anchor(self.number, fee);
            operations.push(Request::Update { id, change, if_match: None });
        }
        let swapped: Vec<Order> =
            ids.iter().filter_map(|id| self.shared.seen().get(id).cloned()).collect();
        if let (true, true, [a, b, ..]) = (atomic, self.random.percent(40), swapped.as_slice()) {
            // Two orders change places.
            let to = |order: &Order, place: &Order, fee| Request::Update {
                id: order.id.clone(),
                change: Change {
                    datetime: Some(place.datetime),
                    fee: Some(fee),
                    services: Some(place.services.clone()),
                },
                if_match: None,
            };
            return Request::Batch {
                atomic,
                operations: vec![to(a, b, fee), to(b, a, self.shared.number())],
            };
        }
        let mut used = Vec::new();
        for (place, id) in ids.into_iter().enumerate() {
            let fee = if place == 0 && atomic { fee } else { self.shared.number() };
            let (datetime, services) = (self.instant(), self.services());
            let kind = self.random.below(if place == 0 { 2 } else { 3 });
            let id = if kind == 0 { self.new_id() } else { id };
            if used.contains(&id) {
                continue;
            }
            used.push(id.clone());
            operations.push(match kind {
                0 => Request::Create { id: Some(id), datetime, fee, services },
                1 => {
                    let (datetime, fee, services) = (Some(datetime), Some(fee), Some(services));
                    let if_match = self.version(&id);
                    Request::Update { id, change: Change { datetime, fee, services }, if_match }
                }
                _ => Request::Delete { if_match: self.version(&id), id },
            });
        }
        Request::Batch { atomic, operations }
    }

    /// Near the edges of the window around few instants, so that most are in somebody's way, or just
    /// not.
    fn instant(&mut self) -> i64 {
        let places: i64 = match self.scope {
            Scope::Global => 9,
            Scope::Service => 5,
        };
        let place = i64::try_from(self.random.below(usize::try_from(places).unwrap())).unwrap();
        let beside = *self.random.one_of(&[0, 0, 0, 0, 0, 1, -1, 2, HOUR]);
        MIDST + (place - places / 2) * WINDOW + beside
    }

    fn services(&mut self) -> Vec<u64> {
        let all: [&[u64]; 6] = [&[123], &[456], &[789], &[123, 456], &[789, 123], &[456, 123]];
        self.random.one_of(&all).to_vec()
    }

    fn some_id(&mut self) -> String {
        format!("o{}", self.random.below(20))
    }

    /// Mostly one that is not there.
    fn new_id(&mut self) -> String {
        let id = self.some_id();
        if self.shared.seen().get(&id).is_none() { id } else { self.some_id() }
    }

    /// Mostly one that is there.
    fn known_id(&mut self) -> String {
        let sample = ["223", "224", "225"];
        match self.random.below(20) {
            0 => (*self.random.one_of(&sample)).to_owned(),
            1..16 => {
                let seen = self.shared.seen().any(&mut self.random);
                seen.unwrap_or_else(|| self.some_id())
            }
            _ => self.some_id(),
        }
    }

    /// Sometimes the version that was seen last.
    fn version(&mut self, id: &str) -> Option<u64> {
        let version = self.shared.seen().get(id).map(|order| order.version);
        version.filter(|_| self.random.percent(25))
    }
}
