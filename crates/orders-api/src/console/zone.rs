//! Time zones of visitors. The service itself uses UTC only.

use std::str::FromStr;

use actix_web::HttpRequest;
use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use orders_core::Timestamp;

use crate::security;

/// The cookie with the time zone of the browser. Scripts write it.
const COOKIE: &str = "orders_zone";

/// The zone in which a page shows times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone(Tz);

impl Zone {
    /// The zone of the address, else that of the browser, else UTC.
    pub(crate) fn from_request(request: &HttpRequest) -> Self {
        let query = form_urlencoded::parse(request.query_string().as_bytes());
        let asked = query.filter(|(name, _)| name == "tz").find_map(|(_, zone)| Self::parse(&zone));
        let own = || Self::parse(&security::cookie(request, COOKIE)?.replace("%2F", "/"));
        asked.or_else(own).unwrap_or(Self(Tz::UTC))
    }

    /// A zone of the IANA database, by its name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Tz::from_str(name).ok().map(Self)
    }

    pub(crate) fn name(self) -> &'static str {
        self.0.name()
    }

    /// The local time.
    pub(crate) fn local(self, at: Timestamp) -> NaiveDateTime {
        let utc = DateTime::<Utc>::from_timestamp_millis(at.as_millis()).unwrap_or_default();
        utc.with_timezone(&self.0).naive_local()
    }

    pub(crate) fn date(self, at: Timestamp) -> NaiveDate {
        self.local(at).date()
    }

    /// The time at which local clocks show this: the first of two. `None` if clocks skip it.
    pub(crate) fn instant(self, local: NaiveDateTime) -> Option<Timestamp> {
        let at = match self.0.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at,
            LocalResult::None => return None,
        };
        Timestamp::from_millis(at.timestamp_millis())
    }

    /// The start of a day: midnight, or the first time after it if clocks skip midnight.
    pub(crate) fn start_of(self, date: NaiveDate) -> Timestamp {
        let midnight = date.and_time(chrono::NaiveTime::MIN);
        let first = (0..8).find_map(|quarters| {
            self.instant(midnight.checked_add_signed(TimeDelta::minutes(30 * quarters))?)
        });
        let edge = if date < NaiveDate::default() { Timestamp::MIN } else { Timestamp::MAX };
        first.unwrap_or(edge)
    }

    /// `11:11`
    pub(crate) fn clock(self, at: Timestamp) -> String {
        self.local(at).format("%H:%M").to_string()
    }

    /// `Tue 1 Nov 2022, 11:11`
    pub(crate) fn words(self, at: Timestamp) -> String {
        self.local(at).format("%a %-d %b %Y, %H:%M").to_string()
    }

    /// The value of a form field, exact to the millisecond.
    pub(crate) fn field(self, at: Timestamp) -> String {
        let local = self.local(at);
        let millis = at.as_millis();
        let format = match (millis.rem_euclid(60_000), millis.rem_euclid(1_000)) {
            (0, _) => "%Y-%m-%dT%H:%M",
            (_, 0) => "%Y-%m-%dT%H:%M:%S",
            _ => "%Y-%m-%dT%H:%M:%S%.3f",
        };
        local.format(format).to_string()
    }

    /// Reads the value of a form field.
    pub(crate) fn read_field(self, text: &str) -> Option<Timestamp> {
        let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
        let local = formats.iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok())?;
        self.instant(local)
    }
}

/// The date this many days later, or the same date at the end of the calendar.
pub(crate) fn later(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(date)
}

/// The date this many days earlier, or the same date at the start of the calendar.
pub(crate) fn earlier(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_sub_days(Days::new(days)).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_when_the_clocks_of_the_zone_say_so() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let day = |text| NaiveDate::from_str(text).unwrap();
        assert_eq!(berlin.start_of(day("2022-11-01")).to_string(), "2022-10-31T23:00:00.000Z");
        assert_eq!(berlin.start_of(day("2022-07-01")).to_string(), "2022-06-30T22:00:00.000Z");
        // Clocks there jump from midnight to one.
        let havana = Zone::parse("America/Havana").unwrap();
        assert_eq!(havana.start_of(day("2022-03-13")).to_string(), "2022-03-13T05:00:00.000Z");
        assert_eq!(Zone::parse("Nowhere/None"), None);
    }

    #[test]
    fn a_field_holds_an_instant_exactly() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        for (text, field) in [
            ("2022-11-01T11:11:11.111Z", "2022-11-01T12:11:11.111"),
            ("2022-11-01T11:11:11Z", "2022-11-01T12:11:11"),
            ("2022-07-01T11:11:00Z", "2022-07-01T13:11"),
        ] {
            let at = Timestamp::parse(text).unwrap();
            assert_eq!(berlin.field(at), field);
            assert_eq!(berlin.read_field(field), Some(at));
        }
        // On the last Sunday of March there is no half past two.
        assert_eq!(berlin.read_field("2022-03-27T02:30"), None);
        assert_eq!(berlin.read_field("tomorrow"), None);
    }
}
