//! The problems of the OpenAPI document, and the documentation of each, to which its `type` leads.

pub(super) mod sample;
pub(super) mod schema;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::http::problem::{Code, Problem};

/// The documentation of a problem type.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProblemPage)]
pub(crate) struct ProblemPageView {
    #[schema(pattern = "^/problems/[a-z-]+$")]
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    meaning: &'static str,
    #[schema(schema_with = schema::any_problem)]
    example: Box<RawValue>,
}

/// Creates the response with the documentation of a problem type as JSON.
pub(crate) fn json(code: Code) -> HttpResponse {
    HttpResponse::Ok().json(ProblemPageView {
        kind: format!("/problems/{}", code.name()),
        title: code.title(),
        status: code.status().as_u16(),
        meaning: code.meaning(),
        example: sample::problem(code),
    })
}

/// Returns the example of a problem as indented JSON.
pub(crate) fn example_text(code: Code) -> String {
    let example = serde_json::from_str::<Value>(sample::problem(code).get());
    example.map_or_else(|_| String::new(), |example| format!("{example:#}"))
}

/// Parses the code in the path.
pub(crate) fn path_code(request: &HttpRequest) -> Result<Code, Problem> {
    let name = request.match_info().get("code").unwrap_or_default();
    let known = Code::all().find(|code| code.name() == name);
    known.ok_or_else(|| Problem::new(Code::NotFound, "This problem type does not exist."))
}
