//! Problems as pages.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::layout::{self, Layout};
use super::sign_in;
use crate::http::headers;
use crate::http::problem::{Code, Problem};

#[derive(Template)]
#[template(path = "console/failure.html")]
struct FailurePage<'a> {
    layout: Layout,
    problem: &'a str,
    request_id: &'a str,
}

/// Whether the request is for a page and accepts HTML.
pub(crate) fn is_page(request: &HttpRequest) -> bool {
    let path = request.path();
    let offered = [("application/problem+json", false), ("text/html", true)];
    (path == "/" || path.starts_with("/console"))
        && headers::choose(request, &offered).unwrap_or(false)
}

/// Renders a problem as a page. Without a key, that is the sign-in form.
pub(crate) fn render(request: &HttpRequest, problem: &Problem, request_id: &str) -> HttpResponse {
    problem.log(request.path(), request_id);
    let shown = if problem.code() == Code::Unauthenticated {
        sign_in::show_form(request, problem.status(), None)
    } else {
        let title = problem.code().title();
        let layout = Layout::signed_out(request, "", title);
        let page = FailurePage { layout, problem: problem.detail(), request_id };
        layout::show(request, problem.status(), &page)
    };
    let mut answer = shown.unwrap_or_else(|_| HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in problem.headers() {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(name.clone(), value);
        }
    }
    answer
}
