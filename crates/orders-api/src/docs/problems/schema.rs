//! The JSON Schema of each problem type.

use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, Ref, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::sample::names_fields;
use crate::http::openapi::problems::one_of;
use crate::http::openapi::shape;
use crate::http::problem::{Code, FieldError};
use crate::http::query::ParameterError;
use crate::orders::problems::ConflictView;
use crate::orders::response::ResultView;

/// Returns the schema of problems with this code.
pub(crate) fn schema(code: Code) -> Object {
    let kind = format!("/problems/{}", code.name());
    let problem = shape::closed()
        .description(Some(code.meaning()))
        .property("type", shape::one_of_texts(&[&kind]))
        .property("title", shape::one_of_texts(&[code.title()]))
        .property("status", status(code))
        .property("detail", shape::text())
        .property("instance", shape::text())
        .property("request_id", shape::text());
    let common = ["type", "title", "status", "detail", "instance", "request_id"];
    let problem = common.into_iter().fold(problem, ObjectBuilder::required);
    let with = |problem: ObjectBuilder, (name, schema): (String, RefOr<Schema>)| {
        problem.property(name.clone(), schema).required(name)
    };
    members(code).into_iter().fold(problem, with).build()
}

fn status(code: Code) -> Object {
    let status = ObjectBuilder::new().schema_type(Type::Integer);
    if code == Code::BatchRefused {
        // The status of the first operation that failed.
        return status.minimum(Some(400_usize)).maximum(Some(428_usize)).build();
    }
    status.enum_values(Some([code.status().as_u16()])).build()
}

/// Returns the members that only problems with this code have. They always have them.
fn members(code: Code) -> Vec<(String, RefOr<Schema>)> {
    let one = |name: &str, schema| vec![(name.to_owned(), schema)];
    let several = |items| ArrayBuilder::new().items(items).min_items(Some(1)).into();
    if code == Code::OrderConflict {
        members_of::<ConflictView>()
    } else if code == Code::EditLocked {
        one("editable_at", shape::instant().into())
    } else if code == Code::EventsGone {
        ["first_sequence", "last_sequence", "feed"]
            .map(|name| {
                let schema = if name == "feed" { shape::text() } else { shape::position() };
                (name.to_owned(), schema.into())
            })
            .to_vec()
    } else if code == Code::VersionMismatch {
        one("current_version", shape::version().into())
    } else if code == Code::InvalidParameter {
        let parameter = ("parameter".to_owned(), shape::text().into());
        vec![parameter, ("errors".to_owned(), several(ParameterError::schema()))]
    } else if code == Code::BatchRefused {
        one("results", several(RefOr::Ref(Ref::from_schema_name(ResultView::name()))))
    } else if names_fields(code) {
        one("errors", several(FieldError::schema()))
    } else {
        Vec::new()
    }
}

/// Returns the schemas to which the members of some codes refer by name.
pub(crate) fn schemas_of_members() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = Vec::new();
    ConflictView::schemas(&mut schemas);
    schemas
}

fn members_of<T: PartialSchema>() -> Vec<(String, RefOr<Schema>)> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.properties.into_iter().collect(),
        RefOr::T(_) | RefOr::Ref(_) => Vec::new(),
    }
}

/// The schema of any problem.
pub(super) fn any_problem() -> RefOr<Schema> {
    one_of(&Code::all().collect::<Vec<_>>())
}
