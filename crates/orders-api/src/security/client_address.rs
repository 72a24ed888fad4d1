//! Where a request comes from: the address of the connection, or, behind proxies that are trusted,
//! the one that they tell.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use actix_web::HttpRequest;

/// The addresses that begin with the same bits, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads an address, alone or with the number of bits that count.
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
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Whose request it is. What `X-Forwarded-For` says is believed as far as trusted proxies have
/// written it: from its end on, up to the first address that is none of theirs.
pub(super) fn of(request: &HttpRequest, trusted: &[Network]) -> Option<IpAddr> {
    let mut address = request.peer_addr()?.ip().to_canonical();
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let told = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let told: Vec<&str> = told.flat_map(|value| value.split(',')).map(str::trim).collect();
    for before in told.into_iter().rev() {
        if !is_trusted(address) {
            break;
        }
        let Some(before) = read(before) else { break };
        address = before.to_canonical();
    }
    Some(address)
}

/// An address; some proxies tell the port with it.
fn read(told: &str) -> Option<IpAddr> {
    let with_port = || told.parse().ok().map(|address: SocketAddr| address.ip());
    told.parse().ok().or_else(with_port)
}

/// What counts as one address: of IPv6, the network of a single site.
pub(super) fn block_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

/// A number that nobody outside can choose.
pub(super) fn number_of(address: IpAddr) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    STATE.hash_one(address)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_alike() {
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
    fn only_trusted_proxies_are_believed() {
        let from = |told: &str, trusted: &[&str]| {
            let trusted: Vec<_> = trusted.iter().map(|one| Network::parse(one).unwrap()).collect();
            let request = TestRequest::default().peer_addr("10.0.0.1:1".parse().unwrap());
            let request = request.insert_header(("x-forwarded-for", told)).to_http_request();
            of(&request, &trusted).unwrap().to_string()
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
    fn neighbours_in_ipv6_are_one_address() {
        let block = |text: &str| block_of(text.parse().unwrap());
        assert_eq!(block("2001:db8::1"), block("2001:db8::ffff:1"));
        assert_ne!(block("2001:db8::1"), block("2001:db8:0:1::1"));
        assert_ne!(block("1.2.3.4"), block("1.2.3.5"));
    }
}
