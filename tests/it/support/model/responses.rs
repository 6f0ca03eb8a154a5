//! The same server's Responses API. Besides what a chat is told with, `incomplete`, `failed` and `error` end a stream as they say.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Open, Seen, refused, text};

/// What the newest item says: a message's text, or what a tool has found.
fn newest(input: &Value) -> String {
    match input {
        Value::Array(items) => {
            let last = items.last().unwrap_or(&Value::Null);
            let output = last["output"].as_str().map(str::to_owned);
            output.unwrap_or_else(|| text(last))
        }
        input => input.as_str().unwrap_or_default().to_owned(),
    }
}

/// An answer with what stands in it.
fn response(id: &str, status: &str, output: &[Value], asked: &Value) -> Value {
    json!({ "id": id, "object": "response", "created_at": 5, "status": status, "model": "m", "output": output, "odd": [1, null],
        "error": null, "incomplete_details": null, "instructions": asked["instructions"], "metadata": {}, "parallel_tool_calls": true,
        "previous_response_id": asked["previous_response_id"], "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "usage": { "input_tokens": 1, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": 2,
            "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 3 } })
}

fn message(id: &str, words: &str, status: &str) -> Value {
    json!({ "type": "message", "id": format!("msg_{id}"), "role": "assistant", "status": status,
        "content": [{ "type": "output_text", "text": words, "annotations": [], "logprobs": [] }] })
}

fn reasoning(id: &str) -> Value {
    json!({ "type": "reasoning", "id": format!("rs_{id}"), "summary": [] })
}

/// Events with their names and numbers, as they go over the wire.
#[derive(Default)]
struct Numbered(u64);

impl Numbered {
    fn event(&mut self, kind: &str, mut data: Value) -> String {
        data["type"] = kind.into();
        data["sequence_number"] = self.0.into();
        self.0 += 1;
        format!("event: {kind}\ndata: {data}\n\n")
    }

    fn item(&mut self, at: usize, item: &Value) -> String {
        let mut all = self.event(
            "response.output_item.added",
            json!({ "output_index": at, "item": item }),
        );
        all += &self.event(
            "response.output_item.done",
            json!({ "output_index": at, "item": item }),
        );
        all
    }
}

pub(super) async fn respond(
    State(seen): State<Arc<Seen>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let raw = String::from_utf8(body.to_vec()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let said = newest(&body["input"]);
    let proof = headers.get("authorization");
    let proof = proof.map(|proof| proof.to_str().unwrap().to_owned());
    let id = format!("resp_{}", seen.answers.fetch_add(1, Ordering::SeqCst));
    seen.requests.lock().unwrap().push((proof, body.clone()));
    seen.bodies.lock().unwrap().push((headers, raw));
    let (word, rest) = said.split_once(' ').unwrap_or((&said, ""));
    let (end, words) = match word {
        "status" => return refused(rest),
        "unknown" => {
            let error = json!({ "error": { "message": format!("The model '{rest}' does not exist"), "type": "invalid_request_error",
                "param": null, "code": "model_not_found" } });
            return (StatusCode::NOT_FOUND, axum::Json(error)).into_response();
        }
        "slow" => {
            // It never says anything.
            std::future::pending::<()>().await;
            return StatusCode::OK.into_response();
        }
        "tool" => {
            let call = json!({ "type": "function_call", "id": format!("fc_{id}"), "call_id": format!("call_{id}"), "name": rest,
                "arguments": "{\"a\": 1}", "status": "completed" });
            return called(&id, &call, &body);
        }
        "echo" => ("say".to_owned(), body["input"].to_string()),
        word => (word.to_owned(), rest.to_owned()),
    };
    if body["stream"] != true {
        let output = [reasoning(&id), message(&id, &words, "completed")];
        let mut answer = response(&id, "completed", &output, &body);
        if end == "failed" {
            answer["status"] = "failed".into();
            answer["error"] = json!({ "code": "server_error", "message": "no" });
        }
        let headers = [("x-request-id", "req-1"), ("set-cookie", "a=b")];
        return (headers, axum::Json(answer)).into_response();
    }
    streamed(seen, id, end, words, body)
}

/// A call of a tool, whole or as events.
fn called(id: &str, call: &Value, asked: &Value) -> Response {
    let output = [reasoning(id), call.clone()];
    let whole = response(id, "completed", &output, asked);
    if asked["stream"] != true {
        return axum::Json(whole).into_response();
    }
    let mut events = Numbered::default();
    let begun = response(id, "in_progress", &[], asked);
    let mut all = events.event("response.created", json!({ "response": begun }));
    all += &events.item(0, &output[0]);
    let mut open = call.clone();
    open["arguments"] = "".into();
    all += &events.event(
        "response.output_item.added",
        json!({ "output_index": 1, "item": open }),
    );
    let named = |rest: Value| {
        let mut data = json!({ "output_index": 1, "item_id": call["id"], "name": call["name"] });
        data.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        data
    };
    for part in ["{\"a\":", " 1}"] {
        let data = named(json!({ "delta": part }));
        all += &events.event("response.function_call_arguments.delta", data);
    }
    let data = named(json!({ "arguments": call["arguments"] }));
    all += &events.event("response.function_call_arguments.done", data);
    all += &events.event(
        "response.output_item.done",
        json!({ "output_index": 1, "item": call }),
    );
    all += &events.event("response.completed", json!({ "response": whole }));
    ([("content-type", "text/event-stream")], all).into_response()
}

/// Words, one by one, and how it ends.
fn streamed(seen: Arc<Seen>, id: String, end: String, words: String, asked: Value) -> Response {
    seen.open.fetch_add(1, Ordering::SeqCst);
    let open = Open(Arc::clone(&seen));
    let mut events = Numbered::default();
    let begun = response(&id, "in_progress", &[], &asked);
    let mut begin = events.event("response.created", json!({ "response": begun }));
    begin += &events.event("response.in_progress", json!({ "response": begun }));
    begin += &events.item(0, &reasoning(&id));
    begin += &events.event(
        "response.output_item.added",
        json!({ "output_index": 1, "item": message(&id, "", "in_progress") }),
    );
    let part = json!({ "type": "output_text", "text": "", "annotations": [] });
    begin += &events.event(
        "response.content_part.added",
        json!({ "output_index": 1, "content_index": 0, "item_id": format!("msg_{id}"), "part": part }),
    );
    let item = format!("msg_{id}");
    let delta = move |events: &mut Numbered, word: &str| {
        let data = json!({ "output_index": 1, "content_index": 0, "item_id": item, "delta": word, "logprobs": [] });
        events.event("response.output_text.delta", data)
    };
    let mut parts: VecDeque<String> = [begin].into();
    for word in words.split_inclusive(' ') {
        parts.push_back(delta(&mut events, word));
    }
    let state = Some((parts, events, open));
    let stream = futures::stream::unfold(state, move |state| {
        let (id, end, words, asked, delta) = (
            id.clone(),
            end.clone(),
            words.clone(),
            asked.clone(),
            delta.clone(),
        );
        async move {
            let (mut parts, mut events, open) = state?;
            if let Some(part) = parts.pop_front() {
                return Some((Ok::<_, std::io::Error>(part), Some((parts, events, open))));
            }
            let of = |status: &str| {
                let output = [reasoning(&id), message(&id, &words, status)];
                response(&id, status, &output, &asked)
            };
            match end.as_str() {
                "say" => {
                    let mut all = events.event(
                        "response.output_text.done",
                        json!({ "output_index": 1, "content_index": 0, "item_id": format!("msg_{id}"), "text": words, "logprobs": [] }),
                    );
                    all += &events.event(
                        "response.output_item.done",
                        json!({ "output_index": 1, "item": message(&id, &words, "completed") }),
                    );
                    all +=
                        &events.event("response.completed", json!({ "response": of("completed") }));
                    Some((Ok(all), None))
                }
                "incomplete" => {
                    let mut whole = of("incomplete");
                    whole["incomplete_details"] = json!({ "reason": "max_output_tokens" });
                    let data = json!({ "response": whole });
                    Some((Ok(events.event("response.incomplete", data)), None))
                }
                "failed" => {
                    let mut whole = response(&id, "failed", &[], &asked);
                    whole["error"] = json!({ "code": "server_error", "message": "no" });
                    let data = json!({ "response": whole });
                    Some((Ok(events.event("response.failed", data)), None))
                }
                "error" => {
                    let data = json!({ "code": "server_error", "message": "no", "param": null });
                    Some((Ok(events.event("error", data)), None))
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
                    let event = delta(&mut events, "on ");
                    Some((Ok(event), Some((parts, events, open))))
                }
            }
        }
    });
    let kind = [("content-type", "text/event-stream; charset=utf-8")];
    (kind, Body::from_stream(stream)).into_response()
}
