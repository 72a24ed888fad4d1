//! The section of one operation: its fields, a command, the request and the response.

use serde_json::Value;

use super::{fields, list};
use crate::http::openapi::description::{Answer, Description};
use crate::http::openapi::example;

/// Returns the section.
pub(super) fn section(
    document: &Value,
    title: &str,
    description: &Description,
    operation: &Value,
) -> Vec<String> {
    let mut lines = vec![
        format!("## `{title}`\n"),
        format!("{}.\n", description.summary),
        format!("{}\n", description.details),
    ];
    if let Some(role) = description.role {
        lines.push(format!("Requires a key with at least the role `{role}`.\n"));
    }
    lines.extend(fields::table(&fields::of_parameters(document, operation)));
    lines.extend(request(document, description, operation));
    lines.extend(statuses(document, description));
    lines.extend(response(description, operation));
    lines
}

/// Writes the members of the body, the command, and the body of the example.
fn request(document: &Value, description: &Description, operation: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let contents = operation.pointer("/requestBody/content").and_then(Value::as_object);
    let body = contents.and_then(|contents| contents.values().next());
    if let Some(schema) = body.and_then(|body| body.get("schema")) {
        let media = list(description.bodies.iter().map(|(media, _)| *media));
        lines.push(format!("The body, as {media}:\n"));
        lines.extend(fields::table(&fields::of_body(document, example::resolve(document, schema))));
    }
    let command = operation.pointer("/x-codeSamples/0/source").and_then(Value::as_str);
    lines.push(format!("```sh\n{}\n```\n", command.unwrap_or_default()));
    if let Some(body) = body.and_then(|body| body.get("example")) {
        lines.push(format!("Request:\n\n```json\n{body:#}\n```\n"));
    }
    lines
}

/// Writes the table of statuses.
fn statuses(document: &Value, description: &Description) -> Vec<String> {
    let mut lines = vec!["| status | |\n|---|---|".to_owned()];
    lines.extend(description.responses.iter().map(|answer| status(document, answer)));
    let problems = description.problems.iter();
    lines.extend(problems.map(|(status, codes)| {
        let codes = codes.iter().map(|code| format!("[`{0}`](#{0})", code.name()));
        format!("| {status} | {} |", codes.collect::<Vec<_>>().join(", "))
    }));
    lines.push(String::new());
    lines
}

fn status(document: &Value, answer: &Answer) -> String {
    let content = |(media, schema): &(&str, _)| {
        let kind = fields::kind(document, &serde_json::json!(schema));
        if kind.starts_with('[') { format!("{kind} as `{media}`") } else { format!("`{media}`") }
    };
    let contents = answer.contents.iter().map(content).collect::<Vec<_>>().join(", ");
    let headers = list(answer.headers.iter().map(|(name, _)| *name));
    let contents = if contents.is_empty() { contents } else { format!(": {contents}") };
    let headers = if headers.is_empty() { headers } else { format!("; with {headers}") };
    format!("| {} | {}{contents}{headers} |", answer.status.as_u16(), answer.meaning)
}

/// Writes the first response as an example.
fn response(description: &Description, operation: &Value) -> Vec<String> {
    let Some(answer) = description.responses.first() else { return Vec::new() };
    let responses = operation.get("responses");
    let body = answer.contents.first().and_then(|(media, _)| {
        let response = responses?.get(answer.status.as_str())?;
        Some((*media, response.get("content")?.get(media)?.get("example")?))
    });
    let mut lines = vec![format!("HTTP/1.1 {}", answer.status)];
    if let Some((media, _)) = body {
        lines.push(format!("Content-Type: {media}"));
    }
    if answer.headers.iter().any(|(name, _)| *name == "ETag") {
        let version = body.and_then(|(_, body)| body.get("version"));
        lines.extend(version.map(|version| format!("ETag: \"{version}\"")));
    }
    if let Some((_, body)) = body {
        let text = body.as_str().map_or_else(|| format!("{body:#}"), |text| text.replace('\r', ""));
        lines.push(format!("\n{}", text.trim_end()));
    }
    vec![format!("Response:\n\n```http\n{}\n```\n", lines.join("\n"))]
}
