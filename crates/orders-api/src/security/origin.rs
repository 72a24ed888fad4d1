//! Protection against cross-site requests. Browsers send the origin of a request; changes are accepted
//! from the service's own pages and from the origins that the operator names.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName};

use super::forbidden;
use crate::http::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origin of a page: scheme, host and port (RFC 6454), as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(String);

impl Origin {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the scheme is `https`.
    pub(crate) fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Parses the origin of a URL: `https://orders.example.com`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let malformed = || "must be like https://orders.example.com".to_owned();
        let (scheme, rest) = url.split_once("://").ok_or_else(malformed)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(malformed()),
        };
        if authority.is_empty() || authority.contains(['@', ' ', '*']) {
            return Err(malformed());
        }
        let authority = authority.to_ascii_lowercase();
        let authority = authority.strip_suffix(default).unwrap_or(&authority);
        Ok(Self(format!("{scheme}://{authority}")))
    }
}

/// Rejects a change that is sent by a page of another site.
pub(super) fn check(request: &HttpRequest, known: &[Origin]) -> Result<(), Problem> {
    if is_read(request) {
        return Ok(());
    }
    let foreign = || forbidden("Cross-site requests are not allowed.");
    let headers = request.headers();
    let mut named_by_operator = false;
    for value in headers.get_all(header::ORIGIN) {
        let origin = value.to_str().ok().and_then(|text| Origin::parse(text).ok());
        let origin = origin.ok_or_else(foreign)?;
        named_by_operator = known.contains(&origin);
        if !named_by_operator && !is_of_host(&origin, request) {
            return Err(foreign());
        }
    }
    if named_by_operator {
        return Ok(());
    }
    let crosses =
        |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"cross-site");
    if headers.get_all(SEC_FETCH_SITE).any(crosses) { Err(foreign()) } else { Ok(()) }
}

/// Rejects a change with a session and without an origin. Browsers send cookies with any request, and
/// always send the origin of a change.
pub(super) fn check_is_present(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    if is_read(request)
        || headers.contains_key(header::ORIGIN)
        || headers.contains_key(SEC_FETCH_SITE)
    {
        return Ok(());
    }
    Err(forbidden("A request with a session must have Origin or Sec-Fetch-Site."))
}

fn is_read(request: &HttpRequest) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether an origin is the host of the request. The scheme may differ: a proxy may terminate TLS.
fn is_of_host(origin: &Origin, request: &HttpRequest) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let own = |host: &str| {
        ["http", "https"].into_iter().any(|scheme| {
            Origin::parse(&format!("{scheme}://{host}")).is_ok_and(|own| own == *origin)
        })
    };
    host.is_some_and(own)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn an_origin_is_compared_as_browsers_write_it() {
        let origin = |text| Origin::parse(text).map(|Origin(text)| text);
        assert_eq!(origin("https://A.example:443/x?y"), Ok("https://a.example".to_owned()));
        assert_eq!(origin("http://[::1]:8080"), Ok("http://[::1]:8080".to_owned()));
        for odd in
            ["", "null", "a.example", "ftp://a.example", "https://", "https://*", "https://a@b"]
        {
            assert!(origin(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn only_own_pages_may_change_something() {
        let known = [Origin::parse("https://console.example").unwrap()];
        let admitted = |method: Method, headers: &[(&str, &str)]| {
            let request =
                TestRequest::default().method(method).insert_header(("host", "localhost:1"));
            let request =
                headers.iter().fold(request, |request, header| request.append_header(*header));
            check(&request.to_http_request(), &known).is_ok()
        };
        let admits = |headers: &[(&str, &str)]| admitted(Method::POST, headers);
        assert!(admits(&[]));
        assert!(admits(&[("origin", "http://localhost:1")]));
        assert!(admits(&[("origin", "https://console.example"), ("sec-fetch-site", "cross-site")]));
        assert!(admits(&[("sec-fetch-site", "same-origin")]));
        assert!(!admits(&[("origin", "null")]));
        assert!(!admits(&[("origin", "http://localhost:1"), ("origin", "http://evil.example")]));
        assert!(!admits(&[
            ("origin", "https://console.example"),
            ("origin", "http://localhost:1"),
            ("sec-fetch-site", "cross-site"),
        ]));
        assert!(!admits(&[("origin", "http://localhost:2")]));
        assert!(!admits(&[("origin", "http://evil.example")]));
        assert!(!admits(&[("sec-fetch-site", "cross-site")]));
        assert!(!admits(&[("origin", "http://localhost:1"), ("sec-fetch-site", "cross-site")]));
        assert!(admitted(Method::GET, &[("origin", "http://evil.example")]));
    }
}
