//! Where instances connect: lines 18 and 19 of the contract, and what else may happen at a door that leaves HTTP.

use std::time::Duration;

use futures::SinkExt as _;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::instance::{Instance, path, registered};
use crate::support::process::{Daemon, Root, eventually};
use crate::support::raw::{port, say};
use crate::support::{Api, answer, with};

/// A daemon.
pub(super) fn daemon() -> (Root, Daemon, Api) {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    (root, daemon, api)
}

/// What asks for a WebSocket, as bytes.
fn upgrade(api: &Api, path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n",
        port(api)
    )
}

/// What the detail of an instance says, asked with its own password.
async fn detail(api: &Api, id: &str, password: &str) -> Value {
    let request = api
        .call(Method::GET, &format!("/api/upload/{id}"))
        .header("authorization", format!("Bearer {id}:{password}"));
    let (status, body) = answer(request).await;
    assert_eq!((status, &body["code"]), (200, &json!(0)), "{body}");
    body["data"].clone()
}

/// Waits, three seconds at most, until the detail says this.
async fn seen(api: &Api, id: &str, password: &str, connected: bool) -> Value {
    let end = tokio::time::Instant::now() + Duration::from_secs(3);
    loop {
        let detail = detail(api, id, password).await;
        if detail["is_connected"] == connected {
            return detail;
        }
        assert!(tokio::time::Instant::now() < end, "{detail}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn line_18_a_password_opens_and_everything_else_is_refused_before_the_upgrade() {
    let (_root, daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let (other, _, _) = registered(&api, "b").await;
    let mut refusals = Vec::new();
    for (id, password) in [
        (id.as_str(), "wrong"),
        (&id, ""),
        ("00000000000000000000", &password),
        (&other, &password),
        ("None", "None"),
        ("list", "x"),
    ] {
        let refused = Instance::try_connect(&api, id, password).await;
        refusals.push(refused.err().expect("it must be refused"));
    }
    for at in [
        format!("/api/ws/{id}"),
        format!("{}&password={password}", path(&id, &password)),
        format!("/api/ws/{id}?key={password}"),
    ] {
        let refused = Instance::at(&api, &at).await;
        refusals.push(refused.err().expect("it must be refused"));
    }
    for refused in &refusals {
        assert_eq!(refused.0, 401, "{refused:?}");
        assert_eq!(refused, &refusals[0]);
        assert_eq!(
            (&refused.1["code"], &refused.1["data"]),
            (&json!(401), &Value::Null)
        );
    }
    // The example of RFC 6455 section 1.3.
    let right = path(&id, &password);
    let mut stream = TcpStream::connect(("127.0.0.1", port(&api))).await.unwrap();
    let asked = upgrade(&api, &right, "");
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut head = [0; 2048];
    let read = stream.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    let accept = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";
    assert!(
        head.contains(accept) && !head.contains("content-length"),
        "{head}"
    );
    drop(stream);
    // A page of another site.
    let foreign = upgrade(&api, &right, "Origin: https://evil.example\r\n");
    assert_eq!(say(&api, foreign).await.status(), 403);
    // One slash too many, which a client makes whose base ends in one.
    assert!(Instance::at(&api, &format!("/{right}")).await.is_ok());
    // What is no WebSocket is told so, whatever the password.
    let plain = api.call(Method::GET, &right);
    let (status, body) = answer(plain).await;
    assert_eq!((status, &body["code"]), (426, &json!(426)), "{body}");
    let log = format!("{:?}", daemon.log());
    assert!(
        !log.contains(&password) && !log.contains("password="),
        "{log}"
    );
}

#[tokio::test]
async fn line_19_pings_and_heartbeats_are_answered_and_presence_is_seen() {
    let (root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    assert_eq!(detail(&api, &id, &password).await["is_connected"], false);
    let mut instance = Instance::connect(&api, &id, &password).await;
    let first = seen(&api, &id, &password, true).await;
    let heard = |detail: &Value| -> chrono::DateTime<chrono::Utc> {
        let at = detail["last_heartbeat"].as_str().expect("it was heard");
        at.parse().unwrap()
    };
    // At another time of the clock by which it is told.
    let later = || tokio::time::sleep(Duration::from_millis(5));
    later().await;
    instance
        .socket
        .send(Message::Ping("abc".into()))
        .await
        .unwrap();
    assert_eq!(instance.next().await, Some(Message::Pong("abc".into())));
    let pinged = heard(&detail(&api, &id, &password).await);
    assert!(pinged > heard(&first), "{pinged} {first}");
    let nonsense = [
        "",
        "{",
        "[]",
        "5",
        "null",
        "{}",
        r#"{"type":"other"}"#,
        r#"{"type":["heartbeat"]}"#,
    ];
    for text in nonsense {
        instance.say(text).await;
    }
    instance
        .socket
        .send(Message::Binary(vec![0, 255].into()))
        .await
        .unwrap();
    let mut before = pinged;
    for _ in 0..2 {
        later().await;
        let now = chrono::Utc::now().to_rfc3339();
        let heartbeat = json!({ "type": "heartbeat", "version": "1.0",
            "data": { "timestamp": now, "instance_id": id, "status": "alive" } });
        instance.say(heartbeat.to_string()).await;
        assert_eq!(instance.hear().await, json!({ "type": "heartbeat_ack" }));
        let beat = heard(&detail(&api, &id, &password).await);
        assert!(beat > before, "{beat} {before}");
        before = beat;
    }
    // What is written down is the minute.
    let kept = crate::api::store(&root).instance(&id).unwrap().unwrap();
    let kept = kept
        .heard_at
        .expect("it was written down")
        .timestamp_millis();
    assert_eq!(kept % 60_000, 0);
    assert!((0..120_000).contains(&(before.timestamp_millis() - kept)));
    // Without a goodbye.
    drop(instance);
    let left = seen(&api, &id, &password, false).await;
    // It does not go back.
    assert!(heard(&left) >= before, "{left} {before}");
    eventually("it is written down", || {
        let kept = crate::api::store(&root).instance(&id).unwrap().unwrap();
        (kept.heard_at == Some(heard(&left))).then_some(())
    });
    // And with one.
    let mut instance = Instance::connect(&api, &id, &password).await;
    seen(&api, &id, &password, true).await;
    instance.socket.close(None).await.unwrap();
    assert_eq!(instance.closed().await, None);
    seen(&api, &id, &password, false).await;
}

#[tokio::test]
async fn a_newer_socket_takes_the_place_and_unregistering_closes_it() {
    let (_root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let mut first = Instance::connect(&api, &id, &password).await;
    let mut second = Instance::connect(&api, &id, &password).await;
    assert_eq!(first.closed().await, Some(4000));
    drop(first);
    assert_eq!(seen(&api, &id, &password, true).await["is_connected"], true);
    let gone = api
        .call(Method::DELETE, &format!("/api/upload/{id}"))
        .header("authorization", format!("Bearer {id}:{password}"))
        .header("content-length", "0");
    assert_eq!(answer(gone).await.0, 200);
    assert_eq!(second.closed().await, Some(4001));
    let refused = Instance::try_connect(&api, &id, &password).await;
    assert_eq!(refused.err().unwrap().0, 401);
}

#[tokio::test]
async fn a_socket_is_open_until_another_password_is_used() {
    let (_root, _daemon, api) = daemon();
    let (id, password, load) = registered(&api, "a").await;
    let mut instance = Instance::connect(&api, &id, &password).await;
    let again = with(
        api.own(Method::POST, "/v1/registrations"),
        &json!({ "load": load }),
    );
    let (status, made) = answer(again).await;
    assert_eq!((status, &made["instance_id"]), (201, &json!(id)), "{made}");
    let newer = made["instance_password"].as_str().unwrap();
    instance.say(r#"{"type":"heartbeat"}"#).await;
    assert_eq!(instance.hear().await["type"], "heartbeat_ack");
    assert_eq!(detail(&api, &id, &password).await["is_connected"], true);
    // It is used, and the one before is no good any more.
    let mut successor = Instance::connect(&api, &id, newer).await;
    assert_eq!(instance.closed().await, Some(4004));
    drop(instance);
    successor.say(r#"{"type":"heartbeat"}"#).await;
    assert_eq!(successor.hear().await["type"], "heartbeat_ack");
    assert_eq!(detail(&api, &id, newer).await["is_connected"], true);
    let refused = Instance::try_connect(&api, &id, &password).await;
    assert_eq!(refused.err().unwrap().0, 401);
}

#[tokio::test]
async fn a_stop_closes_sockets_and_is_not_held_up_by_them() {
    let (_root, mut daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let (mute, mute_password, _) = registered(&api, "b").await;
    let mut polite = Instance::connect(&api, &id, &password).await;
    let rude = Instance::connect(&api, &mute, &mute_password).await;
    daemon.signal(Signal::TERM);
    assert_eq!(polite.closed().await, Some(1001));
    let ended = tokio::task::spawn_blocking(move || daemon.ended(Duration::from_secs(10)));
    let status = ended.await.unwrap().expect("it stops");
    assert_eq!(status.code(), Some(0));
    drop(rude);
}

#[tokio::test]
async fn an_upgrade_is_no_way_around_what_http_must_be() {
    let (_root, daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let right = path(&id, &password);
    let asked = upgrade(&api, &right, "");
    let sites = format!(
        "GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        port(&api)
    );
    // Bytes after the upgrade that look like HTTP are none any more: no second answer comes.
    let heard = say(&api, format!("{asked}{sites}")).await;
    assert_eq!(heard.statuses(), [101], "{heard:?}");
    assert!(heard.closed);
    let mut stream = TcpStream::connect(("127.0.0.1", port(&api))).await.unwrap();
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut space = [0; 2048];
    let read = stream.read(&mut space).await.unwrap();
    assert!(space[..read].starts_with(b"HTTP/1.1 101"));
    stream.write_all(sites.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
    let _ = ended.expect("a frame that is none ends the socket");
    assert!(
        !String::from_utf8_lossy(&rest).contains("HTTP/1.1"),
        "{rest:?}"
    );
    // A refused upgrade leaves HTTP as it is: the next request is answered.
    let wrong = upgrade(&api, &path(&id, "wrong"), "");
    let close = sites.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let heard = say(&api, format!("{wrong}{close}")).await;
    assert_eq!(heard.statuses(), [401, 401], "{heard:?}");
    // To what else an upgrade is asked for, it is not made.
    for more in ["GET /v1/me", "GET /healthz", "POST /api/upload/register"] {
        let (method, at) = more.split_once(' ').unwrap();
        let asked = upgrade(&api, at, "Content-Length: 0\r\n");
        let asked = asked.replacen("GET", method, 1);
        let heard = say(
            &api,
            asked.replace("Connection: Upgrade", "Connection: Upgrade, close"),
        )
        .await;
        assert!(!heard.statuses().contains(&101), "{more} {heard:?}");
    }
    // Not quite an upgrade.
    for (what, with) in [
        ("GET", "HEAD"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("Version: 13", "Version: 8"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: Upgrade", "Connection: close"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        (
            "Upgrade: websocket\r\n",
            "Upgrade: websocket\r\nContent-Length: 3\r\n",
        ),
        (
            "Upgrade: websocket\r\n",
            "Upgrade: websocket\r\nUpgrade: h2c\r\n",
        ),
    ] {
        let mut asked = asked.replacen(what, with, 1);
        if with.contains("Content-Length") {
            asked.push_str("abc");
        }
        if !asked.contains("close") {
            asked = asked.replacen("Connection: Upgrade", "Connection: Upgrade, close", 1);
        }
        let heard = say(&api, &asked).await;
        let status = heard.statuses()[0];
        assert!(
            matches!(status, 400 | 426 | 505 | 405 | 413 | 415),
            "{with} {heard:?}"
        );
    }
    // Half of one is ended by its time, and holds up nobody.
    let mut half = TcpStream::connect(("127.0.0.1", port(&api))).await.unwrap();
    half.write_all(&asked.as_bytes()[..asked.len() - 10])
        .await
        .unwrap();
    let mut ok = Instance::connect(&api, &id, &password).await;
    ok.say(r#"{"type":"heartbeat"}"#).await;
    assert_eq!(ok.hear().await["type"], "heartbeat_ack");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(30), half.read_to_end(&mut rest)).await;
    let _ = ended.expect("a header has its time");
    drop(daemon);
}

#[tokio::test]
async fn too_much_ends_the_socket_and_nothing_else() {
    let (_root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    for length in [(1 << 20) + 1, 8 << 20] {
        let mut instance = Instance::connect(&api, &id, &password).await;
        let _ = instance
            .socket
            .send(Message::text("x".repeat(length)))
            .await;
        assert!(instance.closed().await.is_none_or(|code| code == 1009));
        seen(&api, &id, &password, false).await;
    }
    // A header that promises more than memory holds.
    let mut stream = TcpStream::connect(("127.0.0.1", port(&api))).await.unwrap();
    let asked = upgrade(&api, &path(&id, &password), "");
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut space = [0; 2048];
    assert!(stream.read(&mut space).await.unwrap() > 0);
    let huge = [
        0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1,
    ];
    stream.write_all(&huge).await.unwrap();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest))
        .await
        .expect("it is cut");
    assert_eq!(answer(api.call(Method::GET, "/healthz")).await.0, 200);
}
