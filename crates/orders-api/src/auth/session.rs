//! Sessions of browsers: whoever signed in with a key carries a cookie that says so. The cookie is
//! neither the key nor of use for longer than a working day; what stands for the key's secret signs
//! it, so that it needs no row of its own, holds on every process, and ends with the key. Only one
//! that is ended by signing out is noted, until it would have ended by itself.

use std::fmt::Write;

use actix_web::HttpRequest;
use actix_web::http::header;
use hmac::{Hmac, KeyInit, Mac};
use orders_core::{Actor, Instant, KeyId, Role, SecretHash};
use orders_db::{KeyTable, Session};
use sha2::Sha256;

use super::{Caller, Gate, Pass, credentials};

/// The cookie.
const NAME: &str = "orders_session";
/// How long a session lasts, in seconds.
const LENGTH_SECONDS: i64 = 12 * 60 * 60;
/// Whose session it is with the key from the environment.
const OWN: &str = "environment";

/// The session that a request carries, if it carries one.
pub(super) fn given(request: &HttpRequest) -> Option<&str> {
    cookie(request, NAME)
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let values = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    })
}

/// A session for whoever has a key with this secret: `<key>.<end>.<id>.<signature>`. The id, made of
/// these random bytes, tells it from all others.
pub(super) fn make(
    of: Option<&KeyId>,
    secret: SecretHash,
    now: Instant,
    random: [u8; 8],
) -> Option<String> {
    let end = now.as_millis() + LENGTH_SECONDS * 1000;
    let claim = format!("{}.{end}.{}", of.map_or(OWN, KeyId::as_str), hex(&random));
    let signature = signer(secret, &claim)?.finalize().into_bytes();
    Some(format!("{claim}.{}", hex(&signature)))
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        // Writing to a text does not fail.
        write!(digits, "{byte:02x}").unwrap_or_default();
    }
    digits
}

/// Whose session it is, if it is of use now.
pub(super) fn find(table: &KeyTable, gate: &Gate, given: &str) -> Option<Caller> {
    let (claim, signature) = given.rsplit_once('.')?;
    let (who, rest) = claim.split_once('.')?;
    let (end, id) = rest.split_once('.')?;
    let end = Instant::from_millis(end.parse().ok()?)?;
    let session = Session { holder: who.to_owned(), id: id.to_owned(), end };
    let now = table.now();
    if now >= end || table.is_ended(&session) {
        return None;
    }
    let signature = bytes(signature)?;
    let is_signed = |secret| {
        signer(secret, claim).is_some_and(|signer| signer.verify_slice(&signature).is_ok())
    };
    if who == OWN {
        let signed = gate.own_key.is_some_and(is_signed);
        let pass = Pass::Session(session, Box::new(Pass::Own));
        return signed.then(|| Caller { actor: Actor::new(OWN), role: Role::Admin, pass });
    }
    let id = KeyId::parse(who).ok()?;
    let entry = table.find(&id)?;
    let secret = entry.secrets.iter().find(|secret| is_signed(secret.hash))?;
    if !credentials::is_of_use(table, entry, secret.hash) {
        return None;
    }
    entry.record_use(now);
    let pass = Pass::Session(session, Box::new(Pass::Key(id.clone(), secret.hash)));
    Some(Caller { actor: id.actor(), role: entry.key.role, pass })
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

/// What sets the cookie; without a session, what takes it away. No script sees it, no other site's
/// page has it sent, and where there is TLS it is never sent without.
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
            given(&request.to_http_request()).map(str::to_owned)
        };
        assert_eq!(with("a=b; orders_session=x.y.z; c=d"), Some("x.y.z".to_owned()));
        assert_eq!(with("xorders_session=1; orders_sessio=2"), None);
        assert_eq!(given(&TestRequest::default().to_http_request()), None);
    }

    #[test]
    fn a_session_is_signed_by_what_stands_for_the_secret() {
        let now = Instant::from_millis(1_000).unwrap();
        let id = KeyId::from_random([7; 8]);
        let by = |byte: u8, random: u8| make(Some(&id), SecretHash([byte; 32]), now, [random; 8]);
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
