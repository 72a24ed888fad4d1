//! Orders as iCalendar events (RFC 5545).

use std::fmt;

use icalendar::{Component, Event};
use orders_core::{Order, Timestamp};

use super::csv::joined_names;
use super::response::Names;

const BEGIN: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Orders//Orders//EN\r\n\
                     CALSCALE:GREGORIAN\r\n";
const END: &str = "END:VCALENDAR\r\n";

/// Writes orders as events, after the head of the calendar if they are the first, and before its end
/// if they are the last. The `host` makes their ids unique. The library would hold the whole calendar in memory.
pub(crate) fn write_entries(
    orders: &[Order],
    names: Option<&Names>,
    host: &str,
    (is_first, is_last): (bool, bool),
) -> Result<Vec<u8>, fmt::Error> {
    let mut out = String::new();
    out.push_str(if is_first { BEGIN } else { "" });
    for order in orders {
        entry(order, names, host).fmt_write(&mut out)?;
    }
    out.push_str(if is_last { END } else { "" });
    Ok(out.into_bytes())
}

fn entry(order: &Order, names: Option<&Names>, host: &str) -> Event {
    let services = order.content.services.iter();
    let summary = joined_names(services, names.unwrap_or(&Names::new()));
    let changed_at = utc(order.updated_at);
    let mut entry = Event::new();
    // Without METHOD, this is the time of the last change (section 3.8.7.2).
    entry.add_property("DTSTAMP", &changed_at);
    entry.add_property("UID", format!("{}@{host}", order.id));
    entry.add_property("SEQUENCE", order.version.saturating_sub(1).to_string());
    entry.add_property("DTSTART", utc(order.content.datetime));
    entry.add_property("SUMMARY", summary);
    entry.add_property("CREATED", utc(order.created_at));
    entry.add_property("LAST-MODIFIED", changed_at);
    entry
}

/// Formats a time in UTC, to the second, the precision of iCalendar (section 3.3.5).
fn utc(at: Timestamp) -> String {
    let text = at.to_string();
    let second = text.split('.').next().unwrap_or_default();
    let mut utc: String = second.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    utc.push('Z');
    utc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_to_the_second() {
        let at = Timestamp::parse("2022-11-01T12:11:11.999+01:00").unwrap();
        assert_eq!(utc(at), "20221101T111111Z");
        assert_eq!(utc(Timestamp::MIN), "00010101T000000Z");
    }
}
