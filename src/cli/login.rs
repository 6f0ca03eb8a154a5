//! `login`: makes sessions live, and shows how that goes.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;

use super::daemon::Daemon;
use super::{Stop, complain, say, say_json};
use crate::app::App;
use crate::ids::SessionKey;
use crate::renewal::{Cause, How, Report};

pub(super) async fn run(
    app: &App,
    daemon: Option<&Daemon>,
    keys: Vec<SessionKey>,
    json: bool,
) -> Result<(), Stop> {
    let bars = MultiProgress::new();
    let shown = !json && std::io::stderr().is_terminal();
    let asked = shown && std::io::stdin().is_terminal();
    let (ask, questions) = tokio::sync::mpsc::channel(1);
    let ask = asked.then_some(ask);
    if let (Some(ask), None) = (&ask, daemon) {
        app.queue.renewer().asks(ask.clone());
    }
    let waiting = keys.into_iter().map(|key| {
        let bar = shown.then(|| bar(&bars, &key));
        let ask = ask.clone();
        async move {
            let there = match daemon {
                Some(daemon) => daemon.renew(app.queue.renewer().files(), &key, ask).await,
                None => None,
            };
            let report = match there {
                Some(report) => Some(report),
                None => app.queue.submit(key, Cause::Command).await.ok(),
            };
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            report
        }
    });
    let done = futures::future::join_all(waiting.collect::<Vec<_>>());
    drop(ask);
    // The bars would be drawn over what is typed.
    let answers = super::code::answer(questions, |_| {
        let _ = bars.clear();
        bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    });
    let reports = tokio::select! {
        reports = done => reports,
        () = async { answers.await; std::future::pending().await } => Vec::new(),
    };
    let reports: Vec<Report> = reports.into_iter().flatten().collect();
    if json {
        say_json(
            &reports
                .iter()
                .map(|report| value(app, report))
                .collect::<Vec<_>>(),
        )?;
    } else {
        for report in &reports {
            tell(app, report)?;
        }
    }
    match reports.iter().find(|report| !report.ok()) {
        None => Ok(()),
        Some(failed) => Err(Stop::Quiet(
            failed.failure.as_ref().map_or(1, |f| f.class.exit_code()),
        )),
    }
}

fn bar(bars: &MultiProgress, key: &SessionKey) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(key.to_string());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn tell(app: &App, report: &Report) -> Result<(), Stop> {
    let (key, seconds) = (&report.key, report.took.as_secs_f64());
    let file = app.queue.renewer().state_path(key);
    let file = file.display();
    match (&report.failure, report.how) {
        (_, How::LoggedIn) => say(&format!("{key}: logged in, {file} ({seconds:.1} s)")),
        (_, How::Extended) => say(&format!("{key}: extended, {file} ({seconds:.1} s)")),
        (_, How::Probed | How::Kept) => say(&format!("{key}: alive, {file} ({seconds:.1} s)")),
        (Some(failure), How::Held) => {
            // The reason begins with its class, or with who holds it.
            match failure.message.strip_prefix("held ") {
                Some(by) => complain(&format!("{key}: held {by}")),
                None => complain(&format!("{key}: held: {}", failure.message)),
            }
            Ok(())
        }
        (Some(failure), _) => {
            let step = failure
                .step
                .map(|step| format!("step {step}: "))
                .unwrap_or_default();
            complain(&format!(
                "{key}: failed: {}: {step}{}",
                failure.class, failure.message
            ));
            if let Some(folder) = &report.artefacts {
                complain(&format!("{key}: what was seen is in {}", folder.display()));
            }
            Ok(())
        }
        (None, _) => {
            complain(&format!(
                "{key}: another process is renewing it and did not finish in time"
            ));
            Ok(())
        }
    }
}

fn value(app: &App, report: &Report) -> serde_json::Value {
    json!({
        "key": report.key, "ok": report.ok(), "how": report.how,
        "file": app.queue.renewer().state_path(&report.key),
        "class": report.failure.as_ref().map(|f| f.class),
        "message": report.failure.as_ref().map(|f| &f.message),
        "step": report.failure.as_ref().and_then(|f| f.step),
        "artefacts": report.artefacts,
        "duration_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
    })
}
