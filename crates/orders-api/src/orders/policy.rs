//! The policy: the endpoint `/policy` and its response.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use orders_core::Policy;
use orders_db::ReadPool;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::http::openapi::description::{ABOUT, Answer, Description};
use crate::http::openapi::problems::{JSON, READ};
use crate::http::openapi::shape;
use crate::http::problem::Problem;
use crate::http::{headers, query};
use crate::store_client::StoreClient;

/// The policy in a response.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Policy)]
pub(crate) struct PolicyView {
    #[schema(schema_with = shape::duration)]
    window: String,
    #[schema(pattern = "^(global|service)$")]
    scope: &'static str,
    #[schema(schema_with = shape::duration_or_null, required)]
    edit_lock: Option<String>,
}

impl PolicyView {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self {
            window: policy.window.to_string(),
            scope: policy.scope.as_str(),
            edit_lock: policy.edit_lock.map(|period| period.to_string()),
        }
    }
}

/// `GET /policy`
pub(crate) async fn find(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    query::none(&request)?;
    headers::accepts_json(&request)?;
    let policy = store.run_blocking(ReadPool::find_policy).await?;
    Ok(HttpResponse::Ok().json(PolicyView::new(&policy)))
}

pub(crate) fn describe() -> Description {
    Description::new(ABOUT, "findPolicy", "Read the policy, by which orders are validated")
        .details("Returns the rules by which all orders of this database are validated.")
        .returns(Answer::ok("The policy").json::<PolicyView>().showing("/scope", json!("global")))
        .fails_with(&[JSON, READ])
}
