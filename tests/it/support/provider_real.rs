//! Real OpenID providers: npm's oidc-provider, and Canaille of the real applications; and a person before a browser.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jarkeeper::browser::{Element, Page};
use serde_json::{Value, json};

use super::realsites::RealSite;
use super::tools::say;

/// A running oidc-provider; it ends on drop, and when this process dies.
pub(crate) struct NodeProvider {
    /// `http://localhost:PORT`: another site than the daemon's `127.0.0.1`.
    pub(crate) issuer: String,
    child: Child,
}

impl NodeProvider {
    /// Starts one; `None`, and one line on stderr, where Node or the package is missing.
    pub(crate) fn start(client_id: &str, secret: &str) -> Option<Self> {
        let folder = match std::env::var_os("JARKEEPER_TEST_OIDC_PROVIDER") {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("oidc-provider"),
        };
        if !folder.join("node_modules/oidc-provider").is_dir() {
            say(
                "oidc-provider is not here; scripts/test installs it, or: npm install --prefix target/oidc-provider oidc-provider@9",
            );
            return None;
        }
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/oidc_provider.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .arg(folder)
            .args([client_id, secret])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the package is here, and node is not");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let issuer = lines.find_map(|line| line.strip_prefix("READY ").map(str::to_owned));
        // It goes on talking, and would die of a pipe that nobody reads.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            issuer: issuer.expect("oidc-provider does not start"),
            child,
        })
    }
}

impl Drop for NodeProvider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes Jarkeeper a client of a running Canaille; its client id.
pub(crate) fn register(canaille: &RealSite, redirect_uri: &str, secret: &str) -> String {
    let port = redirect_uri.rsplit(':').next().unwrap();
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    let id = format!("jarkeeper-{port}-{}", std::process::id());
    let run = |arguments: &[&str]| {
        let mut command = canaille.program("venv/bin/canaille");
        let output = command
            .env("CONFIG", canaille.folder("canaille.toml"))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "canaille {arguments:?}: {said}");
        output.stdout
    };
    let made = run(&[
        "create",
        "client",
        "--client-id",
        &id,
        "--client-secret",
        secret,
        "--client-name",
        "Jarkeeper",
        "--client-uri",
        redirect_uri,
        "--redirect-uris",
        redirect_uri,
        "--grant-types",
        "authorization_code",
        "--response-types",
        "code",
        "--token-endpoint-auth-method",
        "client_secret_basic",
        "--scope",
        "openid",
        "--scope",
        "profile",
        "--scope",
        "email",
    ]);
    let made: Value = serde_json::from_slice(&made).unwrap();
    let own = made["id"].as_str().unwrap();
    run(&["set", "client", own, "--audience", own]);
    id
}

/// Longest wait of a person for a page.
const PATIENCE: Duration = Duration::from_secs(40);

/// A person before a tab.
pub(crate) struct Person<'a>(pub(crate) &'a Page);

impl Person<'_> {
    /// Waits for an element.
    async fn sees(&self, css: &str) -> Element {
        let end = Instant::now() + PATIENCE;
        loop {
            // A document that is just being replaced is looked at again.
            let found = self
                .0
                .locate(&self.0.main_frame(), &json!({ "css": css }))
                .await;
            if let Ok(Some(element)) = found {
                return element;
            }
            assert!(
                Instant::now() < end,
                "no {css} at {}: {}",
                self.0.url(),
                self.text().await
            );
            self.waits().await;
        }
    }

    async fn waits(&self) {
        let soon = tokio::time::Instant::now() + Duration::from_millis(100);
        self.0.changed(soon).await;
    }

    /// Types into a field.
    pub(crate) async fn types(&self, css: &str, text: &str) {
        let field = self.sees(css).await;
        self.0.fill(&field, text).await.unwrap();
    }

    /// Clicks something.
    pub(crate) async fn clicks(&self, css: &str) {
        let button = self.sees(css).await;
        self.0.click(&button).await.unwrap();
    }

    /// Waits until the page says this.
    pub(crate) async fn reads(&self, words: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(
                Instant::now() < end,
                "{words:?} is not at {}: {text}",
                self.0.url()
            );
            self.waits().await;
        }
    }

    async fn text(&self) -> String {
        let seen = self.0.snapshot(&self.0.main_frame()).await;
        seen.map(|seen| seen.text).unwrap_or_default()
    }
}
