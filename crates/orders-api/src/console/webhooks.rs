//! Webhooks in the console: what an admin does with one. Its secret is shown once.

mod fields;
mod labels;
mod page;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::webhook::{WebhookCommand, WebhookId};

use super::admin::{self, FlashMessage};
use super::form::Form;
use super::layout;
use crate::http::problem::{Code, Problem};
use crate::http::request_context;
use crate::store_client::StoreClient;
use crate::webhooks::{self, SsrfGuard, TestSender, secret_text};

pub(super) use fields::Fields;
pub(super) use labels::state;
use page::{FormResult, render};

/// `GET /console/webhooks/{id}`
pub(crate) async fn show(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    render(&request, &store, &id, StatusCode::OK, FormResult::default()).await
}

/// `POST /console/webhooks`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
    guard: Data<SsrfGuard>,
) -> Result<HttpResponse, Problem> {
    let form = Form::read(&request, payload).await?;
    let (fields, content) = Fields::read(&form, **guard);
    let done = match content {
        Ok(content) => {
            let (id, secret) = (webhooks::create_id()?, webhooks::create_secret()?);
            let text = secret_text(&secret);
            let command = WebhookCommand::Create { id: id.clone(), content, secret };
            let done = change(&request, &store, command, Some(&form)).await;
            done.map(|()| (id, text))
        }
        Err(problem) => Err(problem),
    };
    match done {
        Ok((id, text)) => {
            let result = FormResult { secret: Some(text), ..FormResult::default() };
            render(&request, &store, &id, StatusCode::OK, result).await
        }
        Err(problem) => {
            let flash = FlashMessage { fields, ..FlashMessage::default() };
            admin::reject(&request, &store, problem, flash).await
        }
    }
}

/// `POST /console/webhooks/{id}`
pub(crate) async fn change_content(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
    guard: Data<SsrfGuard>,
) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let (fields, content) = Fields::read(&form, **guard);
    let done = match content {
        Ok(content) => {
            let command = WebhookCommand::Change { id: id.clone(), patch: fields.patch(content) };
            change(&request, &store, command, None).await
        }
        Err(problem) => Err(problem),
    };
    finish(&request, &store, &id, done, Some(fields)).await
}

/// `POST /console/webhooks/{id}/rotate`
pub(crate) async fn rotate(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let overlap = crate::keys::request::read_overlap(form.one("overlap")).map_err(|error| {
        Problem::new(Code::InvalidWebhook, format!("How long the previous secret signs {error}."))
    });
    let done = match overlap {
        Ok(overlap) => {
            let secret = webhooks::create_secret()?;
            let text = secret_text(&secret);
            let command = WebhookCommand::Rotate { id: id.clone(), secret, overlap };
            change(&request, &store, command, Some(&form)).await.map(|()| text)
        }
        Err(problem) => Err(problem),
    };
    match done {
        Ok(text) => {
            let result = FormResult { secret: Some(text), ..FormResult::default() };
            render(&request, &store, &id, StatusCode::OK, result).await
        }
        Err(problem) => finish(&request, &store, &id, Err(problem), None).await,
    }
}

/// `POST /console/webhooks/{id}/test`
pub(crate) async fn test(
    request: HttpRequest,
    store: Data<StoreClient>,
    tests: Data<TestSender>,
) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    let sent = webhooks::send_test(&store, &tests, &id).await?;
    let result = FormResult { tried: Some(labels::test_result(&sent)), ..FormResult::default() };
    render(&request, &store, &id, StatusCode::OK, result).await
}

/// `POST /console/webhooks/{id}/replay`
pub(crate) async fn replay(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let done = match form.one("after").trim().parse() {
        Ok(after) => {
            let command = WebhookCommand::Replay { id: id.clone(), after };
            change(&request, &store, command, Some(&form)).await
        }
        Err(_not_a_number) => {
            let detail = "The event must be a sequence number, or 0 for the first event.";
            Err(Problem::new(Code::InvalidWebhook, detail))
        }
    };
    finish(&request, &store, &id, done, None).await
}

/// `POST /console/webhooks/{id}/delete`
pub(crate) async fn delete(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    match change(&request, &store, WebhookCommand::Delete(id), None).await {
        Ok(()) => Ok(layout::go_to("/console/admin#webhooks")),
        Err(problem) => admin::reject(&request, &store, problem, FlashMessage::default()).await,
    }
}

/// Performs a change. A form with a token is performed once.
async fn change(
    request: &HttpRequest,
    store: &StoreClient,
    command: WebhookCommand,
    form: Option<&Form>,
) -> Result<(), Problem> {
    let retry = form.and_then(|form| form.retry(request));
    let changed =
        store.change(request_context::author(request), command, retry, webhooks::to_keep).await;
    changed.map(drop).map_err(Problem::from)
}

/// Redirects to the webhook, or shows why the change was rejected.
async fn finish(
    request: &HttpRequest,
    store: &StoreClient,
    id: &WebhookId,
    done: Result<(), Problem>,
    fields: Option<Fields>,
) -> Result<HttpResponse, Problem> {
    match done {
        Ok(()) => Ok(layout::go_to(&format!("/console/webhooks/{id}"))),
        Err(problem) if problem.code() == Code::NotFound => Err(problem),
        Err(problem) if problem.status().is_client_error() => {
            let refusal = Some(problem.detail().to_owned());
            let result = FormResult { refusal, fields, ..FormResult::default() };
            render(request, store, id, problem.status(), result).await
        }
        Err(problem) => Err(problem),
    }
}
