//! A JSON document with `services` and `orders`, like the sample data. It is read as a whole, so its
//! length has a limit.

use std::io::Read;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::source::{LONGEST, Row, SourceError, fault_at, in_words, read_order};
use crate::http::json;
use crate::http::json::Json;
use crate::orders::import_request::ImportBody;
use crate::services::request::ServiceBody;

/// The longest document, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// A document whose elements are all JSON.
pub(crate) struct Document {
    bytes: Vec<u8>,
    /// The services, each with its number.
    pub(crate) services: Vec<ServiceBody>,
    orders: Vec<Element>,
}

/// The text of an element of a list.
struct Element {
    line: u64,
    column: u64,
    bytes: Range<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists<'a> {
    #[serde(borrow, default)]
    services: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    orders: Vec<&'a RawValue>,
}

impl Document {
    /// Reads a document to its end.
    pub(crate) fn read(input: impl Read) -> Result<Self, SourceError> {
        let mut bytes = Vec::new();
        input.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES) {
            Self::parse(bytes)
        } else {
            Err(SourceError::TooLong)
        }
    }

    fn parse(bytes: Vec<u8>) -> Result<Self, SourceError> {
        let lists = parse_lists(&bytes)?;
        let services = places(&bytes, &lists.services);
        let orders = places(&bytes, &lists.orders);
        let mut document = Self { bytes, services: Vec::new(), orders };
        for element in &services {
            let service = document.service(element)?;
            document.services.push(service);
        }
        for element in &document.orders {
            document.json(element)?;
        }
        Ok(document)
    }

    fn service(&self, element: &Element) -> Result<ServiceBody, SourceError> {
        let fault = |why: String| element.fault(why);
        let service = crate::services::request::read_service(&self.json(element)?)
            .map_err(|errors| fault(in_words(errors)))?;
        match service.id {
            Some(_) => Ok(service),
            None => Err(fault("/id is required".to_owned())),
        }
    }

    /// All orders. Fails at the first invalid one.
    pub(crate) fn orders(&self) -> Result<Vec<ImportBody>, SourceError> {
        let order =
            |element: &Element| read_order(&self.json(element)?).map_err(|why| element.fault(why));
        self.orders.iter().map(order).collect()
    }

    fn raw(&self, element: &Element) -> &[u8] {
        self.bytes.get(element.bytes.clone()).unwrap_or_default()
    }

    fn json(&self, element: &Element) -> Result<Json<'_>, SourceError> {
        if element.bytes.len() > LONGEST {
            return Err(
                element.fault("the value that begins here is longer than 64 KiB".to_owned())
            );
        }
        json::parse(self.raw(element)).map_err(|error| {
            let (line, column, why) = fault_at((element.line, element.column), &error);
            SourceError::Fault { line, column, why }
        })
    }
    /// Hands out the orders as rows, until `each` returns `false`.
    pub(super) fn rows(
        &self,
        keep_raw: bool,
        each: &mut dyn FnMut(Row) -> bool,
    ) -> Result<(), SourceError> {
        for element in &self.orders {
            let read = read_order(&self.json(element)?);
            let is_wanted = keep_raw || read.is_err();
            let raw =
                if is_wanted { String::from_utf8_lossy(self.raw(element)) } else { "".into() };
            let Element { line, column, bytes: Range { end, .. } } = *element;
            let end = u64::try_from(end).unwrap_or(u64::MAX);
            if !each(Row { line, column, end, raw: raw.into_owned(), read }) {
                break;
            }
        }
        Ok(())
    }
}

impl Element {
    fn fault(&self, why: String) -> SourceError {
        SourceError::Fault { line: self.line, column: self.column, why }
    }
}

fn parse_lists(bytes: &[u8]) -> Result<Lists<'_>, SourceError> {
    let fault =
        |line, column, why: &str| Err(SourceError::Fault { line, column, why: why.to_owned() });
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return fault(1, 1, "a byte order mark is no part of JSON");
    }
    // serde would take an array for the object.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return fault(1, 1, "the document must be an object with services and orders");
    }
    serde_json::from_slice(bytes).or_else(|error| {
        let place = |number: usize| u64::try_from(number).unwrap_or(u64::MAX).max(1);
        let text = error.to_string();
        let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
        fault(place(error.line()), place(error.column()), why)
    })
}

/// The places of the elements, which are parts of `bytes` in ascending order.
fn places(bytes: &[u8], elements: &[&RawValue]) -> Vec<Element> {
    let (mut at, mut line, mut column) = (0, 1, 1);
    let mut found = Vec::with_capacity(elements.len());
    for raw in elements {
        let raw = raw.get();
        let start = raw.as_ptr().addr() - bytes.as_ptr().addr();
        for byte in bytes.get(at..start).unwrap_or_default() {
            (line, column) = if *byte == b'\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        at = start;
        found.push(Element { line, column, bytes: start..start + raw.len() });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (u64, u64) {
        match Document::read(text.as_bytes()) {
            Err(SourceError::Fault { line, column, .. }) => (line, column),
            Err(other) => panic!("{text}: {other:?}"),
            Ok(_) => panic!("{text} is a document"),
        }
    }

    #[test]
    fn lists_are_read_in_either_order_and_may_be_missing() {
        for text in [
            "{}",
            " {\"orders\":[]}\n",
            r#"{"orders":[{"id":"]}\\\""},1,null,"x"],"services":[{"id":1,"name":"a"}]}"#,
        ] {
            assert!(Document::read(text.as_bytes()).is_ok(), "{text}");
        }
        let text = r#"{"services":[{"id":1,"name":"a"}],"orders":[]}"#;
        assert_eq!(Document::read(text.as_bytes()).unwrap().services.len(), 1);
    }

    #[test]
    fn each_kind_of_fault_has_its_place() {
        assert_eq!(fault(""), (1, 1));
        assert_eq!(fault("[]"), (1, 1));
        assert_eq!(fault("[[],[]]"), (1, 1));
        assert_eq!(fault("{\"orders\":[]} x"), (1, 15));
        assert_eq!(fault("{\"orders\":[],\n \"extra\":[]}").0, 2);
        assert_eq!(fault("{\"orders\":{}}").0, 1);
        assert_eq!(fault("{\"orders\":[1 2]}"), (1, 14));
        assert_eq!(fault("{\"orders\":[1,]}"), (1, 14));
        assert_eq!(fault("{\"orders\":[\n{\"id\": 01}]}").0, 2);
        assert_eq!(fault("{\"orders\":[\n{\"id\": \"a\"\n").0, 3);
        assert_eq!(fault("{\"orders\":[],\"orders\":[]}").0, 1);
        assert_eq!(fault("{\"services\":[{\"id\":1}]}"), (1, 14));
        assert_eq!(fault("{\"orders\":[\n {\"id\":1,\"id\":2}]}"), (2, 2));
    }

    #[test]
    fn a_document_that_is_too_long_is_rejected() {
        let long = std::io::repeat(b' ').take(MAX_BYTES + 1);
        assert!(matches!(Document::read(long), Err(SourceError::TooLong)));
    }
}
