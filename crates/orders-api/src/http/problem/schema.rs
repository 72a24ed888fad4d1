//! What the body of each kind of problem is, as JSON Schema.

use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, Ref, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::from::ConflictView;
use super::{Code, FieldError};
use crate::http::openapi::problems::one_of;
use crate::http::openapi::shape;
use crate::orders::response::ResultView;

impl Code {
    /// The schema of problems of this kind.
    pub(crate) fn schema(self) -> Object {
        let kind = format!("/problems/{}", self.name());
        let problem = shape::closed()
            .description(Some(self.meaning()))
            .property("type", shape::one_of_texts(&[&kind]))
            .property("title", shape::one_of_texts(&[self.title()]))
            .property("status", self.status_schema())
            .property("detail", shape::text())
            .property("instance", shape::text())
            .property("request_id", shape::text());
        let members = ["type", "title", "status", "detail", "instance", "request_id"];
        let problem = members.into_iter().fold(problem, ObjectBuilder::required);
        let with = |problem: ObjectBuilder, (name, schema): (String, RefOr<Schema>)| {
            problem.property(name.clone(), schema).required(name)
        };
        self.more().into_iter().fold(problem, with).build()
    }

    fn status_schema(self) -> Object {
        let status = ObjectBuilder::new().schema_type(Type::Integer);
        if self == Self::BatchRefused {
            // That of the first operation that failed.
            return status.minimum(Some(400_usize)).maximum(Some(428_usize)).build();
        }
        status.enum_values(Some([self.status().as_u16()])).build()
    }

    /// The members that only this kind has, and always.
    fn more(self) -> Vec<(String, RefOr<Schema>)> {
        let one = |name: &str, schema| vec![(name.to_owned(), schema)];
        let several = |of| ArrayBuilder::new().items(of).min_items(Some(1)).into();
        if self == Self::OrderConflict {
            members_of::<ConflictView>()
        } else if self == Self::EditLocked {
            one("editable_at", shape::instant().into())
        } else if self == Self::EventsGone {
            one("first_sequence", shape::digits().into())
        } else if self == Self::VersionMismatch {
            one("current_version", shape::version().into())
        } else if self == Self::BatchRefused {
            one("results", several(RefOr::Ref(Ref::from_schema_name(ResultView::name()))))
        } else if self.fault().is_some() {
            one("errors", several(FieldError::schema()))
        } else {
            Vec::new()
        }
    }
}

/// What the members that only some kinds have refer to by name.
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

/// Any problem at all.
pub(super) fn any_problem() -> RefOr<Schema> {
    one_of(&Code::all().collect::<Vec<_>>())
}

/// Any problem with one operation of a batch.
pub(crate) fn schema_of_a_result() -> RefOr<Schema> {
    one_of(&[
        Code::NotFound,
        Code::OrderExists,
        Code::OrderConflict,
        Code::EditLocked,
        Code::VersionMismatch,
        Code::InvalidOrder,
        Code::UnknownService,
        Code::NotAttempted,
        Code::VersionRequired,
    ])
}
