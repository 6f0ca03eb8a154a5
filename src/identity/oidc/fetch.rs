//! Asking the provider: no redirects, little patience, and no more than fits.

use std::time::Duration;

use openidconnect::http::header::{ACCEPT, CACHE_CONTROL};
use openidconnect::{HttpRequest, HttpResponse, http};
use url::{Host, Url};

/// Longest time for one answer, from the first byte that is sent to the last that comes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer, in bytes: key sets of large providers have some tens of thousands.
const LARGEST: usize = 256 * 1024;

/// Why there is no answer. Names no value that was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unanswered(String);

/// Clones share connections.
#[derive(Clone)]
pub(super) struct Wire(reqwest::Client);

impl Wire {
    /// # Errors
    /// The system's certificates cannot be read.
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // No proxy of the environment: what goes over this wire is as good as a password.
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(PATIENCE / 2)
            .timeout(PATIENCE);
        client.build().map(Self)
    }

    /// Reads a document.
    pub(super) async fn get(&self, url: &Url) -> Result<HttpResponse, Unanswered> {
        let request = http::Request::get(url.as_str())
            .header(ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|_| Unanswered(format!("{url} cannot be asked")))?;
        let answer = self.send(request).await?;
        match answer.status().as_u16() {
            200 => Ok(answer),
            status => Err(Unanswered(format!("{url} answers with status {status}"))),
        }
    }

    /// Sends a request. An answer that leads elsewhere is none.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
        let place = request.uri().to_string();
        let failed = |error: reqwest::Error| {
            let why = match (error.is_timeout(), error.is_connect()) {
                (true, _) => format!("did not answer within {} s", PATIENCE.as_secs()),
                (_, true) => "cannot be reached".to_owned(),
                _ => "broke off".to_owned(),
            };
            tracing::debug!(
                "the provider: {:#}",
                anyhow::Error::from(error.without_url())
            );
            Unanswered(format!("{place} {why}"))
        };
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let mut answer = self.0.execute(request).await.map_err(failed)?;
        if answer.status().is_redirection() {
            let status = answer.status().as_u16();
            return Err(Unanswered(format!(
                "{place} leads elsewhere (status {status}), where nobody follows"
            )));
        }
        let mut built = http::Response::builder().status(answer.status());
        for name in [CACHE_CONTROL, http::header::CONTENT_TYPE] {
            for value in answer.headers().get_all(&name) {
                built = built.header(&name, value);
            }
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len() + part.len() > LARGEST {
                return Err(Unanswered(format!(
                    "{place} answers with more than {LARGEST} bytes"
                )));
            }
            body.extend_from_slice(&part);
        }
        built
            .body(body)
            .map_err(|_| Unanswered(format!("{place} answers with what is no HTTP")))
    }
}

/// Whether this is on this machine.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether an issuer may have us ask there: over TLS, and on this machine only where it is itself.
pub(super) fn may_be_asked(url: &Url, issuer: &Url) -> bool {
    match (is_here(issuer), is_here(url)) {
        (true, true) => matches!(url.scheme(), "http" | "https"),
        (_, false) => url.scheme() == "https",
        (false, true) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_elsewhere_names_no_place_on_this_machine_and_none_without_tls() {
        let may = |url: &str, issuer: &str| {
            may_be_asked(&Url::parse(url).unwrap(), &Url::parse(issuer).unwrap())
        };
        let (far, near) = ("https://login.example", "http://127.0.0.1:9000");
        assert!(may("https://login.example/token", far) && may("https://other.example/", far));
        assert!(may("http://localhost:9000/jwks", near) && may("https://login.example", near));
        for bad in [
            "http://login.example/token",
            "https://127.0.0.1/",
            "http://127.0.0.1/",
            "https://localhost/",
            "https://[::1]/",
            "https://2130706433/",
            "https://127.1/",
            "file:///etc/passwd",
        ] {
            assert!(!may(bad, far), "{bad}");
        }
        assert!(!may("http://login.example/", near));
    }
}
