//! Documents of many kinds, as the world makes them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{daemon, finds, pdf, search, texts};
use crate::support::{Api, answer};

async fn put(api: &Api, name: &str, kind: &str, body: impl Into<Vec<u8>>) -> Value {
    let request = api.own(Method::PUT, &format!("/v1/documents/{name}"));
    let (status, made) = answer(request.header("content-type", kind).body(body.into())).await;
    assert_eq!(status, 201, "{name}: {made}");
    made
}

async fn get(api: &Api, name: &str) -> Vec<u8> {
    let request = api.own(Method::GET, &format!("/v1/documents/{name}"));
    request
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap()
        .to_vec()
}

#[tokio::test]
async fn letters_and_pages_that_others_would_lose_are_found_and_what_is_lost_is_told() {
    let (root, _daemon, api) = daemon();
    // One page names a font that is nowhere; the others are read, and it is said which one is not.
    let line = |text: &str| {
        pdf::stream(
            "",
            format!("BT /F1 12 Tf 72 700 Td ({text}) Tj ET").as_bytes(),
        )
    };
    let lost = pdf::stream("", b"BT /Nowhere 12 Tf 72 700 Td (lost) Tj ET");
    let manual = pdf::with(
        vec![line("The axolotl eats"), lost, line("The bandicoot sleeps")],
        "",
    );
    let made = put(&api, "manual.pdf", "application/pdf", manual).await;
    assert_eq!(made["unread_pages"], json!([2]), "{made}");
    let found = search(&api, json!({ "query": "bandicoot" })).await;
    assert_eq!(
        (texts(&found)[0], &found["hits"][0]["document"]["page"]),
        ("The bandicoot sleeps", &json!(3))
    );
    let shown = root.run(&["document", "list"]);
    assert!(shown.out.contains("unread pages: 2"), "{shown:?}");
    // A mark at the beginning is no part of the text, and stays where it is.
    let lease = "\u{feff}# Lease\n\nThe capybara pays on the third.\n";
    put(&api, "bom.md", "text/markdown", lease).await;
    let found = search(&api, json!({ "query": "capybara" })).await;
    assert!(texts(&found)[0].starts_with("# Lease"), "{found}");
    assert_eq!(found["hits"][0]["document"]["heading"], "Lease", "{found}");
    assert_eq!(get(&api, "bom.md").await, lease.as_bytes());
    // A page in letters that it names, and a text in wide ones: they come back as they came.
    let page =
        b"<meta charset=windows-1252><h1>Caf\xe9</h1><table><tr><th>Dugong<td>80 \x80</table>"
            .to_vec();
    put(&api, "cafe.html", "text/html", page.clone()).await;
    let found = search(&api, json!({ "query": "dugong" })).await;
    assert!(texts(&found)[0].contains("80 €"), "{found}");
    assert_eq!(get(&api, "cafe.html").await, page);
    let wide: Vec<u8> = "\u{feff}The échidna digs"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    put(&api, "wide.txt", "text/plain", wide.clone()).await;
    assert_eq!(finds(&api, "owner", "échidna").await, ["The échidna digs"]);
    assert_eq!(get(&api, "wide.txt").await, wide);
}
