//! Tables of fields: the members of a body, and the parameters of an operation.

use serde_json::{Map, Value};

use crate::http::openapi::example::resolve;

/// A row of a table.
pub(super) struct Field {
    name: String,
    kind: String,
    required: bool,
    range: Vec<String>,
    meaning: String,
}

/// Writes a table; nothing without rows.
pub(super) fn table(fields: &[Field]) -> Vec<String> {
    if fields.is_empty() {
        return Vec::new();
    }
    let head = "| field | type | required | range | meaning |\n|---|---|---|---|---|".to_owned();
    let row = |Field { name, kind, required, range, meaning }: &Field| {
        let required = if *required { "yes" } else { "no" };
        format!("| `{name}` | {kind} | {required} | {} | {meaning} |", range.join(", "))
    };
    [head].into_iter().chain(fields.iter().map(row)).chain([String::new()]).collect()
}

/// Returns the members of a schema, also those of the objects in it. A member that several choices have
/// is one row.
pub(super) fn of_body(document: &Value, schema: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    add(document, "", schema, &mut fields);
    fields
}

/// Returns the parameters of an operation.
pub(super) fn of_parameters(document: &Value, operation: &Value) -> Vec<Field> {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let field = |parameter: &Value| {
        let place = text(parameter, "in");
        let schema = parameter.get("schema").unwrap_or(&Value::Null);
        let mut meaning = sentence(text(parameter, "description"));
        if let Some(own) = schema.get("description").and_then(Value::as_str) {
            meaning = format!("{meaning} {}", sentence(own));
        }
        Field {
            name: text(parameter, "name").to_owned(),
            kind: format!("{} ({place})", kind(document, schema)),
            required: parameter.get("required").and_then(Value::as_bool).unwrap_or_default(),
            range: range(resolve(document, schema)),
            meaning,
        }
    };
    parameters.into_iter().flatten().map(field).collect()
}

fn add(document: &Value, place: &str, schema: &Value, fields: &mut Vec<Field>) {
    for (name, member) in members(schema).into_iter().flatten() {
        let name = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        let field = Field {
            kind: kind(document, member),
            required: is_required(schema, name.rsplit('.').next().unwrap_or_default()),
            range: range(resolve(document, member)),
            meaning: text(member, "description").to_owned(),
            name: name.clone(),
        };
        fields.push(field);
        add(document, &name, member, fields);
    }
    if let Some(items) = schema.get("items") {
        add(document, &format!("{place}[]"), items, fields);
    }
    let mut choices = choices(schema).peekable();
    if choices.peek().is_some() {
        fields.extend(of_choices(document, place, choices));
    }
}

/// Returns the members of all choices. Only those that each choice requires are required.
fn of_choices<'v>(
    document: &Value,
    place: &str,
    choices: impl Iterator<Item = &'v Value>,
) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for (number, choice) in choices.enumerate() {
        let mut own = Vec::new();
        add(document, place, choice, &mut own);
        for known in &mut fields {
            known.required &= own.iter().any(|field| field.name == known.name);
        }
        for mut field in own {
            if let Some(known) = fields.iter_mut().find(|known| known.name == field.name) {
                merge(known, field);
            } else {
                field.required &= number == 0;
                fields.push(field);
            }
        }
    }
    fields
}

/// Adds what another choice allows.
fn merge(known: &mut Field, other: Field) {
    known.required &= other.required;
    let new: Vec<String> =
        other.range.into_iter().filter(|range| !known.range.contains(range)).collect();
    known.range.extend(new);
}

fn members(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

fn choices(schema: &Value) -> impl Iterator<Item = &Value> {
    schema.get("oneOf").and_then(Value::as_array).into_iter().flatten()
}

fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.into_iter().flatten().any(|required| required.as_str() == Some(name))
}

/// Returns the type of a value, with a link to the object that it refers to.
pub(super) fn kind(document: &Value, schema: &Value) -> String {
    let target = resolve(document, schema);
    let reference = schema
        .get("$ref")
        .and_then(Value::as_str)
        .filter(|_| members(target).is_some() || choices(target).next().is_some());
    if let Some(name) = reference.and_then(|reference| reference.rsplit('/').next()) {
        let anchor = if name.ends_with("Problem") {
            "problems".to_owned()
        } else {
            name.to_ascii_lowercase()
        };
        return format!("[{name}](#{anchor})");
    }
    if let Some(items) = target.get("items") {
        return format!("array of {}", kind(document, items));
    }
    let mut kinds: Vec<String> = choices(target).map(|choice| kind(document, choice)).collect();
    kinds.dedup();
    if kinds.len() > 3 && kinds.iter().all(|kind| kind.ends_with("(#problems)")) {
        return "[problem](#problems)".to_owned();
    }
    match target.get("type") {
        Some(Value::Array(types)) => kinds.extend(types.iter().map(|one| plain(target, one))),
        Some(one) => kinds.push(plain(target, one)),
        None if kinds.is_empty() => kinds.push("any".to_owned()),
        None => {}
    }
    kinds.join(" or ")
}

fn plain(schema: &Value, kind: &Value) -> String {
    let kind = kind.as_str().unwrap_or_default();
    if kind == "string" && text(schema, "format") == "date-time" {
        return "time".to_owned();
    }
    kind.to_owned()
}

/// Returns the limits of a value: bounds, choices and the default.
fn range(schema: &Value) -> Vec<String> {
    let mut range = Vec::new();
    let number = |name: &str| schema.get(name).filter(|value| value.is_number());
    let mut between = |least: &str, most: &str, unit: &str| {
        range.extend(match (number(least), number(most)) {
            (Some(least), Some(most)) => Some(format!("{least} … {most}{unit}")),
            (Some(least), None) => Some(format!("at least {least}{unit}")),
            (None, Some(most)) => Some(format!("at most {most}{unit}")),
            (None, None) => None,
        });
    };
    between("minimum", "maximum", "");
    between("minLength", "maxLength", " characters");
    between("minItems", "maxItems", " items");
    let values = schema.get("enum").and_then(Value::as_array);
    let values = values.filter(|values| values.len() <= 10).into_iter().flatten();
    range.extend(values.map(|value| format!("`{}`", value.as_str().unwrap_or("null"))));
    for choice in choices(schema) {
        range.extend(self::range(choice));
    }
    if let Some(default) = schema.get("default") {
        range.push(format!("default `{default}`"));
    }
    range
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}
