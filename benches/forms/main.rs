//! How well the login form is found, on pages of real sites whose parts are labelled.
//!
//! Serves the pages unchanged from loopback, with scripts forbidden and nothing else to be loaded, opens each in the
//! library's Chromium and asks the detector; only then are the labels read. Started by `scripts/bench forms`.
#![expect(clippy::print_stdout, reason = "it prints a table")]

mod peer;
mod score;
mod site;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jarkeeper::browser::snapshot::Snapshot;
use jarkeeper::browser::{Browser, BrowserError, Context, Page, Wanted};
use jarkeeper::config::Config;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Tabs at once.
const TABS: usize = 4;
/// Pages that one context opens before a fresh one takes its place: it costs more than a page, and these keep nothing that
/// another could see.
const PAGES: usize = 20;
/// Longest time for one page.
const EACH: Duration = Duration::from_secs(30);

/// One page as it was seen, and its labels by the numbers of the snapshot.
#[derive(Serialize, Deserialize)]
struct Seen {
    name: String,
    snapshot: Snapshot,
    scoring: HashMap<usize, String>,
    submit: HashMap<usize, String>,
    /// Every label of a field that the page's source holds.
    labels: Vec<String>,
    /// Whether its source labels a submit control.
    has_submit: bool,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|w| w == word);
    let half = words
        .iter()
        .position(|w| w == "--half")
        .and_then(|at| words.get(at + 1));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpora = std::env::var_os("JARKEEPER_CORPORA")
        .map_or_else(|| root.join("../shared/corpora"), PathBuf::from);
    let folder = corpora.join("login-forms");
    if !folder.is_dir() {
        println!(
            "forms: skipped, there are no labelled pages at {} (JARKEEPER_CORPORA names another folder)",
            folder.display()
        );
        return;
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forms.json");
    let began = Instant::now();
    let mut pages: Vec<Seen> = match has("--again").then(|| std::fs::read(&kept).ok()).flatten() {
        Some(bytes) => serde_json::from_slice(&bytes).expect("what the last run kept can be read"),
        None => {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
            let pages = runtime.block_on(look(&folder));
            let bytes = serde_json::to_vec(&pages).expect("snapshots are data");
            std::fs::write(&kept, bytes).expect("the target folder can be written");
            pages
        }
    };
    let looked = began.elapsed();
    pages.retain(|page| match half.map(String::as_str) {
        Some("first") => score::half(&page.name) == 0,
        Some("second") => score::half(&page.name) == 1,
        _ => true,
    });
    let began = Instant::now();
    score::show(&pages, has("--misses"));
    println!(
        "{} pages opened and read in {:.1} s, forms found in {:.0} ms",
        pages.len(),
        looked.as_secs_f64(),
        began.elapsed().as_secs_f64() * 1000.0
    );
}

/// Opens every page and takes its snapshot, in several tabs.
async fn look(folder: &Path) -> Vec<Seen> {
    let names = std::fs::read_dir(folder).expect("the folder can be read");
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".html"))
        .collect();
    names.sort();
    let titles = site::titles(folder);
    let base = site::serve(folder.to_owned(), names.clone(), titles).await;
    let mut config = Config::default().browser;
    config.sandbox = !rustix::process::geteuid().is_root();
    let folders = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chromium-forms");
    let path = std::env::var("PATH").unwrap_or_default();
    let browser = Browser::new(&folders, &path).expect("a folder for Chromium can be made");
    let names = Arc::new(names);
    let next = Arc::new(AtomicUsize::new(0));
    let tabs = (0..TABS).map(|_| {
        let (browser, config, base) = (browser.clone(), config.clone(), base.clone());
        let (names, next, folder) = (Arc::clone(&names), Arc::clone(&next), folder.to_owned());
        tokio::spawn(async move {
            let mut pages = Vec::new();
            let mut kept: Option<(Context, usize)> = None;
            loop {
                // A page's address must not tell what its file is called.
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(name) = names.get(number) else {
                    return pages;
                };
                let url = base.join(&number.to_string()).expect("a number is a path");
                let (context, opened) = match kept.take() {
                    Some(kept) => kept,
                    None => {
                        let wanted = Wanted {
                            seed: None,
                            ignore_https_errors: false,
                            deadline: Instant::now() + EACH * PAGES as u32,
                        };
                        let context = browser.context(&config, wanted).await;
                        (context.expect("Chromium gives a context"), 0)
                    }
                };
                let seen = tokio::time::timeout(EACH, open(context.page(), &url)).await;
                let seen = seen.unwrap_or_else(|_| panic!("{name}: not there in time"));
                let (snapshot, scoring, submit) =
                    seen.unwrap_or_else(|error| panic!("{name}: {error}"));
                // A frame may load for ever, and the next navigation of its tab would wait for it.
                let frames = context.page().frames_now().await;
                if opened + 1 < PAGES && frames.is_ok_and(|frames| frames.len() == 1) {
                    kept = Some((context, opened + 1));
                }
                let source = std::fs::read(folder.join(name)).expect("the page can be read");
                let source = String::from_utf8_lossy(&source).into_owned();
                pages.push(Seen {
                    name: name.clone(),
                    snapshot,
                    scoring: scoring.into_iter().collect(),
                    submit: submit.into_iter().collect(),
                    labels: score::labels(&source),
                    has_submit: source.contains("data-manual-submit"),
                });
            }
        })
    });
    let mut pages = Vec::new();
    for tab in tabs.collect::<Vec<_>>() {
        pages.extend(tab.await.expect("a tab works to its end"));
    }
    browser.close().await;
    pages.sort_by(|a, b| a.name.cmp(&b.name));
    pages
}

type Marks = Vec<(usize, String)>;

/// One page: what it shows, and only then what it is labelled with.
async fn open(page: &Page, url: &url::Url) -> Result<(Snapshot, Marks, Marks), BrowserError> {
    page.goto(url).await?;
    let frame = page.main_frame();
    let snapshot = page.snapshot(&frame).await?;
    let scoring = page.marked(&frame, "data-manual-scoring").await?;
    let submit = page.marked(&frame, "data-manual-submit").await?;
    Ok((snapshot, scoring, submit))
}
