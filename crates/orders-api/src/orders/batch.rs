//! The handler of batches: parse, call, render.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::decide::{Batch, Mode, OperationResult};
use orders_core::{Done, Refusal};
use orders_db::StoredResponse;
use serde_json::value::{RawValue, to_raw_value};

use crate::http::body::{Body, RequestPolicy};
use crate::http::change_request::{ChangeRequest, Rules};
use crate::http::idempotency;
use crate::http::problem::{Code, Problem};
use crate::http::request_context;
use crate::orders::batch_request::{BatchBody, read_batch};
use crate::orders::problems::batch_refused;
use crate::orders::response::{OrderView, ResultView, ResultsView};
use crate::security::rate_limit;
use crate::store_client::StoreClient;

const BATCH: Rules = Rules::large_json(Code::InvalidBatch);

/// `POST /orders/batch`
pub(crate) async fn change(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
    policy: Data<RequestPolicy>,
) -> Result<HttpResponse, Problem> {
    let require_if_match = policy.require_if_match;
    let read = |body: &Body| read_batch(&body.parse()?, require_if_match);
    let ChangeRequest { body: BatchBody { mode, dry_run, operations }, retry, .. } =
        ChangeRequest::read_with(&request, payload, BATCH, read).await?;
    rate_limit::charge_batch(&request, operations.len())?;
    let (ready, faults): (Vec<_>, Vec<_>) = operations
        .into_iter()
        .map(|operation| {
            operation.map_or_else(|fault| (None, Some(fault)), |ready| (Some(ready), None))
        })
        .unzip();
    let ready: Vec<_> = ready.into_iter().flatten().collect();
    let cannot_be_done = mode == Mode::Atomic && faults.iter().any(Option::is_some);
    // An atomic batch with an invalid operation is still decided, so that all errors are reported.
    let dry_run = dry_run || cannot_be_done;
    let batch = if ready.is_empty() {
        Batch::empty(mode)
    } else {
        Batch::new(mode, dry_run, ready)
            .map_err(|error| Problem::new(Code::InvalidBatch, format!("The batch {error}.")))?
    };
    let retry = retry.filter(|_| !dry_run);
    let instance = request.path().to_owned();
    let request_id = request_context::id(&request);
    let report = Arc::new(Report { mode, cannot_be_done, faults, instance, request_id });
    let kept = Arc::clone(&report);
    let to_keep = move |decided: &[OperationResult]| kept.render(decided).ok();
    let changed =
        store.change_orders(request_context::actor(&request), batch, retry, to_keep).await?;
    Ok(changed.respond(|decided| report.render(decided))?.into_response())
}

/// Renders the response to a batch from the results of its valid operations.
struct Report {
    mode: Mode,
    cannot_be_done: bool,
    /// For each operation, its problem if it is invalid.
    faults: Vec<Option<Problem>>,
    instance: String,
    request_id: String,
}

impl Report {
    fn render(&self, decided: &[OperationResult]) -> Result<StoredResponse, Problem> {
        let results = self.results(decided);
        let rendered = results.iter().map(|result| self.view(result)).collect::<Result<_, _>>()?;
        let mut refusals = results.iter().filter_map(|result| result.as_ref().err()).peekable();
        if self.mode == Mode::Each || refusals.peek().is_none() {
            return idempotency::answer(StatusCode::OK, &ResultsView { results: rendered });
        }
        let attempted = |problem: &&Problem| problem.status() != StatusCode::FAILED_DEPENDENCY;
        let first = refusals.find(attempted).ok_or_else(unexplained)?;
        Err(batch_refused(first, &rendered))
    }

    /// Returns the result of each operation.
    fn results(&self, decided: &[OperationResult]) -> Vec<Result<Done, Problem>> {
        let mut decided = decided.iter();
        let result = |(position, fault): (usize, &Option<Problem>)| match fault {
            Some(fault) => Err(fault.clone()),
            None => match decided.next() {
                Some(Ok(_)) if self.cannot_be_done => Err(Refusal::NotAttempted.into()),
                Some(Ok(done)) => Ok(done.clone()),
                Some(Err(refusal)) => {
                    let problem = Problem::from(refusal.clone());
                    Err(problem.under(&format!("/operations/{position}/order")))
                }
                None => Err(unexplained()),
            },
        };
        self.faults.iter().enumerate().map(result).collect()
    }

    fn view(&self, result: &Result<Done, Problem>) -> Result<Box<RawValue>, Problem> {
        let (status, order, problem) = match result {
            Ok(Done::Created(order)) => (StatusCode::CREATED, Some(OrderView::new(order)), None),
            Ok(Done::Updated(order) | Done::Unchanged(order) | Done::Restored(order)) => {
                (StatusCode::OK, Some(OrderView::new(order)), None)
            }
            Ok(Done::Deleted(_)) => (StatusCode::NO_CONTENT, None, None),
            Err(problem) => {
                let view = problem.view(&self.instance, &self.request_id);
                (problem.status(), None, Some(view))
            }
        };
        let view = ResultView { status: status.as_u16(), order, problem };
        to_raw_value(&view).map_err(|error| Problem::unexpected(error.to_string()))
    }
}

fn unexplained() -> Problem {
    Problem::unexpected("an operation of a batch has no result")
}
