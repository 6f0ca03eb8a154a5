//! `sites add` at real applications: the recipe and the probe that it writes work, and so does the session.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::process::{Root, eventually};
use crate::support::realsites::RealSite;
use crate::support::tools;

use super::Case;

/// Adds the site as a person would who knows its address and the account, with these arguments beside.
pub(super) async fn added(case: &Case, site: &RealSite, more: &[&str]) {
    let root = Root::new();
    for (name, value) in site.variables() {
        root.env(&name, &value);
    }
    let url = site.url(&site.facts.login_path);
    let mut arguments = vec!["sites", "add", &url, "--name", "x", "--yes"];
    arguments.extend(["--password", "env:REALSITE_PASSWORD"]);
    if !site.facts.user.is_empty() {
        arguments.extend(["--username", &site.facts.user]);
    }
    if site.facts.totp_secret.is_some() && case.more.contains("totp") {
        arguments.extend(["--totp", "env:REALSITE_TOTP"]);
        fresh_code();
    }
    arguments.extend(more);
    let added = root.run(&arguments);
    assert_eq!(added.code, Some(0), "{added:?}");
    let recipe = std::fs::read_to_string(root.path().join("sites/x.toml")).unwrap();
    assert_eq!(recipe.contains("probe = "), case.tells, "{added:?}");
    assert_eq!(root.ledger("x", "submit"), 1);
    let agent = root
        .state("x")
        .unwrap()
        .jarkeeper
        .unwrap()
        .user_agent
        .unwrap();
    let agent = case.bound.then_some(agent.as_str());
    tools::playwright(&root.file("x"), &site.base, &site.facts, agent)
        .await
        .unwrap_or_else(|seen| panic!("sites add: {seen}\n{recipe}"));
    let check = root.run(&["check", "x"]);
    assert_eq!(check.code, Some(0), "{check:?}\n{recipe}");
    // The session that was won is the site's: nothing is submitted again.
    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(0), "{login:?}\n{recipe}");
    assert_eq!(root.ledger("x", "submit"), 1, "{login:?}");
    if !case.blind {
        site.invalidate().await;
        let check = root.run(&["check", "x"]);
        assert_eq!(check.code, Some(5), "{check:?}\n{recipe}");
    }
}

/// Waits until the code that an earlier login may have spent is over.
fn fresh_code() {
    let step = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap() / 30;
    let whole = |step: Duration| step.as_secs();
    let now = whole(step());
    eventually("the next one-time code", || {
        (whole(step()) > now).then_some(())
    });
}
