//! Orders of exports and imports, with versions, times and exemption groups.

use std::borrow::Cow;

use orders_core::{Order, OrderContent, OrderId, Timestamp};

use super::request::{read_content, read_datetime, read_order_id, read_version, whole};
use super::response::OrderView;
use crate::http::json::Json;
use crate::http::problem::FieldError;
use crate::http::reader::Reader;

/// An order of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImportBody {
    pub(crate) id: Option<OrderId>,
    pub(crate) content: OrderContent,
    pub(crate) version: Option<u64>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
    /// The exemption group, named by the id of one of its orders.
    pub(crate) group: Option<OrderId>,
}

/// The highest version that a JSON number holds exactly.
const MAX_VERSION: u64 = (1 << 53) - 1;

/// Reads an order of a file. Unlike in requests, its version and times apply.
pub(crate) fn read_import(json: &Json<'_>) -> Result<ImportBody, Vec<FieldError>> {
    let json = &with_t(json);
    let mut reader = Reader::new(json, &[]);
    let id = reader.optional("id", read_order_id);
    let content = read_content(&mut reader, true);
    let version = reader.optional("version", |json| {
        let version = read_version(json)?;
        if version > MAX_VERSION {
            Err(format!("must not be above {MAX_VERSION}"))
        } else {
            Ok(version)
        }
    });
    let created_at = reader.optional("created_at", read_datetime);
    let updated_at = reader.optional("updated_at", read_datetime);
    let group = reader.optional("group", read_order_id);
    reader.finish()?;
    // A missing member is reported, so `finish` has returned.
    let content = whole(content).ok_or_else(Vec::new)?;
    Ok(ImportBody { id, content, version, created_at, updated_at, group })
}

/// Spreadsheets and databases write a blank between date and time, which RFC 3339 allows for people.
fn with_t<'j>(json: &'j Json<'j>) -> Cow<'j, Json<'j>> {
    const TIMES: [&str; 3] = ["datetime", "created_at", "updated_at"];
    let Json::Object(members) = json else { return Cow::Borrowed(json) };
    let corrected = |name: &str, value: &Json<'_>| {
        let Json::Text(text) = value else { return None };
        let (date, time) =
            text.split_once(' ').filter(|(date, _)| date.len() == "2022-11-01".len())?;
        TIMES.contains(&name).then(|| Json::Text(format!("{date}T{time}").into()))
    };
    if members.iter().all(|(name, value)| corrected(name, value).is_none()) {
        return Cow::Borrowed(json);
    }
    let correct = |(name, value): &(Cow<'j, str>, Json<'j>)| {
        (name.clone(), corrected(name, value).unwrap_or_else(|| value.clone()))
    };
    Cow::Owned(Json::Object(members.iter().map(correct).collect()))
}

/// Writes an order as in a list, and its group if other orders share it.
pub(crate) fn write_exported(
    out: &mut Vec<u8>,
    order: &Order,
    group: Option<&OrderId>,
) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *out, &OrderView::new(order))?;
    if let Some(group) = group {
        // Ids have no characters that JSON escapes.
        out.pop();
        out.extend_from_slice(format!(",\"group\":\"{group}\"}}").as_bytes());
    }
    Ok(())
}
