//! Loads themselves: names, the current one, pictures, and whose they are.

use reqwest::Method;
use serde_json::json;

use super::{load, own, tell};
use crate::support::process::Root;
use crate::support::{Api, answer, with};

#[tokio::test]
async fn one_load_is_current_and_another_takes_over() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (status, none) = own(&api, Method::GET, "/v1/loads/current").await;
    assert_eq!((status, none["status"].as_u64()), (404, Some(404)));
    let first = load(&api, "a/b ? # %2F \"é\"").await;
    let second = load(&api, "second").await;
    let third = load(&api, "third").await;
    let current = async || {
        let (_, load) = own(&api, Method::GET, "/v1/loads/current").await;
        load["id"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(current().await, first);
    let to = json!({ "id": second });
    let (status, switched) = tell(&api, Method::PUT, "/v1/loads/current", &to).await;
    assert_eq!((status, &switched["is_current"]), (200, &json!(true)));
    assert_eq!(current().await, second);
    let (_, all) = own(&api, Method::GET, "/v1/loads").await;
    let currents: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|load| load["is_current"] == true)
        .collect();
    assert_eq!(currents, [false, true, false]);
    // The newest of the others becomes the current one, and at the end there is none.
    let (status, gone) = own(&api, Method::DELETE, &format!("/v1/loads/{second}")).await;
    assert_eq!((status, &gone["registry_told"]), (200, &json!(null)));
    assert_eq!(current().await, third);
    for id in [&first, &third] {
        own(&api, Method::DELETE, &format!("/v1/loads/{id}")).await;
    }
    assert_eq!(own(&api, Method::GET, "/v1/loads/current").await.0, 404);
    let unknown = json!({ "id": second });
    assert_eq!(
        tell(&api, Method::PUT, "/v1/loads/current", &unknown)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn many_loads_that_are_made_at_once_have_one_current_among_them() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let make = |n: usize| {
        let api = &api;
        async move { load(api, &format!("load {n}")).await }
    };
    let all: Vec<String> = futures::future::join_all((0..20).map(make)).await;
    let switch = |id: &String| {
        let (api, id) = (&api, id.clone());
        async move {
            tell(api, Method::PUT, "/v1/loads/current", &json!({ "id": id }))
                .await
                .0
        }
    };
    let switched = futures::future::join_all(all.iter().map(switch)).await;
    assert!(switched.iter().all(|status| *status == 200), "{switched:?}");
    let (_, all) = own(&api, Method::GET, "/v1/loads").await;
    let current = all.as_array().unwrap().iter();
    assert_eq!(current.filter(|load| load["is_current"] == true).count(), 1);
}

#[tokio::test]
async fn what_a_load_cannot_be_is_refused_and_changes_nothing() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let id = load(&api, "mine").await;
    load(&api, "other").await;
    let one = format!("/v1/loads/{id}");
    let before = own(&api, Method::GET, &one).await;
    let deep = (0..16).fold(json!(1), |inner, _| json!([inner]));
    for (body, wanted) in [
        (json!({"name": ""}), 400),
        (json!({"name": "a\nb"}), 400),
        (json!({"name": "x".repeat(256)}), 400),
        (json!({"name": "other"}), 409),
        (json!({"name": 7}), 422),
        (json!({"email": "no address"}), 400),
        (json!({"tags": {"model_name": ""}}), 400),
        (json!({"tags": {"is_cot": "yes"}}), 400),
        (json!({"tags": {"document_count": -1}}), 400),
        (json!({"tags": {"x": "\0"}}), 400),
        (json!({"tags": {"x": deep}}), 400),
        (json!({"description": "\u{1b}[2J"}), 400),
        (json!({"description": "x".repeat(10_001)}), 400),
        (json!({"email": format!("a@{}", "b".repeat(253))}), 400),
        (json!({"tags": []}), 422),
        (json!({"unknown": 1}), 422),
    ] {
        let (status, problem) = tell(&api, Method::PATCH, &one, &body).await;
        assert_eq!(status, wanted, "{body}: {problem}");
        assert_eq!(own(&api, Method::GET, &one).await, before, "{body}");
    }
    let change = json!({"name": "é/é", "description": "two\nlines", "email": "a@b.test", "tags": {"model_name": "m", "x": [1]}});
    let (status, changed) = tell(&api, Method::PATCH, &one, &change).await;
    assert_eq!(status, 200, "{changed}");
    for (name, value) in change.as_object().unwrap() {
        assert_eq!(&changed[name], value);
    }
    let away = json!({"description": null, "email": ""});
    let (_, changed) = tell(&api, Method::PATCH, &one, &away).await;
    assert_eq!(
        (&changed["description"], &changed["email"], &changed["name"]),
        (&json!(null), &json!(null), &json!("é/é"))
    );
}

#[tokio::test]
async fn a_picture_is_what_its_first_bytes_say() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let id = load(&api, "mine").await;
    let path = format!("/v1/loads/{id}/avatar");
    let put = |kind: &'static str, bytes: Vec<u8>| {
        let request = api.own(Method::PUT, &path);
        answer(request.header("content-type", kind).body(bytes))
    };
    assert_eq!(own(&api, Method::GET, &path).await.0, 404);
    let png = b"\x89PNG\r\n\x1a\nwhatever".to_vec();
    // What the sender says of it does not count.
    let (status, load) = put("image/gif", png.clone()).await;
    assert_eq!((status, &load["avatar"]), (200, &json!("image/png")));
    let got = api.own(Method::GET, &path).send().await.unwrap();
    assert_eq!(got.headers()["content-type"], "image/png");
    assert_eq!(got.headers()["x-content-type-options"], "nosniff");
    assert_eq!(got.bytes().await.unwrap(), png);
    let mut large = b"\xff\xd8\xff".to_vec();
    large.resize((512 << 10) + 1, 0);
    for (kind, bytes, wanted) in [
        ("image/png", b"<svg onload='alert(1)'/>".to_vec(), 400),
        ("image/svg+xml", png.clone(), 415),
        ("text/html", png.clone(), 415),
        ("image/jpeg", large, 400),
        ("image/jpeg", vec![0xff; 2 << 20], 413),
    ] {
        let (status, problem) = put(kind, bytes).await;
        assert_eq!(status, wanted, "{kind}: {problem}");
    }
    let got = api.own(Method::GET, &path).send().await.unwrap();
    assert_eq!(got.bytes().await.unwrap(), png);
    assert_eq!(own(&api, Method::DELETE, &path).await.0, 204);
    assert_eq!(own(&api, Method::GET, &path).await.0, 404);
}

#[tokio::test]
async fn a_load_of_somebody_else_is_not_there() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let ada = load(&api, "Ada's").await;
    let png = b"\x89PNG\r\n\x1a\nada".to_vec();
    let picture = api.own(Method::PUT, &format!("/v1/loads/{ada}/avatar"));
    answer(picture.header("content-type", "image/png").body(png)).await;
    let key = super::member_key(&root, "bob").await;
    let unknown = "0123456789abcdef0123";
    for (method, path, body) in [
        (Method::GET, "/v1/loads/ID", None),
        (Method::PATCH, "/v1/loads/ID", Some(json!({"name": "x"}))),
        (Method::DELETE, "/v1/loads/ID", None),
        (Method::DELETE, "/v1/loads/ID?without_registry=true", None),
        (Method::GET, "/v1/loads/ID/avatar", None),
        (Method::DELETE, "/v1/loads/ID/avatar", None),
        (Method::PUT, "/v1/loads/current", Some(json!({"id": "ID"}))),
        (
            Method::POST,
            "/v1/registrations",
            Some(json!({"load": "ID", "tags": {"model_name": "m"}})),
        ),
        (Method::DELETE, "/v1/registrations/ID", None),
    ] {
        let ask = async |id: &str| {
            let request = api.call(method.clone(), &path.replace("ID", id));
            let request = request.header("x-api-key", &key);
            let (status, problem) = match &body {
                Some(body) => {
                    let text = body.to_string().replace("ID", id);
                    answer(with(request, &serde_json::from_str(&text).unwrap())).await
                }
                None => answer(request).await,
            };
            (status, problem.to_string().replace(id, "ID"))
        };
        let foreign = ask(&ada).await;
        assert_eq!(foreign, ask(unknown).await, "{method} {path}");
        assert_eq!(foreign.0, 404, "{method} {path}: {}", foreign.1);
    }
    let list = api.call(Method::GET, "/v1/loads").header("x-api-key", &key);
    assert_eq!(answer(list).await, (200, json!([])));
    assert_eq!(
        own(&api, Method::GET, &format!("/v1/loads/{ada}")).await.0,
        200
    );
}
