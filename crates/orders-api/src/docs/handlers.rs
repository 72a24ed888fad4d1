//! Handlers of the API reference: the OpenAPI document and the page that shows it. Nothing is loaded
//! from another host.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::Config;

use super::document::Document;
use crate::http::problem::{Code, Problem};
use crate::http::{headers, query};

/// The headers of the page: no content from other hosts, no frames, no sniffing of media types, no
/// referrer to other sites.
const PAGE_HEADERS: [(header::HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
];

/// `GET /openapi.json`
pub(crate) async fn document(
    request: HttpRequest,
    document: Data<Document>,
) -> Result<HttpResponse, Problem> {
    query::none(&request)?;
    headers::accepts_json(&request)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(document.json().to_owned()))
}

/// `GET /docs`
pub(crate) async fn page() -> HttpResponse {
    let mut page = HttpResponse::Ok();
    for header in PAGE_HEADERS {
        page.insert_header(header);
    }
    page.content_type("text/html; charset=utf-8").body(include_str!("page.html"))
}

/// A file that the page loads.
#[derive(Clone, Copy)]
pub(crate) enum File {
    Style,
    Program,
    Start,
}

impl File {
    pub(crate) const ALL: [Self; 3] = [Self::Style, Self::Program, Self::Start];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Style => "swagger-ui.css",
            Self::Program => "swagger-ui-bundle.js",
            Self::Start => "start.js",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Style => "text/css; charset=utf-8",
            Self::Program | Self::Start => "text/javascript; charset=utf-8",
        }
    }

    fn content(self) -> Result<Cow<'static, [u8]>, Problem> {
        match self {
            Self::Start => Ok(Cow::Borrowed(include_bytes!("start.js"))),
            Self::Style | Self::Program => {
                let file =
                    utoipa_swagger_ui::serve(self.name(), Arc::new(Config::from("/openapi.json")));
                let file = file.map_err(|error| Problem::unexpected(error.to_string()))?;
                file.map(|file| file.bytes).ok_or_else(|| {
                    Problem::unexpected("a file of the page is missing in the program")
                })
            }
        }
    }
}

/// `GET /docs/{file}`
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let file = path_file(&request)?;
    let content = file.content()?.into_owned();
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type(file.media_type())
        .body(content))
}

/// Parses the file in the path.
pub(crate) fn path_file(request: &HttpRequest) -> Result<File, Problem> {
    let name = request.match_info().get("file").unwrap_or_default();
    let known = File::ALL.into_iter().find(|file| file.name() == name);
    known.ok_or_else(|| Problem::new(Code::NotFound, "This file does not exist."))
}
