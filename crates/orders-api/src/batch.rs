//! The handler of batches: parse, call, render.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::{Batch, Done, Mode, Refusal};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::wire::{BatchBody, OrderView, ResultView, read_batch};
use crate::{body, headers, middleware, query};

#[derive(Serialize)]
struct ResultsView {
    results: Vec<Box<RawValue>>,
}

/// `POST /orders/batch`
pub(crate) async fn change(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    query::none(&request)?;
    headers::accepts_json(&request)?;
    headers::sends_json(&request)?;
    let required = app.require_if_match;
    let batch = body::read_large(&request, payload, |json| read_batch(json, required)).await?;
    let mode = batch.mode;
    let results = judge(&app, batch).await?;
    let rendered = render(&results, request.path(), &middleware::id_of(&request))?;
    match results.iter().find_map(|result| result.as_ref().err()) {
        Some(_) if mode == Mode::Atomic => {
            let attempted = |problem: &&Problem| problem.status() != StatusCode::FAILED_DEPENDENCY;
            let mut refusals = results.iter().filter_map(|result| result.as_ref().err());
            let first = refusals.find(attempted).ok_or_else(unexplained)?;
            Err(Problem::of_batch(first, rendered))
        }
        Some(_) | None => Ok(HttpResponse::Ok().json(ResultsView { results: rendered })),
    }
}

/// What became of each operation.
async fn judge(app: &App, batch: BatchBody) -> Result<Vec<Result<Done, Problem>>, Problem> {
    let BatchBody { mode, dry_run, operations } = batch;
    let cannot_be_done = mode == Mode::Atomic && operations.iter().any(Result::is_err);
    let (ready, faults): (Vec<_>, Vec<_>) = operations
        .into_iter()
        .map(|operation| {
            operation.map_or_else(|fault| (None, Some(fault)), |ready| (Some(ready), None))
        })
        .unzip();
    let ready: Vec<_> = ready.into_iter().flatten().collect();
    let verdicts = if ready.is_empty() {
        Vec::new()
    } else {
        // Where all of it cannot be done, the rest is still judged, so that all faults are told.
        let batch = Batch::new(mode, dry_run || cannot_be_done, ready)
            .map_err(|error| Problem::new(Code::InvalidBatch, format!("The batch {error}.")))?;
        app.change_orders(batch).await?
    };
    let mut verdicts = verdicts.into_iter();
    let results = faults.into_iter().enumerate().map(|(position, fault)| match fault {
        Some(fault) => Err(fault),
        None => match verdicts.next() {
            Some(Ok(_)) if cannot_be_done => Err(Refusal::NotAttempted.into()),
            Some(Ok(done)) => Ok(done),
            Some(Err(refusal)) => {
                Err(Problem::from(refusal).under(&format!("/operations/{position}/order")))
            }
            None => Err(unexplained()),
        },
    });
    Ok(results.collect())
}

fn render(
    results: &[Result<Done, Problem>],
    instance: &str,
    request_id: &str,
) -> Result<Vec<Box<RawValue>>, Problem> {
    let view = |result: &Result<Done, Problem>| {
        let (status, order, problem) = match result {
            Ok(Done::Created(order)) => (StatusCode::CREATED, Some(OrderView::of(order)), None),
            Ok(Done::Updated(order) | Done::Unchanged(order) | Done::Restored(order)) => {
                (StatusCode::OK, Some(OrderView::of(order)), None)
            }
            Ok(Done::Deleted(_)) => (StatusCode::NO_CONTENT, None, None),
            Err(problem) => (problem.status(), None, Some(problem.view(instance, request_id))),
        };
        let view = ResultView { status: status.as_u16(), order, problem };
        to_raw_value(&view).map_err(|error| Problem::unexpected(error.to_string()))
    };
    results.iter().map(view).collect()
}

fn unexplained() -> Problem {
    Problem::unexpected("an operation of a batch has no verdict")
}
