//! A state out of what other tools write.

use serde_json::Value;
use url::{Host, Url};

use super::error::Damage;
use super::formats::FormatError;
use super::state::{Cookie, Origin, SameSite, StorageState, whole_microseconds};

/// What marks a line of a cookies.txt as that of an HttpOnly cookie, and not as a comment.
const HTTP_ONLY: &str = "#HttpOnly_";

/// Reads a storage state, a cookies.txt, or a JSON array of cookies (Puppeteer, Selenium, Chromium's own protocol,
/// EditThisCookie and its like), finding out which it is.
///
/// The state is as the text has it: [`StorageState::sanitise`] has the last word when it is written.
///
/// # Errors
/// Name the line, or the number of the cookie, and repeat no value.
pub fn import(text: &str) -> Result<StorageState, FormatError> {
    let text = text.trim_start_matches('\u{feff}');
    let state = match text.trim_start().chars().next() {
        Some('{' | '[') => from_json(text)?,
        _ => StorageState {
            cookies: from_netscape(text)?,
            ..StorageState::default()
        },
    };
    if state.cookies.is_empty() && state.origins.is_empty() && state.http().is_empty() {
        return Err(FormatError::Empty);
    }
    Ok(state)
}

fn from_json(text: &str) -> Result<StorageState, FormatError> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| FormatError::Json(Damage::from(error)))?;
    let (cookies, origins, jarkeeper) = match value {
        Value::Array(cookies) => (cookies, Vec::new(), None),
        Value::Object(mut map) => {
            if !map.contains_key("cookies") && !map.contains_key("origins") {
                return Err(FormatError::Shape);
            }
            let mut take = |name| match map.remove(name) {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(Value::Array(entries)) => Ok(entries),
                Some(_) => Err(FormatError::Shape),
            };
            let (cookies, origins) = (take("cookies")?, take("origins")?);
            let ours = map.remove("jarkeeper");
            (
                cookies,
                origins,
                ours.and_then(|ours| serde_json::from_value(ours).ok()),
            )
        }
        _ => return Err(FormatError::Shape),
    };
    Ok(StorageState {
        cookies: entries("cookie", &cookies, cookie)?,
        origins: entries("origin", &origins, |value| {
            serde_json::from_value::<Origin>(value.clone()).map_err(|_| {
                "has no \"origin\", or storage of another shape than Playwright's".to_owned()
            })
        })?,
        jarkeeper,
    })
}

fn entries<T>(
    what: &'static str,
    values: &[Value],
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, FormatError> {
    let number = |(i, value)| {
        read(value).map_err(|why| FormatError::Entry {
            what,
            number: i + 1,
            why,
        })
    };
    values.iter().enumerate().map(number).collect()
}

/// One cookie, by whichever of the names that its fields have elsewhere.
fn cookie(value: &Value) -> Result<Cookie, String> {
    let text = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("has a \"{name}\" that is no text")),
    };
    let flag = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(format!("has a \"{name}\" that is neither true nor false")),
    };
    if !value.is_object() {
        return Err("is no object".to_owned());
    }
    let of_url = match text("url")? {
        Some(url) => Url::parse(&url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned)),
        None => None,
    };
    let domain = text("domain")?.or(text("host")?).or(of_url);
    let mut cookie = Cookie {
        name: text("name")?.ok_or("has no \"name\"")?,
        value: text("value")?.ok_or("has no \"value\"")?,
        domain: domain.ok_or("has no \"domain\"")?,
        path: text("path")?.unwrap_or_else(|| "/".to_owned()),
        expires: -1.0,
        http_only: flag("httpOnly")?.unwrap_or(false),
        secure: flag("secure")?.unwrap_or(false),
        same_site: same_site(text("sameSite")?.as_deref())?,
        partition_key: None,
        has_cross_site_ancestor: flag("_crHasCrossSiteAncestor")?,
    };
    for name in ["expires", "expirationDate", "expiry"] {
        match value.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Number(end)) => {
                cookie.expires = whole_microseconds(end.as_f64().unwrap_or(-1.0));
                break;
            }
            Some(_) => return Err(format!("has an \"{name}\" that is no number of seconds")),
        }
    }
    if flag("session")? == Some(true) {
        cookie.expires = -1.0;
    }
    if let Some(host_only) = flag("hostOnly")? {
        set_host_only(&mut cookie, host_only);
    }
    match value.get("partitionKey") {
        None | Some(Value::Null) => {}
        Some(Value::String(site)) => cookie.partition_key = Some(site.clone()),
        // Chromium's protocol, extensions, Puppeteer: an object, each with another name.
        Some(Value::Object(key)) => {
            let site = key.get("topLevelSite").or(key.get("sourceOrigin"));
            cookie.partition_key = site.and_then(Value::as_str).map(str::to_owned);
            let between = key.get("hasCrossSiteAncestor").and_then(Value::as_bool);
            cookie.has_cross_site_ancestor = between.or(Some(false));
        }
        Some(_) => return Err("has a \"partitionKey\" that is no site".to_owned()),
    }
    Ok(cookie)
}

fn same_site(word: Option<&str>) -> Result<SameSite, String> {
    match word.map(str::to_ascii_lowercase).as_deref() {
        Some("strict") => Ok(SameSite::Strict),
        Some("none" | "no_restriction") => Ok(SameSite::None),
        None | Some("" | "lax" | "unspecified") => Ok(SameSite::Lax),
        Some(_) => Err("has a \"sameSite\" that is neither Strict, Lax nor None".to_owned()),
    }
}

fn set_host_only(cookie: &mut Cookie, host_only: bool) {
    let bare = cookie.host().to_owned();
    let named = matches!(Host::parse(&bare), Ok(Host::Domain(_)));
    cookie.domain = if host_only || !named {
        bare
    } else {
        format!(".{bare}")
    };
}

/// Source: curl's documentation of the file format.
fn from_netscape(text: &str) -> Result<Vec<Cookie>, FormatError> {
    let mut cookies = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let refuse = |why| Err(FormatError::Line { line: i + 1, why });
        let (http_only, line) = match line.strip_prefix(HTTP_ONLY) {
            Some(rest) => (true, rest),
            None if line.starts_with('#') || line.trim().is_empty() => continue,
            None => (false, line),
        };
        let columns: Vec<_> = line.split('\t').collect();
        let (domain, subdomains, path, secure, end, name, value) = match columns[..] {
            [domain, subdomains, path, secure, end, name, value] => {
                (domain, subdomains, path, secure, end, name, value)
            }
            // Editors that trim line ends take the tab before an empty value.
            [domain, subdomains, path, secure, end, name] => {
                (domain, subdomains, path, secure, end, name, "")
            }
            // A text without any tab is not a damaged cookies.txt, it is something else.
            [_] if cookies.is_empty() => return Err(FormatError::Shape),
            _ => {
                return refuse(
                    "has not the seven columns of a cookies.txt, with tabs between them",
                );
            }
        };
        let flag = |word: &str| match word.to_ascii_uppercase().as_str() {
            "TRUE" => Some(true),
            "FALSE" => Some(false),
            _ => None,
        };
        let (Some(subdomains), Some(secure)) = (flag(subdomains), flag(secure)) else {
            return refuse("has another word than TRUE or FALSE in its second or fourth column");
        };
        let end: f64 = match end {
            "" => 0.0,
            end => match end.parse() {
                Ok(end) => end,
                Err(_) => return refuse("has an end (fifth column) that is no number of seconds"),
            },
        };
        let mut cookie = Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: match domain.parse::<std::net::Ipv6Addr>() {
                Ok(address) => format!("[{address}]"),
                Err(_) => domain.to_owned(),
            },
            path: path.to_owned(),
            expires: if end > 0.0 { end } else { -1.0 },
            http_only,
            secure,
            same_site: SameSite::Lax,
            partition_key: None,
            has_cross_site_ancestor: None,
        };
        set_host_only(&mut cookie, !subdomains);
        cookies.push(cookie);
    }
    Ok(cookies)
}
