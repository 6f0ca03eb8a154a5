//! The authorization server in a real browser: what only a browser shows of cookies, policies and redirects.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Html;
use axum::routing::get;
use jarkeeper::browser::{Page, Wanted};
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use crate::support::keeper::{browser, config};
use crate::support::oauth::{client, encoded, exchange, me, pair, question, token, value};
use crate::support::process::Root;
use crate::support::{Api, answer, run};

/// A client's listener on this machine, which is a site of its own to a browser that knows it as `localhost`.
struct Listener {
    port: u16,
    /// The query and the cookies of each request for `/callback`.
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl Listener {
    async fn start(link: impl FnOnce(u16) -> String) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let link = link(port).replace('&', "&amp;");
        let page =
            format!("<!doctype html><title>Client</title><a id=go href=\"{link}\">Connect</a>");
        let heard = |State(seen): State<Arc<Mutex<Vec<_>>>>, request: Request| async move {
            let cookies = request.headers().get("cookie");
            let cookies = cookies
                .map_or("", |value| value.to_str().unwrap())
                .to_owned();
            let query = request.uri().query().unwrap_or_default().to_owned();
            seen.lock().unwrap().push((query, cookies));
            Html("<!doctype html><title>Done</title><p>Connected")
        };
        let router = axum::Router::new()
            .route("/", get(async move || Html(page)))
            .route("/callback", get(heard))
            .with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { port, seen }
    }
}

/// Clicks what this selector finds, as soon as it is there.
async fn click(page: &Page, css: &str) {
    loop {
        let found = page
            .locate(&page.main_frame(), &json!({ "css": css }))
            .await;
        if let Ok(Some(element)) = found {
            // A document that is just being replaced is looked at again.
            if page.click(&element).await.is_ok() {
                return;
            }
        }
        assert!(
            Instant::now() < page.deadline(),
            "no {css} at {}: {:?}",
            page.url(),
            page.html().await
        );
        page.changed((Instant::now() + Duration::from_millis(200)).min(page.deadline()))
            .await;
    }
}

/// Waits until the page has this text.
async fn shows(page: &Page, text: &str) {
    loop {
        let html = page.html().await.unwrap_or_default();
        if html.contains(text) {
            return;
        }
        assert!(
            Instant::now() < page.deadline(),
            "no {text:?} at {}: {html}",
            page.url()
        );
        page.changed((Instant::now() + Duration::from_millis(200)).min(page.deadline()))
            .await;
    }
}

#[test]
fn a_person_at_another_sites_page_connects_a_client_and_its_listener_sees_no_cookie() {
    run(async {
        let root = Root::new();
        let daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        let client = client(&api).await;
        let listener = Listener::start(|port| {
            let redirect = format!("http://127.0.0.1:{port}/callback");
            format!(
                "{}/oauth/authorize?{}",
                api.base,
                encoded(&question(&client, &redirect, "sessions:read"))
            )
        })
        .await;
        let wanted = Wanted {
            seed: None,
            ignore_https_errors: false,
            deadline: Instant::now() + Duration::from_secs(90),
        };
        let context = browser().context(&config().browser, wanted).await.unwrap();
        let page = context.page();
        let (_, ticket) = answer(api.own(Method::POST, "/v1/tickets")).await;
        page.goto(&Url::parse(ticket["url"].as_str().unwrap()).unwrap())
            .await
            .unwrap();
        click(page, "#sign-in").await;
        shows(page, "You are signed in as").await;
        assert!(page.has_cookie("jarkeeper_visit").await.unwrap());
        // Another site sends the person to us. Its strict cookie comes all the same, by a second hop from our own page.
        let client_page = format!("http://localhost:{}/", listener.port);
        page.goto(&Url::parse(&client_page).unwrap()).await.unwrap();
        click(page, "#go").await;
        shows(page, "asks for access to your Jarkeeper").await;
        click(page, "button[value=allow]").await;
        shows(page, "Connected").await;
        assert!(
            page.url()
                .starts_with(&format!("http://127.0.0.1:{}/callback?", listener.port)),
            "{}",
            page.url()
        );
        assert!(!page.has_cookie("jarkeeper_visit").await.unwrap());
        let seen = listener.seen.lock().unwrap().clone();
        let [(query, cookies)] = &seen[..] else {
            panic!("{seen:?}");
        };
        assert_eq!(cookies, "");
        let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let code = value(&query, "code").unwrap();
        let redirect = format!("http://127.0.0.1:{}/callback", listener.port);
        let (status, tokens) = token(&api, &exchange(&client, &code, &redirect)).await;
        assert_eq!(status, 200, "{tokens}");
        assert_eq!(me(&api, &pair(&tokens).0).await.0, 200);
        // Nothing of our pages was against their own policy.
        assert_eq!(page.console(), [""; 0]);
    });
}
