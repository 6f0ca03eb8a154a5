//! A model's server with dials: what the newest message says is what it does. `say WORDS` says them, `echo` says the whole prompt
//! as JSON, `tool NAME` calls a tool, `status N` fails, `cut`, `stop` and `ends` break off, `slow` says nothing, and whatever else
//! goes on and on.

mod responses;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
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
    bodies: Mutex<Vec<(HeaderMap, String)>>,
    /// Streams that somebody still reads.
    open: AtomicUsize,
    /// How many answers have an id.
    answers: AtomicUsize,
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
    /// By how much another model's vectors are turned.
    pub(crate) turned: usize,
}

impl Default for Embedding {
    fn default() -> Self {
        Self {
            dimension: 4,
            delay: Duration::ZERO,
            status: 200,
            turned: 0,
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
            .route("/v1/responses", post(responses::respond))
            .route("/v1/embeddings", post(embed))
            .route("/v1/models", get(models))
            // Prompts may be as long as they are let through.
            .layer(axum::extract::DefaultBodyLimit::disable())
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

    /// What was asked so far, byte for byte, with its headers.
    pub(crate) fn bodies(&self) -> Vec<(HeaderMap, String)> {
        self.seen.bodies.lock().unwrap().clone()
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

/// The models, as they are listed.
pub(crate) const MODELS: &str =
    r#"{"object":"list", "data":[{"id":"m","object":"model"}],"more":1}"#;

async fn models(State(seen): State<Arc<Seen>>, headers: HeaderMap) -> Response {
    seen.bodies.lock().unwrap().push((headers, String::new()));
    ([("content-type", "application/json")], MODELS).into_response()
}

/// The text of a message.
pub(crate) fn text(message: &Value) -> String {
    match &message["content"] {
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        content => content.as_str().unwrap_or_default().to_owned(),
    }
}

/// A completion that comes whole.
fn whole(message: &Value, reason: &str) -> Response {
    let body = json!({ "id": "c1", "object": "chat.completion", "created": 5, "model": "m", "odd": [1, null],
        "choices": [{ "index": 0, "message": message, "finish_reason": reason }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 } });
    let headers = [("x-request-id", "req-1"), ("set-cookie", "a=b")];
    (headers, axum::Json(body)).into_response()
}

/// A refusal with this status.
fn refused(status: &str) -> Response {
    let status = StatusCode::from_u16(status.parse().unwrap()).unwrap();
    let body =
        "{\"error\":{\"message\":\"sk-secret at 10.0.0.7\",\"type\":\"own\",\"code\":\"own\"}}";
    let headers = [
        ("content-type", "application/json"),
        ("retry-after", "7"),
        ("x-request-id", "req-1"),
        ("x-ratelimit-remaining-requests", "0"),
    ];
    (status, headers, body).into_response()
}

fn stream(events: impl IntoIterator<Item = Value>) -> Response {
    let mut text: String = events
        .into_iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    text.push_str("data: [DONE]\n\n");
    ([("content-type", "text/event-stream")], text).into_response()
}

async fn complete(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> Response {
    let raw = String::from_utf8(body.to_vec()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let proof = headers.get("authorization");
    let proof = proof.map(|proof| proof.to_str().unwrap().to_owned());
    if let Some(script) = &seen.script {
        let (status, answer) = script(&body);
        seen.requests.lock().unwrap().push((proof, body));
        return (StatusCode::from_u16(status).unwrap(), axum::Json(answer)).into_response();
    }
    let text = text(body["messages"].as_array().unwrap().last().unwrap());
    let streams = body["stream"] == true;
    let usage = body["stream_options"]["include_usage"] == true;
    let prompt = body["messages"].to_string();
    seen.requests.lock().unwrap().push((proof, body));
    seen.bodies.lock().unwrap().push((headers, raw));
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let (end, words) = match word {
        "status" => return refused(rest),
        "json" => return axum::Json(json!({ "choices": [] })).into_response(),
        "slow" => {
            // It never says anything.
            std::future::pending::<()>().await;
            return StatusCode::OK.into_response();
        }
        "tool" => {
            let call = json!({ "id": "call-1", "type": "function", "function": { "name": rest, "arguments": "{\"a\": 1}" } });
            if !streams {
                let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
                return whole(&message, "tool_calls");
            }
            let delta = |delta: Value, reason: Value| {
                json!({ "id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m",
                    "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] })
            };
            let begin = json!({ "role": "assistant", "content": null, "tool_calls": [{ "index": 0, "id": "call-1", "type": "function",
                "function": { "name": rest, "arguments": "" } }] });
            let more = |part: &str| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": part } }] });
            return stream([
                delta(begin, Value::Null),
                delta(more("{\"a\":"), Value::Null),
                delta(more(" 1}"), Value::Null),
                delta(json!({}), json!("tool_calls")),
            ]);
        }
        "echo" => ("say".to_owned(), prompt),
        word => (word.to_owned(), rest.to_owned()),
    };
    if !streams && end == "say" {
        return whole(
            &json!({ "role": "assistant", "content": words, "refusal": null }),
            "stop",
        );
    }
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
                    let used = json!({ "id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [],
                        "usage": { "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 } });
                    let used = if usage {
                        format!("data: {used}\n\n")
                    } else {
                        String::new()
                    };
                    let event = format!(
                        ": the end\n\ndata: {}\n\n{used}data: [DONE]\n\n",
                        last_chunk()
                    );
                    Some((Ok(event), None))
                }
                "cut" => {
                    // What was said before is on its way by then.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Some((Err(std::io::Error::other("cut")), None))
                }
                "stop" => None,
                // Whole, and without the last event.
                "ends" => Some((Ok(format!("data: {}\n\n", last_chunk())), None)),
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
            .for_each(|at| vector[(*at + dials.turned) % 4] += 1.0);
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
