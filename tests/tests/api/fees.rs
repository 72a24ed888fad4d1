//! The spellings of `totalfee`: exact to the hundredth, never rounded, never a float.

use orders_tests::{Answer, Database, Server, raw_post};
use rstest_reuse::apply;
use serde_json::Value;

use crate::both_databases;

/// The body of an order with its fee spelled so.
fn with_fee(spelled: &str) -> String {
    format!(
        r#"{{"id":"a","datetime":"2022-11-01T11:11:11.111Z","totalfee":{spelled},"services":[{{"id":"123"}}]}}"#
    )
}

/// The spelling of the fee in a response, before any JSON library has parsed it.
fn spelled(answer: &Answer) -> String {
    let text = answer.text();
    let (_, rest) = text.split_once("\"totalfee\":").unwrap_or_default();
    rest.split([',', '}']).next().unwrap_or_default().trim().to_owned()
}

#[apply(both_databases)]
fn every_spelling_of_a_fee_is_answered_with_the_fewest_digits(database: Database) {
    let server = Server::fresh(database);
    let thousand_zeros = format!("1.{}", "0".repeat(1_000));
    let padded = format!("0.{}e400", "0".repeat(399) + "5");
    for (sent, answered) in [
        ("100", "100"),
        ("1e2", "100"),
        ("1E2", "100"),
        ("1e+2", "100"),
        ("1.0e2", "100"),
        ("100.0", "100"),
        ("100.00", "100"),
        ("100.000", "100"),
        ("10000e-2", "100"),
        ("\"100\"", "100"),
        ("\"1e2\"", "100"),
        ("\"100.00\"", "100"),
        ("1e002", "100"),
        ("99.5", "99.5"),
        ("99.50", "99.5"),
        ("\"99.50\"", "99.5"),
        ("\"99.5000\"", "99.5"),
        ("0.1", "0.1"),
        ("0.10", "0.1"),
        ("1e-1", "0.1"),
        ("0.01", "0.01"),
        ("1e-2", "0.01"),
        ("10e-3", "0.01"),
        ("0.05", "0.05"),
        ("1.05", "1.05"),
        ("10.10", "10.1"),
        ("0", "0"),
        ("0.0", "0"),
        ("0.00", "0"),
        ("0e5", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e999999999999999999999", "0"),
        ("0.000e-99999999999", "0"),
        ("\"0\"", "0"),
        // Where binary floating point would go wrong.
        ("0.07", "0.07"),
        ("0.29", "0.29"),
        ("0.57", "0.57"),
        ("1.15", "1.15"),
        ("4.35", "4.35"),
        ("1.1", "1.1"),
        ("2.675e2", "267.5"),
        ("1001.11", "1001.11"),
        ("8.41", "8.41"),
        ("70368744177.93", "70368744177.93"),
        ("562949953421.31", "562949953421.31"),
        ("999999999999.99", "999999999999.99"),
        ("999999999999.990", "999999999999.99"),
        ("99999999999999e-2", "999999999999.99"),
        ("9.9999999999999e11", "999999999999.99"),
        ("\"999999999999.99\"", "999999999999.99"),
        ("999999999999.9", "999999999999.9"),
        ("1e11", "100000000000"),
        ("100000000000", "100000000000"),
        ("999999999999", "999999999999"),
        (&thousand_zeros, "1"),
        (&padded, "5"),
    ] {
        let created = raw_post(server.address(), "/orders", with_fee(sent).as_bytes());
        assert_eq!(spelled(&created.clone().assert_status(201)), answered, "{sent}");
        assert_eq!(spelled(&server.get("/orders/a")), answered, "{sent}");
        assert_eq!(spelled(&server.get("/orders")), answered, "{sent}");
        // The same amount in another spelling changes nothing.
        let put = server.request("PUT", "/orders/a").body(with_fee(sent)).send();
        assert_eq!(put.assert_status(200).json(), created.json(), "{sent}");
        server.delete("/orders/a").assert_status(204);
    }
}

#[apply(both_databases)]
fn what_is_no_fee_is_refused(database: Database) {
    let server = Server::fresh(database);
    let many = format!("1{}", "0".repeat(400));
    let fine = format!("1.{}1", "0".repeat(400));
    for wrong in [
        // Too precise: rejected, never rounded.
        "1.005",
        "0.001",
        "1e-3",
        "0.999",
        "99.999",
        "99.501",
        "1.23e-1",
        "\"1.005\"",
        "999999999999.991",
        "1e-400",
        "1e-99999999999999999999",
        &fine,
        // Out of range.
        "-1",
        "-0.01",
        "-1e2",
        "\"-1\"",
        "1000000000000",
        "999999999999.995",
        "1e12",
        "1e400",
        "1e99999999999999999999",
        "1000000000000.00",
        "\"1e12\"",
        "9223372036854775807",
        "18446744073709551616",
        "92233720368547758.08",
        "-1e99999999999999999999",
        &many,
        // No number.
        "null",
        "true",
        "false",
        "[]",
        "[1]",
        "{}",
        "{\"amount\":1}",
        "\"\"",
        "\" \"",
        "\" 1\"",
        "\"1 \"",
        "\"1\\n\"",
        "\"+1\"",
        "\"01\"",
        "\"00\"",
        "\".5\"",
        "\"1.\"",
        "\"1e\"",
        "\"e1\"",
        "\"0x10\"",
        "\"1,000\"",
        "\"1,5\"",
        "\"1_000\"",
        "\"NaN\"",
        "\"Infinity\"",
        "\"-Infinity\"",
        "\"inf\"",
        "\"ten\"",
        "\"$1\"",
        "\"1 EUR\"",
        "\"१\"",
        "\"\u{ff11}\"",
        "\"1\u{a0}\"",
        "\"--1\"",
        "\"1e1.5\"",
        "\"1.2.3\"",
        "\"null\"",
        "\"1f\"",
    ] {
        let answer = raw_post(server.address(), "/orders", with_fee(wrong).as_bytes());
        answer.problem(422, "invalid-order");
        assert_eq!(answer.pointers(), ["/totalfee"], "{answer}");
    }
    // What JSON does not take for a number is no JSON.
    for wrong in
        ["01", "00", "+1", ".5", "1.", "1e", "0x10", "NaN", "Infinity", "-", "--1", "1_000", "1,5"]
    {
        let answer = raw_post(server.address(), "/orders", with_fee(wrong).as_bytes());
        answer.problem(400, "malformed-json");
    }
    assert_eq!(server.all("/orders"), Vec::<Value>::new());
}
