//! Protection against server-side request forgery (SSRF): webhooks may not reach private networks,
//! unless the operator allows it. A URL is checked when it is registered; the addresses of its name
//! are checked at each delivery, which connects to exactly those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;
use url::{Host, Position, Url};

/// The maximum length of a URL, in bytes.
const MAX_LENGTH: usize = 2_048;

/// Decides which URLs and addresses webhooks may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SsrfGuard {
    /// Whether plain `http` and addresses that are not public are allowed.
    pub(crate) allow_private: bool,
}

/// Why a URL is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetError {
    /// It is malformed or of another kind.
    Invalid(&'static str),
    /// It is valid, but not allowed.
    Refused(&'static str),
}

/// The error of a host with an address that is not public.
const NOT_PUBLIC: &str = "leads to an address that is not public";

/// A parsed URL of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) is_tls: bool,
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
    /// The value of the `Host` header.
    pub(crate) authority: String,
    /// The path and query of the request line.
    pub(crate) path: Uri,
}

impl SsrfGuard {
    /// Parses a URL and checks it, without resolving its name.
    pub(crate) fn parse(self, text: &str) -> Result<Target, TargetError> {
        let invalid = |why| Err(TargetError::Invalid(why));
        if text.len() > MAX_LENGTH {
            return invalid("must have at most 2048 bytes");
        }
        // The URL parser would silently drop some of these.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return invalid("must not have blanks or control characters");
        }
        let Ok(url) = Url::parse(text) else {
            return invalid("must be an absolute URL, such as https://example.com/hook");
        };
        let is_tls = match url.scheme() {
            "https" => true,
            "http" if self.allow_private => false,
            "http" => return Err(TargetError::Refused("must be https")),
            _ => return invalid("must be an https URL"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("must not name a user or a password");
        }
        let Some((host, port)) = url.host().zip(url.port_or_known_default()) else {
            return invalid("must name a host");
        };
        let host = host.to_owned();
        self.check_host(&host)?;
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let Ok(path) = Uri::try_from(path) else {
            return invalid("has a character in its path that must be percent-encoded");
        };
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        Ok(Target { is_tls, host, port, authority: authority.to_owned(), path })
    }

    fn check_host(self, host: &Host<String>) -> Result<(), TargetError> {
        let is_refused = match host {
            Host::Ipv4(address) => !self.allows((*address).into()),
            Host::Ipv6(address) => !self.allows((*address).into()),
            // RFC 6761, section 6.3. Other names are checked when they are resolved.
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                let is_local = name == "localhost" || name.ends_with(".localhost");
                is_local && !self.allow_private
            }
        };
        if is_refused { Err(TargetError::Refused(NOT_PUBLIC)) } else { Ok(()) }
    }

    /// Whether deliveries may go to an address.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }
}

/// Whether an address is globally reachable, by the registries of special-purpose addresses (RFC 6890
/// and its successors).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    /// Networks, as an address and the length of its prefix.
    const SPECIAL: [(Ipv4Addr, u32); 15] = [
        (Ipv4Addr::UNSPECIFIED, 8),           // this network
        (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
        (Ipv4Addr::new(100, 64, 0, 0), 10),   // carriers
        (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
        (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local
        (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
        (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocols
        (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
        (Ipv4Addr::new(192, 88, 99, 0), 24),  // relays of 6to4
        (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
        (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
        (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
        (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
        (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
        (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
    ];
    let bits = address.to_bits();
    !SPECIAL.iter().any(|(network, length)| (bits ^ network.to_bits()) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    /// Special networks within `2000::/3`. Networks that map IPv4 addresses are here or outside of it.
    const SPECIAL: [(Ipv6Addr, u32); 4] = [
        (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocols, Teredo among them
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
        (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
        (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
    ];
    let bits = address.to_bits();
    // `2000::/3` is the only block of global unicast addresses (RFC 4291, section 2.4). Outside are
    // loopback, mapped, compatible, NAT64, unique local, link-local and multicast addresses.
    bits >> 125 == 1
        && !SPECIAL
            .iter()
            .any(|(network, length)| (bits ^ network.to_bits()) >> (128 - length) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: SsrfGuard = SsrfGuard { allow_private: false };
    const LOOSE: SsrfGuard = SsrfGuard { allow_private: true };

    #[test]
    fn private_addresses_are_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "127.255.255.254",
            "0",
            "0.0.0.0",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "ｌｏｃａｌｈｏｓｔ",
            "１２７.0.0.1",
            "127。0。0。1",
            "①②⑦.0.0.1",
            "%6c%6f%63alhost",
            "10.0.0.1",
            "10.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.88.99.1",
            "[::]",
            "[::1]",
            "[::127.0.0.1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::8.8.8.8]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd12::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[100::1]",
            "[5f00::1]",
        ] {
            let url = format!("https://{host}/hook");
            assert_eq!(STRICT.parse(&url), Err(TargetError::Refused(NOT_PUBLIC)), "{url}");
            assert!(LOOSE.parse(&url).is_ok(), "{url}");
        }
    }

    #[test]
    fn public_addresses_are_allowed() {
        for host in [
            "8.8.8.8",
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "[2606:4700::1111]",
            "[2a00::1]",
            "[2001:4860:4860::8888]",
            "example.com",
            "localhost.example.com",
        ] {
            let url = format!("https://{host}/hook?x=1#part");
            let target = STRICT.parse(&url).unwrap();
            assert_eq!((target.port, target.path.to_string()), (443, "/hook?x=1".to_owned()));
        }
        let other = STRICT.parse("HTTPS://Example.COM:8443").unwrap();
        assert_eq!((&*other.authority, other.path.path()), ("example.com:8443", "/"));
    }

    #[test]
    fn invalid_urls_and_refused_urls_are_different_errors() {
        for url in [
            "",
            "example.com",
            "/hook",
            "https://",
            "https:///",
            "ftp://example.com",
            "file:///etc",
            "https://user@example.com",
            "https://user:word@example.com",
            "https://:word@example.com",
            "javascript:1",
            "https://exa mple.com",
            "https://example.com/\n",
            "https://[::1",
            "https://example.com:99999",
            "https://1.2.3.4.5",
            "https://256.1.1.1",
            "https://0x/",
            "gopher://127.0.0.1",
            "https://exam%00ple.com",
        ] {
            let error = STRICT.parse(url);
            let may_be_refused = url == "https://0x/";
            assert!(
                error.is_err() && (may_be_refused || matches!(error, Err(TargetError::Invalid(_)))),
                "{url:?}: {error:?}"
            );
        }
        assert!(STRICT.parse(&format!("https://example.com/{}", "a".repeat(100_000))).is_err());
        assert_eq!(STRICT.parse("http://example.com"), Err(TargetError::Refused("must be https")));
        assert!(!LOOSE.parse("http://127.0.0.1:8080/x").unwrap().is_tls);
    }
}
