//! The programs that read what Jarkeeper writes: Playwright, curl, yt-dlp.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::realsites::Facts;

/// A Python with Playwright and yt-dlp; `None`, and one line on stderr, where the environment names none.
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var_os("JARKEEPER_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        say("JARKEEPER_TEST_PYTHON=PYTHON names one with playwright and yt-dlp");
    }
    python
}

/// One line past the capture of passing tests' output.
pub(crate) fn say(what: &str) {
    let _ = writeln!(io::stderr(), "skipped: {what}");
}

fn helper(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/support")
        .join(name)
}

async fn output(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether Playwright, with this state file, sees the application's sign of a signed-in user; else what it saw.
pub(crate) async fn playwright(
    state: &Path,
    base: &str,
    facts: &Facts,
    agent: Option<&str>,
) -> Result<(), String> {
    let Some(python) = python() else {
        return Ok(());
    };
    let path = facts.app_path.as_ref().unwrap_or(&facts.live.path);
    let mut command = Command::new(python);
    command
        .arg(helper("playwright_check.py"))
        .arg(state)
        .arg(format!("{base}{path}"));
    let element = facts
        .app_selector
        .as_ref()
        .or(facts.success.selector.as_ref());
    match (element, &facts.success.url) {
        (Some(element), _) => command.args(["--selector", element]),
        (None, Some(pattern)) => command.args(["--url-regex", pattern]),
        (None, None) => &mut command,
    };
    if let Some(agent) = agent {
        command.args(["--user-agent", agent]);
    }
    let output = output(command).await;
    match output.status.success() {
        true => Ok(()),
        false => Err(told(&output)),
    }
}

/// Whether yt-dlp takes every line of a cookies.txt.
pub(crate) async fn yt_dlp(cookies: &Path) -> Result<(), String> {
    let Some(python) = python() else {
        return Ok(());
    };
    let mut command = Command::new(python);
    command.arg(helper("ytdlp_check.py")).arg(cookies);
    let output = output(command).await;
    match output.status.success() {
        true => Ok(()),
        false => Err(told(&output)),
    }
}

/// What curl gets for a GET with these options: status and body.
pub(crate) async fn curl(url: &str, options: &[&str]) -> (u16, String) {
    let mut command = Command::new("curl");
    command
        .args(["-sS", "--noproxy", "*", "-w", "\n%{http_code}"])
        .args(options)
        .arg(url);
    let output = output(command).await;
    assert!(output.status.success(), "{}", told(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}
