//! A webhook's page: what became of its deliveries, and all that an admin may do about it. Its secret
//! is shown once.

mod fields;
mod words;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use orders_core::{WebhookCommand, WebhookId};
use orders_db::DeliveryStatus;
use uuid::Uuid;

use super::admin::{self, Said};
use super::form::Form;
use super::page::{self, Shell};
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::webhooks::{self, secret_text};
use crate::wire;

pub(super) use fields::Fields;
pub(super) use words::state;
use words::{Row, row};

/// How many deliveries a page shows.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "console/webhook.html")]
struct WebhookPage {
    shell: Shell,
    id: WebhookId,
    state: String,
    created: String,
    pending: u64,
    failed: u64,
    position: u64,
    fields: Fields,
    deliveries: Vec<Row>,
    /// Which deliveries are shown; empty for all.
    only: &'static str,
    /// Where the older ones are; empty where there are none.
    older: String,
    /// What makes the forms safe to send twice.
    token: String,
    told: Told,
}

/// What became of a form.
#[derive(Default)]
struct Told {
    /// A secret that was just made: this is the only time that it is shown.
    secret: Option<String>,
    refusal: Option<String>,
    /// What became of a trial.
    tried: Option<(bool, String)>,
    /// What was written, where it was refused.
    fields: Option<Fields>,
}

/// `GET /console/webhooks/{id}`
pub(crate) async fn show(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    render(&request, &app, &id, StatusCode::OK, Told::default()).await
}

/// `POST /console/webhooks`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let form = Form::read(&request, payload).await?;
    let (fields, content) = Fields::read(&form, &app);
    let done = match content {
        Ok(content) => {
            let (id, secret) = (webhooks::create_id()?, webhooks::create_secret()?);
            let text = secret_text(&secret);
            let command = WebhookCommand::Create { id: id.clone(), content, secret };
            let done = change(&request, &app, command, Some(&form)).await;
            done.map(|()| (id, text))
        }
        Err(problem) => Err(problem),
    };
    match done {
        Ok((id, text)) => {
            let told = Told { secret: Some(text), ..Told::default() };
            render(&request, &app, &id, StatusCode::OK, told).await
        }
        Err(problem) => {
            let said = Said { fields, ..Said::default() };
            admin::refuse(&request, &app, problem, said).await
        }
    }
}

/// `POST /console/webhooks/{id}`
pub(crate) async fn change_content(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let (fields, content) = Fields::read(&form, &app);
    let done = match content {
        Ok(content) => {
            let command = WebhookCommand::Change { id: id.clone(), patch: fields.patch(content) };
            change(&request, &app, command, None).await
        }
        Err(problem) => Err(problem),
    };
    finish(&request, &app, &id, done, Some(fields)).await
}

/// `POST /console/webhooks/{id}/rotate`
pub(crate) async fn rotate(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let overlap = wire::read_overlap(form.one("overlap")).map_err(|error| {
        Problem::new(
            Code::InvalidWebhook,
            format!("How long the former secret signs, too, {error}."),
        )
    });
    let done = match overlap {
        Ok(overlap) => {
            let secret = webhooks::create_secret()?;
            let text = secret_text(&secret);
            let command = WebhookCommand::Rotate { id: id.clone(), secret, overlap };
            change(&request, &app, command, Some(&form)).await.map(|()| text)
        }
        Err(problem) => Err(problem),
    };
    match done {
        Ok(text) => {
            let told = Told { secret: Some(text), ..Told::default() };
            render(&request, &app, &id, StatusCode::OK, told).await
        }
        Err(problem) => finish(&request, &app, &id, Err(problem), None).await,
    }
}

/// `POST /console/webhooks/{id}/test`
pub(crate) async fn test(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    let sent = webhooks::send_test(&app.store, &app.test_deliveries, &id).await?;
    let told = Told { tried: Some(words::trial(&sent)), ..Told::default() };
    render(&request, &app, &id, StatusCode::OK, told).await
}

/// `POST /console/webhooks/{id}/replay`
pub(crate) async fn replay(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let done = match form.one("after").trim().parse() {
        Ok(after) => {
            let command = WebhookCommand::Replay { id: id.clone(), after };
            change(&request, &app, command, Some(&form)).await
        }
        Err(_not_a_number) => {
            let detail = "The event must be named by its number, or 0 for the very first.";
            Err(Problem::new(Code::InvalidWebhook, detail))
        }
    };
    finish(&request, &app, &id, done, None).await
}

/// `POST /console/webhooks/{id}/delete`
pub(crate) async fn delete(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = webhooks::path_id(&request)?;
    match change(&request, &app, WebhookCommand::Delete(id), None).await {
        Ok(()) => Ok(page::go_to("/console/admin#webhooks")),
        Err(problem) => admin::refuse(&request, &app, problem, Said::default()).await,
    }
}

/// Has a change done; one that came by a form that tells it from others is done once.
async fn change(
    request: &HttpRequest,
    app: &App,
    command: WebhookCommand,
    form: Option<&Form>,
) -> Result<(), Problem> {
    let retry = form.and_then(|form| form.retry(request));
    let changed = app.store.change_webhook(command, retry, webhooks::to_keep).await;
    changed.map(drop).map_err(Problem::from)
}

/// Leads to the webhook, or shows why a change was refused.
async fn finish(
    request: &HttpRequest,
    app: &App,
    id: &WebhookId,
    done: Result<(), Problem>,
    fields: Option<Fields>,
) -> Result<HttpResponse, Problem> {
    match done {
        Ok(()) => Ok(page::go_to(&format!("/console/webhooks/{id}"))),
        Err(problem) if problem.code() == Code::NotFound => Err(problem),
        Err(problem) if problem.status().is_client_error() => {
            let refusal = Some(problem.detail().to_owned());
            let told = Told { refusal, fields, ..Told::default() };
            render(request, app, id, problem.status(), told).await
        }
        Err(problem) => Err(problem),
    }
}

async fn render(
    request: &HttpRequest,
    app: &App,
    id: &WebhookId,
    status: StatusCode,
    mut told: Told,
) -> Result<HttpResponse, Problem> {
    let webhook = webhooks::find_webhook(&app.store, id).await?;
    let (mut only, mut before) = (None, None);
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        match name.as_ref() {
            "status" => only = DeliveryStatus::parse(&value),
            "before" => before = value.parse().ok(),
            _ => {}
        }
    }
    let asked = id.clone();
    let listed =
        app.store.run_blocking(move |store| store.list_deliveries(&asked, only, before, ROWS + 1));
    let mut deliveries = listed.await?;
    let has_older = deliveries.len() > ROWS;
    deliveries.truncate(ROWS);
    let only = only.map_or("", DeliveryStatus::as_str);
    let last = deliveries.last().filter(|_| has_older);
    let older = last.map(|last| format!("/console/webhooks/{id}?status={only}&before={}", last.id));
    let shell = Shell::new(request, "admin", "Webhook");
    let zone = shell.zone;
    let page = WebhookPage {
        state: state(zone, &webhook),
        created: zone.words(webhook.created_at),
        pending: webhook.pending,
        failed: webhook.failed,
        position: webhook.position,
        fields: told.fields.take().unwrap_or_else(|| Fields::of(&webhook)),
        deliveries: deliveries.into_iter().map(|delivery| row(zone, delivery)).collect(),
        only,
        older: older.unwrap_or_default(),
        token: Uuid::new_v4().to_string(),
        id: webhook.id,
        shell,
        told,
    };
    page::show(request, status, &page)
}
