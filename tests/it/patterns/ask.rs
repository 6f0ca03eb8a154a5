//! One request as a fixture sees it.

use std::collections::HashMap;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST};

/// A request, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// `GET`, `POST` …
    pub(crate) method: String,
    /// The host and port that it was sent to.
    pub(crate) host: String,
    /// The path without the query.
    pub(crate) path: String,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body as text.
    pub(crate) body: String,
    query: String,
    fields: HashMap<String, String>,
}

impl Ask {
    pub(super) async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20)
            .await
            .unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        let header = |name| {
            let value = parts.headers.get(name);
            value
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let mut fields: HashMap<_, _> = pairs(&query).collect();
        match header(CONTENT_TYPE).contains("json") {
            true => fields.extend(json_fields(&body)),
            false => fields.extend(pairs(&body)),
        }
        Self {
            method: parts.method.to_string(),
            host: header(HOST),
            path: parts.uri.path().to_owned(),
            headers: parts.headers,
            body,
            query,
            fields,
        }
    }

    /// Method and path, to be matched on: `POST /login`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// A field of the form, of the JSON object or of the query; empty where there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// A header's value; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    }

    /// A cookie's value; empty where there is none.
    pub(crate) fn cookie(&self, name: &str) -> &str {
        let all = self.headers.get_all(COOKIE).iter();
        let mut pairs = all
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split("; "))
            .filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(have, _)| *have == name)
            .map_or("", |(_, value)| value)
    }

    /// Everything that was sent, to look for a secret in it.
    pub(super) fn whole(&self) -> String {
        format!(
            "{}?{} {:?} {}",
            self.line(),
            self.query,
            self.headers,
            self.body
        )
    }
}

fn pairs(encoded: &str) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(encoded.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned()))
}

fn json_fields(body: &str) -> Vec<(String, String)> {
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let fields = value.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| {
            let text = value.as_str().map(str::to_owned);
            (name.clone(), text.unwrap_or_else(|| value.to_string()))
        })
        .collect()
}
