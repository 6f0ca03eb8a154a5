//! Logging in with a real Chromium.

use std::path::Path;
use std::time::Duration;

use jarkeeper::browser::Browser;
use jarkeeper::config::BrowserConfig;
use jarkeeper::login::{Attempt, Learned, Prober, establish};
use jarkeeper::secret::Credentials;
use jarkeeper::sites;
use tokio::time::Instant;

#[tokio::test]
async fn smoke() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(jarkeeper::demo::serve(
        listener,
        "pass-word".into(),
        chrono::TimeDelta::minutes(10),
        std::future::pending(),
    ));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("demo.toml"),
        format!("url = \"http://127.0.0.1:{port}/login\"\nusername = \"demo\"\npassword = {{ env = \"X\" }}\n"),
    )
    .unwrap();
    let loaded = sites::load(dir.path(), &|_| None, &Default::default());
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let recipe = loaded.recipes.iter().next().unwrap().clone();
    let folders = tempfile::tempdir().unwrap();
    let browser = Browser::new(&folders.path().join("b"), "/usr/bin:/bin").unwrap();
    let config = BrowserConfig { sandbox: !Path::new("/root").exists(), ..Default::default() };
    let prober = Prober::new(chrono::TimeDelta::seconds(5)).unwrap();
    for _ in 0..3 {
        let credentials = Credentials { username: "demo".into(), password: "pass-word".into(), totp: None };
        let attempt = Attempt {
            recipe: &recipe,
            credentials: &credentials,
            learned: &Learned::default(),
            gate: &|| Ok(()),
        };
        let t = Instant::now();
        let done = establish(&browser, &config, &prober, &attempt, None, Instant::now() + Duration::from_secs(60), chrono::Utc::now).await;
        match done {
            Ok(done) => println!("{:?} {:?} {:?}", done.state, done.learned, t.elapsed()),
            Err(failed) => println!("{} {:?}", failed.failure, failed.evidence.map(|e| (e.html, e.console))),
        }
    }
    browser.close().await;
}
