//! `registration.md`, section 3, line by line.

use reqwest::Method;
use serde_json::{Value, json};

use super::{House, again, data, five, made, refused};
use crate::support::answer;
use crate::support::oauth::Carries as _;
use crate::support::process::{Root, eventually};

#[tokio::test]
async fn line_01_a_base_that_ends_in_a_slash_leads_to_the_same() {
    let house = House::new();
    let made = house.made("a").await;
    let detail = house
        .get(&format!("//api/upload/{}", made.id), Some(&made.bearer()))
        .await;
    assert_eq!(data(detail)["upload_name"], "a");
    refused(house.get("//api/upload/count", None).await, 401);
}

#[tokio::test]
async fn line_02_and_03_everything_below_api_is_an_envelope() {
    let house = House::new();
    let call = |method: Method, path: &str| house.api.call(method, path);
    let big = format!("{{\"upload_name\": \"{}\"}}", "x".repeat(1 << 20));
    let json = |text: &str| {
        call(Method::POST, "/api/upload/register")
            .header("content-type", "application/json")
            .body(text.to_owned())
    };
    for (request, status) in [
        (call(Method::GET, "/api/nowhere"), 404),
        (call(Method::GET, "/api/"), 404),
        (call(Method::PATCH, "/api/upload/list"), 405),
        (json("{").header("host", "evil.test"), 403),
        (json("{}").header("origin", "https://evil.test"), 403),
        (json("{"), 400),
        (json("[]"), 400),
        (json("{}"), 400),
        (json(&big), 413),
        (
            call(Method::POST, "/api/upload/register")
                .header("content-type", "text/plain")
                .body("x"),
            415,
        ),
        (json("{}").bearer_auth("x").header("x-api-key", "y"), 400),
        (json("{}").bearer_auth("jk_x"), 401),
        (json("{}").bearer_auth("a:b"), 401),
        (json("{}").header("authorization", "Basic YTpi"), 400),
    ] {
        // Where a body is not read the connection ends, and one that waits for the next request may be it.
        let mut response = None;
        for _ in 0..5 {
            response = request.try_clone().unwrap().send().await.ok();
            if response.is_some() {
                break;
            }
        }
        let response = response.unwrap();
        let kind = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let got = response.status().as_u16();
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!((got, kind.as_str()), (status, "application/json"), "{body}");
        refused((got, body), status);
    }
    // Elsewhere refusals are problems.
    let (_, problem) = answer(call(Method::GET, "/v1/nowhere")).await;
    assert_eq!(problem["status"], 404);
}

#[tokio::test]
async fn line_04_registers_without_credentials() {
    let house = House::new();
    let answer = house.register(&five("my-upload"), None).await;
    let whole = data(answer.clone());
    assert_eq!(
        (&whole["upload_name"], &whole["status"]),
        (&json!("my-upload"), &json!("offline"))
    );
    let made = made(answer);
    assert!(made.password.starts_with("jp_"), "{made:?}");
}

#[tokio::test]
async fn line_05_every_registration_carries_a_password() {
    let house = House::new();
    let first = house.made("a").await;
    let mut seen = vec![first.password.clone()];
    for _ in 0..3 {
        let next = made(
            house
                .register(&again("a", &first.id), Some(&first.bearer()))
                .await,
        );
        assert_eq!(next.id, first.id);
        assert!(!seen.contains(&next.password));
        seen.push(next.password);
    }
}

#[tokio::test]
async fn line_06_an_id_with_its_password_is_rotated_and_the_old_one_is_good_until_then() {
    let house = House::new();
    let first = house.made("a").await;
    let path = format!("/api/upload/{}", first.id);
    let second = made(
        house
            .register(&again("b", &first.id), Some(&first.bearer()))
            .await,
    );
    assert_eq!(second.id, first.id);
    // The answer was lost: the client asks again with what it has.
    assert_eq!(
        data(house.get(&path, Some(&first.bearer())).await)["upload_name"],
        "b"
    );
    let third = made(
        house
            .register(&again("c", &first.id), Some(&first.bearer()))
            .await,
    );
    assert_eq!(
        data(house.get(&path, Some(&third.bearer())).await)["upload_name"],
        "c"
    );
    for old in [&first, &second] {
        assert!(data(house.get(&path, Some(&old.bearer())).await).is_null());
        refused(
            house
                .register(&again("d", &first.id), Some(&old.bearer()))
                .await,
            401,
        );
    }
}

#[tokio::test]
async fn line_07_nobody_takes_an_id_over() {
    let house = House::new();
    let (made, other) = (house.made("a").await, house.made("b").await);
    let path = format!("/api/upload/{}", made.id);
    let body = again("stolen", &made.id);
    let wrong = format!("{}:wrong", made.id);
    let record = async || data(house.get(&path, Some(&made.bearer())).await);
    let secret = || {
        let secret = crate::api::store(&house.root).instance_secret(&made.id);
        secret.unwrap().unwrap()
    };
    let before = (record().await, secret());
    for bearer in [
        None,
        Some(wrong.as_str()),
        Some(&other.bearer()),
        Some("None:None"),
        Some(":"),
    ] {
        refused(house.register(&body, bearer).await, 401);
    }
    let unknown = again("stolen", "0123456789abcdef0123");
    refused(house.register(&unknown, None).await, 401);
    refused(house.register(&unknown, Some(&made.bearer())).await, 401);
    assert_eq!(record().await, before.0);
    // Nor is another password of it good now, or waits to be.
    assert!(secret() == before.1 && before.1.next_hash.is_none());
}

#[tokio::test]
async fn line_08_what_was_deleted_comes_back_with_its_last_password() {
    let house = House::new();
    let first = house.made("a").await;
    let path = format!("/api/upload/{}", first.id);
    data(answer(house.call(Method::DELETE, &path, Some(&first.bearer()))).await);
    assert!(data(house.get(&path, Some(&first.bearer())).await).is_null());
    refused(house.register(&again("a", &first.id), None).await, 401);
    let back = made(
        house
            .register(&again("a", &first.id), Some(&first.bearer()))
            .await,
    );
    assert_eq!(back.id, first.id);
    assert_eq!(
        data(house.get(&path, Some(&back.bearer())).await)["status"],
        "offline"
    );
}

#[tokio::test]
async fn line_09_what_is_empty_is_taken_and_what_cannot_be_meant_is_not() {
    let house = House::new();
    let with = |name: &str, value: Value| {
        let mut body = five("a");
        body[name] = value;
        body
    };
    let deep: Value = (0..20).fold(json!(1), |inner, _| json!([inner]));
    let mut old = five("a");
    old.as_object_mut().unwrap().remove("tags");
    for body in [
        old,
        json!({ "upload_name": "a" }),
        with("description", Value::Null),
        with("email", Value::Null),
        with("email", json!("")),
        with("tags", Value::Null),
        with("tags", json!({})),
        with("upload_name", json!("ä".repeat(255))),
        with("further", json!([1])),
    ] {
        made(house.register(&body, None).await);
    }
    let tags = json!({ "model_name": "m", "document_count": 0, "lpm_type": "x", "deep": { "a": [1, null, true] } });
    let kept = made(house.register(&with("tags", tags.clone()), None).await);
    let detail = house
        .get(&format!("/api/upload/{}", kept.id), Some(&kept.bearer()))
        .await;
    assert_eq!(data(detail)["tags"], tags);
    for body in [
        with("upload_name", json!("")),
        with("upload_name", json!("  ")),
        with("upload_name", Value::Null),
        with("upload_name", json!({ "a": 1 })),
        with("upload_name", json!("a\nb")),
        with("upload_name", json!("x".repeat(256))),
        with("description", json!(1)),
        with("description", json!("\u{0}")),
        with("description", json!("x".repeat(10_001))),
        with("email", json!(["a"])),
        with("email", json!("x".repeat(256))),
        with("instance_id", json!(7)),
        with("tags", json!([1])),
        with("tags", json!({ "document_count": -1 })),
        with("tags", json!({ "document_count": 1.5 })),
        with("tags", json!({ "is_cot": "yes" })),
        with("tags", json!({ "a": deep })),
        with("tags", json!({ "a": "x".repeat(17_000) })),
    ] {
        refused(house.register(&body, None).await, 400);
    }
}

/// With a directory that everybody may see.
async fn public(house: &House) {
    house
        .root
        .save("config.toml", "[registry]\npublic_directory = true\n");
    let mut status = 0;
    for _ in 0..300 {
        status = house.get("/api/upload/count", None).await.0;
        if status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(status, 200, "the settings in force are live");
}

#[tokio::test]
async fn line_10_lists_in_pages_by_repeated_statuses() {
    let house = House::new();
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(house.made(&format!("u{number}")).await);
    }
    let gone = format!("/api/upload/{}", all[4].id);
    data(answer(house.call(Method::DELETE, &gone, Some(&all[4].bearer()))).await);
    public(&house).await;
    let list = async |query: &str| data(house.get(&format!("/api/upload/list{query}"), None).await);
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["upload_name"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = list("?page_no=1&page_size=3").await;
    assert_eq!(names(&first), ["u3", "u2", "u1"]);
    assert_eq!(
        first["pagination"],
        json!({ "page_no": 1, "page_size": 3, "total": 4, "total_pages": 2 })
    );
    assert_eq!(names(&list("?page_no=2&page_size=3").await), ["u0"]);
    assert_eq!(
        names(&list("?page_no=9&page_size=3").await),
        Vec::<String>::new()
    );
    assert_eq!(
        names(&list("?status=unregistered&page_no=1&page_size=9").await),
        ["u4"]
    );
    assert_eq!(
        names(&list("?status=offline&status=unregistered").await).len(),
        5
    );
    assert_eq!(names(&list("?status=nothing").await), Vec::<String>::new());
    for (query, page_no, page_size) in [
        ("?page_no=0&page_size=0", 1, 1),
        ("?page_no=-3&page_size=-5", 1, 1),
        ("?page_no=1&page_size=100000", 1, 100),
    ] {
        let pagination = &list(query).await["pagination"];
        assert_eq!(
            (&pagination["page_no"], &pagination["page_size"]),
            (&json!(page_no), &json!(page_size))
        );
    }
    let item = &first["items"][0];
    let keys: Vec<_> = item
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "description",
            "email",
            "instance_id",
            "status",
            "upload_name"
        ],
        "{item}"
    );
    refused(house.get("/api/upload/list?page_no=x", None).await, 400);
}

#[tokio::test]
async fn line_11_counts_and_its_words_are_no_ids() {
    let house = House::new();
    public(&house).await;
    let count = async || data(house.get("/api/upload/count", None).await)["count"].clone();
    assert_eq!(count().await, 0);
    let made = house.made("a").await;
    assert_eq!(count().await, 1);
    let path = format!("/api/upload/{}", made.id);
    data(answer(house.call(Method::DELETE, &path, Some(&made.bearer()))).await);
    assert_eq!(count().await, 0);
    assert!(data(house.get("/api/upload/list", None).await)["items"].is_array());
    assert!(made.id.len() == 20 && made.id.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[tokio::test]
async fn line_12_the_directory_is_closed_unless_it_is_opened() {
    let house = House::new();
    let key = house.key_of("owner", "registry:read registry:write").await;
    house.made("nobody's").await;
    let own = house.made_by(&key, "own").await;
    for path in [
        "/api/upload/list?page_no=1&page_size=10",
        "/api/upload/count",
    ] {
        refused(house.get(path, None).await, 401);
    }
    // Who is known sees what is its person's, an instance of nobody itself.
    let names = |page: Value| -> Vec<Value> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["upload_name"].clone())
            .collect()
    };
    let list = |request: reqwest::RequestBuilder| async { data(answer(request).await) };
    let call = || house.api.call(Method::GET, "/api/upload/list");
    let mine = list(call().header("x-api-key", &key)).await;
    assert_eq!(mine["items"][0]["email"], "ann@example.org");
    assert_eq!(names(mine), ["own"]);
    assert_eq!(names(list(call().bearer_auth(own.bearer())).await), ["own"]);
    let lone = house.made("lone").await;
    assert_eq!(
        names(list(call().bearer_auth(lone.bearer())).await),
        ["lone"]
    );
    let counted = house
        .api
        .call(Method::GET, "/api/upload/count")
        .header("x-api-key", &key);
    assert_eq!(data(answer(counted).await)["count"], 1);
    let narrow = house.key_of("owner", "sessions:read").await;
    refused(answer(call().header("x-api-key", &narrow)).await, 403);
    // Opened, it shows everybody everything but addresses and tags.
    public(&house).await;
    let page = data(
        house
            .get("/api/upload/list?page_no=1&page_size=10", None)
            .await,
    );
    assert!(
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| item["email"].is_null())
    );
    assert!(
        !page.to_string().contains("ann@example.org") && !page.to_string().contains("model_name")
    );
    assert_eq!(names(page), ["lone", "own", "nobody's"]);
}

#[tokio::test]
async fn line_13_shows_an_instance_to_itself() {
    let house = House::new();
    let made = house.made("a").await;
    let detail = data(
        house
            .get(&format!("/api/upload/{}", made.id), Some(&made.bearer()))
            .await,
    );
    assert_eq!(detail["is_connected"], false);
    for key in ["last_heartbeat", "last_ws_check"] {
        assert!(detail.as_object().unwrap().contains_key(key), "{detail}");
    }
    assert!(!detail.to_string().contains("password"), "{detail}");
    assert_eq!(detail["email"], "ann@example.org");
}

#[tokio::test]
async fn line_14_what_is_not_there_and_what_is_not_yours_is_null() {
    let house = House::new();
    let (made, other) = (house.made("a").await, house.made("b").await);
    let unknown = "0123456789abcdef0123";
    let stale = format!("{unknown}:jp_old");
    for (id, bearer) in [
        ("None", None),
        ("None", Some("None:None")),
        ("None", Some(stale.as_str())),
        (unknown, None),
        (unknown, Some(&stale)),
        (&made.id, None),
        (&made.id, Some(&other.bearer())),
        (&made.id, Some(&format!("{}:wrong", made.id))),
        (&"x".repeat(300), None),
    ] {
        let found = house.get(&format!("/api/upload/{id}"), bearer).await;
        assert!(data(found).is_null(), "{id} {bearer:?}");
    }
    // Who polls with what is not good any more hears the same again and again.
    for _ in 0..30 {
        let found = house
            .get(&format!("/api/upload/{unknown}"), Some(&stale))
            .await;
        assert!(data(found).is_null());
    }
}

#[tokio::test]
async fn line_15_changes_what_is_given() {
    let house = House::new();
    let made = house.made("a").await;
    let path = format!("/api/upload/{}", made.id);
    let put = async |body: Value, bearer: Option<&str>| {
        answer(house.call(Method::PUT, &path, bearer).json(&body)).await
    };
    let own = made.bearer();
    let body = json!({ "upload_name": "b", "capabilities": { "chat": true }, "email": "" });
    let changed = data(put(body, Some(&own)).await);
    assert_eq!(
        (&changed["upload_name"], &changed["email"]),
        (&json!("b"), &Value::Null)
    );
    assert_eq!(
        changed["updated_fields"],
        json!(["upload_name", "email", "capabilities"])
    );
    assert_eq!(changed["description"], "what it is");
    let changed = data(put(json!({ "description": "other", "email": null }), Some(&own)).await);
    assert_eq!(changed["updated_fields"], json!(["description"]));
    let detail = data(house.get(&path, Some(&own)).await);
    assert_eq!(
        (&detail["description"], &detail["capabilities"]),
        (&json!("other"), &json!({ "chat": true }))
    );
    refused(put(json!({ "upload_name": "" }), Some(&own)).await, 400);
    refused(put(json!({ "capabilities": [] }), Some(&own)).await, 400);
    refused(put(json!({ "upload_name": "c" }), None).await, 401);
    refused(
        put(
            json!({ "upload_name": "c" }),
            Some(&format!("{}:x", made.id)),
        )
        .await,
        401,
    );
    let other = house.made("other").await;
    refused(
        put(json!({ "upload_name": "c" }), Some(&other.bearer())).await,
        404,
    );
}

#[tokio::test]
async fn line_16_unregisters_as_often_as_one_likes() {
    let house = House::new();
    let made = house.made("a").await;
    let delete = async |id: &str, bearer: Option<&str>| {
        let request = house.call(Method::DELETE, &format!("/api/upload/{id}"), bearer);
        answer(request.header("content-length", "0")).await
    };
    refused(delete("None", None).await, 401);
    refused(delete(&made.id, None).await, 401);
    refused(delete("None", Some(&made.bearer())).await, 404);
    for _ in 0..2 {
        data(delete(&made.id, Some(&made.bearer())).await);
    }
    let put = house.call(
        Method::PUT,
        &format!("/api/upload/{}", made.id),
        Some(&made.bearer()),
    );
    refused(answer(put.json(&json!({ "upload_name": "b" }))).await, 401);
}

#[tokio::test]
async fn line_17_keeps_a_role_of_the_instance_that_asks() {
    let house = House::new();
    let (made, other) = (house.made("a").await, house.made("b").await);
    let role = json!({
        "role_id": "r1", "instance_id": made.id, "name": "Helper", "description": null, "system_prompt": "Help.",
        "is_active": true, "icon": null, "enable_l0_retrieval": true, "enable_l1_retrieval": false,
    });
    let post = async |body: &Value, bearer: Option<&str>| {
        answer(house.call(Method::POST, "/api/roles", bearer).json(body)).await
    };
    for _ in 0..2 {
        assert_eq!(data(post(&role, Some(&made.bearer())).await), role);
    }
    refused(post(&role, None).await, 401);
    refused(post(&role, Some(&other.bearer())).await, 404);
    let mut wrong = role.clone();
    wrong["role_id"] = json!("");
    refused(post(&wrong, Some(&made.bearer())).await, 400);
    wrong["role_id"] = json!(1);
    refused(post(&wrong, Some(&made.bearer())).await, 400);
}

#[tokio::test]
async fn line_21_nothing_redirects() {
    let house = House::new();
    let made = house.made("a").await;
    for path in [
        "/api/upload/register/",
        "/api/upload/list/",
        "/api/upload/",
        "/api/upload",
        "/api/upload/count?x=1",
        "//api/upload/list",
        "/api//upload/list",
        "/api/upload/%2e%2e",
        "/API/upload/list",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let (status, _) = answer(house.call(method, path, Some(&made.bearer()))).await;
            assert!(!(300..400).contains(&status), "{path} {status}");
        }
    }
}

#[tokio::test]
async fn line_12_a_wrong_setting_keeps_the_last_good_one() {
    let root = Root::new();
    root.save("config.toml", "[registry]\npublic_directory = true\n");
    let house = House::on(root);
    house.made("a").await;
    assert_eq!(data(house.get("/api/upload/count", None).await)["count"], 1);
    house
        .root
        .save("config.toml", "[registry]\npublic_directory = 7\n");
    eventually("the mistake is told", || {
        let log = house.daemon.log();
        log.iter()
            .any(|line| line.to_string().contains("public_directory"))
            .then_some(())
    });
    assert_eq!(house.get("/api/upload/count", None).await.0, 200);
}
