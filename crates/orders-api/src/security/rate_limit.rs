//! How much each caller may ask: a bucket of tokens for each key, and for each address of those who
//! have none. A request takes one, a batch one for each operation.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use orders_core::Actor;

use super::client_address;
use crate::app::App;
use crate::problem::{Code, Problem};

/// How many buckets are kept apart. With more callers than these, addresses share buckets.
const MOST_BUCKETS: usize = 100_000;
/// How many buckets addresses then share.
const SHARED_BUCKETS: u64 = 4_096;
/// After how many checks full buckets are thrown away: as good as new, they need not be kept.
const CHECKS_A_SWEEP: usize = 8_192;

/// Whose a bucket is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Bucket {
    Key(Actor),
    Address(IpAddr),
    Shared(u64),
}

impl Bucket {
    /// The name of the policy that it is under.
    fn policy(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Address(_) | Self::Shared(_) => "address",
        }
    }
}

type Buckets =
    RateLimiter<Bucket, DefaultKeyedStateStore<Bucket>, DefaultClock, StateInformationMiddleware>;

/// What is allowed to each caller.
pub(crate) struct Limits {
    buckets: Buckets,
    rate: NonZeroU32,
    burst: NonZeroU32,
    checks: AtomicUsize,
    crowded: AtomicBool,
}

/// How a request's bucket stands: kept with the request, to be told with its answer.
struct Standing {
    bucket: Bucket,
    left: u32,
}

impl Limits {
    /// `rate` tokens come back each second, until there are `burst`.
    pub(crate) fn new(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(rate).allow_burst(burst);
        let buckets = RateLimiter::dashmap(quota).with_middleware();
        let (checks, crowded) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { buckets, rate, burst, checks, crowded }
    }

    fn of_address(&self, address: IpAddr) -> Bucket {
        let address = client_address::block_of(address);
        if self.crowded.load(Ordering::Relaxed) {
            return Bucket::Shared(client_address::number_of(address) % SHARED_BUCKETS);
        }
        Bucket::Address(address)
    }

    /// Takes tokens out of a bucket; answers how many are left, or how long to wait for so many.
    fn take(&self, bucket: &Bucket, tokens: NonZeroU32) -> Result<u32, Duration> {
        self.sweep_at_times();
        match self.buckets.check_key_n(bucket, tokens) {
            Ok(Ok(state)) => Ok(state.remaining_burst_capacity()),
            Ok(Err(later)) => Err(later.wait_time_from(DefaultClock::default().now())),
            // More than there can ever be.
            Err(_) => Err(self.time_for(self.burst.get())),
        }
    }

    fn sweep_at_times(&self) {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_A_SWEEP == CHECKS_A_SWEEP - 1 {
            self.buckets.retain_recent();
            self.buckets.shrink_to_fit();
            self.crowded.store(self.buckets.len() > MOST_BUCKETS, Ordering::Relaxed);
        }
    }

    /// How long it takes until so many tokens have come back.
    fn time_for(&self, tokens: u32) -> Duration {
        Duration::from_secs(u64::from(tokens.div_ceil(self.rate.get())))
    }

    fn headers(&self, standing: &Standing) -> [(HeaderName, String); 2] {
        let policy = standing.bucket.policy();
        let (left, burst) = (standing.left, self.burst.get());
        let reset = self.time_for(burst - left.min(burst)).as_secs();
        let window = self.time_for(burst).as_secs();
        [
            (RATE_LIMIT, format!("\"{policy}\";r={left};t={reset}")),
            (RATE_LIMIT_POLICY, format!("\"{policy}\";q={burst};w={window}")),
        ]
    }
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Takes a token for a request from the bucket of its key, or else of its address.
pub(crate) fn take_one(request: &HttpRequest, key: Option<&Actor>) -> Result<(), Problem> {
    let Some(app) = request.app_data::<Data<App>>() else { return Ok(()) };
    let Some(limits) = &app.limits else { return Ok(()) };
    let bucket = match key {
        Some(actor) => Bucket::Key(actor.clone()),
        // It paid when its key was found to be wrong.
        None if request.extensions().contains::<Standing>() => return Ok(()),
        None => match client_address::of(request, &app.trusted_proxies) {
            Some(address) => limits.of_address(address),
            None => return Ok(()),
        },
    };
    take(request, limits, bucket, NonZeroU32::MIN)
}

/// Takes the tokens for a batch of so many operations, the first of which is paid for.
pub(crate) fn take_for_batch(request: &HttpRequest, operations: usize) -> Result<(), Problem> {
    let Some(app) = request.app_data::<Data<App>>() else { return Ok(()) };
    let (Some(limits), Some(standing)) =
        (&app.limits, request.extensions_mut().remove::<Standing>())
    else {
        return Ok(());
    };
    let more = u32::try_from(operations.saturating_sub(1)).ok().and_then(NonZeroU32::new);
    if let Some(tokens) = more {
        return take(request, limits, standing.bucket, tokens);
    }
    request.extensions_mut().insert(standing);
    Ok(())
}

fn take(
    request: &HttpRequest,
    limits: &Limits,
    bucket: Bucket,
    tokens: NonZeroU32,
) -> Result<(), Problem> {
    let taken = limits.take(&bucket, tokens);
    let left = taken.unwrap_or(0);
    request.extensions_mut().insert(Standing { bucket, left });
    let Err(wait) = taken else { return Ok(()) };
    // Rounded up, so that whoever waits as long finds a token.
    let seconds = wait.as_secs() + 1;
    let detail = if tokens > limits.burst {
        format!("A batch may have at most {} operations here.", limits.burst)
    } else {
        format!("Too much was asked; ask again in {seconds} seconds.")
    };
    Err(Problem::new(Code::RateLimited, detail)
        .with_header(header::RETRY_AFTER, seconds.to_string()))
}

/// Tells with an answer how the request's bucket stands.
pub(crate) fn tell(request: &HttpRequest, headers: &mut HeaderMap) {
    let Some(limits) = request.app_data::<Data<App>>().and_then(|app| app.limits.as_ref()) else {
        return;
    };
    if let Some(standing) = request.extensions().get::<Standing>() {
        for (name, text) in limits.headers(standing) {
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
        let limits = Limits::new(number(1), number(3));
        let bucket = Bucket::Key(Actor::new("k"));
        let take = |tokens| limits.take(&bucket, number(tokens));
        assert_eq!((take(2), take(1)), (Ok(1), Ok(0)));
        assert!(take(1).is_err_and(|wait| wait <= Duration::from_secs(1)));
        assert!(take(4).is_err(), "more than there can ever be");
        assert!(limits.take(&Bucket::Key(Actor::new("l")), number(3)).is_ok());
    }

    #[test]
    fn memory_is_bounded_with_a_million_addresses() {
        let limits = Limits::new(number(1), number(10));
        for address in 0..1_000_000 {
            let bucket = limits.of_address(IpAddr::V4(Ipv4Addr::from_bits(address)));
            assert!(limits.take(&bucket, number(1)).is_ok() || matches!(bucket, Bucket::Shared(_)));
        }
        assert!(
            limits.buckets.len() < MOST_BUCKETS + 2 * CHECKS_A_SWEEP,
            "{}",
            limits.buckets.len()
        );
    }
}
