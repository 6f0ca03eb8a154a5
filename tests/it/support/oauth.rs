//! A client of the authorization server, and the person at the browser, both by plain HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jarkeeper::session::Files;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::process::Root;
use super::{Api, answer};

/// A redirect URI that stays away from this machine, so that the visit goes on.
pub(crate) const AWAY: &str = "https://app.test/callback";
/// One on this machine, as a program registers it.
pub(crate) const HERE: &str = "http://127.0.0.1/callback";

/// The verifier of every request of these tests.
pub(crate) const VERIFIER: &str = "0123456789-0123456789-0123456789-0123456789";

/// S256 of it.
pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// Registers a public client with both redirect URIs and every grant type.
pub(crate) async fn register(api: &Api, more: Value) -> Value {
    let mut body = json!({
        "client_name": "Test agent", "redirect_uris": [AWAY, HERE], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let (status, client) = answer(api.call(Method::POST, "/oauth/register").json(&body)).await;
    assert_eq!(status, 201, "{client}");
    client
}

/// The id of a client that has just been registered.
pub(crate) async fn client(api: &Api) -> String {
    let client = register(api, json!({})).await;
    client["client_id"].as_str().unwrap().to_owned()
}

/// The parameters of a good authorization request.
pub(crate) fn question<'a>(
    client: &'a str,
    redirect: &'a str,
    scope: &'a str,
) -> Vec<(&'a str, String)> {
    vec![
        ("response_type", "code".to_owned()),
        ("client_id", client.to_owned()),
        ("redirect_uri", redirect.to_owned()),
        ("scope", scope.to_owned()),
        ("state", "st te".to_owned()),
        ("code_challenge", challenge()),
        ("code_challenge_method", "S256".to_owned()),
    ]
}

/// A browser in which the owner is signed in by a ticket: its cookie.
pub(crate) async fn visit(api: &Api) -> String {
    let (status, ticket) = answer(api.own(Method::POST, "/v1/tickets")).await;
    assert_eq!(status, 201, "{ticket}");
    let url = Url::parse(ticket["url"].as_str().unwrap()).unwrap();
    let (_, value) = url.query_pairs().next().unwrap();
    let form = [("ticket", &*value)];
    let redeemed = api.call(Method::POST, "/sign-in/ticket").form(&form);
    let redeemed = redeemed.send().await.unwrap();
    assert_eq!(redeemed.status(), 303);
    let cookie = redeemed.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// Opens the page of a request, with this cookie.
pub(crate) async fn page(api: &Api, cookie: &str, asked: &[(&str, String)]) -> Response {
    let request = api.call(Method::GET, &format!("/oauth/authorize?{}", encoded(asked)));
    request.header("cookie", cookie).send().await.unwrap()
}

/// Every `input` of a page: its name and value.
pub(crate) fn inputs(html: &str) -> Vec<(String, String)> {
    let of = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        let value = rest.split_once('"')?.0;
        Some(value.replace("&amp;", "&").replace("&quot;", "\""))
    };
    let tags = html.split("<input ").skip(1);
    let tags = tags.map(|rest| rest.split('>').next().unwrap());
    tags.filter_map(|tag| Some((of(tag, "name")?, of(tag, "value")?)))
        .collect()
}

/// Where a page or an endpoint sends the browser: its place without a query, and the query.
pub(crate) fn sent(response: &Response) -> (String, Vec<(String, String)>) {
    assert_eq!(response.status(), 303);
    let place = response.headers()["location"].to_str().unwrap();
    let url = Url::parse(place).unwrap();
    let query = url.query_pairs().into_owned().collect();
    (place.split('?').next().unwrap().to_owned(), query)
}

/// A value of a query or a form.
pub(crate) fn value(pairs: &[(String, String)], name: &str) -> Option<String> {
    let mut all = pairs.iter().filter(|(own, _)| own == name);
    let found = all.next().map(|(_, value)| value.clone());
    assert!(all.next().is_none(), "{name} is there twice");
    found
}

/// Says yes or no to a page of these inputs.
pub(crate) async fn decide(
    api: &Api,
    path: &str,
    cookie: &str,
    inputs: &[(String, String)],
    decision: &str,
) -> Response {
    let mut form = inputs.to_vec();
    form.push(("decision".to_owned(), decision.to_owned()));
    let request = api.call(Method::POST, path).form(&form);
    request.header("cookie", cookie).send().await.unwrap()
}

/// A code: the person signs in, and allows everything that is asked for.
pub(crate) async fn code(api: &Api, client: &str, redirect: &str, scope: &str) -> String {
    let cookie = visit(api).await;
    let shown = page(api, &cookie, &question(client, redirect, scope)).await;
    assert_eq!(shown.status(), 200);
    let inputs = inputs(&shown.text().await.unwrap());
    let sent = sent(&decide(api, "/oauth/authorize", &cookie, &inputs, "allow").await).1;
    value(&sent, "code").unwrap_or_else(|| panic!("no code: {sent:?}"))
}

/// The form that exchanges a code.
pub(crate) fn exchange<'a>(
    client: &'a str,
    code: &'a str,
    redirect: &'a str,
) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("redirect_uri", redirect),
        ("code_verifier", VERIFIER),
    ]
}

/// Asks the token endpoint.
pub(crate) async fn token(api: &Api, form: &[(&str, &str)]) -> (u16, Value) {
    answer(api.call(Method::POST, "/oauth/token").form(form)).await
}

/// Access token and refresh token, after everything went well.
pub(crate) async fn tokens(api: &Api, client: &str, scope: &str) -> (String, String) {
    let code = code(api, client, AWAY, scope).await;
    let (status, tokens) = token(api, &exchange(client, &code, AWAY)).await;
    assert_eq!(status, 200, "{tokens}");
    pair(&tokens)
}

/// The two tokens of an answer.
pub(crate) fn pair(tokens: &Value) -> (String, String) {
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

/// What the API answers to this token.
pub(crate) async fn me(api: &Api, token: &str) -> (u16, Value) {
    answer(api.call(Method::GET, "/v1/me").bearer_auth(token)).await
}

/// Changes what the running daemon keeps: for times that no test can wait for.
pub(crate) fn change(root: &Root, sql: &str) {
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .busy_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    let changed = connection.execute(sql, []).unwrap();
    assert!(changed > 0, "{sql}");
}

/// Bodies and queries, as `reqwest` has them with features that nothing else here needs.
pub(crate) trait Carries: Sized {
    /// With a body of JSON.
    fn json(self, body: &Value) -> Self;
    /// With a body that is a form.
    fn form<N: AsRef<str>, V: AsRef<str>>(self, pairs: &[(N, V)]) -> Self;
}

impl Carries for RequestBuilder {
    fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    fn form<N: AsRef<str>, V: AsRef<str>>(self, pairs: &[(N, V)]) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(encoded(pairs))
    }
}

/// As a query or a form has it.
pub(crate) fn encoded<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(pairs).finish()
}
