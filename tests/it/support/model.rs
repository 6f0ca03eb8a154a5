//! A model's server with dials: what the newest message says is what it does.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

/// An OpenAI-compatible server on loopback.
pub(crate) struct Model {
    /// `http://127.0.0.1:PORT/v1`.
    pub(crate) base: String,
    seen: Arc<Seen>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<(Option<String>, Value)>>,
    /// Streams that somebody still reads.
    open: AtomicUsize,
    script: Option<Script>,
    embedding: Mutex<Embedding>,
    /// Every text that was embedded, in order.
    embedded: Mutex<Vec<String>>,
}

/// Answers a request: status and body.
type Script = Box<dyn Fn(&Value) -> (u16, Value) + Send + Sync>;

/// How texts are embedded.
#[derive(Clone)]
pub(crate) struct Embedding {
    /// How many numbers a vector has, 4 or more.
    pub(crate) dimension: usize,
    /// How long each answer takes.
    pub(crate) delay: Duration,
    /// What it answers with; 200: vectors.
    pub(crate) status: u16,
}

impl Default for Embedding {
    fn default() -> Self {
        Self {
            dimension: 4,
            delay: Duration::ZERO,
            status: 200,
        }
    }
}

/// Words and what they are about: animals, money, weather, music.
pub(crate) const ABOUT: [(&str, usize); 12] = [
    ("animal", 0),
    ("kitten", 0),
    ("dog", 0),
    ("money", 1),
    ("invoice", 1),
    ("salary", 1),
    ("weather", 2),
    ("rain", 2),
    ("storm", 2),
    ("music", 3),
    ("cello", 3),
    ("song", 3),
];

impl Model {
    pub(crate) async fn start() -> Self {
        Self::with(None).await
    }

    /// One that answers everything as the script says.
    pub(crate) async fn scripted(
        script: impl Fn(&Value) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        Self::with(Some(Box::new(script))).await
    }

    async fn with(script: Option<Script>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Seen {
            script,
            ..Seen::default()
        });
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/embeddings", post(embed))
            .with_state(Arc::clone(&seen));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, seen, server }
    }

    /// What was asked so far: the `Authorization`, and the body.
    pub(crate) fn requests(&self) -> Vec<(Option<String>, Value)> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Turns the dials of embedding.
    pub(crate) fn embeds(&self, change: impl FnOnce(&mut Embedding)) {
        change(&mut self.seen.embedding.lock().unwrap());
    }

    /// Every text that was embedded so far, in order.
    pub(crate) fn embedded(&self) -> Vec<String> {
        self.seen.embedded.lock().unwrap().clone()
    }

    /// How many streams somebody still reads.
    pub(crate) fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A stream that is open as long as this lives.
struct Open(Arc<Seen>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A chunk of a completion with this text.
pub(crate) fn chunk(text: &str) -> Value {
    json!({ "id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m",
        "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] })
}

/// The last chunk.
pub(crate) fn last_chunk() -> Value {
    json!({ "id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m",
        "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] })
}

async fn complete(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let text = body["messages"].as_array().unwrap().last().unwrap()["content"]
        .as_str()
        .unwrap()
        .to_owned();
    let proof = headers.get("authorization");
    let proof = proof.map(|proof| proof.to_str().unwrap().to_owned());
    if let Some(script) = &seen.script {
        let (status, answer) = script(&body);
        seen.requests.lock().unwrap().push((proof, body));
        return (StatusCode::from_u16(status).unwrap(), axum::Json(answer)).into_response();
    }
    seen.requests.lock().unwrap().push((proof, body));
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let (end, words) = match word {
        "status" => {
            let status = StatusCode::from_u16(rest.parse().unwrap()).unwrap();
            let body = "{\"error\":{\"message\":\"sk-secret at 10.0.0.7\"}}";
            return (status, body).into_response();
        }
        "json" => return axum::Json(json!({ "choices": [] })).into_response(),
        word => (word.to_owned(), rest.to_owned()),
    };
    seen.open.fetch_add(1, Ordering::SeqCst);
    let open = Open(Arc::clone(&seen));
    let words: VecDeque<String> = words.split_inclusive(' ').map(str::to_owned).collect();
    let stream = futures::stream::unfold(Some((words, open)), move |state| {
        let end = end.clone();
        async move {
            let (mut words, open) = state?;
            if let Some(word) = words.pop_front() {
                let event = format!("data: {}\n\n", chunk(&word));
                return Some((Ok::<_, std::io::Error>(event), Some((words, open))));
            }
            match end.as_str() {
                "say" => {
                    let event = format!(": the end\n\ndata: {}\n\ndata: [DONE]\n\n", last_chunk());
                    Some((Ok(event), None))
                }
                "cut" => {
                    // What was said before is on its way by then.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Some((Err(std::io::Error::other("cut")), None))
                }
                "stop" => None,
                // On and on.
                _ => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let event = format!("data: {}\n\n", chunk("on "));
                    Some((Ok(event), Some((words, open))))
                }
            }
        }
    });
    let kind = [("content-type", "text/event-stream; charset=utf-8")];
    (kind, Body::from_stream(stream)).into_response()
}

async fn embed(State(seen): State<Arc<Seen>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let dials = seen.embedding.lock().unwrap().clone();
    tokio::time::sleep(dials.delay).await;
    let texts = body["input"].as_array().unwrap();
    let texts: Vec<_> = texts.iter().map(|text| text.as_str().unwrap()).collect();
    // As real servers do, it refuses a text that it does not like, and with it the others.
    let refused = texts.contains(&"refuse me").then_some(400);
    let status = refused.unwrap_or(dials.status);
    if status != 200 {
        let body = "{\"error\":{\"message\":\"sk-secret at 10.0.0.7\"}}";
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    let about: HashMap<_, _> = ABOUT.into_iter().collect();
    let data = texts.iter().enumerate().map(|(index, text)| {
        let mut vector = vec![0.0; dials.dimension];
        let lower = text.to_lowercase();
        let words = lower.split(|c: char| !c.is_alphanumeric());
        words
            .filter_map(|word| about.get(word))
            .for_each(|at| vector[*at] += 1.0);
        json!({ "object": "embedding", "index": index, "embedding": vector })
    });
    // The order is told by the index, and by nothing else.
    let data: Vec<_> = data.rev().collect();
    seen.embedded
        .lock()
        .unwrap()
        .extend(texts.iter().map(|text| (*text).to_owned()));
    axum::Json(json!({ "object": "list", "data": data, "model": body["model"] })).into_response()
}
