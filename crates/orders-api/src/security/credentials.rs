//! API keys as clients send them: `key_<16 hexadecimal digits>_<64 hexadecimal digits>`, the id of the
//! key and its secret. Only the hash of the whole is compared or stored.

use std::fmt::Write;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use orders_core::Actor;
use orders_core::key::{KeyId, SecretHash};
use orders_db::{KeyEntry, KeyTable};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::caller::{Caller, Credential};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The length of a key's id.
const ID_LENGTH: usize = 20;

/// A key that was just created or rotated. Its text is not stored, so it is known only now.
pub(crate) struct MadeKey {
    pub(crate) id: KeyId,
    pub(crate) hash: SecretHash,
    pub(crate) text: String,
}

/// Creates a secret for a key; without an id, for a new one.
pub(crate) fn make_key(id: Option<KeyId>) -> Result<MadeKey, getrandom::Error> {
    let (mut number, mut secret) = ([0; 8], [0; 32]);
    getrandom::fill(&mut number)?;
    getrandom::fill(&mut secret)?;
    let id = id.unwrap_or_else(|| KeyId::from_random(number));
    let mut text = format!("{id}_");
    for byte in secret {
        // Writing to a `String` does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    Ok(MadeKey { hash: hash_of(&text), id, text })
}

pub(crate) fn hash_of(text: &str) -> SecretHash {
    SecretHash(Sha256::digest(text.as_bytes()).into())
}

/// Compares two hashes in constant time.
pub(super) fn is_same(one: SecretHash, other: SecretHash) -> bool {
    one.0.ct_eq(&other.0).into()
}

/// Returns the key that a request presents. `Authorization` may be meant for a proxy, so it counts
/// only without `X-API-Key`.
pub(super) fn presented(request: &HttpRequest) -> Option<&str> {
    let headers = request.headers();
    let own = headers.get_all(X_API_KEY).map(|value| value.to_str().unwrap_or(NO_KEY));
    only_one(own).or_else(|| {
        only_one(headers.get_all(header::AUTHORIZATION).map(|value| {
            let parts = value.to_str().ok().and_then(|value| value.split_once([' ', '\t']));
            let bearer = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            bearer.map_or(NO_KEY, |(_, token)| token.trim())
        }))
    })
}

/// Represents a malformed key. It is treated as a wrong one.
const NO_KEY: &str = "";

/// Returns the one key of all header lines. Different keys are malformed.
fn only_one<'a>(mut keys: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = keys.next()?;
    Some(if keys.all(|key| key == first) { first } else { NO_KEY })
}

/// Returns the id that a key has, valid or not.
pub(crate) fn id_of(key: &str) -> Option<KeyId> {
    KeyId::parse(key.get(..ID_LENGTH)?).ok()
}

/// Finds the caller with a key, if the key is valid.
pub(super) fn find(table: &KeyTable, key: &str) -> Option<Caller> {
    let id = id_of(key)?;
    let entry = table.find(&id)?;
    let hash = hash_of(key);
    if !is_valid(table, entry, hash) {
        return None;
    }
    entry.record_use(table.now());
    Some(Caller {
        actor: Actor::new(id.as_str()),
        role: entry.key.role,
        credential: Credential::Key(id, hash),
    })
}

/// Whether a key is valid with this secret.
pub(super) fn is_valid(table: &KeyTable, entry: &KeyEntry, hash: SecretHash) -> bool {
    let now = table.now();
    let fits = |secret: &orders_core::key::Secret| {
        is_same(secret.hash, hash) && secret.until.is_none_or(|until| now < until)
    };
    entry.key.is_active(now) && entry.secrets.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn presented_in(headers: &[(&str, &str)]) -> Option<String> {
        let request = TestRequest::default();
        let request =
            headers.iter().fold(request, |request, header| request.append_header(*header));
        presented(&request.to_http_request()).map(str::to_owned)
    }

    #[test]
    fn a_key_is_its_id_and_256_random_bits() {
        let (one, other) = (make_key(None).unwrap(), make_key(None).unwrap());
        assert_ne!(one.text, other.text);
        assert_eq!(one.text.len(), ID_LENGTH + 1 + 64);
        assert_eq!(KeyId::parse(&one.text[..ID_LENGTH]), Ok(one.id.clone()));
        assert!(is_same(one.hash, hash_of(&one.text)) && !is_same(one.hash, other.hash));
        let again = make_key(Some(one.id.clone())).unwrap();
        assert!(again.id == one.id && again.text != one.text);
    }

    #[test]
    fn a_key_is_sent_in_either_header() {
        let key = Some("k".to_owned());
        assert_eq!(presented_in(&[]), None);
        assert_eq!(presented_in(&[("X-API-Key", "k")]), key);
        assert_eq!(presented_in(&[("Authorization", "Bearer k")]), key);
        assert_eq!(presented_in(&[("authorization", "bearer  k")]), key);
        assert_eq!(presented_in(&[("authorization", "BEARER\tk")]), key);
        assert_eq!(presented_in(&[("X-API-Key", "k"), ("X-API-Key", "k")]), key);
        assert_eq!(presented_in(&[("X-API-Key", "k"), ("Authorization", "Basic azpr")]), key);
        for odd in [
            &[("X-API-Key", "k"), ("X-API-Key", "l")][..],
            &[("Authorization", "Bearer k"), ("Authorization", "Bearer l")],
            &[("Authorization", "Basic azpr")],
            &[("Authorization", "k")],
            &[("Authorization", "Bearer")],
            &[("Authorization", "")],
            &[("X-API-Key", ""), ("Authorization", "Bearer k")],
            &[("X-API-Key", "\u{e4}")],
        ] {
            assert_eq!(presented_in(odd), Some(String::new()), "{odd:?}");
        }
    }
}
