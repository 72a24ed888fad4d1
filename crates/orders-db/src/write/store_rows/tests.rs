//! The SQL of what is stored, as it is sent.

use std::num::NonZeroU64;

use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use orders_core::decide::{Changes, Fingerprint, IdempotencyKey, OwnKey, RowChange};
use orders_core::order::Group;
use orders_core::{
    Actor, Event, EventKind, Fee, Order, OrderContent, OrderId, Policy, ServiceId, Services,
    Timestamp,
};

use super::Writes;
use super::postgres::Write;
use super::sqlite::{CountTo, WriteRow};
use crate::database::rows::StoredResponse;
use crate::database::tables::NewResponse;

fn order(id: &str, hour: i64, service: i64) -> Order {
    let at = Timestamp::from_millis(hour * 3_600_000).unwrap();
    Order {
        id: OrderId::parse(id).unwrap(),
        content: OrderContent {
            datetime: at,
            total_fee: Fee::from_hundredths(100).unwrap(),
            services: Services::new(vec![ServiceId::new(service).unwrap()]).unwrap(),
        },
        version: 1,
        group: Group(NonZeroU64::MIN),
        created_at: Timestamp::MIN,
        updated_at: Timestamp::MIN,
    }
}

fn event(sequence: u64, order: &Order) -> Event {
    let (kind, actor) = (EventKind::Created, Actor::new("me"));
    Event { sequence, kind, time: order.updated_at, actor, order: order.clone() }
}

fn response() -> NewResponse {
    let key = IdempotencyKey::parse("k").unwrap();
    NewResponse {
        key: OwnKey { caller: Actor::new("me"), key },
        fingerprint: Fingerprint::new("f"),
        response: StoredResponse { status: 201, location: None, etag: None, body: Vec::new() },
        expires: Timestamp::MAX,
    }
}

/// A new order alone, and all that a transaction can write.
fn samples() -> [(&'static str, Changes, Vec<NewResponse>); 2] {
    let [new, moved, gone] = [order("new", 9, 1), order("moved", 15, 1), order("gone", 21, 2)];
    let created = RowChange { before: None, after: Some(new.clone()) };
    let alone =
        Changes { rows: vec![created.clone()], events: vec![event(1, &new)], ..Changes::default() };
    let to = order("moved", 18, 2);
    let all = Changes {
        events: vec![event(1, &new), event(2, &to), event(3, &gone)],
        rows: vec![
            created,
            RowChange { before: Some(moved), after: Some(to) },
            RowChange { before: Some(gone), after: None },
        ],
        ..Changes::default()
    };
    [("create", alone, Vec::new()), ("everything", all, vec![response()])]
}

#[test]
fn postgres_stores_by_one_statement() {
    for (name, changes, responses) in samples() {
        let write = Write::new(&Writes::new(&Policy::default(), &changes, &responses));
        insta::assert_snapshot!(
            format!("postgres_{name}"),
            crate::sql_text(&diesel::debug_query::<Pg, _>(&write))
        );
    }
}

#[test]
fn sqlite_stores_row_by_row() {
    for (name, changes, responses) in samples() {
        let writes = Writes::new(&Policy::default(), &changes, &responses);
        let mut statements = Vec::new();
        for part in writes.parts() {
            for row in 0..part.rows {
                let write = WriteRow { part: &part, row };
                statements.push(crate::sql_text(&diesel::debug_query::<Sqlite, _>(&write)));
            }
        }
        let count = CountTo(writes.last_sequence());
        statements.push(crate::sql_text(&diesel::debug_query::<Sqlite, _>(&count)));
        insta::assert_snapshot!(format!("sqlite_{name}"), statements.join("\n"));
    }
}
