//! The audit trail: the endpoint `/audit` with its response and its documentation.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use orders_core::Timestamp;
use orders_db::{AuditAction, AuditEntry};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::Object;

use crate::http::cursor::ListKey;
use crate::http::openapi::description::{Answer, Description, KEYS};
use crate::http::openapi::problems::{JSON, READ};
use crate::http::openapi::{parameters, shape};
use crate::http::page::{ListRequest, PageView};
use crate::http::problem::Problem;
use crate::http::shown::Shown;
use crate::http::{page, query};
use crate::store_client::StoreClient;

/// An entry of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditEntryView<'a> {
    #[schema(schema_with = shape::digits)]
    id: Shown<i64>,
    #[schema(schema_with = shape::instant)]
    time: Shown<Timestamp>,
    /// The id of a key, `environment` for the key from the environment, `anonymous` without a key, or the
    /// command: `command-line`, `seed`, `import`.
    actor: &'a str,
    #[schema(schema_with = action)]
    action: &'a str,
    /// The id of what was changed; for a sign-in, of the key. `null` where there is only one, and for a
    /// sign-in with text that is no key.
    #[schema(required)]
    target: Option<&'a str>,
    /// The `X-Request-Id` of the request; `null` for a command.
    #[schema(schema_with = request_id_or_null, required)]
    request_id: Option<&'a str>,
}

impl<'a> AuditEntryView<'a> {
    fn new(entry: &'a AuditEntry) -> Self {
        Self {
            id: Shown(entry.id),
            time: Shown(entry.time),
            actor: entry.actor.as_str(),
            action: &entry.action,
            target: entry.target.as_deref(),
            request_id: entry.request_id.as_deref(),
        }
    }
}

/// Newer versions may add actions, so clients must expect others.
fn action() -> Object {
    let known = AuditAction::ALL.map(|action| format!("`{}`", action.as_str())).join(", ");
    let mut action = shape::text_like(r"^[a-z_]+\.[a-z_]+$", "key.created").build();
    action.description = Some(format!("{known}, or others in newer versions"));
    action
}

fn request_id_or_null() -> Object {
    shape::or_null(shape::request_id())
}

/// `GET /audit`
pub(crate) async fn list(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let page = query::page(&request)?;
    let place = |place: &str| place.parse::<i64>().ok();
    let list = ListRequest::read(&request, ListKey::new("/audit"), &page, place)?;
    let (after, rows) = (list.after, list.rows());
    let mut entries = store.run_blocking(move |store| store.list_audit(after, rows)).await?;
    let next = list.cut(&mut entries, |last| last.id.to_string());
    Ok(page::answer(&request, entries.iter().map(AuditEntryView::new).collect(), next))
}

pub(crate) fn describe() -> Description {
    Description::new(
        KEYS,
        "listAudit",
        "List who changed keys, services, the policy and webhooks, and who signed in, oldest first",
    )
    .details(
        "Returns one page; follow `next_cursor` for the rest. Each entry is stored in the \
         transaction of its change, so no change is without one. Requires an admin key.",
    )
    .with_parameters(parameters::page())
    .returns(
        Answer::ok(
            "A page of entries. Each is stored in the transaction of its change. Of sign-ins to the \
             console, the newest are stored: 10000 successful ones and 1000 failed ones",
        )
        .json::<PageView<AuditEntryView>>()
        .showing("/data/0/actor", json!("key_5f1d3a0c7a544a0e"))
        .showing("/data/0/target", json!("key_7d0c2f9a1b3e4c55"))
        .header("Link", shape::link()),
    )
    .fails_with(&[JSON, READ])
}
