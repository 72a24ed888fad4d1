//! Query parameters. Unknown, malformed and repeated ones are rejected.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use orders_core::Timestamp;
use validator::Validate;

use crate::http::problem::{Code, Problem};

/// The query parameters of a request, by name.
pub(crate) struct Parameters(BTreeMap<String, Vec<String>>);

/// Whether a parameter can be repeated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Many,
}

impl Parameters {
    pub(crate) fn read(request: &HttpRequest, known: &[(&str, Times)]) -> Result<Self, Problem> {
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            let Some((_, times)) = known.iter().find(|(known, _)| *known == name) else {
                return Err(invalid(&name, "is unknown; remove it"));
            };
            if value.contains('\u{FFFD}') {
                return Err(invalid(&name, "must be UTF-8"));
            }
            let values = parameters.entry(name.clone().into_owned()).or_default();
            values.push(value.into_owned());
            if values.len() > 1 && *times == Times::Once {
                return Err(invalid(&name, "must not be repeated"));
            }
        }
        Ok(Self(parameters))
    }

    pub(crate) fn all<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Problem> {
        let values = self.0.remove(name).unwrap_or_default();
        values.iter().map(|value| read(value).map_err(|why| invalid(name, &why))).collect()
    }

    pub(crate) fn one<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        Ok(self.all(name, read)?.pop())
    }
}

/// Rejects any parameter.
pub(crate) fn none(request: &HttpRequest) -> Result<(), Problem> {
    Parameters::read(request, &[]).map(drop)
}

/// The parameters that all lists have.
#[derive(Debug, Validate)]
pub(crate) struct PageQuery {
    /// The maximum number of rows of a page.
    #[validate(range(min = 1, max = 1000, message = "must be a whole number from 1 to 1000"))]
    pub(crate) limit: usize,
    /// The `next_cursor` of the previous page.
    pub(crate) cursor: Option<String>,
}

impl PageQuery {
    pub(crate) const KNOWN: [(&str, Times); 2] = [("limit", Times::Once), ("cursor", Times::Once)];

    pub(crate) fn take(parameters: &mut Parameters) -> Result<Self, Problem> {
        let limit = parameters.one("limit", whole_number)?;
        let cursor = parameters.one("cursor", |text| Ok(text.to_owned()))?;
        Ok(Self { limit: limit.unwrap_or(100), cursor })
    }
}

/// Reads the parameters of a list without filters.
pub(crate) fn page(request: &HttpRequest) -> Result<PageQuery, Problem> {
    let mut parameters = Parameters::read(request, &PageQuery::KNOWN)?;
    let page = PageQuery::take(&mut parameters)?;
    validated(page)
}

/// Rejects the parameters of pages in requests for a stream.
pub(crate) fn reject_paging(request: &HttpRequest) -> Result<(), Problem> {
    let is_of_pages = |name: &str| PageQuery::KNOWN.iter().any(|(known, _)| *known == name);
    let mut names = form_urlencoded::parse(request.query_string().as_bytes()).map(|(name, _)| name);
    match names.find(|name| is_of_pages(name)) {
        Some(name) => Err(invalid(&name, "applies to pages only; a stream has no pages")),
        None => Ok(()),
    }
}

/// Parses a number of rows. Too many digits become 0, which the range check rejects.
pub(crate) fn whole_number(text: &str) -> Result<usize, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(0)).ok_or_else(|| "must be a whole number".to_owned())
}

/// Parses a time. A plus sign that was not escaped arrives as a space, which the error points out.
pub(crate) fn timestamp(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| {
        let is_unescaped = Timestamp::parse(&text.replace(' ', "+")).is_ok();
        format!("{error}{}", if is_unescaped { "; in a URL, write + as %2B" } else { "" })
    })
}

/// Runs the checks of `validator`.
pub(crate) fn validated<Q: Validate>(query: Q) -> Result<Q, Problem> {
    match query.validate() {
        Ok(()) => Ok(query),
        Err(errors) => Err(first_fault(&errors)),
    }
}

/// Converts the first error that `validator` found.
fn first_fault(errors: &validator::ValidationErrors) -> Problem {
    for (field, kind) in errors.errors() {
        match kind {
            validator::ValidationErrorsKind::Struct(nested) => return first_fault(nested),
            validator::ValidationErrorsKind::Field(faults) => {
                if let Some(fault) = faults.first() {
                    // The code of an error across fields is the name of the invalid one.
                    let name = if field == "__all__" { &fault.code } else { field };
                    return invalid(name, fault.message.as_deref().unwrap_or("is invalid"));
                }
            }
            validator::ValidationErrorsKind::List(_) => {}
        }
    }
    Problem::new(Code::InvalidParameter, "A query parameter is invalid.")
}

/// Creates the problem of one parameter.
pub(crate) fn invalid(name: &str, why: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::new(Code::InvalidParameter, format!("The query parameter {name:?} {why}."))
}
