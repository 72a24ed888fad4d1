//! What admins see: keys, which they make and revoke here, webhooks with what became of their last
//! deliveries, the policy, and whether all is well.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use orders_core::{
    EventPattern, IdempotencyKey, Instant, Key, KeyChange, KeyCommand, KeyName, Period, Policy,
    Role, Webhook,
};
use orders_db::{Delivery, Store};
use uuid::Uuid;

use super::form::Form;
use super::page::{self, Shell};
use super::zone::Zone;
use crate::app::App;
use crate::auth::MadeKey;
use crate::problem::{Code, Problem};
use crate::{keys, retries};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How many keys and webhooks are shown.
const ROWS: usize = 500;
/// How many deliveries of each webhook.
const DELIVERIES: usize = 5;

#[derive(Template)]
#[template(path = "console/admin.html")]
struct AdminPage {
    shell: Shell,
    keys: Vec<KeyRow>,
    webhooks: Vec<WebhookRow>,
    policy: Policy,
    edit_lock: String,
    /// What makes the form safe to send twice.
    token: String,
    /// A key that was just made: this is the only time that it is shown.
    made: Option<String>,
    refusal: Option<String>,
}

struct KeyRow {
    key: Key,
    created: String,
    expires: String,
    used: String,
    state: &'static str,
}

struct WebhookRow {
    url: String,
    description: String,
    events: String,
    state: String,
    pending: u64,
    failed: u64,
    deliveries: Vec<DeliveryRow>,
}

struct DeliveryRow {
    delivery: Delivery,
    answer: String,
    at: String,
}

/// `GET /console/admin`
pub(crate) async fn show(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    render(&request, &app, StatusCode::OK, None, None).await
}

/// `POST /console/keys`
pub(crate) async fn create_key(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let form = Form::read(&request, payload).await?;
    match make_key(&request, &app, &form).await {
        Ok(text) => render(&request, &app, StatusCode::OK, Some(text), None).await,
        Err(problem) => refuse(&request, &app, problem).await,
    }
}

async fn make_key(request: &HttpRequest, app: &App, form: &Form) -> Result<String, Problem> {
    let invalid = |detail: String| Problem::new(Code::InvalidKey, detail);
    let name = KeyName::parse(form.one("name").trim())
        .map_err(|error| invalid(format!("The name {error}.")))?;
    let role = Role::parse(form.one("role"));
    let role = role.ok_or_else(|| invalid("Choose a role.".to_owned()))?;
    let days = form.one("days").trim();
    let expires_in =
        if days.is_empty() {
            None
        } else {
            let period = Period::parse(&format!("{days}d"));
            Some(period.map_err(|_malformed| {
                invalid("The days must be a number from 1 to 366.".to_owned())
            })?)
        };
    let said = format!("{name:?} {role} {days}");
    let token = IdempotencyKey::parse(&format!("console-{}", form.one("token"))).ok();
    let retry = retries::retry(request, token, said.as_bytes());
    let MadeKey { id, hash, text } = keys::make(None)?;
    let command = KeyCommand::Create { id, name, role, expires_in, hash };
    let render = |change: &KeyChange| Ok(keys::to_keep(change));
    app.change_key(command, retry, keys::to_keep, render).await.map(|_sent| text)
}

/// `POST /console/keys/{id}/revoke`
pub(crate) async fn revoke_key(
    request: HttpRequest,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let command = KeyCommand::Revoke(keys::path_id(&request)?);
    let render = |change: &KeyChange| Ok(keys::to_keep(change));
    match app.change_key(command, None, keys::to_keep, render).await {
        Ok(_sent) => Ok(page::go_to("/console/admin")),
        Err(problem) => refuse(&request, &app, problem).await,
    }
}

async fn refuse(
    request: &HttpRequest,
    app: &App,
    problem: Problem,
) -> Result<HttpResponse, Problem> {
    if !problem.status().is_client_error() {
        return Err(problem);
    }
    render(request, app, problem.status(), None, Some(problem.detail().to_owned())).await
}

async fn render(
    request: &HttpRequest,
    app: &App,
    status: StatusCode,
    made: Option<String>,
    refusal: Option<String>,
) -> Result<HttpResponse, Problem> {
    let shell = Shell::new(request, "admin", "Admin");
    let (zone, now) = (shell.zone, app.keys().now());
    let (keys, webhooks, policy) = app.ask(look).await?;
    let mut keys: Vec<KeyRow> = keys.into_iter().map(|key| key_row(zone, now, key)).collect();
    keys.sort_by_key(|row| row.state != "active");
    let webhooks = webhooks.into_iter();
    let webhooks = webhooks.map(|(webhook, last)| webhook_row(zone, &webhook, last)).collect();
    let edit_lock = policy.edit_lock.map_or_else(|| "off".to_owned(), Period::in_words);
    let token = Uuid::new_v4().to_string();
    page::show(
        request,
        status,
        &AdminPage { shell, keys, webhooks, policy, edit_lock, token, made, refusal },
    )
}

type Looked = (Vec<Key>, Vec<(Webhook, Vec<Delivery>)>, Policy);

fn look(store: &Store) -> Result<Looked, orders_db::StoreError> {
    let mut webhooks = Vec::new();
    for webhook in store.list_webhooks(None, ROWS)? {
        let last = store.list_deliveries(&webhook.id, None, None, DELIVERIES)?;
        webhooks.push((webhook, last));
    }
    Ok((store.list_keys(None, ROWS)?, webhooks, store.find_policy()?))
}

fn key_row(zone: Zone, now: Instant, key: Key) -> KeyRow {
    let words = |at: Option<Instant>| at.map_or_else(|| "never".to_owned(), |at| zone.words(at));
    KeyRow {
        created: zone.words(key.created_at),
        expires: words(key.expires_at),
        used: words(key.last_used_at),
        state: match (key.is_active(now), key.revoked_at) {
            (true, _) => "active",
            (false, Some(_)) => "revoked",
            (false, None) => "expired",
        },
        key,
    }
}

fn webhook_row(zone: Zone, webhook: &Webhook, deliveries: Vec<Delivery>) -> WebhookRow {
    let state = match (webhook.disabled, webhook.held) {
        (Some(why), _) => format!("disabled ({})", why.as_str()),
        (None, Some(held)) => {
            let next = zone.words(held.next_attempt_at);
            format!("tried {} times, again at {next}", held.attempts)
        }
        (None, None) => "delivering".to_owned(),
    };
    let events: Vec<&str> = webhook.content.events.iter().map(EventPattern::as_str).collect();
    let row = |delivery: Delivery| DeliveryRow {
        answer: match (delivery.http_status, &delivery.error) {
            (Some(status), _) => status.to_string(),
            (None, Some(error)) => error.clone(),
            (None, None) => String::new(),
        },
        at: zone.words(delivery.updated_at),
        delivery,
    };
    let description = webhook.content.description.as_ref();
    WebhookRow {
        url: webhook.content.url.clone(),
        description: description.map(|text| text.as_str().to_owned()).unwrap_or_default(),
        events: events.join(", "),
        state,
        pending: webhook.pending,
        failed: webhook.failed,
        deliveries: deliveries.into_iter().map(row).collect(),
    }
}
