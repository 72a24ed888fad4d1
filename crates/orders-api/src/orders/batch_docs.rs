//! The documentation of batches.

use actix_web::http::StatusCode;

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
        .reads::<BatchBody>("application/json")
        .returns(
            Answer::ok("The result of each operation, in order, including those that failed")
                .json::<ResultsView>(),
        )
        .fails_with(&[JSON, BODY, WRITE, &[Code::InvalidBatch]])
        .with_idempotency_key();
    let refused = |this: Description, status| this.fails_with_status(status, Code::BatchRefused);
    REFUSED.into_iter().fold(description, refused)
}
