//! A page of another site in a real Chromium, which knows a key and the daemon's port, and reads nothing.

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::api::key;
use crate::support::process::Root;
use crate::support::raw::port;
use crate::support::{Api, answer};

/// What the page tries, at each name of this machine; what it could read becomes the page's text.
const ATTACK: &str = r#"<!doctype html><pre id=out>not run</pre><iframe name=frame></iframe><script>
const key = "KEY", read = [];
const bases = ["http://127.0.0.1:PORT", "http://localhost:PORT", "http://evil.test:PORT", "http://0.0.0.0:PORT"];
async function attempt(name, work) {
  try { const got = await work(); if (got) read.push(name + ": " + got); } catch (_) {}
}
async function main() {
  for (const base of bases) {
    for (const path of ["/v1/sites?key=" + key, "/v1/sites", "/openapi.json", "/v1/audit?key=" + key]) {
      await attempt("cors", async () => (await fetch(base + path)).text());
      await attempt("no-cors", async () => (await fetch(base + path, { mode: "no-cors" })).text());
      await attempt("header", async () => (await fetch(base + path, { headers: { "X-API-Key": key } })).text());
      await attempt("script", () => new Promise(done => {
        const tag = document.createElement("script");
        tag.onload = () => done("loaded"); tag.onerror = () => done(""); tag.src = base + path;
        document.body.append(tag);
      }));
    }
    for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
      await attempt("post", async () => (await fetch(base + "/v1/keys?key=" + key,
        { method: "POST", mode: "no-cors", headers: { "Content-Type": type }, body: '{"name":"evil","scopes":["admin"]}' })).text());
    }
    const form = document.createElement("form");
    form.method = "post"; form.target = "frame"; form.enctype = "text/plain"; form.action = base + "/v1/keys?key=" + key;
    form.innerHTML = "<input name='{\"name\":\"evil\",\"x\":\"' value='\"}'>";
    document.body.append(form); form.submit();
    await new Promise(done => { document.querySelector("iframe").onload = done; setTimeout(done, 1000); });
    await attempt("frame", () => frames[0].document.body.innerText);
  }
  document.getElementById("out").textContent = "read " + JSON.stringify(read);
}
main();
</script>"#;

/// Serves the page to whoever asks; the port.
async fn evil(daemon: u16, key: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let page = ATTACK
        .replace("PORT", &daemon.to_string())
        .replace("KEY", key);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let page = page.clone();
            tokio::spawn(async move {
                let mut space = [0; 4096];
                let _ = stream.read(&mut space).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    page.len()
                );
                let _ = stream.write_all((head + &page).as_bytes()).await;
            });
        }
    });
    port
}

/// The page behind an address, as Chromium has it once its scripts have run.
fn dom(root: &Path, url: &str) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let chromium = jarkeeper::browser::launch::find(None, &path).unwrap();
    let out = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args(["--virtual-time-budget=60000", "--timeout=60000"])
        .arg("--host-resolver-rules=MAP evil.test 127.0.0.1")
        .arg(format!(
            "--user-data-dir={}",
            root.join("tmp/evil").display()
        ))
        .arg(url)
        .output()
        .unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_reads_nothing_and_changes_nothing() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (key, port) = (key(&root, "read write admin").await, port(&api));
    let evil = evil(port, &key).await;
    let look = async |url: String| {
        let folder = root.path().to_owned();
        let looked = tokio::task::spawn_blocking(move || dom(&folder, &url));
        looked.await.unwrap()
    };
    let told = look(format!("http://evil.test:{evil}/")).await;
    assert!(told.contains("read []"), "{told}");
    let rebound = look(format!("http://evil.test:{port}/openapi.json")).await;
    assert!(rebound.contains("foreign-host"), "{rebound}");
    let lines = answer(api.own(Method::GET, "/v1/audit")).await.1;
    assert_eq!(
        lines["lines"],
        serde_json::json!([]),
        "something got past the gate"
    );
    // The same browser, at an address that its owner types.
    let own = look(format!("http://127.0.0.1:{port}/v1/sites?key={key}")).await;
    assert!(own.contains("[]") && !own.contains("problem"), "{own}");
    let lines = answer(api.own(Method::GET, "/v1/audit")).await.1;
    assert_eq!(lines["lines"][0]["action"], "sites.list", "{lines}");
//! The authorization server in a real browser: what only a browser shows of cookies, policies and redirects.
use std::sync::{Arc, Mutex};
use std::time::Duration;
use axum::extract::{Request, State};
use axum::response::Html;
use axum::routing::get;
use jarkeeper::browser::{Page, Wanted};
use serde_json::json;
use tokio::time::Instant;
use url::Url;
use crate::support::keeper::{browser, config};
use crate::support::oauth::{client, encoded, exchange, me, pair, question, token, value};
use crate::support::{Api, answer, run};
/// A client's listener on this machine, which is a site of its own to a browser that knows it as `localhost`.
struct Listener {
    port: u16,
    /// The query and the cookies of each request for `/callback`.
    seen: Arc<Mutex<Vec<(String, String)>>>,
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
        assert!(
            Instant::now() < page.deadline(),
            "no {css} at {}: {:?}",
            page.url(),
            page.html().await
        );
        page.changed((Instant::now() + Duration::from_millis(200)).min(page.deadline()))
            .await;
/// Waits until the page has this text.
async fn shows(page: &Page, text: &str) {
    loop {
        let html = page.html().await.unwrap_or_default();
        if html.contains(text) {
            return;
        assert!(
            Instant::now() < page.deadline(),
            "no {text:?} at {}: {html}",
            page.url()
        );
        page.changed((Instant::now() + Duration::from_millis(200)).min(page.deadline()))
            .await;
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
}
