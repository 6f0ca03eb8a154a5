//! Many at once, and a daemon that is killed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{House, Made, data, five};
use crate::support::oauth::Carries as _;
use crate::support::process::{Root, all, eventually};
use crate::support::{Api, answer};

/// Registers, and asks again where the daemon is busy. `None`: it is gone.
async fn register(client: &reqwest::Client, base: &str, name: &str) -> Option<Made> {
    loop {
        let request = client.post(format!("{base}/api/upload/register"));
        let response = request.json(&five(name)).send().await.ok()?;
        let wait = response.headers().get("retry-after");
        let wait: u64 = wait.map_or(1, |wait| wait.to_str().unwrap().parse().unwrap());
        match response.status() {
            StatusCode::OK => {
                let body: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
                let text = |name: &str| body["data"][name].as_str().unwrap().to_owned();
                return Some(Made {
                    id: text("instance_id"),
                    password: text("instance_password"),
                });
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_register_at_once_none_is_lost() {
    let house = House::new();
    let number = if all() { 1000 } else { 200 };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let base = house.api.base.clone();
    let tasks: Vec<_> = (0..number)
        .map(|index| {
            let (client, base) = (client.clone(), base.clone());
            tokio::spawn(async move { register(&client, &base, &format!("u{index}")).await })
        })
        .collect();
    let mut made = HashMap::new();
    for task in tasks {
        let one = task.await.unwrap().unwrap();
        made.insert(one.id, one.password);
    }
    assert_eq!(made.len(), number);
    let store = crate::api::store(&house.root);
    for id in made.keys() {
        assert!(store.instance(id).unwrap().is_some(), "{id}");
    }
    for (id, password) in made.into_iter().take(5) {
        let one = Made { id, password };
        let detail = house
            .get(&format!("/api/upload/{}", one.id), Some(&one.bearer()))
            .await;
        assert!(data(detail).is_object());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_none_that_was_answered() {
    let root = Root::new();
    let mut daemon = root.daemon();
    let base = Api::of(&root, &daemon).base;
    let made = Arc::new(Mutex::new(Vec::new()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (client, base, made) = (client.clone(), base.clone(), Arc::clone(&made));
            tokio::spawn(async move {
                for number in 0.. {
                    let Some(one) = register(&client, &base, &format!("u{task}-{number}")).await
                    else {
                        return;
                    };
                    made.lock().unwrap().push(one);
                }
            })
        })
        .collect();
    let enough = || (made.lock().unwrap().len() >= 25).then_some(());
    tokio::task::block_in_place(|| eventually("some are registered", enough));
    daemon.kill();
    for task in tasks {
        task.await.unwrap();
    }
    let made = made.lock().unwrap().clone();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    for one in made {
        let request = api.call(Method::GET, &format!("/api/upload/{}", one.id));
        let detail = data(answer(request.bearer_auth(one.bearer())).await);
        assert_eq!(detail["instance_id"], one.id);
    }
}
