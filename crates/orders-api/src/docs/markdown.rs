//! The API reference as Markdown: all routes, with every possible status.

use utoipa::openapi::path::{Parameter, ParameterIn};

use orders_core::key::Role;

use super::document::Endpoint;
use crate::http::openapi::description::{Answer, Description};
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

/// Returns the API reference.
pub(super) fn markdown(endpoints: &[Endpoint]) -> String {
    let mut lines = vec![INTRODUCTION.to_owned()];
    lines.extend(authorization(endpoints));
    for Endpoint { path, method, description, .. } in endpoints {
        let title = format!("{method} {path}");
        lines.extend(description.iter().flat_map(|description| section(&title, description)));
    }
    lines.extend(codes());
    lines.join("\n") + "\n"
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

fn section(title: &str, description: &Description) -> Vec<String> {
    let mut lines = vec![format!("## `{title}`\n"), format!("{}.\n", description.summary)];
    if !description.parameters.is_empty() {
        lines.push("| parameter | in | |\n|---|---|---|".to_owned());
        lines.extend(description.parameters.iter().map(parameter));
        lines.push(String::new());
    }
    if !description.bodies.is_empty() {
        let media = list(description.bodies.iter().map(|(media, _)| *media));
        lines.push(format!("Request body: {media}.\n"));
    }
    if let Some(role) = description.role {
        lines.push(format!("Requires a key with at least the role `{role}`.\n"));
    }
    lines.push("| status | |\n|---|---|".to_owned());
    lines.extend(description.responses.iter().map(answer));
    let refusals = description.problems.iter();
    lines.extend(refusals.map(|(status, codes)| {
        format!("| {status} | {} |", list(codes.iter().map(|code| code.name())))
    }));
    lines.push(String::new());
    lines
}

fn parameter(parameter: &Parameter) -> String {
    let place = match parameter.parameter_in {
        ParameterIn::Path => "path",
        ParameterIn::Header => "header",
        ParameterIn::Query | ParameterIn::QueryString | ParameterIn::Cookie => "query",
    };
    let meaning = parameter.description.as_deref().unwrap_or_default();
    format!("| `{}` | {place} | {meaning} |", parameter.name)
}

fn answer(answer: &Answer) -> String {
    let contents = list(answer.contents.iter().map(|(media, _)| *media));
    let headers = list(answer.headers.iter().map(|(name, _)| *name));
    let contents = if contents.is_empty() { contents } else { format!(": {contents}") };
    let headers = if headers.is_empty() { headers } else { format!("; with {headers}") };
    format!("| {} | {}{contents}{headers} |", answer.status.as_u16(), answer.meaning)
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

/// Writes the table of all problem codes.
fn codes() -> Vec<String> {
    let code = |code: Code| {
        let (name, status) = (code.name(), code.status().as_u16());
        format!("| `{name}` | {status} | {} |", code.meaning())
    };
    let head = "## Problems\n\n| code | status | |\n|---|---|---|".to_owned();
    [head].into_iter().chain(Code::all().map(code)).collect()
}
