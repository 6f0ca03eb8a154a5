//! Every operation of the document, and every way to call it that must be refused: a route that is added is covered by itself.

use std::collections::BTreeSet;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::api::key;
use crate::support::process::Root;
use crate::support::{Api, answer};

/// Pages to which another site may send a person's window.
const PAGES: [&str; 5] = [
    "/device",
    "/docs",
    "/oauth/authorize",
    "/sign-in",
    "/sign-in/callback",
];

/// One operation.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    /// `None`: open; empty: whoever is known.
    pub(super) scope: Option<String>,
    /// Media types that it reads.
    kinds: BTreeSet<String>,
}

impl Operation {
    /// Its path, with names in place of parameters.
    pub(super) fn place(&self) -> String {
        let mut place = String::new();
        for (index, part) in self.path.split(['{', '}']).enumerate() {
            place.push_str(if index % 2 == 0 { part } else { "wiki" });
        }
        place
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Every operation that the daemon describes, and `/mcp` and `/docs`, which no document of this kind can.
pub(super) async fn operations(api: &Api) -> Vec<Operation> {
    let document = answer(api.own(Method::GET, "/openapi.json")).await.1;
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"].as_array().unwrap();
            let scope = security.iter().find_map(|one| one.get("oauth2"));
            let content = operation["requestBody"]["content"].as_object();
            all.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                scope: scope.map(|words| words[0].as_str().unwrap_or_default().to_owned()),
                kinds: content
                    .into_iter()
                    .flatten()
                    .map(|(kind, _)| kind.clone())
                    .collect(),
            });
        }
    }
    let plain = |method, path: &str, scope: Option<&str>| Operation {
        method,
        path: path.to_owned(),
        scope: scope.map(str::to_owned),
        kinds: BTreeSet::new(),
    };
    all.push(plain(Method::POST, "/mcp", Some("")));
    all.push(plain(Method::GET, "/docs", None));
    all
}

/// The body of an answer; of a stream of events, which has no end, nothing.
pub(super) async fn read(response: Response) -> String {
    let kind = response.headers().get("content-type");
    match kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        true => String::new(),
        false => response.text().await.unwrap(),
    }
}

/// How a request is refused.
struct Case {
    name: &'static str,
    ask: fn(RequestBuilder) -> RequestBuilder,
    /// With a key that may do everything.
    key: bool,
    /// What is answered; 0: this operation may allow it.
    status: fn(&Operation) -> u16,
}

fn guarded(operation: &Operation, status: u16) -> u16 {
    operation.scope.as_ref().map_or(0, |_| status)
}

const CASES: [Case; 8] = [
    Case {
        name: "no credentials",
        ask: |request| request,
        key: false,
        status: |operation| guarded(operation, 401),
    },
    Case {
        name: "foreign origin",
        ask: |request| request.header("origin", "https://evil.test"),
        key: true,
        status: |_| 403,
    },
    Case {
        name: "opaque origin",
        ask: |request| request.header("origin", "null"),
        key: true,
        status: |_| 403,
    },
    Case {
        name: "another site",
        ask: |request| request.header("sec-fetch-site", "cross-site"),
        key: true,
        status: |_| 403,
    },
    Case {
        name: "a site beside ours",
        ask: |request| request.header("sec-fetch-site", "same-site"),
        key: true,
        status: |_| 403,
    },
    Case {
        name: "sent by another site",
        ask: |request| {
            let request = request.header("sec-fetch-site", "cross-site");
            let request = request.header("sec-fetch-mode", "navigate");
            request.header("sec-fetch-dest", "document")
        },
        key: true,
        status: |operation| {
            let page = operation.method == Method::GET && PAGES.contains(&&*operation.path);
            if page { 0 } else { 403 }
        },
    },
    Case {
        name: "foreign host",
        ask: |request| request.header("host", "evil.test"),
        key: true,
        status: |_| 403,
    },
    Case {
        name: "plain text",
        ask: |request| request.header("content-type", "text/plain").body("{}"),
        key: true,
        // The tools' library reads its own bodies, and pages have none.
        status: |operation| match (&*operation.path, operation.kinds.contains("text/plain")) {
            ("/docs", _) | (_, true) => 0,
            ("/mcp", _) => 406,
            _ => 415,
        },
    },
];

fn sealed(name: &str, response: &Response) {
    let header = |header: &str| {
        let value = response.headers().get(header);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    assert_eq!(header("cache-control"), "no-store", "{name}");
    assert_eq!(header("referrer-policy"), "no-referrer", "{name}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{name}");
    let policy = header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'"), "{name} {policy}");
    let mut names = response.headers().keys().map(|name| name.as_str());
    assert!(
        !names.any(|name| name.starts_with("access-control-")),
        "{name}"
    );
}

#[tokio::test]
async fn no_operation_is_called_by_a_page_by_a_stranger_or_by_half_a_key() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let words = "read write profile:write email sessions:reveal admin";
    let (good, narrow) = (key(&root, words).await, key(&root, "registry:read").await);
    let all = operations(&api).await;
    assert!(all.len() > 30, "{}", all.len());
    let (mut cells, mut wrong) = (0, Vec::new());
    for operation in &all {
        let name = operation.name();
        let ask = |query: &str| {
            api.call(
                operation.method.clone(),
                &format!("{}{query}", operation.place()),
            )
        };
        let mut tried = Vec::new();
        for case in &CASES {
            let request = match case.key {
                true => ask("").header("x-api-key", &good),
                false => ask(""),
            };
            tried.push((case.name, (case.ask)(request), (case.status)(operation)));
        }
        let in_query = ask(&format!("?key={good}"));
        let foreign = in_query.header("sec-fetch-site", "cross-site");
        tried.push(("a key in a link of another site", foreign, 403));
        let twice = ask(&format!("?key={good}&key={good}"));
        tried.push((
            "a key twice",
            twice,
            if operation.path == "/docs" { 0 } else { 400 },
        ));
        let both = ask(&format!("?key={good}")).header("x-api-key", &good);
        tried.push((
            "a key in two ways",
            both,
            if operation.path == "/docs" { 0 } else { 400 },
        ));
        let token = ask(&format!("?access_token={good}"));
        tried.push(("a token in the query", token, guarded(operation, 401)));
        let narrow = ask("").header("x-api-key", &narrow);
        let scope = operation.scope.as_deref();
        let short = !matches!(scope, None | Some("" | "registry:read"));
        tried.push(("a narrow key", narrow, if short { 403 } else { 0 }));
        for (case, request, wanted) in tried {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            let name = format!("{name}, {case}");
            sealed(&name, &response);
            cells += 1;
            let refused = wanted == 0 || status == wanted;
            if !refused {
                wrong.push(format!("{name}: {status} and not {wanted}"));
            }
            let body = read(response).await;
            assert!(!body.contains(&good), "{name}: {body}");
            if wanted != 0 && refused {
                let problem: Value = serde_json::from_str(&body).unwrap_or_default();
                // Below `/api/` it is an envelope, and where clients of OpenAI's API ask it has their shape.
                let said = problem.get("status").or(problem.get("code"));
                let said = said.or(problem.pointer("/error/status"));
                assert_eq!(said, Some(&status.into()), "{name}: {body}");
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {cells}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for page in PAGES {
        let known = |one: &&Operation| one.method == Method::GET && one.path == page;
        assert!(all.iter().any(|one| known(&one)), "{page}");
    }
}

#[tokio::test]
async fn the_route_table_is_the_access_policy() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let mut table: Vec<_> = operations(&api)
        .await
        .iter()
        .map(|operation| {
            let scope = match operation.scope.as_deref() {
                None => "open",
                Some("") => "whoever is known",
                Some(scope) => scope,
            };
            format!("{} -> {scope}", operation.name())
        })
        .collect();
    table.sort_by_key(|line| line.split(' ').nth(1).map(str::to_owned));
    insta::assert_snapshot!(table.join("\n"));
}
