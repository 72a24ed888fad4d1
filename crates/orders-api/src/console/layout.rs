//! The layout of all pages, and how pages are sent.

use std::io::Write;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentEncoding};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use askama::Template;
use flate2::Compression;
use flate2::write::GzEncoder;
use orders_core::OrderId;
use orders_core::key::Role;

use super::assets;
use super::zone::Zone;
use crate::http::problem::Problem;
use crate::http::request_context;
use crate::security;

/// The headers of all pages: no foreign or inline script or style, no frames, no referrer to other
/// sites, no caching.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "private, no-store"),
];

/// The parts that all pages share.
pub(crate) struct Layout {
    pub(crate) title: String,
    /// The path of the styles and scripts.
    pub(crate) assets: String,
    /// The current entry of the navigation.
    pub(crate) section: &'static str,
    pub(crate) zone: Zone,
    /// The address of the page.
    pub(crate) here: String,
    /// The signed-in visitor.
    pub(crate) visitor: Option<Visitor>,
    /// The order that the page shows. `None` for pages of several orders.
    pub(crate) subject: Option<OrderId>,
    /// The last event that the page shows. `None` if the page does not follow events.
    pub(crate) sequence: Option<u64>,
}

/// The caller of a page.
pub(crate) struct Visitor {
    role: Role,
    /// Whether the visitor signed in with a key.
    pub(crate) has_key: bool,
    pub(crate) name: String,
}

impl Visitor {
    fn from_request(request: &HttpRequest) -> Self {
        let (role, has_key) = (security::role(request), security::is_authenticated(request));
        Self { role, has_key, name: request_context::actor(request).as_str().to_owned() }
    }

    pub(crate) fn role(&self) -> &'static str {
        self.role.as_str()
    }

    pub(crate) fn may_write(&self) -> bool {
        self.role >= Role::Writer
    }

    pub(crate) fn may_administer(&self) -> bool {
        self.role >= Role::Admin
    }
}

impl Layout {
    /// The layout of a page for an authorized visitor.
    pub(crate) fn new(request: &HttpRequest, section: &'static str, title: &str) -> Self {
        let visitor = Some(Visitor::from_request(request));
        Self { visitor, ..Self::signed_out(request, section, title) }
    }

    /// The layout of a page for anyone.
    pub(crate) fn signed_out(request: &HttpRequest, section: &'static str, title: &str) -> Self {
        let zone = Zone::from_request(request);
        Self {
            title: title.to_owned(),
            section,
            zone,
            here: here(request),
            assets: format!("/console/assets/{}", assets::version()),
            visitor: None,
            subject: None,
            sequence: None,
        }
    }

    pub(crate) fn may_write(&self) -> bool {
        self.visitor.as_ref().is_some_and(Visitor::may_write)
    }

    pub(crate) fn may_administer(&self) -> bool {
        self.visitor.as_ref().is_some_and(Visitor::may_administer)
    }
}

/// The address of a page with its known parameters. Others are not reflected.
fn here(request: &HttpRequest) -> String {
    const KNOWN: [&str; 9] =
        ["view", "date", "service", "tz", "from", "to", "min_fee", "max_fee", "sort"];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        if KNOWN.contains(&name.as_ref()) && value.len() <= 40 {
            query.append_pair(&name, &value);
        }
    }
    match query.finish().as_str() {
        "" => request.path().to_owned(),
        query => format!("{}?{query}", request.path()),
    }
}

/// Sends a page.
pub(crate) fn show(
    request: &HttpRequest,
    status: StatusCode,
    page: &impl Template,
) -> Result<HttpResponse, Problem> {
    let html = page.render().map_err(|error| Problem::unexpected(error.to_string()))?;
    let mut answer = HttpResponse::build(status);
    for header in HEADERS {
        answer.insert_header(header);
    }
    answer.content_type("text/html; charset=utf-8");
    Ok(compressed(request, &mut answer, html))
}

/// Sends a text, compressed if the browser accepts it.
pub(crate) fn compressed(
    request: &HttpRequest,
    answer: &mut HttpResponseBuilder,
    text: String,
) -> HttpResponse {
    answer.insert_header((header::VARY, "Accept-Encoding"));
    let accepted = request.headers().get_all(header::ACCEPT_ENCODING);
    let takes_gzip = |value: &header::HeaderValue| {
        let value = value.to_str().unwrap_or_default();
        value.split(',').any(|coding| matches!(coding.trim(), "gzip" | "gzip;q=1.0"))
    };
    if text.len() > 1024 && accepted.into_iter().any(takes_gzip) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        if encoder.write_all(text.as_bytes()).is_ok()
            && let Ok(packed) = encoder.finish()
        {
            return answer.insert_header(ContentEncoding::Gzip).body(packed);
        }
    }
    answer.body(text)
}

/// Redirects the browser to a page after a change.
pub(crate) fn go_to(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}
