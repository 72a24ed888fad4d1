//! Security: who sends a request, whether they may, and how many requests they may send.

mod access;
mod authorize;
mod caller;
mod client_address;
mod credentials;
mod key_cache;
mod local;
mod origin;
pub(crate) mod rate_limit;
mod session;
mod sign_in;

use actix_web::HttpRequest;
use actix_web::web::Data;
use orders_core::key::SecretHash;

use crate::http::problem::{Code, Problem};

pub(crate) use access::Access;
pub(crate) use authorize::authorize;
pub(crate) use caller::{Credential, credential, is_authenticated, role};
pub(crate) use client_address::Network;
pub(crate) use credentials::{MadeKey, hash_of, id_of, make_key};
pub(crate) use key_cache::KeyCache;
pub(crate) use origin::Origin;
pub(crate) use session::{cookie, set_cookie};
pub(crate) use sign_in::{FailedSignIns, session_to_end, sign_in};

/// What decides about requests. All threads share one.
pub(crate) struct Security {
    pub(crate) policy: AuthPolicy,
    pub(crate) keys: KeyCache,
    /// The limits on requests; `None` for no limits.
    pub(crate) rate_limits: Option<rate_limit::RateLimits>,
    pub(crate) failed_sign_ins: FailedSignIns,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Whether browsers send session cookies over TLS only.
    pub(crate) secure_cookies: bool,
}

/// The operator's choices about authentication.
pub(crate) struct AuthPolicy {
    /// Whether no key is required as long as there has never been one.
    pub(crate) may_be_open: bool,
    /// Whether `/metrics` requires no key.
    pub(crate) metrics_are_open: bool,
    /// The hash of the key from the environment, if there is one.
    pub(crate) environment_key: Option<SecretHash>,
    /// The origins of pages that may make changes, beside the service's own.
    pub(crate) origins: Vec<Origin>,
}

impl Security {
    /// Whether requests without a key are accepted now.
    fn is_open(&self) -> bool {
        self.policy.may_be_open && !self.keys.table().required
    }

    fn from_request(request: &HttpRequest) -> Result<&Data<Self>, Problem> {
        let security = request.app_data::<Data<Self>>();
        security.ok_or_else(|| Problem::unexpected("the router has no security"))
    }
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Forbidden, detail)
}
