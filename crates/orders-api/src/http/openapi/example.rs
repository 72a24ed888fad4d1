//! Examples of values, from the examples in their schemas.

use serde_json::{Map, Value};

/// Returns the value to which a reference leads, or the value itself.
pub(crate) fn resolve<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    let reference = value.get("$ref").and_then(Value::as_str);
    let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// Returns an example of a schema: its own, or one that is composed from those of its parts. Optional
/// members are absent, and what may be `null` is.
pub(crate) fn from_schema(document: &Value, schema: &Value) -> Value {
    let schema = resolve(document, schema);
    if let Some(kinds) = schema.get("type").and_then(Value::as_array)
        && kinds.iter().any(|kind| kind.as_str() == Some("null"))
    {
        return Value::Null;
    }
    let first = |name: &str| schema.get(name).and_then(|values| values.get(0));
    if let Some(own) = first("examples").or_else(|| schema.get("default")).or(first("enum")) {
        return own.clone();
    }
    if let Some(choice) = first("oneOf") {
        return from_schema(document, choice);
    }
    if let Some(items) = schema.get("items") {
        return Value::Array(vec![from_schema(document, items)]);
    }
    if let Some(members) = schema.get("properties").and_then(Value::as_object) {
        return object(document, schema, members);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => Value::Bool(false),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| 0.into()),
        // The test of the document finds a text without an example.
        Some(_) | None => Value::Null,
    }
}

fn object(document: &Value, schema: &Value, members: &Map<String, Value>) -> Value {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.into_iter().flatten().any(|required| required.as_str() == Some(name));
    let members = members.iter().filter(|(name, _)| is_required(name));
    Value::Object(
        members.map(|(name, member)| (name.clone(), from_schema(document, member))).collect(),
    )
}
