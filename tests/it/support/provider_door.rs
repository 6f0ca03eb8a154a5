//! A door in this process, whose clock a test can set, and browsers before it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use jarkeeper::api;
use jarkeeper::config::{Allowed, ApiConfig, SignInConfig};
use jarkeeper::events::Bus;
use jarkeeper::identity::{Identity, oidc};
use jarkeeper::llm::Llm;
use jarkeeper::loads::Loads;
use jarkeeper::memory::Memory;
use jarkeeper::pool::Pool;
use jarkeeper::profiles::Profiles;
use jarkeeper::proxy::Proxy;
use jarkeeper::registry::Registry;
use jarkeeper::session::files::DaemonLock;
use jarkeeper::source::Source;
use jarkeeper::store::Store;
use jarkeeper::telemetry::{Health, Metrics, Traces};
use jarkeeper::webhooks::Webhooks;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use url::Url;

use super::keeper::{Keeper, browser};
use super::provider::Provider;

/// See the module. It closes with the test's runtime.
pub(crate) struct House {
    /// `http://127.0.0.1:PORT`.
    pub(crate) base: String,
    pub(crate) identity: Identity,
    pub(crate) keeper: Keeper,
    pub(crate) registry: Registry,
    store: std::path::PathBuf,
    _served: api::Served,
    _lock: DaemonLock,
}

impl House {
    /// Where people sign in with this provider; `allow` as in `config.toml`.
    pub(crate) async fn new(provider: &Provider, allow: &[&str]) -> Self {
        Self::at(provider, allow, Utc::now).await
    }

    /// The same on another clock.
    pub(crate) async fn at(
        provider: &Provider,
        allow: &[&str],
        clock: fn() -> DateTime<Utc>,
    ) -> Self {
        let keeper = Keeper::with(browser(), clock);
        let secret = keeper.root().join("client-secret");
        std::fs::write(&secret, Provider::SECRET).unwrap();
        keeper.configure(|config| {
            config.sign_in = SignInConfig {
                issuer: provider.base.clone(),
                client_id: Some(Provider::CLIENT.to_owned()),
                client_secret: Some(Source::File(secret)),
                allow: allow.iter().map(|word| allowed(word)).collect(),
            };
        });
        let files = keeper.queue.renewer().files().clone();
        let lock = files.daemon_lock().unwrap();
        let path = files.store_path().unwrap();
        let store = Store::open(&path).unwrap();
        let nothing = Arc::new(|_: &str| None);
        let root = keeper.root().to_owned();
        let given = oidc::Provider::new(keeper.settings(), root, nothing).unwrap();
        let identity = Identity::new(store.clone(), clock).await.unwrap();
        let identity = identity.with_provider(given);
        let renewer = keeper.queue.renewer();
        let events = Bus::new(store.clone(), clock).unwrap();
        let pool = Pool::open(store.clone(), renewer.clone(), events.clone(), clock).unwrap();
        let webhooks = Webhooks::new(store.clone(), events.clone(), renewer.clone(), clock);
        let registry = Registry::open(store.clone(), clock).await.unwrap();
        let llm = Llm::new(renewer.clone());
        let memory = Memory::new(store.clone(), llm.clone(), clock);
        let proxy = Proxy::new(memory.clone(), llm, store.clone(), clock).unwrap();
        let loads = Loads::new(
            store.clone(),
            registry.clone(),
            memory.clone(),
            renewer.clone(),
            clock,
        );
        let (router, _) = api::router(api::Door {
            registry: registry.clone(),
            loads,
            profiles: Profiles::new(store.clone(), clock),
            memory,
            proxy,
            events,
            pool,
            webhooks: webhooks.unwrap(),
            health: Health::new(store.clone(), keeper.settings(), String::new()),
            metrics: Metrics::default(),
            traces: Traces::new(&|_: &str| None).unwrap(),
            queue: keeper.queue.clone(),
            identity: identity.clone(),
            store,
            settings: keeper.settings(),
            clock,
            base: Arc::default(),
        });
        let socket = files.daemon_socket(&lock).unwrap();
        let config = ApiConfig {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..ApiConfig::default()
        };
        let served = api::serve(router, socket, keeper.root(), &config);
        let served = served.await.unwrap();
        Self {
            base: format!("http://{}", served.address.unwrap()),
            identity,
            keeper,
            registry,
            store: path,
            _served: served,
            _lock: lock,
        }
    }

    /// How many browsers are signed in.
    pub(crate) fn visits(&self) -> i64 {
        self.count("SELECT count(*) FROM visits")
    }

    /// How many people there are beside the owner.
    pub(crate) fn members(&self) -> i64 {
        self.count("SELECT count(*) FROM people WHERE role = 'member'")
    }

    /// How many accounts are known.
    pub(crate) fn accounts(&self) -> i64 {
        self.count("SELECT count(*) FROM identities")
    }

    fn count(&self, sql: &str) -> i64 {
        let connection = rusqlite::Connection::open(&self.store).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// A browser that has never been here.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser {
            house: self,
            client: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            cookies: Mutex::default(),
        }
    }
}

fn allowed(word: &str) -> Allowed {
    match word.strip_prefix('@') {
        Some(domain) => Allowed::Domain(domain.to_owned()),
        None => Allowed::Address(word.to_owned()),
    }
}

/// A browser, as far as cookies and redirects go.
pub(crate) struct Browser<'a> {
    house: &'a House,
    client: reqwest::Client,
    pub(crate) cookies: Mutex<HashMap<String, String>>,
}

/// What a browser got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    /// Where it leads.
    pub(crate) fn location(&self) -> &str {
        self.headers[LOCATION].to_str().unwrap()
    }

    /// The line that sets this cookie.
    pub(crate) fn sets(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.get_all(SET_COOKIE).iter();
        all.find_map(|line| line.to_str().unwrap().strip_prefix(name)?.strip_prefix('='))
    }
}

impl Browser<'_> {
    /// GET.
    pub(crate) async fn get(&self, path: &str) -> Got {
        let request = self.client.get(format!("{}{path}", self.house.base));
        self.send(request).await
    }

    /// Sends a request with the cookies, and keeps those of the answer.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Got {
        let cookies = self.cookies.lock().unwrap().clone();
        let line: Vec<_> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = match line.is_empty() {
            true => request,
            false => request.header(COOKIE, line.join("; ")),
        };
        let answer = request.send().await.unwrap();
        for line in answer.headers().get_all(SET_COOKIE) {
            let (pair, rest) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            match rest.contains("Max-Age=0") {
                true => drop(cookies.remove(name)),
                false => drop(cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        Got {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await.unwrap(),
        }
    }

    /// POST of a form.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Got {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .client
            .post(format!("{}{path}", self.house.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.send(request).await
    }

    /// Begins a sign-in: where the browser is sent.
    pub(crate) async fn begin(&self) -> Url {
        let got = self.get("/sign-in/start").await;
        assert_eq!(got.status, 303, "{got:?}");
        got.location().parse().unwrap()
    }

    /// What a well-behaved provider sends the browser back with.
    pub(crate) fn answer(&self, provider: &Provider, sent: &Url) -> Vec<(String, String)> {
        let state = sent
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1;
        let all = [
            ("state", state.into_owned()),
            ("code", provider.agree(sent)),
            ("iss", provider.base.clone()),
        ];
        all.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Comes back with this answer.
    pub(crate) async fn come_back(&self, answer: &[(String, String)]) -> Got {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(answer)
            .finish();
        self.get(&format!("/sign-in/callback?{query}")).await
    }

    /// A whole sign-in.
    pub(crate) async fn sign_in(&self, provider: &Provider) -> Got {
        let sent = self.begin().await;
        let answer = self.answer(provider, &sent);
        self.come_back(&answer).await
    }
}
