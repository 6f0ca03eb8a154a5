//! Who is let in: credentials, and pages of other sites.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::api::key;
use crate::support::Api;
use crate::support::process::Root;

const CHALLENGE: &str = "www-authenticate";

async fn heard(request: RequestBuilder) -> (u16, String, Value) {
    let response = request.send().await.unwrap();
    let challenge = response.headers().get(CHALLENGE);
    let challenge = challenge.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    let problem = serde_json::from_slice(&body).unwrap_or_default();
    (status, challenge, problem)
}

#[tokio::test]
async fn credentials_are_shown_once_in_one_of_three_ways() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "read").await;
    let sites = |query: &str| api.call(Method::GET, &format!("/v1/sites{query}"));
    let good = [
        sites(&format!("?key={key}")),
        sites("").header("x-api-key", &key),
        sites("").bearer_auth(&key),
    ];
    for request in good {
        assert_eq!(heard(request).await.0, 200);
    }
    let once = format!("?key={key}");
    let twice = [
        sites(&format!("?key={key}&key={key}")),
        sites(&format!("?key={key}&key=")),
        sites(&format!("?key={key}&%6bey={key}")),
        sites(&once).header("x-api-key", &key),
        sites(&once).bearer_auth(&key),
        sites(&once).header("authorization", "Basic YTpi"),
        sites("").header("x-api-key", &key).bearer_auth(&key),
        sites("")
            .bearer_auth(&key)
            .header("authorization", format!("Bearer {key}")),
        sites("")
            .header("x-api-key", &key)
            .header("x-api-key", &key),
        sites("").header("authorization", "Basic YTpi"),
        sites("").header("authorization", "Bearer"),
    ];
    for request in twice {
        let (status, challenge, problem) = heard(request).await;
        assert_eq!(status, 400, "{problem}");
        assert!(
            challenge.contains(r#"error="invalid_request""#),
            "{challenge}"
        );
        assert!(!problem.to_string().contains(&key));
    }
    let metadata = format!(
        r#"resource_metadata="{}/.well-known/oauth-protected-resource""#,
        api.base
    );
    let nobody = [
        sites(""),
        sites(&format!("?access_token={key}")),
        sites(&format!("?KEY={key}")),
        sites(&format!("?api_key={key}")),
        sites("").header("x_api_key", &key),
        sites("").header("cookie", format!("key={key}")),
        sites("").header("user-agent", "kube-probe/1.0"),
        sites("").header("x-forwarded-for", "127.0.0.1"),
        sites("").header("x-forwarded-user", "owner"),
        sites("").header("x-original-url", "/healthz"),
    ];
    for request in nobody {
        let (status, challenge, problem) = heard(request).await;
        assert_eq!(status, 401, "{problem}");
        assert!(challenge.starts_with("Bearer realm=") && !challenge.contains("error="));
        assert!(challenge.contains(&metadata), "{challenge}");
    }
    let bad = [
        sites("?key=jk_wrong"),
        sites("?key="),
        sites("").header("x-api-key", key.to_uppercase()),
        sites("").header("x-api-key", format!("{key}x")),
        sites("").bearer_auth("wrong"),
        // Only API keys are read from the query and from X-API-Key.
        sites("?key=eyJhbGciOiJub25lIn0.e30."),
    ];
    for request in bad {
        let (status, challenge, problem) = heard(request).await;
        assert_eq!(status, 401, "{problem}");
        assert!(
            challenge.contains(r#"error="invalid_token""#),
            "{challenge}"
        );
        assert!(challenge.contains(&metadata), "{challenge}");
    }
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "memory:read sessions:renew").await;
    for (path, scope) in [("/v1/sites", "sessions:read"), ("/v1/audit", "admin")] {
        let request = api.call(Method::GET, path).header("x-api-key", &key);
        let (status, challenge, problem) = heard(request).await;
        assert_eq!(
            (status, &problem["type"]),
            (403, &"urn:jarkeeper:problem:insufficient-scope".into())
        );
        let wanted = format!(r#"error="insufficient_scope", scope="{scope}""#);
        assert!(challenge.contains(&wanted), "{challenge}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_get_nowhere() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "read").await;
    let port = crate::support::raw::port(&api);
    let ask = async |headers: &[(&str, &str)], in_query: bool| {
        let mut request = match in_query {
            true => api.call(Method::GET, &format!("/v1/sites?key={key}")),
            false => api.call(Method::GET, "/v1/sites").header("x-api-key", &key),
        };
        for (name, value) in headers {
            request = request.header(*name, value.replace("PORT", &port.to_string()));
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers().get("access-control-allow-origin"), None);
        response.status().as_u16()
    };
    for in_query in [false, true] {
        for own in [
            vec![],
            vec![("origin", "http://127.0.0.1:PORT")],
            vec![
                ("origin", "http://localhost:PORT"),
                ("sec-fetch-site", "same-origin"),
            ],
            vec![("sec-fetch-site", "none")],
            vec![("origin", "null"), ("sec-fetch-site", "same-origin")],
        ] {
            assert_eq!(ask(&own, in_query).await, 200, "{own:?}");
        }
        for foreign in [
            vec![("origin", "https://evil.test")],
            vec![("origin", "null")],
            vec![("origin", "")],
            vec![("origin", "http://127.0.0.1")],
            vec![("origin", "http://127.0.0.1:1")],
            vec![("origin", "https://127.0.0.1:PORT")],
            vec![("origin", "http://127.0.0.1:PORT.evil.test")],
            vec![("origin", "http://127.0.0.1:PORT/")],
            vec![("origin", "chrome-extension://abcdef")],
            vec![
                ("origin", "http://127.0.0.1:PORT"),
                ("origin", "https://evil.test"),
            ],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
            vec![("sec-fetch-site", "something-new")],
            vec![
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
            vec![("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
        ] {
            assert_eq!(ask(&foreign, in_query).await, 403, "{foreign:?}");
        }
    }
    // What a browser asks before it sends something to another origin.
    let preflight = api
        .call(Method::OPTIONS, "/v1/sites")
        .header("origin", "https://evil.test")
        .header("access-control-request-method", "GET")
        .header("access-control-request-private-network", "true");
    let response = preflight.send().await.unwrap();
    assert_eq!(response.status(), 403);
    let allows = |response: &Response| {
        let mut names = response.headers().keys().map(|name| name.as_str());
        names.any(|name| name.starts_with("access-control-"))
    };
    assert!(!allows(&response));
}

#[tokio::test]
async fn every_answer_has_what_keeps_it_from_others() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "read").await;
    let answers = [
        api.call(Method::GET, "/v1/sites").bearer_auth(&key),
        api.call(Method::HEAD, "/v1/sites").bearer_auth(&key),
        api.call(Method::GET, "/v1/sites"),
        api.call(Method::GET, "/nowhere"),
        api.call(Method::DELETE, "/v1/sites"),
        api.call(Method::GET, "/v1/sites")
            .header("host", "evil.test"),
        api.call(Method::GET, "/v1/audit?limit=x").bearer_auth(&key),
        api.own(Method::GET, "/v1/sites"),
        api.own(Method::GET, "/v1/audit?limit=x"),
    ];
    for request in answers {
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            let value = value.unwrap_or_else(|| panic!("{name} is missing: {response:?}"));
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
        // Without TLS a promise of TLS would lock everybody out.
        assert_eq!(response.headers().get("strict-transport-security"), None);
    }
}

#[tokio::test]
async fn administration_is_for_those_who_reach_every_session() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let sites = ["wiki"];
    let life = chrono::TimeDelta::hours(1);
    let narrow = crate::support::key(&root, "read write admin", &sites, life).await;
    let mut seen = 0;
    for operation in super::matrix::operations(&api).await {
        // What looks itself at what the caller reaches.
        let own = operation.path.starts_with("/v1/keys") || operation.path == "/v1/tickets";
        if operation.scope.as_deref() != Some("admin") || own {
            continue;
        }
        let request = api.call(operation.method.clone(), &operation.place());
        let (status, _, problem) = heard(request.bearer_auth(&narrow)).await;
        let kind = "urn:jarkeeper:problem:insufficient-reach";
        let name = format!("{} {}", operation.method, operation.path);
        assert_eq!((status, &problem["type"]), (403, &kind.into()), "{name}");
        seen += 1;
    }
    assert!(seen > 8, "{seen}");
    let keys = api.call(Method::GET, "/v1/keys").bearer_auth(&narrow);
    assert_eq!(heard(keys).await.0, 200);
}
