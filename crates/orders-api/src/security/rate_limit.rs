//! Rate limits: a token bucket for each key, and for each address without one. A request costs one
//! token, a batch one for each operation.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use orders_core::Actor;

use super::Security;
use super::client_address::{client_address, client_block, keyed_hash};
use crate::http::problem::{Code, Problem};

/// The number of buckets above which addresses share buckets.
const MAX_BUCKETS: usize = 100_000;
/// The number of buckets that addresses then share.
const SHARED_BUCKETS: u64 = 4_096;
/// The number of checks after which full buckets are dropped. A new bucket is full too.
const CHECKS_PER_SWEEP: usize = 8_192;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The owner of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Bucket {
    Key(Actor),
    Address(IpAddr),
    Shared(u64),
}

impl Bucket {
    /// The name of its policy in the headers.
    fn policy(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Address(_) | Self::Shared(_) => "address",
        }
    }
}

type Buckets =
    RateLimiter<Bucket, DefaultKeyedStateStore<Bucket>, DefaultClock, StateInformationMiddleware>;

/// The rate limits of all callers.
pub(crate) struct RateLimits {
    buckets: Buckets,
    rate: NonZeroU32,
    burst: NonZeroU32,
    checks: AtomicUsize,
    is_crowded: AtomicBool,
}

/// The bucket that a request was charged to, kept with the request for the headers.
struct Charge {
    bucket: Bucket,
    remaining: u32,
}

impl RateLimits {
    /// Each bucket holds `burst` tokens and regains `rate` tokens a second.
    pub(crate) fn new(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(rate).allow_burst(burst);
        let buckets = RateLimiter::dashmap(quota).with_middleware();
        let (checks, is_crowded) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { buckets, rate, burst, checks, is_crowded }
    }

    fn address_bucket(&self, address: IpAddr) -> Bucket {
        let address = client_block(address);
        if self.is_crowded.load(Ordering::Relaxed) {
            return Bucket::Shared(keyed_hash(address) % SHARED_BUCKETS);
        }
        Bucket::Address(address)
    }

    /// Takes tokens from a bucket. Returns how many remain, or how long to wait for them.
    fn take(&self, bucket: &Bucket, tokens: NonZeroU32) -> Result<u32, Duration> {
        self.sweep_regularly();
        match self.buckets.check_key_n(bucket, tokens) {
            Ok(Ok(state)) => Ok(state.remaining_burst_capacity()),
            Ok(Err(later)) => Err(later.wait_time_from(DefaultClock::default().now())),
            // More than the bucket can hold.
            Err(_) => Err(self.refill_time(self.burst.get())),
        }
    }

    fn sweep_regularly(&self) {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_PER_SWEEP == CHECKS_PER_SWEEP - 1 {
            self.buckets.retain_recent();
            self.buckets.shrink_to_fit();
            self.is_crowded.store(self.buckets.len() > MAX_BUCKETS, Ordering::Relaxed);
        }
    }

    /// The time in which a bucket regains so many tokens.
    fn refill_time(&self, tokens: u32) -> Duration {
        Duration::from_secs(u64::from(tokens.div_ceil(self.rate.get())))
    }

    fn headers(&self, charge: &Charge) -> [(HeaderName, String); 2] {
        let policy = charge.bucket.policy();
        let (remaining, burst) = (charge.remaining, self.burst.get());
        let reset = self.refill_time(burst - remaining.min(burst)).as_secs();
        let window = self.refill_time(burst).as_secs();
        [
            (RATE_LIMIT, format!("\"{policy}\";r={remaining};t={reset}")),
            (RATE_LIMIT_POLICY, format!("\"{policy}\";q={burst};w={window}")),
        ]
    }

    fn charge(
        &self,
        request: &HttpRequest,
        bucket: Bucket,
        tokens: NonZeroU32,
    ) -> Result<(), Problem> {
        let taken = self.take(&bucket, tokens);
        request.extensions_mut().insert(Charge { bucket, remaining: taken.unwrap_or(0) });
        let Err(wait) = taken else { return Ok(()) };
        // Rounded up, so that a retry after this time succeeds.
        let seconds = wait.as_secs() + 1;
        let detail = if tokens > self.burst {
            format!("A batch may have at most {} operations here.", self.burst)
        } else {
            format!("Too many requests. Retry after {seconds} seconds.")
        };
        Err(Problem::new(Code::RateLimited, detail)
            .with_header(header::RETRY_AFTER, seconds.to_string()))
    }
}

/// Charges a request to the bucket of its key, or else of its address.
pub(crate) fn charge_request(request: &HttpRequest, key: Option<&Actor>) -> Result<(), Problem> {
    let security = Security::from_request(request)?;
    let Some(limits) = &security.rate_limits else { return Ok(()) };
    let bucket = match key {
        Some(actor) => Bucket::Key(actor.clone()),
        // It was charged when its key turned out to be wrong.
        None if request.extensions().contains::<Charge>() => return Ok(()),
        None => match client_address(request, &security.trusted_proxies) {
            Some(address) => limits.address_bucket(address),
            None => return Ok(()),
        },
    };
    limits.charge(request, bucket, NonZeroU32::MIN)
}

/// Charges the operations of a batch. The first one is paid for by the request.
pub(crate) fn charge_batch(request: &HttpRequest, operations: usize) -> Result<(), Problem> {
    let Some(limits) = &Security::from_request(request)?.rate_limits else { return Ok(()) };
    let more = u32::try_from(operations.saturating_sub(1)).ok().and_then(NonZeroU32::new);
    let bucket = request.extensions().get::<Charge>().map(|charge| charge.bucket.clone());
    match (bucket, more) {
        (Some(bucket), Some(tokens)) => limits.charge(request, bucket, tokens),
        (None, _) | (_, None) => Ok(()),
    }
}

/// Adds the state of the request's bucket to the headers of its response.
pub(crate) fn add_headers(request: &HttpRequest, headers: &mut HeaderMap) {
    let extensions = request.extensions();
    let security = Security::from_request(request).ok();
    let limits = security.and_then(|security| security.rate_limits.as_ref());
    if let (Some(limits), Some(charge)) = (limits, extensions.get::<Charge>()) {
        for (name, text) in limits.headers(charge) {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn a_bucket_has_its_burst_and_no_more() {
        let limits = RateLimits::new(number(1), number(3));
        let bucket = Bucket::Key(Actor::new("k"));
        let take = |tokens| limits.take(&bucket, number(tokens));
        assert_eq!((take(2), take(1)), (Ok(1), Ok(0)));
        assert!(take(1).is_err_and(|wait| wait <= Duration::from_secs(1)));
        assert!(take(4).is_err(), "more than the bucket can hold");
        assert!(limits.take(&Bucket::Key(Actor::new("l")), number(3)).is_ok());
    }

    #[test]
    fn memory_is_bounded_with_a_million_addresses() {
        let limits = RateLimits::new(number(1), number(10));
        for address in 0..1_000_000 {
            let bucket = limits.address_bucket(IpAddr::V4(Ipv4Addr::from_bits(address)));
            assert!(limits.take(&bucket, number(1)).is_ok() || matches!(bucket, Bucket::Shared(_)));
        }
        assert!(
            limits.buckets.len() < MAX_BUCKETS + 2 * CHECKS_PER_SWEEP,
            "{}",
            limits.buckets.len()
        );
    }
}
