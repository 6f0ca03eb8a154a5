//! People: who they are, what they may, and what becomes of their keys when that changes.

use jarkeeper::identity::{NewKey, PersonId, Principal, Proof, Reach, Scope, Who};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::answer;
use crate::support::provider::Provider;
use crate::support::provider_door::{Browser, House};

/// The owner's key over the network, for everything.
async fn owners_key(house: &House) -> String {
    let owner = house.identity.local(0);
    key(
        house,
        &owner,
        "read write profile profile:write email admin sessions:reveal",
        Reach::All,
    )
    .await
}

async fn key(house: &House, by: &Principal, scopes: &str, reach: Reach) -> String {
    let new = NewKey {
        name: "test".to_owned(),
        scopes: scopes.parse().unwrap(),
        reach,
        memory_of: None,
        expires_at: None,
    };
    let made = house.identity.make_key(by, new).await.unwrap();
    secrecy::ExposeSecret::expose_secret(&made.value).to_owned()
}

async fn call(
    house: &House,
    key: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let client = Client::builder().no_proxy().build().unwrap();
    let mut request = client
        .request(method, format!("{}{path}", house.base))
        .header("x-api-key", key);
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    answer(request).await
}

/// `SITE` or `SITE:ACCOUNT`, and nothing else.
fn only(session: &str) -> Reach {
    Reach::of(Some(&[session.to_owned()])).unwrap()
}

/// Ada is the owner, Bob a member, who has signed in in this browser.
async fn house(provider: &Provider) -> House {
    let house = House::new(provider, &["ada@example.org", "bob@example.org"]).await;
    assert_eq!(house.browser().sign_in(provider).await.status, 200);
    house
}

async fn bob<'a>(house: &'a House, provider: &Provider) -> (Browser<'a>, String) {
    provider.claims(|claims| {
        claims["sub"] = json!("bob-1");
        claims["email"] = json!("bob@example.org");
        claims["name"] = json!("Bob");
    });
    let browser = house.browser();
    assert_eq!(browser.sign_in(provider).await.status, 200);
    let people = house.identity.people().unwrap();
    let bob = people.into_iter().find(|one| !one.owner).unwrap();
    (browser, bob.id.to_string())
}

/// The principal of a member, as `limits` has it.
fn principal(house: &House, id: &str) -> Principal {
    let people = house.identity.people().unwrap();
    let person: PersonId = people
        .into_iter()
        .find(|one| one.id.as_str() == id)
        .unwrap()
        .id;
    let (scopes, reach) = house.identity.limits(&person).unwrap();
    Principal {
        who: Who::Person(person.clone()),
        person,
        scopes,
        reach,
        memory_of: None,
        expires_at: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sees_who_signed_in_and_what_they_may() {
    let provider = Provider::start().await;
    let house = house(&provider).await;
    let (_, id) = bob(&house, &provider).await;
    let own = owners_key(&house).await;
    let (status, people) = call(&house, &own, Method::GET, "/v1/people", None).await;
    assert_eq!(status, 200, "{people}");
    let shown: Vec<_> = people
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["role"].clone(),
                one["email"].clone(),
                one["reach"].clone(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (json!("owner"), json!("ada@example.org"), json!(null)),
            (json!("member"), json!("bob@example.org"), json!([])),
        ]
    );
    assert_eq!(
        people[1]["scopes"],
        json!([
            "profile",
            "profile:write",
            "email",
            "memory:read",
            "memory:write",
            "registry:read",
            "registry:write"
        ])
    );
    assert_eq!(
        people[1]["accounts"],
        json!([{ "issuer": provider.base, "subject": "bob-1" }])
    );
    let (status, one) = call(&house, &own, Method::GET, &format!("/v1/people/{id}"), None).await;
    assert_eq!((status, &one), (200, &people[1]));
    let (status, me) = call(&house, &own, Method::GET, "/v1/me", None).await;
    assert_eq!(
        (status, &me["person"]["name"], &me["person"]["email"]),
        (200, &json!("Ada"), &json!("ada@example.org"))
    );

    // A member sees itself, and with fewer scopes less.
    let bobs = key(
        &house,
        &principal(&house, &id),
        "profile",
        Reach::Only(Vec::new()),
    )
    .await;
    let (status, me) = call(&house, &bobs, Method::GET, "/v1/me", None).await;
    assert_eq!(
        (status, &me["person"]["id"], &me["person"]["email"]),
        (200, &json!(id), &json!(null)),
        "{me}"
    );
    let (status, problem) = call(&house, &bobs, Method::GET, "/v1/people", None).await;
    assert_eq!(status, 403, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_members_keys_never_do_more_than_the_member_may_now() {
    let provider = Provider::start().await;
    let house = house(&provider).await;
    let (_, id) = bob(&house, &provider).await;
    let (own, path) = (owners_key(&house).await, format!("/v1/people/{id}"));
    let more =
        json!({ "scopes": ["profile", "read", "sessions:lease"], "reach": ["wiki", "shop:ada"] });
    let (status, bob) = call(&house, &own, Method::PATCH, &path, Some(more)).await;
    assert_eq!(
        (status, &bob["reach"]),
        (200, &json!(["wiki", "shop:ada"])),
        "{bob}"
    );
    let value = key(
        &house,
        &principal(&house, &id),
        "read sessions:lease",
        only("wiki"),
    )
    .await;
    let proof = Proof::Key(value.clone().into());
    let now = house.identity.authenticate(&proof).await.unwrap();
    assert!(now.may(Scope::SessionsRead) && now.may(Scope::SessionsLease));
    assert!(now.reaches(&"wiki:x".parse().unwrap()) && !now.reaches(&"shop:ada".parse().unwrap()));

    let fewer = json!({ "scopes": ["sessions:read"], "reach": ["wiki:x"] });
    assert_eq!(
        call(&house, &own, Method::PATCH, &path, Some(fewer))
            .await
            .0,
        200
    );
    let now = house.identity.authenticate(&proof).await.unwrap();
    assert_eq!(now.scopes.to_string(), "sessions:read");
    assert!(now.reaches(&"wiki:x".parse().unwrap()) && !now.reaches(&"wiki".parse().unwrap()));
    let (status, sites) = call(&house, &value, Method::GET, "/v1/sites", None).await;
    assert_eq!((status, sites), (200, json!([])));

    let none = json!({ "scopes": [] });
    assert_eq!(
        call(&house, &own, Method::PATCH, &path, Some(none)).await.0,
        200
    );
    assert_eq!(
        call(&house, &value, Method::GET, "/v1/sites", None).await.0,
        403
    );
    let all = json!({ "scopes": ["read"], "reach": null, "name": "Robert" });
    let (status, bob) = call(&house, &own, Method::PATCH, &path, Some(all)).await;
    assert_eq!(
        (status, &bob["reach"], &bob["name"]),
        (200, &json!(null), &json!("Robert"))
    );
    let now = house.identity.authenticate(&proof).await.unwrap();
    assert!(now.reaches(&"wiki".parse().unwrap()) && !now.reaches(&"shop".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_person_is_out_at_once_and_a_deleted_one_leaves_nothing() {
    let provider = Provider::start().await;
    let house = house(&provider).await;
    let (browser, id) = bob(&house, &provider).await;
    let (own, path) = (owners_key(&house).await, format!("/v1/people/{id}"));
    let bobs = key(
        &house,
        &principal(&house, &id),
        "profile",
        Reach::Only(Vec::new()),
    )
    .await;
    assert_eq!(
        call(&house, &bobs, Method::GET, "/v1/me", None).await.0,
        200
    );

    let off = json!({ "disabled": true });
    let (status, bob) = call(&house, &own, Method::PATCH, &path, Some(off.clone())).await;
    assert_eq!((status, bob["disabled_at"].is_string()), (200, true));
    assert_eq!(
        call(&house, &bobs, Method::GET, "/v1/me", None).await.0,
        401
    );
    assert!(
        browser
            .get("/sign-in")
            .await
            .body
            .contains("/sign-in/start"),
        "the visit has ended"
    );
    let got = house.browser().sign_in(&provider).await;
    assert_eq!((got.status, house.visits()), (403, 1), "{}", got.body);
    let (_, again) = call(&house, &own, Method::PATCH, &path, Some(off)).await;
    assert_eq!(again["disabled_at"], bob["disabled_at"], "since when stays");

    let on = json!({ "disabled": false });
    assert_eq!(
        call(&house, &own, Method::PATCH, &path, Some(on)).await.0,
        200
    );
    assert_eq!(
        call(&house, &bobs, Method::GET, "/v1/me", None).await.0,
        200
    );
    assert!(
        browser
            .get("/sign-in")
            .await
            .body
            .contains("/sign-in/start"),
        "the visit stays ended"
    );

    assert_eq!(call(&house, &own, Method::DELETE, &path, None).await.0, 204);
    assert_eq!(
        call(&house, &bobs, Method::GET, "/v1/me", None).await.0,
        401
    );
    assert_eq!((house.members(), house.accounts()), (0, 1));
    assert_eq!(call(&house, &own, Method::DELETE, &path, None).await.0, 404);
    assert_eq!(call(&house, &own, Method::GET, &path, None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_stays_the_owner_and_nobody_gives_more_than_they_have() {
    let provider = Provider::start().await;
    let house = house(&provider).await;
    let (_, id) = bob(&house, &provider).await;
    let (own, path) = (owners_key(&house).await, format!("/v1/people/{id}"));
    for change in [
        json!({ "disabled": true }),
        json!({ "scopes": [] }),
        json!({ "reach": [] }),
    ] {
        let (status, problem) = call(
            &house,
            &own,
            Method::PATCH,
            "/v1/people/owner",
            Some(change),
        )
        .await;
        assert_eq!(
            (status, &problem["type"]),
            (403, &json!("urn:jarkeeper:problem:refused"))
        );
    }
    assert_eq!(
        call(&house, &own, Method::DELETE, "/v1/people/owner", None)
            .await
            .0,
        403
    );
    let renamed = json!({ "name": "Ada L." });
    assert_eq!(
        call(
            &house,
            &own,
            Method::PATCH,
            "/v1/people/owner",
            Some(renamed)
        )
        .await
        .0,
        200
    );

    let owner = house.identity.local(0);
    let narrow = key(&house, &owner, "admin", only("wiki")).await;
    for change in [
        json!({ "scopes": ["sessions:read"] }),
        json!({ "reach": null }),
        json!({ "reach": ["shop"] }),
    ] {
        let (status, _) = call(&house, &narrow, Method::PATCH, &path, Some(change.clone())).await;
        assert_eq!(status, 403, "{change}");
    }
    let wrong = [
        json!({ "scopes": ["everything"] }),
        json!({ "reach": ["../x"] }),
        json!({ "name": "" }),
        json!({ "name": "a\nb" }),
        json!({ "name": "a".repeat(101) }),
    ];
    for change in wrong {
        let (status, problem) =
            call(&house, &own, Method::PATCH, &path, Some(change.clone())).await;
        assert_eq!(
            (status, &problem["type"]),
            (400, &json!("urn:jarkeeper:problem:invalid-request")),
            "{change}"
        );
    }
    for change in [
        json!({ "role": "owner" }),
        json!({ "scopes": "read" }),
        json!([]),
    ] {
        assert_eq!(
            call(&house, &own, Method::PATCH, &path, Some(change.clone()))
                .await
                .0,
            422,
            "{change}"
        );
    }
    assert_eq!(
        call(
            &house,
            &own,
            Method::PATCH,
            "/v1/people/nobody",
            Some(json!({}))
        )
        .await
        .0,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_owners_account_is_forgotten_the_next_becomes_the_owner() {
    let provider = Provider::start().await;
    let house = house(&provider).await;
    let own = owners_key(&house).await;
    let gone = call(
        &house,
        &own,
        Method::DELETE,
        "/v1/people/owner/accounts",
        None,
    )
    .await;
    assert_eq!((gone.0, house.accounts(), house.visits()), (204, 0, 0));
    let (status, me) = call(&house, &own, Method::GET, "/v1/me", None).await;
    assert_eq!(
        (status, &me["person"]["id"]),
        (200, &json!("owner")),
        "the keys stay"
    );
    provider.claims(|claims| claims["sub"] = json!("ada-2"));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    let owner = house.identity.person("owner").unwrap();
    assert_eq!(
        (owner.accounts[0].subject.as_str(), house.members()),
        ("ada-2", 0)
    );
    assert_eq!(
        call(
            &house,
            &own,
            Method::DELETE,
            "/v1/people/nobody/accounts",
            None
        )
        .await
        .0,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_touches_a_person_who_may_more() {
    let provider = Provider::start().await;
    let house = house(&provider).await;
    let (browser, id) = bob(&house, &provider).await;
    let (own, path) = (owners_key(&house).await, format!("/v1/people/{id}"));
    let accounts = format!("{path}/accounts");
    let more = json!({ "scopes": ["read", "admin"], "reach": null });
    assert_eq!(
        call(&house, &own, Method::PATCH, &path, Some(more)).await.0,
        200
    );
    let bobs = key(&house, &principal(&house, &id), "read admin", Reach::All).await;
    let narrow = key(&house, &house.identity.local(0), "admin", only("wiki")).await;
    let fewer = key(&house, &house.identity.local(0), "admin", Reach::All).await;
    let (off, name) = (json!({ "disabled": true }), json!({ "name": "X" }));
    let owner = "/v1/people/owner";
    for (who, method, path, body) in [
        (&bobs, Method::DELETE, "/v1/people/owner/accounts", None),
        (&bobs, Method::DELETE, owner, None),
        (&bobs, Method::PATCH, owner, Some(name.clone())),
        (&narrow, Method::DELETE, "/v1/people/owner/accounts", None),
        (&fewer, Method::DELETE, "/v1/people/owner/accounts", None),
        (&fewer, Method::PATCH, owner, Some(name)),
        (&fewer, Method::DELETE, &accounts, None),
        (&narrow, Method::DELETE, &accounts, None),
        (&narrow, Method::DELETE, &path, None),
        (&narrow, Method::PATCH, &path, Some(off.clone())),
    ] {
        let (status, problem) = call(&house, who, method.clone(), path, body).await;
        // Who does not reach every session administers nobody at all.
        let word = match who == &narrow {
            true => "insufficient-reach",
            false => "refused",
        };
        assert_eq!(
            (status, &problem["type"]),
            (403, &json!(format!("urn:jarkeeper:problem:{word}"))),
            "{method} {path}"
        );
    }
    assert_eq!((house.accounts(), house.visits()), (2, 2));

    // One that is disabled would come back as somebody new.
    let on = json!({ "disabled": false });
    for (change, status, accounts_left) in [(off, 403, 2), (on, 204, 1)] {
        assert_eq!(
            call(&house, &own, Method::PATCH, &path, Some(change))
                .await
                .0,
            200
        );
        let (got, problem) = call(&house, &own, Method::DELETE, &accounts, None).await;
        assert_eq!(
            (got, house.accounts()),
            (status, accounts_left),
            "{problem}"
        );
    }
    assert_eq!(browser.sign_in(&provider).await.status, 200);
    assert_eq!((house.members(), house.accounts()), (2, 2));
}
