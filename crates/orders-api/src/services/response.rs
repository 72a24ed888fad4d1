//! Response bodies of services.

use orders_core::Service;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::shape;
use crate::services;

/// A service in a response.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Service)]
pub(crate) struct ServiceView<'a> {
    #[schema(schema_with = services::shape::service_number)]
    id: i64,
    #[schema(schema_with = shape::name)]
    name: &'a str,
}

impl<'a> ServiceView<'a> {
    pub(crate) fn new(service: &'a Service) -> Self {
        Self { id: service.id.get(), name: service.name.as_str() }
    }
}
