//! The examples of scripts/clients, as they stand there, against a real daemon.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use reqwest::Method;
use serde_json::json;

use crate::support::process::{Daemon, Root};
use crate::support::tools::say;
use crate::support::{Api, Site, answer, with};

/// A daemon with a live session, and a key that may read, renew and lease it.
struct Stand {
    site: Site,
    root: Root,
    _daemon: Daemon,
    url: String,
    key: String,
}

impl Stand {
    async fn new() -> Self {
        let site = Site::start();
        let root = Root::of(&site);
        let daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        let wanted = json!({
            "name": "clients",
            "scopes": ["sessions:read", "sessions:renew", "sessions:lease"],
        });
        let made = answer(with(api.own(Method::POST, "/v1/keys"), &wanted)).await;
        let key = made.1["value"]
            .as_str()
            .unwrap_or_else(|| panic!("{made:?}"));
        Self {
            site,
            url: api.base,
            key: key.to_owned(),
            root,
            _daemon: daemon,
        }
    }

    /// Runs a program with the examples' environment to its end.
    async fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("JARKEEPER_URL", &self.url)
            .env("JARKEEPER_KEY", &self.key)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("HOME", self.root.path())
            .env("TMPDIR", self.root.path().join("tmp"))
            .env("ANONYMIZED_TELEMETRY", "false")
            .current_dir(self.root.path())
            .stdin(Stdio::null());
        for (name, program) in [("CHROMIUM", "chromium"), ("CHROMEDRIVER", "chromedriver")] {
            if let Some(path) = found(program) {
                command.env(name, path);
            }
        }
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// Runs an example on the page that only the signed-in user sees.
    async fn sees_the_page(&self, program: &Path, before: &[&str]) {
        let page = self.site.home_url();
        let ended = self.run(program, &[before, &["x", &page]].concat()).await;
        let said = String::from_utf8_lossy(&ended.stdout);
        let error = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains("Signed in as"), "{before:?}: {said}\n{error}");
        assert_eq!(
            self.site.submissions().len(),
            1,
            "one login serves whoever asks"
        );
    }
}

fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn example(name: &str) -> String {
    format!("{}/scripts/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A Python with what the examples import; `None`, and one line on stderr, where the environment names none.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("JARKEEPER_CLIENTS_PYTHON").map(PathBuf::from);
    if python.is_none() {
        say(
            "JARKEEPER_CLIENTS_PYTHON=PYTHON names one with playwright, requests, selenium and browser-use",
        );
    }
    python
}

#[tokio::test]
async fn curl_and_ytdlp_load_a_session() {
    let stand = Stand::new().await;
    stand
        .sees_the_page(example("with_curl.sh").as_ref(), &[])
        .await;
    let Some(python) = crate::support::tools::python() else {
        return;
    };
    // The site has no video; that yt-dlp took the file and the page is seen in what it says.
    let folder = python.parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(folder.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = format!("PATH={}", path.unwrap().to_str().unwrap());
    let (script, page) = (example("with_ytdlp.sh"), stand.site.home_url());
    let words = [&*path, &script, "x", "--write-pages", &page];
    let ended = stand.run(Path::new("/usr/bin/env"), &words).await;
    let pages = std::fs::read_dir(stand.root.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let signed_in = pages
        .filter(|path| path.extension().is_some_and(|end| end == "dump"))
        .any(|path| {
            std::fs::read_to_string(path)
                .unwrap()
                .contains("Signed in as")
        });
    assert!(signed_in, "{}", String::from_utf8_lossy(&ended.stderr));
}

#[tokio::test]
async fn python_programs_load_a_session() {
    let Some(python) = python() else {
        return;
    };
    let stand = Stand::new().await;
    for name in [
        "with_requests.py",
        "playwright_python.py",
        "with_selenium.py",
        "with_browser_use.py",
    ] {
        stand.sees_the_page(&python, &[&example(name)]).await;
    }
}

#[tokio::test]
async fn a_node_program_loads_a_session() {
    let Some(modules) = std::env::var_os("JARKEEPER_CLIENTS_NODE").map(PathBuf::from) else {
        say("JARKEEPER_CLIENTS_NODE=FOLDER names one with node_modules/playwright-core");
        return;
    };
    let stand = Stand::new().await;
    // Node looks for modules beside the file.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(
        modules.join("node_modules"),
        folder.path().join("node_modules"),
    )
    .unwrap();
    let copy = folder.path().join("example.mjs");
    std::fs::copy(example("playwright_node.mjs"), &copy).unwrap();
    let node = found("node").expect("node");
    stand.sees_the_page(&node, &[copy.to_str().unwrap()]).await;
}

#[tokio::test]
async fn the_python_client_tells_problems_apart_and_gives_leases_back() {
    let Some(python) = python() else {
        return;
    };
    let stand = Stand::new().await;
    let program = r#"
from jarkeeper import Jarkeeper, JarkeeperError
jar = Jarkeeper()
print("sites", [site["site"] for site in jar.sites()])
try:
    jar.session("nowhere")
except JarkeeperError as error:
    print("problem", error.status, error.kind, error.failure)
with jar.lease("x", ttl=60) as lease:
    print("leased", lease["session"])
    try:
        with jar.lease("x"):
            print("twice")
    except JarkeeperError as error:
        print("taken", error.status, error.retry_after is not None)
with jar.lease("x") as lease:
    print("again", lease["session"])
print("renewed", jar.renew("x")["how"])
"#;
    let file = stand.root.path().join("program.py");
    std::fs::write(&file, program).unwrap();
    let path = format!("PYTHONPATH={}", example(""));
    let words = [&*path, python.to_str().unwrap(), file.to_str().unwrap()];
    let ended = stand.run(Path::new("/usr/bin/env"), &words).await;
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    for line in [
        "sites ['x']",
        "problem 404 unknown-session None",
        "leased x",
        "taken 409 True",
        "again x",
    ] {
        assert!(said.contains(line), "{line:?} is not in:\n{said}");
    }
    assert!(!said.contains("twice"), "{said}");
}
