//! How much is taken from whom: requests at once, requests in a time, bytes of a body, levels of JSON.
//!
//! Reads of a caller who is known have no rate: they are bounded by connections and by requests under way, and a rate that a
//! busy caller never meets would protect nothing. What changes something has one, and what starts a browser a lower one.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use futures::StreamExt as _;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::gate::canonical;
use super::guesses::{Guess, Guesses};
use super::{Peer, Problem};
use crate::identity::{Scope, Who};
use crate::ids::SessionKey;
use crate::renewal::Queue;

/// Most requests over the network that are answered at once; those who wait for a renewal count.
const UNDER_WAY: usize = 2048;
/// Most of them at the socket, which the network cannot use up.
const AT_SOCKET: usize = 512;
/// Bytes of a body, where its operation says nothing else.
const BODY: usize = 1 << 20;
/// Bytes of a body that is a state.
const STATE: usize = 64 << 20;
/// Bytes of a body that is a document, whatever its kind; texts may have fewer.
pub(super) const DOCUMENT: usize = 16 << 20;
/// Bytes of a chat for a model: prompts hold whole documents, and pictures.
pub(super) const PROMPT: usize = 32 << 20;
/// Bytes of a form.
const FORM: usize = 16 << 10;
/// Most bodies at once that are larger than [`BODY`].
const LARGE: usize = 2;
/// The same of chats for a model, which are answered slowly.
const LARGE_PROMPTS: usize = 16;
/// Longest wait until there is a place for one more.
const LARGE_WAIT: Duration = Duration::from_secs(10);
/// Levels of arrays and objects in JSON.
const DEPTH: usize = 64;
/// How many questions pass between two times that addresses and callers are forgotten who have not asked for long.
const TIDY: u32 = 4096;

/// Proofs that fail, from one address: ten, and one more every six seconds.
const FAILURES: Quota = Quota::per_minute(most(10));
/// The same from this machine, where everybody has one address and a program with an old key must not hide the others' answer.
const OWN_FAILURES: Quota = Quota::per_minute(most(60)).allow_burst(most(240));
/// Questions to open operations, from one address.
const ASKED: Quota = Quota::per_second(most(200)).allow_burst(most(2000));
/// Whatever else open operations do (tokens, registrations, device codes), from one address.
const MADE: Quota = Quota::per_second(most(20)).allow_burst(most(400));
/// What clients of the contract do, from one address: many register at once, and do not come again by themselves.
const CONTRACT: Quota = Quota::per_second(most(20)).allow_burst(most(1200));
/// Changes by one caller.
const CHANGES: Quota = Quota::per_second(most(1000)).allow_burst(most(4000));

const fn most(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// What is counted.
pub(super) struct Limits {
    network: Semaphore,
    socket: Semaphore,
    large: Arc<Semaphore>,
    prompts: Arc<Semaphore>,
    failures: Rate<IpAddr>,
    own_failures: Rate<IpAddr>,
    asked: Rate<IpAddr>,
    made: Rate<IpAddr>,
    contract: Rate<IpAddr>,
    changes: Rate<Who>,
    guesses: Guesses,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            network: Semaphore::new(UNDER_WAY),
            socket: Semaphore::new(AT_SOCKET),
            large: Arc::new(Semaphore::new(LARGE)),
            prompts: Arc::new(Semaphore::new(LARGE_PROMPTS)),
            failures: Rate::new(FAILURES),
            own_failures: Rate::new(OWN_FAILURES),
            asked: Rate::new(ASKED),
            made: Rate::new(MADE),
            contract: Rate::new(CONTRACT),
            changes: Rate::new(CHANGES),
            guesses: Guesses::default(),
        }
    }
}

impl Limits {
    /// A place for one more request, until it is answered.
    pub(super) fn enter(
        &self,
        peer: Option<&Peer>,
    ) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
        let places = match peer {
            Some(Peer::Socket { .. }) => &self.socket,
            _ => &self.network,
        };
        places.try_acquire().map_err(|_| busy())
    }

    /// Counts a proof that failed. A good one is never refused for the failures of others at its address.
    pub(super) fn failed(&self, peer: Option<&Peer>) -> Result<(), Problem> {
        let Some(ip) = address(peer) else {
            return Ok(());
        };
        let rate = match ip.is_loopback() {
            true => &self.own_failures,
            false => &self.failures,
        };
        let why = "too many wrong credentials from this address";
        rate.count(&ip, why)
    }

    /// Counts a password of an instance that somebody will have to look at slowly, before that is done; whoever finds that it
    /// is a right one takes it back.
    pub(super) fn guess(&self, peer: Option<&Peer>) -> Result<Guess<'_>, Problem> {
        let taken = address(peer).map(|ip| self.guesses.take(ip, Instant::now()));
        let from = taken
            .transpose()
            .map_err(|wait| too_many("too many wrong credentials from this address", wait))?;
        Ok(Guess {
            guesses: &self.guesses,
            from,
        })
    }

    /// Counts a call of an open operation.
    pub(super) fn open(&self, peer: Option<&Peer>, method: &Method) -> Result<(), Problem> {
        self.opened(peer, method, &self.made)
    }

    /// The same for an operation of the contract.
    pub(super) fn contract(&self, peer: Option<&Peer>, method: &Method) -> Result<(), Problem> {
        self.opened(peer, method, &self.contract)
    }

    fn opened(
        &self,
        peer: Option<&Peer>,
        method: &Method,
        doing: &Rate<IpAddr>,
    ) -> Result<(), Problem> {
        let Some(ip) = address(peer) else {
            return Ok(());
        };
        let rate = match method.is_safe() {
            true => &self.asked,
            false => doing,
        };
        rate.count(&ip, "too many calls from this address")
    }

    /// Counts a call by a caller who is known.
    pub(super) fn known(
        &self,
        queue: &Queue,
        who: &Who,
        scope: Scope,
        method: &Method,
    ) -> Result<(), Problem> {
        // A search of a memory only asks, whatever its method.
        let asks = method.is_safe() || scope == Scope::MemoryRead;
        if matches!(who, Who::Local(_)) || asks {
            return Ok(());
        }
        if scope == Scope::SessionsRenew {
            queue.count(&who.to_string()).map_err(too_many_renewals)?;
        }
        self.changes.count(who, "too many changes by this caller")
    }

    /// Reads the body of a request, as far as it is one of these types and within its limits; the permit is kept until it has
    /// been worked on.
    pub(super) async fn body(
        &self,
        request: Request,
        accepted: &Accepted,
    ) -> Result<(Request, Option<OwnedSemaphorePermit>), Problem> {
        let (parts, body) = request.into_parts();
        let kind = accepted.check(&parts.headers, body.is_end_stream())?;
        if body.is_end_stream() {
            return Ok((Request::from_parts(parts, body), None));
        }
        let length = parts.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > accepted.limit) {
            return Err(too_large(accepted.limit));
        }
        let large = match accepted.limit > BODY && length.is_none_or(|length| length > BODY) {
            true => {
                let places = match accepted.limit {
                    PROMPT => &self.prompts,
                    _ => &self.large,
                };
                let place = Arc::clone(places).acquire_owned();
                let place = timeout(LARGE_WAIT, place).await.map_err(|_| busy())?;
                // It closes only with the daemon.
                place.ok()
            }
            false => None,
        };
        let bytes = collect(body, length.unwrap_or_default(), accepted.limit).await?;
        if kind == Some(Kind::Json) && is_too_deep(&bytes).await {
            return Err(Problem::bad_request(format!(
                "this JSON has more than {DEPTH} levels; none that is meant here has"
            )));
        }
        Ok((Request::from_parts(parts, Body::from(bytes)), large))
    }
}

struct Rate<K: std::hash::Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    asked: AtomicU32,
}

impl<K: std::hash::Hash + Eq + Clone> Rate<K> {
    fn new(quota: Quota) -> Self {
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            asked: AtomicU32::new(0),
        }
    }

    fn count(&self, key: &K, why: &str) -> Result<(), Problem> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % TIDY == TIDY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            too_many(why, wait)
        })
    }
}

fn too_many(why: &str, wait: Duration) -> Problem {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let detail = format!("{why}; Retry-After says when it counts as fewer");
    Problem::new(status, "too-many-requests", "Too many requests", detail)
        .retry_after(wait.as_secs() + 1)
}

fn too_many_renewals(wait: Duration) -> Problem {
    too_many("too many renewals by this caller", wait)
}

/// Counts the renewals that a reader causes.
pub(super) fn renewals(queue: &Queue, who: &Who, old: &[&SessionKey]) -> Result<(), Problem> {
    if matches!(who, Who::Local(_)) {
        return Ok(());
    }
    let caller = who.to_string();
    old.iter()
        .try_for_each(|key| queue.count_caused(&caller, key))
        .map_err(too_many_renewals)
}

/// What counts as one address: of IPv6 the network, since whoever has one address there has all of it.
pub(super) fn network(ip: IpAddr) -> IpAddr {
    match canonical(ip) {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            IpAddr::V6((ip.to_bits() & !u128::from(u64::MAX)).into())
        }
        other => other,
    }
}

/// `None`: the socket, whose callers are the owner.
fn address(peer: Option<&Peer>) -> Option<IpAddr> {
    match peer {
        Some(Peer::Tcp(address)) => Some(network(address.ip())),
        Some(Peer::Socket { .. }) | None => None,
    }
}

/// Which bodies an operation reads.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    kinds: Vec<String>,
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Other,
}

impl Accepted {
    /// Of an operation with these media types; none: JSON, where somebody sends one nevertheless.
    pub(super) fn of(method: &Method, path: &str, kinds: Vec<String>) -> Self {
        let limit = match (kinds.as_slice(), method) {
            (_, &Method::PUT) if path.ends_with("/state") => STATE,
            (_, &Method::PUT) if path.starts_with("/v1/documents/") => DOCUMENT,
            (_, &Method::POST) if matches!(path, "/v1/chat/completions" | "/v1/responses") => {
                PROMPT
            }
            ([form], _) if form == "application/x-www-form-urlencoded" => FORM,
            _ => BODY,
        };
        let kinds = match kinds.is_empty() {
            true => vec!["application/json".to_owned()],
            false => kinds,
        };
        Self { kinds, limit }
    }

    fn check(&self, headers: &HeaderMap, empty: bool) -> Result<Option<Kind>, Problem> {
        let wrong = |detail: String| {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(Problem::new(status, "wrong-type", "Not this type", detail))
        };
        if headers.contains_key(CONTENT_ENCODING) {
            return wrong("bodies are not unpacked here; send it without Content-Encoding".into());
        }
        let mut all = headers.get_all(CONTENT_TYPE).iter();
        let kind = match (all.next(), all.next()) {
            (None, _) if empty => return Ok(None),
            (Some(kind), None) => kind.to_str().unwrap_or_default(),
            _ => "",
        };
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match self.kinds.iter().any(|one| kind.eq_ignore_ascii_case(one)) {
            true if kind.eq_ignore_ascii_case("application/json") => Ok(Some(Kind::Json)),
            true => Ok(Some(Kind::Other)),
            false => wrong(format!("Content-Type must be {}", self.kinds.join(" or "))),
        }
    }
}

fn busy() -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let detail = "too many requests are under way; try again";
    Problem::new(status, "busy", "Busy", detail).retry_after(1)
}

fn too_large(limit: usize) -> Problem {
    let status = StatusCode::PAYLOAD_TOO_LARGE;
    let detail = format!("this body may have {limit} bytes");
    Problem::new(status, "too-large", "Too large", detail)
}

async fn collect(body: Body, expected: usize, limit: usize) -> Result<Bytes, Problem> {
    let mut whole = Vec::with_capacity(expected.min(BODY));
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| broken(&error))?;
        if whole.len() + part.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.into())
}

/// A body that did not come whole: too slow, cut off, or framed wrong.
fn broken(error: &(dyn std::error::Error + 'static)) -> Problem {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut) {
            let status = StatusCode::REQUEST_TIMEOUT;
            let detail = "the body did not come whole in time";
            return Problem::new(status, "too-slow", "Too slow", detail);
        }
        cause = error.source();
    }
    Problem::bad_request("the body did not come whole")
}

/// Whether JSON has too many levels. A large body is looked through where no other caller waits for it.
async fn is_too_deep(json: &Bytes) -> bool {
    if json.len() <= BODY {
        return is_deeper(json, DEPTH);
    }
    let json = json.clone();
    let deeper = tokio::task::spawn_blocking(move || is_deeper(&json, DEPTH));
    // The process ends.
    deeper.await.unwrap_or(true)
}

/// Whether JSON has more levels than this. Of what is no JSON the answer means nothing.
fn is_deeper(json: &[u8], most: usize) -> bool {
    let (mut depth, mut text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b'[' | b'{' if !text => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b']' | b'}' if !text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_outside_text() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_deeper(nested(64).as_bytes(), 64));
        assert!(is_deeper(nested(65).as_bytes(), 64));
        let text = format!("[\"{}\"]", "[".repeat(100));
        assert!(!is_deeper(text.as_bytes(), 64));
        let escaped = format!("[\"\\\"{}\"]", "{".repeat(100));
        assert!(!is_deeper(escaped.as_bytes(), 64));
        assert!(!is_deeper("[],".repeat(100).as_bytes(), 1));
    }

    #[test]
    fn who_has_one_address_of_ipv6_has_its_network() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1:2:3"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(of("::1").to_string(), "::1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_does_not_wait_for_its_place_for_ever() {
        let limits = Limits::default();
        let accepted = Accepted::of(&Method::PUT, "/v1/sessions/x/state", Vec::new());
        let large = || {
            let body = Body::from(vec![b' '; BODY + 1]);
            let request = Request::put("/").header(CONTENT_TYPE, "application/json");
            let request = request.header(CONTENT_LENGTH, BODY + 1);
            limits.body(request.body(body).unwrap(), &accepted)
        };
        let held = [large().await.unwrap(), large().await.unwrap()];
        let refused = large().await.unwrap_err();
        assert_eq!(
            (refused.status, &*refused.kind),
            (503, "urn:jarkeeper:problem:busy")
        );
        drop(held);
        assert!(large().await.is_ok());
    }

    #[test]
    fn failures_are_counted_by_address_and_never_at_the_socket() {
        let limits = Limits::default();
        let peer = |text: &str| Some(Peer::Tcp(text.parse().unwrap()));
        let fails = |peer: &Option<Peer>| limits.failed(peer.as_ref()).is_err();
        let one = peer("192.0.2.1:1");
        assert_eq!((0..20).filter(|_| fails(&one)).count(), 10);
        assert!(!fails(&peer("192.0.2.2:1")));
        let own = Some(Peer::Socket { uid: 1 });
        assert!((0..500).all(|_| !fails(&own)));
        assert!((0..100).all(|_| !fails(&peer("127.0.0.1:1"))));
    }
}
