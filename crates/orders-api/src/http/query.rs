//! Query parameters. Unknown, malformed and repeated ones are rejected.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpRequest;
use orders_core::{ServiceId, Services, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

use crate::http::problem::{Code, Problem};

/// The most errors that a problem lists.
const MOST_ERRORS: usize = 100;

/// An error in one query parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParameterError {
    /// The name of the parameter.
    pub(crate) parameter: String,
    pub(crate) detail: String,
}

/// The query parameters of a request, by name. Collects all errors, at most one for each name.
pub(crate) struct Parameters {
    values: BTreeMap<String, Vec<String>>,
    errors: Vec<ParameterError>,
}

/// Whether a parameter can be repeated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Many,
}

impl Parameters {
    pub(crate) fn read(request: &HttpRequest, known: &[(&str, Times)]) -> Self {
        let mut parameters = Self { values: BTreeMap::new(), errors: Vec::new() };
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            let Some((_, times)) = known.iter().find(|(known, _)| *known == name) else {
                parameters.add_error(&name, "is unknown; remove it");
                continue;
            };
            if value.contains('\u{FFFD}') {
                parameters.add_error(&name, "must be UTF-8");
                continue;
            }
            let values = parameters.values.entry(name.clone().into_owned()).or_default();
            values.push(value.into_owned());
            if values.len() > 1 && *times == Times::Once {
                parameters.add_error(&name, "must not be repeated");
            }
        }
        parameters
    }

    /// Takes all values of a parameter that are valid.
    pub(crate) fn all<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let values = self.values.remove(name).unwrap_or_default();
        let mut valid = Vec::with_capacity(values.len());
        for value in &values {
            match read(value) {
                Ok(value) => valid.push(value),
                Err(why) => self.add_error(name, &why),
            }
        }
        valid
    }

    pub(crate) fn one<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.all(name, read).pop()
    }

    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if !self.values.contains_key(name) {
            self.add_error(name, "is required");
        }
        self.one(name, read)
    }

    /// Records an error, unless the parameter has one.
    pub(crate) fn add_error(&mut self, name: &str, why: &str) {
        let error = parameter_error(name, why);
        let is_new = self.errors.iter().all(|other| other.parameter != error.parameter);
        if is_new && self.errors.len() < MOST_ERRORS {
            self.errors.push(error);
        }
    }

    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(problem(&self.errors)) }
    }

    /// Runs the checks of `validator`, and returns the query if nothing is wrong.
    pub(crate) fn validated<Q: Validate>(mut self, query: Q) -> Result<Q, Problem> {
        if let Err(errors) = query.validate() {
            self.add_all(&errors);
        }
        self.finish().map(|()| query)
    }

    /// Records the errors that `validator` found.
    fn add_all(&mut self, errors: &ValidationErrors) {
        for (field, kind) in errors.errors() {
            match kind {
                ValidationErrorsKind::Struct(nested) => self.add_all(nested),
                ValidationErrorsKind::Field(errors) => {
                    for error in errors {
                        // The code of an error across fields is the name of the invalid one.
                        let name = if field == "__all__" { &error.code } else { field };
                        self.add_error(name, error.message.as_deref().unwrap_or("is invalid"));
                    }
                }
                ValidationErrorsKind::List(_) => {}
            }
        }
    }
}

/// Rejects any parameter.
pub(crate) fn none(request: &HttpRequest) -> Result<(), Problem> {
    Parameters::read(request, &[]).finish()
}

/// The parameters that all lists have.
#[derive(Debug)]
pub(crate) struct PageQuery {
    /// The maximum number of rows of a page.
    pub(crate) limit: usize,
    /// The `next_cursor` of the previous page.
    pub(crate) cursor: Option<String>,
}

impl PageQuery {
    pub(crate) const KNOWN: [(&str, Times); 2] = [("limit", Times::Once), ("cursor", Times::Once)];

    pub(crate) fn take(parameters: &mut Parameters) -> Self {
        let limit = parameters.one("limit", rows);
        let cursor = parameters.one("cursor", |text| Ok(text.to_owned()));
        Self { limit: limit.unwrap_or(100), cursor }
    }
}

/// Reads the parameters of a list without filters.
pub(crate) fn page(request: &HttpRequest) -> Result<PageQuery, Problem> {
    let mut parameters = Parameters::read(request, &PageQuery::KNOWN);
    let page = PageQuery::take(&mut parameters);
    parameters.finish().map(|()| page)
}

/// Takes the ids of services, which a request may name up to a hundred times.
pub(crate) fn take_services(parameters: &mut Parameters) -> BTreeSet<ServiceId> {
    let service = |text: &str| ServiceId::parse(text).map_err(|error| error.to_string());
    let services = parameters.all("service", service);
    if services.len() > Services::MAX {
        parameters.add_error("service", "must not be repeated more than 100 times");
    }
    services.into_iter().collect()
}

/// Rejects the parameters of pages in requests for a stream.
pub(crate) fn reject_paging(request: &HttpRequest) -> Result<(), Problem> {
    let names = form_urlencoded::parse(request.query_string().as_bytes()).map(|(name, _)| name);
    let of_pages = names.filter(|name| PageQuery::KNOWN.iter().any(|(known, _)| known == name));
    let why = "applies to pages only; a stream has no pages";
    let errors: Vec<_> = of_pages.map(|name| parameter_error(&name, why)).collect();
    if errors.is_empty() { Ok(()) } else { Err(problem(&errors)) }
}

/// Parses a number of rows.
pub(crate) fn rows(text: &str) -> Result<usize, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_number && (1..=1000).contains(number));
    number.ok_or_else(|| "must be a whole number from 1 to 1000".to_owned())
}

/// Parses a time. A plus sign that was not escaped arrives as a space, which the error points out.
pub(crate) fn timestamp(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| {
        let is_unescaped = Timestamp::parse(&text.replace(' ', "+")).is_ok();
        format!("{error}{}", if is_unescaped { "; in a URL, write + as %2B" } else { "" })
    })
}

/// Creates the problem of one parameter.
pub(crate) fn invalid(name: &str, why: &str) -> Problem {
    problem(&[parameter_error(name, why)])
}

fn parameter_error(name: &str, why: &str) -> ParameterError {
    ParameterError { parameter: name.chars().take(64).collect(), detail: why.to_owned() }
}

/// Creates the problem of at least one parameter. It names all of them.
fn problem(errors: &[ParameterError]) -> Problem {
    let each =
        |ParameterError { parameter, detail }: &ParameterError| format!("{parameter:?} {detail}");
    let faults: Vec<String> = errors.iter().map(each).collect();
    let detail = match faults.as_slice() {
        [one] => format!("The query parameter {one}."),
        several => format!("Query parameters are invalid: {}.", several.join("; ")),
    };
    let first = errors.first().map(|error| &error.parameter);
    Problem::new(Code::InvalidParameter, detail)
        .with_member("parameter", &first)
        .with_member("errors", &errors)
}
