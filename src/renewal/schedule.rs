//! The loop that asks when to look at each session again, and submits it then.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::{Cause, Queue, Report, next_wake, spread};
use crate::ids::{SessionKey, SiteName};
use crate::sites::Recipe;
use crate::watch::Settings;

/// The wall clock may jump and the machine may sleep: the loop looks at least this often.
const TICK: Duration = Duration::from_secs(30);
/// More wall time than this between two looks, beyond the tick, and the machine slept or the clock was set.
const JUMP: TimeDelta = TimeDelta::seconds(90);
/// As many sessions may all be looked at right at the start.
const AT_ONCE: usize = 10;
/// A session that somebody else is renewing is looked at again after this.
const BUSY: TimeDelta = TimeDelta::seconds(15);
/// Soonest next look after one that changed nothing.
const SOONEST: TimeDelta = TimeDelta::seconds(1);

/// Stands in place of a time while a session is being renewed.
const REPORTING: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;

/// Keeps every session of the settings fresh, until dropped. `again`: every session is to be looked at now.
pub async fn run(
    queue: Queue,
    mut settings: watch::Receiver<Arc<Settings>>,
    again: Arc<Notify>,
    clock: fn() -> DateTime<Utc>,
) {
    let mut wake: HashMap<SessionKey, (DateTime<Utc>, Cause)> = HashMap::new();
    let mut ended: JoinSet<(SessionKey, Option<Report>)> = JoinSet::new();
    let mut last = clock();
    let mut refreshed = tokio::time::Instant::now();
    let mut known = fingerprints(&settings.borrow_and_update());
    let mut cron = Cron::default();
    plan_all(&queue, &mut wake, Cause::Startup, clock());
    let first = settings.borrow().clone();
    cron.set(&first, &queue).await;
    loop {
        let now = clock();
        if now - last > JUMP || last - now > JUMP {
            tracing::info!("the clock moved; every session is looked at again");
            plan_all(&queue, &mut wake, Cause::Startup, now);
        }
        last = now;
        if refreshed.elapsed() >= TICK {
            refreshed = tokio::time::Instant::now();
            refresh(&queue, &mut wake, now);
        }
        let mut next = now + TimeDelta::from_std(TICK).unwrap_or(BUSY);
        for (key, (at, cause)) in &mut wake {
            if *at > now {
                next = next.min(*at);
            } else if !queue.is_running(key) {
                let told = queue.submit(key.clone(), *cause);
                let key = key.clone();
                ended.spawn(async move { (key, told.await.ok()) });
                // Its report says when to look again.
                *at = REPORTING;
                *cause = Cause::Schedule;
            }
        }
        let wait = (next - now).to_std().unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            Some(told) = ended.join_next() => {
                if let Ok((key, report)) = told {
                    let at = match report {
                        Some(report) => after(&queue, &report, clock()),
                        // It came to no end; a bug, but no reason to forget the session.
                        None => clock() + BUSY * 4,
                    };
                    wake.entry(key).and_modify(|(next, _)| *next = at);
                }
            }
            () = again.notified() => {
                for key in queue.renewer().keys() {
                    if queue.is_running(&key) {
                        drop(queue.submit(key, Cause::FileChange));
                    }
                }
                plan_all(&queue, &mut wake, Cause::FileChange, clock());
            }
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
                let present = fingerprints(&settings.borrow_and_update());
                let now = clock();
                wake.retain(|key, _| present.contains_key(key.site.as_str()));
                for key in queue.renewer().keys() {
                    let site = key.site.as_str();
                    if known.get(site) != present.get(site) || !wake.contains_key(&key) {
                        if queue.is_running(&key) {
                            drop(queue.submit(key.clone(), Cause::FileChange));
                        }
                        wake.insert(key, (now, Cause::FileChange));
                    }
                }
                known = present;
                let newest = settings.borrow().clone();
                cron.set(&newest, &queue).await;
            }
        }
    }
}

fn fingerprints(settings: &Settings) -> BTreeMap<String, String> {
    settings
        .recipes
        .iter()
        .map(|r| (r.site.to_string(), r.fingerprint.clone()))
        .collect()
}

/// Looks at every session soon; at many of them spread over a minute.
fn plan_all(
    queue: &Queue,
    wake: &mut HashMap<SessionKey, (DateTime<Utc>, Cause)>,
    cause: Cause,
    now: DateTime<Utc>,
) {
    let keys = queue.renewer().keys();
    let many = keys.len() > AT_ONCE;
    for key in keys {
        let at = if many {
            now + spread(&mut rand::rng())
        } else {
            now
        };
        wake.insert(key, (at, cause));
    }
}

/// Takes notice of what other processes did to the records: a command logs in, releases, or holds.
fn refresh(
    queue: &Queue,
    wake: &mut HashMap<SessionKey, (DateTime<Utc>, Cause)>,
    now: DateTime<Utc>,
) {
    for (key, (at, cause)) in wake {
        if *at == REPORTING || *at <= now || *cause != Cause::Schedule {
            continue;
        }
        // What cannot be read is told when the session is looked at.
        let Ok(kept) = queue.renewer().kept(key) else {
            continue;
        };
        let renewer = queue.renewer();
        if let Some(next) = renewer.with_plan(key, &kept, |plan| next_wake(now, &kept.record, plan))
        {
            *at = next.max(now + SOONEST);
        }
    }
}

fn after(queue: &Queue, report: &Report, now: DateTime<Utc>) -> DateTime<Utc> {
    if report.how == super::How::Busy {
        return now + BUSY;
    }
    let kept = match queue.renewer().kept(&report.key) {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(site = %report.key, "the record cannot be read: {error}");
            return now + BUSY * 4;
        }
    };
    let wake = queue.renewer().with_plan(&report.key, &kept, |plan| {
        next_wake(now, &kept.record, plan)
    });
    // A failure before any record could be written leaves the decision as it was; it must not spin.
    let soonest = if report.failure.is_some() {
        BUSY
    } else {
        SOONEST
    };
    wake.map_or(now + BUSY * 4, |at| at.max(now + soonest))
}

/// The cron times of the recipes, as jobs that submit.
#[derive(Default)]
struct Cron {
    scheduler: Option<JobScheduler>,
    times: Vec<(SiteName, String)>,
}

impl Cron {
    /// Keeps the times of these settings, and no others.
    async fn set(&mut self, settings: &Settings, queue: &Queue) {
        let time = |recipe: &Arc<Recipe>| Some((recipe.site.clone(), recipe.renewal.cron.clone()?));
        let times: Vec<_> = settings.recipes.iter().filter_map(time).collect();
        if times == self.times {
            return;
        }
        if let Some(mut old) = self.scheduler.take() {
            let _ = old.shutdown().await;
        }
        match scheduled(&times, queue).await {
            Ok(scheduler) => self.scheduler = Some(scheduler),
            Err(error) => tracing::error!("cron times cannot be kept: {error}"),
        }
        self.times = times;
    }
}

async fn scheduled(
    times: &[(SiteName, String)],
    queue: &Queue,
) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    for (site, cron) in times {
        // The scheduler wants seconds; recipes may leave them out, as crontab(5) does.
        let five = cron.split_whitespace().count() == 5;
        let cron = if five {
            format!("0 {cron}")
        } else {
            cron.clone()
        };
        let (queue, site) = (queue.clone(), site.clone());
        let job = Job::new_async(cron.as_str(), move |_, _| {
            let (queue, site) = (queue.clone(), site.clone());
            Box::pin(async move {
                for key in queue
                    .renewer()
                    .keys()
                    .into_iter()
                    .filter(|key| key.site == site)
                {
                    drop(queue.submit(key, Cause::Cron));
                }
            })
        })?;
        scheduler.add(job).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}
