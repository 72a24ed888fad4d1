//! The address of a client: that of the connection, or the one that trusted proxies report.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use actix_web::HttpRequest;

/// A network: the addresses with the same prefix, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Parses a network, or an address as a network of its own.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let malformed = || "must be an address, or a network such as 10.0.0.0/8".to_owned();
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok().ok_or_else(malformed)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok());
        let bits = bits.filter(|bits| *bits <= most).ok_or_else(malformed)?;
        Ok(Self { address, bits })
    }

    fn contains(self, address: IpAddr) -> bool {
        let common = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        common >= self.bits
    }
}

/// Returns the address of the client. `X-Forwarded-For` is read from its end, up to the first address
/// that is not a trusted proxy.
pub(super) fn client_address(request: &HttpRequest, trusted: &[Network]) -> Option<IpAddr> {
    let mut address = request.peer_addr()?.ip().to_canonical();
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let values = request.headers().get_all("x-forwarded-for");
    let values = values.filter_map(|value| value.to_str().ok());
    let forwarded: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    for text in forwarded.into_iter().rev() {
        if !is_trusted(address) {
            break;
        }
        let Some(previous) = parse(text) else { break };
        address = previous.to_canonical();
    }
    Some(address)
}

/// Parses an address. Some proxies append the port.
fn parse(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port)
}

/// Returns what is limited as one client: an IPv4 address, or the /64 network of an IPv6 address.
pub(super) fn client_block(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

/// Hashes an address with a random key, so that no client can choose its hash.
pub(super) fn keyed_hash(address: IpAddr) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    STATE.hash_one(address)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        let has = |network, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("127.0.0.1", "127.0.0.1") && !has("127.0.0.1", "127.0.0.2"));
        assert!(has("0.0.0.0/0", "1.2.3.4") && !has("0.0.0.0/0", "::1"));
        assert!(has("2001:db8::/32", "2001:db8:1::1") && !has("::1", "::2"));
        for odd in ["", "x", "10.0.0.0/33", "10.0.0.0/", "::1/129", "10.0.0/8"] {
            assert!(Network::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_trusted() {
        let from = |forwarded: &str, trusted: &[&str]| {
            let trusted: Vec<_> = trusted.iter().map(|one| Network::parse(one).unwrap()).collect();
            let request = TestRequest::default().peer_addr("10.0.0.1:1".parse().unwrap());
            let request = request.insert_header(("x-forwarded-for", forwarded)).to_http_request();
            client_address(&request, &trusted).unwrap().to_string()
        };
        assert_eq!(from("1.1.1.1", &[]), "10.0.0.1");
        assert_eq!(from("9.9.9.9, 1.1.1.1", &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(from("9.9.9.9, 1.1.1.1, 10.0.0.2", &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(from("9.9.9.9:1, 1.1.1.1:2, 10.0.0.2", &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(from("[2001:db8::1]:2", &["10.0.0.0/8"]), "2001:db8::1");
        assert_eq!(from("9.9.9.9, nonsense", &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(from("", &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn the_addresses_of_an_ipv6_site_are_one_client() {
        let block = |text: &str| client_block(text.parse().unwrap());
        assert_eq!(block("2001:db8::1"), block("2001:db8::ffff:1"));
        assert_ne!(block("2001:db8::1"), block("2001:db8:0:1::1"));
        assert_ne!(block("1.2.3.4"), block("1.2.3.5"));
    }
}
