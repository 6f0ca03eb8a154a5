//! Health, numbers and traces.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::{Root, eventually};
use crate::support::{Api, Site, answer, key};

const HOUR: TimeDelta = TimeDelta::hours(1);

async fn ready(api: &Api) -> (u16, Value) {
    answer(api.call(Method::GET, "/readyz")).await
}

/// The reasons why the daemon is not ready.
fn reasons(answer: &Value) -> Vec<&str> {
    let checks = answer["checks"].as_array().unwrap().iter();
    let wrong = checks.filter(|check| check["ok"] == false);
    wrong.map(|check| check["name"].as_str().unwrap()).collect()
}

/// Waits until the daemon says so, and how long that took.
fn until_ready(api: &Api, status: u16) -> (Value, Duration) {
    let began = Instant::now();
    let handle = tokio::runtime::Handle::current();
    let found = tokio::task::block_in_place(|| {
        eventually(&format!("/readyz answers {status}"), || {
            let (found, body) = handle.block_on(ready(api));
            (found == status).then_some(body)
        })
    });
    (found, began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_says_what_is_wrong_to_anybody_and_comes_back_within_five_seconds() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (status, alive) = answer(api.call(Method::GET, "/healthz")).await;
    assert_eq!((status, alive), (200, json!({ "status": "ok" })));
    let (body, _) = until_ready(&api, 200);
    assert_eq!(body["ready"], true, "{body}");
    let names: Vec<_> = body["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["name"])
        .collect();
    assert_eq!(names, ["store", "auth", "settings", "browser"]);

    // A broken file.
    root.save("config.toml", "[log]\nfilter = 7\n");
    let (body, _) = until_ready(&api, 503);
    assert_eq!(reasons(&body), ["settings"]);
    let path = root.path().display().to_string();
    assert!(!body.to_string().contains(&path), "{body}");
    root.save("config.toml", "[log]\nfilter = \"info\"\n");
    let (_, took) = until_ready(&api, 200);
    assert!(took < Duration::from_secs(5), "{took:?}");

    // The folder of sessions is open to others.
    let mode = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(root.auth(), permissions).unwrap();
    };
    mode(0o755);
    let (body, _) = until_ready(&api, 503);
    assert_eq!(reasons(&body), ["auth"], "{body}");
    assert_eq!(answer(api.call(Method::GET, "/healthz")).await.0, 200);
    mode(0o700);
    let (_, took) = until_ready(&api, 200);
    assert!(took < Duration::from_secs(5), "{took:?}");

    // No Chromium is where the settings say.
    root.save(
        "config.toml",
        "[browser]\nexecutable = \"/nowhere/chromium\"\n",
    );
    let (body, _) = until_ready(&api, 503);
    assert_eq!(reasons(&body), ["browser"], "{body}");
    root.save("config.toml", "");
    until_ready(&api, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_fails_is_told_until_a_renewal_has_gone_well() {
    let site = Site::start();
    let root = Root::of(&site);
    // Is there, and is no browser.
    let stub = root.path().join("stub");
    std::fs::write(&stub, "#!/bin/sh\nexit 3\n").unwrap();
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&stub, permissions).unwrap();
    let executable = format!("[browser]\nexecutable = \"{}\"\n", stub.display());
    root.save("config.toml", &executable);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (body, _) = until_ready(&api, 503);
    assert_eq!(reasons(&body), ["browser"], "{body}");
    root.save("config.toml", "");
    let renewed = |line: &Value| line["message"] == "session renewed";
    // As soon as the back-off lets it.
    daemon.find(0, renewed).expect("a renewal");
    let (_, took) = until_ready(&api, 200);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn numbers_are_told_by_route_and_by_site_and_hold_no_path_and_no_key() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    daemon.hears("session renewed");
    let reader = key(&root, "read", &[], HOUR).await;
    for (path, expected) in [
        (format!("/v1/sites?key={reader}"), 200),
        ("/v1/leases/canary-in-a-path".to_owned(), 401),
        ("/v1/canary-without-a-route".to_owned(), 404),
    ] {
        assert_eq!(
            answer(api.call(Method::GET, &path)).await.0,
            expected,
            "{path}"
        );
    }
    let odd = Method::from_bytes(b"CANARY").unwrap();
    assert_eq!(answer(api.call(odd, "/v1/sites")).await.0, 405);
    let response = api
        .call(Method::GET, "/metrics")
        .bearer_auth(&reader)
        .send();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(
        kind,
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = response.text().await.unwrap();
    for line in [
        r#"jarkeeper_renewals_total{site="x",how="logged_in",class=""} 1"#,
        r#"jarkeeper_renewal_duration_seconds_count{how="logged_in"} 1"#,
        r#"jarkeeper_http_requests_total{method="GET",route="/v1/sites",status="200"} 1"#,
        r#"jarkeeper_http_requests_total{method="GET",route="/v1/leases/{id}",status="401"} 1"#,
        r#"jarkeeper_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"jarkeeper_http_requests_total{method="other",route="/v1/sites",status="405"} 1"#,
        "jarkeeper_sessions 1",
        "jarkeeper_sessions_alive 1",
        "jarkeeper_sessions_held 0",
        "jarkeeper_leases 0",
        "jarkeeper_webhook_deliveries_waiting 0",
        "# EOF",
    ] {
        assert!(
            text.lines().any(|one| one == line),
            "{line} is not in\n{text}"
        );
    }
    for name in [
        "process_resident_memory_bytes ",
        "process_threads ",
        "process_open_fds ",
    ] {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        assert!(line.parse::<u64>().unwrap() > 0, "{name}{line}");
    }
    for secret in ["canary", "CANARY", &reader, Site::PASSWORD] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    // It covers every site.
    let narrow = key(&root, "read", &["x"], HOUR).await;
    let narrow = answer(api.call(Method::GET, "/metrics").bearer_auth(&narrow)).await;
    assert_eq!(narrow.0, 403);
    let fine = key(&root, "sessions:read", &[], HOUR).await;
    let fine = answer(api.call(Method::GET, "/metrics").bearer_auth(&fine)).await;
    assert_eq!(fine.0, 403);
    assert_eq!(answer(api.call(Method::GET, "/metrics")).await.0, 401);
}

/// What a collector was sent: paths, and bodies.
type Sent = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A collector on loopback: takes everything.
fn collector() -> (String, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = Sent::default();
    let kept = Arc::clone(&sent);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = Vec::new();
            let mut chunk = [0; 4096];
            let whole = |bytes: &[u8]| {
                let head = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
                let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
                let length = text
                    .split("content-length: ")
                    .nth(1)?
                    .split("\r\n")
                    .next()?;
                (bytes.len() >= head + length.parse::<usize>().ok()?).then_some((text, head))
            };
            let (head, at) = loop {
                match stream.read(&mut chunk) {
                    Ok(read @ 1..) => bytes.extend_from_slice(&chunk[..read]),
                    _ => break (String::new(), bytes.len()),
                }
                if let Some(found) = whole(&bytes) {
                    break found;
                }
            };
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            kept.lock().unwrap().push((path, bytes.split_off(at)));
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, sent)
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|part| part == text)
}

#[tokio::test]
async fn spans_reach_the_collector_by_the_stop_at_the_latest_and_hold_no_secret() {
    let site = Site::start();
    let root = Root::of(&site);
    let (url, sent) = collector();
    root.env("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
    let mut daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    daemon.hears("session renewed");
    let reader = key(&root, "read", &[], HOUR).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = api
        .call(
            Method::GET,
            &format!("/v1/sites?key={reader}&canary=canary"),
        )
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(answer(request).await.0, 200);
    let missing = "/v1/leases/canary-in-a-path";
    assert_eq!(answer(api.call(Method::GET, missing)).await.0, 401);
    assert_eq!(daemon.stop().0, 0);
    let sent = sent.lock().unwrap().clone();
    assert!(
        sent.iter().all(|(path, _)| path == "/v1/traces"),
        "{sent:?}"
    );
    let bytes: Vec<u8> = sent.iter().flat_map(|(_, body)| body.clone()).collect();
    for text in [
        "jarkeeper",
        "renewal",
        "jarkeeper.cause",
        "LoggedIn",
        "GET /v1/sites",
        "GET /v1/leases/{id}",
        "http.route",
        "jarkeeper.principal",
        "key:",
    ] {
        assert!(holds(&bytes, text.as_bytes()), "{text} was not sent");
    }
    let id: Vec<u8> = (0..trace.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&trace[at..at + 2], 16).unwrap())
        .collect();
    assert!(holds(&bytes, &id), "the caller's trace is not gone on with");
    let state = root.state("x").unwrap();
    let mut secrets: Vec<&str> = state.cookies.iter().map(|c| c.value.as_str()).collect();
    secrets.extend(["canary", Site::PASSWORD, &reader]);
    for secret in secrets {
        assert!(!holds(&bytes, secret.as_bytes()), "{secret} was sent");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_once_and_keeps_nothing_from_stopping() {
    let root = Root::new();
    let place = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", place.local_addr().unwrap());
    drop(place);
    root.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &url);
    root.env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let mut daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    for _ in 0..3 {
        assert_eq!(answer(api.call(Method::GET, "/healthz")).await.0, 200);
    }
    let said = daemon.hears("traces do not reach their collector");
    assert_eq!(said["level"], "WARN");
    let (code, took) = daemon.stop();
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(8), "{took:?}");
}
