//! Whoever guesses passwords.

use reqwest::Method;
use serde_json::{Value, json};

use super::{House, again, data, refused};
use crate::support::answer;
use crate::support::oauth::Carries as _;
use crate::support::process::Root;

#[tokio::test]
async fn ten_wrong_ones_lock_an_id_whether_it_is_known_or_not() {
    let house = House::new();
    let made = house.made("a").await;
    // Who is known already passes all the same.
    let path = format!("/api/upload/{}", made.id);
    data(house.get(&path, Some(&made.bearer())).await);
    for id in [made.id.as_str(), "0123456789abcdef0123"] {
        let guess = |number: usize| {
            let bearer = format!("{id}:guess-{number}");
            house
                .call(Method::PUT, &format!("/api/upload/{id}"), Some(&bearer))
                .json(&json!({}))
        };
        for number in 0..10 {
            assert_eq!(guess(number).send().await.unwrap().status(), 401);
        }
        let locked = guess(10).send().await.unwrap();
        assert_eq!(locked.status(), 429);
        let wait: u64 = locked.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=901).contains(&wait), "{wait}");
    }
    data(house.get(&path, Some(&made.bearer())).await);
}

#[tokio::test]
async fn an_address_is_stopped_before_its_guesses_cost_anything() {
    // From elsewhere, where ten may be wrong: of this machine's own more may, and come again faster than a busy one looks.
    let root = Root::new();
    root.save("config.toml", "[api]\nproxies = ['127.0.0.1']\n");
    let house = House::on(root);
    let (mut statuses, began) = (Vec::new(), std::time::Instant::now());
    for number in 0..40 {
        // Another id each time: no lock of an id stops this.
        let bearer = format!("{number:020x}:guess");
        let request = house.call(Method::GET, "/api/upload/list", Some(&bearer));
        let answer = answer(request.header("x-forwarded-for", "192.0.2.1")).await;
        statuses.push(answer.0);
        refused(answer.clone(), answer.0);
    }
    assert_eq!(statuses[..10], [401; 10]);
    // However long it took: no more were looked at than the address has in that time.
    let looked_at = statuses.iter().filter(|status| **status == 401).count() as u64;
    assert!(
        looked_at <= 11 + began.elapsed().as_secs() / 6,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [401, 429].contains(status)),
        "{statuses:?}"
    );
    // Another address is not stopped by that.
    let request = house.call(Method::GET, "/api/upload/list", Some("x:guess"));
    let other = answer(request.header("x-forwarded-for", "192.0.2.2")).await;
    refused(other, 401);
}

/// Everything of an answer but when it was given.
async fn told(request: reqwest::RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let mut headers = response.headers().clone();
    headers.remove("date");
    (
        status,
        format!("{headers:?}"),
        response.text().await.unwrap(),
    )
}

#[tokio::test]
async fn a_known_id_and_an_unknown_one_are_answered_the_same() {
    let house = House::new();
    let (made, own) = (house.made("a").await, house.made("own").await);
    let unknown = "0123456789abcdef0123";
    let ask = |id: &str, bearer: Option<String>| {
        let path = format!("/api/upload/{id}");
        let role = json!({ "role_id": "r", "instance_id": id, "name": "n" });
        let of = |method: Method, path: &str| house.call(method, path, bearer.as_deref());
        vec![
            of(Method::GET, &path),
            of(Method::PUT, &path).json(&json!({ "upload_name": "x" })),
            of(Method::DELETE, &path),
            of(Method::POST, "/api/upload/register").json(&again("x", id)),
            of(Method::POST, "/api/roles").json(&role),
            of(Method::GET, &format!("/api/ws/{id}?password=wrong")),
        ]
    };
    for bearer in [
        |_: &str, _: &str| None,
        |id: &str, _: &str| Some(format!("{id}:wrong")),
        |id: &str, _: &str| Some(format!("{id}:")),
        |_: &str, own: &str| Some(own.to_owned()),
    ] {
        let known = ask(&made.id, bearer(&made.id, &own.bearer()));
        let other = ask(unknown, bearer(unknown, &own.bearer()));
        for (one, two) in known.into_iter().zip(other) {
            let (one, two) = (told(one).await, told(two).await);
            let two = (two.0, two.1, two.2.replace(unknown, &made.id));
            assert_eq!(one, two);
        }
    }
    let detail: Value = data(
        house
            .get(&format!("/api/upload/{}", made.id), Some(&made.bearer()))
            .await,
    );
    assert_eq!(detail["upload_name"], "a");
}
