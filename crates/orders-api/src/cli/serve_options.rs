//! The options of `serve`, and the settings that follow from them.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use orders_core::Period;

use super::values::{read_address, read_delay, read_period};
use crate::security::Network;
use crate::security::Origin;
use crate::webhooks::{DeliveryOptions, RetryDelays, SsrfGuard};

/// The options of `serve`.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeOptions {
    /// The address to listen on. Port 0 takes a free one. Addresses beyond loopback need a key
    #[arg(
        long,
        env = "ORDERS_BIND",
        help_heading = "Address and TLS",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS:PORT",
        value_parser = read_address
    )]
    pub(crate) bind: SocketAddr,
    /// Whether requests need a key
    #[arg(long, env = "ORDERS_AUTH", help_heading = "Access", default_value = "auto")]
    pub(crate) auth: Auth,
    /// The rate limit in requests a second for each key, or for each address without a key, or `off`.
    /// Default: off on loopback, else 1000
    #[arg(
        long,
        env = "ORDERS_RATE_LIMIT",
        help_heading = "Limits",
        value_name = "NUMBER",
        value_parser = read_rate
    )]
    pub(crate) rate_limit: Option<Rate>,
    /// The largest burst. Each operation of a batch counts. Default: ten seconds of the rate limit
    #[arg(
        long,
        env = "ORDERS_RATE_BURST",
        help_heading = "Limits",
        value_name = "NUMBER",
        value_parser = read_burst
    )]
    pub(crate) rate_burst: Option<NonZeroU32>,
    /// Addresses or networks of trusted proxies. Their X-Forwarded-For headers give the client's
    /// address
    #[arg(
        long,
        env = "ORDERS_TRUST_PROXY",
        help_heading = "Address and TLS",
        value_name = "NETWORKS",
        value_delimiter = ',',
        value_parser = Network::parse
    )]
    pub(crate) trust_proxy: Vec<Network>,
    /// Allowed CORS origins, such as `https://console.example.com`
    #[arg(
        long,
        env = "ORDERS_CORS_ORIGIN",
        help_heading = "Address and TLS",
        value_name = "ORIGINS",
        value_delimiter = ',',
        value_parser = Origin::parse
    )]
    pub(crate) cors_origin: Vec<Origin>,
    /// The file of the TLS certificate chain (PEM). Reloaded when it changes
    #[arg(
        long,
        env = "ORDERS_TLS_CERT",
        help_heading = "Address and TLS",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The file of the private key (PEM)
    #[arg(
        long,
        env = "ORDERS_TLS_KEY",
        help_heading = "Address and TLS",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub(crate) tls_key: Option<PathBuf>,
    /// The limit of open connections. More wait to be accepted
    #[arg(
        long,
        env = "ORDERS_MAX_CONNECTIONS",
        help_heading = "Limits",
        value_name = "NUMBER",
        default_value = "20000",
        value_parser = read_connections
    )]
    pub(crate) max_connections: usize,
    /// The limit of open event streams. At most half of the connections
    #[arg(
        long,
        env = "ORDERS_MAX_STREAMS",
        help_heading = "Limits",
        value_name = "NUMBER",
        default_value = "5000",
        value_parser = read_streams
    )]
    max_streams: usize,
    /// How long events stay in the feed, such as 90d. Histories are kept. Default: for ever
    #[arg(
        long,
        env = "ORDERS_EVENT_RETENTION",
        help_heading = "Orders and events",
        value_name = "PERIOD",
        value_parser = read_period
    )]
    pub(crate) event_retention: Option<Period>,
    /// The URL at which browsers reach the service, such as `https://orders.example.com`. Pages from
    /// this origin may send changes
    #[arg(
        long,
        env = "ORDERS_PUBLIC_URL",
        help_heading = "Address and TLS",
        value_name = "URL",
        value_parser = Origin::parse
    )]
    pub(crate) public_url: Option<Origin>,
    /// Load the sample data first, unless it exists
    #[arg(
        long,
        env = "ORDERS_SAMPLE_DATA",
        help_heading = "Orders and events",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) sample_data: bool,
    /// The number of worker threads. Default: one a core
    #[arg(
        long,
        env = "ORDERS_WORKERS",
        help_heading = "Limits",
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u16).range(1..=256)
    )]
    workers: Option<u16>,
    /// How long `/readyz` responds 503 before the server stops listening
    #[arg(
        long,
        env = "ORDERS_DRAIN_DELAY",
        help_heading = "Process",
        value_name = "PERIOD",
        default_value = "1s",
        value_parser = read_delay
    )]
    pub(crate) drain_delay: Duration,
    /// Reject changes to orders without an If-Match header
    #[arg(
        long,
        env = "ORDERS_REQUIRE_IF_MATCH",
        help_heading = "Orders and events",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) require_if_match: bool,
    /// Serve `/metrics` without a key
    #[arg(
        long,
        env = "ORDERS_METRICS_OPEN",
        help_heading = "Access",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) metrics_open: bool,
    /// Log each request
    #[arg(
        long,
        env = "ORDERS_ACCESS_LOG",
        help_heading = "Log",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) access_log: bool,
    /// Read the console's style sheets and scripts from this directory at each request, not from the
    /// program. For changing them without a build
    #[arg(
        long,
        env = "ORDERS_ASSETS_DIR",
        help_heading = "Process",
        value_name = "DIR",
        value_parser = read_directory
    )]
    pub(crate) assets_dir: Option<PathBuf>,
    /// Allow webhooks to this machine, to private networks and over plain `http`
    #[arg(
        long,
        env = "ORDERS_ALLOW_PRIVATE_WEBHOOKS",
        help_heading = "Webhooks",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) allow_private_webhooks: bool,
    /// The delays after failed attempts to deliver an event, with a jitter of a tenth. When all are
    /// used up, the delivery has failed. Default: three days
    #[arg(
        long,
        env = "ORDERS_WEBHOOK_RETRY_DELAYS",
        help_heading = "Webhooks",
        value_name = "PERIODS",
        value_delimiter = ',',
        default_value = "5s,5m,30m,2h,5h,10h,14h,20h,24h",
        value_parser = read_delay
    )]
    pub(crate) webhook_retry_delays: Vec<Duration>,
    /// The timeout of a delivery. After three times as long, another process takes over the
    /// deliveries of a process that died
    #[arg(
        long,
        env = "ORDERS_WEBHOOK_TIMEOUT",
        help_heading = "Webhooks",
        value_name = "PERIOD",
        default_value = "5s",
        value_parser = read_webhook_timeout
    )]
    pub(crate) webhook_timeout: Duration,
}

/// Requests a second. `None` for no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate(pub(crate) Option<NonZeroU32>);

fn read_rate(text: &str) -> Result<Rate, String> {
    if text == "off" {
        return Ok(Rate(None));
    }
    let number = text.parse().map_err(|_malformed| "must be a number from 1 on, or off".to_owned());
    number.map(|number| Rate(Some(number)))
}

fn read_burst(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_malformed| "must be a number from 1 on".to_owned())
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
    /// The limit of event streams, which leaves connections for other requests.
    pub(crate) fn max_streams(&self) -> usize {
        self.max_streams.min(self.max_connections / 2)
    }

    /// The number of worker threads.
    pub(crate) fn workers(&self) -> usize {
        let cores = || available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.map_or_else(cores, usize::from)
    }

    /// The allowed endpoints of webhooks.
    pub(crate) fn ssrf_guard(&self) -> SsrfGuard {
        SsrfGuard { allow_private: self.allow_private_webhooks }
    }

    /// The settings of webhook deliveries.
    pub(crate) fn deliveries(&self) -> DeliveryOptions {
        let delays = RetryDelays(self.webhook_retry_delays.clone());
        DeliveryOptions { ssrf_guard: self.ssrf_guard(), delays, timeout: self.webhook_timeout }
    }

    /// The rate limit of a caller and its burst.
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

/// Whether requests need a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// Once a key has been created, or if the server listens beyond loopback.
    Auto,
    /// Always.
    Required,
}
