//! Forms and queries, as OAuth reads them.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::super::Door;
use super::Answer;
use crate::identity::{Refusal, RefusalCode};

/// Names with their values. An empty value counts as none (RFC 6749 section 3.1).
pub(in crate::api) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    pub(super) fn parse(text: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(text);
        let full = pairs.filter(|(_, value)| !value.is_empty());
        Self(
            full.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())))
                .collect(),
        )
    }

    /// The only value of a name.
    ///
    /// # Errors
    /// `invalid_request` where it is there twice (RFC 6749 section 3.1).
    pub(super) fn one(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => {
                let why = format!("{name} is there more than once");
                Err(Refusal::of(RefusalCode::InvalidRequest, why))
            }
        }
    }

    /// The same; a name that is missing is an error too.
    pub(super) fn need(&self, name: &'static str) -> Result<&str, Refusal> {
        self.one(name)?
            .ok_or_else(|| Refusal::of(RefusalCode::InvalidRequest, format!("{name} is missing")))
    }

    /// The same, for what nobody may see.
    pub(super) fn secret(&self, name: &'static str) -> Result<SecretString, Refusal> {
        Ok(self.need(name)?.into())
    }

    /// Every value of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let own = self.0.iter().filter(move |(own, _)| own == name);
        own.map(|(_, value)| value.as_str())
    }
}

/// The body of a form.
impl FromRequest<Door> for Fields {
    type Rejection = Answer;

    async fn from_request(request: Request, door: &Door) -> Result<Self, Answer> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let why = "the body must be application/x-www-form-urlencoded";
            return Err(Refusal::of(RefusalCode::InvalidRequest, why).into());
        }
        match Bytes::from_request(request, door).await {
            Ok(body) => Ok(Self::parse(&body)),
            Err(_) => {
                let why = "the body is too long, or broke off";
                Err(Refusal::of(RefusalCode::InvalidRequest, why).into())
            }
        }
    }
}
