//! The spellings of `datetime`: which are accepted, which are rejected, and how responses write them.

use orders_tests::{Database, Server, bare_order};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

#[apply(both_databases)]
fn every_spelling_of_an_instant_is_answered_in_utc_with_three_decimals(database: Database) {
    let server = Server::fresh(database);
    for (sent, answered) in [
        ("2022-11-01T11:11:11.111Z", "2022-11-01T11:11:11.111Z"),
        ("2022-11-01T11:11:11Z", "2022-11-01T11:11:11.000Z"),
        ("2022-11-01T11:11:11.1Z", "2022-11-01T11:11:11.100Z"),
        ("2022-11-01T11:11:11.12Z", "2022-11-01T11:11:11.120Z"),
        ("2022-11-01t11:11:11.111z", "2022-11-01T11:11:11.111Z"),
        ("2022-11-01T11:11:11.111+00:00", "2022-11-01T11:11:11.111Z"),
        ("2022-11-01T11:11:11.111-00:00", "2022-11-01T11:11:11.111Z"),
        ("2022-11-01T13:11:11.111+02:00", "2022-11-01T11:11:11.111Z"),
        ("2022-11-01T05:41:11.111-05:30", "2022-11-01T11:11:11.111Z"),
        ("2022-11-02T00:56:11.111+13:45", "2022-11-01T11:11:11.111Z"),
        ("2022-11-02T11:10:11.111+23:59", "2022-11-01T11:11:11.111Z"),
        ("2022-10-31T11:12:11.111-23:59", "2022-11-01T11:11:11.111Z"),
        // Finer than a millisecond is cut down, towards the past.
        ("2022-11-01T11:11:11.1119Z", "2022-11-01T11:11:11.111Z"),
        ("2022-11-01T11:11:11.999999999999999999Z", "2022-11-01T11:11:11.999Z"),
        ("2022-12-31T23:59:59.9999999Z", "2022-12-31T23:59:59.999Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("1969-12-31T23:59:58.0009Z", "1969-12-31T23:59:58.000Z"),
        // Leap days.
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
        ("2000-02-29T23:59:59Z", "2000-02-29T23:59:59.000Z"),
        ("2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00.000Z"),
        // The first and the last instant, also where only the conversion brings them in.
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00.000Z"),
        ("0000-12-31T23:00:00-01:00", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.999Z"),
        ("9999-12-31T22:59:59.999-01:00", "9999-12-31T23:59:59.999Z"),
        ("0999-06-15T12:00:00Z", "0999-06-15T12:00:00.000Z"),
    ] {
        let created = server.post("/orders", &bare_order(sent)).assert_status(201).json();
        assert_eq!(created["datetime"], answered, "{sent}");
        let path = format!("/orders/{}", created["id"].as_str().unwrap_or_default());
        assert_eq!(server.get(&path).json(), created, "{sent}");
        assert_eq!(server.all("/orders"), std::slice::from_ref(&created), "{sent}");
        // The same time in another spelling changes nothing.
        assert_eq!(server.put(&path, &bare_order(sent)).assert_status(200).json(), created);
        server.delete(path).assert_status(204);
    }
}

#[apply(both_databases)]
fn what_is_no_instant_is_refused(database: Database) {
    let server = Server::fresh(database);
    let texts = [
        // No offset, or a malformed one.
        "2022-11-01T11:11:11",
        "2022-11-01T11:11:11.111",
        "2022-11-01T11:11:11+02",
        "2022-11-01T11:11:11+0200",
        "2022-11-01T11:11:11+2:00",
        "2022-11-01T11:11:11+24:00",
        "2022-11-01T11:11:11+02:60",
        "2022-11-01T11:11:11+99:99",
        "2022-11-01T11:11:11 +02:00",
        "2022-11-01T11:11:11\u{2212}05:00",
        "2022-11-01T11:11:11+00:00Z",
        "2022-11-01T11:11:11ZZ",
        "2022-11-01T11:11:11UTC",
        "2022-11-01T11:11:11Z[UTC]",
        "2022-11-01T11:11:11+02:00:00",
        // Days and times that do not exist.
        "2022-02-30T00:00:00Z",
        "2022-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2022-04-31T00:00:00Z",
        "2022-00-01T00:00:00Z",
        "2022-13-01T00:00:00Z",
        "2022-01-00T00:00:00Z",
        "2022-01-32T00:00:00Z",
        "2022-11-01T24:00:00Z",
        "2022-11-01T25:00:00Z",
        "2022-11-01T11:60:00Z",
        "2022-11-01T11:11:60Z",
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:60.500Z",
        "2022-11-01T11:11:61Z",
        // Beyond the years, also where only the conversion takes them out.
        "0000-12-31T23:59:59.999Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "+2022-11-01T11:11:11Z",
        "+12022-11-01T11:11:11Z",
        // Other notations.
        "2022-11-01 11:11:11Z",
        "2022-11-01_11:11:11Z",
        "2022-11-01",
        "11:11:11Z",
        "2022-11-01T",
        "2022-11-01T11:11Z",
        "2022-11-01T11Z",
        "2022-11-01T11:11:11.Z",
        "2022-11-01T11:11:11,5Z",
        "20221101T111111Z",
        "2022-W44-2T11:11:11Z",
        "2022-305T11:11:11Z",
        "2022-1-1T1:1:1Z",
        "22-11-01T11:11:11Z",
        "2022/11/01T11:11:11Z",
        "01.11.2022 11:11",
        "1667301071111",
        "Tue, 01 Nov 2022 11:11:11 GMT",
        "now",
        "null",
        "",
        " ",
        "Z",
        "T",
        " 2022-11-01T11:11:11Z",
        "2022-11-01T11:11:11Z ",
        "2022-11-01T11:11:11Z\n",
        "\u{ff12}022-11-01T11:11:11Z",
        "٢٠٢٢-١١-٠١T١١:١١:١١Z",
        "2022-11-01T11:11:11.\u{ff11}Z",
        "2022-11-01T11:11:11.1 Z",
        "2022-11-01T11:11:11.-1Z",
        "2022-11-01T+1:11:11Z",
        "2022\u{2010}11\u{2010}01T11:11:11Z",
        "2022-11-01T11:11:11Z\u{0}",
    ];
    let values =
        [json!(1_667_301_071_111_i64), json!(1.5), json!(true), json!([]), json!({}), json!(null)];
    for wrong in texts.into_iter().map(Value::from).chain(values) {
        let mut body = bare_order("");
        body["datetime"] = wrong;
        let answer = server.post("/orders", &body);
        answer.problem(422, "invalid-order");
        assert_eq!(answer.pointers(), ["/datetime"], "{answer}");
    }
    assert_eq!(server.all("/orders"), Vec::<Value>::new());
}
