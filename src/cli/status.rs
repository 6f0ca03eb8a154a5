//! `status` and `check`.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::daemon::Daemon;
use super::{Stop, complain, say, say_json};
use crate::app::App;
use crate::ids::SessionKey;
use crate::renewal::Condition;

pub(super) async fn check(
    app: &App,
    daemon: Option<&Daemon>,
    key: &SessionKey,
    json: bool,
) -> Result<(), Stop> {
    let there = match daemon {
        Some(daemon) => daemon.check(key).await,
        None => None,
    };
    let looked = match there {
        Some(looked) => looked?,
        None => app.queue.renewer().check(key).await?,
    };
    if json {
        say_json(&json!({ "key": key, "alive": looked.is_ok(), "seen": looked.as_ref().err() }))?;
    }
    match looked {
        Ok(()) if json => Ok(()),
        Ok(()) => say(&format!("{key}: alive")),
        Err(seen) => {
            if !json {
                complain(&format!("{key}: not alive: {seen}"));
            }
            Err(Stop::Quiet(5))
        }
    }
}

pub(super) fn run(app: &App, json: bool) -> Result<(), Stop> {
    let renewer = app.queue.renewer();
    let settings = renewer.settings();
    let now = Utc::now();
    let mut rows = Vec::new();
    for key in renewer.keys() {
        rows.extend(renewer.condition(&key)?);
    }
    let combinations: Vec<_> = settings.recipes.combinations().into_iter().collect();
    if json {
        return say_json(&rows);
    }
    let mut table = vec![
        ["ACCOUNT", "ALIVE", "EXPIRES", "NEXT RENEWAL", "LAST RESULT"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for Condition { key, view, .. } in &rows {
        let alive = match (&view.hold, view.alive) {
            (Some(hold), _) => format!("held ({})", hold.class),
            (None, Some(true)) => "yes".to_owned(),
            (None, Some(false)) => "no".to_owned(),
            (None, None) => "?".to_owned(),
        };
        let last = match &view.last_error {
            Some(error) => format!("{} {}", error.class, ago(now, error.at)),
            None => view
                .last_result
                .map_or_else(|| "-".to_owned(), |r| r.word().replace('_', " ")),
        };
        table.push(vec![
            key.clone(),
            alive,
            when(now, view.expires_at),
            when(now, view.next_renewal_at),
            last,
        ]);
    }
    let widths: Vec<usize> = (0..5)
        .map(|c| {
            table
                .iter()
                .map(|row| row[c].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in &table {
        let cells: Vec<_> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        say(cells.join("  ").trim_end())?;
    }
    for Condition { key, view, .. } in &rows {
        if let Some(hold) = &view.hold {
            say(&format!(
                "\n{key} is held: {}\nWhen that is mended: jarkeeper release {key}",
                hold.why
            ))?;
        }
    }
    for Condition {
        key,
        waits_for_code,
        ..
    } in &rows
    {
        if *waits_for_code {
            say(&format!("\n{key} waits for a code: jarkeeper code {key}"))?;
        }
    }
    for combination in combinations {
        let written = renewer.files().combination_path(&combination);
        if let Some(collision) = renewer.collision(&combination) {
            say(&format!("\n{combination} is refused: {collision}"))?;
        } else if written.exists() {
            say(&format!("\n{combination}: {}", written.display()))?;
        }
    }
    for problem in &settings.problems {
        complain(&problem.to_string());
    }
    Ok(())
}

fn when(now: DateTime<Utc>, at: Option<DateTime<Utc>>) -> String {
    let Some(at) = at else { return "-".to_owned() };
    match (at - now).num_seconds() {
        ..=-1 => format!("{} ago", span(now - at)),
        0 => "now".to_owned(),
        _ => format!("in {}", span(at - now)),
    }
}

fn ago(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    format!("{} ago", span(now - at))
}

/// The largest unit that is not zero, rounded down: rough is what one wants to read.
fn span(span: chrono::TimeDelta) -> String {
    match span.num_seconds() {
        seconds @ ..=119 => format!("{seconds} s"),
        seconds @ ..=7_199 => format!("{} min", seconds / 60),
        seconds @ ..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
