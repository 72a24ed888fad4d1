//! Without keys: only programs on this machine that mean this service are let in. A proxy would
//! bring in others, and so would a name that somebody else has pointed at this machine.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::uri::Authority;

use super::authorize::forbidden;
use crate::problem::Problem;

/// Refuses what came through a proxy, or was meant for another host.
pub(super) fn check(request: &HttpRequest) -> Result<(), Problem> {
    let by_proxy = |name: &&HeaderName| {
        **name == header::VIA
            || **name == header::FORWARDED
            || name.as_str().starts_with("x-forwarded-")
    };
    if let Some(name) = request.headers().keys().find(by_proxy) {
        return Err(forbidden(format!(
            "Without keys, no request is taken that came through a proxy, as this one says by \
             {name}. Behind a proxy, serve with --auth required."
        )));
    }
    let mut hosts = request.headers().get_all(header::HOST);
    let named = hosts.all(|host| host.to_str().is_ok_and(is_own_host));
    if !named || request.uri().authority().is_some_and(|authority| !is_own(authority)) {
        return Err(forbidden(
            "Without keys, only requests to localhost are taken, by that name or by its address.",
        ));
    }
    Ok(())
}

fn is_own_host(host: &str) -> bool {
    host.parse().is_ok_and(|authority| is_own(&authority))
}

/// Whether it is this very machine, at whatever port.
fn is_own(authority: &Authority) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host().to_ascii_lowercase();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // RFC 6761, section 6.3: these are always this machine.
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        for own in
            ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.9.9.9", "[::1]:1", "a.localhost"]
        {
            assert!(is_own_host(own), "{own}");
        }
        for foreign in [
            "",
            "x",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "[fe80::1]",
            "127.0.0.1@example.com",
            "user@127.0.0.1",
            "0.0.0.0",
            "evillocalhost",
        ] {
            assert!(!is_own_host(foreign), "{foreign}");
        }
    }
}
