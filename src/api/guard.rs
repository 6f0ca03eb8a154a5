//! What stands before every handler: who calls, whether this operation is theirs, and what is written down about it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts as _, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Paths};

use super::audit::{Care, Line};
use super::contract::{self, Caller, Shown};
use super::front::QueryKeys;
use super::gate::Gate;
use super::limits::{Accepted, Limits};
use super::{Door, Problem};
use crate::identity::{Principal, Proof, Reach, Scope, Who};

/// Names of path parameters that are texts of people: they leave no trace in the audit log, which outlives what they name.
const PERSONAL: [&str; 3] = ["document", "name", "username"];

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over the network.
    Tcp(SocketAddr),
    /// Over the socket, from a process of this user.
    Socket {
        /// The user id that the kernel names.
        uid: u32,
    },
}

/// A peer, as the audit log names it.
pub(super) fn from(peer: Option<&Peer>) -> String {
    match peer {
        Some(Peer::Tcp(address)) => address.ip().to_canonical().to_string(),
        Some(Peer::Socket { .. }) => "socket".to_owned(),
        None => "unknown".to_owned(),
    }
}

/// What the layers before a handler need.
pub(super) struct Desk {
    pub(super) door: Door,
    pub(super) limits: Limits,
}

impl Desk {
    pub(super) fn new(door: Door) -> Arc<Self> {
        Arc::new(Self {
            door,
            limits: Limits::default(),
        })
    }
}

/// What is known of one operation when it is mounted.
struct Rule {
    method: Method,
    operation: String,
    /// `None`: it is open.
    scope: Option<Scope>,
    /// Whether it is for everybody who is known, whatever the scope.
    whatever: bool,
    /// Whether it is only for who reaches every session.
    whole: bool,
    care: Care,
    accepted: Accepted,
}

/// The rules of what is mounted together.
#[derive(Clone)]
pub(super) struct Rules(Arc<Vec<Rule>>);

impl Rules {
    /// From the descriptions of the operations.
    pub(super) fn of(paths: &Paths, scope: Option<Scope>) -> Self {
        let all = paths.paths.iter().flat_map(|(path, item)| {
            let methods = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
                (Method::PATCH, &item.patch),
            ];
            let described = methods
                .into_iter()
                .filter_map(|(method, operation)| Some((method, operation.as_ref()?)));
            described.map(move |(method, operation)| Rule::of(method, path, operation, scope))
        });
        Self(Arc::new(all.collect()))
    }

    /// The same for everybody who is known.
    pub(super) fn whatever_scope(self) -> Self {
        let mut rules = Arc::into_inner(self.0).unwrap_or_default();
        for rule in &mut rules {
            rule.whatever = true;
        }
        Self(Arc::new(rules))
    }

    fn find(&self, method: &Method) -> Option<&Rule> {
        let method = match method {
            &Method::HEAD => &Method::GET,
            other => other,
        };
        self.0.iter().find(|rule| rule.method == method)
    }
}

impl Rule {
    fn of(method: Method, path: &str, operation: &Operation, scope: Option<Scope>) -> Self {
        let kinds = match &operation.request_body {
            Some(RefOr::T(body)) => body.content.keys().cloned().collect(),
            Some(RefOr::Ref(_)) | None => Vec::new(),
        };
        let name = operation.operation_id.clone();
        let name = name.unwrap_or_else(|| format!("{method} {path}"));
        Self {
            care: Care::of(&method, &name, scope),
            accepted: Accepted::of(&method, path, kinds),
            whole: scope == Some(Scope::Admin) && !is_within_own_reach(&name),
            operation: name,
            scope,
            whatever: false,
            method,
        }
    }
}

/// Finds out who calls, and puts a [`Principal`] beside the request, or the problem that an operation which wants one answers.
pub(super) async fn authenticate(
    State(desk): State<Arc<Desk>>,
    mut request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let known = known(&desk.door, &mut parts).await;
    let principal = known.as_ref().ok().and_then(Option::as_ref);
    let who = principal.map(|principal| principal.who.clone());
    request = Request::from_parts(parts, body);
    request.extensions_mut().insert(known);
    request.extensions_mut().insert(desk);
    let mut response = next.run(request).await;
    if let Some(who) = who {
        response.extensions_mut().insert(who);
    }
    response
}

/// Who calls; `Ok(None)`: nobody says.
type Known = Result<Option<Principal>, Unknown>;

/// Why nobody is known.
#[derive(Clone)]
enum Unknown {
    /// Credentials were given in a way that is none.
    Malformed(Problem),
    /// They are not good, or whether they are cannot be told.
    Refused(Problem),
}

async fn known(door: &Door, request: &mut Parts) -> Known {
    match proofs(request).map_err(Unknown::Malformed)? {
        None => match request.extensions.get() {
            Some(Peer::Socket { uid }) => Ok(Some(door.identity.local(*uid))),
            _ => Ok(None),
        },
        Some(proof) => match door.identity.authenticate(&proof).await {
            Ok(principal) => {
                // What lasts longer than a request looks again whether it still holds.
                request.extensions.insert(proof);
                Ok(Some(principal))
            }
            Err(error) => Err(Unknown::Refused(error.into())),
        },
    }
}

/// The one proof that a request shows. RFC 6750 section 2: not in two ways. `access_token` in the query is never read.
fn proofs(request: &Parts) -> Result<Option<Proof>, Problem> {
    let headers = &request.headers;
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let mut shown: Vec<Option<Proof>> = Vec::new();
    if let Some(QueryKeys(keys)) = request.extensions.get() {
        shown.extend(keys.iter().cloned().map(|key| Some(Proof::Key(key))));
    }
    let keys = headers.get_all(X_API_KEY).iter();
    shown.extend(keys.map(|value| Some(Proof::Key(text(value).into()))));
    for value in headers.get_all(AUTHORIZATION) {
        let value = text(value);
        let bearer = value
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        shown.push(bearer.map(|(_, token)| Proof::Bearer(token.trim().into())));
    }
    match (shown.pop(), shown.is_empty()) {
        (None, _) => Ok(None),
        (Some(Some(proof)), true) => Ok(Some(proof)),
        (Some(None), true) => Err(Problem::bad_request(
            "the only scheme of Authorization here is Bearer",
        )),
        (Some(_), false) => Err(Problem::bad_request(
            "credentials were given more than once; give one of: the query parameter key, X-API-Key, Authorization",
        )),
    }
}

/// Whether credentials are shown more than once, in whatever ways.
fn shown_twice(request: &Request) -> bool {
    let headers = request.headers();
    let keys = request.extensions().get::<QueryKeys>();
    let shown = keys.map_or(0, |QueryKeys(keys)| keys.len())
        + headers.get_all(X_API_KEY).iter().count()
        + headers.get_all(AUTHORIZATION).iter().count();
    shown > 1
}

/// Lets those through that may, and writes down what they did.
pub(super) async fn stand(rules: Rules, mut request: Request, next: Next) -> Response {
    let Some(rule) = rules.find(request.method()) else {
        // Another method: the router says which there are.
        return next.run(request).await;
    };
    let Some(desk) = request.extensions().get::<Arc<Desk>>().cloned() else {
        return refusal(request.headers(), &Standing::default(), None).into_response();
    };
    let standing = Standing::take(&mut request);
    let (mut parts, body) = request.into_parts();
    let subject = subject(&mut parts).await;
    request = Request::from_parts(parts, body);
    let peer = standing.peer;
    let admitted = match rule.scope {
        Some(scope) => admit(&desk, scope, rule, &request, &standing),
        None if shown_twice(&request) => Err(Problem::bad_request("credentials were given twice")),
        None => desk
            .limits
            .open(peer.as_ref(), request.method())
            .map(|()| None),
    };
    let principal = admitted.as_ref().ok().and_then(Option::as_ref);
    let of = principal.or(standing.known.as_ref().ok().and_then(Option::as_ref));
    let line = Line::new(
        Arc::clone(&desk),
        rule.care,
        &rule.operation,
        &rule.method,
        peer.as_ref(),
        of,
        subject.as_deref(),
    );
    match admitted {
        Err(problem) => {
            let worth_a_line = problem.status == 403
                || problem.status == 401 && matches!(standing.known, Err(Unknown::Refused(_)));
            let answer = problem.into_response();
            match worth_a_line {
                true => line.end(answer).await,
                false => answer,
            }
        }
        Ok(principal) => {
            if let Some(principal) = principal {
                request.extensions_mut().insert(principal);
            }
            let read = desk.limits.body(request, &rule.accepted).await;
            let answer = match read {
                Ok((request, _large)) => match line.begin().await {
                    Ok(()) => next.run(request).await,
                    Err(problem) => return problem.into_response(),
                },
                Err(problem) => problem.into_response(),
            };
            line.end(answer).await
        }
    }
}

/// Finds out who calls an operation of the contract, by an instance's password too, and lets everybody through who is not
/// refused by that; what each may is decided by the operation. What only asks is told who calls even where nobody does: some
/// of it has the same answer for all.
pub(super) async fn stand_contract(rules: Rules, mut request: Request, next: Next) -> Response {
    let Some(rule) = rules.find(request.method()) else {
        return next.run(request).await;
    };
    let Some(desk) = request.extensions().get::<Arc<Desk>>().cloned() else {
        return refusal(request.headers(), &Standing::default(), None).into_response();
    };
    let standing = Standing::take(&mut request);
    let peer = standing.peer;
    let (mut parts, body) = request.into_parts();
    let subject = subject(&mut parts).await;
    request = Request::from_parts(parts, body);
    let admitted = match shown_twice(&request) {
        true => Err(Problem::bad_request("credentials were given twice")),
        false => desk.limits.contract(peer.as_ref(), request.method()),
    };
    let bearer = contract::bearer(&request);
    let read = match admitted {
        Ok(()) => desk.limits.body(request, &rule.accepted).await,
        Err(problem) => Err(problem),
    };
    let (mut request, _large) = match read {
        Ok(read) => read,
        Err(problem) => return problem.into_response(),
    };
    let shown = match (bearer, &standing.known) {
        (Some((id, password)), _) => {
            let scope = match rule.method.is_safe() {
                true => Scope::RegistryRead,
                false => Scope::RegistryWrite,
            };
            let proven = contract::prove_for(&desk, peer.as_ref(), &id, &password, scope).await;
            proven.and_then(|instance| Caller::instance(instance, &rule.operation))
        }
        (None, Ok(None)) => Ok(Caller::Nobody),
        (None, Ok(Some(principal))) => Ok(Caller::Principal(Box::new(principal.clone()))),
        (None, Err(Unknown::Malformed(problem))) => Err(problem.clone()),
        (None, Err(Unknown::Refused(problem))) if problem.status == 401 => {
            let counted = desk.limits.failed(peer.as_ref());
            counted.and_then(|()| Err(refusal(request.headers(), &standing, None)))
        }
        (None, Err(Unknown::Refused(problem))) => Err(problem.clone()),
    };
    let refused = shown.as_ref().err().filter(|problem| problem.status == 401);
    let care = match refused {
        // What only asks has no line; that a proof was none has one.
        Some(_) => Care::Lists,
        None => rule.care,
    };
    let principal = standing.known.as_ref().ok().and_then(Option::as_ref);
    let mut line = Line::new(
        Arc::clone(&desk),
        care,
        &rule.operation,
        &rule.method,
        peer.as_ref(),
        principal,
        subject.as_deref(),
    );
    if let Ok(Caller::Instance(instance)) = &shown {
        let person = instance.person.as_ref().map(ToString::to_string);
        line.by(&Who::Instance(instance.id.clone()), person);
    }
    match shown {
        Err(problem) if !rule.method.is_safe() => line.end(problem.into_response()).await,
        shown => {
            request.extensions_mut().insert(Shown(shown));
            match line.begin().await {
                Ok(()) => line.end(next.run(request).await).await,
                Err(problem) => problem.into_response(),
            }
        }
    }
}

/// Lets everybody through who is known; what each may is decided, and written down, behind this: by the tool that is called.
pub(super) async fn stand_known(mut request: Request, next: Next) -> Response {
    let desk = request.extensions_mut().remove::<Arc<Desk>>();
    let standing = Standing::take(&mut request);
    // Calls have lines of their tools; this one is of a proof that was none.
    let line = match (&standing.known, &desk) {
        (Err(Unknown::Refused(problem)), Some(desk)) if problem.status == 401 => Some(Line::new(
            Arc::clone(desk),
            Care::Closed,
            "mcp",
            request.method(),
            standing.peer.as_ref(),
            None,
            None,
        )),
        _ => None,
    };
    let counted = match (&standing.known, desk) {
        (Ok(Some(principal)), Some(desk)) => {
            let (queue, scope) = (&desk.door.queue, Scope::SessionsRead);
            let counted = desk
                .limits
                .known(queue, &principal.who, scope, request.method());
            counted.map(|()| principal.clone())
        }
        (Err(Unknown::Refused(problem)), _) if problem.status != 401 => Err(problem.clone()),
        (Err(Unknown::Refused(_)), Some(desk)) => desk
            .limits
            .failed(standing.peer.as_ref())
            .and_then(|()| Err(refusal_at(&request, &standing))),
        _ => Err(refusal_at(&request, &standing)),
    };
    match counted {
        Ok(principal) => {
            let from = from(standing.peer.as_ref());
            let caller = crate::mcp::Caller { principal, from };
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => match line.filter(|_| problem.status == 401) {
            Some(line) => line.end(problem.into_response()).await,
            None => problem.into_response(),
        },
    }
}

/// The same as [`refusal`], with the metadata of the resource at this path (RFC 9728 section 3.1).
fn refusal_at(request: &Request, standing: &Standing) -> Problem {
    let path = request.uri().path();
    refusal(request.headers(), standing, None).with_resource(path)
}

/// What was found out about a request before it came here.
struct Standing {
    known: Known,
    peer: Option<Peer>,
    gate: Option<Arc<Gate>>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            known: Ok(None),
            peer: None,
            gate: None,
        }
    }
}

impl Standing {
    fn take(request: &mut Request) -> Self {
        let extensions = request.extensions_mut();
        Self {
            known: extensions.remove().unwrap_or(Ok(None)),
            peer: extensions.get().copied(),
            gate: extensions.get().cloned(),
        }
    }
}

/// The principal that may do this now, or why there is none.
fn admit(
    desk: &Desk,
    scope: Scope,
    rule: &Rule,
    request: &Request,
    standing: &Standing,
) -> Result<Option<Principal>, Problem> {
    match &standing.known {
        Ok(Some(principal)) if rule.whatever || principal.may(scope) => {
            if rule.whole && principal.reach != Reach::All {
                return Err(not_all());
            }
            let queue = &desk.door.queue;
            desk.limits
                .known(queue, &principal.who, scope, request.method())?;
            Ok(Some(principal.clone()))
        }
        Err(Unknown::Refused(problem)) if problem.status != 401 => Err(problem.clone()),
        Err(Unknown::Refused(_)) => {
            desk.limits.failed(standing.peer.as_ref())?;
            Err(refusal(request.headers(), standing, Some(scope)))
        }
        Ok(_) | Err(Unknown::Malformed(_)) => {
            Err(refusal(request.headers(), standing, Some(scope)))
        }
    }
}

/// Operations of administrators that look themselves at what the caller reaches: they give nothing that reaches further.
fn is_within_own_reach(operation: &str) -> bool {
    operation.starts_with("keys.") || operation == "tickets.create"
}

/// Administration concerns all sessions.
fn not_all() -> Problem {
    let detail = "this concerns every session, and these credentials reach only some; use credentials without a list of sessions";
    let status = StatusCode::FORBIDDEN;
    Problem::new(status, "insufficient-reach", "Not allowed", detail)
}

/// Why not, with the challenge of RFC 6750 section 3 and where to find out more (RFC 9728 section 5.1).
fn refusal(headers: &HeaderMap, standing: &Standing, scope: Option<Scope>) -> Problem {
    let gate = standing.gate.as_ref();
    let mut challenge = r#"Bearer realm="jarkeeper""#.to_owned();
    if let Some(gate) = gate {
        let base = gate.base(headers);
        challenge +=
            &format!(r#", resource_metadata="{base}/.well-known/oauth-protected-resource""#);
    }
    match (&standing.known, scope) {
        (Ok(Some(_)), Some(scope)) => {
            let detail =
                format!("this needs the scope {scope}, which these credentials do not have");
            let status = StatusCode::FORBIDDEN;
            challenge += &format!(r#", error="insufficient_scope", scope="{scope}""#);
            Problem::new(status, "insufficient-scope", "Not allowed", detail)
        }
        (Err(Unknown::Malformed(problem)), _) => {
            challenge += r#", error="invalid_request""#;
            problem.clone()
        }
        (Err(Unknown::Refused(problem)), _) => {
            challenge += r#", error="invalid_token""#;
            problem.clone()
        }
        _ => {
            let detail =
                "give an API key as X-API-Key, or an access token as Authorization: Bearer";
            let status = StatusCode::UNAUTHORIZED;
            Problem::new(status, "unauthenticated", "Not authenticated", detail)
        }
    }
    .challenge(challenge)
}

/// What the path names: a session, a key's id, ….
async fn subject(parts: &mut Parts) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let (name, first) = parameters.iter().next()?;
    (!PERSONAL.contains(&name)).then(|| first.to_owned())
}
