//! Signatures of deliveries. Source: the Standard Webhooks specification, symmetric signatures (`v1`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// A new secret: `whsec_` and 256 random bits in Base64.
pub(super) fn fresh() -> Result<SecretString, getrandom::Error> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut())?;
    let text = Zeroizing::new(STANDARD.encode(*bytes));
    Ok(format!("{PREFIX}{}", text.as_str()).into())
}

/// The value of `webhook-signature`; `None`: the secret is none.
pub(super) fn signature(
    secret: &SecretString,
    id: &str,
    timestamp: i64,
    body: &str,
) -> Option<String> {
    let key = secret.expose_secret().strip_prefix(PREFIX)?;
    let key = Zeroizing::new(STANDARD.decode(key).ok()?);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_specification_s_example_is_signed_as_it_says() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into();
        let signed = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed.as_deref(), Some(expected));
        assert_eq!(signature(&"hunter2".into(), "id", 1, "{}"), None);
        assert_ne!(
            fresh().unwrap().expose_secret(),
            fresh().unwrap().expose_secret()
        );
    }
}
