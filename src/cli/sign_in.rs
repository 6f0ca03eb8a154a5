//! `sign-in`: a link that lets the owner in, in a browser.

use reqwest::Method;

use super::daemon::Daemon;
use super::{Stop, complain, say, say_json};
use crate::session::Files;

pub(super) async fn run(files: &Files, json: bool) -> Result<(), Stop> {
    let Some(daemon) = Daemon::of(files)? else {
        let message =
            "no daemon runs on this folder, and so nobody can sign in; start `jarkeeper serve`";
        return Err(Stop::Told(1, message.to_owned()));
    };
    let ticket = daemon.ask(Method::POST, "/v1/tickets", None).await?;
    if json {
        return say_json(&ticket);
    }
    complain("open this in your browser within five minutes; it lets in once");
    say(ticket["url"].as_str().unwrap_or_default())
}
