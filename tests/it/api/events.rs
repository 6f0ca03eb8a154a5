//! Events, as a stream.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jarkeeper::session::Files;
use jarkeeper::store::{EventRow, Store};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::process::{Root, eventually};
use crate::support::{Api, Site, answer, key, with};

const HOUR: TimeDelta = TimeDelta::hours(1);
/// Longest wait for one event.
const PATIENCE: Duration = Duration::from_secs(60);

/// One frame of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
struct Frame {
    id: Option<i64>,
    event: String,
    data: Value,
}

/// A stream that is read.
struct Stream {
    response: Response,
    buffer: String,
}

impl Stream {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// The next event; `None`: the stream has ended.
    async fn next(&mut self) -> Option<Frame> {
        let next = tokio::time::timeout(PATIENCE, self.read()).await;
        next.expect("no event came")
    }

    async fn read(&mut self) -> Option<Frame> {
        loop {
            while let Some(end) = self.buffer.find("\n\n") {
                let block: String = self.buffer.drain(..end + 2).collect();
                let mut frame = Frame::default();
                for line in block.trim_end().lines() {
                    match line.split_once(": ") {
                        Some(("id", id)) => frame.id = Some(id.parse().unwrap()),
                        Some(("event", event)) => frame.event = event.to_owned(),
                        Some(("data", data)) => frame.data = serde_json::from_str(data).unwrap(),
                        _ => assert!(
                            line.starts_with(':') || line.starts_with("retry: "),
                            "{line}"
                        ),
                    }
                }
                if !frame.event.is_empty() {
                    return Some(frame);
                }
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.buffer += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The next events, by kind.
    async fn kinds(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        for _ in 0..count {
            kinds.push(self.next().await.expect("the stream ended").event);
        }
        kinds
    }
}

fn store(root: &Root) -> Store {
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    Store::open(&path).unwrap()
}

#[tokio::test]
async fn what_happens_to_a_session_is_told_as_it_happens_and_again_to_who_comes_back() {
    let site = Site::start();
    let root = Root::of(&site);
    let mut daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let kinds = "session.renewed,session.failed,session.held,lease.taken,lease.ended";
    let path = format!("/v1/events?after=0&kind={kinds}");
    let mut stream = Stream::open(api.own(Method::GET, &path)).await;
    let renewed = stream.next().await.unwrap();
    assert_eq!(renewed.event, "session.renewed");
    assert_eq!(renewed.data["session"], "x");
    assert_eq!(renewed.data["how"], "logged_in");
    assert_eq!(renewed.data["cause"], "startup");
    assert!(
        renewed.data["duration_ms"].as_u64().unwrap() > 0,
        "{renewed:?}"
    );
    assert_eq!(renewed.data["id"].as_i64(), renewed.id);
    // No cookie, no password.
    let told = renewed.data.to_string();
    let state = root.state("x").unwrap();
    for secret in state.cookies.iter().map(|cookie| cookie.value.as_str()) {
        assert!(!told.contains(secret), "{told}");
    }

    // A lease, and the site's refusal.
    let (_, lease) = answer(with(
        api.own(Method::POST, "/v1/sites/x/leases"),
        &json!({}),
    ))
    .await;
    let id = lease["id"].as_str().unwrap();
    let gone = answer(api.own(Method::DELETE, &format!("/v1/leases/{id}"))).await;
    assert_eq!(gone.0, 204);
    assert_eq!(stream.kinds(2).await, ["lease.taken", "lease.ended"]);
    let stranger = site.recipe("PASSWORD").replace(Site::USER, "nobody");
    root.recipe("y", &stranger);
    let failed = stream.next().await.unwrap();
    assert_eq!(failed.event, "session.failed", "{failed:?}");
    assert_eq!(failed.data["class"], "wrong_credentials");
    assert_eq!(failed.data["session"], "y");
    let held = stream.next().await.unwrap();
    assert_eq!(
        (held.event.as_str(), &held.data["class"]),
        ("session.held", &json!("wrong_credentials"))
    );

    // Another daemon later: who comes back with the last number misses nothing.
    let last = renewed.id.unwrap();
    daemon.stop();
    assert_eq!(stream.next().await, None, "a stop ends the streams");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let again = api
        .own(
            Method::GET,
            "/v1/events?kind=lease.taken,session.held&after=999",
        )
        .header("last-event-id", last);
    let mut again = Stream::open(again).await;
    assert_eq!(again.kinds(2).await, ["lease.taken", "session.held"]);
}

#[tokio::test]
async fn a_caller_hears_only_of_sessions_that_it_reaches_and_only_as_long_as_its_key_lasts() {
    let root = Root::new();
    root.env("PASSWORD", "unused");
    for name in ["one", "two"] {
        let recipe =
            "url = \"http://127.0.0.1:9/\"\nusername = \"a\"\npassword = \"${PASSWORD}\"\n";
        root.recipe(name, recipe);
    }
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let short = key(&root, "sessions:read", &["two"], TimeDelta::seconds(12)).await;
    let mut narrow = {
        let kinds = "lease.taken,settings.changed";
        let path = format!("/v1/events?after=0&kind={kinds}");
        Stream::open(api.call(Method::GET, &path).bearer_auth(&short)).await
    };
    for site in ["one", "two"] {
        let path = format!("/v1/sites/{site}/leases");
        let taken = answer(with(api.own(Method::POST, &path), &json!({}))).await;
        assert_eq!(taken.0, 201, "{taken:?}");
    }
    root.save("config.toml", "[log]\nfilter = \"debug\"\n");
    let own = "/v1/events?after=0&kind=lease.taken,settings.changed";
    let mut wide = Stream::open(api.own(Method::GET, own)).await;
    assert_eq!(
        wide.kinds(3).await,
        ["lease.taken", "lease.taken", "settings.changed"]
    );
    let heard = narrow.next().await.unwrap();
    assert_eq!(heard.data["session"], "two");
    // The key ends, and with it the stream; nothing else was heard.
    let asked = Utc::now();
    assert_eq!(narrow.next().await, None);
    assert!(Utc::now() - asked < TimeDelta::seconds(18));
    let (status, _) = answer(api.call(Method::GET, "/v1/events").bearer_auth(&short)).await;
    assert_eq!(status, 401);

    let long = key(&root, "sessions:read", &["two"], HOUR).await;
    for (path, expected, word) in [
        ("/v1/events?session=one", 404, "unknown-session"),
        ("/v1/events?session=none", 404, "unknown-session"),
        ("/v1/events?session=A%20B", 404, "unknown-session"),
        ("/v1/events?kind=session.danced", 400, "invalid-request"),
    ] {
        let (status, problem) = answer(api.call(Method::GET, path).bearer_auth(&long)).await;
        assert_eq!(status, expected, "{path}");
        assert_eq!(
            problem["type"],
            format!("urn:jarkeeper:problem:{word}"),
            "{path}"
        );
    }
    let wrong = api.call(Method::GET, "/v1/events").bearer_auth(&long);
    let (status, _) = answer(wrong.header("last-event-id", "seven")).await;
    assert_eq!(status, 400);
    let lease = key(&root, "sessions:lease", &[], HOUR).await;
    let (status, _) = answer(api.call(Method::GET, "/v1/events").bearer_auth(&lease)).await;
    assert_eq!(status, 403);

    // A key that is revoked hears no more.
    let body = json!({ "name": "ear", "scopes": ["sessions:read"] });
    let (status, made) = answer(with(api.own(Method::POST, "/v1/keys"), &body)).await;
    assert_eq!(status, 201, "{made}");
    let value = made["value"].as_str().unwrap();
    let mut ear = Stream::open(api.call(Method::GET, "/v1/events").bearer_auth(value)).await;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(answer(api.own(Method::DELETE, &path)).await.0, 204);
    let revoked = Utc::now();
    assert_eq!(ear.next().await, None);
    let took = Utc::now() - revoked;
    assert!(took < TimeDelta::seconds(6), "{took}");
}

#[tokio::test]
async fn who_missed_events_that_are_gone_is_told_so() {
    let root = Root::new();
    let mut daemon = root.daemon();
    daemon.stop();
    let kept = store(&root);
    for number in 0..6 {
        let row = EventRow {
            id: 0,
            at: Utc::now(),
            kind: "settings.changed".to_owned(),
            session: None,
            facts: format!("{{\"duration_ms\":{number}}}"),
        };
        kept.insert_event(row).await.unwrap();
    }
    kept.prune_events(Utc::now() - HOUR, 3).await.unwrap();
    drop(kept);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    for (after, gap) in [("1", true), ("3", false), ("0", false), ("77", true)] {
        let path = format!("/v1/events?after={after}");
        let mut stream = Stream::open(api.own(Method::GET, &path)).await;
        if gap {
            let frame = stream.next().await.unwrap();
            assert_eq!((frame.event.as_str(), frame.id), ("gap", None));
            assert_eq!(frame.data, json!({ "oldest": 4 }));
        }
        let ids = [stream.next().await, stream.next().await].map(|frame| frame.unwrap().id);
        assert_eq!(ids, [Some(4), Some(5)], "after {after}");
    }
}

/// Reads nothing: its seat is free again, and nobody else waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_does_not_read_is_dropped_and_disturbs_nobody() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let reader = key(&root, "read", &[], HOUR).await;
    let address = api.base.strip_prefix("http://").unwrap();
    let mut deaf = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /v1/events?after=0 HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {reader}\r\n\r\n"
    );
    deaf.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    deaf.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    assert_eq!(streams(&api).await, 1);
    // More than any buffer between us takes.
    let kept = store(&root);
    let long = "x".repeat(60_000);
    let adds = (0..300).map(|_| {
        kept.insert_event(EventRow {
            id: 0,
            at: Utc::now(),
            kind: "settings.changed".to_owned(),
            session: None,
            facts: json!({ "lease": long }).to_string(),
        })
    });
    for added in futures::future::join_all(adds).await {
        added.unwrap();
    }
    root.save("config.toml", "[log]\nfilter = \"debug\"\n");
    let mut other = Stream::open(api.own(Method::GET, "/v1/events?after=0")).await;
    for _ in 0..300 {
        other.next().await.unwrap();
    }
    drop(other);
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        eventually("the deaf reader is dropped", || {
            (handle.block_on(streams(&api)) == 0).then_some(())
        });
    });
    drop(deaf);
}

async fn streams(api: &Api) -> u64 {
    let text = api.own(Method::GET, "/metrics").send().await.unwrap();
    let text = text.text().await.unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("jarkeeper_event_streams "));
    line.unwrap().parse().unwrap()
}
