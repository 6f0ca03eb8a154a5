//! A registry over HTTP: what is sent to it, and when it is sent again.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, Method, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use url::Url;
use zeroize::Zeroizing;

use super::answer::{self, Given, Odd};
use super::client::{Broken, Landed};
use super::{NotRegistered, Reason};
use crate::registry::Upload;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest time for one try, the whole answer included; no try begins later.
const WHOLE: Duration = Duration::from_secs(10);
/// Largest answer, bytes.
const LARGEST: usize = 1 << 20;
/// Most tries.
const TRIES: u32 = 3;
/// The pause before the second try.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest pause that a registry may ask for; where it asks for more, whoever waits decides.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// An id with its password.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credentials<'a> {
    pub(super) instance: &'a str,
    pub(super) password: &'a SecretString,
}

/// A registry at an address.
#[derive(Debug)]
pub(super) struct Remote(Url);

/// One question, which may be asked again.
struct Ask<'a> {
    method: Method,
    url: Url,
    body: Option<String>,
    credentials: Option<Credentials<'a>>,
    key: Option<&'a SecretString>,
}

/// One try that failed.
struct Miss {
    broken: Broken,
    /// How long to wait before the next try; `None`: there is no use in one.
    again: Option<Duration>,
}

impl Remote {
    /// At an address that the settings have checked: `https`, or `http` on this machine.
    pub(super) fn at(base: &str) -> Option<Self> {
        Url::parse(base).ok().map(Self)
    }

    fn path(&self, parts: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        url
    }

    /// Registers; with credentials: registers their id again. With a key, a registry that honours it finds a registration again
    /// whose answer was lost.
    pub(super) async fn register(
        &self,
        upload: &Upload,
        credentials: Option<Credentials<'_>>,
        key: Option<&SecretString>,
    ) -> Result<Given, Broken> {
        let asked = credentials.map(|it| it.instance);
        let body = json!({
            "upload_name": upload.name, "instance_id": asked, "description": upload.description,
            "email": upload.email, "tags": upload.tags,
        });
        let data = self
            .send(&Ask {
                method: Method::POST,
                url: self.path(&["api", "upload", "register"]),
                body: Some(body.to_string()),
                credentials,
                key,
            })
            .await?;
        answer::given(data, asked).map_err(|odd| self.odd(&odd))
    }

    /// Unregisters; that can be repeated.
    pub(super) async fn unregister(&self, credentials: Credentials<'_>) -> Result<(), Broken> {
        let ask = Ask {
            method: Method::DELETE,
            url: self.path(&["api", "upload", credentials.instance]),
            body: None,
            credentials: Some(credentials),
            key: None,
        };
        self.send(&ask).await.map(drop)
    }

    /// What the registry knows of an instance, `Null` for one that is not registered. Asked once.
    pub(super) async fn detail(&self, credentials: Credentials<'_>) -> Result<Value, Broken> {
        let ask = Ask {
            method: Method::GET,
            url: self.path(&["api", "upload", credentials.instance]),
            body: None,
            credentials: Some(credentials),
            key: None,
        };
        self.once(&ask).await.map_err(|miss| miss.broken)
    }

    /// Asks up to three times. A new registration that may have landed is not sent again: a registry need not honour its key,
    /// and whether to risk a second instance is for whoever asks. Anything else can be repeated: the password before a rotation
    /// stays good until the one after it is used.
    async fn send(&self, ask: &Ask<'_>) -> Result<Value, Broken> {
        let end = Instant::now() + WHOLE;
        let mut perhaps = false;
        for attempt in 1.. {
            let miss = match self.once(ask).await {
                Ok(value) => return Ok(value),
                Err(miss) => miss,
            };
            perhaps |= miss.broken.landed == Landed::Perhaps;
            let again = miss.again.filter(|_| ask.key.is_none() || !perhaps);
            match again {
                Some(pause) if attempt < TRIES && Instant::now() + pause < end => {
                    sleep(pause * attempt).await;
                }
                _ => {
                    let mut broken = miss.broken;
                    if perhaps && broken.landed == Landed::No {
                        broken.landed = Landed::Perhaps;
                    }
                    return Err(broken);
                }
            }
        }
        Err(self.broken(Reason::Unavailable, "was not asked", Landed::No))
    }

    async fn once(&self, ask: &Ask<'_>) -> Result<Value, Miss> {
        let mut request = client()
            .ok_or_else(|| {
                self.miss(
                    Reason::Unavailable,
                    "cannot be called: TLS cannot be set up here",
                    Landed::No,
                )
            })?
            .request(ask.method.clone(), ask.url.clone());
        if let Some(Credentials { instance, password }) = ask.credentials {
            let value = Zeroizing::new(format!("Bearer {instance}:{}", password.expose_secret()));
            request = request.header(AUTHORIZATION, self.sensitive(&value)?);
        }
        if let Some(key) = ask.key {
            request = request.header(IDEMPOTENCY_KEY, self.sensitive(key.expose_secret())?);
        }
        request = match &ask.body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
            None if ask.method == Method::DELETE => request.header(CONTENT_LENGTH, "0"),
            None => request,
        };
        let answer = request.send().await.map_err(|error| self.failed(&error))?;
        let status = answer.status().as_u16();
        let pause = pause(&answer);
        let kind = answer.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let body = self.body(answer).await?;
        answer::data(status, kind.as_deref(), &body).map_err(|odd| {
            let again = match status {
                429 | 502..=504 => pause,
                _ => None,
            };
            let broken = self.odd(&odd);
            Miss { broken, again }
        })
    }

    async fn body(&self, mut answer: Response) -> Result<Zeroizing<Vec<u8>>, Miss> {
        let mut body = Zeroizing::new(Vec::with_capacity(4096));
        loop {
            match answer.chunk().await {
                Ok(Some(part)) if body.len() + part.len() > LARGEST => {
                    let what = format!("answers with more than {LARGEST} bytes");
                    return Err(self.miss(Reason::BadAnswer, &what, Landed::Perhaps));
                }
                Ok(Some(part)) => body.extend_from_slice(&part),
                Ok(None) => return Ok(body),
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    fn sensitive(&self, value: &str) -> Result<HeaderValue, Miss> {
        let header = HeaderValue::from_bytes(value.as_bytes());
        let mut header = header.map_err(|_| {
            let what = "cannot be sent the credentials of this load: they fit in no header";
            self.miss(Reason::NoSeal, what, Landed::No)
        })?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// Of a connection. The library's own words are left out: they may hold the address with what stands in it.
    fn failed(&self, error: &reqwest::Error) -> Miss {
        let (reason, what, landed) = if error.is_connect() {
            let what = "cannot be reached; see that it runs, and that [registry] url is right";
            (Reason::Unreachable, what.to_owned(), Landed::No)
        } else if error.is_timeout() {
            let what = format!(
                "did not answer whole within {} s; try again",
                WHOLE.as_secs()
            );
            (Reason::Timeout, what, Landed::Perhaps)
        } else {
            let what = "hung up before its answer was whole; try again";
            (Reason::ReplyLost, what.to_owned(), Landed::Perhaps)
        };
        let mut miss = self.miss(reason, &what, landed);
        miss.again = Some(PAUSE);
        miss
    }

    fn miss(&self, reason: Reason, what: &str, landed: Landed) -> Miss {
        let broken = self.broken(reason, what, landed);
        let again = None;
        Miss { broken, again }
    }

    /// Of an answer that came.
    fn odd(&self, odd: &Odd) -> Broken {
        self.broken(odd.reason, &odd.what, odd.landed)
    }

    fn broken(&self, reason: Reason, what: &str, landed: Landed) -> Broken {
        let base = self.0.as_str().trim_end_matches('/');
        let detail = format!("the registry {base} {what}");
        let why = NotRegistered { reason, detail };
        Broken { why, landed }
    }
}

/// How long a registry that is busy asks to wait (RFC 9110 section 10.2.3, seconds only); `None`: longer than is waited here.
fn pause(answer: &Response) -> Option<Duration> {
    let Some(after) = answer.headers().get(RETRY_AFTER) else {
        return Some(PAUSE);
    };
    let seconds = after.to_str().ok()?.trim().parse().ok()?;
    let pause = Duration::from_secs(seconds);
    (pause <= LONGEST_PAUSE).then_some(pause)
}

/// One for all registries. It follows nothing, keeps no cookies, unpacks nothing and asks no proxy.
fn client() -> Option<&'static Client> {
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    let make = || {
        Client::builder()
            .no_proxy()
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .user_agent(concat!("jarkeeper/", env!("CARGO_PKG_VERSION")))
            .build()
            .ok()
    };
    CLIENT.get_or_init(make).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_part_of_a_path() {
        let of = |base: &str, id: &str| {
            let remote = Remote::at(base).unwrap();
            remote.path(&["api", "upload", id]).to_string()
        };
        assert_eq!(of("https://r.test", "abc"), "https://r.test/api/upload/abc");
        assert_eq!(
            of("https://r.test/", "a/b?c#d"),
            "https://r.test/api/upload/a%2Fb%3Fc%23d"
        );
        assert_eq!(
            of("https://r.test/x", "%2e"),
            "https://r.test/x/api/upload/%252e"
        );
    }
}
