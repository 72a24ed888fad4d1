//! What clients ask for: an endless row of requests of one kind, and the status each must get.

use chrono::{DateTime, SecondsFormat, Utc};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// 2030-01-01T00:00:00Z.
const FIRST_MS: i64 = 1_893_456_000_000;

/// How many orders a database to read from holds.
pub(crate) const STORED: u64 = 5_000;

/// Wide enough apart that there is room between two of them, so that a refusal offers real instants.
const STORED_EVERY_MS: i64 = 9 * HOUR_MS;

/// The service, by its number, that every order uses.
const SERVICE: u32 = 123;

pub(crate) enum Workload {
    /// The one service, then no more.
    Service { sent: bool },
    /// `STORED` orders with known ids, then no more.
    Store { next: u64 },
    /// Orders exactly three hours apart, so that none is refused.
    Create { next: i64 },
    /// Orders an hour after a stored one.
    Conflict(Dice),
    /// Stored orders, one by one, in random order.
    Find(Dice),
}

impl Workload {
    pub(crate) fn service() -> Self {
        Self::Service { sent: false }
    }

    pub(crate) fn store() -> Self {
        Self::Store { next: 0 }
    }

    pub(crate) fn create() -> Self {
        Self::Create { next: 0 }
    }

    pub(crate) fn conflict() -> Self {
        Self::Conflict(Dice::default())
    }

    pub(crate) fn find() -> Self {
        Self::Find(Dice::default())
    }

    /// Method, path and body of the next request, or `None` when there are no more.
    pub(crate) fn next_request(&mut self) -> Option<Request> {
        match self {
            Self::Service { sent } => {
                let body = format!(r#"{{"id":{SERVICE},"name":"Inspection"}}"#);
                (!std::mem::replace(sent, true)).then(|| Request::post("/services", body))
            }
            Self::Store { next } => {
                let number = (*next < STORED).then_some(*next)?;
                *next += 1;
                Some(create(stored_ms(number), &format!(r#""id":"{}","#, stored_id(number))))
            }
            Self::Create { next } => {
                let datetime_ms = FIRST_MS + *next * 3 * HOUR_MS;
                *next += 1;
                Some(create(datetime_ms, ""))
            }
            Self::Conflict(dice) => Some(create(stored_ms(dice.below(STORED)) + HOUR_MS, "")),
            Self::Find(dice) => {
                Some(Request::get(format!("/orders/{}", stored_id(dice.below(STORED)))))
            }
        }
    }

    /// The status that every answer must have.
    pub(crate) fn expected_status(&self) -> u16 {
        match self {
            Self::Service { .. } | Self::Store { .. } | Self::Create { .. } => 201,
            Self::Conflict(_) => 409,
            Self::Find(_) => 200,
        }
    }
}

pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Request {
    fn get(path: String) -> Self {
        Self { method: "GET", path, body: String::new() }
    }

    fn post(path: &str, body: String) -> Self {
        Self { method: "POST", path: path.to_owned(), body }
    }
}

fn create(datetime_ms: i64, id_member: &str) -> Request {
    let datetime = DateTime::<Utc>::from_timestamp_millis(datetime_ms)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true);
    let body = format!(
        r#"{{{id_member}"datetime":"{datetime}","totalfee":100,"services":[{{"id":"{SERVICE}"}}]}}"#
    );
    Request::post("/orders", body)
}

fn stored_id(number: u64) -> String {
    format!("order-{number:08}")
}

fn stored_ms(number: u64) -> i64 {
    FIRST_MS + i64::try_from(number).unwrap_or(0) * STORED_EVERY_MS
}

/// Numbers that look random and are the same in each run (xorshift).
pub(crate) struct Dice(u64);

impl Default for Dice {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_orders_are_three_hours_apart() {
        let mut workload = Workload::create();
        let bodies: Vec<String> =
            (0..2).filter_map(|_| workload.next_request()).map(|request| request.body).collect();
        assert!(bodies[0].contains("2030-01-01T00:00:00.000Z"), "{}", bodies[0]);
        assert!(bodies[1].contains("2030-01-01T03:00:00.000Z"), "{}", bodies[1]);
    }

    #[test]
    fn the_stored_orders_end_and_every_find_asks_for_one_of_them() {
        let mut store = Workload::store();
        let stored = std::iter::from_fn(|| store.next_request()).count();
        assert_eq!(u64::try_from(stored), Ok(STORED));
        let mut find = Workload::find();
        for _ in 0..1_000 {
            let path = find.next_request().map(|request| request.path).unwrap_or_default();
            let number: u64 = path.trim_start_matches("/orders/order-").parse().unwrap();
            assert!(number < STORED, "{path}");
        }
    }
}
