//! One daemon registers its loads at another one; both are real processes.

use std::time::Duration;

use jarkeeper::registry::{Registry, Search};
use reqwest::Method;
use serde_json::{Value, json};

use super::{at, load, own, register, store_holds};
use crate::support::process::{Daemon, Root, eventually};
use crate::support::{Api, answer};

/// A daemon as the registry, and one as its client.
struct Two {
    registry: Root,
    at_registry: Daemon,
    api: Api,
    client: Root,
    at_client: Daemon,
    own: Api,
}

impl Two {
    fn new() -> Self {
        let registry = Root::new();
        let at_registry = registry.daemon();
        let api = Api::of(&registry, &at_registry);
        let client = Root::beside(&registry);
        client.env("JARKEEPER_LOG__FILTER", "trace");
        at(&client, &api.base);
        let at_client = client.daemon();
        let own = Api::of(&client, &at_client);
        Self {
            registry,
            at_registry,
            api,
            client,
            at_client,
            own,
        }
    }

    /// Starts the client anew with another `config.toml`.
    fn set(&mut self, config: &str) {
        self.at_client.stop();
        self.client.save("config.toml", config);
        self.at_client = self.client.daemon();
        self.own = Api::of(&self.client, &self.at_client);
    }

    /// The names of what is registered.
    async fn registered(&self) -> Vec<String> {
        let store = crate::api::store(&self.registry);
        let registry = Registry::open(store, chrono::Utc::now).await.unwrap();
        let all = Search {
            limit: 100,
            ..Search::default()
        };
        let page = registry.search(&all).unwrap();
        page.instances.into_iter().map(|one| one.name).collect()
    }

    /// What the registry's own route says of an instance with this password.
    async fn detail(&self, made: &Value) -> (u16, Value) {
        let id = made["instance_id"].as_str().unwrap();
        let password = made["instance_password"].as_str().unwrap();
        let ask = self.api.call(Method::GET, &format!("/api/upload/{id}"));
        answer(ask.header("authorization", format!("Bearer {id}:{password}"))).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_lives_its_life_at_another_daemon() {
    let two = Two::new();
    let id = load(&two.own, "a/load").await;
    let (status, first) = register(&two.own, &id).await;
    assert_eq!(status, 201, "{first}");
    assert_eq!(first["registry"], two.api.base);
    assert_eq!(two.registered().await, ["a/load"]);
    // Both passwords are good until the new one is used.
    let (_, second) = register(&two.own, &id).await;
    assert_eq!(second["instance_id"], first["instance_id"]);
    for made in [&first, &second] {
        let (status, detail) = two.detail(made).await;
        assert_eq!((status, &detail["code"]), (200, &json!(0)), "{detail}");
        assert_eq!(detail["data"]["is_connected"], false, "{detail}");
    }
    let old = two.detail(&first).await;
    assert!(old.0 == 401 || old.1["data"].is_null(), "{old:?}");
    let runtime = tokio::runtime::Handle::current();
    let remote = eventually("the registry says offline", || {
        let list = tokio::task::block_in_place(|| {
            runtime.block_on(own(&two.own, Method::GET, "/v1/registrations"))
        });
        let remote = list.1[0]["remote"].clone();
        (remote["status"] == "offline").then_some(remote)
    });
    assert_eq!(remote["stale"], false);
    let path = format!("/v1/registrations/{id}");
    for _ in 0..2 {
        assert_eq!(own(&two.own, Method::DELETE, &path).await.0, 200);
    }
    let (status, back) = register(&two.own, &id).await;
    assert_eq!((status, &back["instance_id"]), (201, &first["instance_id"]));
    assert_eq!(two.registered().await.len(), 1);
    let (status, gone) = own(&two.own, Method::DELETE, &format!("/v1/loads/{id}")).await;
    assert_eq!((status, &gone["registry_told"]), (200, &json!(true)));
    for made in [&first, &second, &back] {
        let password = made["instance_password"].as_str().unwrap();
        assert!(!store_holds(&two.client, password));
        assert!(!store_holds(&two.registry, password));
        for daemon in [&two.at_client, &two.at_registry] {
            let log: String = daemon.log().iter().map(ToString::to_string).collect();
            assert!(!log.contains(password));
        }
    }
}

#[tokio::test]
async fn a_registry_that_is_stopped_and_comes_back_finds_its_loads_again() {
    let mut two = Two::new();
    let id = load(&two.own, "mine").await;
    let (status, first) = register(&two.own, &id).await;
    assert_eq!(status, 201, "{first}");
    let one = format!("/v1/loads/{id}");
    let before = own(&two.own, Method::GET, &one).await;
    two.at_registry.stop();
    let (status, failed) = register(&two.own, &id).await;
    assert_eq!((status, &failed["reason"]), (400, &json!("unreachable")));
    let (status, problem) = own(&two.own, Method::DELETE, &one).await;
    assert_eq!(status, 502, "{problem}");
    assert_eq!(own(&two.own, Method::GET, &one).await, before);
    // It comes back at its old address.
    let address = two.api.base.trim_start_matches("http://").to_owned();
    two.registry.env("JARKEEPER_API__LISTEN", &address);
    two.at_registry = two.registry.daemon();
    let (status, again) = register(&two.own, &id).await;
    assert_eq!(status, 201, "{again}");
    assert_eq!(again["instance_id"], first["instance_id"]);
    assert_eq!(two.registered().await, ["mine"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_is_killed_while_it_registers_makes_no_second_instance() {
    let mut two = Two::new();
    let address = two.api.base.trim_start_matches("http://").to_owned();
    two.registry.env("JARKEEPER_API__LISTEN", &address);
    let id = load(&two.own, "mine").await;
    let mut known = Value::Null;
    // The first rounds are of a new one, the others give another password.
    for wait in [0, 3, 10, 30, 60, 120] {
        let (own, registry) = (&two.own, &mut two.at_registry);
        let kill = async {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            registry.kill();
        };
        let (first, ()) = tokio::join!(register(own, &id), kill);
        two.at_registry = two.registry.daemon();
        let (status, again) = register(&two.own, &id).await;
        assert_eq!(status, 201, "{wait} ms: {first:?} {again}");
        for made in [&first.1, &again] {
            let id = &made["instance_id"];
            assert!(
                known.is_null() || id.is_null() || *id == known,
                "{wait} ms: {made}"
            );
        }
        known = again["instance_id"].clone();
        assert_eq!(two.registered().await, ["mine"], "{wait} ms");
    }
}

#[tokio::test]
async fn a_load_stays_where_it_was_registered_until_it_is_taken_out_there() {
    let mut two = Two::new();
    let id = load(&two.own, "mine").await;
    let (status, first) = register(&two.own, &id).await;
    assert_eq!(status, 201, "{first}");
    two.set("");
    let (status, failed) = register(&two.own, &id).await;
    assert_eq!(
        (status, &failed["reason"]),
        (400, &json!("registered-elsewhere"))
    );
    assert!(failed["detail"].as_str().unwrap().contains(&two.api.base));
    let path = format!("/v1/registrations/{id}");
    assert_eq!(own(&two.own, Method::DELETE, &path).await.0, 200);
    assert_eq!(two.registered().await.len(), 1);
    let (status, made) = register(&two.own, &id).await;
    assert_eq!((status, &made["registry"]), (201, &json!(null)), "{made}");
    // What each registry gave is kept: back at the first one it has its old id, and here too.
    assert_eq!(own(&two.own, Method::DELETE, &path).await.0, 200);
    let first_place = format!("[registry]\nurl = \"{}\"\n", two.api.base);
    two.set(&first_place);
    let (status, back) = register(&two.own, &id).await;
    assert_eq!(
        (status, &back["instance_id"]),
        (201, &first["instance_id"]),
        "{back}"
    );
    assert_eq!(two.registered().await.len(), 1);
    assert_eq!(own(&two.own, Method::DELETE, &path).await.0, 200);
    two.set("");
    let (status, again) = register(&two.own, &id).await;
    assert_eq!(
        (status, &again["instance_id"]),
        (201, &made["instance_id"]),
        "{again}"
    );
}
