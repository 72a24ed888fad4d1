//! The options of `serve`.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use orders_core::Period;

use super::{read_delay, read_period};
use crate::security::Network;
use crate::security::Origin;
use crate::webhooks::{DeliveryOptions, RetryDelays, SsrfGuard};

/// How to serve.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeOptions {
    /// The address to listen on; port 0 takes a free one. Beyond loopback only if there is a key
    #[arg(long, env = "ORDERS_BIND", default_value = "127.0.0.1:8080")]
    pub(crate) bind: SocketAddr,
    /// Whether callers need a key
    #[arg(long, env = "ORDERS_AUTH", default_value = "auto")]
    pub(crate) auth: Auth,
    /// How many requests each key, or address without one, may make a second, or `off`. Default: off
    /// on loopback, else 1000
    #[arg(long, env = "ORDERS_RATE_LIMIT", value_parser = read_rate)]
    pub(crate) rate_limit: Option<Rate>,
    /// How many of them at once, the operations of a batch counted. Default: those of ten seconds
    #[arg(long, env = "ORDERS_RATE_BURST")]
    pub(crate) rate_burst: Option<NonZeroU32>,
    /// Proxies, as addresses or networks, that are believed when they tell by X-Forwarded-For where
    /// a request comes from
    #[arg(long, env = "ORDERS_TRUST_PROXY", value_delimiter = ',', value_parser = Network::parse)]
    pub(crate) trust_proxy: Vec<Network>,
    /// Other sites whose pages are let in, such as `https://console.example.com`
    #[arg(long, env = "ORDERS_CORS_ORIGIN", value_delimiter = ',', value_parser = Origin::parse)]
    pub(crate) cors_origin: Vec<Origin>,
    /// The file of the TLS certificate and its chain (PEM); read again when it changes
    #[arg(long, env = "ORDERS_TLS_CERT", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The file of the certificate's private key (PEM)
    #[arg(long, env = "ORDERS_TLS_KEY", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// How many connections there may be at once; more wait to be accepted
    #[arg(long, env = "ORDERS_MAX_CONNECTIONS", default_value = "20000", value_parser = read_connections)]
    pub(crate) max_connections: usize,
    /// How many streams of events there may be at once; never more than half of the connections
    #[arg(long, env = "ORDERS_MAX_STREAMS", default_value = "5000", value_parser = read_streams)]
    max_streams: usize,
    /// How long events stay in the feed, such as 90d. Histories stay in any case. Default: for ever
    #[arg(long, env = "ORDERS_EVENT_RETENTION", value_parser = read_period)]
    pub(crate) event_retention: Option<Period>,
    /// How browsers reach the service, such as `https://orders.example.com`: pages from there may
    /// change something
    #[arg(long, env = "ORDERS_PUBLIC_URL", value_parser = Origin::parse)]
    pub(crate) public_url: Option<Origin>,
    /// Load the sample data first, unless it is there
    #[arg(long, env = "ORDERS_SAMPLE_DATA", value_parser = FalseyValueParser::new())]
    pub(crate) sample_data: bool,
    /// How many threads answer requests. Default: one a core
    #[arg(long, env = "ORDERS_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// How long `/readyz` answers 503 before the server stops listening
    #[arg(long, env = "ORDERS_DRAIN_DELAY", default_value = "1s", value_parser = read_delay)]
    pub(crate) drain_delay: Duration,
    /// Refuse changes to orders that do not say, by If-Match, which version they mean
    #[arg(long, env = "ORDERS_REQUIRE_IF_MATCH", value_parser = FalseyValueParser::new())]
    pub(crate) require_if_match: bool,
    /// Let anyone read `/metrics`, without a key
    #[arg(long, env = "ORDERS_METRICS_OPEN", value_parser = FalseyValueParser::new())]
    pub(crate) metrics_open: bool,
    /// Log a line for each request
    #[arg(long, env = "ORDERS_ACCESS_LOG", value_parser = FalseyValueParser::new())]
    pub(crate) access_log: bool,
    /// Read the console's style sheets and scripts from this directory at each request, not from the
    /// program. For changing them without a build
    #[arg(long, env = "ORDERS_ASSETS_DIR", value_name = "DIR", value_parser = read_directory)]
    pub(crate) assets_dir: Option<PathBuf>,
    /// Let webhooks lead to this machine and to private networks, and use plain `http`
    #[arg(long, env = "ORDERS_ALLOW_PRIVATE_WEBHOOKS", value_parser = FalseyValueParser::new())]
    pub(crate) allow_private_webhooks: bool,
    /// How long to wait after each attempt to deliver an event in vain, give or take a tenth; after
    /// one attempt more than there are delays it is given up. Default: three days
    #[arg(
        long,
        env = "ORDERS_WEBHOOK_RETRY_DELAYS",
        value_delimiter = ',',
        default_value = "5s,5m,30m,2h,5h,10h,14h,20h,24h",
        value_parser = read_delay
    )]
    pub(crate) webhook_retry_delays: Vec<Duration>,
    /// How long an endpoint may take to answer. What a process was delivering when it died is taken
    /// up by another after three times as long
    #[arg(
        long,
        env = "ORDERS_WEBHOOK_TIMEOUT",
        default_value = "5s",
        value_parser = read_webhook_timeout
    )]
    pub(crate) webhook_timeout: Duration,
}

/// How many requests a second; `None` for any number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate(pub(crate) Option<NonZeroU32>);

fn read_rate(text: &str) -> Result<Rate, String> {
    if text == "off" {
        return Ok(Rate(None));
    }
    let number = text.parse().map_err(|_malformed| "must be a number from 1 on, or off".to_owned());
    number.map(|number| Rate(Some(number)))
}

fn read_directory(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    path.is_dir().then_some(path).ok_or_else(|| "must be a directory".to_owned())
}

fn read_connections(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| "must be a number from 1 to 1000000".to_owned())
}

fn read_streams(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number <= 1_000_000);
    number.ok_or_else(|| "must be a number from 0 to 1000000".to_owned())
}

fn read_webhook_timeout(text: &str) -> Result<Duration, String> {
    const RANGE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(5);
    let timeout = read_delay(text)?;
    let refusal = || "must be 100ms to 5s".to_owned();
    RANGE.contains(&timeout).then_some(timeout).ok_or_else(refusal)
}

impl ServeOptions {
    /// How many streams of events there may be, so that they leave connections for all else.
    pub(crate) fn max_streams(&self) -> usize {
        self.max_streams.min(self.max_connections / 2)
    }

    /// How many threads answer requests.
    pub(crate) fn workers(&self) -> usize {
        let cores = || available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.map_or_else(cores, usize::from)
    }

    /// Decides which addresses webhooks may reach.
    pub(crate) fn ssrf_guard(&self) -> SsrfGuard {
        SsrfGuard { allow_private: self.allow_private_webhooks }
    }

    /// How deliveries to webhooks are made.
    pub(crate) fn deliveries(&self) -> DeliveryOptions {
        let delays = RetryDelays(self.webhook_retry_delays.clone());
        DeliveryOptions { ssrf_guard: self.ssrf_guard(), delays, timeout: self.webhook_timeout }
    }

    /// How many requests a caller may make a second, and at once.
    pub(crate) fn rate(&self) -> Option<(NonZeroU32, NonZeroU32)> {
        const DEFAULT: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
        const SECONDS: NonZeroU32 = NonZeroU32::new(10).unwrap();
        let rate = match self.rate_limit {
            Some(Rate(rate)) => rate?,
            None if self.bind.ip().is_loopback() => return None,
            None => DEFAULT,
        };
        Some((rate, self.rate_burst.unwrap_or(rate.saturating_mul(SECONDS))))
    }
}

/// Whether callers need a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// As soon as there has ever been one, or the service listens beyond loopback.
    Auto,
    /// Always.
    Required,
}
