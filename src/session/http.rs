//! HTTP authentication: the credentials that a client sends with every request, and how it signs them.
//!
//! Sources: RFC 7617 (Basic), RFC 7616 (Digest), RFC 9110 section 11 (challenges).

use std::fmt;

use base64::Engine;
use md5::Md5;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;

/// What a client sends to one origin instead of a cookie.
#[derive(Clone, Serialize, Deserialize)]
pub struct HttpCredentials {
    /// Scheme, host and port, as `location.origin` gives it. They go nowhere else.
    pub origin: String,
    /// How they are sent.
    pub scheme: Scheme,
    /// The username.
    pub username: String,
    /// The password: a secret, never shown by `Debug`.
    #[serde(serialize_with = "exposed", deserialize_with = "hidden")]
    pub password: SecretString,
}

/// A scheme of HTTP authentication that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Name and password with every request.
    Basic,
    /// A hash of both, and of what the server has said before.
    Digest,
}

/// What a server asks for: one challenge of a `WWW-Authenticate` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// How it wants the credentials.
    pub scheme: Scheme,
    /// Whether the credentials were right and only the nonce was too old.
    pub stale: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Option<String>,
    sha256: bool,
    session: bool,
    qop: bool,
}

// The file is as secret as the password: it holds what logs in.
fn exposed<S: serde::Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

fn hidden<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    Ok(String::deserialize(from)?.into())
}

impl PartialEq for HttpCredentials {
    fn eq(&self, other: &Self) -> bool {
        (&self.origin, self.scheme, &self.username)
            == (&other.origin, other.scheme, &other.username)
            && self.password.expose_secret() == other.password.expose_secret()
    }
}

impl fmt::Debug for HttpCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} credentials for {:?}", self.scheme, self.origin)
    }
}

impl HttpCredentials {
    /// Whether a request for this URL carries them.
    pub fn are_for(&self, url: &Url) -> bool {
        url.origin().ascii_serialization() == self.origin
    }

    /// The value of the `Authorization` header for one request; `None` where Digest waits for the server's challenge.
    ///
    /// `count` numbers the requests with this challenge, from 1; `random` is the client's own nonce.
    pub fn authorization(
        &self,
        challenge: Option<&Challenge>,
        method: &str,
        url: &Url,
        count: u32,
        random: u64,
    ) -> Option<SecretString> {
        let (name, password) = (&self.username, self.password.expose_secret());
        if self.scheme == Scheme::Basic {
            let pair =
                base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
            return Some(format!("Basic {pair}").into());
        }
        let challenge = challenge.filter(|c| c.scheme == Scheme::Digest)?;
        let hash = |text: String| match challenge.sha256 {
            true => hex(&Sha256::digest(text.as_bytes())),
            false => hex(&Md5::digest(text.as_bytes())),
        };
        let Challenge { realm, nonce, .. } = challenge;
        let uri = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let (own, count) = (format!("{random:016x}"), format!("{count:08x}"));
        let mut first = hash(format!("{name}:{realm}:{password}"));
        if challenge.session {
            first = hash(format!("{first}:{nonce}:{own}"));
        }
        let second = hash(format!("{method}:{uri}"));
        let response = match challenge.qop {
            true => hash(format!("{first}:{nonce}:{count}:{own}:auth:{second}")),
            false => hash(format!("{first}:{nonce}:{second}")),
        };
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut header = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\"",
            quoted(name),
            quoted(realm),
            quoted(nonce),
        );
        if let Some(algorithm) = &challenge.algorithm {
            header += &format!(", algorithm={algorithm}");
        }
        if let Some(opaque) = &challenge.opaque {
            header += &format!(", opaque=\"{}\"", quoted(opaque));
        }
        if challenge.qop {
            header += &format!(", qop=auth, nc={count}, cnonce=\"{own}\"");
        } else if challenge.session {
            header += &format!(", cnonce=\"{own}\"");
        }
        Some(header.into())
    }
}

impl Challenge {
    /// The strongest challenge of a `WWW-Authenticate` header that we can answer; several headers are joined by commas
    /// or line ends.
    ///
    /// # Errors
    /// The names of the schemes that are asked for, where none of them is one of ours.
    pub fn parse(header: &str) -> Result<Self, Vec<String>> {
        let mut others = Vec::new();
        let mut best: Option<Self> = None;
        for (scheme, parameters) in challenges(header) {
            let get = |name: &str| {
                let found = parameters
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.clone())
            };
            let algorithm = get("algorithm");
            let written = algorithm.clone().unwrap_or_default().to_ascii_uppercase();
            let (plain, session) = match written.strip_suffix("-SESS") {
                Some(plain) => (plain, true),
                None => (written.as_str(), false),
            };
            let qop = get("qop");
            let digest = scheme.eq_ignore_ascii_case("digest")
                && matches!(plain, "" | "MD5" | "SHA-256")
                && get("nonce").is_some()
                && qop
                    .as_ref()
                    .is_none_or(|q| q.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")));
            if !digest && !scheme.eq_ignore_ascii_case("basic") {
                others.push(scheme);
                continue;
            }
            let found = Self {
                scheme: if digest {
                    Scheme::Digest
                } else {
                    Scheme::Basic
                },
                stale: get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
                realm: get("realm").unwrap_or_default(),
                nonce: get("nonce").unwrap_or_default(),
                opaque: get("opaque"),
                sha256: plain == "SHA-256",
                algorithm,
                session,
                qop: qop.is_some(),
            };
            let strength = |c: &Self| (c.scheme == Scheme::Digest, c.sha256);
            if best
                .as_ref()
                .is_none_or(|known| strength(&found) > strength(known))
            {
                best = Some(found);
            }
        }
        best.ok_or(others)
    }
}

/// Every challenge of a header: its scheme and its parameters.
fn challenges(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for part in parts(header) {
        let (before, value) = match part.split_once('=') {
            Some((before, value)) => (before.trim(), Some(value.trim())),
            None => (part.as_str(), None),
        };
        // `Digest realm="x"` begins a challenge; `nonce="y"` goes on with it.
        let mut words = before.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        let parameter = match (second, value) {
            (Some(name), Some(value)) => {
                found.push((first.to_owned(), Vec::new()));
                Some((name, value))
            }
            (None, Some(value)) => Some((first, value)),
            (_, None) => {
                found.push((first.to_owned(), Vec::new()));
                None
            }
        };
        if let (Some((name, value)), Some((_, parameters))) = (parameter, found.last_mut()) {
            let value = match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
                Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
                None => value.to_owned(),
            };
            parameters.push((name.to_owned(), value));
        }
    }
    found
}

/// What stands between commas and line ends, outside quotation marks.
fn parts(header: &str) -> Vec<String> {
    let (mut all, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in header.chars() {
        match c {
            ',' | '\n' if !quoted => {
                all.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = all.last_mut() {
            last.push(c);
        }
    }
    all.into_iter()
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(scheme: Scheme, username: &str, password: &str) -> HttpCredentials {
        HttpCredentials {
            origin: "http://www.example.org".into(),
            scheme,
            username: username.into(),
            password: password.into(),
        }
    }

    fn sign(credentials: &HttpCredentials, header: &str, random: u64) -> String {
        let challenge = Challenge::parse(header).unwrap();
        let url = "http://www.example.org/dir/index.html".parse().unwrap();
        let signed = credentials.authorization(Some(&challenge), "GET", &url, 1, random);
        signed.unwrap().expose_secret().to_owned()
    }

    #[test]
    fn basic_is_what_the_standard_says() {
        let header = sign(
            &credentials(Scheme::Basic, "Aladdin", "open sesame"),
            "Basic realm=x",
            0,
        );
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn digest_is_what_another_program_computes() {
        // Reckoned with the md5sum and sha256sum programs from the formula of RFC 7616 section 3.4.
        let who = credentials(Scheme::Digest, "Mufasa", "Circle of Life");
        let asked = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", nonce=\"7ypf/xlj9XXwfDPE\", opaque=\"FQhe\"";
        for (algorithm, response) in [("MD5", MD5_RESPONSE), ("SHA-256", SHA_RESPONSE)] {
            let header = sign(&who, &format!("{asked}, algorithm={algorithm}"), 0xabc);
            assert!(
                header.contains(&format!("response=\"{response}\"")),
                "{header}"
            );
            assert!(header.contains("nc=00000001") && header.contains("uri=\"/dir/index.html\""));
            assert!(
                header.contains("opaque=\"FQhe\"")
                    && header.contains("cnonce=\"0000000000000abc\"")
            );
        }
    }
    const MD5_RESPONSE: &str = "0e2fe54f95eb2e65494c98bf5a991b11";
    const SHA_RESPONSE: &str = "26c68050b9b0bbd62eb3d32bb0ba7fedbbb949f38265b8e74b4b079339b5e2e3";

    #[test]
    fn the_strongest_challenge_is_answered_and_foreign_ones_are_named() {
        let several = "Negotiate, Basic realm=\"a, \\\"b\\\"\", Digest realm=r, nonce=\"n=,\", stale=TRUE\nDigest realm=r, nonce=m, algorithm=SHA-256, qop=\"auth\"";
        let best = Challenge::parse(several).unwrap();
        assert_eq!(
            (best.scheme, best.sha256, best.nonce.as_str()),
            (Scheme::Digest, true, "m")
        );
        let basic = Challenge::parse("Basic realm=\"a, \\\"b\\\"\", charset=\"UTF-8\"").unwrap();
        assert_eq!(
            (basic.scheme, basic.realm.as_str()),
            (Scheme::Basic, "a, \"b\"")
        );
        assert!(
            Challenge::parse("Digest realm=r, nonce=\"n=,\", stale=TRUE")
                .unwrap()
                .stale
        );
        assert_eq!(
            Challenge::parse("Negotiate, NTLM").unwrap_err(),
            ["Negotiate", "NTLM"]
        );
        assert_eq!(
            Challenge::parse("Digest realm=r, nonce=n, algorithm=SHA-512-256").unwrap_err(),
            ["Digest"]
        );
        assert!(Challenge::parse("").unwrap_err().is_empty());
    }

    #[test]
    fn they_go_to_their_own_origin_and_print_nothing() {
        let one = credentials(Scheme::Basic, "u", "canary");
        assert!(one.are_for(&"http://www.example.org/x?y".parse().unwrap()));
        for other in [
            "https://www.example.org/",
            "http://www.example.org:81/",
            "http://example.org/",
        ] {
            assert!(!one.are_for(&other.parse().unwrap()), "{other}");
        }
        assert!(!format!("{one:?}").contains("canary"));
        let kept: HttpCredentials =
            serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(kept, one);
    }
}
