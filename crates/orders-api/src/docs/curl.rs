//! The request of each operation as a `curl` command, to copy into a shell.

use actix_web::http::Method;
use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::http::openapi::description::Description;
use crate::http::openapi::example;

/// The address of a local server.
const ADDRESS: &str = "http://127.0.0.1:8080";

/// Returns the command. Its values are the examples of the schemas in `document`.
pub(super) fn command(
    document: &Value,
    method: &Method,
    path: &str,
    description: &Description,
) -> String {
    let in_path = |parameter: &&Parameter| parameter.parameter_in == ParameterIn::Path;
    let path =
        description.parameters.iter().filter(in_path).fold(path.to_owned(), |path, parameter| {
            let value = example::from_schema(document, &json!(parameter.schema));
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            path.replace(&format!("{{{}}}", parameter.name), &value)
        });
    let query = if description.query.is_empty() { "" } else { "?" };
    let url = quoted(&format!("{ADDRESS}{path}{query}{}", description.query));
    let mut words = vec![format!("curl {url}")];
    let body = description.body(document);
    let default = if body.is_some() { Method::POST } else { Method::GET };
    if *method != default {
        words.push(format!("--request {method}"));
    }
    if description.role.is_some() {
        words.push("--header \"X-API-Key: $ORDERS_API_KEY\"".to_owned());
    }
    let has_versions = description.parameters.iter().any(|one| one.name == "If-Match");
    if has_versions && *method != Method::GET {
        words.push("--header 'If-Match: \"1\"'".to_owned());
    }
    if let Some((media, body)) = body {
        words.push(format!("--header 'Content-Type: {media}'"));
        words.push(format!("--data {}", quoted(&body.to_string())));
    }
    words.join(" \\\n  ")
}

/// Quotes a word for a shell if it needs quotes.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~/:".contains(letter);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
