//! The addresses of the calendar: which view, of which day, of which services.

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use chrono::{Datelike, Months, NaiveDate};
use orders_core::ServiceId;

use super::super::zone::{earlier, later};

/// A view of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Month,
    Week,
    Day,
    Timeline,
}

impl View {
    pub(super) const ALL: [Self; 4] = [Self::Month, Self::Week, Self::Day, Self::Timeline];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Timeline => "timeline",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Month => "Month",
            Self::Week => "Week",
            Self::Day => "Day",
            Self::Timeline => "Timeline",
        }
    }
}

/// The address of a calendar page. Invalid parameters are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) view: View,
    pub(super) date: NaiveDate,
    /// Empty for all.
    pub(super) services: BTreeSet<ServiceId>,
    /// The time zone in the address.
    zone: Option<String>,
}

impl Address {
    pub(super) fn read(request: &HttpRequest, today: NaiveDate) -> Self {
        let mut address =
            Self { view: View::Month, date: today, services: BTreeSet::new(), zone: None };
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            match name.as_ref() {
                "view" => {
                    let view = View::ALL.into_iter().find(|view| view.name() == value);
                    address.view = view.unwrap_or(address.view);
                }
                "date" => {
                    let date = NaiveDate::parse_from_str(&value, "%Y-%m-%d").ok();
                    // A month on, and one back, every day still has a name of four digits.
                    let date = date.filter(|date| (2..=9998).contains(&date.year()));
                    address.date = date.unwrap_or(address.date);
                }
                "service" => address.services.extend(ServiceId::parse(&value)),
                "tz" => {
                    address.zone = super::Zone::parse(&value).map(|zone| zone.name().to_owned());
                }
                _ => {}
            }
        }
        address
    }

    pub(super) fn view_name(&self) -> &'static str {
        self.view.name()
    }

    pub(super) fn zone_name(&self) -> &str {
        self.zone.as_deref().unwrap_or_default()
    }

    /// The days of the view: the first, and the first after it.
    pub(super) fn days(&self) -> (NaiveDate, NaiveDate) {
        let monday =
            |date: NaiveDate| earlier(date, u64::from(date.weekday().num_days_from_monday()));
        match self.view {
            View::Month => {
                let first = self.date.with_day(1).unwrap_or(self.date);
                let last = first.checked_add_months(Months::new(1)).unwrap_or(first);
                (monday(first), later(monday(earlier(last, 1)), 7))
            }
            View::Week => (monday(self.date), later(monday(self.date), 7)),
            View::Day => (self.date, later(self.date, 1)),
            View::Timeline => (monday(self.date), later(monday(self.date), 28)),
        }
    }

    /// The date of the next or previous page.
    pub(super) fn step(&self, forward: bool) -> NaiveDate {
        let days = match self.view {
            View::Month => {
                let first = self.date.with_day(1).unwrap_or(self.date);
                let month = Months::new(1);
                let other = if forward {
                    first.checked_add_months(month)
                } else {
                    first.checked_sub_months(month)
                };
                return other.unwrap_or(first);
            }
            View::Week => 7,
            View::Day => 1,
            View::Timeline => 28,
        };
        if forward { later(self.date, days) } else { earlier(self.date, days) }
    }

    pub(super) fn heading(&self) -> String {
        let (first, last) = self.days();
        let last = earlier(last, 1);
        match self.view {
            View::Month => self.date.format("%B %Y").to_string(),
            View::Day => self.date.format("%A %-d %B %Y").to_string(),
            View::Week | View::Timeline if first.month() == last.month() => {
                format!("{} – {}", first.day(), last.format("%-d %B %Y"))
            }
            View::Week | View::Timeline => {
                format!("{} – {}", first.format("%-d %b"), last.format("%-d %b %Y"))
            }
        }
    }

    /// The same view on another day.
    pub(super) fn at(&self, date: NaiveDate) -> String {
        self.write(self.view, date)
    }

    /// The same day in another view.
    pub(super) fn viewed_as(&self, view: View) -> String {
        self.write(view, self.date)
    }

    pub(super) fn write(&self, view: View, date: NaiveDate) -> String {
        let mut path = format!("/?view={}&date={}", view.name(), date.format("%Y-%m-%d"));
        for service in &self.services {
            path += "&service=";
            path += &service.to_string();
        }
        if let Some(zone) = &self.zone {
            path += "&tz=";
            path.extend(form_urlencoded::byte_serialize(zone.as_bytes()));
        }
        path
    }
}
