//! `doctor`: what is missing on this machine, and how to get it.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{Stop, say, say_json};
use crate::app;
use crate::browser::launch;
use crate::session::Files;
use crate::vault::{self, Reach};
use crate::watch::Settings;

/// One finding.
struct Finding {
    what: String,
    /// `Err` with the way out.
    found: Result<String, String>,
}

pub(super) async fn run(root: &Path, settings: &Settings, json: bool) -> Result<(), Stop> {
    let mut findings = vec![chromium(settings).await, sandbox(settings), folder(root)];
    for problem in &settings.problems {
        findings.push(Finding {
            what: "recipe".to_owned(),
            found: Err(problem.to_string()),
        });
    }
    if settings.recipes.is_empty() {
        let way = format!(
            "there is none in {}; three lines are enough, see the README",
            root.join("sites").display()
        );
        findings.push(Finding {
            what: "recipes".to_owned(),
            found: Err(way),
        });
    }
    for recipe in settings.recipes.iter() {
        for account in &recipe.accounts {
            let name = account
                .name
                .as_ref()
                .map(|name| format!(":{name}"))
                .unwrap_or_default();
            let environment = app::environment();
            let reach = Reach {
                root,
                env: environment.as_ref(),
                key: settings.config.seal.key.as_ref(),
            };
            let found = vault::credentials(account, reach).await;
            let found = found
                .map(|_| "its secrets can be read".to_owned())
                .map_err(|failure| failure.message);
            findings.push(Finding {
                what: format!("site {}{name}", recipe.site),
                found,
            });
        }
    }
    findings.push(Finding {
        what: "embedder of memories".to_owned(),
        found: super::model::finding(root, settings),
    });
    if json {
        let all: Vec<_> = findings
            .iter()
            .map(|f| json!({ "what": f.what, "ok": f.found.is_ok(), "found": f.found.as_ref().ok(), "way_out": f.found.as_ref().err() }))
            .collect();
        say_json(&all)?;
    } else {
        for finding in &findings {
            match &finding.found {
                Ok(found) => say(&format!("ok       {}: {found}", finding.what))?,
                Err(way) => say(&format!("MISSING  {}: {way}", finding.what))?,
            }
        }
    }
    match findings.iter().any(|finding| finding.found.is_err()) {
        true => Err(Stop::Quiet(1)),
        false => Ok(()),
    }
}

async fn chromium(settings: &Settings) -> Finding {
    let what = "Chromium".to_owned();
    let config = &settings.config.browser;
    if let Some(url) = &config.cdp_url {
        let host = url.host_str().unwrap_or_default();
        return Finding {
            what,
            found: Ok(format!("the remote one at {host} is used")),
        };
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let executable = match launch::find(config.executable.as_deref(), &path) {
        Ok(executable) => executable,
        Err(error) => {
            return Finding {
                what,
                found: Err(error.to_string()),
            };
        }
    };
    let version = tokio::process::Command::new(&executable)
        .arg("--version")
        .kill_on_drop(true)
        .output();
    let version = tokio::time::timeout(Duration::from_secs(10), version).await;
    let found = match version {
        Ok(Ok(output)) if output.status.success() => {
            let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let shell = executable.to_string_lossy().contains("headless-shell");
            let advice = if shell {
                ""
            } else {
                " (chromium-headless-shell needs a third of its time; it is preferred where it is installed)"
            };
            Ok(format!("{version} at {}{advice}", executable.display()))
        }
        _ => Err(format!(
            "{} does not say its version; install it again",
            executable.display()
        )),
    };
    Finding { what, found }
}

fn sandbox(settings: &Settings) -> Finding {
    let what = "sandbox".to_owned();
    let root = rustix::process::geteuid().is_root();
    let found = match (settings.config.browser.sandbox, root) {
        (true, true) => Err("Chromium cannot use its sandbox as root: run jarkeeper as an ordinary user, or accept the risk with browser.sandbox = false".to_owned()),
        (true, false) => Ok("Chromium keeps its sandbox".to_owned()),
        (false, _) => Ok("off, as the configuration says".to_owned()),
    };
    Finding { what, found }
}

fn folder(root: &Path) -> Finding {
    let dir = root.join(".auth");
    let found = Files::open(&dir)
        .map(|_| format!("{} is ours alone", dir.display()))
        .map_err(|e| e.to_string());
    Finding {
        what: ".auth".to_owned(),
        found,
    }
}
