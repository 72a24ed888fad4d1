//! The documentation of batches.

use actix_web::http::StatusCode;
use serde_json::json;

use crate::http::openapi::description::{Answer, Description, ORDERS};
use crate::http::openapi::problems::{BODY, JSON, WRITE};
use crate::http::problem::Code;
use crate::orders::batch_request::BatchBody;
use crate::orders::response::ResultsView;

/// The statuses with which an atomic batch can fail: those of its first failed operation.
const REFUSED: [StatusCode; 5] = [
    StatusCode::NOT_FOUND,
    StatusCode::CONFLICT,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::PRECONDITION_REQUIRED,
];

pub(crate) fn change() -> Description {
    let description = Description::new(ORDERS, "changeOrders", "Perform many operations at once")
        .details(
            "Creates, replaces and deletes up to 10 000 orders in one request. In mode \
             `atomic`, all operations succeed or none has an effect. In mode `each`, every \
             valid operation succeeds, and the result of each has its own status. With \
             `dry_run`, nothing is written.",
        )
        .reads::<BatchBody>("application/json")
        .example_body(json!({"mode": "atomic", "operations": [
            {"op": "create", "order": {"id": "226", "datetime": "2022-11-02T09:00:00Z",
                "totalfee": 99.5, "services": [{"id": "123"}]}},
            {"op": "delete", "id": "224", "if_match": 1}
        ]}))
        .returns(
            Answer::ok("The result of each operation, in order, including those that failed")
                .json::<ResultsView>()
                .showing(
                    "/results",
                    json!([
                        {"status": 201, "order": {"id": "226",
                            "datetime": "2022-11-02T09:00:00.000Z", "totalfee": 99.5,
                            "services": [{"id": "123"}], "version": 1,
                            "created_at": "2022-10-20T09:00:00.000Z",
                            "updated_at": "2022-10-20T09:00:00.000Z"}},
                        {"status": 204}
                    ]),
                ),
        )
        .fails_with(&[JSON, BODY, WRITE, &[Code::InvalidBatch]])
        .with_idempotency_key();
    let refused = |this: Description, status| this.fails_with_status(status, Code::BatchRefused);
    REFUSED.into_iter().fold(description, refused)
}
