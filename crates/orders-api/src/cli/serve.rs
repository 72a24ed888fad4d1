//! The options of `serve`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::read_delay;
use crate::auth::Origin;

/// How to serve.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeOptions {
    /// The address to listen on; port 0 takes a free one. Beyond loopback only if there is a key
    #[arg(long, env = "ORDERS_BIND", default_value = "127.0.0.1:8080")]
    pub(crate) bind: SocketAddr,
    /// Whether callers need a key
    #[arg(long, env = "ORDERS_AUTH", default_value = "auto")]
    pub(crate) auth: Auth,
    /// How browsers reach the service, such as `https://orders.example.com`: pages from there may
    /// change something
    #[arg(long, env = "ORDERS_PUBLIC_URL", value_parser = Origin::parse)]
    pub(crate) public_url: Option<Origin>,
    /// Load the sample data first, unless it is there
    #[arg(long, env = "ORDERS_SAMPLE_DATA", value_parser = FalseyValueParser::new())]
    pub(crate) sample_data: bool,
    /// How many threads answer requests. Default: one a core
    #[arg(long, env = "ORDERS_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: Option<u16>,
    /// How long `/readyz` answers 503 before the server stops listening
    #[arg(long, env = "ORDERS_DRAIN_DELAY", default_value = "1s", value_parser = read_delay)]
    pub(crate) drain_delay: Duration,
    /// Refuse PUT and DELETE on orders without If-Match
    #[arg(long, env = "ORDERS_REQUIRE_IF_MATCH", value_parser = FalseyValueParser::new())]
    pub(crate) require_if_match: bool,
}

/// Whether callers need a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// As soon as there has ever been one, or the service listens beyond loopback.
    Auto,
    /// Always.
    Required,
}
