//! Request bodies of services.

use std::borrow::Cow;

use orders_core::ServiceId;
use orders_core::service::ServiceName;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::http::field::{Field, Parse};
use crate::http::json::Json;
use crate::http::openapi::shape;
use crate::http::openapi::shape::closed;
use crate::http::problem::FieldError;
use crate::http::reader::{Reader, must_be, text};
use crate::services;

/// The members of a service.
const ID: Field<ServiceId> = Field {
    name: "id",
    parse: Parse::One(read_service_id),
    schema: || Schema::OneOf(services::shape::some_service_id()).into(),
    example: || json!(123),
};
const NAME: Field<ServiceName> = Field {
    name: "name",
    parse: Parse::One(read_service_name),
    schema: || shape::some_name("1 to 200 characters, unique ignoring case").into(),
    example: || json!("Inspection"),
};

/// The body of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceBody {
    pub(crate) id: Option<ServiceId>,
    pub(crate) name: ServiceName,
}

/// Parses a service. `name` is required.
pub(crate) fn read_service(json: &Json<'_>) -> Result<ServiceBody, Vec<FieldError>> {
    read_service_with(read_service_id, json)
}

/// Parses the new name of a service.
pub(crate) fn read_renaming(
    renamed: ServiceId,
    json: &Json<'_>,
) -> Result<ServiceName, Vec<FieldError>> {
    let read_id = |json: &Json<'_>| must_be(&renamed, read_service_id(json)?);
    read_service_with(read_id, json).map(|body| body.name)
}

fn read_service_with(
    read_id: impl Fn(&Json<'_>) -> Result<ServiceId, String>,
    json: &Json<'_>,
) -> Result<ServiceBody, Vec<FieldError>> {
    let mut reader = Reader::new(json, &[]);
    let id = reader.optional(ID.name, read_id);
    let name = reader.read_if(true, &NAME);
    reader.finish()?;
    name.map(|name| ServiceBody { id, name }).ok_or_else(Vec::new)
}

pub(crate) fn read_service_id(json: &Json<'_>) -> Result<ServiceId, String> {
    match json {
        Json::Number(text) => ServiceId::parse_number(text),
        Json::Text(text) => ServiceId::parse(text),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
            return Err("must be a number, or a string of digits".to_owned());
        }
    }
    .map_err(|error| error.to_string())
}

fn read_service_name(json: &Json<'_>) -> Result<ServiceName, String> {
    ServiceName::parse(text(json)?).map_err(|error| error.to_string())
}

impl PartialSchema for ServiceBody {
    fn schema() -> RefOr<Schema> {
        let example = Value::Object([ID.example(), NAME.example()].into_iter().collect());
        let service = NAME.require_in(ID.add_to(closed()));
        let meaning = "The service to store. Without an `id` the server assigns the next number of its \
                       own counter that no service has or had";
        service.description(Some(meaning)).examples([example]).into()
    }
}

impl ToSchema for ServiceBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ServiceInput")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json;

    #[test]
    fn a_change_accepts_the_id_of_the_path_and_no_other() {
        let service = ServiceId::new(1).unwrap();
        let json = |body: &'static str| json::parse(body.as_bytes()).unwrap();
        let refused = read_renaming(service, &json(r#"{"id":2,"name":""}"#)).unwrap_err();
        let pointers: Vec<String> = refused.into_iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["/id", "/name"]);
        assert!(read_renaming(service, &json(r#"{"id":"1","name":"Testing"}"#)).is_ok());
    }
}
