//! Values of options that are read the same way by several commands.

use std::net::SocketAddr;
use std::time::Duration;

use orders_core::Period;

/// An IP address and a port.
pub(super) fn read_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_malformed| {
        "must be an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080"
            .to_owned()
    })
}

/// Filters of the log.
pub(super) fn read_filters(text: &str) -> Result<String, String> {
    env_filter::Builder::new().try_parse(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

pub(super) fn read_period(text: &str) -> Result<Period, String> {
    Period::parse(text).map_err(|error| error.to_string())
}

/// A period, or zero.
pub(super) fn read_delay(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(Duration::ZERO);
    }
    let millis = read_period(text)?.as_millis();
    u64::try_from(millis).map(Duration::from_millis).map_err(|error| error.to_string())
}
