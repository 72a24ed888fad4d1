//! Query parameters of the feed of events.

use actix_web::HttpRequest;

use crate::http::problem::Problem;
use crate::http::query::{Parameters, Times, rows};

/// The maximum number of digits of a sequence.
const MAX_DIGITS: usize = 18;

/// The parameters of `GET /events`.
#[derive(Debug)]
pub(crate) struct FeedQuery {
    /// The sequence after which the page starts.
    pub(crate) after: u64,
    /// The id of the feed that the sequence is from.
    pub(crate) feed: Option<String>,
    /// The maximum number of events.
    pub(crate) limit: usize,
}

/// The parameters of `GET /events/stream`.
pub(crate) struct StreamQuery {
    /// The sequence after which the stream starts.
    pub(crate) after: Option<u64>,
    /// The id of the feed that the sequence is from.
    pub(crate) feed: Option<String>,
}

/// Parses the parameters of `GET /events`.
pub(crate) fn feed(request: &HttpRequest) -> Result<FeedQuery, Problem> {
    let known = [("after", Times::Once), ("feed", Times::Once), ("limit", Times::Once)];
    let mut parameters = Parameters::read(request, &known);
    let after = parameters.one("after", sequence).unwrap_or(0);
    let limit = parameters.one("limit", rows).unwrap_or(100);
    let feed = parameters.one("feed", |text| Ok(text.to_owned()));
    parameters.finish().map(|()| FeedQuery { after, feed, limit })
}

/// Parses the position at which `GET /events/stream` starts.
///
/// Clients that cannot send `Last-Event-ID` after a reconnect add `lastEventId` to the URL that they
/// opened first, so it takes precedence over `after`. It is empty before the first event.
pub(crate) fn stream(request: &HttpRequest) -> Result<StreamQuery, Problem> {
    let known = [("after", Times::Once), ("feed", Times::Once), ("lastEventId", Times::Once)];
    let mut parameters = Parameters::read(request, &known);
    let after = parameters.one("after", sequence);
    let last = parameters.one("lastEventId", |text| match text {
        "" => Ok(None),
        text => sequence(text).map(Some),
    });
    let feed = parameters.one("feed", |text| Ok(text.to_owned()));
    parameters.finish().map(|()| StreamQuery { after: last.flatten().or(after), feed })
}

/// Parses a sequence: 0, or the sequence of an event, padded with zeros or not.
pub(crate) fn sequence(text: &str) -> Result<u64, String> {
    let is_one = text.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=MAX_DIGITS).contains(&text.len())
        && (text == "0" || text.len() == MAX_DIGITS || !text.starts_with('0'));
    let number = text.parse().ok().filter(|_| is_one);
    number.ok_or_else(|| "must be the sequence of an event, or 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_digits_and_nothing_else() {
        for (text, number) in [
            ("0", 0),
            ("7", 7),
            ("000000000000000007", 7),
            ("000000000000000000", 0),
            ("999999999999999999", 999_999_999_999_999_999),
        ] {
            assert_eq!(sequence(text), Ok(number));
        }
        let long = "9".repeat(1_000);
        for text in [
            "",
            "-1",
            "+1",
            " 1",
            "1 ",
            "01",
            "00",
            "1.0",
            "1e3",
            "0x1",
            "٣",
            "9223372036854775808",
            &long,
        ] {
            assert!(sequence(text).is_err(), "{text}");
        }
    }
}
