//! Who is not to come any more: disabled people, leaked passwords, what is not registered; and whoever others have locked out.

use reqwest::Method;
use serde_json::{Value, json};

use super::{House, Made, again, data, five, refused};
use crate::support::instance::Instance;
use crate::support::oauth::Carries as _;
use crate::support::{answer, with};

/// A person's instance, and its key.
async fn anns() -> (House, String, Made) {
    let house = House::new();
    let key = house.key_of("ann", "registry:read registry:write").await;
    let made = house.made_by(&key, "hers").await;
    (house, key, made)
}

impl House {
    /// What the detail says to an instance about itself; null: it is nobody.
    async fn detail(&self, made: &Made) -> Value {
        let path = format!("/api/upload/{}", made.id);
        data(self.get(&path, Some(&made.bearer())).await)
    }

    async fn put(&self, made: &Made) -> (u16, Value) {
        let path = format!("/api/upload/{}", made.id);
        let request = self.call(Method::PUT, &path, Some(&made.bearer()));
        answer(request.json(&json!({ "email": "b@example.org" }))).await
    }

    /// The status of what an instance is answered that asks for a token.
    async fn token(&self, made: &Made) -> (u16, Value) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &made.id),
            ("client_secret", &made.password),
        ];
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self.api.call(Method::POST, "/oauth/token");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        answer(request.body(form)).await
    }

    async fn change_person(&self, change: Value) {
        let request = self.api.own(Method::PATCH, "/v1/people/ann");
        let (status, person) = answer(with(request, &change)).await;
        assert_eq!(status, 200, "{person}");
    }

    /// Another password, by its person.
    async fn rotated(&self, key: &str, made: &Made, body: Option<Value>) -> Made {
        let path = format!("/v1/instances/{}/rotate", made.id);
        let request = self.api.call(Method::POST, &path).header("x-api-key", key);
        let request = match &body {
            Some(body) => with(request, body),
            None => request,
        };
        let (status, rotated) = answer(request).await;
        assert_eq!(
            (status, &rotated["id"]),
            (200, &json!(made.id)),
            "{rotated}"
        );
        let password = rotated["password"].as_str().unwrap().to_owned();
        let id = made.id.clone();
        Made { id, password }
    }

    /// Shows wrong passwords until the id is locked, which it is after ten.
    async fn lock(&self, id: &str) {
        for number in 0..=10 {
            let bearer = format!("{id}:guess-{number}");
            let request = self.call(Method::PUT, &format!("/api/upload/{id}"), Some(&bearer));
            let (status, body) = answer(request.json(&json!({}))).await;
            match status {
                401 => {}
                429 => return,
                _ => panic!("{status} {body}"),
            }
        }
        panic!("it is not locked");
    }
}

async fn refused_socket(house: &House, made: &Made) -> Option<u16> {
    let tried = Instance::try_connect(&house.api, &made.id, &made.password).await;
    tried.err().map(|refused| refused.0)
}

#[tokio::test]
async fn the_instances_of_who_may_not_come_any_more_may_not_either() {
    let (house, _, made) = anns().await;
    let mut socket = Instance::connect(&house.api, &made.id, &made.password).await;
    data(house.put(&made).await);
    house.change_person(json!({ "disabled": true })).await;
    assert_eq!(socket.closed().await, Some(4002));
    drop(socket);
    assert!(house.detail(&made).await.is_null());
    let wrong = Made {
        password: "wrong".to_owned(),
        ..made.clone()
    };
    let (theirs, others) = (house.put(&made).await, house.put(&wrong).await);
    refused(theirs.clone(), 401);
    assert_eq!(theirs, others);
    refused(
        house.get("/api/upload/list", Some(&made.bearer())).await,
        401,
    );
    let again = again("back", &made.id);
    refused(house.register(&again, Some(&made.bearer())).await, 401);
    assert_eq!(refused_socket(&house, &made).await, Some(401));
    assert_eq!(house.token(&made).await.0, 401);
    house.change_person(json!({ "disabled": false })).await;
    data(house.put(&made).await);
    // No more than its person may.
    let mut socket = Instance::connect(&house.api, &made.id, &made.password).await;
    let looks = json!({ "scopes": ["registry:read"] });
    house.change_person(looks).await;
    assert_eq!(socket.closed().await, Some(4002));
    assert_eq!(house.detail(&made).await["upload_name"], "hers");
    refused(house.put(&made).await, 403);
    assert_eq!(refused_socket(&house, &made).await, Some(403));
    house.change_person(json!({ "scopes": ["profile"] })).await;
    refused(
        house.get("/api/upload/list", Some(&made.bearer())).await,
        403,
    );
}

#[tokio::test]
async fn a_revoked_password_and_what_it_opened_end_at_once() {
    let (house, key, made) = anns().await;
    let mut socket = Instance::connect(&house.api, &made.id, &made.password).await;
    let (status, token) = house.token(&made).await;
    assert_eq!(status, 200, "{token}");
    let token = token["access_token"].as_str().unwrap();
    let by_token = async || {
        let request = house.api.call(Method::GET, "/v1/instances");
        answer(request.bearer_auth(token)).await.0
    };
    assert_eq!(by_token().await, 200);
    // Without it nothing of that ends; and what was given out and not used ends too.
    let waiting = house
        .rotated(&key, &made, Some(json!({ "revoke": false })))
        .await;
    assert_eq!(by_token().await, 200);
    let new = house
        .rotated(&key, &made, Some(json!({ "revoke": true })))
        .await;
    assert_eq!(socket.closed().await, Some(4004));
    assert_eq!(by_token().await, 401);
    for old in [&made, &waiting] {
        assert!(house.detail(old).await.is_null());
        refused(house.put(old).await, 401);
        assert_eq!(refused_socket(&house, old).await, Some(401));
    }
    assert_eq!(house.detail(&new).await["upload_name"], "hers");
    let path = format!("/v1/instances/{}/rotate", made.id);
    let odd = house
        .api
        .call(Method::POST, &path)
        .header("x-api-key", &key);
    assert_eq!(answer(with(odd, &json!({ "revok": true }))).await.0, 422);
    let bob = house.key_of("bob", "registry:write").await;
    let theirs = house.api.call(Method::POST, &path).header("x-api-key", bob);
    let revoke = json!({ "revoke": true });
    assert_eq!(answer(with(theirs, &revoke)).await.0, 404);
    data(house.put(&new).await);
}

#[tokio::test]
async fn what_is_not_registered_does_nothing_but_come_back() {
    let (house, key, made) = anns().await;
    let other = house.made_by(&key, "other").await;
    let bearer = made.bearer();
    let by = |method: Method, path: &str| house.call(method, path, Some(&bearer));
    let path = format!("/api/upload/{}", made.id);
    for _ in 0..2 {
        data(answer(by(Method::DELETE, &path)).await);
    }
    refused(answer(by(Method::GET, "/api/upload/list")).await, 401);
    refused(answer(by(Method::GET, "/api/upload/count")).await, 401);
    for id in [&made.id, &other.id] {
        let detail = by(Method::GET, &format!("/api/upload/{id}"));
        assert!(data(answer(detail).await).is_null());
        let role = json!({ "role_id": "r", "instance_id": id, "name": "n" });
        refused(
            answer(by(Method::POST, "/api/roles").json(&role)).await,
            401,
        );
    }
    refused(house.register(&five("new"), Some(&bearer)).await, 401);
    let others = again("stolen", &other.id);
    refused(house.register(&others, Some(&bearer)).await, 401);
    refused(house.put(&made).await, 401);
    assert_eq!(house.token(&made).await.0, 401);
    let back = house
        .register(&again("back", &made.id), Some(&bearer))
        .await;
    assert_eq!(super::made(back).id, made.id);
    assert_eq!(house.detail(&made).await["upload_name"], "back");
}

#[tokio::test]
async fn guesses_of_others_lock_nobody_out_who_rotates() {
    let (house, key, made) = anns().await;
    assert_eq!(house.detail(&made).await["upload_name"], "hers");
    house.lock(&made.id).await;
    // By itself: what is good and known stays so while the id is locked, and what it is given opens too.
    let body = again("itself", &made.id);
    let next = super::made(house.register(&body, Some(&made.bearer())).await);
    data(house.put(&next).await);
    let made = next;
    assert_eq!(house.detail(&made).await["upload_name"], "itself");
    house.lock(&made.id).await;
    // By its person: the lock is gone.
    let next = house.rotated(&key, &made, None).await;
    assert_eq!(house.detail(&made).await["upload_name"], "itself");
    data(house.put(&next).await);
    // Its use ends the one before, remembered or not.
    assert!(house.detail(&made).await.is_null());
    house.lock(&made.id).await;
    let last = house
        .rotated(&key, &made, Some(json!({ "revoke": true })))
        .await;
    data(house.put(&last).await);
    refused(house.put(&next).await, 401);
}

#[tokio::test]
async fn who_connects_is_written_down_and_who_is_refused_too() {
    let (house, _, made) = anns().await;
    let wrong = Made {
        password: "wrong".to_owned(),
        ..made.clone()
    };
    assert_eq!(refused_socket(&house, &wrong).await, Some(401));
    let _socket = Instance::connect(&house.api, &made.id, &made.password).await;
    let path = format!("/v1/audit?subject={}", made.id);
    let (status, page) = answer(house.api.own(Method::GET, &path)).await;
    assert_eq!(status, 200, "{page}");
    let lines = page["lines"].as_array().unwrap().iter();
    let lines: Vec<_> = lines
        .filter(|line| line["action"] == "instances.connect")
        .map(|line| (&line["result"], &line["principal"], &line["person"]))
        .collect();
    let instance = json!(format!("instance:{}", made.id));
    let (ok, no, nobody, ann) = (json!(101), json!(401), json!("anonymous"), json!("ann"));
    assert_eq!(
        lines,
        [(&ok, &instance, &ann), (&no, &nobody, &Value::Null)]
    );
}
