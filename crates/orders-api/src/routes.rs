//! The route table: paths and methods with their handlers, required roles and documentation.

mod resource;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use crate::docs::Endpoint;
use crate::http::problem::{Code, Problem};
use crate::orders::{batch, streams};
use crate::security::Access;
use crate::{
    availability, console, docs, events, keys, orders, server, services, status, webhooks,
};

use resource::Resource;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;
const ANYONE: Access = Access::Anyone;
const READER: Access = Access::READER;
const WRITER: Access = Access::WRITER;
const ADMIN: Access = Access::ADMIN;
const KEYED_ADMIN: Access = Access::KEYED_ADMIN;

/// All resources. The router and the OpenAPI document are both built from them.
fn resources() -> Vec<Resource> {
    let of_api = [of_orders(), of_services(), of_events(), of_webhooks(), of_keys(), of_itself()];
    of_api.into_iter().chain([of_console(), of_admins()]).flatten().collect()
}

/// The OpenAPI document of all resources.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    resources().iter().flat_map(Resource::endpoints).collect()
}

/// The paths of all routes.
pub(crate) fn paths() -> Vec<&'static str> {
    resources().iter().map(|resource| resource.path).collect()
}

fn of_orders() -> Vec<Resource> {
    let order = |request: &_| orders::path_id(request).map(drop);
    vec![
        Resource::at("/orders").on(GET, READER, orders::list, orders::docs::list).on(
            POST,
            WRITER,
            orders::create,
            orders::docs::create,
        ),
        Resource::at("/orders.ndjson").on(GET, READER, streams::ndjson, orders::docs::ndjson),
        Resource::at("/orders.csv").on(GET, READER, streams::csv, orders::docs::csv),
        Resource::at("/orders.ics").on(GET, READER, streams::calendar, orders::docs::calendar),
        Resource::at("/orders/batch").on(POST, WRITER, batch::change, orders::batch_docs::change),
        Resource::at("/orders/{id}")
            .only_where(order)
            .on(GET, READER, orders::find, orders::docs::find)
            .on(PUT, WRITER, orders::replace, orders::docs::replace)
            .on(PATCH, WRITER, orders::patch, orders::docs::patch)
            .on(DELETE, WRITER, orders::delete, orders::docs::delete),
        Resource::at("/orders/{id}/history").only_where(order).on(
            GET,
            READER,
            events::history::list,
            events::docs::history,
        ),
        Resource::at("/orders/{id}/restore").only_where(order).on(
            POST,
            WRITER,
            orders::restore,
            orders::docs::restore,
        ),
        Resource::at("/availability").on(GET, READER, availability::find, availability::docs::find),
        Resource::at("/policy").on(GET, READER, orders::policy::find, orders::policy::describe),
    ]
}

fn of_services() -> Vec<Resource> {
    use services::docs as of;
    vec![
        Resource::at("/services").on(GET, READER, services::list, of::list).on(
            POST,
            ADMIN,
            services::create,
            of::create,
        ),
        Resource::at("/services/{id}")
            .only_where(|request| services::path_id(request).map(drop))
            .on(GET, READER, services::find, of::find)
            .on(PUT, ADMIN, services::replace, of::replace)
            .on(DELETE, ADMIN, services::delete, of::delete),
    ]
}

fn of_events() -> Vec<Resource> {
    use events::docs as of;
    vec![
        Resource::at("/events").on(GET, READER, events::list, of::list),
        Resource::at("/events/stream").on(GET, READER, events::stream, of::stream),
    ]
}

fn of_keys() -> Vec<Resource> {
    use keys::docs as of;
    let key = |request: &_| keys::path_id(request).map(drop);
    vec![
        Resource::at("/keys").on(GET, KEYED_ADMIN, keys::list, of::list).on(
            POST,
            KEYED_ADMIN,
            keys::create,
            of::create,
        ),
        Resource::at("/keys/{id}").only_where(key).on(GET, KEYED_ADMIN, keys::find, of::find).on(
            DELETE,
            KEYED_ADMIN,
            keys::delete,
            of::delete,
        ),
        Resource::at("/keys/{id}/rotate").only_where(key).on(
            POST,
            KEYED_ADMIN,
            keys::rotate,
            of::rotate,
        ),
        Resource::at("/audit").on(GET, ADMIN, keys::audit::list, keys::audit::describe),
    ]
}

fn of_webhooks() -> Vec<Resource> {
    use webhooks::docs as of;
    let webhook = |request: &_| webhooks::path_id(request).map(drop);
    let at = |path| Resource::at(path).only_where(webhook);
    vec![
        Resource::at("/webhooks").on(GET, KEYED_ADMIN, webhooks::list, of::list).on(
            POST,
            KEYED_ADMIN,
            webhooks::create,
            of::create,
        ),
        at("/webhooks/{id}")
            .on(GET, KEYED_ADMIN, webhooks::find, of::find)
            .on(PATCH, KEYED_ADMIN, webhooks::patch, of::patch)
            .on(DELETE, KEYED_ADMIN, webhooks::delete, of::delete),
        at("/webhooks/{id}/rotate").on(POST, KEYED_ADMIN, webhooks::rotate, of::rotate),
        at("/webhooks/{id}/test").on(POST, KEYED_ADMIN, webhooks::test, of::test),
        at("/webhooks/{id}/deliveries").on(GET, KEYED_ADMIN, webhooks::deliveries, of::deliveries),
        at("/webhooks/{id}/replay").on(POST, KEYED_ADMIN, webhooks::replay, of::replay),
    ]
}

fn of_itself() -> Vec<Resource> {
    vec![
        Resource::at("/").on(GET, ANYONE, console::calendar, docs::descriptions::console),
        Resource::at("/problems/{code}")
            .only_where(|request| docs::problems::path_code(request).map(drop))
            .on(GET, ANYONE, console::problem::show, docs::descriptions::problem),
        Resource::at("/healthz").on(GET, ANYONE, status::health, status::docs::health),
        Resource::at("/readyz").on(GET, ANYONE, status::readiness, status::docs::readiness),
        Resource::at("/metrics").on(
            GET,
            Access::METRICS,
            server::metrics::show,
            status::docs::metrics,
        ),
        Resource::at("/openapi.json").on(GET, ANYONE, docs::document, docs::descriptions::document),
        Resource::at("/docs").on(GET, ANYONE, docs::page, docs::descriptions::page),
        Resource::at("/docs/{file}").only_where(|request| docs::path_file(request).map(drop)).on(
            GET,
            ANYONE,
            docs::file,
            docs::descriptions::file,
        ),
    ]
}

/// The pages of the console except the calendar. Without permission, a page is the sign-in form.
fn of_console() -> Vec<Resource> {
    use console::{list, orders as of_orders, reports, services as of_services};
    let order = |request: &_| orders::path_id(request).map(drop);
    let service = |request: &_| services::path_id(request).map(drop);
    vec![
        Resource::at("/console/assets/{version}/{file}").page(GET, ANYONE, console::file),
        Resource::at("/console/sign-in").page(GET, ANYONE, console::sign_in_page).page(
            POST,
            ANYONE,
            console::sign_in,
        ),
        Resource::at("/console/sign-out").page(POST, ANYONE, console::sign_out),
        Resource::at("/console/orders").page(GET, READER, list::show),
        Resource::at("/console/new-order").page(GET, WRITER, of_orders::new).page(
            POST,
            WRITER,
            of_orders::create,
        ),
        Resource::at("/console/orders/{id}")
            .only_where(order)
            .page(GET, READER, of_orders::show)
            .page(POST, WRITER, of_orders::update),
        Resource::at("/console/orders/{id}/delete").only_where(order).page(
            POST,
            WRITER,
            of_orders::delete,
        ),
        Resource::at("/console/orders/{id}/restore").only_where(order).page(
            POST,
            WRITER,
            of_orders::restore,
        ),
        Resource::at("/console/figures").page(GET, READER, reports::show),
        Resource::at("/console/services").page(GET, READER, of_services::show).page(
            POST,
            ADMIN,
            of_services::create,
        ),
        Resource::at("/console/services/{id}").only_where(service).page(
            POST,
            ADMIN,
            of_services::rename,
        ),
        Resource::at("/console/services/{id}/delete").only_where(service).page(
            POST,
            ADMIN,
            of_services::delete,
        ),
    ]
}

/// The pages of the console for admins with a key.
fn of_admins() -> Vec<Resource> {
    use console::{admin, keys as of_keys, webhooks as of_webhooks};
    let key = |request: &_| keys::path_id(request).map(drop);
    let webhook = |request: &_| webhooks::path_id(request).map(drop);
    let of_key = |path| Resource::at(path).only_where(key);
    let of_webhook = |path| Resource::at(path).only_where(webhook);
    vec![
        Resource::at("/console/admin").page(GET, KEYED_ADMIN, admin::show),
        Resource::at("/console/keys").page(POST, KEYED_ADMIN, of_keys::create),
        of_key("/console/keys/{id}/rotate").page(POST, KEYED_ADMIN, of_keys::rotate),
        of_key("/console/keys/{id}/revoke").page(POST, KEYED_ADMIN, of_keys::revoke),
        Resource::at("/console/webhooks").page(POST, KEYED_ADMIN, of_webhooks::create),
        of_webhook("/console/webhooks/{id}").page(GET, KEYED_ADMIN, of_webhooks::show).page(
            POST,
            KEYED_ADMIN,
            of_webhooks::change_content,
        ),
        of_webhook("/console/webhooks/{id}/rotate").page(POST, KEYED_ADMIN, of_webhooks::rotate),
        of_webhook("/console/webhooks/{id}/test").page(POST, KEYED_ADMIN, of_webhooks::test),
        of_webhook("/console/webhooks/{id}/replay").page(POST, KEYED_ADMIN, of_webhooks::replay),
        of_webhook("/console/webhooks/{id}/delete").page(POST, KEYED_ADMIN, of_webhooks::delete),
    ]
}

/// Adds all resources to the router.
pub(crate) fn configure(config: &mut ServiceConfig) {
    for resource in resources() {
        config.service(resource.into_service());
    }
    config.default_service(web::to(not_found));
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::NotFound, "This path does not exist."))
}
