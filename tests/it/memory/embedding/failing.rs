//! A model that is not there, or is none.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::super::{add, search, texts};
use super::{all_of, asked, embedder, hits, rows, says, status, toy};
use crate::support::model::Model;
use crate::support::oauth::Carries as _;
use crate::support::process::Root;
use crate::support::{Api, answer};

#[tokio::test]
async fn a_server_that_is_down_refuses_or_changes_its_dimension_loses_nothing() {
    let model = Model::start().await;
    model.embeds(|dials| dials.status = 503);
    let root = Root::new();
    embedder(
        &root,
        &format!(
            "{{ url = \"{}\", model = \"toy\", key = {{ env = \"EMBEDDER\" }} }}",
            model.base
        ),
    );
    root.env("EMBEDDER", "sk-4711");
    let mut daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    add(
        &api,
        "ada",
        "s",
        &["I adopted a kitten", "the invoice came"],
    )
    .await;
    let down = status(&api).await;
    let why = down["last_error"].as_str().unwrap();
    assert!(
        why.contains("503") && why.contains("[memory] embedder") && down["model"].is_null(),
        "{down}"
    );
    assert!(!down.to_string().contains("sk-"), "{down}");
    // Words go on.
    let body = json!({ "user_id": "ada", "query": "kitten" });
    let (_, found) = answer(api.own(Method::POST, "/v1/memory/search").json(&body)).await;
    assert_eq!(found["hits"][0]["text"], "I adopted a kitten", "{found}");
    model.embeds(|dials| dials.status = 200);
    let up = says(&api, all_of(2)).await;
    assert_eq!(
        (&up["model"], &up["dimension"]),
        (&json!("toy"), &json!(4)),
        "{up}"
    );
    assert!(up["last_error"].is_null(), "{up}");
    // Slow, it is not waited for, and the answer says so; the next search does not wait at all.
    model.embeds(|dials| dials.delay = Duration::from_secs(60));
    for _ in 0..2 {
        let found = search(&api, json!({ "user_id": "ada", "query": "kitten" })).await;
        assert_eq!(
            (&found["signals"], texts(&found)[0]),
            (&json!(["lexical"]), "I adopted a kitten"),
            "{found}"
        );
        assert!(
            found["warnings"][0]
                .as_str()
                .unwrap()
                .contains("does not answer in time"),
            "{found}"
        );
    }
    model.embeds(|dials| dials.delay = Duration::ZERO);
    // The same model at the same place, and its vectors are longer: what it says now is believed, and all is made anew.
    model.embeds(|dials| dials.dimension = 5);
    add(&api, "ada", "s", &["a song"]).await;
    let other = says(&api, |now| now["dimension"] == 5 && all_of(3)(now)).await;
    assert_ne!(other["fingerprint"], up["fingerprint"]);
    while rows::<i64>(&root, "SELECT dimension FROM memory_models") != [5] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        hits(&asked(&root, "ada", 3, 5).similar),
        [Some(false), Some(false), Some(true)]
    );
    // Another model under the same name, of the same dimension: it is noticed with the next text, and nothing of the old one's is
    // compared with it.
    model.embeds(|dials| dials.turned = 1);
    add(&api, "ada", "s", &["a kitten came"]).await;
    let turned = says(&api, |now| {
        now["fingerprint"] != other["fingerprint"] && all_of(4)(now)
    })
    .await;
    assert_eq!(turned["dimension"], 5, "{turned}");
    while rows::<i64>(&root, "SELECT count(*) FROM memory_models") != [1] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        hits(&asked(&root, "ada", 1, 5).similar),
        [Some(true), Some(false), Some(false), Some(true)]
    );
    // At another place it is the same one, and nothing is made anew.
    daemon.kill();
    let before = model.embedded().len();
    let place = model.base.replace("127.0.0.1", "localhost");
    embedder(&root, &format!("{{ url = \"{place}\", model = \"toy\" }}"));
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    says(&api, |now| {
        now["fingerprint"] == turned["fingerprint"] && all_of(4)(now)
    })
    .await;
    let asked = model.embedded().split_off(before);
    assert!(
        !asked.iter().any(|text| text.contains("kitten")),
        "{asked:?}"
    );
    // One that refuses everything is not taken for one that dislikes each text.
    model.embeds(|dials| dials.status = 400);
    add(&api, "ada", "s", &["more music"]).await;
    let refusing = says(&api, |now| now["last_error"].is_string()).await;
    assert!(
        refusing["last_error"]
            .as_str()
            .unwrap()
            .contains("refuses every text"),
        "{refusing}"
    );
    model.embeds(|dials| dials.status = 200);
    says(&api, all_of(5)).await;
}

#[tokio::test]
async fn a_folder_that_is_no_model_is_told_with_its_file_and_the_way_out_and_words_go_on() {
    let root = Root::new();
    embedder(&root, "{ dir = \"models/mine\" }");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    add(&api, "ada", "s", &["I adopted a kitten"]).await;
    let folder = root.path().join("models/mine");
    let tell = async |file: &str, way: &str| {
        let standing = says(&api, |now| {
            now["last_error"]
                .as_str()
                .is_some_and(|why| why.contains(way))
        })
        .await;
        let why = standing["last_error"].as_str().unwrap().to_owned();
        assert!(
            why.contains(folder.to_str().unwrap()) && why.contains(file),
            "{why}"
        );
        // `doctor` says the same.
        let doctor = root.run(&["doctor"]);
        assert!(
            doctor
                .out
                .contains(&format!("MISSING  embedder of memories: {why}")),
            "{}",
            doctor.out
        );
        let body = json!({ "user_id": "ada", "query": "kitten" });
        let (_, found) = answer(api.own(Method::POST, "/v1/memory/search").json(&body)).await;
        assert_eq!(found["hits"][0]["text"], "I adopted a kitten", "{found}");
    };
    tell("", "jarkeeper model import").await;
    std::fs::create_dir_all(&folder).unwrap();
    tell("tokenizer.json", "is missing").await;
    toy(&folder, 4);
    let tensors = folder.join("model.safetensors");
    let whole = std::fs::read(&tensors).unwrap();
    std::fs::write(&tensors, &whole[..40]).unwrap();
    tell("", "cut off").await;
    std::fs::remove_file(&tensors).unwrap();
    std::fs::write(folder.join("model.onnx"), "no model").unwrap();
    tell("", "ONNX file cannot be read").await;
    std::fs::remove_file(folder.join("model.onnx")).unwrap();
    // One word more than rows.
    let other = root.path().join("other");
    toy(&other, 4);
    let words = std::fs::read_to_string(other.join("tokenizer.json")).unwrap();
    std::fs::write(
        folder.join("tokenizer.json"),
        words.replace("\"song\":12", "\"song\":13"),
    )
    .unwrap();
    std::fs::write(&tensors, &whole).unwrap();
    tell("", "do not belong together").await;
    // Mended, it is taken without a restart.
    toy(&folder, 4);
    says(&api, all_of(1)).await;
    let doctor = root.run(&["doctor"]);
    assert!(
        doctor.out.contains(
            "ok       embedder of memories: models/mine is a static table with 4 numbers"
        ),
        "{}",
        doctor.out
    );
}
