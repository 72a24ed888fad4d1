//! The delays between the attempts of a delivery.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::HttpDate;
use hyper::HeaderMap;
use hyper::header::RETRY_AFTER;
use orders_core::Timestamp;

/// The longest delay that an endpoint can request with `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// The delay after each failed attempt. The attempt after the last delay is the last one.
#[derive(Debug, Clone)]
pub(crate) struct RetryDelays(pub(crate) Vec<Duration>);

impl RetryDelays {
    /// Returns the delay after so many failed attempts, or `None` after the last one. A jitter of 10 %
    /// keeps endpoints that failed together from being retried together. The delay is never shorter
    /// than the endpoint requested.
    pub(crate) fn after(&self, attempts: u32, requested: Option<Duration>) -> Option<Duration> {
        let index = usize::try_from(attempts).ok()?.checked_sub(1)?;
        let delay = self.0.get(index)?.mul_f64(0.9 + 0.2 * random());
        Some(delay.max(requested.unwrap_or_default().min(MAX_RETRY_AFTER)))
    }
}

/// Returns a random number from 0 to 1; a half if the system has no randomness.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

/// Parses `Retry-After`: seconds or a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = SystemTime::from(text.parse::<HttpDate>().ok()?);
    let at = date.duration_since(UNIX_EPOCH).ok()?;
    let now = u64::try_from(now.as_millis()).ok()?;
    Some(at.saturating_sub(Duration::from_millis(now)))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn delays_are_jittered_and_never_shorter_than_requested() {
        let delays = RetryDelays([5, 300].map(Duration::from_secs).to_vec());
        for _ in 0..100 {
            let first = delays.after(1, None).unwrap().as_secs_f64();
            assert!((4.5..=5.5).contains(&first), "{first}");
        }
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(delays.after(1, seconds(60)), seconds(60));
        assert_eq!(delays.after(1, seconds(1_000_000)), Some(MAX_RETRY_AFTER));
        assert!(delays.after(2, seconds(60)).unwrap() > Duration::from_secs(250));
        assert_eq!(delays.after(3, seconds(60)), None);
    }

    #[test]
    fn retry_after_is_in_seconds_or_a_date() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            retry_after(&headers, Timestamp::from_millis(784_111_777_000).unwrap())
        };
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:27 GMT"), Some(Duration::ZERO));
        for odd in ["", "-1", "soon", "1.5"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
