//! Whoever measures again gets the same numbers: the questions that `scripts/bench recall` asks too, to memories of the same words.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::oauth::Carries as _;
use crate::support::process::Root;
use crate::support::{Api, answer};

/// Questions of a language, with what they are asked about.
fn set(language: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/questions");
    let mut set: Value =
        serde_json::from_slice(&std::fs::read(folder.join(format!("{language}.json"))).unwrap())
            .unwrap();
    let names = set["documents"].as_array_mut().unwrap();
    for name in names {
        let path = folder.join("documents").join(name.as_str().unwrap());
        let text = std::fs::read_to_string(path).unwrap();
        *name = json!([name.clone(), text]);
    }
    set
}

/// Has a memory told what the questions are about.
async fn tell(api: &Api, set: &Value) {
    let user = &set["user"];
    for session in set["sessions"].as_array().unwrap() {
        let began: chrono::DateTime<chrono::Utc> =
            session["began"].as_str().unwrap().parse().unwrap();
        let turns = session["turns"].as_array().unwrap().iter().enumerate();
        let turns: Vec<_> = turns
            .map(|(at, turn)| {
                let speaker = &set["speakers"][turn["by"].as_str().unwrap()];
                let minutes = chrono::TimeDelta::minutes(i64::try_from(at).unwrap());
                json!({ "text": turn["text"], "role": speaker["role"], "speaker": speaker["name"], "session": session["id"],
                    "occurred_at": began + minutes, "metadata": { "turn": turn["id"] } })
            })
            .collect();
        let body = json!({ "user_id": user, "interactions": turns });
        let request = api.own(Method::POST, "/v1/memory/interactions").json(&body);
        let (status, made) = answer(request).await;
        assert_eq!(status, 201, "{made}");
    }
    for document in set["documents"].as_array().unwrap() {
        let (name, text) = (&document[0], &document[1]);
        let path = format!(
            "/v1/documents/{}?user_id={}",
            name.as_str().unwrap(),
            user.as_str().unwrap()
        );
        let request = api
            .own(Method::PUT, &path)
            .header("content-type", "text/markdown");
        let (status, made) = answer(request.body(text.as_str().unwrap().to_owned())).await;
        assert_eq!(status, 201, "{made}");
    }
}

/// What each question finds, with its score to the last digit; and how much of what answers it is among that, from 0 to 1.
async fn asked(api: &Api, set: &Value) -> (Vec<Value>, f64) {
    let (mut all, mut share, mut count) = (Vec::new(), 0.0, 0.0);
    for question in set["questions"].as_array().unwrap() {
        let body = json!({ "user_id": set["user"], "query": question["question"], "now": question["asked_at"], "k": 10 });
        let request = api.own(Method::POST, "/v1/memory/search").json(&body);
        let (status, found) = answer(request).await;
        assert_eq!(status, 200, "{found}");
        let hits = found["hits"].as_array().unwrap();
        if let Some(turns) = question["evidence"]["turns"].as_array() {
            let is_there = |turn: &&Value| hits.iter().any(|hit| hit["metadata"]["turn"] == **turn);
            share += turns.iter().filter(is_there).count() as f64 / turns.len() as f64;
            count += 1.0;
        }
        let hits = hits
            .iter()
            .map(|hit| json!([hit["text"], hit["score"], hit["occurred_at"]]));
        all.push(json!([
            found["signals"],
            found["matched"],
            hits.collect::<Vec<_>>()
        ]));
    }
    (all, share / count)
}

/// Where a document was written it has a time of its own in each memory, and no other part in the answer.
fn without_times(mut answers: Vec<Value>) -> Vec<Value> {
    for answer in &mut answers {
        for hit in answer[2].as_array_mut().unwrap() {
            hit[2].take();
        }
    }
    answers
}

#[tokio::test]
async fn complaint_11_the_same_questions_to_the_same_words_have_the_same_answers_to_the_last_digit()
{
    let (one, two) = {
        let one = Root::new();
        let two = Root::beside(&one);
        (one, two)
    };
    let (mut first, second) = (one.daemon(), two.daemon());
    let apis = [Api::of(&one, &first), Api::of(&two, &second)];
    let sets = ["en", "zh"].map(set);
    let mut numbers = Vec::new();
    for set in &sets {
        tell(&apis[0], set).await;
    }
    // In another order: what one user has said counts for no other.
    for set in sets.iter().rev() {
        tell(&apis[1], set).await;
    }
    for set in &sets {
        let (answers, share) = asked(&apis[0], set).await;
        assert_eq!(asked(&apis[0], set).await, (answers.clone(), share));
        let (others, other) = asked(&apis[1], set).await;
        assert_eq!(without_times(others), without_times(answers.clone()));
        assert_eq!(share.to_bits(), other.to_bits());
        // Far below what is measured: who finds nothing repeats it easily.
        assert!(share > 0.2, "{share}");
        numbers.push((answers, share));
    }
    assert_eq!(first.stop().0, 0);
    let again = one.daemon();
    let api = Api::of(&one, &again);
    for (set, before) in sets.iter().zip(numbers) {
        assert_eq!(asked(&api, set).await, before);
    }
}
