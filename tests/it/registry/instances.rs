//! `/v1/instances`: each person's own, and nobody else's.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{House, Made, again, data, refused};
use crate::support::answer;
use crate::support::oauth::Carries as _;

async fn names(house: &House, key: &str, query: &str) -> (Vec<String>, Option<String>) {
    let request = house
        .api
        .call(Method::GET, &format!("/v1/instances{query}"));
    let (status, page) = answer(request.header("x-api-key", key)).await;
    assert_eq!(status, 200, "{page}");
    let all = page["instances"].as_array().unwrap().iter();
    let all = all
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect();
    (all, page["next"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn they_are_found_by_name_tag_and_status_page_by_page() {
    let house = House::new();
    let key = house.key_of("owner", "registry:read registry:write").await;
    house.made("nobody's report").await;
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(house.made_by(&key, &format!("report {number}")).await);
    }
    let (first, next) = names(&house, &key, "?limit=3").await;
    assert_eq!(first, ["report 4", "report 3", "report 2"]);
    let rest = format!("?limit=3&cursor={}", next.unwrap());
    assert_eq!(
        names(&house, &key, &rest).await,
        (vec!["report 1".into(), "report 0".into()], None)
    );
    assert_eq!(names(&house, &key, "?name=rep%202").await.0, ["report 2"]);
    assert_eq!(names(&house, &key, "?tag=model_name").await.0.len(), 5);
    assert_eq!(
        names(&house, &key, "?tag=document_count%3D3&limit=1")
            .await
            .0,
        ["report 4"]
    );
    assert_eq!(
        names(&house, &key, "?tag=document_count%3D4").await.0.len(),
        0
    );
    let call = |method: Method, path: &str| house.api.call(method, path).header("x-api-key", &key);
    let path = format!("/v1/instances/{}", all[1].id);
    for _ in 0..2 {
        assert_eq!(answer(call(Method::DELETE, &path)).await.0, 204);
    }
    assert_eq!(
        names(&house, &key, "?status=unregistered").await.0,
        ["report 1"]
    );
    assert_eq!(names(&house, &key, "?name=1").await.0.len(), 0);
    assert_eq!(names(&house, &key, "?name=--").await.0.len(), 0);
    for wrong in [
        "?limit=0",
        "?limit=101",
        "?cursor=x",
        "?cursor=-1",
        "?status=gone",
        "?further=1",
    ] {
        let (status, problem) = answer(call(Method::GET, &format!("/v1/instances{wrong}"))).await;
        assert_eq!((status, &problem["status"]), (400, &json!(400)), "{wrong}");
    }
}

#[tokio::test]
async fn one_is_changed_rotated_and_registered_again() {
    let house = House::new();
    let key = house.key_of("owner", "registry:read registry:write").await;
    let made = house.made_by(&key, "a").await;
    let path = format!("/v1/instances/{}", made.id);
    let call = |method: Method, path: &str| house.api.call(method, path).header("x-api-key", &key);
    let body = json!({ "name": "b", "tags": { "further": 1 } });
    let (status, changed) = answer(call(Method::PATCH, &path).json(&body)).await;
    assert_eq!(
        (status, &changed["name"], &changed["tags"]),
        (200, &json!("b"), &json!({ "further": 1 }))
    );
    assert_eq!(
        answer(call(Method::PATCH, &path).json(&json!({ "name": "" })))
            .await
            .0,
        400
    );
    assert_eq!(
        answer(call(Method::PATCH, &path).json(&json!({ "nam": "" })))
            .await
            .0,
        422
    );
    let rotate = format!("{path}/rotate");
    let (status, rotated) = answer(call(Method::POST, &rotate)).await;
    assert_eq!(
        (status, &rotated["id"]),
        (200, &json!(made.id)),
        "{rotated}"
    );
    let new = Made {
        password: rotated["password"].as_str().unwrap().to_owned(),
        ..made.clone()
    };
    // The old one is good until the new one is used.
    let detail = format!("/api/upload/{}", made.id);
    for (bearer, good) in [(&made, true), (&new, true), (&made, false)] {
        let found = data(house.get(&detail, Some(&bearer.bearer())).await);
        assert_eq!(!found.is_null(), good);
    }
    assert_eq!(answer(call(Method::DELETE, &path)).await.0, 204);
    let (status, back) = answer(call(Method::POST, &rotate)).await;
    assert_eq!((status, &back["status"]), (200, &json!("offline")));
    // A person registers its own id again without the password too.
    let request = call(Method::POST, "/api/upload/register").json(&again("c", &made.id));
    assert_eq!(data(answer(request).await)["instance_id"], json!(made.id));
    let narrow = house.key_of("owner", "registry:read").await;
    let narrow = house
        .api
        .call(Method::POST, &rotate)
        .header("x-api-key", &narrow);
    assert_eq!(answer(narrow).await.0, 403);
}

#[tokio::test]
async fn nobody_reaches_anothers_by_any_route() {
    let house = House::new();
    let ann = house.key_of("ann", "registry:read registry:write").await;
    let bob = house.key_of("bob", "registry:read registry:write").await;
    let (hers, his) = (
        house.made_by(&ann, "hers").await,
        house.made_by(&bob, "his").await,
    );
    assert_eq!(names(&house, &ann, "").await.0, ["hers"]);
    let by = |request: RequestBuilder| request.header("x-api-key", &bob);
    let problem = async |request: RequestBuilder| {
        let (status, body) = answer(request).await;
        (status, body.to_string())
    };
    let unknown = "0123456789abcdef0123";
    for (method, tail, body) in [
        (Method::GET, "", Value::Null),
        (Method::GET, "/roles", Value::Null),
        (Method::PATCH, "", json!({ "name": "stolen" })),
        (Method::DELETE, "", Value::Null),
        (Method::POST, "/rotate", Value::Null),
    ] {
        let ask = |id: &str| {
            let request = by(house
                .api
                .call(method.clone(), &format!("/v1/instances/{id}{tail}")));
            if body.is_null() {
                request
            } else {
                request.json(&body)
            }
        };
        let (theirs, none) = (problem(ask(&hers.id)).await, problem(ask(unknown)).await);
        assert_eq!(theirs.0, 404, "{method} {tail}");
        assert_eq!(theirs.1, none.1.replace(unknown, &hers.id));
    }
    let path = format!("/api/upload/{}", hers.id);
    assert!(data(answer(by(house.api.call(Method::GET, &path))).await).is_null());
    assert!(data(house.get(&path, Some(&his.bearer())).await).is_null());
    for method in [Method::PUT, Method::DELETE] {
        let body = json!({ "upload_name": "stolen" });
        refused(
            answer(by(house.api.call(method.clone(), &path)).json(&body)).await,
            404,
        );
        refused(
            answer(house.call(method, &path, Some(&his.bearer())).json(&body)).await,
            404,
        );
    }
    let register = house.api.call(Method::POST, "/api/upload/register");
    refused(
        answer(by(register).json(&again("stolen", &hers.id))).await,
        401,
    );
    let detail = data(house.get(&path, Some(&hers.bearer())).await);
    assert_eq!(detail["upload_name"], "hers");
}

#[tokio::test]
async fn roles_are_read_where_they_are_ones_own() {
    let house = House::new();
    let key = house.key_of("owner", "registry:read registry:write").await;
    let (made, other) = (house.made_by(&key, "a").await, house.made("b").await);
    let path = |id: &str| format!("/v1/instances/{id}/roles");
    let get = async |id: &str| {
        let request = house.api.call(Method::GET, &path(id));
        answer(request.header("x-api-key", &key)).await
    };
    assert_eq!(get(&made.id).await, (200, json!([])));
    for id in ["r2", "r1", "r2"] {
        let role = json!({ "role_id": id, "instance_id": made.id, "name": "Helper", "system_prompt": "Help.", "enable_l1_retrieval": false });
        let request = house.call(Method::POST, "/api/roles", Some(&made.bearer()));
        data(answer(request.json(&role)).await);
    }
    let role = |id: &str| {
        json!({ "id": id, "name": "Helper", "description": null, "system_prompt": "Help.", "icon": null,
                "is_active": true, "enable_l0_retrieval": true, "enable_l1_retrieval": false })
    };
    assert_eq!(get(&made.id).await, (200, json!([role("r1"), role("r2")])));
    assert_eq!(get(&other.id).await.0, 404);
    assert_eq!(get("00000000000000000000").await.0, 404);
}
