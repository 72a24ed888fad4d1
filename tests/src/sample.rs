//! Orders to send: the sample data of the contract, and orders by their time.

use serde_json::{Value, json};

use crate::time::at;

/// The sample data: three services, and three orders at the same time.
#[must_use]
pub fn sample_data() -> Value {
    json!({
        "services": [
            {"id": 123, "name": "Inspection"},
            {"id": 789, "name": "Testing"},
            {"id": 456, "name": "Analysis"}
        ],
        "orders": [
            {"id": "223", "datetime": "2022-11-01T11:11:11.111Z", "totalfee": 100,
             "services": [{"id": "123"}]},
            {"id": "224", "datetime": "2022-11-01T11:11:11.111Z", "totalfee": 100,
             "services": [{"id": "789"}]},
            {"id": "225", "datetime": "2022-11-01T11:11:11.111Z", "totalfee": 100,
             "services": [{"id": "456"}]}
        ]
    })
}

/// An order with an id, at a time in epoch milliseconds.
#[must_use]
pub fn order(id: &str, millis: i64) -> Value {
    json!({"id": id, "datetime": at(millis), "totalfee": 100, "services": [{"id": "123"}]})
}

/// An order without an id, at a time as spelled.
#[must_use]
pub fn bare_order(datetime: &str) -> Value {
    json!({"datetime": datetime, "totalfee": 100, "services": [{"id": "123"}]})
}
