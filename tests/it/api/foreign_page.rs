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
}
