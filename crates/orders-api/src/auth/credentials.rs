//! Keys as callers send them: `key_<16 hexadecimal digits>_<64 hexadecimal digits>`, the id of the
//! key and its secret. Only what stands for the whole is ever compared or kept.

use std::fmt::Write;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use orders_core::{KeyId, SecretHash};
use orders_db::{KeyEntry, KeyTable};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Caller, Pass};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// How long the text of a key's id is.
const ID_LENGTH: usize = 20;

/// A key that was just made, or given another secret: the only moment at which its text is known.
pub(crate) struct MadeKey {
    pub(crate) id: KeyId,
    pub(crate) hash: SecretHash,
    pub(crate) text: String,
}

/// Makes a secret for a key; without an id, for a new one.
pub(crate) fn make_key(id: Option<KeyId>) -> Result<MadeKey, getrandom::Error> {
    let (mut number, mut secret) = ([0; 8], [0; 32]);
    getrandom::fill(&mut number)?;
    getrandom::fill(&mut secret)?;
    let id = id.unwrap_or_else(|| KeyId::from_random(number));
    let mut text = format!("{id}_");
    for byte in secret {
        // Writing to a text does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    Ok(MadeKey { hash: hash_of(&text), id, text })
}

pub(crate) fn hash_of(text: &str) -> SecretHash {
    SecretHash(Sha256::digest(text.as_bytes()).into())
}

/// Whether two are the same, in a time that does not tell where they differ.
pub(super) fn is_same(one: SecretHash, other: SecretHash) -> bool {
    one.0.ct_eq(&other.0).into()
}

/// The key that a request carries, if it carries one. `Authorization` may be meant for a proxy on the
/// way, so it counts only where there is no `X-API-Key`.
pub(super) fn given(request: &HttpRequest) -> Option<&str> {
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

/// What stands for whatever is no key at all: as good as a wrong one, and treated as one.
const NO_KEY: &str = "";

/// The one key among what was sent; different ones are none.
fn only_one<'a>(mut keys: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = keys.next()?;
    Some(if keys.all(|key| key == first) { first } else { NO_KEY })
}

/// Whose key this is, if it is of use now.
pub(super) fn find(table: &KeyTable, given: &str) -> Option<Caller> {
    let id = KeyId::parse(given.get(..ID_LENGTH)?).ok()?;
    let entry = table.find(&id)?;
    let hash = hash_of(given);
    if !is_of_use(table, entry, hash) {
        return None;
    }
    entry.record_use(table.now());
    Some(Caller { actor: id.actor(), role: entry.key.role, pass: Pass::Key(id, hash) })
}

/// Whether a key, by this secret, is of use now.
pub(super) fn is_of_use(table: &KeyTable, entry: &KeyEntry, hash: SecretHash) -> bool {
    let now = table.now();
    let fits = |secret: &orders_core::Secret| {
        is_same(secret.hash, hash) && secret.until.is_none_or(|until| now < until)
    };
    entry.key.is_active(now) && entry.secrets.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn given_in(headers: &[(&str, &str)]) -> Option<String> {
        let request = TestRequest::default();
        let request =
            headers.iter().fold(request, |request, header| request.append_header(*header));
        given(&request.to_http_request()).map(str::to_owned)
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
        assert_eq!(given_in(&[]), None);
        assert_eq!(given_in(&[("X-API-Key", "k")]), key);
        assert_eq!(given_in(&[("Authorization", "Bearer k")]), key);
        assert_eq!(given_in(&[("authorization", "bearer  k")]), key);
        assert_eq!(given_in(&[("authorization", "BEARER\tk")]), key);
        assert_eq!(given_in(&[("X-API-Key", "k"), ("X-API-Key", "k")]), key);
        assert_eq!(given_in(&[("X-API-Key", "k"), ("Authorization", "Basic azpr")]), key);
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
            assert_eq!(given_in(odd), Some(String::new()), "{odd:?}");
        }
    }
}
