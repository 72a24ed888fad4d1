//! The API reference as Markdown: all routes, with every possible status.

mod fields;
mod operation;

use orders_core::key::Role;
use serde_json::Value;

use super::document::Endpoint;
use super::problems::example_text;
use crate::http::problem::Code;
use crate::security::Access;

const INTRODUCTION: &str = "\
# API reference

All routes, with every possible status. Generated from the route table by
`orders-api openapi --format markdown > docs/HTTP.md`. `orders-api openapi` prints the same with all
schemas as an OpenAPI document, which the service also serves at `/openapi.json` and shows at `/docs`.

`HEAD` responds like `GET`, without a body. `OPTIONS` responds 204 with `Allow`. An unsupported method
is 405 `method-not-allowed` with `Allow`; an unknown path is 404 `not-found`. A request that is not
valid HTTP is rejected without a body: 400, 408 or 431.

The examples are requests to a local server with the sample data (`orders-api serve --sample-data`).
Each operation shows its parameters, the members of its body, a command, and the response; the objects in
responses are described under [Objects](#objects), the problems under [Problems](#problems).
";

const AUTHORIZATION: &str = "\
## Authorization

Send an API key as `X-API-Key: <key>` or `Authorization: Bearer <key>`. Without a valid key, the \
response is 401 `unauthenticated`; without the required role, 403 `forbidden`. The columns:

- *open*: requests without a key, while the service listens on loopback only and has never had a key.
- *none*: requests without a valid key, otherwise.
- *reader*, *writer*, *admin*: requests with a key of this role.

| | open | none | reader | writer | admin |
|---|---|---|---|---|---|";

/// Returns the API reference. The fields and examples are those of `document`.
pub(super) fn markdown(document: &Value, endpoints: &[Endpoint]) -> String {
    let mut lines = vec![INTRODUCTION.to_owned()];
    lines.extend(authorization(endpoints));
    for Endpoint { path, method, description, .. } in endpoints {
        let title = format!("{method} {path}");
        let operation = document
            .get("paths")
            .and_then(|paths| paths.get(path)?.get(method.as_str().to_ascii_lowercase()));
        if let (Some(description), Some(operation)) = (description, operation) {
            lines.extend(operation::section(document, &title, description, operation));
        }
    }
    lines.extend(objects(document));
    lines.extend(codes());
    lines.join("\n") + "\n"
}

/// Writes the table of each schema in responses.
fn objects(document: &Value) -> Vec<String> {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    let mut lines = vec!["## Objects\n".to_owned()];
    for (name, schema) in schemas.into_iter().flatten() {
        let rows = fields::of_body(document, schema);
        if name.ends_with("Problem") || rows.is_empty() {
            continue;
        }
        lines.push(format!("### {name}\n"));
        if let Some(description) = schema.get("description").and_then(Value::as_str) {
            lines.push(format!("{}.\n", description.trim_end_matches('.')));
        }
        lines.extend(fields::table(&rows));
    }
    lines
}

/// Writes the authorization table: all routes with all roles.
fn authorization(endpoints: &[Endpoint]) -> Vec<String> {
    let mut lines = vec![AUTHORIZATION.to_owned()];
    for Endpoint { path, method, access, .. } in endpoints {
        let may = |role: Role| access.role().is_none_or(|needed| role >= needed);
        let open = match access {
            Access::Anyone | Access::Role(_) | Access::Metrics(_) => "yes",
            Access::Keyed(_) => "no",
        };
        let nobody = if access.role().is_none() { "yes" } else { "no" };
        let roles = Role::ALL.map(|role| if may(role) { "yes" } else { "no" }).join(" | ");
        lines.push(format!("| `{method} {path}` | {open} | {nobody} | {roles} |"));
    }
    lines.push(String::new());
    lines
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

/// Writes the table of all problem codes, and an example of each.
fn codes() -> Vec<String> {
    let row = |code: Code| {
        let (name, status) = (code.name(), code.status().as_u16());
        format!("| [`{name}`](#{name}) | {status} | {} |", code.meaning())
    };
    let example = |code: Code| {
        let example = example_text(code);
        format!("### {}\n\n{}\n\n```json\n{example}\n```\n", code.name(), code.meaning())
    };
    let head = "## Problems\n\nEvery error has a body of the type `application/problem+json` (RFC \
                9457). `GET /problems/{code}` explains each code.\n\n| code | status | |\n|---|---|---|";
    let table = [head.to_owned()].into_iter().chain(Code::all().map(row)).chain([String::new()]);
    table.chain(Code::all().map(example)).collect()
}
