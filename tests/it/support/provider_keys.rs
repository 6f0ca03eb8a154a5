//! Keys of the scripted provider, and tokens made with them. RS256 is OpenSSL's, so that nothing of the code under test
//! signs what it checks.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::Sha256;

/// A key that signs, and its `kid`.
pub(crate) struct Key {
    pub(crate) kid: String,
    kind: Kind,
}

enum Kind {
    Rsa(tempfile::NamedTempFile),
    Es(SigningKey),
}

/// Base64 as JOSE has it.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Key {
    /// RSA of 2048 bits.
    pub(crate) fn rsa(kid: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let bits = "rsa_keygen_bits:2048";
        let make = [
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            bits,
            "-out",
            path,
        ];
        openssl(&make, b"");
        Self {
            kid: kid.to_owned(),
            kind: Kind::Rsa(file),
        }
    }

    /// P-256.
    pub(crate) fn es(kid: &str) -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).unwrap();
        Self {
            kid: kid.to_owned(),
            kind: Kind::Es(SigningKey::from_slice(&bytes).unwrap()),
        }
    }

    /// The name of its algorithm.
    pub(crate) fn alg(&self) -> &'static str {
        match self.kind {
            Kind::Rsa(_) => "RS256",
            Kind::Es(_) => "ES256",
        }
    }

    /// What the provider shows of it.
    pub(crate) fn jwk(&self) -> Value {
        match &self.kind {
            Kind::Rsa(file) => {
                let path = file.path().to_str().unwrap();
                let said = openssl(&["rsa", "-in", path, "-noout", "-modulus"], b"");
                let said = String::from_utf8(said).unwrap();
                let hex = said.trim().strip_prefix("Modulus=").unwrap();
                let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                let modulus: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": encode(modulus), "e": "AQAB" })
            }
            Kind::Es(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = (encode(point.x().unwrap()), encode(point.y().unwrap()));
                json!({ "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": self.kid, "x": x, "y": y })
            }
        }
    }

    /// The public key as PEM: what a confused verifier takes for a shared secret.
    pub(crate) fn public_pem(&self) -> Vec<u8> {
        match &self.kind {
            Kind::Rsa(file) => openssl(
                &["rsa", "-in", file.path().to_str().unwrap(), "-pubout"],
                b"",
            ),
            Kind::Es(_) => panic!("only of RSA"),
        }
    }

    /// The signature over these bytes.
    pub(crate) fn sign(&self, input: &[u8]) -> Vec<u8> {
        match &self.kind {
            Kind::Rsa(file) => {
                let sign = ["dgst", "-sha256", "-sign", file.path().to_str().unwrap()];
                openssl(&sign, input)
            }
            Kind::Es(key) => {
                let signature: Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
        }
    }

    /// A token with this key's header.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.alg(), "kid": self.kid, "typ": "JWT" });
        signed(&header, claims, |input| self.sign(input))
    }
}

/// A token with this header, and whatever signature.
pub(crate) fn signed(
    header: &Value,
    claims: &Value,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let input = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    );
    let signature = sign(input.as_bytes());
    format!("{input}.{}", encode(signature))
}

/// HMAC, as HS256 has it.
pub(crate) fn hs256(secret: &[u8], input: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(input);
    mac.finalize().into_bytes().to_vec()
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the tests need openssl");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}
