//! The page of admins: keys, webhooks, the policy and health.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use orders_core::key::Key;
use orders_core::webhook::Webhook;
use orders_core::{Period, Policy, Timestamp};
use orders_db::ReadPool;
use uuid::Uuid;

use super::layout::{self, Layout};
use super::webhooks::{self, Fields};
use super::zone::Zone;
use crate::http::problem::Problem;
use crate::store_client::StoreClient;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The largest number of keys, and of webhooks, on the page.
const ROWS: usize = 500;

#[derive(Template)]
#[template(path = "console/admin.html")]
struct AdminPage {
    layout: Layout,
    keys: Vec<KeyRow>,
    webhooks: Vec<WebhookRow>,
    policy: Policy,
    edit_lock: String,
    database: &'static str,
    sequence: u64,
    /// The idempotency token of the forms.
    token: String,
    flash: FlashMessage,
}

/// The result of a form, shown once on the page that follows.
#[derive(Default)]
pub(super) struct FlashMessage {
    /// The title and the text of a new secret, which is shown only this time.
    pub(super) secret: Option<(&'static str, String)>,
    pub(super) refusal: Option<String>,
    /// The fields of a webhook that was not created.
    pub(super) fields: Fields,
}

struct KeyRow {
    key: Key,
    created: String,
    expires: String,
    used: String,
    state: &'static str,
}

struct WebhookRow {
    id: String,
    url: String,
    description: String,
    events: String,
    state: String,
    pending: u64,
    failed: u64,
}

/// `GET /console/admin`
pub(crate) async fn show(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    render(&request, &store, StatusCode::OK, FlashMessage::default()).await
}

/// Shows why a form was rejected.
pub(super) async fn reject(
    request: &HttpRequest,
    store: &StoreClient,
    problem: Problem,
    flash: FlashMessage,
) -> Result<HttpResponse, Problem> {
    if !problem.status().is_client_error() {
        return Err(problem);
    }
    let refusal = Some(problem.detail().to_owned());
    render(request, store, problem.status(), FlashMessage { refusal, ..flash }).await
}

pub(super) async fn render(
    request: &HttpRequest,
    store: &StoreClient,
    status: StatusCode,
    flash: FlashMessage,
) -> Result<HttpResponse, Problem> {
    let layout = Layout::new(request, "admin", "Admin");
    let (zone, now) = (layout.zone, store.keys().now());
    let database = match store.store().database() {
        "sqlite" => "SQLite",
        _ => "PostgreSQL",
    };
    let (keys, webhooks, policy, sequence) = store.run_blocking(look).await?;
    let mut keys: Vec<KeyRow> = keys.into_iter().map(|key| key_row(zone, now, key)).collect();
    keys.sort_by_key(|row| row.state != "active");
    let webhooks = webhooks.iter().map(|webhook| webhook_row(zone, webhook)).collect();
    let edit_lock = policy.edit_lock.map_or_else(|| "off".to_owned(), Period::in_words);
    let token = Uuid::new_v4().to_string();
    layout::show(
        request,
        status,
        &AdminPage { layout, keys, webhooks, policy, edit_lock, database, sequence, token, flash },
    )
}

type AdminData = (Vec<Key>, Vec<Webhook>, Policy, u64);

fn look(store: &ReadPool) -> Result<AdminData, orders_db::StoreError> {
    Ok((
        store.list_keys(None, ROWS)?,
        store.list_webhooks(None, ROWS)?,
        store.find_policy()?,
        store.find_last_sequence()?,
    ))
}

fn key_row(zone: Zone, now: Timestamp, key: Key) -> KeyRow {
    let words = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| zone.words(at));
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

fn webhook_row(zone: Zone, webhook: &Webhook) -> WebhookRow {
    let events: Vec<&str> = webhook.content.events.iter().map(|pattern| pattern.as_str()).collect();
    let description = webhook.content.description.as_ref();
    WebhookRow {
        id: webhook.id.to_string(),
        url: webhook.content.url.clone(),
        description: description.map(|text| text.as_str().to_owned()).unwrap_or_default(),
        events: events.join(", "),
        state: webhooks::state(zone, webhook),
        pending: webhook.pending,
        failed: webhook.failed,
    }
}
