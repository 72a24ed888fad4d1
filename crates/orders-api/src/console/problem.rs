//! The page of a problem type, for people who follow the `type` of a problem in a browser. Other clients
//! get JSON.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::layout::{self, Layout};
use crate::docs::problems;
use crate::http::problem::{Code, Problem};
use crate::http::{headers, query};

#[derive(Template)]
#[template(path = "console/problem.html")]
struct ProblemPage {
    layout: Layout,
    code: Code,
    /// The example, over several lines.
    example: String,
}

/// `GET /problems/{code}`
pub(crate) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let code = problems::path_code(&request)?;
    query::none(&request)?;
    let offered = [("application/json", false), ("text/html", true)];
    let mut answer = if headers::choose(&request, &offered)? {
        let layout = Layout::signed_out(&request, "", code.title());
        let page = ProblemPage { layout, code, example: problems::example_text(code) };
        layout::show(&request, StatusCode::OK, &page)?
    } else {
        problems::json(code)
    };
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(answer)
}
