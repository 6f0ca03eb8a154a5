//! HashiCorp Vault's KV engine, version 1 and 2, by its HTTP API.
//!
//! Source: the API's documentation of KV and of `VAULT_ADDR`, `VAULT_TOKEN`, `VAULT_NAMESPACE`; OpenBao speaks the same.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{Env, LONGEST, text};

/// Longest time for the whole answer.
const ANSWER: Duration = Duration::from_secs(15);
/// Longest answer, in bytes: a secret of the longest size with what stands around it.
const MOST: usize = LONGEST as usize * 4;

/// The value of a field.
pub(super) async fn read(path: &str, field: &str, env: &Env<'_>) -> Result<SecretString, String> {
    let address = address(env)?;
    let at = address.origin().ascii_serialization();
    let mut url = address.clone();
    match url.path_segments_mut() {
        Ok(mut segments) => {
            segments.pop_if_empty().push("v1").extend(path.split('/'));
        }
        Err(()) => {
            return Err("cannot be asked for: VAULT_ADDR is no address of a server".to_owned());
        }
    }
    let token = token(env)?;
    let mut client = reqwest::Client::builder()
        // A token goes to the server that was named, and to no other.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(ANSWER);
    if address.scheme() == "http" {
        client = client.no_proxy();
    }
    let headers = headers(&token, env)?;
    let asked = async {
        let mut answer = client.build()?.get(url).headers(headers).send().await?;
        let mut body = Zeroizing::new(Vec::with_capacity(MOST));
        while let Some(part) = answer.chunk().await? {
            if body.len() + part.len() > MOST {
                break;
            }
            body.extend_from_slice(&part);
        }
        Ok::<_, reqwest::Error>((answer.status(), body))
    };
    let (status, body) = asked.await.map_err(|error| {
        let why = if error.is_timeout() {
            format!("it did not answer within {} s", ANSWER.as_secs())
        } else {
            cause(&error)
        };
        format!("cannot be read: Vault at {at} is not reached ({why}); see VAULT_ADDR, and that the server runs")
    })?;
    if status.is_success() {
        return pick(&body, field);
    }
    Err(refused(status, &body, &at, path))
}

/// What a status that is no success means, and the way out.
fn refused(status: StatusCode, body: &[u8], at: &str, path: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Vec<String>,
    }
    let errors = serde_json::from_slice::<Errors>(body).map_or_else(|_| Vec::new(), |it| it.errors);
    let says = |word: &str| {
        errors
            .iter()
            .any(|error| error.to_lowercase().contains(word))
    };
    match status.as_u16() {
        301..=308 => format!(
            "cannot be read: Vault at {at} sends elsewhere, and a token goes to no other server; write the address of the active one into VAULT_ADDR"
        ),
        503 if says("sealed") || errors.is_empty() => {
            format!("cannot be read: Vault at {at} is sealed; unseal it (`vault operator unseal`)")
        }
        403 => format!(
            "cannot be read: Vault at {at} refuses the token (403); renew it with `vault login`, or give its policy the capability read on \"{path}\""
        ),
        404 => {
            let hint = match path.split_once('/') {
                Some((mount, rest)) if !rest.starts_with("data/") => {
                    format!(" (with KV 2 its path is \"{mount}/data/{rest}\")")
                }
                _ => String::new(),
            };
            format!("does not exist at {at}{hint}, or was deleted; see `vault kv get`")
        }
        other => format!("cannot be read: Vault at {at} answered {other}; see its log"),
    }
}

/// The field's value in what KV answers: KV 2 puts the secret's data, beside its metadata, one level lower.
fn pick(body: &[u8], field: &str) -> Result<SecretString, String> {
    type Fields<'a> = HashMap<Cow<'a, str>, &'a RawValue>;
    #[derive(serde::Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        data: Fields<'a>,
    }
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| {
        "gives something that is no answer of Vault's KV; see VAULT_ADDR".to_owned()
    })?;
    let lower = answer
        .data
        .get("data")
        .filter(|_| answer.data.contains_key("metadata"))
        .map(|raw| serde_json::from_str::<Option<Fields<'_>>>(raw.get()));
    let fields = match lower {
        Some(Ok(Some(fields))) => fields,
        Some(Ok(None)) => {
            return Err("was deleted; `vault kv undelete`, or write it again".to_owned());
        }
        Some(Err(_)) | None => answer.data,
    };
    let Some(raw) = fields.get(field) else {
        return Err(format!("has no field \"{field}\"; see `vault kv get`"));
    };
    match serde_json::from_str::<String>(raw.get()).map(Zeroizing::new) {
        Ok(value) => text(value.as_bytes()),
        // A number is written into KV by those who forget the quotes.
        Err(_) if raw.get().starts_with(|c: char| c.is_ascii_digit()) => text(raw.get().as_bytes()),
        Err(_) => Err(format!("has no text in its field \"{field}\"")),
    }
}

fn address(env: &Env<'_>) -> Result<Url, String> {
    let Some(text) = env("VAULT_ADDR").filter(|it| !it.is_empty()) else {
        return Err("cannot be asked for: VAULT_ADDR is not set; set it where jarkeeper is started, for example to https://vault.example.org:8200".to_owned());
    };
    let url = Url::parse(&text)
        .map_err(|error| format!("cannot be asked for: VAULT_ADDR is no URL ({error})"))?;
    let near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if near => Ok(url),
        _ => Err("cannot be asked for: VAULT_ADDR must be an https:// address (http:// only on this machine), or everyone on the way could read the secret".to_owned()),
    }
}

fn token(env: &Env<'_>) -> Result<SecretString, String> {
    if let Some(token) = env("VAULT_TOKEN").filter(|it| !it.is_empty()) {
        return Ok(token.into());
    }
    let home = env("HOME").map(PathBuf::from).unwrap_or_default();
    let path = home.join(".vault-token");
    match path.is_file() {
        true => super::file::read(&path).map_err(|why| {
            format!("cannot be asked for: the token's file {} {why}", path.display())
        }),
        false => Err(
            "cannot be asked for: there is no token; set VAULT_TOKEN where jarkeeper is started, or `vault login` as its user (~/.vault-token)".to_owned(),
        ),
    }
}

fn headers(token: &SecretString, env: &Env<'_>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut value = HeaderValue::from_str(token.expose_secret().trim()).map_err(|_| {
        "cannot be asked for: the token holds characters that no token has; see VAULT_TOKEN"
            .to_owned()
    })?;
    value.set_sensitive(true);
    headers.insert("x-vault-token", value);
    headers.insert("x-vault-request", HeaderValue::from_static("true"));
    if let Some(namespace) = env("VAULT_NAMESPACE").filter(|it| !it.is_empty()) {
        let value = HeaderValue::from_str(&namespace)
            .map_err(|_| "cannot be asked for: VAULT_NAMESPACE is no namespace".to_owned())?;
        headers.insert("x-vault-namespace", value);
    }
    Ok(headers)
}

/// The last cause of an error: the first names only the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

#[cfg(test)]
mod tests;
