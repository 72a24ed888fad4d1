//! The page of a webhook: its state, its deliveries and its forms.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use orders_core::webhook::{DeliveryStatus, WebhookId};
use uuid::Uuid;

use super::super::layout::{self, Layout};
use super::fields::Fields;
use super::labels::{Row, row, state};
use crate::http::problem::Problem;
use crate::store_client::StoreClient;
use crate::webhooks;

/// The number of deliveries on a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "console/webhook.html")]
struct WebhookPage {
    layout: Layout,
    id: WebhookId,
    state: String,
    created: String,
    pending: u64,
    failed: u64,
    position: u64,
    fields: Fields,
    deliveries: Vec<Row>,
    /// The status of the deliveries shown. Empty for all.
    only: &'static str,
    /// The address of older deliveries. Empty if there are none.
    older: String,
    /// The idempotency token of the forms.
    token: String,
    result: FormResult,
}

/// The result of a form.
#[derive(Default)]
pub(super) struct FormResult {
    /// A new secret, which is shown only this time.
    pub(super) secret: Option<String>,
    pub(super) refusal: Option<String>,
    /// The result of a test delivery, and whether it succeeded.
    pub(super) tried: Option<(bool, String)>,
    /// The fields of a form that was rejected.
    pub(super) fields: Option<Fields>,
}

/// Shows a webhook, with the result of a form.
pub(super) async fn render(
    request: &HttpRequest,
    store: &StoreClient,
    id: &WebhookId,
    status: StatusCode,
    mut result: FormResult,
) -> Result<HttpResponse, Problem> {
    let webhook = webhooks::find_webhook(store, id).await?;
    let (mut only, mut before) = (None, None);
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        match name.as_ref() {
            "status" => only = DeliveryStatus::parse(&value).ok(),
            "before" => before = value.parse().ok(),
            _ => {}
        }
    }
    let webhook_id = id.clone();
    let listed =
        store.run_blocking(move |store| store.list_deliveries(&webhook_id, only, before, ROWS + 1));
    let mut deliveries = listed.await?;
    let has_older = deliveries.len() > ROWS;
    deliveries.truncate(ROWS);
    let only = only.map_or("", DeliveryStatus::as_str);
    let last = deliveries.last().filter(|_| has_older);
    let older = last.map(|last| format!("/console/webhooks/{id}?status={only}&before={}", last.id));
    let layout = Layout::new(request, "admin", "Webhook");
    let zone = layout.zone;
    let page = WebhookPage {
        state: state(zone, &webhook),
        created: zone.words(webhook.created_at),
        pending: webhook.pending,
        failed: webhook.failed,
        position: webhook.position,
        fields: result.fields.take().unwrap_or_else(|| Fields::from_webhook(&webhook)),
        deliveries: deliveries.into_iter().map(|delivery| row(zone, delivery)).collect(),
        only,
        older: older.unwrap_or_default(),
        token: Uuid::new_v4().to_string(),
        id: webhook.id,
        layout,
        result,
    };
    layout::show(request, status, &page)
}
