//! The watched folder.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use super::{pdf, search, texts};
use crate::support::process::{Root, eventually};
use crate::support::{Api, answer};

/// As most have it: what is like a question in meaning is found too.
const CONFIG: &str = "[memory]\ndocuments = \"docs\"\n";
/// By words alone: whatever is found has a word of the question.
const WORDS: &str = "[memory]\ndocuments = \"docs\"\nembedder = \"none\"\n";

struct Place {
    root: Root,
    daemon: crate::support::process::Daemon,
    api: Api,
}

impl Place {
    fn new(config: &str, before: impl FnOnce(&Root)) -> Self {
        let root = Root::new();
        std::fs::write(root.path().join("config.toml"), config).unwrap();
        before(&root);
        let daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        Self { root, daemon, api }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("docs").join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    async fn list(&self) -> Value {
        let (status, list) = answer(self.api.own(Method::GET, "/v1/documents?limit=1000")).await;
        assert_eq!(status, 200, "{list}");
        list
    }

    /// Waits until the list is as it shall be.
    async fn until(&self, what: &str, mut is: impl FnMut(&Value) -> bool) -> Value {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let list = self.list().await;
            if is(&list) {
                return list;
            }
            assert!(std::time::Instant::now() < end, "{what}: {list:#}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    async fn until_names(&self, names: &[&str]) -> Value {
        self.until(&format!("{names:?}"), |list| self::names(list) == names)
            .await
    }

    /// What a search finds, and whether it compares meanings too.
    async fn found(&self, query: &str) -> (Vec<String>, bool) {
        let found = search(&self.api, json!({ "query": query })).await;
        let all = texts(&found).into_iter().map(str::to_owned).collect();
        let signals = found["signals"].as_array().unwrap();
        (all, signals.iter().any(|one| one == "semantic"))
    }

    /// A word finds this text first; by words alone it finds nothing else.
    async fn finds(&self, word: &str, text: &str) {
        let (found, meanings) = self.found(word).await;
        assert_eq!(found.first().map(String::as_str), Some(text), "{found:?}");
        assert!(meanings || found.len() == 1, "{found:?}");
        assert_eq!(found.iter().filter(|one| *one == text).count(), 1);
    }

    /// Nothing that is found has this word; by words alone nothing is found at all.
    async fn finds_no(&self, word: &str) {
        let (found, meanings) = self.found(word).await;
        assert!(meanings || found.is_empty(), "{found:?}");
        assert!(!found.iter().any(|one| one.contains(word)), "{found:?}");
    }
}

fn names(list: &Value) -> Vec<&str> {
    let documents = list["documents"].as_array().unwrap().iter();
    documents.map(|one| one["name"].as_str().unwrap()).collect()
}

fn problem(list: &Value) -> &str {
    list["folder"]["problem"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn what_lies_in_the_folder_is_found_by_its_words_and_goes_with_its_file() {
    what_lies_in_the_folder(WORDS).await;
}

#[tokio::test]
async fn what_lies_in_the_folder_is_found_by_its_meaning_and_goes_with_its_file() {
    what_lies_in_the_folder(CONFIG).await;
}

async fn what_lies_in_the_folder(config: &str) {
    let mut place = Place::new(config, |root| {
        std::fs::create_dir_all(root.path().join("docs/deep/er")).unwrap();
        std::fs::write(root.path().join("docs/deep/er/a.md"), "# A\n\nThe bassoon.").unwrap();
        std::fs::write(root.path().join("docs/.hidden.md"), "hidden").unwrap();
        std::fs::write(root.path().join("docs/x.exe"), "no document").unwrap();
    });
    let list = place.until_names(&["deep/er/a.md"]).await;
    assert_eq!(list["documents"][0]["origin"], "folder");
    place.finds("bassoon", "# A\n\nThe bassoon.").await;
    // A new one in a new folder, one saved by rename over the old one.
    place.write("new/b.pdf", pdf::pages(&["The rent is 900."]));
    place.until_names(&["deep/er/a.md", "new/b.pdf"]).await;
    let id = |list: &Value| list["documents"][0]["id"].clone();
    place.write(".a.md.tmp", "# A\n\nThe zither.");
    std::fs::rename(place.path(".a.md.tmp"), place.path("deep/er/a.md")).unwrap();
    let changed = place
        .until("the change", |now| {
            now["documents"][0]["updated_at"] != list["documents"][0]["updated_at"]
        })
        .await;
    assert_eq!(id(&changed), id(&list));
    place.finds("zither", "# A\n\nThe zither.").await;
    place.finds_no("bassoon").await;
    assert!(!super::is_on_disk(&place.root, "bassoon"));
    // It is the folder's: neither replaced nor deleted but there; and what was uploaded is not replaced by a file.
    for (method, path) in [
        (Method::PUT, "/v1/documents/deep%2Fer%2Fa.md"),
        (Method::DELETE, "/v1/documents/new%2Fb.pdf"),
    ] {
        let request = match method == Method::PUT {
            true => place
                .api
                .own(method, path)
                .header("content-type", "text/markdown")
                .body("x"),
            false => place.api.own(method, path),
        };
        let (status, refused) = answer(request).await;
        assert_eq!(
            (status, super::kind(&refused)),
            (409, "came-another-way"),
            "{refused}"
        );
    }
    let request = place
        .api
        .own(Method::PUT, "/v1/documents/up.txt")
        .header("content-type", "text/plain");
    assert_eq!(answer(request.body("uploaded")).await.0, 201);
    place.write("up.txt", "from the folder");
    place.write(
        "scan.pdf",
        pdf::with(vec![pdf::stream("", b"0 0 9 9 re f")], ""),
    );
    let list = place
        .until("two problems", |list| {
            list["folder"]["files"]
                .as_array()
                .is_some_and(|all| all.len() == 2)
        })
        .await;
    let files = list["folder"]["files"].to_string();
    assert!(
        files.contains("was uploaded") && files.contains("ocrmypdf"),
        "{files}"
    );
    assert!(
        place
            .daemon
            .hears("ocrmypdf")
            .to_string()
            .contains("scan.pdf")
    );
    place.finds("uploaded", "uploaded").await;
    // Nothing is done twice: after a restart all is as it was.
    let before = place.list().await["documents"].clone();
    place.daemon.kill();
    place.daemon = place.root.daemon();
    place.api = Api::of(&place.root, &place.daemon);
    let list = place
        .until("the look at the start", |list| {
            list["folder"]["files"]
                .as_array()
                .is_some_and(|all| all.len() == 2)
        })
        .await;
    assert_eq!(list["documents"], before);
    // What is mended is taken, what is gone goes.
    place.write("scan.pdf", pdf::pages(&["Now with words."]));
    std::fs::remove_file(place.path("up.txt")).unwrap();
    std::fs::remove_dir_all(place.path("new")).unwrap();
    place
        .until_names(&["deep/er/a.md", "scan.pdf", "up.txt"])
        .await;
    place
        .until("no problem", |list| list["folder"]["files"] == json!([]))
        .await;
    place.finds_no("rent").await;
    // Emptied while it was watched: all of it is gone.
    std::fs::remove_dir_all(place.path("deep")).unwrap();
    for file in [".hidden.md", "x.exe", "scan.pdf"] {
        std::fs::remove_file(place.path(file)).unwrap();
    }
    place.until_names(&["up.txt"]).await;
}

#[tokio::test]
async fn a_folder_that_vanishes_deletes_nothing_and_the_setting_takes_effect_at_once() {
    let mut place = Place::new("", |_| {});
    for at in 0..3 {
        place.write(&format!("{at}.txt"), format!("the bassoon {at}"));
    }
    assert_eq!(place.list().await["folder"], Value::Null);
    place.root.save("config.toml", CONFIG);
    let all = ["0.txt", "1.txt", "2.txt"];
    place.until_names(&all).await;
    // Moved away, as a disk that is not mounted.
    std::fs::rename(place.path(""), place.root.path().join("away")).unwrap();
    let gone = place
        .until("it says so", |list| !problem(list).is_empty())
        .await;
    assert!(problem(&gone).contains("stay as they are"), "{gone:#}");
    assert_eq!(names(&gone), all);
    // An empty folder where it is mounted: another one.
    std::fs::create_dir(place.path("")).unwrap();
    let empty = place
        .until("it says so", |list| problem(list).contains("is empty"))
        .await;
    assert_eq!(names(&empty), all);
    place.daemon.kill();
    place.daemon = place.root.daemon();
    place.api = Api::of(&place.root, &place.daemon);
    let empty = place
        .until("also after the start", |list| {
            problem(list).contains("is empty")
        })
        .await;
    assert_eq!(names(&empty), all);
    let (found, _) = place.found("bassoon").await;
    assert_eq!(found.len(), 3, "{found:?}");
    // Back again, with one less.
    std::fs::remove_dir(place.path("")).unwrap();
    std::fs::remove_file(place.root.path().join("away/1.txt")).unwrap();
    std::fs::rename(place.root.path().join("away"), place.path("")).unwrap();
    let back = place.until_names(&["0.txt", "2.txt"]).await;
    place
        .until("no problem", |list| problem(list).is_empty())
        .await;
    assert!(back["folder"].is_object());
    // Without the setting the documents stay, and are like others.
    place.root.save("config.toml", "");
    place
        .until("no folder", |list| list["folder"].is_null())
        .await;
    let (status, _) = answer(place.api.own(Method::DELETE, "/v1/documents/0.txt")).await;
    assert_eq!(status, 204);
    assert_eq!(names(&place.list().await), ["2.txt"]);
}

#[tokio::test]
async fn a_thousand_files_at_once_are_all_found() {
    let place = Place::new(CONFIG, |root| {
        std::fs::create_dir(root.path().join("docs")).unwrap()
    });
    for at in 0..1000 {
        place.write(
            &format!("f{}/{at:04}.txt", at % 7),
            format!("file number {at} has code{at}x"),
        );
    }
    let list = place
        .until("all are there", |list| names(list).len() == 1000)
        .await;
    assert_eq!(list["folder"]["files"], json!([]));
    for at in [0, 3, 500, 777, 999] {
        let word = format!("code{at}x");
        let text = format!("file number {at} has {word}");
        place.finds(&word, &text).await;
    }
    std::fs::remove_dir_all(place.path("f3")).unwrap();
    place
        .until("those of one folder are gone", |list| {
            names(list).len() == 857
        })
        .await;
    place.finds_no("code3x").await;
    eventually("the log says so", || {
        place
            .daemon
            .log()
            .iter()
            .any(|line| line.to_string().contains("files are gone"))
            .then_some(())
    });
}
