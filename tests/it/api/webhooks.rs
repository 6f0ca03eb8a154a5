//! Webhooks, with receivers that take, fail, dawdle and lead elsewhere.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use jarkeeper::events::{Bus, Kind};
use jarkeeper::identity::Who;
use jarkeeper::store::{EventRow, Store};
use jarkeeper::webhooks::Webhooks;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::{Root, eventually};
use crate::support::{Api, Keeper, answer, clock, key, run, with};

/// One request, as it came.
#[derive(Debug, Clone)]
struct Got {
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(one, _)| one == name);
        found.map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What a receiver does with its `n`th request.
type Answers = dyn Fn(usize) -> &'static str + Send + Sync;

/// A receiver on loopback, in threads of its own.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    /// Each request is answered with the status line that `answers` gives; an empty one: never.
    fn start(answers: impl Fn(usize) -> &'static str + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::on(listener, answers)
    }

    fn on(
        listener: TcpListener,
        answers: impl Fn(usize) -> &'static str + Send + Sync + 'static,
    ) -> Self {
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (answers, count): (Arc<Answers>, _) =
            (Arc::new(answers), Arc::new(AtomicUsize::new(0)));
        let kept = Arc::clone(&got);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, answers) = (Arc::clone(&kept), Arc::clone(&answers));
                let count = Arc::clone(&count);
                std::thread::spawn(move || serve(&stream, &kept, &*answers, &count));
            }
        });
        Self { url, got }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    fn wait(&self, count: usize) -> Vec<Got> {
        eventually(&format!("{count} deliveries"), || {
            Some(self.got()).filter(|got| got.len() >= count)
        })
    }
}

fn serve(stream: &TcpStream, kept: &Mutex<Vec<Got>>, answers: &Answers, count: &AtomicUsize) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut headers = Vec::new();
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.trim_end().split_once(": ") {
                headers.push((name.to_ascii_lowercase(), value.to_owned()));
            }
        }
        let mut got = Got {
            headers,
            body: String::new(),
        };
        let length = got.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        got.body = String::from_utf8(body).unwrap();
        kept.lock().unwrap().push(got);
        let status = answers(count.fetch_add(1, Ordering::SeqCst));
        if status.is_empty() {
            // The other side gives up.
            let _ = reader.read_line(&mut line);
            return;
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Whether Python, with nothing but its own library, finds the signature right.
fn python_verifies(secret: &str, got: &Got) -> bool {
    let program = r#"
import base64, hashlib, hmac, json, sys
it = json.load(sys.stdin)
key = base64.b64decode(it["secret"].removeprefix("whsec_"))
signed = f'{it["id"]}.{it["timestamp"]}.{it["body"]}'.encode()
expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
sys.exit(0 if hmac.compare_digest(expected, it["signature"]) else 3)
"#;
    let mut python = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the tests need python3");
    let it = json!({
        "secret": secret, "id": got.header("webhook-id"), "timestamp": got.header("webhook-timestamp"),
        "body": got.body, "signature": got.header("webhook-signature"),
    });
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(it.to_string().as_bytes()).unwrap();
    drop(stdin);
    let code = python.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
    code == Some(0)
}

async fn make(api: &Api, body: Value) -> Value {
    let (status, made) = answer(with(api.own(Method::POST, "/v1/webhooks"), &body)).await;
    assert_eq!(status, 201, "{made}");
    made
}

/// Something happens: an account is leased and given back.
async fn lease(api: &Api) {
    let take = api.own(Method::POST, "/v1/sites/wiki/leases");
    let (status, lease) = answer(with(take, &json!({}))).await;
    assert_eq!(status, 201, "{lease}");
    let path = format!("/v1/leases/{}", lease["id"].as_str().unwrap());
    assert_eq!(answer(api.own(Method::DELETE, &path)).await.0, 204);
}

fn root() -> Root {
    let root = Root::new();
    root.env("PASSWORD", "unused");
    let recipe = "url = \"http://127.0.0.1:9/\"\nusername = \"a\"\npassword = \"${PASSWORD}\"\n";
    root.recipe("wiki", recipe);
    root
}

async fn deliveries(api: &Api, id: &str) -> Vec<Value> {
    let path = format!("/v1/webhooks/{id}/deliveries");
    let (status, listed) = answer(api.own(Method::GET, &path)).await;
    assert_eq!(status, 200, "{listed}");
    listed.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_delivery_is_signed_and_comes_again_under_the_same_id_until_it_is_taken() {
    let root = root();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let fails_once = Receiver::start(|n| if n == 0 { "500 No" } else { "204 Yes" });
    let made = make(
        &api,
        json!({ "url": fails_once.url, "kinds": ["lease.taken"] }),
    )
    .await;
    let (id, secret) = (
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    lease(&api).await;
    let got = fails_once.wait(2);
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert_eq!(got[0].body, got[1].body);
    for got in &got {
        assert!(python_verifies(secret, got));
        let changed = Got {
            body: got.body.replace("wiki", "wika"),
            ..got.clone()
        };
        assert!(!python_verifies(secret, &changed));
        assert_eq!(got.header("content-type"), "application/json");
    }
    let told = got[1].json();
    assert_eq!(told["type"], "lease.taken");
    assert_eq!(told["data"]["session"], "wiki");
    assert_eq!(told["timestamp"], told["data"]["at"]);
    let taken = loop {
        let mut listed = deliveries(&api, id).await;
        // It is written down a moment after it was taken.
        match listed.pop() {
            Some(one) if !one["delivered_at"].is_null() => break one,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(taken["tries"], 2);
    assert_eq!(taken["id"], got[0].header("webhook-id"));

    // Only what was asked for came, and nobody is told the secret again.
    assert_eq!(fails_once.got().len(), 2);
    let (_, listed) = answer(api.own(Method::GET, "/v1/webhooks")).await;
    assert_eq!(listed[0]["id"], id);
    assert!(!listed.to_string().contains("whsec_"), "{listed}");
    let secret = secret.strip_prefix("whsec_").unwrap();
    for file in ["store.db", "store.db-wal"] {
        let found = walk(&root.path().join(".auth"), file);
        let bytes = std::fs::read(found.unwrap()).unwrap();
        assert!(
            !bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes()),
            "{file}"
        );
    }
    assert!(
        !daemon
            .log()
            .iter()
            .any(|line| line.to_string().contains(secret))
    );
}

/// A file of this name below a folder.
fn walk(dir: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(dir).unwrap().flatten().find_map(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => walk(&path, name),
            false => (entry.file_name() == name).then_some(path),
        }
    })
}

#[tokio::test]
async fn what_was_not_taken_is_sent_after_a_restart() {
    let root = root();
    let mut daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    // Nobody listens there yet.
    let place = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", place.local_addr().unwrap());
    let address = place.local_addr().unwrap();
    drop(place);
    let made = make(&api, json!({ "url": url, "kinds": ["lease.ended"] })).await;
    lease(&api).await;
    daemon.kill();
    let receiver = Receiver::on(TcpListener::bind(address).unwrap(), |_| "200 OK");
    let _daemon = root.daemon();
    let got = receiver.wait(1);
    assert_eq!(got[0].json()["type"], "lease.ended");
    assert!(python_verifies(made["secret"].as_str().unwrap(), &got[0]));
}

#[tokio::test]
async fn a_test_says_what_came_of_it_and_redirects_and_silence_are_failures() {
    let root = root();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let elsewhere = Receiver::start(|_| "200 OK");
    let location = format!("302 Found\r\nlocation: {}", elsewhere.url);
    let location: &'static str = Box::leak(location.into_boxed_str());
    for (receiver, status, error) in [
        (Receiver::start(|_| "200 OK"), json!(200), Value::Null),
        (
            Receiver::start(move |_| location),
            json!(302),
            json!("it answered 302; redirects are not followed"),
        ),
        (
            Receiver::start(|_| "404 Not Found"),
            json!(404),
            json!("it answered 404"),
        ),
        (
            Receiver::start(|_| ""),
            Value::Null,
            json!("it did not answer within 10 s"),
        ),
    ] {
        let made = make(
            &api,
            json!({ "url": receiver.url, "kinds": ["code.wanted"] }),
        )
        .await;
        let path = format!("/v1/webhooks/{}/test", made["id"].as_str().unwrap());
        let (code, tried) = answer(api.own(Method::POST, &path)).await;
        assert_eq!(code, 200, "{tried}");
        assert_eq!(tried["taken"], error.is_null(), "{tried}");
        assert_eq!((&tried["status"], &tried["error"]), (&status, &error));
        assert_eq!(receiver.got()[0].json()["type"], "webhook.test");
        assert!(python_verifies(
            made["secret"].as_str().unwrap(),
            &receiver.got()[0]
        ));
    }
    assert!(elsewhere.got().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn a_webhook_leads_nowhere_private_and_is_an_administrators() {
    let root = root();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    for url in [
        "http://example.com/",
        "https://10.0.0.7/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:192.168.0.1]/",
        "https://u:p@example.com/",
        "file:///etc/passwd",
        "nonsense",
    ] {
        let body = json!({ "url": url });
        let (status, problem) = answer(with(api.own(Method::POST, "/v1/webhooks"), &body)).await;
        assert_eq!(status, 400, "{url}: {problem}");
    }
    for kinds in [
        json!([]),
        json!(["session.danced"]),
        json!(["webhook.test"]),
    ] {
        let body = json!({ "url": "http://127.0.0.1:9/", "kinds": kinds });
        let (status, problem) = answer(with(api.own(Method::POST, "/v1/webhooks"), &body)).await;
        assert_eq!(status, 400, "{kinds}: {problem}");
    }
    // Who calls over the network has no port of this machine called, and nobody the daemon's own.
    let body = json!({ "url": "http://127.0.0.1:9/" });
    let far = key(&root, "admin", &[], TimeDelta::hours(1)).await;
    let request = api.call(Method::POST, "/v1/webhooks").bearer_auth(&far);
    let (status, problem) = answer(with(request, &body)).await;
    assert_eq!(status, 400, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("--unix-socket")
    );
    let body = json!({ "url": api.base });
    let (status, problem) = answer(with(api.own(Method::POST, "/v1/webhooks"), &body)).await;
    assert_eq!(status, 400, "{problem}");
    let made = make(&api, json!({ "url": "http://127.0.0.1:9/" })).await;
    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    let reader = key(&root, "read write", &[], TimeDelta::hours(1)).await;
    for (method, path) in [
        (Method::GET, "/v1/webhooks".to_owned()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/test")),
        (Method::GET, format!("{path}/deliveries")),
    ] {
        let (status, _) = answer(api.call(method, &path).bearer_auth(&reader)).await;
        assert_eq!(status, 403, "{path}");
    }
    assert_eq!(answer(api.own(Method::DELETE, &path)).await.0, 204);
    assert_eq!(answer(api.own(Method::DELETE, &path)).await.0, 404);
}

clock!(now, AHEAD);

#[test]
fn a_receiver_that_takes_nothing_for_a_day_is_told_no_more_until_a_test_goes_through() {
    run(async {
        let keeper = Keeper::new();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let bus = Bus::new(store.clone(), now).unwrap();
        let renewer = keeper.queue.renewer().clone();
        let webhooks = Webhooks::new(store, bus.clone(), renewer, now).unwrap();
        let works = Arc::new(AtomicUsize::new(0));
        let receiver = {
            let works = Arc::clone(&works);
            Receiver::start(move |_| match works.load(Ordering::SeqCst) {
                0 => "503 No",
                _ => "200 OK",
            })
        };
        let (webhook, _) = webhooks
            .make(&Who::Local(0), &receiver.url, None)
            .await
            .unwrap();
        tokio::spawn(webhooks.clone().run());
        let publish = || bus.publish(Kind::SettingsChanged, None, Default::default());
        let hook = || webhooks.list().unwrap().pop().unwrap();
        publish().await;
        until(|| hook().failing_since.is_some()).await;
        assert_eq!(hook().disabled, None);
        // A day later it fails still.
        AHEAD.fetch_add(24 * 3600, Ordering::SeqCst);
        publish().await;
        until(|| hook().disabled.is_some()).await;
        let (_, why) = hook().disabled.unwrap();
        assert!(why.ends_with("the last try: it answered 503"), "{why}");
        let sent = receiver.got().len();
        publish().await;
        assert_eq!(
            webhooks.deliveries(&webhook.id, 9).unwrap().len(),
            2,
            "what happens now is not for it"
        );

        works.store(1, Ordering::SeqCst);
        let tried = webhooks.test(&webhook.id).await.unwrap();
        assert_eq!(tried.error, None);
        assert_eq!((hook().disabled, hook().failing_since), (None, None));
        publish().await;
        // What it had not taken comes too.
        until(|| receiver.got().len() == sent + 4).await;
        until(|| {
            let listed = webhooks.deliveries(&webhook.id, 9).unwrap();
            listed.iter().all(|one| one.delivered_at.is_some())
        })
        .await;
        bus.close();
    });
}

#[test]
fn a_receiver_that_is_gone_is_told_no_more_at_once() {
    run(async {
        let keeper = Keeper::new();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let bus = Bus::new(store.clone(), chrono::Utc::now).unwrap();
        let renewer = keeper.queue.renewer().clone();
        let webhooks = Webhooks::new(store, bus.clone(), renewer, chrono::Utc::now).unwrap();
        let (gone, slow) = (Receiver::start(|_| "410 Gone"), Receiver::start(|_| ""));
        let fine = Receiver::start(|_| "200 OK");
        for receiver in [&slow, &gone, &fine] {
            let made = webhooks.make(&Who::Local(0), &receiver.url, None);
            made.await.unwrap();
        }
        tokio::spawn(webhooks.clone().run());
        for _ in 0..3 {
            bus.publish(Kind::SettingsChanged, None, Default::default())
                .await;
        }
        // One that never answers delays nobody else.
        let began = std::time::Instant::now();
        until(|| fine.got().len() == 3).await;
        assert!(began.elapsed() < Duration::from_secs(9));
        let hook = |receiver: &Receiver| {
            let all = webhooks.list().unwrap();
            all.into_iter().find(|one| one.url == receiver.url).unwrap()
        };
        until(|| hook(&gone).disabled.is_some()).await;
        assert_eq!(gone.got().len(), 1);
        assert_eq!(hook(&fine).disabled, None);
        bus.close();
    });
}

#[test]
fn an_event_of_a_newer_version_is_passed_over_and_there_are_never_too_many() {
    run(async {
        let keeper = Keeper::new();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let bus = Bus::new(store.clone(), chrono::Utc::now).unwrap();
        let renewer = keeper.queue.renewer().clone();
        let webhooks = Webhooks::new(store.clone(), bus.clone(), renewer, chrono::Utc::now);
        let webhooks = webhooks.unwrap();
        let receiver = Receiver::start(|_| "200 OK");
        let made = webhooks.make(&Who::Local(0), &receiver.url, None);
        let (webhook, _) = made.await.unwrap();
        let newer = EventRow {
            id: 0,
            at: chrono::Utc::now(),
            kind: "session.danced".to_owned(),
            session: None,
            facts: "{}".to_owned(),
        };
        store.insert_event(newer).await.unwrap();
        tokio::spawn(webhooks.clone().run());
        bus.publish(Kind::SettingsChanged, None, Default::default())
            .await;
        until(|| {
            let listed = webhooks.deliveries(&webhook.id, 9).unwrap();
            listed.len() == 2 && listed.iter().all(|one| one.next_at.is_none())
        })
        .await;
        assert_eq!(receiver.got().len(), 1);
        let hook = webhooks.list().unwrap().pop().unwrap();
        assert_eq!((hook.failing_since, hook.disabled), (None, None));
        let makes = (0..70).map(|_| webhooks.make(&Who::Local(0), &receiver.url, None));
        let made = futures::future::join_all(makes).await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 63);
        bus.close();
    });
}

/// Waits for a condition.
async fn until(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(60), wait).await;
    came.expect("the awaited condition");
}
