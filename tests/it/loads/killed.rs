//! kill -9 of a daemon at any moment of its registrations.

use std::time::Duration;

use jarkeeper::registry::Registry;
use reqwest::Method;
use serde_json::json;

use super::registry::{Fake, Mode};
use super::{at, load, own, register};
use crate::support::Api;
use crate::support::process::{Root, all, eventually};

/// A linear congruential generator is random enough for moments.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below_us: u64) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((self.0 >> 33) % below_us)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_killed_while_it_registers_loses_no_instance_and_makes_none_twice() {
    let rounds = if all() { 60 } else { 8 };
    let root = Root::new();
    let fake = Fake::new();
    fake.mode(Mode::Good);
    at(&root, &fake.base);
    let mut moments = Moments(u64::from(std::process::id()));
    let (mut before, mut between, mut answered) = (0, 0, 0);
    let mut daemon = root.daemon();
    let mut api = Api::of(&root, &daemon);
    // The key that seals is made once.
    let first = load(&api, "first").await;
    assert_eq!(register(&api, &first).await.0, 201);
    for round in 0..rounds {
        let id = load(&api, &format!("load {round}")).await;
        let (instances, requests) = (fake.instances().len(), fake.requests().len());
        fake.mode(match round % 4 {
            0 => Mode::Waits,
            1 => Mode::Silent,
            _ => Mode::Good,
        });
        let body = json!({ "load": id });
        let ask = crate::support::with(api.own(Method::POST, "/v1/registrations"), &body);
        let asked = tokio::spawn(async move { ask.send().await.is_ok() });
        match round % 4 {
            // Before the registry has done anything.
            0 => eventually("the request comes", || {
                (fake.requests().len() > requests).then_some(())
            }),
            // After it has, and before its answer.
            1 => eventually("it is registered", || {
                (fake.instances().len() > instances).then_some(())
            }),
            // After its answer, and at the latest when the daemon has answered as well.
            2 => eventually("it is answered", || asked.is_finished().then_some(())),
            _ => tokio::time::sleep(moments.next(20_000)).await,
        }
        daemon.kill();
        let is_answered = asked.await.unwrap();
        match (is_answered, fake.instances().len() > instances) {
            (true, landed) => {
                assert!(landed || round % 4 == 3, "{round}");
                answered += 1;
            }
            (false, true) => between += 1,
            (false, false) => before += 1,
        }
        fake.mode(Mode::Good);
        daemon = root.daemon();
        api = Api::of(&root, &daemon);
        let (status, made) = register(&api, &id).await;
        assert_eq!(status, 201, "{round}: {made}");
        assert_eq!(fake.instances().len(), round + 2, "{round}");
        // What the load has opens it.
        let (status, again) = register(&api, &id).await;
        assert_eq!(status, 201, "{round}: {again}");
        assert_eq!(again["instance_id"], made["instance_id"]);
    }
    let (_, list) = own(&api, Method::GET, "/v1/registrations").await;
    assert_eq!(list.as_array().unwrap().len(), rounds + 1);
    let least = rounds / 4;
    assert!(
        before >= least && between >= least && answered >= least,
        "killed before: {before}, between: {between}, after: {answered}"
    );
}

/// The same at the daemon's own registry, where an instance and its load are written one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_killed_between_its_registry_and_its_load_finds_the_instance_again() {
    let rounds = if all() { 60 } else { 8 };
    let root = Root::new();
    let mut moments = Moments(u64::from(std::process::id()) + 1);
    let mut daemon = root.daemon();
    let mut api = Api::of(&root, &daemon);
    let (mut answered, mut lost) = (0, 0);
    for round in 0..rounds {
        let id = load(&api, &format!("load {round}")).await;
        let body = json!({ "load": id });
        let ask = crate::support::with(api.own(Method::POST, "/v1/registrations"), &body);
        let asked = tokio::spawn(async move { ask.send().await.is_ok() });
        match round % 4 {
            0 => eventually("it is answered", || asked.is_finished().then_some(())),
            1 => {}
            _ => tokio::time::sleep(moments.next(80_000)).await,
        }
        daemon.kill();
        match asked.await.unwrap() {
            true => answered += 1,
            false => lost += 1,
        }
        daemon = root.daemon();
        api = Api::of(&root, &daemon);
        let (status, made) = register(&api, &id).await;
        assert_eq!(status, 201, "{round}: {made}");
        let registry = Registry::open(crate::api::store(&root), chrono::Utc::now);
        let count = registry.await.unwrap().count().unwrap();
        assert_eq!(count, round as u64 + 1, "{round}: one instance a load");
    }
    assert!(answered > 0 && lost > 0, "{answered} answered, {lost} lost");
}
