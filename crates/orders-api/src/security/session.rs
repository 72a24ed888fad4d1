//! Browser sessions. Signing in with a key sets a cookie that is valid for 12 hours. The cookie is
//! signed with the hash of the key's secret, so it needs no row, works on every process and expires
//! with the key. Only signing out stores a row, until the session would have expired.

use std::fmt::Write;

use actix_web::HttpRequest;
use actix_web::http::header;
use hmac::{Hmac, KeyInit, Mac};
use orders_core::key::{KeyId, Role, SecretHash};
use orders_core::{Actor, Timestamp};
use orders_db::{KeyTable, Session};
use sha2::Sha256;

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

/// Creates a session for a key with this secret: `<key>.<end>.<id>.<signature>`. The random bytes
/// make its id unique.
pub(super) fn create(
    key: Option<&KeyId>,
    secret: SecretHash,
    now: Timestamp,
    random: [u8; 8],
) -> Option<String> {
    let end = now.as_millis() + LENGTH_SECONDS * 1000;
    let claim = format!("{}.{end}.{}", key.map_or(ENVIRONMENT, KeyId::as_str), hex(&random));
    let signature = signer(secret, &claim)?.finalize().into_bytes();
    Some(format!("{claim}.{}", hex(&signature)))
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
    let (claim, signature) = session.rsplit_once('.')?;
    let (holder, rest) = claim.split_once('.')?;
    let (end, id) = rest.split_once('.')?;
    let end = Timestamp::from_millis(end.parse().ok()?)?;
    let session = Session { holder: holder.to_owned(), id: id.to_owned(), end };
    let now = table.now();
    if now >= end || table.is_ended(&session) {
        return None;
    }
    let signature = bytes(signature)?;
    let is_signed = |secret| {
        signer(secret, claim).is_some_and(|signer| signer.verify_slice(&signature).is_ok())
    };
    if holder == ENVIRONMENT {
        let signed = environment_key.is_some_and(is_signed);
        let credential = Credential::Session(session, Box::new(Credential::Environment));
        let actor = Actor::new(ENVIRONMENT);
        return signed.then_some(Caller { actor, role: Role::Admin, credential });
    }
    let id = KeyId::parse(holder).ok()?;
    let entry = table.find(&id)?;
    let secret = entry.secrets.iter().find(|secret| is_signed(secret.hash))?;
    if !credentials::is_valid(table, entry, secret.hash) {
        return None;
    }
    entry.record_use(now);
    let key = Box::new(Credential::Key(id.clone(), secret.hash));
    let credential = Credential::Session(session, key);
    Some(Caller { actor: Actor::new(id.as_str()), role: entry.key.role, credential })
}

fn signer(secret: SecretHash, claim: &str) -> Option<Hmac<Sha256>> {
    let mut signer = Hmac::<Sha256>::new_from_slice(&secret.0).ok()?;
    signer.update(b"orders session ");
    signer.update(claim.as_bytes());
    Some(signer)
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    (0..64).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
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
    fn a_session_is_signed_with_the_hash_of_the_secret() {
        let now = Timestamp::from_millis(1_000).unwrap();
        let id = KeyId::from_random([7; 8]);
        let by = |byte: u8, random: u8| create(Some(&id), SecretHash([byte; 32]), now, [random; 8]);
        let made = by(1, 9).unwrap();
        assert!(made.starts_with(&format!("{id}.43201000.0909090909090909.")));
        assert_eq!(by(1, 9).unwrap(), made);
        assert_ne!(by(2, 9).unwrap().rsplit_once('.'), made.rsplit_once('.'));
        assert_ne!(by(1, 8).unwrap().rsplit_once('.'), made.rsplit_once('.'));
        let (claim, signature) = made.rsplit_once('.').unwrap();
        let signer = signer(SecretHash([1; 32]), claim).unwrap();
        assert!(signer.verify_slice(&bytes(signature).unwrap()).is_ok());
        assert_eq!(bytes("zz"), None);
    }
}
