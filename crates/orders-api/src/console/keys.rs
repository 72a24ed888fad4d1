//! API keys in the console: create, rotate and revoke. A key is shown once.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::Period;
use orders_core::decide::IdempotentRequest;
use orders_core::key::{KeyCommand, KeyName, Role};

use super::admin::{self, FlashMessage};
use super::form::Form;
use super::layout;
use crate::http::problem::{Code, Problem};
use crate::http::request_context;
use crate::keys;
use crate::security::MadeKey;
use crate::store_client::StoreClient;

/// `POST /console/keys`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let form = Form::read(&request, payload).await?;
    let make = |MadeKey { id, hash, text }| {
        let name = KeyName::parse(form.one("name").trim())
            .map_err(|error| invalid(format!("The name {error}.")))?;
        let role = Role::parse(form.one("role")).ok();
        let role = role.ok_or_else(|| invalid("Choose a role.".to_owned()))?;
        let expires_in = days(form.one("days").trim())?;
        Ok((KeyCommand::Create { id, name, role, expires_in, hash }, text))
    };
    let command = keys::make(None).and_then(make);
    change(&request, &store, command, form.retry(&request), "New key").await
}

/// `POST /console/keys/{id}/rotate`
pub(crate) async fn rotate(
    request: HttpRequest,
    payload: Payload,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = keys::path_id(&request)?;
    let form = Form::read(&request, payload).await?;
    let make = |MadeKey { id, hash, text }| {
        let overlap = crate::keys::request::read_overlap(form.one("overlap"))
            .map_err(|error| invalid(format!("How long the previous key works {error}.")))?;
        Ok((KeyCommand::Rotate { id, overlap, expires_in: None, hash }, text))
    };
    let command = keys::make(Some(id)).and_then(make);
    change(&request, &store, command, form.retry(&request), "Rotated key").await
}

/// `POST /console/keys/{id}/revoke`
pub(crate) async fn revoke(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let command = KeyCommand::Revoke(keys::path_id(&request)?);
    match store
        .change_key(request_context::author(&request), command, None, keys::to_keep)
        .await
        .map_err(Problem::from)
    {
        Ok(_changed) => Ok(layout::go_to("/console/admin")),
        Err(problem) => admin::reject(&request, &store, problem, FlashMessage::default()).await,
    }
}

/// Creates or changes a key, and shows it once.
async fn change(
    request: &HttpRequest,
    store: &StoreClient,
    command: Result<(KeyCommand, String), Problem>,
    retry: Option<IdempotentRequest>,
    title: &'static str,
) -> Result<HttpResponse, Problem> {
    let done = match command {
        Ok((command, text)) => {
            let changed = store
                .change_key(request_context::author(request), command, retry, keys::to_keep)
                .await;
            changed.map(|_changed| text).map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    match done {
        Ok(text) => {
            let flash = FlashMessage { secret: Some((title, text)), ..FlashMessage::default() };
            admin::render(request, store, StatusCode::OK, flash).await
        }
        Err(problem) => admin::reject(request, store, problem, FlashMessage::default()).await,
    }
}

fn days(text: &str) -> Result<Option<Period>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_malformed| invalid("The days must be a number from 1 to 366.".to_owned());
    Period::parse(&format!("{text}d")).map(Some).map_err(wrong)
}

fn invalid(detail: String) -> Problem {
    Problem::new(Code::InvalidKey, detail)
}
