//! A registry that does whatever is wrong, in the middle of a registration and of a rotation: the load ends in a state from
//! which a repetition works, and never loses the only copy of a password.

use reqwest::Method;
use serde_json::{Value, json};

use super::registry::{Fake, Mode, http};
use super::{at, load, own, register, store_text};
use crate::support::Api;
use crate::support::process::{Root, eventually};

/// What is wrong, and the reason that a person is told for it.
fn faults(elsewhere: &Fake, own: &str) -> Vec<(&'static str, Mode, &'static str)> {
    let to = |place: &str| {
        let location = format!("location: {place}/api/upload/register\r\n");
        Mode::Says(http("307 Temporary Redirect", &location, ""))
    };
    let json = |body: &str| http("200 OK", "content-type: application/json\r\n", body);
    let page = "<!doctype html><title>Welcome</title>";
    let huge = format!("{{\"code\":0,\"data\":\"{}\"}}", "x".repeat(2 << 20));
    vec![
        (
            "a page",
            Mode::DoesAndSays(http("200 OK", "content-type: text/html\r\n", page)),
            "bad-answer",
        ),
        (
            "noise",
            Mode::DoesAndSays("\u{0}\u{1}noise\r\n\r\n".to_owned()),
            "reply-lost",
        ),
        ("no JSON", Mode::DoesAndSays(json("{{{")), "bad-answer"),
        ("a list", Mode::DoesAndSays(json("[1, 2]")), "bad-answer"),
        (
            "no code",
            Mode::DoesAndSays(json("{\"data\":{}}")),
            "bad-answer",
        ),
        (
            "no data",
            Mode::DoesAndSays(json("{\"code\":0}")),
            "bad-answer",
        ),
        (
            "status 201",
            Mode::DoesAndSays(http("201 Created", "", "{\"code\":0}")),
            "bad-answer",
        ),
        (
            "status 204",
            Mode::DoesAndSays("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()),
            "bad-answer",
        ),
        (
            "status 500",
            Mode::DoesAndSays(http("500 Internal Server Error", "", "boom")),
            "unavailable",
        ),
        (
            "status 503",
            Mode::Says(http("503 Service Unavailable", "retry-after: 3600\r\n", "")),
            "unavailable",
        ),
        (
            "status 400",
            Mode::Says(http(
                "400 Bad Request",
                "",
                "{\"code\":400,\"message\":\"no\"}",
            )),
            "refused",
        ),
        (
            "status 401",
            Mode::Says(http("401 Unauthorized", "", "")),
            "not-accepted",
        ),
        (
            "code 1",
            Mode::Says(json("{\"code\":1,\"message\":\"full\"}")),
            "refused",
        ),
        ("no password", Mode::NoPassword, "bad-answer"),
        (
            "another id",
            Mode::Says(json(
                "{\"code\":0,\"data\":{\"instance_id\":\"a/b:c\",\"instance_password\":\"p\"}}",
            )),
            "bad-answer",
        ),
        ("too much", Mode::DoesAndSays(json(&huge)), "bad-answer"),
        ("a loop", to(own), "redirect"),
        ("another host", to(&elsewhere.base), "redirect"),
        ("hangs up", Mode::HangsUp, "reply-lost"),
        ("hangs up in the middle", Mode::Cut, "reply-lost"),
        ("drips", Mode::Drips, "timeout"),
        ("says nothing", Mode::Silent, "timeout"),
    ]
}

fn reason(answer: &(u16, Value)) -> &str {
    assert_eq!(answer.0, 400, "{}", answer.1);
    assert_eq!(answer.1["message"], "Failed to register upload instance");
    answer.1["reason"].as_str().unwrap()
}

/// One load that meets one fault, in the middle of its registration and of a rotation.
async fn meets(api: &Api, fake: &Fake, fault: &(&str, Mode, &str)) {
    let (name, mode, wanted) = fault;
    let id = load(api, name).await;
    let one = format!("/v1/loads/{id}");
    let mut instance = None;
    for when in ["registering", "rotating"] {
        let before = own(api, Method::GET, &one).await;
        fake.mode_of(name, mode.clone());
        let failed = register(api, &id).await;
        assert_eq!(reason(&failed), *wanted, "{name}, {when}: {}", failed.1);
        let after = own(api, Method::GET, &one).await;
        assert_eq!(after, before, "{name}, {when}: the load is as it was");
        fake.mode_of(name, Mode::Good);
        let (status, made) = register(api, &id).await;
        assert_eq!(status, 201, "{name}, {when}: {made}");
        let mut instances = fake.instances();
        instances.retain(|_, one| one.name == *name);
        assert_eq!(instances.len(), 1, "{name}, {when}: one instance a load");
        let found = made["instance_id"].as_str().unwrap().to_owned();
        let password = made["instance_password"].as_str().unwrap();
        let passwords = &instances[&found].passwords;
        assert!(passwords.iter().any(|one| one == password));
        assert_eq!(*instance.get_or_insert(found.clone()), found, "{name}");
    }
}

#[tokio::test]
async fn whatever_a_registry_does_a_repetition_works_and_no_password_is_lost() {
    let root = Root::new();
    root.env("JARKEEPER_LOG__FILTER", "trace");
    let elsewhere = Fake::new();
    let fake = Fake::new();
    at(&root, &fake.base);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let faults = faults(&elsewhere, &fake.base);
    let all = faults.iter().map(|fault| meets(&api, &fake, fault));
    futures::future::join_all(all).await;
    assert_eq!(
        elsewhere.requests().len(),
        0,
        "nothing goes over a redirect"
    );
    // Nobody who looks finds a password or a key: not in the log at its finest, not in the store, not in an error.
    let log: String = daemon.log().iter().map(ToString::to_string).collect();
    assert!(log.contains("TRACE") || log.contains("DEBUG"));
    let mut secrets: Vec<String> = fake
        .instances()
        .values()
        .flat_map(|one| one.passwords.clone())
        .collect();
    for request in fake.requests() {
        secrets.extend(request.headers.get("idempotency-key").cloned());
    }
    assert!(secrets.len() > faults.len());
    let store = store_text(&root);
    for secret in secrets {
        assert!(!log.contains(&secret), "the log holds {secret}");
        assert!(!store.contains(&secret), "the store holds {secret}");
    }
}

#[tokio::test]
async fn what_is_sent_is_what_the_contract_says() {
    let root = Root::new();
    let fake = Fake::new();
    at(&root, &fake.base);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let id = load(&api, "a load").await;
    fake.mode(Mode::CutOnce);
    // A new registration that may have landed is not sent again by itself: not every registry honours the key.
    assert_eq!(reason(&register(&api, &id).await), "reply-lost");
    assert_eq!(fake.requests().len(), 1);
    let (status, made) = register(&api, &id).await;
    assert_eq!(status, 201, "{made}");
    let (status, _) = register(&api, &id).await;
    assert_eq!(status, 201);
    let instance = made["instance_id"].as_str().unwrap();
    own(&api, Method::DELETE, &format!("/v1/registrations/{id}")).await;
    let (status, back) = register(&api, &id).await;
    assert_eq!((status, &back["instance_id"]), (201, &made["instance_id"]));
    let requests = fake.requests();
    let lines: Vec<_> = requests.iter().map(|one| one.line.clone()).collect();
    let post = "POST /api/upload/register".to_owned();
    let delete = format!("DELETE /api/upload/{instance}");
    assert_eq!(
        lines,
        [post.clone(), post.clone(), post.clone(), delete, post]
    );
    let body = json!({
        "upload_name": "a load", "instance_id": null, "description": null, "email": null,
        "tags": {"model_name": "small", "is_cot": false, "document_count": 0},
    });
    assert_eq!(requests[0].body, body);
    assert_eq!(requests[1].body, body);
    let key = &requests[0].headers["idempotency-key"];
    assert_eq!(&requests[1].headers["idempotency-key"], key);
    assert!((16..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!requests[0].headers.contains_key("authorization"));
    let bearer = format!(
        "Bearer {instance}:{}",
        made["instance_password"].as_str().unwrap()
    );
    assert_eq!(requests[2].headers["authorization"], bearer);
    assert_eq!(requests[2].body["instance_id"], instance);
    assert_eq!(requests[3].headers["content-length"], "0");
    // The last valid one, after unregistering.
    let last = &requests[3].headers["authorization"];
    assert_eq!(&requests[4].headers["authorization"], last);
    assert_ne!(*last, bearer);
}

#[tokio::test]
async fn a_registry_that_cannot_be_told_keeps_a_load_from_going_unless_that_is_wanted() {
    let root = Root::new();
    let fake = Fake::new();
    at(&root, &fake.base);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let id = load(&api, "a load").await;
    assert_eq!(register(&api, &id).await.0, 201);
    let one = format!("/v1/loads/{id}");
    let before = own(&api, Method::GET, &one).await;
    fake.mode(Mode::Says(http("500 Internal Server Error", "", "")));
    for path in [&one, &format!("/v1/registrations/{id}")] {
        let (status, problem) = own(&api, Method::DELETE, path).await;
        assert_eq!(status, 502, "{problem}");
        assert_eq!(
            problem["type"], "urn:jarkeeper:problem:registry-not-told",
            "{problem}"
        );
        assert_eq!(own(&api, Method::GET, &one).await, before);
    }
    let alone = format!("{one}?without_registry=true");
    let (status, gone) = own(&api, Method::DELETE, &alone).await;
    assert_eq!((status, &gone["registry_told"]), (200, &json!(false)));
    assert!(gone["left"].as_str().unwrap().contains("not told"));
    assert_eq!(own(&api, Method::GET, &one).await.0, 404);
    // One whose registration nobody knows the end of is found at the registry, and taken out.
    let id = load(&api, "another").await;
    fake.mode(Mode::Cut);
    assert_eq!(register(&api, &id).await.0, 400);
    assert!(fake.instances()["instance-2"].registered);
    fake.mode(Mode::Good);
    let (status, gone) = own(&api, Method::DELETE, &format!("/v1/loads/{id}")).await;
    assert_eq!((status, &gone["registry_told"]), (200, &json!(true)));
    assert!(!fake.instances()["instance-2"].registered);
    assert_eq!(fake.instances().len(), 2);
}

#[tokio::test]
async fn a_first_load_goes_where_its_registration_fails_and_stays_where_nobody_knows() {
    let root = Root::new();
    let fake = Fake::new();
    at(&root, &fake.base);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let wish = json!({"upload_name": "first", "tags": {"model_name": "m"}});
    let post = || super::tell(&api, Method::POST, "/v1/registrations", &wish);
    let loads = async || own(&api, Method::GET, "/v1/loads").await.1;
    fake.mode(Mode::Says(http("400 Bad Request", "", "")));
    assert_eq!(reason(&post().await), "refused");
    assert_eq!(loads().await, json!([]));
    fake.mode(Mode::Cut);
    let failed = post().await;
    assert_eq!(reason(&failed), "reply-lost");
    assert!(
        failed.1["detail"]
            .as_str()
            .unwrap()
            .contains("the load stays")
    );
    assert_eq!(loads().await.as_array().unwrap().len(), 1);
    fake.mode(Mode::Good);
    // Also where something else is wanted by now: the one that was lost is found, and changed.
    let wish = json!({"upload_name": "second", "tags": {"model_name": "m"}});
    let (status, made) = super::tell(&api, Method::POST, "/v1/registrations", &wish).await;
    assert_eq!(status, 201, "{made}");
    let instances = fake.instances();
    assert_eq!(instances.len(), 1);
    let instance = &instances[made["instance_id"].as_str().unwrap()];
    assert_eq!(instance.name, "second");
    assert_eq!(loads().await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_a_load_stands_is_told_at_once_and_asked_behind() {
    let root = Root::new();
    let fake = Fake::new();
    at(&root, &fake.base);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let id = load(&api, "a load").await;
    assert_eq!(register(&api, &id).await.0, 201);
    fake.mode(Mode::Silent);
    let (_, list) = own(&api, Method::GET, "/v1/registrations").await;
    let remote = &list[0]["remote"];
    assert_eq!(
        (&remote["status"], &remote["stale"]),
        (&json!(null), &json!(true))
    );
    let runtime = tokio::runtime::Handle::current();
    let look = || {
        let list = tokio::task::block_in_place(|| {
            runtime.block_on(own(&api, Method::GET, "/v1/registrations"))
        });
        list.1[0]["remote"].clone()
    };
    let why = eventually("the registry does not answer", || {
        let remote = look();
        remote["why"].as_str().map(str::to_owned)
    });
    assert!(why.contains("10 s"), "{why}");
    fake.mode(Mode::Good);
    let remote = eventually("the registry answers", || {
        let remote = look();
        (remote["status"] == "online").then_some(remote)
    });
    assert_eq!(
        (&remote["stale"], &remote["why"]),
        (&json!(false), &json!(null))
    );
    assert_eq!(remote["last_heartbeat"], "2026-01-02T03:04:05Z");
    // What was known stays known, and is told to be old.
    fake.mode(Mode::HangsUp);
    let remote = eventually("the registry is gone", || {
        let remote = look();
        remote["why"].is_string().then_some(remote)
    });
    assert_eq!(
        (&remote["status"], &remote["stale"]),
        (&json!("online"), &json!(true))
    );
}

#[test]
fn credentials_leave_this_machine_only_over_tls() {
    let root = Root::new();
    for (url, wanted) in [
        ("http://registry.example.org", 3),
        ("http://user:secret@127.0.0.1:1", 3),
        ("ftp://127.0.0.1", 3),
        ("https://registry.example.org/path", 3),
        ("https://registry.example.org/", 0),
        ("https://registry.example.org", 0),
        ("http://127.0.0.1:1", 0),
    ] {
        at(&root, url);
        let ended = root.run(&["status"]);
        assert_eq!(ended.code, Some(wanted), "{url}");
    }
    for (url, wanted) in [
        ("http://model.example.org/v1", 3),
        ("https://model.example.org/v1", 0),
        ("http://127.0.0.1:1/v1", 0),
    ] {
        root.save("config.toml", &format!("[llm]\nurl = \"{url}\"\n"));
        let ended = root.run(&["status"]);
        assert_eq!(ended.code, Some(wanted), "{url}: {ended:?}");
        let told = wanted == 0 || ended.err.contains("must be https: what people say");
        assert!(told, "{ended:?}");
    }
}

/// Answers of what stands before a registry, or that say nothing of what was sent before.
fn turned_away() -> Vec<String> {
    let json = "content-type: application/json\r\n";
    let page = "<!doctype html><title>Sign in</title>";
    let envelope = |status: &str| {
        let code = status.split(' ').next().unwrap();
        let body = format!("{{\"code\":{code},\"message\":\"no\",\"data\":null}}");
        http(status, json, &body)
    };
    vec![
        http(
            "307 Temporary Redirect",
            "location: https://login.test/\r\n",
            "",
        ),
        http("403 Forbidden", "content-type: text/html\r\n", page),
        http("400 Bad Request", "", "no"),
        http("404 Not Found", json, "{\"message\":\"no route\"}"),
        http("502 Bad Gateway", "", page),
        envelope("401 Unauthorized"),
        envelope("409 Conflict"),
    ]
}

#[tokio::test]
async fn after_a_lost_answer_only_the_registry_itself_can_say_that_nothing_came_of_it() {
    let root = Root::new();
    let fake = Fake::new();
    at(&root, &fake.base);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let lost = async |name: &str| {
        let id = load(&api, name).await;
        fake.mode(Mode::Cut);
        assert_eq!(reason(&register(&api, &id).await), "reply-lost");
        id
    };
    let id = lost("kept").await;
    let (one, registration) = (format!("/v1/loads/{id}"), format!("/v1/registrations/{id}"));
    for answer in turned_away() {
        fake.mode(Mode::Says(answer.clone()));
        let failed = register(&api, &id).await;
        reason(&failed);
        let detail = failed.1["detail"].as_str().unwrap();
        assert!(
            detail.contains("without_registry=true"),
            "{answer}: {detail}"
        );
        // Nor is there nothing to be told.
        for path in [&registration, &one] {
            let (status, problem) = own(&api, Method::DELETE, path).await;
            assert_eq!(status, 502, "{answer}: {problem}");
        }
    }
    fake.mode(Mode::Good);
    let (status, made) = register(&api, &id).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(fake.instances().len(), 1, "the one whose answer was lost");
    // It said so itself.
    let told = lost("told").await;
    let no = "{\"code\":400,\"message\":\"never\",\"data\":null}";
    fake.mode(Mode::Says(http("400 Bad Request", "", no)));
    assert_eq!(reason(&register(&api, &told).await), "refused");
    let (status, gone) = own(&api, Method::DELETE, &format!("/v1/loads/{told}")).await;
    assert_eq!((status, &gone["registry_told"]), (200, &json!(null)));
}

#[tokio::test]
async fn a_registration_whose_answer_was_lost_is_not_forgotten_for_another_registry() {
    let root = Root::new();
    let (fake, other) = (Fake::new(), Fake::new());
    at(&root, &fake.base);
    let mut daemon = root.daemon();
    let mut api = Api::of(&root, &daemon);
    let id = load(&api, "mine").await;
    let second = load(&api, "second").await;
    fake.mode(Mode::Cut);
    for id in [&id, &second] {
        assert_eq!(reason(&register(&api, id).await), "reply-lost");
    }
    daemon.stop();
    at(&root, &other.base);
    daemon = root.daemon();
    api = Api::of(&root, &daemon);
    let failed = register(&api, &id).await;
    assert_eq!(reason(&failed), "registered-elsewhere");
    let detail = failed.1["detail"].as_str().unwrap();
    for way in [
        fake.base.as_str(),
        "set [registry] url back",
        "without_registry=true",
    ] {
        assert!(detail.contains(way), "{detail}");
    }
    assert!(other.requests().is_empty());
    // The one way out.
    let alone = format!("/v1/loads/{second}?without_registry=true");
    let (status, gone) = own(&api, Method::DELETE, &alone).await;
    assert_eq!((status, &gone["registry_told"]), (200, &json!(false)));
    // The other one.
    daemon.stop();
    at(&root, &fake.base);
    daemon = root.daemon();
    api = Api::of(&root, &daemon);
    fake.mode(Mode::Good);
    let (status, made) = register(&api, &id).await;
    assert_eq!(status, 201, "{made}");
    let mut instances = fake.instances();
    instances.retain(|_, one| one.name == "mine");
    assert_eq!(instances.len(), 1);
    drop(daemon);
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_told() {
    let root = Root::new();
    let fake = Fake::new();
    let gone = fake.base.clone();
    drop(fake);
    at(&root, &gone);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let id = load(&api, "a load").await;
    let failed = register(&api, &id).await;
    assert_eq!(reason(&failed), "unreachable");
    assert!(
        failed.1["detail"]
            .as_str()
            .unwrap()
            .contains("[registry] url")
    );
}
