//! The second channel of a search: which texts mean the same, whoever says so, and whatever goes wrong with that.

mod failing;
mod slow;
mod transformer;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jarkeeper::session::Files;
use jarkeeper::store::{MemoryRead, Store, Vector};
use reqwest::Method;
use serde_json::{Value, json};

use super::{add, search, texts};
use crate::support::model::ABOUT;
use crate::support::process::Root;
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
        "I adopted a kitten last week",
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
        json!({ "user_id": "ada", "query": "What pets does she have?" }),
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
