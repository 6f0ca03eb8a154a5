//! One-time codes from a shared secret (RFC 6238).
//!
//! Door: [`Totp::read`] (is it a secret at all?) and [`Totp::code`] (which code may be typed, and when). Reads no clock.

use secrecy::SecretString;
use totp_rs::{Algorithm, Builder, Secret};
use url::Url;

/// A code that ends in less than this many seconds is not used: it might be refused on arrival.
const MARGIN: u64 = 3;
/// The period of nearly all sites, in seconds, and the one that is meant where none is given.
const PERIOD: u64 = 30;
/// The periods that are believed, in seconds. Others are typing errors.
const PERIODS: std::ops::RangeInclusive<u64> = 10..=300;
/// The fewest bytes of a secret that is believed: half a word of Base32 is one that was cut off.
const SHORTEST: usize = 5;

/// What makes an account's codes.
pub struct Totp {
    codes: totp_rs::Totp,
    period: u64,
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Totp(every {} s)", self.period)
    }
}

/// When a code may be typed, and which.
#[derive(Debug)]
pub struct Code {
    /// Seconds to wait before it is valid.
    pub wait: u64,
    /// The digits.
    pub digits: SecretString,
    /// Number of its time step; a site refuses the same one twice.
    pub step: u64,
}

impl Totp {
    /// Reads a secret: Base32 in any spelling, or an `otpauth://totp/…` URI with its algorithm, digits and period.
    ///
    /// # Errors
    /// Why it cannot be used and what it must be, in a sentence that does not hold the secret.
    pub fn read(secret: &str) -> Result<Self, String> {
        let secret = secret.trim();
        let parameters = match secret.split_once(':') {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("otpauth") => Parameters::of(secret)?,
            _ => Parameters::plain(secret),
        };
        let bare: String = parameters
            .secret
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '='))
            .collect();
        if bare.is_empty() {
            return Err(wrong("it is empty"));
        }
        let bytes = Secret::try_from_base32(bare.to_uppercase()).map_err(|_| {
            wrong(
                "the secret is not Base32, which has only the letters A to Z and the digits 2 to 7",
            )
        })?;
        if bytes.as_bytes().len() < SHORTEST {
            return Err(wrong("the secret is too short to be whole"));
        }
        let codes = Builder::new()
            .with_secret(bytes)
            .with_algorithm(parameters.algorithm)
            .with_digits(parameters.digits)
            .with_step_duration(parameters.period)
            .build_noncompliant();
        Ok(Self {
            codes,
            period: parameters.period,
        })
    }

    /// Seconds that a code is valid.
    pub fn period(&self) -> u64 {
        self.period
    }

    /// The code to type at `now` (Unix seconds, by the site's clock): the present one, or the next where that is about to
    /// end or was `spent`.
    pub fn code(&self, now: u64, spent: impl Fn(u64) -> bool) -> Code {
        let mut step = now / self.period;
        if (step + 1) * self.period - now < MARGIN {
            step += 1;
        }
        while spent(step) {
            step += 1;
        }
        let at = step * self.period;
        Code {
            wait: at.saturating_sub(now),
            digits: self.codes.generate(at).to_string().into(),
            step,
        }
    }
}

struct Parameters {
    secret: String,
    algorithm: Algorithm,
    digits: u8,
    period: u64,
}

impl Parameters {
    fn plain(secret: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            algorithm: Algorithm::SHA1,
            digits: 6,
            period: PERIOD,
        }
    }

    /// Source: the key URI format of Google Authenticator, which all issuers follow.
    fn of(uri: &str) -> Result<Self, String> {
        let uri = Url::parse(uri).map_err(|_| wrong("the otpauth URI cannot be read"))?;
        match uri.host_str() {
            Some(kind) if kind.eq_ignore_ascii_case("totp") => {}
            Some(kind) if kind.eq_ignore_ascii_case("hotp") => {
                return Err(wrong(
                    "it is an otpauth://hotp URI, whose codes are counted instead of timed",
                ));
            }
            _ => return Err(wrong("the otpauth URI does not begin with otpauth://totp/")),
        }
        let mut read = Self::plain("");
        for (name, value) in uri.query_pairs() {
            match &*name.to_ascii_lowercase() {
                "secret" => read.secret = value.into_owned(),
                "algorithm" => {
                    read.algorithm = match &*value.to_ascii_uppercase().replace(['-', '_'], "") {
                        "SHA1" | "HMACSHA1" => Algorithm::SHA1,
                        "SHA256" | "HMACSHA256" => Algorithm::SHA256,
                        "SHA512" | "HMACSHA512" => Algorithm::SHA512,
                        _ => {
                            let why = "its algorithm is none of SHA1, SHA256 and SHA512";
                            return Err(wrong(why));
                        }
                    }
                }
                "digits" => {
                    read.digits = match value.parse() {
                        Ok(digits @ 6..=8) => digits,
                        _ => return Err(wrong("its digits are none of 6, 7 and 8")),
                    }
                }
                "period" => {
                    read.period = match value.parse() {
                        Ok(period) if PERIODS.contains(&period) => period,
                        _ => return Err(wrong("its period is not 10 to 300 seconds")),
                    }
                }
                _ => {}
            }
        }
        match read.secret.is_empty() {
            true => Err(wrong("the otpauth URI has no secret=…")),
            false => Ok(read),
        }
    }
}

fn wrong(why: &str) -> String {
    format!(
        "the totp secret cannot be used: {why}; it must be Base32 (as the site shows it) or an otpauth://totp/ URI"
    )
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    // RFC 6238 appendix B: the secrets are "1234567890" again and again, as long as the hash.
    const SHA1: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const SHA256: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA";
    const SHA512: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA";

    fn digits(secret: &str, now: u64) -> String {
        let code = Totp::read(secret).unwrap().code(now, |_| false);
        code.digits.expose_secret().to_owned()
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        let uri = |secret: &str, algorithm: &str| {
            format!("otpauth://totp/x:y?secret={secret}&digits=8&algorithm={algorithm}&period=30")
        };
        for (secret, algorithm, codes) in [
            (SHA1, "SHA1", ["94287082", "07081804", "14050471"]),
            (SHA256, "sha256", ["46119246", "68084774", "67062674"]),
            (SHA512, "HmacSHA512", ["90693936", "25091201", "99943326"]),
        ] {
            for (at, code) in [30, 1_111_111_080, 1_111_111_110].into_iter().zip(codes) {
                assert_eq!(
                    digits(&uri(secret, algorithm), at),
                    code,
                    "{algorithm} at {at}"
                );
            }
        }
        assert_eq!(digits(SHA1, 30), "287082");
    }

    #[test]
    fn a_secret_may_be_spelled_as_sites_spell_it() {
        for spelling in [
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            " GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ\n",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ======",
            "OTPAUTH://TOTP/Site:me?SECRET=gezdgnbvgy3tqojqgezdgnbvgy3tqojq&issuer=Site",
            "otpauth://totp/?secret=GEZD%20GNBV%20GY3T%20QOJQ%20GEZD%20GNBV%20GY3T%20QOJQ%3D%3D",
        ] {
            assert_eq!(digits(spelling, 30), "287082", "{spelling}");
        }
        // 10 bytes are 80 bits, fewer than the standard asks for and what many sites give.
        assert!(Totp::read("JBSWY3DPEHPK3PXP").is_ok());
    }

    #[test]
    fn a_used_or_ending_code_is_passed_over() {
        let totp = Totp::read(SHA1).unwrap();
        let code = totp.code(40, |step| step == 1);
        assert_eq!((code.wait, code.step), (20, 2));
        let code = totp.code(58, |_| false);
        assert_eq!((code.wait, code.step), (2, 2));
        let slow = Totp::read(&format!("otpauth://totp/a?secret={SHA1}&period=60")).unwrap();
        assert_eq!(slow.code(100, |step| step == 1).wait, 20);
    }

    #[test]
    fn a_secret_that_is_none_is_told_without_showing_it() {
        let said: Vec<String> = [
            "not/base32!",
            "",
            "GEZD",
            "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=3",
            "otpauth://totp/x?issuer=y",
            "otpauth://totp/x?secret=Gez1Gez1",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=9",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&algorithm=MD5",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=0",
            "otpauth:",
        ]
        .into_iter()
        .map(|secret| Totp::read(secret).unwrap_err())
        .map(|said| {
            let why = said
                .strip_prefix("the totp secret cannot be used: ")
                .unwrap();
            why.split_once("; ").unwrap().0.to_owned()
        })
        .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        the secret is not Base32, which has only the letters A to Z and the digits 2 to 7
        it is empty
        the secret is too short to be whole
        it is an otpauth://hotp URI, whose codes are counted instead of timed
        the otpauth URI has no secret=…
        the secret is not Base32, which has only the letters A to Z and the digits 2 to 7
        its digits are none of 6, 7 and 8
        its algorithm is none of SHA1, SHA256 and SHA512
        its period is not 10 to 300 seconds
        the otpauth URI does not begin with otpauth://totp/
        "#);
    }
}
