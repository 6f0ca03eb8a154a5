//! A small registry over bare TCP, which can do whatever is wrong. What it registers it keeps, also where the answer is then
//! lost.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// What it does with a request.
#[derive(Debug, Clone)]
pub(super) enum Mode {
    /// What the contract says.
    Good,
    /// Nothing is done; this is the whole answer.
    Says(String),
    /// It is done, and this is the whole answer.
    DoesAndSays(String),
    /// It is done, and half of the answer is sent before it hangs up.
    Cut,
    /// It hangs up at once.
    HangsUp,
    /// It is done, and the answer comes by the byte.
    Drips,
    /// It is done, and no answer comes.
    Silent,
    /// It is not done, and no answer comes.
    Waits,
    /// It is done, and the answer has no password.
    NoPassword,
    /// It is done the first time, and the answer is lost; then all is well.
    CutOnce,
}

/// An HTTP answer.
pub(super) fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn json_answer(body: &Value) -> String {
    http(
        "200 OK",
        "content-type: application/json\r\n",
        &body.to_string(),
    )
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Method and path.
    pub(super) line: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Value,
}

/// One that is registered.
#[derive(Debug, Clone, Default)]
pub(super) struct Instance {
    /// Every one that opens it.
    pub(super) passwords: Vec<String>,
    pub(super) registered: bool,
    pub(super) name: String,
}

#[derive(Default)]
struct State {
    mode: Option<Mode>,
    /// For registrations of this name.
    modes: HashMap<String, Mode>,
    requests: Vec<Request>,
    instances: HashMap<String, Instance>,
    keys: HashMap<String, String>,
    count: usize,
    /// How many wait for an answer that does not come.
    held: usize,
}

/// The registry; it ends when dropped.
pub(super) struct Fake {
    pub(super) base: String,
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fake {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (state, over) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        std::thread::spawn({
            let (state, over) = (Arc::clone(&state), Arc::clone(&over));
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let (state, over) = (Arc::clone(&state), Arc::clone(&over));
                    std::thread::spawn(move || serve(stream, &state, &over));
                }
            }
        });
        Self { base, state, over }
    }

    pub(super) fn mode(&self, mode: Mode) {
        lock(&self.state).mode = Some(mode);
    }

    /// The same for registrations of this name alone.
    pub(super) fn mode_of(&self, name: &str, mode: Mode) {
        lock(&self.state).modes.insert(name.to_owned(), mode);
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        lock(&self.state).requests.clone()
    }

    /// How many wait for an answer that does not come, and have not hung up.
    pub(super) fn held(&self) -> usize {
        lock(&self.state).held
    }

    pub(super) fn instances(&self) -> HashMap<String, Instance> {
        lock(&self.state).instances.clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(self.base.trim_start_matches("http://"));
    }
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let (mut bytes, mut part) = (Vec::new(), [0_u8; 4096]);
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut part).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&part[..count]),
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(head + 4);
    while body.len() < length {
        match stream.read(&mut part).ok()? {
            0 => return None,
            count => body.extend_from_slice(&part[..count]),
        }
    }
    Some(Request {
        line,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, over: &AtomicBool) {
    let Some(request) = read(&mut stream) else {
        return;
    };
    let mode = {
        let mut state = lock(state);
        state.requests.push(request.clone());
        let name = request.body["upload_name"].as_str();
        let mode = name
            .and_then(|name| state.modes.get(name))
            .or(state.mode.as_ref());
        let mode = mode.cloned().unwrap_or(Mode::Good);
        if matches!(mode, Mode::CutOnce) {
            state.mode = Some(Mode::Good);
        }
        mode
    };
    let done = || lock(state).does(&request);
    match mode {
        Mode::Good => drop(stream.write_all(json_answer(&done()).as_bytes())),
        Mode::Says(answer) => drop(stream.write_all(answer.as_bytes())),
        Mode::DoesAndSays(answer) => {
            done();
            drop(stream.write_all(answer.as_bytes()));
        }
        Mode::Cut | Mode::CutOnce => {
            let answer = json_answer(&done());
            drop(stream.write_all(&answer.as_bytes()[..answer.len() / 2]));
        }
        Mode::HangsUp => {}
        Mode::NoPassword => {
            let mut answer = done();
            answer["data"]
                .as_object_mut()
                .map(|data| data.remove("instance_password"));
            drop(stream.write_all(json_answer(&answer).as_bytes()));
        }
        Mode::Drips => {
            let answer = json_answer(&done());
            for byte in answer.as_bytes() {
                if over.load(Ordering::Relaxed) || stream.write_all(&[*byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(300));
            }
        }
        Mode::Silent | Mode::Waits => {
            lock(state).held += 1;
            if matches!(mode, Mode::Silent) {
                done();
            }
            hold(&mut stream, over);
            lock(state).held -= 1;
        }
    }
}

/// Says nothing until the other side hangs up.
fn hold(stream: &mut TcpStream, over: &AtomicBool) {
    let short = Some(Duration::from_millis(100));
    stream.set_read_timeout(short).unwrap();
    while !over.load(Ordering::Relaxed) {
        match stream.read(&mut [0; 16]) {
            Ok(0) => return,
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return;
            }
            _ => {}
        }
    }
}

impl State {
    /// What the contract says.
    fn does(&mut self, request: &Request) -> Value {
        let (method, path) = request.line.split_once(' ').unwrap();
        let refused = json!({"code": 401, "message": "no", "data": null});
        let bearer = request.headers.get("authorization");
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let shown = bearer.and_then(|value| value.split_once(':'));
        let proven = shown.filter(|(id, password)| {
            let known = self.instances.get(*id);
            known.is_some_and(|known| known.passwords.iter().any(|one| one == password))
        });
        let proven = proven.map(|(id, _)| id.to_owned());
        match (method, path) {
            ("POST", "/api/upload/register") => {
                let name = request.body["upload_name"].as_str().unwrap().to_owned();
                let key = request.headers.get("idempotency-key").cloned();
                let id = match (request.body["instance_id"].as_str(), proven) {
                    (Some(asked), Some(proven)) if asked == proven => proven,
                    (Some(_), _) => return refused,
                    (None, _) => match key.as_ref().and_then(|key| self.keys.get(key)) {
                        Some(known) => known.clone(),
                        None => format!("instance-{}", self.instances.len() + 1),
                    },
                };
                if let Some(key) = key {
                    self.keys.insert(key, id.clone());
                }
                self.count += 1;
                let password = format!("canary-password-{}-{}", self.count, "x".repeat(30));
                let instance = self.instances.entry(id.clone()).or_default();
                instance.passwords.push(password.clone());
                instance.registered = true;
                instance.name = name.clone();
                json!({"code": 0, "message": "ok", "data": {
                    "instance_id": id, "instance_password": password, "upload_name": name, "status": "registered",
                }})
            }
            (_, path) => {
                let id = path.trim_start_matches("/api/upload/");
                if proven.as_deref() != Some(id) {
                    return refused;
                }
                let instance = self.instances.get_mut(id).unwrap();
                if method == "DELETE" {
                    instance.registered = false;
                    return json!({"code": 0, "message": "ok", "data": null});
                }
                let detail = json!({"is_connected": true, "last_heartbeat": "2026-01-02T03:04:05Z", "last_ws_check": null});
                let data = instance.registered.then_some(detail);
                json!({"code": 0, "message": "ok", "data": data})
            }
        }
    }
}
