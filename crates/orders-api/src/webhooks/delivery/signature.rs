//! Messages and their signatures, by the Standard Webhooks specification.

use actix_web::web::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use orders_core::Timestamp;
use orders_core::webhook::{SigningSecret, WebhookId};
use sha2::Sha256;

/// The number of random bytes of a new secret.
const SECRET_BYTES: usize = 32;

/// Creates a random secret.
pub(crate) fn create_secret() -> Result<SigningSecret, getrandom::Error> {
    let mut bytes = vec![0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    // 32 bytes are a valid length.
    SigningSecret::new(bytes).ok_or(getrandom::Error::UNSUPPORTED)
}

/// The text of a secret, which is shown once.
pub(crate) fn secret_text(secret: &SigningSecret) -> String {
    format!("whsec_{}", STANDARD.encode(secret.expose()))
}

/// A message to an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Stays the same when the message is sent again.
    pub(crate) id: String,
    pub(crate) body: Bytes,
    /// The secrets that sign it.
    pub(crate) secrets: Vec<SigningSecret>,
}

impl Message {
    /// The id of the message that carries an event to a webhook, the same at each attempt.
    pub(crate) fn id(webhook: &WebhookId, sequence: u64) -> String {
        let digits = webhook.as_str().trim_start_matches("whk_");
        format!("msg_{digits}_{sequence}")
    }

    /// Returns the value of `webhook-signature`: a signature by each secret.
    pub(crate) fn signatures(&self, timestamp: i64) -> String {
        let by = |secret: &SigningSecret| {
            // HMAC accepts any key length.
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).ok()?;
            mac.update(format!("{}.{timestamp}.", self.id).as_bytes());
            mac.update(&self.body);
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        };
        self.secrets.iter().filter_map(by).collect::<Vec<_>>().join(" ")
    }
}

/// Returns the value of `webhook-timestamp`, in seconds.
pub(crate) fn timestamp(now: Timestamp) -> i64 {
    now.as_millis().div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_identified_by_its_webhook_and_its_event() {
        let webhook = WebhookId::from_random([0, 1, 2, 3, 4, 5, 6, 255]);
        assert_eq!(Message::id(&webhook, 7), "msg_00010203040506ff_7");
    }

    #[test]
    fn the_example_of_the_specification_is_signed_as_there() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let message = Message {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(),
            body: Bytes::from_static(b"{\"test\": 2432232314}"),
            secrets: vec![SigningSecret::new(secret).unwrap()],
        };
        let signed = message.signatures(1_614_265_330);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two = Message {
            secrets: [message.secrets.clone(), vec![create_secret().unwrap()]].concat(),
            ..message
        };
        assert!(two.signatures(1_614_265_330).starts_with(&format!("{signed} v1,")));
    }

    #[test]
    fn secrets_are_random_and_shown_in_base64() {
        let (one, other) = (create_secret().unwrap(), create_secret().unwrap());
        assert_ne!(one, other);
        let text = secret_text(&one);
        assert_eq!(STANDARD.decode(text.strip_prefix("whsec_").unwrap()).unwrap(), one.expose());
    }
}
