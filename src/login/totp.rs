//! One-time codes from a shared secret (RFC 6238).

use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Builder, Secret, Totp};

use crate::failure::{Failure, FailureClass};

/// A code that ends in less than this many seconds is not used: it might be refused on arrival.
const MARGIN: u64 = 3;

/// When a code may be typed, and which.
#[derive(Debug)]
pub(super) struct Code {
    /// Seconds to wait before it is valid.
    pub(super) wait: u64,
    /// The digits.
    pub(super) digits: SecretString,
    /// Number of its time step; a site refuses the same one twice.
    pub(super) step: u64,
}

/// The code to type at `now` (Unix seconds): the present one, or the next where that is about to end or was used.
///
/// The secret is Base32, or an `otpauth://totp/…` URI with its algorithm, digits and period.
///
/// # Errors
/// [`FailureClass::RecipeWrong`] where the secret is neither.
pub(super) fn code(secret: &SecretString, now: u64, used: Option<u64>) -> Result<Code, Failure> {
    let totp = read(secret.expose_secret().trim())?;
    let period = period(&totp, now);
    let mut step = now / period;
    if (step + 1) * period - now < MARGIN {
        step += 1;
    }
    if let Some(used) = used {
        step = step.max(used + 1);
    }
    let at = step * period;
    let digits = totp.generate(at).to_string().into();
    Ok(Code {
        wait: at.saturating_sub(now),
        digits,
        step,
    })
}

fn period(totp: &Totp, now: u64) -> u64 {
    // The library does not give the period itself, but two ends of steps are one period apart.
    let end = totp.next_step(now);
    totp.next_step(end).saturating_sub(end).max(1)
}

fn read(secret: &str) -> Result<Totp, Failure> {
    let wrong = |why: &str| {
        let message = format!(
            "the totp secret cannot be used: {why}; it must be Base32 (as the site shows it) or an otpauth://totp URI"
        );
        Failure::new(FailureClass::RecipeWrong, message)
    };
    if secret.starts_with("otpauth://") {
        return Totp::from_url_unchecked(secret)
            .map_err(|_| wrong("the otpauth URI cannot be read"));
    }
    let bare: String = secret
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-' && *c != '=')
        .collect();
    let secret =
        Secret::try_from_base32(bare.to_uppercase()).map_err(|_| wrong("it is not Base32"))?;
    Ok(Builder::new().with_secret(secret).build_noncompliant())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 6238 appendix B: the secret is "12345678901234567890".
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_standard() {
        let code = code(&RFC.into(), 59 - 20, None).unwrap();
        assert_eq!(
            (code.digits.expose_secret(), code.wait, code.step),
            ("287082", 0, 1)
        );
        let uri = format!("otpauth://totp/x:y?secret={RFC}&digits=8&algorithm=SHA1&period=30");
        assert_eq!(
            super::code(&uri.into(), 1_111_111_080, None)
                .unwrap()
                .digits
                .expose_secret(),
            "07081804"
        );
    }

    #[test]
    fn a_used_or_ending_code_is_passed_over() {
        assert_eq!(code(&RFC.into(), 40, Some(1)).unwrap().wait, 20);
        assert_eq!(code(&RFC.into(), 58, None).unwrap().wait, 2);
    }

    #[test]
    fn a_secret_that_is_none_is_told_without_showing_it() {
        let failure = code(&"not/base32!".into(), 0, None).unwrap_err();
        assert!(!failure.to_string().contains("not/base32"), "{failure}");
    }
}
