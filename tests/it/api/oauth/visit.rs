//! Signing in for that, with a ticket, and what becomes of it.

use reqwest::Method;

use super::daemon;
use crate::support::answer;
use crate::support::oauth::{
    AWAY, Carries as _, client, decide, encoded, inputs, page, question, sent, value, visit,
};

#[tokio::test]
async fn a_visit_ends_where_the_answer_goes_to_a_listener_on_this_machine() {
    let (_root, _daemon, api) = daemon();
    let client = client(&api).await;
    let cookie = visit(&api).await;
    let asked = question(&client, "http://127.0.0.1:9/callback", "sessions:read");
    let html = page(&api, &cookie, &asked).await.text().await.unwrap();
    let answered = decide(&api, "/oauth/authorize", &cookie, &inputs(&html), "allow").await;
    let gone = answered.headers()["set-cookie"].to_str().unwrap();
    assert!(
        gone.starts_with("jarkeeper_visit=;") && gone.contains("Max-Age=0"),
        "{gone}"
    );
    // The cookie that the listener might have been shown opens nothing.
    let (place, _) = sent_to_sign_in(&page(&api, &cookie, &asked).await);
    assert_eq!(place, "/sign-in");
}

fn sent_to_sign_in(response: &reqwest::Response) -> (String, String) {
    assert_eq!(response.status(), 303);
    let place = response.headers()["location"].to_str().unwrap();
    let (path, query) = place.split_once('?').unwrap();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (name, back) = pairs.next().unwrap();
    assert_eq!(name, "return_to");
    (path.to_owned(), back.into_owned())
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_and_comes_back() {
    let (_root, _daemon, api) = daemon();
    let client = client(&api).await;
    let asked = question(&client, AWAY, "sessions:read");
    let (path, back) = sent_to_sign_in(&page(&api, "", &asked).await);
    assert_eq!(path, "/sign-in");
    let cookie = visit(&api).await;
    let again = api
        .call(Method::GET, &back)
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 200, "{back}");
    // Sent by another site, a browser does not show its cookie: it comes once more, from us.
    let path = format!("/oauth/authorize?{}", encoded(&asked));
    let cross = api
        .call(Method::GET, &path)
        .header("sec-fetch-site", "cross-site");
    let cross = cross
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document");
    let cross = cross.send().await.unwrap();
    assert_eq!(cross.status(), 200);
    let html = cross.text().await.unwrap();
    assert!(
        html.contains("http-equiv=\"refresh\" content=\"0;url=/oauth/authorize?"),
        "{html}"
    );
    // A client that knows us as localhost is answered as that, though the sign-in is at the number.
    let port = api.base.rsplit(':').next().unwrap();
    let host = format!("localhost:{port}");
    let named = api
        .call(Method::GET, &path)
        .header("host", &host)
        .send()
        .await
        .unwrap();
    let (_, back) = sent_to_sign_in(&named);
    let html = api
        .call(Method::GET, &back)
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    let form = inputs(&html.text().await.unwrap());
    let (_, query) = sent(&decide(&api, "/oauth/authorize", &cookie, &form, "allow").await);
    assert_eq!(value(&query, "iss"), Some(format!("http://{host}")));
    let evil = format!("{path}&begun_at=https%3A%2F%2Fevil.test");
    let html = api
        .call(Method::GET, &evil)
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    let form = inputs(&html.text().await.unwrap());
    let (_, query) = sent(&decide(&api, "/oauth/authorize", &cookie, &form, "allow").await);
    assert_eq!(value(&query, "iss").as_deref(), Some(&*api.base));
}

#[tokio::test]
async fn a_ticket_lets_in_once_and_leads_to_our_own_paths_alone() {
    let (_root, _daemon, api) = daemon();
    let (status, problem) = answer(api.call(Method::POST, "/v1/tickets")).await;
    assert_eq!(status, 401, "{problem}");
    let (_, ticket) = answer(api.own(Method::POST, "/v1/tickets")).await;
    let link = ticket["url"]
        .as_str()
        .unwrap()
        .strip_prefix(&api.base)
        .unwrap();
    // Looking at the link uses nothing up.
    for _ in 0..2 {
        let shown = api.call(Method::GET, link).send().await.unwrap();
        assert_eq!(shown.status(), 200);
        assert!(shown.headers().get("set-cookie").is_none());
    }
    let value = link.split_once('=').unwrap().1;
    let redeem = |place: &str| {
        let form = [("ticket", value), ("return_to", place)];
        api.call(Method::POST, "/sign-in/ticket").form(&form).send()
    };
    for place in [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "/\t/evil.test",
        "evil",
    ] {
        assert_eq!(redeem(place).await.unwrap().status(), 400, "{place}");
    }
    let redeemed = redeem("/device").await.unwrap();
    assert_eq!(
        (redeemed.status().as_u16(), &redeemed.headers()["location"]),
        (303, &"/device".parse().unwrap())
    );
    let cookie = redeemed.headers()["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly")
            && cookie.contains("SameSite=Strict")
            && cookie.contains("Path=/"),
        "{cookie}"
    );
    assert_eq!(redeem("/device").await.unwrap().status(), 400);
}
