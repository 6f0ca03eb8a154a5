//! One answer of a fixture.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderName, Response, StatusCode};
use futures::StreamExt;

/// An answer. In HTML and in `Location`, `%BASE%`, `%SECOND%`, `%ALIAS%` and `%FOREIGN%` stand for the fixture's origins.
pub(crate) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: String,
    after: Duration,
    endless: bool,
}

/// An HTML page with this title and this body.
pub(crate) fn page(title: &str, body: &str) -> Reply {
    html(&format!(
        "<!DOCTYPE html><html><head><meta charset=utf-8><title>{title}</title></head><body>{body}</body></html>"
    ))
}

/// An HTML document as it is.
pub(super) fn html(document: &str) -> Reply {
    Reply::of(200, "text/html; charset=utf-8", document)
}

/// A JSON answer.
pub(crate) fn json(status: u16, value: &serde_json::Value) -> Reply {
    Reply::of(status, "application/json", &value.to_string())
}

/// See-other to a path or URL.
pub(crate) fn to(location: &str) -> Reply {
    Reply::of(303, "text/plain", "").header("location", location)
}

/// An event stream that says something once and never ends.
pub(crate) fn events() -> Reply {
    let mut reply = Reply::of(200, "text/event-stream", "data: hello\n\n");
    reply.endless = true;
    reply
}

impl Reply {
    /// Any answer.
    pub(crate) fn of(status: u16, kind: &str, body: &str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers: vec![(CONTENT_TYPE, kind.to_owned())],
            body: body.to_owned(),
            after: Duration::ZERO,
            endless: false,
        }
    }

    /// The same with another status.
    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap();
        self
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.parse().unwrap(), value.to_owned()));
        self
    }

    /// The same with a cookie, written as in `Set-Cookie`.
    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header(SET_COOKIE.as_str(), cookie)
    }

    /// The same after some time.
    pub(crate) fn after(mut self, seconds: f32) -> Self {
        self.after = Duration::from_secs_f32(seconds);
        self
    }

    /// The same as an HTML document that leads nowhere by its status: its cookies stay.
    pub(crate) fn document(mut self, document: &str) -> Self {
        let other = html(document);
        self.headers.retain(|(name, _)| *name == SET_COOKIE);
        self.headers.extend(other.headers);
        (self.status, self.body) = (other.status, other.body);
        self
    }

    pub(super) async fn answer(self, origins: impl Fn(&str) -> String) -> Response<Body> {
        tokio::time::sleep(self.after).await;
        let body = match self.endless {
            true => {
                let first = futures::stream::iter([Ok::<_, std::io::Error>(self.body)]);
                Body::from_stream(first.chain(futures::stream::pending()))
            }
            false => Body::from(origins(&self.body)),
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = self.status;
        for (name, value) in self.headers {
            let value = if name == LOCATION {
                origins(&value)
            } else {
                value
            };
            answer.headers_mut().append(name, value.parse().unwrap());
        }
        answer
    }
}
