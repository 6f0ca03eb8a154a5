//! An OpenID provider that does as it is told, on loopback: for answers that no real one gives.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::provider_keys::{Key, encode};

/// Making an RSA key takes a second: one for all.
pub(crate) static RSA: LazyLock<Key> = LazyLock::new(|| Key::rsa("rsa-1"));
/// Another one, which no provider shows unless a test says so.
pub(crate) static OTHER_RSA: LazyLock<Key> = LazyLock::new(|| Key::rsa("rsa-2"));
/// ES256.
pub(crate) static ES: LazyLock<Key> = LazyLock::new(|| Key::es("es-1"));

/// What a place answers.
#[derive(Clone)]
pub(crate) enum Reply {
    Json(Value),
    Text(u16, String),
    /// To somewhere else.
    Redirect(String),
    /// So many bytes.
    Huge(usize),
    /// Nothing, without end.
    Never,
}

/// Makes an id_token of the claims that a well-behaved provider would put into it.
pub(crate) type Maker = Arc<dyn Fn(Value) -> String + Send + Sync>;

/// What the provider does.
pub(crate) struct Script {
    pub(crate) discovery: Box<dyn Fn(Value) -> Reply + Send>,
    pub(crate) jwks: Reply,
    /// The Cache-Control of the keys.
    pub(crate) cache: String,
    pub(crate) token: Maker,
    /// In place of the whole answer of the token endpoint.
    pub(crate) exchange: Option<Reply>,
    /// What it tells beside the id_token; `None`: `sub` alone, `Null`: 404.
    pub(crate) userinfo: Option<Value>,
    sub: Value,
    /// Its clock.
    pub(crate) clock: fn() -> DateTime<Utc>,
    codes: HashMap<String, Code>,
    /// How often each place was asked.
    pub(crate) asked: HashMap<&'static str, usize>,
}

#[derive(Clone)]
struct Code {
    client: String,
    redirect_uri: String,
    challenge: String,
    nonce: Value,
}

/// A running provider; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Provider {
    /// `http://127.0.0.1:PORT`: how it calls itself.
    pub(crate) base: String,
    script: Arc<Mutex<Script>>,
}

impl Provider {
    /// What Jarkeeper is called here.
    pub(crate) const CLIENT: &'static str = "jarkeeper-client";
    /// Its secret.
    pub(crate) const SECRET: &'static str = "Rowan-4471-secret";

    /// A well-behaved one.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            discovery: Box::new(Reply::Json),
            jwks: Reply::Json(json!({ "keys": [RSA.jwk(), ES.jwk()] })),
            cache: "public, max-age=3600".to_owned(),
            token: Arc::new(|claims| RSA.token(&claims)),
            exchange: None,
            userinfo: None,
            sub: json!(null),
            clock: Utc::now,
            codes: HashMap::new(),
            asked: HashMap::new(),
        };
        let provider = Self {
            base,
            script: Arc::new(Mutex::new(script)),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// What it does from now on.
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How id_tokens are made from now on.
    pub(crate) fn tokens(&self, make: impl Fn(Value) -> String + Send + Sync + 'static) {
        self.script().token = Arc::new(make);
    }

    /// How the claims of id_tokens differ from now on.
    pub(crate) fn claims(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.tokens(move |mut claims| {
            change(&mut claims);
            RSA.token(&claims)
        });
    }

    /// How often a place was asked.
    pub(crate) fn asked(&self, place: &'static str) -> usize {
        self.script().asked.get(place).copied().unwrap_or(0)
    }

    /// A person agrees: the code for what a browser was sent with.
    pub(crate) fn agree(&self, sent: &Url) -> String {
        let query: HashMap<String, String> = sent.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["code_challenge_method"], "S256");
        let code = encode(Sha256::digest(sent.as_str()));
        let kept = Code {
            client: query["client_id"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
            challenge: query["code_challenge"].clone(),
            nonce: json!(query["nonce"]),
        };
        self.script().codes.insert(code.clone(), kept);
        code
    }

    /// The claims of a well-behaved id_token.
    pub(crate) fn usual(&self, client: &str) -> Value {
        let now = (self.script().clock)().timestamp();
        json!({
            "iss": self.base, "sub": "ada-1", "aud": client, "iat": now, "exp": now + 3600, "name": "Ada",
            "email": "ada@example.org", "email_verified": true,
        })
    }

    fn counts(&self, place: &'static str) {
        *self.script().asked.entry(place).or_default() += 1;
    }
}

async fn reply(reply: Reply) -> Response {
    match reply {
        Reply::Json(value) => axum::Json(value).into_response(),
        Reply::Text(status, text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
        Reply::Redirect(to) => (StatusCode::FOUND, [(LOCATION, to)]).into_response(),
        Reply::Huge(bytes) => {
            let part = || Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 64 * 1024]));
            let parts = (0..bytes / (64 * 1024)).map(move |_| part());
            let body = Body::from_stream(futures::stream::iter(parts));
            ([(CONTENT_TYPE, "application/json")], body).into_response()
        }
        Reply::Never => std::future::pending().await,
    }
}

async fn discovery(State(provider): State<Provider>) -> Response {
    provider.counts("discovery");
    let base = &provider.base;
    let usual = json!({
        "issuer": base, "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"), "jwks_uri": format!("{base}/jwks"),
        "userinfo_endpoint": format!("{base}/userinfo"), "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        "authorization_response_iss_parameter_supported": true,
    });
    let answer = (provider.script().discovery)(usual);
    reply(answer).await
}

async fn jwks(State(provider): State<Provider>) -> Response {
    provider.counts("jwks");
    let (answer, cache) = {
        let script = provider.script();
        (script.jwks.clone(), script.cache.clone())
    };
    ([(CACHE_CONTROL, cache)], reply(answer).await).into_response()
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(sent): Form<HashMap<String, String>>,
) -> Response {
    provider.counts("token");
    let instead = provider.script().exchange.clone();
    if let Some(instead) = instead {
        return reply(instead).await;
    }
    match exchange(&provider, &headers, &sent) {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(error) => {
            let answer =
                json!({ "error": error, "error_description": "the scripted provider says so" });
            (StatusCode::BAD_REQUEST, axum::Json(answer)).into_response()
        }
    }
}

/// As RFC 6749 section 4.1.3 and RFC 7636 section 4.6 want it; a code is good once.
fn exchange(
    provider: &Provider,
    headers: &HeaderMap,
    sent: &HashMap<String, String>,
) -> Result<Value, &'static str> {
    let own = format!("{}:{}", Provider::CLIENT, Provider::SECRET);
    let own = base64::engine::general_purpose::STANDARD.encode(own);
    let shown = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if shown != Some(&format!("Basic {own}")) {
        return Err("invalid_client");
    }
    let code = sent.get("code").ok_or("invalid_request")?;
    let code = provider
        .script()
        .codes
        .remove(code)
        .ok_or("invalid_grant")?;
    let verifier = sent.get("code_verifier").ok_or("invalid_grant")?;
    let fits = encode(Sha256::digest(verifier)) == code.challenge
        && sent.get("redirect_uri") == Some(&code.redirect_uri)
        && sent
            .get("grant_type")
            .is_some_and(|kind| kind == "authorization_code");
    if !fits {
        return Err("invalid_grant");
    }
    let mut claims = provider.usual(&code.client);
    claims["nonce"] = code.nonce;
    let make = Arc::clone(&provider.script().token);
    let made = make(claims);
    provider.script().sub = subject(&made);
    let (kind, life) = ("Bearer", 3600);
    Ok(
        json!({ "access_token": "opaque-access", "token_type": kind, "expires_in": life, "id_token": made }),
    )
}

/// `sub` of a token, whatever else is in it.
fn subject(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap_or_default();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims);
    let claims: Value = serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
    claims["sub"].clone()
}

async fn userinfo(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    provider.counts("userinfo");
    assert_eq!(headers[AUTHORIZATION], "Bearer opaque-access");
    let (told, sub) = {
        let script = provider.script();
        (script.userinfo.clone(), script.sub.clone())
    };
    match told {
        Some(Value::Null) => StatusCode::NOT_FOUND.into_response(),
        Some(told) => axum::Json(told).into_response(),
        None => axum::Json(json!({ "sub": sub })).into_response(),
    }
}
