//! A row of the route table: a path, its methods, and the documentation of each.

use actix_web::http::{Method, header};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, Route, web};

use crate::docs::Endpoint;
use crate::http::openapi::description::Description;
use crate::http::problem::{Code, Problem};
use crate::http::request_context;
use crate::security;
use crate::security::Access;

/// A path and its operations.
pub(crate) struct Resource {
    pub(crate) path: &'static str,
    /// Returns a problem if the path cannot exist.
    exists: fn(&HttpRequest) -> Result<(), Problem>,
    operations: Vec<Operation>,
}

/// A method of a path. `GET` includes `HEAD`.
struct Operation {
    method: Method,
    access: Access,
    /// `None` for the pages of the console, which are not part of the API.
    describe: Option<fn() -> Description>,
    routes: Vec<Route>,
}

impl Resource {
    pub(crate) fn at(path: &'static str) -> Self {
        Self { path, exists: |_| Ok(()), operations: Vec::new() }
    }

    /// If `exists` rejects a path, it has no methods, and the response lists none.
    pub(crate) fn only_where(self, exists: fn(&HttpRequest) -> Result<(), Problem>) -> Self {
        Self { exists, ..self }
    }

    pub(crate) fn on<H: Handler<A>, A>(
        self,
        method: Method,
        access: Access,
        handler: H,
        describe: fn() -> Description,
    ) -> Self
    where
        A: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        self.with(method, access, handler, Some(describe))
    }

    /// Adds a page of the console, or the target of a form.
    pub(crate) fn page<H: Handler<A>, A>(self, method: Method, access: Access, handler: H) -> Self
    where
        A: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        self.with(method, access, handler, None)
    }

    fn with<H: Handler<A>, A>(
        mut self,
        method: Method,
        access: Access,
        handler: H,
        describe: Option<fn() -> Description>,
    ) -> Self
    where
        A: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        let (path, exists) = (self.path, self.exists);
        // An unauthorized client learns only that the path exists.
        let guarded = move |request: HttpRequest, arguments: A| {
            let handler = handler.clone();
            async move {
                request_context::set_route(&request, path);
                exists(&request)?;
                security::authorize(&request, access).await?;
                Ok::<_, Problem>(handler.call(arguments).await)
            }
        };
        let mut routes = vec![web::method(method.clone()).to(guarded.clone())];
        if method == Method::GET {
            routes.push(web::head().to(guarded));
        }
        self.operations.push(Operation { method, access, describe, routes });
        self
    }

    /// Returns the operations for the OpenAPI document.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let endpoint = |operation: &Operation| {
            let access = operation.access;
            let description =
                operation.describe.map(|describe| describe().requires_role(access.role()));
            Endpoint { path: self.path, method: operation.method.clone(), access, description }
        };
        self.operations.iter().map(endpoint).collect()
    }

    /// Returns the value of `Allow`.
    fn allow(&self) -> String {
        let mut methods: Vec<&str> = Vec::new();
        for operation in &self.operations {
            methods.push(operation.method.as_str());
            if operation.method == Method::GET {
                methods.push("HEAD");
            }
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }

    /// Converts the resource for actix, with `OPTIONS`, and 405 for any other method.
    pub(super) fn into_service(self) -> actix_web::Resource {
        let others = other_methods(self.path, self.allow(), self.exists);
        let routes = self.operations.into_iter().flat_map(|operation| operation.routes);
        let service = web::resource(self.path).default_service(others);
        routes.fold(service, actix_web::Resource::route)
    }
}

fn other_methods(
    path: &'static str,
    allow: String,
    exists: fn(&HttpRequest) -> Result<(), Problem>,
) -> Route {
    web::to(move |request: HttpRequest| {
        let allow = allow.clone();
        async move {
            request_context::set_route(&request, path);
            exists(&request)?;
            if request.method() == Method::OPTIONS {
                return Ok(HttpResponse::NoContent()
                    .insert_header((header::ALLOW, allow))
                    .finish());
            }
            let method: String = request.method().as_str().chars().take(32).collect();
            Err(Problem::new(
                Code::MethodNotAllowed,
                format!("{method} is not supported; use {allow}."),
            )
            .with_header(header::ALLOW, allow))
        }
    })
}
