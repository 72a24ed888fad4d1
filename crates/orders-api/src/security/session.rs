//! Browser sessions. Signing in with a key sets a cookie that is valid for 12 hours. It holds the key
//! itself, sealed with a secret of the database, so it needs no row, works on every process and expires
//! with the key. What is stored opens nothing: who can read the database has the secret, but no key to
//! seal. Only signing out stores a row, until the session would have expired.

use std::fmt::Write;

use actix_web::HttpRequest;
use actix_web::http::header;
use orders_core::key::{KeyId, Role, SecretHash};
use orders_core::{Actor, Timestamp};
use orders_db::{KeyTable, Session};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::caller::{Caller, Credential};
use super::credentials;

/// The name of the cookie.
const NAME: &str = "orders_session";
/// The lifetime of a session, in seconds.
const LENGTH_SECONDS: i64 = 12 * 60 * 60;
/// The holder of a session that was started with the key from the environment.
const ENVIRONMENT: &str = "environment";

/// Returns the session that a request presents.
pub(super) fn presented(request: &HttpRequest) -> Option<&str> {
    cookie(request, NAME)
}

/// Returns the value of a cookie.
pub(crate) fn cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let values = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    })
}

/// Creates a session: `<id of the key>.<end>.<id>.<sealed key>`. The random bytes, which must never
/// repeat, are its id.
pub(super) fn create(
    id: Option<&KeyId>,
    key: &str,
    secret: &[u8; 32],
    now: Timestamp,
    random: [u8; NONCE_LEN],
) -> Option<String> {
    let end = now.as_millis() + LENGTH_SECONDS * 1000;
    let claim = format!("{}.{end}.{}", id.map_or(ENVIRONMENT, KeyId::as_str), hex(&random));
    let mut sealed = key.as_bytes().to_vec();
    let nonce = Nonce::assume_unique_for_key(random);
    seal(secret)?.seal_in_place_append_tag(nonce, Aad::from(&claim), &mut sealed).ok()?;
    Some(format!("{claim}.{}", hex(&sealed)))
}

fn seal(secret: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, secret).ok().map(LessSafeKey::new)
}

/// Returns the key in a session.
fn open(secret: &[u8; 32], claim: &str, id: &str, sealed: &str) -> Option<String> {
    let nonce = Nonce::try_assume_unique_for_key(&bytes(id)?).ok()?;
    let mut sealed = bytes(sealed)?;
    let key = seal(secret)?.open_in_place(nonce, Aad::from(claim), &mut sealed).ok()?;
    String::from_utf8(key.to_vec()).ok()
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        // Writing to a `String` does not fail.
        write!(digits, "{byte:02x}").unwrap_or_default();
    }
    digits
}

/// Finds the caller with a session, if the session is valid.
pub(super) fn find(
    table: &KeyTable,
    environment_key: Option<SecretHash>,
    session: &str,
) -> Option<Caller> {
    let (claim, sealed) = session.rsplit_once('.')?;
    let (holder, rest) = claim.split_once('.')?;
    let (end, id) = rest.split_once('.')?;
    let key = open(table.session_secret(), claim, id, sealed)?;
    let end = Timestamp::from_millis(end.parse().ok()?)?;
    let session = Session { holder: holder.to_owned(), id: id.to_owned(), end };
    if table.now() >= end || table.is_ended(&session) {
        return None;
    }
    if holder == ENVIRONMENT {
        let is_same = |own| credentials::is_same(own, credentials::hash_of(&key));
        let credential = Credential::Session(session, Box::new(Credential::Environment));
        let actor = Actor::new(ENVIRONMENT);
        let caller = Caller { actor, role: Role::Admin, credential };
        return environment_key.is_some_and(is_same).then_some(caller);
    }
    let Caller { actor, role, credential } = credentials::find(table, &key)?;
    Some(Caller { actor, role, credential: Credential::Session(session, Box::new(credential)) })
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Returns the `Set-Cookie` header of a session; without one, the header that deletes the cookie. No
/// script can read it, browsers send it with requests of the service's own pages only, and with TLS
/// they never send it unencrypted.
pub(crate) fn set_cookie(session: Option<&str>, is_secure: bool) -> String {
    let (value, seconds) = session.map_or(("", 0), |session| (session, LENGTH_SECONDS));
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let with = |value: &str| {
            let request = TestRequest::default().insert_header(("cookie", value));
            presented(&request.to_http_request()).map(str::to_owned)
        };
        assert_eq!(with("a=b; orders_session=x.y.z; c=d"), Some("x.y.z".to_owned()));
        assert_eq!(with("xorders_session=1; orders_sessio=2"), None);
        assert_eq!(presented(&TestRequest::default().to_http_request()), None);
    }

    #[test]
    fn a_session_is_sealed_with_the_secret() {
        let now = Timestamp::from_millis(1_000).unwrap();
        let id = KeyId::from_random([7; 8]);
        let by = |secret: u8, random: u8| {
            create(Some(&id), "the key", &[secret; 32], now, [random; 12]).unwrap()
        };
        let made = by(1, 9);
        let random = "09".repeat(12);
        let (claim, sealed) = made.rsplit_once('.').unwrap();
        assert_eq!(claim, format!("{id}.43201000.{random}"));
        let opened =
            |secret: u8, claim: &str, sealed: &str| open(&[secret; 32], claim, &random, sealed);
        assert_eq!(opened(1, claim, sealed).as_deref(), Some("the key"));
        assert_eq!(opened(2, claim, sealed), None);
        assert_eq!(opened(1, &claim.replace("432", "532"), sealed), None);
        assert_eq!(opened(1, claim, &sealed.replace('0', "1")), None);
        for broken in ["", "z", "zz", "é", "00"] {
            assert_eq!(opened(1, claim, broken), None, "{broken}");
        }
        assert!(!made.contains("key.") && by(1, 8) != made && by(2, 9) != made);
    }
}
