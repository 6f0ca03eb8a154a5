//! Signing in with an OpenID provider: who gets in, by which answers, and who does not.

use serde_json::json;

use crate::support::provider::{ES, Provider, RSA};
use crate::support::provider_door::{Got, House};

/// Whether nobody was signed in by this; with the words that the page must hold.
pub(super) fn refused(name: &str, house: &House, got: &Got, status: u16, words: &str) {
    assert_eq!(got.status, status, "{name}: {}", got.body);
    assert!(got.body.contains(words), "{name}: {}", got.body);
    assert!(got.sets("jarkeeper_visit").is_none(), "{name}: {got:?}");
    assert_eq!((house.visits(), house.accounts()), (0, 0), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_to_sign_in_becomes_the_owner_and_others_only_where_they_are_named() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org", "@corp.example"]).await;
    let ada = house.browser();
    let page = ada
        .get("/sign-in?return_to=%2Fdevice%3Fuser_code%3DAB")
        .await;
    assert_eq!(page.status, 200);
    let link = "/sign-in/start?return_to=%2Fdevice%3Fuser_code%3DAB";
    assert!(page.body.contains(link), "{}", page.body);

    let sent = ada.get(link).await;
    let cookie = sent.sets("jarkeeper_sign_in").unwrap();
    for part in [
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/sign-in;",
        "; Max-Age=600",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let sent = sent.location().parse().unwrap();
    let query: std::collections::HashMap<_, _> = url::Url::query_pairs(&sent).collect();
    assert_eq!(query["scope"], "openid email profile");
    assert_eq!(query["client_id"], Provider::CLIENT);
    assert_eq!(
        query["redirect_uri"],
        format!("{}/sign-in/callback", house.base)
    );
    assert!(query["state"].len() >= 43 && query["nonce"].len() >= 43);

    let got = ada.come_back(&ada.answer(&provider, &sent)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let cookie = got.sets("jarkeeper_visit").unwrap();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let on = r#"<meta http-equiv="refresh" content="0;url=/device?user_code=AB">"#;
    assert!(got.body.contains(on), "{}", got.body);
    assert!(ada.get("/sign-in").await.body.contains("signed in as Ada"));
    let owner = house.identity.person("owner").unwrap();
    assert_eq!(owner.email.as_deref(), Some("ada@example.org"));
    assert_eq!(owner.accounts[0].subject, "ada-1");
    assert_eq!((house.members(), house.visits()), (0, 1));

    provider.claims(|claims| {
        claims["sub"] = json!("bob-1");
        claims["email"] = json!("Bob@Corp.Example");
        claims["name"] = json!("Bob");
    });
    let bob = house.browser();
    assert_eq!(bob.sign_in(&provider).await.status, 200);
    assert!(bob.get("/sign-in").await.body.contains("signed in as Bob"));
    assert_eq!((house.members(), house.visits()), (1, 2));

    // Again, under another address: the account is who it was.
    provider.claims(|claims| {
        claims["sub"] = json!("bob-1");
        claims["email"] = json!("robert@corp.example");
    });
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    assert_eq!((house.members(), house.accounts()), (1, 2));

    // Another account with the owner's address is another person.
    provider.claims(|claims| claims["sub"] = json!("eve-1"));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    let owner = house.identity.person("owner").unwrap();
    assert_eq!((house.members(), owner.accounts.len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_needs_the_own_page_and_ends_the_visit() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    let ada = house.browser();
    assert_eq!(ada.sign_in(&provider).await.status, 200);
    for form in [&[("csrf", "guess")][..], &[], &[("csrf", "")]] {
        let got = ada.post("/sign-out", form).await;
        assert_eq!((got.status, house.visits()), (403, 1), "{form:?}");
    }
    let page = ada.get("/sign-in").await.body;
    let (_, rest) = page.split_once(r#"name="csrf" value=""#).unwrap();
    let csrf = rest.split('"').next().unwrap();
    let got = ada.post("/sign-out", &[("csrf", csrf)]).await;
    assert_eq!((got.status, got.location()), (303, "/sign-in"));
    assert_eq!(house.visits(), 0);
    assert!(ada.get("/sign-in").await.body.contains("/sign-in/start"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_among_the_allowed_is_refused() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org", "@corp.example"]).await;
    let emails = [
        json!("eve@example.org"),
        json!("ada@example.org.evil"),
        json!("ada@sub.example.org"),
        json!("a@evil@corp.example"),
        json!("\"a@evil\"@corp.example"),
        json!("a@corp.example@evil.example"),
        json!("a@sub.corp.example"),
        json!("a@evilcorp.example"),
        json!("a@corp.example."),
        json!("a@corp.example.evil"),
        json!("@corp.example"),
        json!("corp.example"),
        json!(" a@corp.example"),
        json!("a@corp.example\n"),
        json!("a@corp\u{ff0e}example"),
        json!(""),
        json!(null),
    ];
    for email in emails {
        let claim = email.clone();
        provider.claims(move |claims| claims["email"] = claim.clone());
        let got = house.browser().sign_in(&provider).await;
        refused(&email.to_string(), &house, &got, 403, "role=\"alert\"");
    }
    for verified in [json!(false), json!(null)] {
        let claim = verified.clone();
        provider.claims(move |claims| claims["email_verified"] = claim.clone());
        let got = house.browser().sign_in(&provider).await;
        refused(&verified.to_string(), &house, &got, 403, "verified");
    }
    // What is no boolean is no claim.
    for verified in [json!("true"), json!(1)] {
        let claim = verified.clone();
        provider.claims(move |claims| claims["email_verified"] = claim.clone());
        let got = house.browser().sign_in(&provider).await;
        refused(&verified.to_string(), &house, &got, 400, "cannot be read");
    }
    provider.claims(|_| {});
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_empty_list_only_the_owner_signs_in() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    // The first on this machine, without any address.
    provider.claims(|claims| claims["email_verified"] = json!(false));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    provider.claims(|claims| claims["sub"] = json!("eve-1"));
    let got = house.browser().sign_in(&provider).await;
    assert_eq!(got.status, 403, "{}", got.body);
    assert_eq!((house.members(), house.accounts()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_only_the_userinfo_endpoint_tells_counts() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org"]).await;
    let bare = |claims: &mut serde_json::Value| {
        for name in ["email", "email_verified", "name"] {
            claims.as_object_mut().unwrap().remove(name);
        }
    };
    provider.claims(bare);
    let told = |sub: &str, verified: bool| json!({ "sub": sub, "name": "Ada", "email": "ada@example.org", "email_verified": verified });
    provider.script().userinfo = Some(told("eve-1", true));
    let got = house.browser().sign_in(&provider).await;
    refused(
        "of somebody else",
        &house,
        &got,
        503,
        "does not say who this is",
    );
    provider.script().userinfo = Some(told("ada-1", false));
    let got = house.browser().sign_in(&provider).await;
    refused("not verified", &house, &got, 403, "verified");
    provider.script().userinfo = Some(json!(null));
    let got = house.browser().sign_in(&provider).await;
    refused("nothing", &house, &got, 503, "does not say who this is");
    provider.script().userinfo = Some(told("ada-1", true));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    let owner = house.identity.person("owner").unwrap();
    assert_eq!(owner.name.as_deref(), Some("Ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn es256_signs_in_as_rs256_does() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org"]).await;
    provider.tokens(|claims| ES.token(&claims));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    provider.tokens(|claims| RSA.token(&claims));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    assert_eq!(provider.asked("jwks"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_client_id_the_page_says_what_to_do() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    house
        .keeper
        .configure(|config| config.sign_in.client_id = None);
    let browser = house.browser();
    for (path, status) in [("/sign-in", 200), ("/sign-in/start", 503)] {
        let got = browser.get(path).await;
        assert_eq!(got.status, status);
        for word in ["client_id", "jarkeeper sign-in", "config.toml"] {
            assert!(got.body.contains(word), "{word}: {}", got.body);
        }
    }
    assert_eq!(provider.asked("discovery"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_back_leads_to_another_site() {
    let hosts = [
        "evil.test",
        "evil.test/",
        "evil.test%2f",
        "evil.test/sign-in",
        "2130706433",
        "[::1]",
    ];
    let before = [
        "//",
        "///",
        "////",
        "http://",
        "https://",
        "HTTPS://",
        "http:/",
        "http:",
        "https:",
        "ftp://",
        "\\\\",
        "/\\",
        "\\/",
        "/\\/",
        "/\t/",
        "/\n/",
        "/\r\n/",
        " //",
        "\t//",
        "%2f%2f",
        "/%2f",
        "/%5c",
        "/%09/",
        "%5c%5c",
        "/./",
        "/../",
        "/..//",
        "/.%2e/",
        "/a//",
        "/a\\",
        "//a@",
        "http://127.0.0.1@",
        "http://127.0.0.1:80@",
        "/@",
        "//127.0.0.1\\@",
        "javascript:",
        "data:text/html,",
        "vbscript:",
        "//%E3%80%82",
        "/\u{3002}",
        "\u{ff0f}\u{ff0f}",
        "//\u{200b}",
        "\0//",
        "/\0/",
        "?//",
        "#//",
        "/#//",
        "/;@",
        "/?\\",
        "/a?\u{e4}=",
        "/sign-in;//",
        "",
    ];
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    let browser = house.browser();
    let mut tried = 0;
    for start in before {
        for host in hosts {
            let way: String =
                url::form_urlencoded::byte_serialize(format!("{start}{host}").as_bytes()).collect();
            for page in ["/sign-in", "/sign-in/start"] {
                let got = browser.get(&format!("{page}?return_to={way}")).await;
                assert_eq!(got.status, 400, "{page} {start:?} {host}: {got:?}");
                assert!(got.sets("jarkeeper_sign_in").is_none());
            }
            tried += 1;
        }
    }
    assert!(tried >= 300, "{tried}");
    for twice in [
        "return_to=/sign-in&return_to=//evil.test",
        "return_to=",
        "return_to=/%00",
    ] {
        let got = browser.get(&format!("/sign-in?{twice}")).await;
        assert_eq!(got.status, 400, "{twice}");
    }
    assert_eq!(provider.asked("discovery"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_this_machine_leads_to_its_number() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    let port = house.base.rsplit(':').next().unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let client = client.build().unwrap();
    for page in ["/sign-in", "/sign-in/start"] {
        let url = format!("{}{page}?return_to=%2Fdevice", house.base);
        let got = client
            .get(url)
            .header("host", format!("localhost:{port}"))
            .send()
            .await
            .unwrap();
        assert_eq!(got.status(), 303);
        let there = format!("{}/sign-in?return_to=%2Fdevice", house.base);
        assert_eq!(got.headers()["location"].to_str().unwrap(), there);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_on_this_machine_does_the_first_become_the_owner() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["@corp.example"]).await;
    let proxied = async |house: &House, header: &str| {
        let browser = house.browser();
        let sent = browser.begin().await;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(browser.answer(&provider, &sent))
            .finish();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let back = client.get(format!("{}/sign-in/callback?{query}", house.base));
        browser.send(back.header(header, "proxy.example")).await
    };
    let headers = [
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];
    for (index, header) in headers.into_iter().enumerate() {
        provider.claims(move |claims| {
            claims["sub"] = json!(header);
            claims["email"] = json!("eve@corp.example");
        });
        let got = proxied(&house, header).await;
        assert_eq!(got.status, 200, "{header}: {}", got.body);
        let owner = house.identity.person("owner").unwrap();
        assert_eq!(owner.accounts, [], "{header}");
        assert_eq!(house.members(), i64::try_from(index).unwrap() + 1);
    }
    provider.claims(|claims| claims["email"] = json!("ada@corp.example"));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    let owner = house.identity.person("owner").unwrap();
    assert_eq!(owner.accounts[0].subject, "ada-1");

    let house = House::new(&provider, &[]).await;
    let got = proxied(&house, "via").await;
    refused("with an empty list", &house, &got, 403, "role=\"alert\"");
}
