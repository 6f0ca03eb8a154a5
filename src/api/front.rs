//! The outermost layer: takes the key out of the URI, asks the gate, and sees to what every answer must have.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use secrecy::SecretString;

use super::gate::Gate;
use super::guard::Desk;
use super::{Peer, Problem};

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// What may frame an answer: nothing.
const NO_FRAMES: &str = "frame-ancestors 'none'";
/// What an answer that is no page may load, and who may frame it: nothing, and nobody.
const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The values of `key` that stood in the query; it stands there no more.
#[derive(Clone, Default)]
pub(super) struct QueryKeys(pub(super) Vec<SecretString>);

/// The values of `password` that stood in the query; it stands there no more.
#[derive(Clone, Default)]
pub(super) struct QueryPasswords(pub(super) Vec<SecretString>);

/// What comes before everything else, and after it.
pub(super) async fn front(
    State(desk): State<Arc<Desk>>,
    mut request: Request,
    next: Next,
) -> Response {
    let (keys, passwords) = cut_secrets(&mut request);
    let key = !(keys.0.is_empty() && passwords.0.is_empty());
    request.extensions_mut().insert(keys);
    request.extensions_mut().insert(passwords);
    let gate = request.extensions().get::<Arc<Gate>>().cloned();
    let tls = gate.as_ref().is_some_and(|gate| gate.tls);
    let answer = match pass(&desk, gate.as_deref(), &mut request, key) {
        Ok(_place) => survive(next.run(request)).await,
        Err(problem) => problem.into_response(),
    };
    // Where it leads, the browser could take the key along.
    let answer = match key && answer.status().is_redirection() {
        true => Problem::bad_request("this address answers no request with a secret in its query")
            .into_response(),
        false => answer,
    };
    finish(answer, tls)
}

/// Asks the gate, and takes a place among the requests under way.
fn pass<'a>(
    desk: &'a Desk,
    gate: Option<&Gate>,
    request: &mut Request,
    key: bool,
) -> Result<tokio::sync::SemaphorePermit<'a>, Problem> {
    let gate = gate.ok_or_else(|| Problem::bad_request("nobody says how this came in"))?;
    gate.admit(request, key)?;
    let peer = request.extensions().get::<Peer>().copied();
    let caller = peer.map(|peer| gate.caller(peer, request.headers()));
    if let Some(caller) = caller
        && peer != Some(caller)
    {
        request.extensions_mut().insert(caller);
    }
    desk.limits.enter(caller.as_ref())
}

/// Takes `key` and `password` out of the URI, so that nothing behind this, no log, trace or error, can repeat them; with them
/// `access_token`, which nothing here reads and which is as secret.
fn cut_secrets(request: &mut Request) -> (QueryKeys, QueryPasswords) {
    let (mut keys, mut passwords) = (QueryKeys::default(), QueryPasswords::default());
    let Some(query) = request.uri().query() else {
        return (keys, passwords);
    };
    let is_secret = |name: &str| matches!(name, "key" | "password" | "access_token");
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    if !pairs.clone().any(|(name, _)| is_secret(&name)) {
        return (keys, passwords);
    }
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        match &*name {
            "key" => keys.0.push(SecretString::from(value.into_owned())),
            "password" => passwords.0.push(SecretString::from(value.into_owned())),
            name if is_secret(name) => {}
            name => drop(rest.append_pair(name, &value)),
        }
    }
    *request.uri_mut() = with_query(request.uri(), &rest.finish());
    (keys, passwords)
}

fn with_query(uri: &Uri, query: &str) -> Uri {
    let path = match query {
        "" => uri.path().to_owned(),
        query => format!("{}?{query}", uri.path()),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    // It was a URI, and a shorter query leaves it one.
    Uri::from_parts(parts).unwrap_or_default()
}

/// A panic ends its request and nothing else.
async fn survive(answer: impl Future<Output = Response>) -> Response {
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(answer) => answer,
        Err(_) => panicked().into_response(),
    }
}

/// 500, with what finds its line in the log. What the panic said stays out of both: it may hold anything.
fn panicked() -> Problem {
    let mut id = [0_u8; 4];
    // Without random numbers it is the time in the log that finds it.
    let _ = getrandom::fill(&mut id);
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    tracing::error!(id, "a handler panicked; the line before says where");
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let detail = format!("this is a fault of Jarkeeper; in its log it has the id {id}");
    Problem::new(status, "fault", "A fault of Jarkeeper", detail)
}

/// Adds what every answer has, and takes away what none may have.
fn finish(mut answer: Response, tls: bool) -> Response {
    let headers = answer.headers_mut();
    for name in [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    ] {
        headers.remove(name);
    }
    let always = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (CORP, "same-origin"),
        (COOP, "same-origin"),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policies = headers.get_all(CONTENT_SECURITY_POLICY);
    let has = |policy: &HeaderValue| policy.to_str().is_ok_and(|text| text.contains(NO_FRAMES));
    if policies.iter().next().is_none() {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING));
    } else if !policies.iter().any(has) {
        // Policies add up (CSP Level 3 section 8.1).
        headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NO_FRAMES));
    }
    if tls {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(STRICT_TRANSPORT_SECURITY, year);
    }
    answer
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_cut_however_it_is_spelled() {
        let cut = |uri: &str| {
            let mut request = Request::builder().uri(uri).body(Body::empty()).unwrap();
            let (keys, passwords) = cut_secrets(&mut request);
            let keys: Vec<_> = keys
                .0
                .iter()
                .chain(&passwords.0)
                .map(|k| k.expose_secret().to_owned())
                .collect();
            (request.uri().to_string(), keys.join(" "))
        };
        let all = [
            ("/x", "/x", ""),
            ("/x?a=b%20c", "/x?a=b%20c", ""),
            ("/x?key=k", "/x", "k"),
            ("/x?a=b%20c&%6bey=k%41&d", "/x?a=b+c&d=", "kA"),
            ("/x?key=1&key=2", "/x", "1 2"),
            ("/x?key", "/x", ""),
            ("/x?access_token=t&monkey=m", "/x?monkey=m", ""),
            ("/x?password=p&p%61ssword=%70q&a=b", "/x?a=b", "p pq"),
            (
                "/x?passwords=p&xpassword=q",
                "/x?passwords=p&xpassword=q",
                "",
            ),
        ];
        for (uri, rest, keys) in all {
            assert_eq!(cut(uri), (rest.to_owned(), keys.to_owned()), "{uri}");
        }
    }

    #[test]
    fn every_answer_is_sealed_and_pages_keep_their_policy() {
        let page = "default-src 'self'";
        let mut answer = StatusCode::OK.into_response();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(page));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let answer = finish(answer, true);
        let policies = answer.headers().get_all(CONTENT_SECURITY_POLICY);
        assert_eq!(policies.iter().collect::<Vec<_>>(), [page, NO_FRAMES]);
        assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert!(answer.headers().contains_key(STRICT_TRANSPORT_SECURITY));
        let plain = finish(StatusCode::OK.into_response(), false);
        assert_eq!(plain.headers()[CONTENT_SECURITY_POLICY], NOTHING);
        assert!(!plain.headers().contains_key(STRICT_TRANSPORT_SECURITY));
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_says_nothing_of_what_it_said() {
        let answer = survive(async { panic!("hunter2") }).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(answer.into_body(), 1000).await;
        let body = String::from_utf8(body.unwrap().to_vec()).unwrap();
        assert!(body.contains("has the id ") && !body.contains("hunter2"));
        assert_eq!(
            survive(async { StatusCode::OK.into_response() })
                .await
                .status(),
            200
        );
    }
}
