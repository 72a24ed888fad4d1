//! The requests of the clients and the expected answers.

mod orders;
mod random;

use self::orders::{HOUR_MS, SERVICE, between_ms, create, id, order, replace, rfc3339, stored_ms};
use self::random::Random;

pub(crate) use self::orders::{CELL_MS, CELLS, FIRST_MS, STORED, WINDOW_MS};

/// A kind of endless traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Traffic {
    /// Creates that are all accepted.
    Create,
    /// Creates that are all rejected.
    Conflict,
    /// Reads of stored orders by id.
    Find,
    /// The first hundred orders.
    Page,
    /// The first hundred orders from a random time.
    PageFrom,
    /// `PUT` of stored orders with another time.
    Move,
    /// 80 of 100 finds, 15 creates, 5 pages.
    Mix,
    /// Atomic batches of 1 000 creates.
    Batch,
    /// Creates between the orders that `seed` has inserted.
    Between,
}

pub(crate) enum Workload {
    /// Creates the one service.
    Service { sent: bool },
    /// Creates `STORED` orders with known ids.
    Store { next: u64 },
    /// Reads one stored order.
    First { sent: bool },
    /// This many non-atomic batches of 10 000 creates.
    Import { next: u64, batches: u64 },
    /// Creates a day apart, each to be sent by many clients.
    SameTime { next: u64 },
    /// Endless traffic.
    Traffic { traffic: Traffic, random: Random, created: u64 },
}

impl Workload {
    pub(crate) fn service() -> Self {
        Self::Service { sent: false }
    }

    pub(crate) fn store() -> Self {
        Self::Store { next: 0 }
    }

    pub(crate) fn first() -> Self {
        Self::First { sent: false }
    }

    pub(crate) fn import(batches: u64) -> Self {
        Self::Import { next: 0, batches }
    }

    pub(crate) fn same_time() -> Self {
        Self::SameTime { next: 0 }
    }

    /// Traffic on a database in which the same traffic has already created `created` orders.
    pub(crate) fn traffic(traffic: Traffic, created: u64) -> Self {
        Self::Traffic { traffic, random: Random::default(), created }
    }

    /// The next request, or `None` at the end.
    pub(crate) fn next_request(&mut self) -> Option<Request> {
        match self {
            Self::Service { sent } => {
                let body = format!(r#"{{"id":{SERVICE},"name":"Inspection"}}"#);
                (!std::mem::replace(sent, true)).then(|| Request::post("/services", body))
            }
            Self::Store { next } => {
                let number = (*next < STORED).then_some(*next)?;
                *next += 1;
                let id_member = format!(r#""id":"{}","#, id(number));
                Some(Request::post("/orders", order(stored_ms(number), &id_member)))
            }
            Self::First { sent } => {
                (!std::mem::replace(sent, true)).then(|| Request::get(format!("/orders/{}", id(0))))
            }
            Self::Import { next, batches } => {
                let number = (*next < *batches).then_some(*next)?;
                *next += 1;
                Some(Request::batch("each", number, 10_000))
            }
            Self::SameTime { next } => {
                *next += 8;
                Some(create(*next))
            }
            Self::Traffic { traffic, random, created } => Some(traffic.request(random, created)),
        }
    }

    /// The number of orders created, including those of earlier traffic.
    pub(crate) fn created(&self) -> u64 {
        match self {
            Self::Traffic { created, .. } => *created,
            Self::Service { .. }
            | Self::Store { .. }
            | Self::First { .. }
            | Self::Import { .. }
            | Self::SameTime { .. } => 0,
        }
    }
}

impl Traffic {
    fn request(self, random: &mut Random, created: &mut u64) -> Request {
        match self {
            Self::Create => {
                *created += 1;
                create(*created - 1)
            }
            Self::Conflict => {
                let body = order(stored_ms(random.below(STORED)) + HOUR_MS, "");
                Request {
                    expected: Expected { status: 409, orders: 1 },
                    ..Request::post("/orders", body)
                }
            }
            Self::Find => Request::get(format!("/orders/{}", id(random.below(STORED)))),
            Self::Page => Request::get("/orders?limit=100".to_owned()),
            Self::PageFrom => {
                let from = rfc3339(stored_ms(random.below(STORED - 100)));
                Request::get(format!("/orders?limit=100&from={from}"))
            }
            Self::Move => replace(random.below(STORED), random.below(HOUR_MS.unsigned_abs())),
            Self::Mix => match random.below(100) {
                0..80 => Self::Find.request(random, created),
                80..95 => {
                    *created += 1;
                    // After all stored orders.
                    Request::post("/orders", order(stored_ms(STORED + *created), ""))
                }
                95.. => Self::Page.request(random, created),
            },
            Self::Batch => {
                *created += 1;
                Request::batch("atomic", *created - 1, 1_000)
            }
            Self::Between => {
                *created += 1;
                Request::post("/orders", order(between_ms(*created - 1), ""))
            }
        }
    }
}

/// The expected answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// The number of orders in the request. In a batch each has its own status.
    pub(crate) orders: u32,
}

pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) expected: Expected,
}

impl Expected {
    pub(crate) fn is_met_by(self, status: u16, body: &[u8]) -> bool {
        let rejected = br#""status":4"#;
        let is_rejected = |body: &[u8]| body.windows(rejected.len()).any(|part| part == rejected);
        status == self.status && (self.orders == 1 || !is_rejected(body))
    }
}

impl Request {
    fn get(path: String) -> Self {
        let expected = Expected { status: 200, orders: 1 };
        Self { method: "GET", path, body: String::new(), expected }
    }

    fn post(path: &str, body: String) -> Self {
        let expected = Expected { status: 201, orders: 1 };
        Self { method: "POST", path: path.to_owned(), body, expected }
    }

    /// The batch with this number, if all batches have this size.
    fn batch(mode: &str, number: u64, size: u32) -> Self {
        let first = number * u64::from(size);
        let operations: Vec<String> = (first..first + u64::from(size))
            .map(|number| format!(r#"{{"op":"create","order":{}}}"#, create(number).body))
            .collect();
        let body = format!(r#"{{"mode":"{mode}","operations":[{}]}}"#, operations.join(","));
        let expected = Expected { status: 200, orders: size };
        Self { expected, ..Self::post("/orders/batch", body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(traffic: Traffic, number: usize) -> Vec<String> {
        let mut workload = Workload::traffic(traffic, 0);
        (0..number).filter_map(|_| workload.next_request()).map(|request| request.body).collect()
    }

    #[test]
    fn created_orders_are_three_hours_apart() {
        let bodies = bodies(Traffic::Create, 2);
        assert!(bodies[0].contains("2030-01-01T00:00:00.000Z"), "{}", bodies[0]);
        assert!(bodies[1].contains("2030-01-01T03:00:00.000Z"), "{}", bodies[1]);
    }

    #[test]
    fn a_batch_continues_after_the_previous_one() {
        let bodies = bodies(Traffic::Batch, 2);
        assert_eq!(bodies[1].matches(r#""op":"create""#).count(), 1_000);
        let first = order(FIRST_MS + 1_000 * WINDOW_MS, "");
        assert!(!bodies[0].contains(&first) && bodies[1].contains(&first));
    }

    #[test]
    fn every_find_reads_a_stored_order() {
        let mut store = Workload::store();
        let stored = std::iter::from_fn(|| store.next_request()).count();
        assert_eq!(u64::try_from(stored), Ok(STORED));
        let mut find = Workload::traffic(Traffic::Find, 0);
        for _ in 0..1_000 {
            let path = find.next_request().map(|request| request.path).unwrap_or_default();
            let number: u64 = path.trim_start_matches("/orders/order-").parse().unwrap();
            assert!(number < STORED, "{path}");
        }
    }

    #[test]
    fn the_mix_is_eighty_fifteen_five() {
        let mut mix = Workload::traffic(Traffic::Mix, 0);
        let requests: Vec<Request> = (0..20_000).filter_map(|_| mix.next_request()).collect();
        let share = |is: &dyn Fn(&Request) -> bool| {
            requests.iter().filter(|request| is(request)).count().div_ceil(200)
        };
        assert!(share(&|request| request.path.starts_with("/orders/order-")).abs_diff(80) <= 1);
        assert!(share(&|request| request.method == "POST").abs_diff(15) <= 1);
        assert!(share(&|request| request.path.ends_with("limit=100")).abs_diff(5) <= 1);
    }

    #[test]
    fn a_batch_with_one_rejection_is_unexpected() {
        let batch = Expected { status: 200, orders: 2 };
        assert!(batch.is_met_by(200, br#"{"results":[{"status":201},{"status":201}]}"#));
        assert!(!batch.is_met_by(200, br#"{"results":[{"status":201},{"status":409}]}"#));
        let rejection = Expected { status: 409, orders: 1 };
        assert!(rejection.is_met_by(409, br#"{"status":409}"#) && !rejection.is_met_by(201, b"{}"));
    }
}
