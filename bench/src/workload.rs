//! What clients ask for: an endless row of requests of one kind, and what each must be answered.

mod orders;
mod random;

use self::orders::{HOUR_MS, SERVICE, between_ms, create, id, instant, order, replace, stored_ms};
use self::random::Random;

pub(crate) use self::orders::{CALENDAR, FIRST_MS, STORED, STRETCH_MS, WINDOW_MS};

/// What one kind of client does all day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Traffic {
    /// Creates, none of which is refused.
    Create,
    /// Creates, each of which is refused.
    Conflict,
    /// Stored orders, one by one.
    Find,
    /// The first hundred orders.
    Page,
    /// The hundred orders behind one time or another.
    PageFrom,
    /// Stored orders, given another time by PUT.
    Move,
    /// 80 of 100 finds, 15 creates, 5 pages.
    Mix,
    /// Batches of 1 000 creates, all or nothing.
    Batch,
    /// Creates between the orders of a calendar laid out by `seed`.
    Between,
}

pub(crate) enum Workload {
    /// The one service, then no more.
    Service { sent: bool },
    /// `STORED` orders with known ids, then no more.
    Store { next: u64 },
    /// One stored order, then no more.
    First { sent: bool },
    /// Batches that are not atomic, of 10 000 creates, so many of them.
    Import { next: u64, batches: u64 },
    /// One instant after another, a day apart.
    SameTime { next: u64 },
    /// What never ends.
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

    /// Traffic on a database in which `created` orders were created by the same traffic before.
    pub(crate) fn traffic(traffic: Traffic, created: u64) -> Self {
        Self::Traffic { traffic, random: Random::default(), created }
    }

    /// The next request, or `None` when there are no more.
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

    /// How many orders its creates have made, those before it included.
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
                let from = instant(stored_ms(random.below(STORED - 100)));
                Request::get(format!("/orders?limit=100&from={from}"))
            }
            Self::Move => replace(random.below(STORED), random.below(HOUR_MS.unsigned_abs())),
            Self::Mix => match random.below(100) {
                0..80 => Self::Find.request(random, created),
                80..95 => {
                    *created += 1;
                    // After all stored ones.
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

/// What an answer must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// How many orders the request is about; in a batch each has a status of its own.
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
        let refused = br#""status":4"#;
        let is_refused = |body: &[u8]| body.windows(refused.len()).any(|part| part == refused);
        status == self.status && (self.orders == 1 || !is_refused(body))
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

    /// The batch of that number, if all are of that size.
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
    fn a_batch_goes_on_where_the_last_one_ended() {
        let bodies = bodies(Traffic::Batch, 2);
        assert_eq!(bodies[1].matches(r#""op":"create""#).count(), 1_000);
        let first = order(FIRST_MS + 1_000 * WINDOW_MS, "");
        assert!(!bodies[0].contains(&first) && bodies[1].contains(&first));
    }

    #[test]
    fn the_stored_orders_end_and_every_find_asks_for_one_of_them() {
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
    fn a_batch_with_one_refusal_is_not_what_is_expected() {
        let batch = Expected { status: 200, orders: 2 };
        assert!(batch.is_met_by(200, br#"{"results":[{"status":201},{"status":201}]}"#));
        assert!(!batch.is_met_by(200, br#"{"results":[{"status":201},{"status":409}]}"#));
        let refusal = Expected { status: 409, orders: 1 };
        assert!(refusal.is_met_by(409, br#"{"status":409}"#) && !refusal.is_met_by(201, b"{}"));
    }
}
