//! Starts and ends the sessions of browsers.

use std::num::NonZeroU32;

use actix_web::HttpRequest;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use orders_db::Session;
use ring::aead::NONCE_LEN;

use super::authorize::{Presented, authenticate};
use super::caller::{Caller, Credential};
use super::{Security, origin, rate_limit, session};
use crate::http::problem::{Code, Problem};
use crate::http::request_context;

/// Limits how many failed sign-ins are recorded, so that guesses do not keep the database busy.
pub(crate) struct FailedSignIns(DefaultDirectRateLimiter);

impl Default for FailedSignIns {
    /// Records 60 a minute.
    fn default() -> Self {
        let a_minute = NonZeroU32::MIN.saturating_add(59);
        Self(RateLimiter::direct(Quota::per_minute(a_minute)))
    }
}

impl FailedSignIns {
    /// Returns whether to record a failed sign-in now.
    pub(crate) fn is_recorded(&self) -> bool {
        self.0.check().is_ok()
    }
}

/// Starts a session with a key. Returns `None` if no key is required.
pub(crate) async fn sign_in(request: &HttpRequest, key: &str) -> Result<Option<String>, Problem> {
    let security = Security::from_request(request)?;
    origin::check(request, &security.policy.origins)?;
    rate_limit::charge_request(request, None)?;
    let caller = authenticate(request, security, Presented::Key(key)).await?;
    let Some(caller) = caller else { return Ok(None) };
    let table = security.keys.table();
    let mut random = [0; NONCE_LEN];
    getrandom::fill(&mut random).map_err(|error| Problem::unexpected(error.to_string()))?;
    let id = match &caller.credential {
        Credential::Environment => None,
        Credential::Key(id, _) => Some(id),
        Credential::Open | Credential::Session(..) => return Ok(None),
    };
    request_context::set_actor(request, caller.actor.clone());
    Ok(session::create(id, key, table.session_secret(), table.now(), random))
}

/// Returns the valid session of a request to sign out, if it has one. Ending it in the database
/// invalidates all copies of its cookie.
pub(crate) async fn session_to_end(request: &HttpRequest) -> Result<Option<Session>, Problem> {
    let security = Security::from_request(request)?;
    origin::check(request, &security.policy.origins)?;
    let Some(presented) = session::presented(request) else { return Ok(None) };
    origin::check_is_present(request)?;
    match authenticate(request, security, Presented::Session(presented)).await {
        Ok(Some(Caller { actor, credential: Credential::Session(session, _), .. })) => {
            request_context::set_actor(request, actor);
            Ok(Some(session))
        }
        Ok(_) => Ok(None),
        Err(problem) if problem.code() == Code::Unauthenticated => Ok(None),
        Err(problem) => Err(problem),
    }
}
