//! Leases: one account each, for a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use jarkeeper::session::Files;
use jarkeeper::store::Store;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::{Daemon, Root, all};
use crate::support::{Api, answer, key, with};

const HOUR: TimeDelta = TimeDelta::hours(1);

/// A site `pool` with so many accounts, and a site `other`; nothing answers there.
fn root(accounts: usize) -> Root {
    let root = Root::new();
    root.env("PASSWORD", "unused");
    let secret = "username = \"u\"\npassword = \"${PASSWORD}\"\n";
    let mut pool = format!("url = \"http://127.0.0.1:9/\"\n{secret}");
    for number in 1..accounts {
        pool += &format!("[[accounts]]\nname = \"a{number}\"\n{secret}");
    }
    root.recipe("pool", &pool);
    root.recipe("other", &format!("url = \"http://127.0.0.1:9/\"\n{secret}"));
    root
}

struct Agent<'a> {
    api: &'a Api,
    key: String,
}

impl Agent<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.api.call(method, path).bearer_auth(&self.key);
        answer(match body {
            Some(body) => with(request, &body),
            None => request,
        })
        .await
    }

    async fn take(&self, body: Value) -> (u16, Value) {
        self.ask(Method::POST, "/v1/sites/pool/leases", Some(body))
            .await
    }

    async fn delete(&self, id: &Value) -> (u16, Value) {
        let path = format!("/v1/leases/{}", id.as_str().unwrap());
        self.ask(Method::DELETE, &path, None).await
    }

    async fn show(&self, id: &Value) -> (u16, Value) {
        let path = format!("/v1/leases/{}", id.as_str().unwrap());
        self.ask(Method::GET, &path, None).await
    }

    async fn extend(&self, id: &Value, ttl: &str) -> (u16, Value) {
        let path = format!("/v1/leases/{}/extend", id.as_str().unwrap());
        self.ask(Method::POST, &path, Some(json!({ "ttl": ttl })))
            .await
    }
}

fn kind(problem: &Value) -> &str {
    let kind = problem["type"].as_str().unwrap_or_default();
    kind.strip_prefix("urn:jarkeeper:problem:").unwrap_or(kind)
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

async fn agent<'a>(api: &'a Api, root: &Root) -> Agent<'a> {
    Agent {
        api,
        key: key(root, "sessions:lease", &[], HOUR).await,
    }
}

#[tokio::test]
async fn a_lease_is_taken_shown_extended_and_given_back_by_its_holder_alone() {
    let root = root(2);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (one, two) = (agent(&api, &root).await, agent(&api, &root).await);

    let began = Utc::now();
    let (status, lease) = one.take(json!({ "purpose": "reading", "ttl": "1m" })).await;
    assert_eq!(status, 201, "{lease}");
    let (id, expires_at) = (&lease["id"], time(&lease["expires_at"]));
    assert_eq!(lease["site"], "pool");
    assert_eq!(lease["purpose"], "reading");
    assert!(lease["holder"].as_str().unwrap().starts_with("key:"));
    let lasts = (expires_at - began).num_milliseconds();
    assert!((59_000..62_000).contains(&lasts), "{lease}");

    // The other account goes to the next one, and then there is none.
    let (status, second) = two.take(json!({})).await;
    assert_eq!(status, 201, "{second}");
    let mut sessions = [&lease["session"], &second["session"]].map(|s| s.as_str().unwrap());
    sessions.sort_unstable();
    assert_eq!(sessions, ["pool", "pool:a1"]);
    let request = api.call(Method::POST, "/v1/sites/pool/leases");
    let request = with(request.bearer_auth(&two.key), &json!({}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 409);
    let wait: i64 = response.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(kind(&problem), "none-free");
    let end = lease["expires_at"].as_str().unwrap();
    assert!(
        problem["detail"].as_str().unwrap().contains(end),
        "{problem} {end}"
    );

    // Nobody else sees it, or may end it: no more than one that does not exist.
    for id in [id, &json!("0123456789abcdef0123")] {
        for (status, problem) in [
            two.show(id).await,
            two.delete(id).await,
            two.extend(id, "1h").await,
        ] {
            assert_eq!((status, kind(&problem)), (404, "unknown-lease"));
        }
    }
    let (_, mine) = one.ask(Method::GET, "/v1/leases", None).await;
    assert_eq!(mine, json!([lease]));

    let path = format!("/v1/sessions/{}", lease["session"].as_str().unwrap());
    let (_, condition) = answer(api.own(Method::GET, &path)).await;
    assert_eq!(
        condition["leased_until"], lease["expires_at"],
        "{condition}"
    );
    let (status, longer) = one.extend(id, "2h").await;
    assert_eq!(status, 200, "{longer}");
    assert!(time(&longer["expires_at"]) > expires_at + TimeDelta::minutes(100));
    for _ in 0..2 {
        assert_eq!(one.delete(id).await, (204, Value::Null));
    }
    let (status, ended) = one.show(id).await;
    assert_eq!((status, &ended["ended"]), (200, &json!("returned")));
    let (_, condition) = answer(api.own(Method::GET, &path)).await;
    assert_eq!(condition.get("leased_until"), None, "{condition}");
    let (status, problem) = one.extend(id, "1h").await;
    assert_eq!((status, kind(&problem)), (409, "lease-ended"));
    let (status, again) = two.take(json!({})).await;
    assert_eq!(status, 201);
    assert_eq!(again["session"], lease["session"]);

    // The owner sees all, and may end any.
    let (_, listed) = answer(api.own(Method::GET, "/v1/leases")).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let path = format!("/v1/leases/{}", again["id"].as_str().unwrap());
    assert_eq!(answer(api.own(Method::DELETE, &path)).await.0, 204);
    let (_, ended) = two.show(&again["id"]).await;
    assert_eq!(ended["ended"], "returned");
}

#[tokio::test]
async fn a_caller_gets_only_accounts_that_it_reaches_and_only_the_one_that_it_names() {
    let root = root(3);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let narrow = Agent {
        api: &api,
        key: key(&root, "sessions:lease", &["pool:a1"], HOUR).await,
    };
    let (status, lease) = narrow.take(json!({})).await;
    assert_eq!((status, &lease["session"]), (201, &json!("pool:a1")));
    let (status, problem) = narrow.take(json!({})).await;
    assert_eq!((status, kind(&problem)), (409, "none-free"));
    let (status, problem) = narrow.take(json!({ "account": "a2" })).await;
    assert_eq!((status, kind(&problem)), (404, "unknown-session"));
    for site in ["other", "none", "No%20name"] {
        let path = format!("/v1/sites/{site}/leases");
        let (status, problem) = narrow.ask(Method::POST, &path, Some(json!({}))).await;
        assert_eq!((status, kind(&problem)), (404, "unknown-site"), "{site}");
    }

    let wide = agent(&api, &root).await;
    let (status, problem) = wide.take(json!({ "account": "a1" })).await;
    assert_eq!((status, kind(&problem)), (409, "none-free"));
    let (_, lease) = wide.take(json!({ "account": "" })).await;
    assert_eq!(lease["session"], "pool");
    let (_, lease) = wide.take(json!({ "account": "a2" })).await;
    assert_eq!(
        (&lease["session"], &lease["account"]),
        (&json!("pool:a2"), &json!("a2"))
    );

    for wrong in [
        json!({ "ttl": "9s" }),
        json!({ "ttl": "25h" }),
        json!({ "ttl": "soon" }),
        json!({ "wait": "121s" }),
        json!({ "account": "A B" }),
        json!({ "purpose": "x".repeat(201) }),
    ] {
        let (status, problem) = wide.take(wrong.clone()).await;
        assert_eq!(
            (status, kind(&problem)),
            (400, "invalid-request"),
            "{wrong}"
        );
    }
    let reader = Agent {
        api: &api,
        key: key(&root, "read", &[], HOUR).await,
    };
    let (status, problem) = reader.take(json!({})).await;
    assert_eq!((status, kind(&problem)), (403, "insufficient-scope"));
}

#[tokio::test]
async fn who_waits_gets_the_account_when_it_is_given_back_and_when_a_lease_ends() {
    let root = root(1);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (one, two) = (agent(&api, &root).await, agent(&api, &root).await);
    let (_, first) = one.take(json!({ "ttl": "1h" })).await;
    let waits = two.take(json!({ "wait": "60s", "ttl": "10s" }));
    let gives = async {
        // The other one waits by now, or comes later: both must do.
        let _ = one.show(&first["id"]).await;
        one.delete(&first["id"]).await
    };
    let ((status, second), _) = tokio::join!(waits, gives);
    assert_eq!(status, 201, "{second}");
    // The holder is never heard of again.
    let (status, third) = one.take(json!({ "wait": "60s" })).await;
    let late = (Utc::now() - time(&second["expires_at"])).num_milliseconds();
    assert_eq!(status, 201, "{third}");
    assert!((0..1000).contains(&late), "free {late} ms after its end");
    let (_, ended) = two.show(&second["id"]).await;
    assert_eq!(ended["ended"], "expired");

    let began = Instant::now();
    let (status, problem) = two.take(json!({ "wait": "1s" })).await;
    assert_eq!((status, kind(&problem)), (409, "none-free"));
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn leases_outlive_the_daemon_and_end_on_time_while_it_is_away() {
    let root = root(2);
    let mut daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let one = agent(&api, &root).await;
    let (_, long) = one.take(json!({ "ttl": "1h" })).await;
    let (_, short) = one.take(json!({ "ttl": "10s" })).await;
    daemon.kill();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let one = Agent { api: &api, ..one };
    let (_, mine) = one.ask(Method::GET, "/v1/leases", None).await;
    assert_eq!(mine, json!([long, short]));
    let (status, lease) = one.take(json!({ "wait": "30s" })).await;
    assert_eq!((status, &lease["session"]), (201, &short["session"]));
    assert!(time(&lease["taken_at"]) >= time(&short["expires_at"]));
    assert_eq!(one.delete(&long["id"]).await.0, 204);
}

/// Who has which account, as the agents saw it: each from when its lease was answered until when it gave up or ended.
#[derive(Default)]
struct Seen {
    holders: HashMap<String, (String, DateTime<Utc>)>,
    taken: usize,
    died: usize,
    wrong: Vec<String>,
}

/// 100 agents on 10 accounts. Some give back; some die and never do; some vanish while they wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_agents_on_ten_accounts_never_share_one_and_wait_for_none_that_is_free() {
    let root = root(10);
    let daemon = root.daemon();
    let api = Arc::new(Api::of(&root, &daemon));
    let time_of_it = Duration::from_secs(if all() { 60 } else { 14 });
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let end = Instant::now() + time_of_it;
    let mut agents = tokio::task::JoinSet::new();
    let mut keys = Vec::new();
    for _ in 0..10 {
        keys.push(key(&root, "sessions:lease", &[], HOUR).await);
    }
    for number in 0..100_usize {
        let (api, seen) = (Arc::clone(&api), Arc::clone(&seen));
        let key = keys[number % keys.len()].clone();
        agents.spawn(async move {
            for round in 0_usize.. {
                if Instant::now() > end {
                    return;
                }
                one_turn(&api, &key, &seen, number * 31 + round * 7).await;
            }
        });
    }
    while let Some(ended) = agents.join_next().await {
        ended.unwrap();
    }
    let seen = seen.lock().unwrap();
    assert!(seen.wrong.is_empty(), "{:#?}", seen.wrong);
    assert!(
        seen.taken > 100 && seen.died > 5,
        "{} taken, {} died",
        seen.taken,
        seen.died
    );
    let late = lateness(&root);
    assert!(
        !late.is_empty(),
        "no account of a dead holder was taken again"
    );
    let latest = late.iter().max().unwrap();
    assert!(
        *latest < 1000,
        "an account was free for {latest} ms while ninety waited"
    );
    quiet(&daemon);
}

async fn one_turn(api: &Api, key: &str, seen: &Mutex<Seen>, dice: usize) {
    let request = api.call(Method::POST, "/v1/sites/pool/leases");
    let body = json!({ "ttl": "10s", "wait": "20s" });
    let request = with(request.bearer_auth(key), &body);
    if dice.is_multiple_of(11) {
        // It loses patience, and its connection with it.
        let asked = tokio::time::timeout(Duration::from_millis(5), request.send());
        let _ = asked.await;
        return;
    }
    let (status, lease) = answer(request).await;
    let now = Utc::now();
    if status != 201 {
        // Two dead holders of the account in a row.
        assert_eq!((status, kind(&lease)), (409, "none-free"), "{lease}");
        return;
    }
    let (id, session) = (
        lease["id"].as_str().unwrap().to_owned(),
        lease["session"].as_str().unwrap().to_owned(),
    );
    let (taken_at, expires_at) = (time(&lease["taken_at"]), time(&lease["expires_at"]));
    {
        let mut seen = seen.lock().unwrap();
        seen.taken += 1;
        if let Some((other, until)) = seen.holders.get(&session).cloned()
            && until > taken_at
        {
            let text = format!("{session}: {id} at {taken_at} beside {other} until {until}");
            seen.wrong.push(text);
        }
        seen.holders
            .insert(session.clone(), (id.clone(), expires_at));
    }
    if dice.is_multiple_of(7) {
        // It dies here: the account comes back by itself.
        seen.lock().unwrap().died += 1;
        return;
    }
    let used = Duration::from_millis(10 + (dice % 13) as u64 * 10);
    tokio::time::sleep(used).await;
    if now + TimeDelta::seconds(9) < Utc::now() {
        return;
    }
    // From here on it does not count on the account any more.
    {
        let mut seen = seen.lock().unwrap();
        if seen
            .holders
            .get(&session)
            .is_some_and(|(one, _)| *one == id)
        {
            seen.holders.remove(&session);
        }
    }
    let path = format!("/v1/leases/{id}");
    let (status, problem) = answer(api.call(Method::DELETE, &path).bearer_auth(key)).await;
    assert_eq!(status, 204, "{problem}");
}

/// For how long each account was free though it was waited for, after its holder had died: milliseconds, by the daemon's
/// own books, which also know of leases that were given to agents who had gone. No two of them overlap.
fn lateness(root: &Root) -> Vec<i64> {
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    let mut rows = Store::open(&path).unwrap().leases().unwrap();
    rows.sort_by_key(|row| (row.session.clone(), row.taken_at));
    let mut late = Vec::new();
    for pair in rows.windows(2) {
        let [before, after] = pair else { continue };
        if before.session != after.session {
            continue;
        }
        let (end, by) = before.ended.clone().expect("two leases of one account run");
        assert!(end <= after.taken_at, "{before:?} overlaps {after:?}");
        if by == "expired" {
            late.push((after.taken_at - end).num_milliseconds());
        }
    }
    late
}

/// Nothing went wrong inside, either.
fn quiet(daemon: &Daemon) {
    let log = daemon.log();
    let errors: Vec<_> = log.iter().filter(|line| line["level"] == "ERROR").collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[tokio::test]
async fn leases_are_not_shown_beyond_the_callers_reach_and_purposes_hide_nothing() {
    let root = root(1);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let one = agent(&api, &root).await;
    for purpose in ["a\nb", "a\u{202e}b", "a\u{200b}b"] {
        let (status, problem) = one.take(json!({ "purpose": purpose })).await;
        assert_eq!(status, 400, "{problem}");
    }
    let (status, lease) = one.take(json!({})).await;
    assert_eq!(status, 201, "{lease}");
    let scopes = "admin sessions:lease";
    for (site, status) in [("other", 404), ("pool", 200)] {
        let key = key(&root, scopes, &[site], HOUR).await;
        let admin = Agent { api: &api, key };
        assert_eq!(admin.show(&lease["id"]).await.0, status, "{site}");
        assert_eq!(admin.extend(&lease["id"], "2m").await.0, status, "{site}");
        let listed = admin.ask(Method::GET, "/v1/leases", None).await.1;
        let count = usize::from(status == 200);
        assert_eq!(listed.as_array().unwrap().len(), count, "{listed}");
    }
}
