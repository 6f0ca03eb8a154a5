//! Who takes too long, and who asks too often.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::{configure, key};
use crate::support::process::Root;
use crate::support::raw::port;
use crate::support::{Api, answer};

#[tokio::test]
async fn wrong_credentials_are_slowed_down_and_a_good_key_is_not() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "read").await;
    let mut refused = 0;
    for _ in 0..300 {
        let wrong = api.call(Method::GET, "/v1/sites").bearer_auth("wrong");
        let response = wrong.send().await.unwrap();
        match response.status().as_u16() {
            401 => {}
            429 => {
                refused += 1;
                let wait = response.headers()["retry-after"].to_str().unwrap();
                assert!((1..=60).contains(&wait.parse::<u64>().unwrap()));
            }
            other => panic!("{other}"),
        }
    }
    assert!(refused > 20, "{refused}");
    let good = api.call(Method::GET, "/v1/sites").bearer_auth(&key);
    assert_eq!(answer(good).await.0, 200);
}

#[tokio::test]
async fn behind_a_proxy_each_address_counts_for_itself_and_else_none_is_believed() {
    let wrong = async |api: &Api, name: &str, from: &str| {
        let request = api.call(Method::GET, "/v1/sites").bearer_auth("wrong");
        answer(request.header(name, from)).await.0
    };
    let root = Root::new();
    configure(&root, "proxies = ['127.0.0.1']");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(wrong(&api, "x-forwarded-for", "192.0.2.1").await);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 2]);
    assert_eq!(wrong(&api, "x-forwarded-for", "192.0.2.2").await, 401);
    assert_eq!(wrong(&api, "x_forwarded_for", "192.0.2.1").await, 401);
    let page = answer(api.own(Method::GET, "/v1/audit?limit=1000")).await.1;
    let peers: Vec<_> = page["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["peer"].clone())
        .collect();
    assert_eq!(peers[..3], ["127.0.0.1", "192.0.2.2", "192.0.2.1"]);
    drop(daemon);

    let other = Root::new();
    let daemon = other.daemon();
    let api = Api::of(&other, &daemon);
    for _ in 0..12 {
        assert_eq!(wrong(&api, "x-forwarded-for", "192.0.2.1").await, 401);
    }
    let page = answer(api.own(Method::GET, "/v1/audit")).await.1;
    assert_eq!(page["lines"][0]["peer"], "127.0.0.1");
}

/// The slowest of a hundred calls with a good key.
async fn slowest(api: &Api, key: &str) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let began = Instant::now();
        let (status, _) = answer(api.call(Method::GET, "/v1/sites").bearer_auth(key)).await;
        assert_eq!(status, 200);
        slowest = slowest.max(began.elapsed());
    }
    slowest
}

#[tokio::test]
async fn those_who_drip_are_cut_off_and_others_do_not_notice() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (key, port) = (key(&root, "read").await, port(&api));
    let before = slowest(&api, &key).await;
    let begun = Instant::now();
    let drips: Vec<_> = (0..200)
        .map(|_| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let head = format!("GET /v1/sites HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: ");
                stream.write_all(head.as_bytes()).await.unwrap();
                let mut ticks = tokio::time::interval(Duration::from_millis(500));
                let mut space = [0; 64];
                loop {
                    tokio::select! {
                        _ = ticks.tick() => {
                            if stream.write_all(b"y").await.is_err() {
                                break;
                            }
                        }
                        read = stream.read(&mut space) => {
                            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
                            break;
                        }
                    }
                }
                begun.elapsed()
            })
        })
        .collect();
    let meanwhile = slowest(&api, &key).await;
    for drip in drips {
        let took = drip.await.unwrap();
        assert!(
            took >= Duration::from_secs(9) && took < Duration::from_secs(16),
            "{took:?}"
        );
    }
    // The machine may be busy with other tests.
    let allowed = (before * 2).max(Duration::from_millis(500));
    assert!(meanwhile <= allowed, "{before:?} {meanwhile:?}");
}

#[tokio::test]
async fn bodies_are_read_up_to_their_limits() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "read write admin").await;
    let send = async |method: Method, path: &str, kind: &str, body: Vec<u8>| {
        let request = api.call(method, path).bearer_auth(&key);
        answer(request.header("content-type", kind).body(body))
            .await
            .0
    };
    let json = "application/json";
    let deep = |levels: usize| {
        let body = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        format!("{{\"name\":{body}}}").into_bytes()
    };
    assert_eq!(
        send(Method::POST, "/v1/keys", json, vec![b' '; (1 << 20) + 1]).await,
        413
    );
    assert_eq!(
        send(Method::POST, "/v1/keys", json, deep(1_000_000 / 2)).await,
        400
    );
    assert_eq!(send(Method::POST, "/v1/keys", json, deep(64)).await, 400);
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        send(
            Method::POST,
            "/oauth/token",
            form,
            vec![b'a'; (16 << 10) + 1]
        )
        .await,
        413
    );
    assert_eq!(
        send(Method::POST, "/oauth/token", json, b"{}".to_vec()).await,
        415
    );
    let state = "/v1/sessions/wiki/state";
    // Larger than others may be, and looked at: there is no such session.
    assert_eq!(
        send(Method::PUT, state, json, vec![b' '; 2 << 20]).await,
        404
    );
    assert_eq!(
        send(Method::PUT, state, json, vec![b' '; (64 << 20) + 1]).await,
        413
    );
    let packed = api.call(Method::POST, "/v1/keys").bearer_auth(&key);
    let packed = packed
        .header("content-encoding", "gzip")
        .header("content-type", json);
    assert_eq!(answer(packed.body(vec![0; 10])).await.0, 415);
    // A body without an end and without a length.
    let port = port(&api);
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let endless = format!(
        "POST /v1/keys HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\nContent-Type: {json}\r\n\
         Transfer-Encoding: chunked\r\n\r\n{}",
        chunk.repeat(40)
    );
    assert_eq!(crate::support::raw::say(&api, endless).await.status(), 413);
}
