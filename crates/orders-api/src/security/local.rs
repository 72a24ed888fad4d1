//! While the service is open, only local programs may use it. A proxy would forward requests of
//! others, and a foreign name that resolves to this machine would let web pages in (DNS rebinding).

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::uri::Authority;

use super::forbidden;
use crate::http::problem::Problem;

/// Rejects a request that came through a proxy or names another host.
pub(super) fn check(request: &HttpRequest) -> Result<(), Problem> {
    let by_proxy = |name: &&HeaderName| {
        **name == header::VIA
            || **name == header::FORWARDED
            || name.as_str().starts_with("x-forwarded-")
    };
    if let Some(name) = request.headers().keys().find(by_proxy) {
        return Err(forbidden(format!(
            "Without keys, requests through a proxy are not accepted, and this one has the header \
             {name}. Behind a proxy, use --auth required."
        )));
    }
    let mut hosts = request.headers().get_all(header::HOST);
    let named = hosts.all(|host| host.to_str().is_ok_and(is_local_host));
    if !named || request.uri().authority().is_some_and(|authority| !is_local(authority)) {
        return Err(forbidden("Without keys, the host must be localhost or a loopback address."));
    }
    Ok(())
}

fn is_local_host(host: &str) -> bool {
    host.parse().is_ok_and(|authority| is_local(&authority))
}

/// Whether an authority is this machine, with any port.
fn is_local(authority: &Authority) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host().to_ascii_lowercase();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // RFC 6761, section 6.3: these names are always this machine.
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_local() {
        for local in
            ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.9.9.9", "[::1]:1", "a.localhost"]
        {
            assert!(is_local_host(local), "{local}");
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
            assert!(!is_local_host(foreign), "{foreign}");
        }
    }
}
