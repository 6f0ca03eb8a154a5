//! An instance as existing clients are ones: a WebSocket with an id and a password.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::raw::port;
use super::{Api, answer, with};

/// Longest wait for one message.
const PATIENCE: Duration = Duration::from_secs(20);

/// The id and the password of something that was registered just now, by its person.
pub(crate) async fn registered(api: &Api, name: &str) -> (String, String, String) {
    let load = json!({ "name": name, "tags": { "model_name": "m" } });
    let (status, load) = answer(with(api.own(Method::POST, "/v1/loads"), &load)).await;
    assert_eq!(status, 201, "{load}");
    let load = load["id"].as_str().unwrap().to_owned();
    let body = json!({ "load": load });
    let (status, made) = answer(with(api.own(Method::POST, "/v1/registrations"), &body)).await;
    assert_eq!(status, 201, "{made}");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("instance_id"), text("instance_password"), load)
}

/// A socket of an instance.
pub(crate) struct Instance {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

/// The path at which an instance connects.
pub(crate) fn path(id: &str, password: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("password", password);
    format!("/api/ws/{id}?{}", query.finish())
}

impl Instance {
    /// Connects, or the refusal with its status and body.
    pub(crate) async fn try_connect(
        api: &Api,
        id: &str,
        password: &str,
    ) -> Result<Self, (u16, Value)> {
        Self::at(api, &path(id, password)).await
    }

    /// The same, at a path.
    pub(crate) async fn at(api: &Api, path: &str) -> Result<Self, (u16, Value)> {
        let stream = TcpStream::connect(("127.0.0.1", port(api))).await.unwrap();
        let address = format!("ws://127.0.0.1:{}{path}", port(api));
        match client_async(address, stream).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(Error::Http(refused)) => {
                let body = refused.body().clone().unwrap_or_default();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                Err((refused.status().as_u16(), body))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects.
    pub(crate) async fn connect(api: &Api, id: &str, password: &str) -> Self {
        let connected = Self::try_connect(api, id, password).await;
        connected.unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    /// Sends a text.
    pub(crate) async fn say(&mut self, text: impl Into<String>) {
        let sent = self.socket.send(Message::text(text.into())).await;
        sent.unwrap();
    }

    /// Sends part of an answer.
    pub(crate) async fn reply(&mut self, id: &Value, rest: Value) {
        let mut all = json!({ "type": "chat_response", "request_id": id });
        let rest = rest.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(rest);
        self.say(all.to_string()).await;
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        next.expect("nothing came").and_then(Result::ok)
    }

    /// The next message that is JSON.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.next().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no message: {other:?}"),
            }
        }
    }

    /// Waits for the end: the code of the close, where one came.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Some(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Some(_) => {}
                None => return None,
            }
        }
    }
}
