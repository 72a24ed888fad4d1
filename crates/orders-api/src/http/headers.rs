//! Headers: accepted media types, the media type of the body, expected versions, and the entity tag of
//! a response.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use orders_core::decide::Versions;

use crate::http::problem::{Code, Problem};

/// Keeps proxies from compressing a response, which would make its entity tag weak. A weak tag fails
/// `If-Match`.
pub(crate) const NO_TRANSFORM: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-transform"));

/// Rejects a request whose client does not accept JSON.
pub(crate) fn accepts_json(request: &HttpRequest) -> Result<(), Problem> {
    choose(request, &[("application/json", ())])
}

/// Returns the choice with the media type that the client prefers; among equals, the first.
pub(crate) fn choose<T: Copy>(request: &HttpRequest, offered: &[(&str, T)]) -> Result<T, Problem> {
    let accept = accept(request);
    let mut best = (0.0, None);
    for (media, choice) in offered {
        let quality = accept.as_deref().map_or(1.0, |accept| quality(accept, media));
        if quality > best.0 {
            best = (quality, Some(*choice));
        }
    }
    best.1.ok_or_else(|| {
        let media: Vec<&str> = offered.iter().map(|(media, _)| *media).collect();
        let detail = format!("The response is available as {} only.", media.join(" or "));
        Problem::new(Code::NotAcceptable, detail)
    })
}

/// Returns what the client accepts; `None` without the header.
fn accept(request: &HttpRequest) -> Option<String> {
    let mut ranges = request.headers().get_all(header::ACCEPT).peekable();
    ranges.peek()?;
    let text = ranges.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    // An empty header counts as none.
    (!text.trim().is_empty()).then_some(text)
}

/// Returns the quality of a media type (RFC 9110, section 12.5.1). The most specific range counts.
fn quality(accept: &str, offered: &str) -> f32 {
    let (kind, name) = offered.split_once('/').unwrap_or((offered, ""));
    let mut best = (0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let specific = match media.split_once('/') {
            Some((k, n)) if k == kind && n == name => 3,
            Some((k, "*")) if k == kind => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
        if specific > best.0 {
            best = (specific, weight);
        }
    }
    best.1
}

/// Rejects a body of another media type than JSON. Without `Content-Type`, it is JSON.
pub(crate) fn sends_json(request: &HttpRequest) -> Result<(), Problem> {
    sends_one_of(request, &["application/json"])
}

/// Rejects a body of another media type than a merge patch (RFC 7396) or JSON.
pub(crate) fn sends_merge_patch(request: &HttpRequest) -> Result<(), Problem> {
    const PATCHES: [&str; 2] = ["application/merge-patch+json", "application/json"];
    sends_one_of(request, &PATCHES)
        .map_err(|problem| problem.with_header(ACCEPT_PATCH, PATCHES.join(", ")))
}

/// Rejects a body that is no HTML form.
pub(crate) fn sends_form(request: &HttpRequest) -> Result<(), Problem> {
    const FORM: &str = "application/x-www-form-urlencoded";
    // Browsers always send the media type of a form. Elsewhere, no media type counts as JSON.
    if request.headers().contains_key(header::CONTENT_TYPE) {
        return sends_one_of(request, &[FORM]);
    }
    Err(Problem::new(Code::UnsupportedMediaType, format!("The body must be {FORM} in UTF-8.")))
}

const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

fn sends_one_of(request: &HttpRequest, accepted: &[&str]) -> Result<(), Problem> {
    let refuse = |what: &str| {
        Err(Problem::new(Code::UnsupportedMediaType, format!("The body must be {what}.")))
    };
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return refuse("sent without Content-Encoding");
    }
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|media| accepted.contains(&media));
    let is_utf8 = parts
        .filter_map(|part| part.strip_prefix("charset="))
        .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"));
    if is_json && is_utf8 { Ok(()) } else { refuse(&format!("{} in UTF-8", accepted.join(" or "))) }
}

/// Returns the versions to which `If-Match` and `If-None-Match` allow a change; `None` for any.
pub(crate) fn versions(request: &HttpRequest) -> Result<Option<Versions>, Problem> {
    let named = if_match(request)?;
    Ok(match (named, entity_tags(request.headers(), &header::IF_NONE_MATCH)?) {
        (named, None) => named.map(Versions::Among),
        // `If-None-Match: *` allows a change only if there is no order, so there is none to change.
        (_, Some(Tags::Any)) => Some(Versions::Among(Vec::new())),
        (named, Some(Tags::Some(tags))) => {
            // Weak comparison (RFC 9110, section 13.1.2).
            let had: Vec<u64> = tags.iter().filter_map(|tag| tag.version).collect();
            Some(match named {
                Some(mut named) => {
                    named.retain(|version| !had.contains(version));
                    Versions::Among(named)
                }
                None => Versions::AllBut(had),
            })
        }
    })
}

/// Whether `If-Match` allows this version, or is missing.
pub(crate) fn matches_version(request: &HttpRequest, version: u64) -> Result<bool, Problem> {
    Ok(if_match(request)?.is_none_or(|versions| versions.contains(&version)))
}

/// Returns the versions that `If-Match` names; `None` for any.
fn if_match(request: &HttpRequest) -> Result<Option<Vec<u64>>, Problem> {
    Ok(match entity_tags(request.headers(), &header::IF_MATCH)? {
        None | Some(Tags::Any) => None,
        // Strong comparison (RFC 9110, section 8.8.3.2): a weak tag matches nothing.
        Some(Tags::Some(tags)) => {
            Some(tags.iter().filter(|tag| !tag.weak).filter_map(|tag| tag.version).collect())
        }
    })
}

/// Explains why a weak tag fails, and who made it weak.
pub(crate) const WEAK_IF_MATCH: &str = "If-Match has a weak entity tag (W/\"…\"), which matches no \
     version. A proxy that compresses responses usually makes it weak: switch that off there, or \
     send the tag without W/.";

/// Whether `If-Match` has a weak tag.
pub(crate) fn has_weak_if_match(request: &HttpRequest) -> bool {
    let tags = entity_tags(request.headers(), &header::IF_MATCH);
    matches!(tags, Ok(Some(Tags::Some(tags))) if tags.iter().any(|tag| tag.weak))
}

/// Whether `If-None-Match` names this version, so that the client already has it.
pub(crate) fn has_version(request: &HttpRequest, version: u64) -> Result<bool, Problem> {
    Ok(match entity_tags(request.headers(), &header::IF_NONE_MATCH)? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Some(tags)) => tags.iter().any(|tag| tag.version == Some(version)),
    })
}

enum Tags {
    Any,
    Some(Vec<Tag>),
}

struct Tag {
    weak: bool,
    /// `None` if this service did not write the tag.
    version: Option<u64>,
}

fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let values: Vec<&str> =
        headers.get_all(name).map(|value| value.to_str().unwrap_or("\0")).collect();
    if values.is_empty() {
        return Ok(None);
    }
    let text = values.join(",");
    if text.trim() == "*" {
        return Ok(Some(Tags::Any));
    }
    let malformed = || {
        let example = "must be * or a list of entity tags such as \"3\"";
        Problem::new(Code::InvalidHeader, format!("{} {example}.", title_case(name)))
    };
    let mut tags = Vec::new();
    // Empty elements of a list are ignored (RFC 9110, section 5.6.1.2).
    let blank = |c: char| c == ',' || c == ' ' || c == '\t';
    let mut rest = text.trim_start_matches(blank);
    while !rest.is_empty() {
        let (weak, opened) = match rest.strip_prefix("W/") {
            Some(strong) => (true, strong),
            None => (false, rest),
        };
        let (tag, after) =
            opened.strip_prefix('"').and_then(|tag| tag.split_once('"')).ok_or_else(malformed)?;
        if tag.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(malformed());
        }
        tags.push(Tag { weak, version: read_version(tag) });
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return Err(malformed());
        }
        rest = rest.trim_start_matches(blank);
    }
    if tags.is_empty() { Err(malformed()) } else { Ok(Some(Tags::Some(tags))) }
}

/// Parses a version as [`etag`] writes it.
fn read_version(tag: &str) -> Option<u64> {
    let version: u64 = tag.parse().ok()?;
    (version.to_string() == tag).then_some(version)
}

/// Returns the entity tag of a version.
pub(crate) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

fn title_case(name: &HeaderName) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    };
    name.as_str().split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn clients_that_accept_json_get_it() {
        for (accept, accepted) in [
            ("*/*", true),
            ("application/json", true),
            ("Application/JSON;q=0.1", true),
            ("text/html, application/*;q=0.5", true),
            ("text/html", false),
            ("application/json;q=0, */*", false),
            ("", true),
        ] {
            let request =
                TestRequest::default().insert_header(("accept", accept)).to_http_request();
            assert_eq!(accepts_json(&request).is_ok(), accepted, "{accept}");
        }
        assert!(accepts_json(&TestRequest::default().to_http_request()).is_ok());
    }

    #[test]
    fn the_preferred_media_type_is_chosen() {
        let offered =
            [("application/json", "json"), ("text/csv", "csv"), ("text/calendar", "calendar")];
        for (accept, chosen) in [
            ("*/*", Some("json")),
            ("text/csv", Some("csv")),
            ("text/*", Some("csv")),
            ("text/html, application/xhtml+xml, */*;q=0.8", Some("json")),
            ("application/json;q=0.5, text/csv;q=0.6", Some("csv")),
            ("text/csv, application/json", Some("json")),
            ("text/*;q=0.5, text/csv;q=0.1, */*;q=0.2", Some("calendar")),
            ("text/csv;q=0, text/calendar;q=0, */*;q=0.001", Some("json")),
            ("text/csv;header=present;q=0.9, */*;q=0.1", Some("csv")),
            ("text/csv;q=0", None),
            ("text/csv;q=much", None),
            ("text/html", None),
        ] {
            let request =
                TestRequest::default().insert_header(("accept", accept)).to_http_request();
            assert_eq!(choose(&request, &offered).ok(), chosen, "{accept}");
        }
    }

    #[test]
    fn only_json_is_read() {
        for (name, value, read) in [
            ("content-type", "application/json", true),
            ("content-type", "application/json; charset=UTF-8", true),
            ("content-type", "application/json; charset=latin1", false),
            ("content-type", "text/plain", false),
            ("content-type", "", false),
            ("content-encoding", "gzip", false),
        ] {
            let request = TestRequest::default().insert_header((name, value)).to_http_request();
            assert_eq!(sends_json(&request).is_ok(), read, "{name}: {value}");
        }
    }

    #[test]
    fn entity_tags_are_compared_as_rfc_9110_says() {
        let with = |value: &str| {
            let request = TestRequest::default();
            request
                .insert_header(("if-match", value))
                .insert_header(("if-none-match", value))
                .to_http_request()
        };
        assert_eq!(if_match(&with("*")).unwrap(), None);
        assert_eq!(if_match(&with("\"3\"")).unwrap(), Some(vec![3]));
        assert_eq!(if_match(&with("\"3\" , \"4\"")).unwrap(), Some(vec![3, 4]));
        assert_eq!(if_match(&with(", \"3\",, \"4\" ,")).unwrap(), Some(vec![3, 4]));
        assert_eq!(if_match(&with("W/\"3\", \"x\", \"03\"")).unwrap(), Some(vec![]));
        assert!(has_version(&with("W/\"3\""), 3).unwrap());
        assert!(!has_version(&with("\"4\""), 3).unwrap());
        for malformed in ["", "3", "\"3", "\"3\" \"4\"", ",", "w/\"3\"", "\"a b\"", "*, \"3\""] {
            assert!(if_match(&with(malformed)).is_err(), "{malformed}");
        }
    }

    #[test]
    fn a_change_applies_to_versions_that_both_headers_allow() {
        let versions = |if_match: &str, if_none_match: &str| {
            let mut request = TestRequest::default();
            for (name, value) in [("if-match", if_match), ("if-none-match", if_none_match)] {
                if !value.is_empty() {
                    request = request.insert_header((name, value));
                }
            }
            versions(&request.to_http_request()).unwrap()
        };
        assert_eq!(versions("", ""), None);
        assert_eq!(versions("*", ""), None);
        assert_eq!(versions("\"3\"", ""), Some(Versions::Among(vec![3])));
        assert_eq!(versions("", "*"), Some(Versions::Among(vec![])));
        assert_eq!(versions("*", "W/\"3\""), Some(Versions::AllBut(vec![3])));
        assert_eq!(versions("\"3\", \"4\"", "\"3\""), Some(Versions::Among(vec![4])));
    }
}
