//! Authorization: authenticates a request and checks its role, before its handler runs.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest};
use orders_core::Actor;
use orders_core::key::Role;

use super::access::Access;
use super::caller::{Caller, Credential};
use super::credentials::{self, hash_of};
use super::{Security, forbidden, local, origin, rate_limit, session};
use crate::http::problem::{Code, Problem};
use crate::http::request_context;

/// How old the cached keys may be. During an outage of the database, a revoked key stays valid for
/// no longer than this.
const MAX_KEY_AGE: Duration = Duration::from_mins(5);

/// What a request presents.
#[derive(Clone, Copy)]
pub(super) enum Presented<'a> {
    Nothing,
    Key(&'a str),
    Session(&'a str),
}

/// Authorizes a request, or returns why it is rejected.
pub(crate) async fn authorize(request: &HttpRequest, access: Access) -> Result<(), Problem> {
    let Some(required) = access.role() else { return Ok(()) };
    let security = Security::from_request(request)?;
    if matches!(access, Access::Metrics(_)) && security.policy.metrics_are_open {
        return Ok(());
    }
    let presented = match (credentials::presented(request), session::presented(request)) {
        (Some(key), _) => Presented::Key(key),
        (None, Some(session)) => Presented::Session(session),
        (None, None) => Presented::Nothing,
    };
    let Some(caller) = authenticate(request, security, presented).await? else {
        local::check(request)?;
        if matches!(access, Access::Keyed(_)) {
            return Err(forbidden(
                "Authentication required, and there is no key yet. `orders-api keys create` \
                 creates one.",
            ));
        }
        origin::check(request, &security.policy.origins)?;
        return rate_limit::charge_request(request, None);
    };
    if caller.role < required {
        let role = caller.role;
        return Err(forbidden(format!(
            "The role {required} is required; this key has the role {role}."
        )));
    }
    origin::check(request, &security.policy.origins)?;
    if matches!(presented, Presented::Session(_)) {
        origin::check_is_present(request)?;
    }
    rate_limit::charge_request(request, Some(&caller.actor))?;
    request_context::set_actor(request, caller.actor.clone());
    request.extensions_mut().insert(caller);
    Ok(())
}

/// Finds the caller by the presented key or session. Returns `None` if no key is required.
pub(super) async fn authenticate(
    request: &HttpRequest,
    security: &Security,
    presented: Presented<'_>,
) -> Result<Option<Caller>, Problem> {
    if let Presented::Nothing = presented {
        if security.is_open() {
            return Ok(None);
        }
        rate_limit::charge_request(request, None)?;
        return Err(unauthenticated(
            "Authentication required. Send a key as X-API-Key or as Authorization: Bearer.",
            "Bearer realm=\"orders\"",
        ));
    }
    let table = security.keys.table();
    let mut caller = find_caller(security, presented);
    if caller.is_none() {
        // Before the read from the database, so that guesses are limited.
        rate_limit::charge_request(request, None)?;
    }
    let needs_refresh = match &caller {
        // Another process may have created the key a moment ago.
        None => true,
        Some(caller) => caller.credential != Credential::Environment && table.age() > MAX_KEY_AGE,
    };
    if needs_refresh {
        security.keys.refresh().await?;
        caller = find_caller(security, presented);
    }
    if caller.is_none() && !security.is_open() {
        // The error code is that of RFC 6750.
        return Err(unauthenticated(
            "The key is unknown, expired or revoked.",
            "Bearer realm=\"orders\", error=\"invalid_token\"",
        ));
    }
    Ok(caller)
}

fn find_caller(security: &Security, presented: Presented<'_>) -> Option<Caller> {
    let table = security.keys.table();
    match presented {
        Presented::Nothing => None,
        Presented::Key(key) => {
            let is_same = |own| credentials::is_same(own, hash_of(key));
            if security.policy.environment_key.is_some_and(is_same) {
                let actor = Actor::new("environment");
                let credential = Credential::Environment;
                return Some(Caller { actor, role: Role::Admin, credential });
            }
            credentials::find(&table, key)
        }
        Presented::Session(session) => {
            session::find(&table, security.policy.environment_key, session)
        }
    }
}

fn unauthenticated(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(Code::Unauthenticated, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}
