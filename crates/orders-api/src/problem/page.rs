//! The handler of the page behind a problem's `type`.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::{Code, Problem, ProblemView};
use crate::{headers, query};

#[derive(Serialize)]
struct PageView<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    meaning: &'static str,
    example: ProblemView<'a>,
}

/// `GET /problems/{code}`
pub(crate) async fn find(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let code = path_code(&request)?;
    query::none(&request)?;
    headers::accepts_json(&request)?;
    let (name, title) = code.words();
    let example = Problem::new(code, "What was wrong with this very request.");
    Ok(HttpResponse::Ok().json(PageView {
        kind: format!("/problems/{name}"),
        title,
        status: code.status().as_u16(),
        meaning: code.meaning(),
        example: example.view("/orders", "01a1fd4a-5f47-7087-ac84-a87230adaa41"),
    }))
}

/// The code in the path.
pub(crate) fn path_code(request: &HttpRequest) -> Result<Code, Problem> {
    let name = request.match_info().get("code").unwrap_or_default();
    let known = Code::ALL.into_iter().find(|code| code.words().0 == name);
    known.ok_or_else(|| Problem::new(Code::NotFound, "There is no such problem."))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_told_apart_and_told_of() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.words().0).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.meaning().ends_with('.')));
    }
}
