//! Measures logins by this library against a site that runs already, for `scripts/bench sessions`.
//!
//! `sessions warm N RECIPE`: N logins one after the other in one Chromium, each in a context of its own, with the
//! password of the environment variable that the recipe names. `sessions together N RECIPE`: N at once.
//! `sessions check N RECIPE`: N probes of one session.
//! Prints one line of JSON: wall and CPU milliseconds of each (user and system, of this process and every process below
//! it), the largest proportional set size seen (bytes), and the number of processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jarkeeper::browser::Browser;
use jarkeeper::config::BrowserConfig;
use jarkeeper::login::{Attempt, Learned, Means, Prober, establish};
use jarkeeper::sites::{Recipe, Recipes};
use jarkeeper::{sites, vault};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let [mode, count, folder] = arguments.as_slice() else {
        // Plain `cargo bench` runs every benchmark; this one needs a site.
        println!("sessions: run by scripts/bench sessions");
        return Ok(());
    };
    let count: usize = count.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run(mode, count, std::path::Path::new(folder)))
}

async fn run(mode: &str, count: usize, folder: &std::path::Path) -> anyhow::Result<()> {
    let environment = |name: &str| std::env::var(name).ok();
    let loaded = sites::load(folder, &environment, &Recipes::default());
    if let Some(problem) = loaded.problems.first() {
        anyhow::bail!("{problem}");
    }
    let recipes: Vec<Arc<Recipe>> = loaded.recipes.iter().cloned().collect();
    let folders = tempfile::tempdir()?;
    let browser = Browser::new(&folders.path().join("chromium"), &std::env::var("PATH")?)?;
    let sandbox = !rustix::process::geteuid().is_root();
    let config = BrowserConfig {
        sandbox,
        ..BrowserConfig::default()
    };
    let prober = Prober::new(chrono::TimeDelta::seconds(10), chrono::Utc::now)?;
    let one = async |recipe: &Recipe, learned: &Learned| {
        let credentials = vault::credentials(&recipe.accounts[0], folder, &environment).await?;
        let attempt = Attempt {
            recipe,
            credentials: &credentials,
            learned,
            gate: &|| Ok(()),
        };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        let means = Means {
            browser: &browser,
            config: &config,
            prober: &prober,
            clock: chrono::Utc::now,
        };
        let done = establish(means, &attempt, None, deadline).await;
        done.map_err(|failed| anyhow::anyhow!("{}", failed.failure))
    };
    // The first starts Chromium and teaches the probe; it is not measured.
    let first = one(&recipes[0], &Learned::default()).await?;
    let peak = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let watch = {
        let (peak, stop) = (Arc::clone(&peak), Arc::clone(&stop));
        std::thread::spawn(move || {
            while mode_watches() && !stop.load(Ordering::Relaxed) {
                peak.fetch_max(
                    tree().iter().filter_map(|pid| pss(*pid)).sum(),
                    Ordering::Relaxed,
                );
                std::thread::sleep(Duration::from_millis(100));
            }
        })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (began, cpu) = (Instant::now(), cpu());
    match mode {
        "warm" => {
            for _ in 0..count {
                one(&recipes[0], &first.learned).await?;
            }
        }
        "together" => {
            let all = (0..count).map(|at| one(&recipes[at % recipes.len()], &first.learned));
            for done in futures::future::join_all(all).await {
                done?;
            }
        }
        "check" => {
            let rule = first
                .learned
                .rule
                .clone()
                .ok_or_else(|| anyhow::anyhow!("no probe was learned"))?;
            for _ in 0..count {
                let looked = prober.probe(&rule, &first.state, false).await;
                anyhow::ensure!(
                    matches!(looked, jarkeeper::login::Liveness::In(_)),
                    "{looked:?}"
                );
            }
        }
        other => anyhow::bail!("there is no mode {other}"),
    }
    // What the last context leaves to do is part of its cost.
    let wall = began.elapsed();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let used = self::cpu() - cpu;
    let processes = tree().len();
    stop.store(true, Ordering::Relaxed);
    let _ = watch.join();
    println!(
        "{}",
        serde_json::json!({
            "mode": mode, "count": count, "wall_ms": wall.as_millis() as f64 / count as f64,
            "cpu_ms": used / count as f64, "peak_pss": peak.load(Ordering::Relaxed), "processes": processes,
        })
    );
    browser.close().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

/// Sampling memory costs CPU that would be counted; only the run that asks for memory samples it.
fn mode_watches() -> bool {
    std::env::var_os("SAMPLE_MEMORY").is_some()
}

/// This process and every process below it.
fn tree() -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let Some(fields) = stat(pid) else { continue };
        parents.push((pid, fields[1].parse::<u32>().unwrap_or(0)));
    }
    let mut tree = vec![std::process::id()];
    let mut at = 0;
    while at < tree.len() {
        let parent = tree[at];
        tree.extend(
            parents
                .iter()
                .filter(|(_, p)| *p == parent)
                .map(|(pid, _)| *pid),
        );
        at += 1;
    }
    tree
}

/// The fields of `/proc/PID/stat` from the third on (proc_pid_stat(5)).
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(
        stat.rsplit_once(") ")?
            .1
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    )
}

/// CPU milliseconds of the tree, of the processes that it has waited for too. A tick is 10 ms.
fn cpu() -> f64 {
    let ticks = |fields: &Vec<String>| -> u64 {
        fields[11..15]
            .iter()
            .filter_map(|f| f.parse::<u64>().ok())
            .sum()
    };
    tree()
        .iter()
        .filter_map(|pid| stat(*pid))
        .map(|fields| ticks(&fields))
        .sum::<u64>() as f64
        * 10.0
}

fn pss(pid: u32) -> Option<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}
