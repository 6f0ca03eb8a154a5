//! What no HTTP library would send: foreign hosts, requests that can be read in two ways, headers without end.

use crate::api::key;
use crate::support::Api;
use crate::support::process::Root;
use crate::support::raw::{port, say};

#[tokio::test]
async fn only_our_own_hosts_are_answered() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (key, port) = (key(&root, "read").await, port(&api));
    let ask = async |target: &str, hosts: &[&str]| {
        let hosts: String = hosts
            .iter()
            .map(|host| format!("Host: {}\r\n", host.replace("PORT", &port.to_string())))
            .collect();
        let head = format!("GET {target} HTTP/1.1\r\n{hosts}X-API-Key: {key}\r\n");
        let heard = say(&api, format!("{head}Connection: close\r\n\r\n")).await;
        assert!(!heard.text.contains(&key), "{heard:?}");
        heard.status()
    };
    for own in ["127.0.0.1:PORT", "localhost:PORT", "LOCALHOST:PORT"] {
        assert_eq!(ask("/v1/sites", &[own]).await, 200, "{own}");
    }
    for foreign in [
        "evil.test",
        "evil.test:PORT",
        "0.0.0.0:PORT",
        "127.1:PORT",
        "2130706433:PORT",
        "0x7f000001:PORT",
        "localhost.:PORT",
        "localhost.evil.test:PORT",
        "127.0.0.1.evil.test:PORT",
        "evil.test@127.0.0.1:PORT",
        "127.0.0.1:PORT@evil.test",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "127.0.0.1:PORT0",
        "127.0.0.1:PORT, evil.test",
        "[::1]:PORT",
        "[::ffff:127.0.0.1]:PORT",
        "",
    ] {
        assert_eq!(ask("/v1/sites", &[foreign]).await, 403, "{foreign:?}");
    }
    assert_eq!(ask("/v1/sites", &[]).await, 400);
    for twice in [
        ["127.0.0.1:PORT", "127.0.0.1:PORT"],
        ["127.0.0.1:PORT", "evil.test"],
        ["evil.test", "127.0.0.1:PORT"],
    ] {
        assert_eq!(ask("/v1/sites", &twice).await, 400, "{twice:?}");
    }
    let own = format!("http://127.0.0.1:{port}/v1/sites");
    for target in [&*own, "http://evil.test/v1/sites", "*", "v1/sites"] {
        let status = ask(target, &["127.0.0.1:PORT"]).await;
        assert_eq!(status, 400, "{target}");
    }
}

#[tokio::test]
async fn what_two_parsers_could_read_in_two_ways_is_refused_and_ends_the_connection() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (key, port) = (key(&root, "read").await, port(&api));
    let head = format!("Host: 127.0.0.1:{port}\r\nX-API-Key: {key}\r\n");
    let hidden = format!("GET /v1/sites HTTP/1.1\r\n{head}\r\n");
    let post = format!("POST /v1/sites HTTP/1.1\r\n{head}");
    let size = format!("{:x}", hidden.len());
    let bad = [
        format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{hidden}"),
        format!(
            "{post}Content-Length: 0\r\nContent-Length: {}\r\n\r\n{hidden}",
            hidden.len()
        ),
        format!("{post}Content-Length: 0\r\nContent-Length: 0\r\n\r\n{hidden}"),
        format!("{post}Content-Length: 0, 0\r\n\r\n{hidden}"),
        format!("{post}Content-Length : 0\r\n\r\n{hidden}"),
        format!("{post}Content-Length: -1\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: gzip\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}X: y\0\r\n\r\n{hidden}"),
        format!("{post}: y\r\n\r\n{hidden}"),
        format!("GET /v1/sites HTTP/1.1\n{head}\r\n{hidden}"),
        format!("GET /v1/sites HTTP/1.1\r\n{head}\n{hidden}"),
        format!("GET  /v1/sites HTTP/1.1\r\n{head}\r\n{hidden}"),
        format!("\r\n{hidden}{hidden}"),
        format!("GET /v1/sites\r\n{head}\r\n{hidden}"),
        format!("GET /v1/sites HTTP/2.0\r\n{head}\r\n{hidden}"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{hidden}"),
    ];
    for bytes in bad {
        let heard = say(&api, &bytes).await;
        assert!(heard.closed, "{bytes:?} {heard:?}");
        assert!(
            heard.statuses().iter().all(|status| *status >= 400) && heard.statuses().len() <= 1,
            "{bytes:?} {heard:?}"
        );
    }
    // Broken only in the body: the request before it has its answer, what hides in it has none.
    for chunks in [
        format!("{size};x=y\r\n{hidden}\r\n0\r\n\r\n"),
        format!("0\r\n\n{hidden}"),
        format!("1\r\nab\r\n0\r\n\r\n{hidden}"),
        format!("\r\n{hidden}"),
    ] {
        let bytes = format!("{post}Transfer-Encoding: chunked\r\n\r\n{chunks}");
        let heard = say(&api, &bytes).await;
        assert!(heard.closed && heard.statuses().len() <= 1, "{heard:?}");
        assert!(!heard.statuses().contains(&200), "{heard:?}");
    }
}

#[tokio::test]
async fn good_requests_share_a_connection() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (key, port) = (key(&root, "read").await, port(&api));
    let head = format!("Host: 127.0.0.1:{port}\r\nX-API-Key: {key}\r\n");
    let get = format!("GET /v1/sites HTTP/1.1\r\n{head}");
    let sized = format!("{get}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}");
    let chunked =
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let heard = say(
        &api,
        format!("{get}\r\n{sized}{get}{chunked}{get}Connection: close\r\n\r\n"),
    )
    .await;
    assert_eq!(heard.statuses(), [200; 4], "{heard:?}");
    let head_only = say(
        &api,
        format!("HEAD /v1/sites HTTP/1.1\r\n{head}Connection: close\r\n\r\n"),
    )
    .await;
    assert_eq!(head_only.status(), 200);
    assert!(head_only.text.ends_with("\r\n\r\n"), "{head_only:?}");
}

#[tokio::test]
async fn other_versions_methods_and_endless_headers_are_refused() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let port = port(&api);
    let host = format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\n");
    let get = format!("GET /v1/sites HTTP/1.1\r\n{host}");
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = "y".repeat(40 << 10);
    let all = [
        (format!("GET /v1/sites HTTP/1.0\r\n{host}\r\n"), 505),
        (format!("{get}{many}\r\n"), 431),
        (format!("{get}X: {long}\r\n\r\n"), 431),
        (format!("{get}X-{long}: y\r\n\r\n"), 431),
        (format!("GET /{long}{long} HTTP/1.1\r\n{host}\r\n"), 431),
        (format!("CONNECT evil.test:443 HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("OPTIONS * HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("TRACE /v1/sites HTTP/1.1\r\n{host}\r\n"), 405),
        (format!("{get}Upgrade: websocket\r\n\r\n"), 401),
    ];
    for (bytes, status) in all {
        let heard = say(&api, &bytes).await;
        assert_eq!(heard.status(), status, "{} {heard:?}", &bytes[..60]);
    }
    // A header that never ends is not waited for: 8 MiB are refused long before they are there.
    let endless = format!("{get}X: {}", "y".repeat(8 << 20));
    assert_eq!(say(&api, endless).await.status(), 431);
}
