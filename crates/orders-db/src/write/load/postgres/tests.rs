//! The SQL of a load, as it is sent.

use orders_core::decide::OwnKey;
use orders_core::policy::CalendarId;
use orders_core::{OrderId, ServiceId, Timestamp};

use super::*;

#[test]
fn all_that_is_needed_is_loaded_by_one_statement() {
    let nothing = Needs::default();
    let span = |reach| {
        let (from, to) = (Timestamp::MIN, Timestamp::MAX);
        Span { calendar: CalendarId::Global, from, to, reach }
    };
    let key = orders_core::decide::IdempotencyKey::parse("k").unwrap();
    let everything = Needs {
        orders: [OrderId::parse("a").unwrap()].into(),
        services: [ServiceId::new(1).unwrap()].into(),
        spans: [span(Reach::All), span(Reach::First(9)), span(Reach::Last(9))].into(),
        keys: [OwnKey { caller: orders_core::Actor::new("me"), key }].into(),
    };
    for (name, needs) in [("nothing", nothing), ("everything", everything)] {
        let sql = crate::sql_text(&diesel::debug_query::<Pg, _>(&query(&needs)));
        insta::assert_snapshot!(format!("load_{name}"), sql);
    }
}
