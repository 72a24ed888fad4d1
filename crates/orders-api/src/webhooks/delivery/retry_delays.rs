//! When what could not be delivered is tried again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::HttpDate;
use hyper::HeaderMap;
use hyper::header::RETRY_AFTER;
use orders_core::Instant;

/// The longest that an endpoint can put off by `Retry-After`.
const LONGEST: Duration = Duration::from_hours(24);

/// How long is waited after each attempt; after the last, none follows.
#[derive(Debug, Clone)]
pub(crate) struct Delays(pub(crate) Vec<Duration>);

impl Delays {
    /// How long to wait after so many attempts in vain, give or take a tenth, so that endpoints that
    /// failed together are not tried together: never less than the endpoint has asked for. `None`
    /// if that was the last attempt.
    pub(crate) fn after(&self, attempts: u32, asked: Option<Duration>) -> Option<Duration> {
        let place = usize::try_from(attempts).ok()?.checked_sub(1)?;
        let delay = self.0.get(place)?.mul_f64(0.9 + 0.2 * dice());
        Some(delay.max(asked.unwrap_or_default().min(LONGEST)))
    }
}

/// From 0 to 1; a half where the system has nothing random to give.
fn dice() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: Instant) -> Option<Duration> {
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
    fn delays_are_jittered_and_never_shorter_than_asked() {
        let delays = Delays([5, 300].map(Duration::from_secs).to_vec());
        for _ in 0..100 {
            let first = delays.after(1, None).unwrap().as_secs_f64();
            assert!((4.5..=5.5).contains(&first), "{first}");
        }
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(delays.after(1, asked(60)), asked(60));
        assert_eq!(delays.after(1, asked(1_000_000)), Some(LONGEST));
        assert!(delays.after(2, asked(60)).unwrap() > Duration::from_secs(250));
        assert_eq!(delays.after(3, asked(60)), None);
    }

    #[test]
    fn retry_after_is_in_seconds_or_a_date() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            retry_after(&headers, Instant::from_millis(784_111_777_000).unwrap())
        };
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:27 GMT"), Some(Duration::ZERO));
        for odd in ["", "-1", "soon", "1.5"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
