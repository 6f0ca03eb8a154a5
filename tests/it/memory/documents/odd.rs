//! Documents that are none, documents of before, and the command.

use reqwest::Method;
use serde_json::json;

use super::super::{daemon, is_on_disk, pdf, search, texts};
use super::{PATH, get, put};
use crate::support::oauth::change;
use crate::support::process::{Daemon, Root};
use crate::support::{Api, answer};

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_way_out_and_changes_nothing() {
    let (root, daemon, api) = daemon();
    let good = pdf::pages(&["The plumber is called Ferdinand."]);
    assert_eq!(
        put(&api, "a.pdf", "application/pdf", good.clone()).await.0,
        201
    );
    let page = |content: &[u8]| pdf::with(vec![pdf::stream("", content)], "");
    let scanned = page(b"0 0 1 rg 0 0 100 100 re f");
    let locked = pdf::with(
        vec![pdf::stream("", b"BT ET")],
        "/ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /Length 40 /P -4 \
         /O <0000000000000000000000000000000000000000000000000000000000000000> \
         /U <0000000000000000000000000000000000000000000000000000000000000000> >>",
    );
    let bomb = pdf::with(vec![pdf::stream("/Filter /FlateDecode", &pdf::bomb())], "");
    let circle = pdf::of(
        &[
            b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 2 0 R >>".to_vec(),
            b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>".to_vec(),
            pdf::stream("", b"BT (x) Tj ET"),
        ],
        "",
    );
    let odd = page(b"BT /Nothing 12 Tf (x) Tj ET");
    let nested = [b"%PDF-1.4\n1 0 obj\n".to_vec(), b"[".repeat(3_000_000)].concat();
    let deep = format!("<html><body>{}x", "<div>".repeat(10_000));
    let wide = format!("<p>{}", "word ".repeat(1_000_000));
    for (kind_of, body, status, says) in [
        ("application/pdf", scanned, 400, "ocrmypdf"),
        ("application/pdf", locked, 400, "encrypted"),
        (
            "application/pdf",
            good[..good.len() / 2].to_vec(),
            400,
            "cannot be read",
        ),
        ("application/pdf", b"no pdf".to_vec(), 400, "no PDF"),
        ("application/pdf", odd, 400, "fonts"),
        ("application/pdf", bomb, 400, "memory or time"),
        ("application/pdf", circle, 400, ""),
        ("application/pdf", nested, 400, ""),
        ("text/html", deep.into_bytes(), 400, "nested"),
        ("text/html", wide.into_bytes(), 413, "4194304"),
        ("text/html", b"caf\xe9 <b>".to_vec(), 400, "UTF-8"),
        ("text/html", b"only words".to_vec(), 400, "not one tag"),
        ("text/plain", vec![0xff, 0xfd], 400, "UTF-8"),
        (
            "application/pdf",
            vec![b'x'; (16 << 20) + 1],
            413,
            "16777216",
        ),
    ] {
        let (got, problem) = put(&api, "a.pdf", kind_of, body).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(
            got == status && detail.contains(says),
            "{kind_of} {says}: {got} {problem}"
        );
    }
    assert_eq!(get(&api, "a.pdf").await.1, good);
    assert!(texts(&search(&api, json!({ "query": "Ferdinand" })).await)[0].contains("plumber"));
    // No process is left, and none of it reached the log as a panic of ours.
    assert!(
        daemon
            .log()
            .iter()
            .all(|line| !line.to_string().contains("a panic"))
    );
    assert_eq!(daemon.zombies().len(), 0);
    drop(root);
}

#[tokio::test]
async fn documents_from_before_and_those_of_a_claim_are_found_after_the_start() {
    let (root, mut daemon, api) = daemon();
    assert_eq!(put(&api, "new.txt", "text/plain", "a bassoon").await.0, 201);
    // As the schema before left them: without passages.
    for at in 0..3 {
        change(
            &root,
            &format!(
                "INSERT INTO documents (id, person, user, name, kind, text, created_at, updated_at)
                 VALUES ('old{at}', 'owner', 'owner', 'old{at}.md', 'text/markdown', '# Old{at}

The accordion number {at}.', 0, {at})"
            ),
        );
    }
    daemon.kill();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    crate::support::process::eventually("old documents are found", || {
        let count = count(&root, "SELECT count(*) FROM passages");
        (count == 4).then_some(())
    });
    let found = search(&api, json!({ "query": "accordion", "k": 10 })).await;
    assert_eq!(texts(&found).len(), 3, "{found:#}");
    // They are the same as new ones: replaced and deleted whole.
    for at in 0..3 {
        assert_eq!(
            answer(api.own(Method::DELETE, &format!("{PATH}/old{at}.md")))
                .await
                .0,
            204
        );
    }
    assert!(!is_on_disk(&root, "accordion"));
    assert!(texts(&search(&api, json!({ "query": "accordion" })).await).is_empty());
    assert_eq!(
        texts(&search(&api, json!({ "query": "bassoon" })).await),
        ["a bassoon"]
    );
}

fn count(root: &Root, sql: &str) -> i64 {
    let path = root.auth().join(".jarkeeper/store");
    let file = std::fs::read_dir(path)
        .unwrap()
        .map(|file| file.unwrap().path());
    let file = file
        .into_iter()
        .find(|file| file.extension().is_some_and(|end| end == "db"))
        .unwrap();
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn the_command_keeps_shows_and_deletes() {
    let root = Root::new();
    let alone = root.run(&["document", "list"]);
    assert_eq!(alone.code, Some(1), "{alone:?}");
    let _daemon: Daemon = root.daemon();
    root.save("notes one.md", "# Notes\n\nThe bassoon.");
    std::fs::write(
        root.path().join("lease.pdf"),
        pdf::pages(&["The rent is 900."]),
    )
    .unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let put = root.run(&[
        "document",
        "put",
        &path("notes one.md"),
        &path("lease.pdf"),
        "--user",
        "ada",
    ]);
    assert_eq!(put.code, Some(0), "{put:?}");
    assert!(
        put.out
            .contains("notes one.md  text/markdown  21 bytes, 1 passage\n"),
        "{put:?}"
    );
    let list = root
        .run(&["document", "list", "--user", "ada", "--json"])
        .json();
    let names: Vec<_> = list["documents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["lease.pdf", "notes one.md"]);
    let got = root.run(&["document", "get", "lease.pdf", "--user", "ada", "--text"]);
    assert!(got.out.contains("The rent is 900."), "{got:?}");
    let none = root.run(&["document", "get", "lease.pdf"]);
    assert_eq!(none.code, Some(5), "{none:?}");
    let odd = root.run(&["document", "put", &path("config.toml")]);
    assert!(odd.code == Some(2) && odd.err.contains(".pdf"), "{odd:?}");
    let gone = root.run(&["document", "delete", "notes one.md", "--user", "ada"]);
    assert_eq!(gone.code, Some(0), "{gone:?}");
    assert_eq!(
        root.run(&["document", "delete", "notes one.md", "--user", "ada"])
            .code,
        Some(5)
    );
}
