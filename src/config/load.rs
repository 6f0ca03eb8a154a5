//! Reading, overriding and checking settings.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use chrono::TimeDelta;
use serde::de::{self, Deserialize, Deserializer};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{Config, Diagnostic};
use crate::document::{Document, Key, Length, Node, Place, Value, duration};
use crate::source::{RawSource, Source};

/// What environment variables that are settings begin with.
const PREFIX: &str = "JARKEEPER_";
/// Sections and keys that variables are compared with, to notice one underscore where two were meant.
const SECTIONS: [&str; 11] = [
    "BROWSER",
    "LOGIN",
    "RENEWAL",
    "ARTEFACTS",
    "SEAL",
    "API",
    "SIGN_IN",
    "REGISTRY",
    "LLM",
    "MEMORY",
    "LOG",
];

/// What stands above `config.toml`: environment variables `JARKEEPER_SECTION__KEY`, and above them flags
/// `--set section.key=value`.
#[derive(Clone, Default)]
pub struct Overrides {
    variables: Vec<(String, String)>,
    flags: Vec<String>,
}

impl Overrides {
    /// From the process's environment (only `JARKEEPER_…` is kept) and the values of `--set`.
    pub fn new(
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut variables: Vec<_> = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        variables.sort();
        Self {
            variables,
            flags: flags.into_iter().collect(),
        }
    }

    /// In the order in which they are laid over each other.
    fn settings(&self) -> Result<Vec<Setting<'_>>, Diagnostic> {
        let mut settings = Vec::new();
        for (name, value) in &self.variables {
            let rest = &name[PREFIX.len()..];
            if let Some((section, key)) = rest.split_once("__") {
                settings.push(Setting {
                    path: [section.to_lowercase(), key.to_lowercase()],
                    value,
                    from: name.clone(),
                });
            } else if let Some((section, key)) = SECTIONS
                .iter()
                .find_map(|section| Some((section, rest.strip_prefix(section)?.strip_prefix('_')?)))
            {
                return Err(Diagnostic::of(
                    Path::new(name),
                    "this variable sets nothing",
                    format!(
                        "two underscores stand between section and key: {PREFIX}{section}__{key}"
                    ),
                ));
            }
        }
        for flag in &self.flags {
            let parts = flag.split_once('=').and_then(|(path, value)| {
                let (section, key) = path.split_once('.')?;
                Some(([section.to_owned(), key.to_owned()], value))
            });
            let Some((path, value)) = parts else {
                return Err(Diagnostic::of(
                    Path::new(&format!("--set {flag}")),
                    "this flag has not the shape SECTION.KEY=VALUE",
                    "for example: --set browser.sandbox=false",
                ));
            };
            // The value stays out of it: the address of a remote browser is as good as a password.
            let from = format!("--set {}.{}", path[0], path[1]);
            settings.push(Setting { path, value, from });
        }
        Ok(settings)
    }
}

/// One value that is laid over the file.
struct Setting<'a> {
    /// Section and key.
    path: [String; 2],
    value: &'a str,
    /// The variable or the flag, for messages.
    from: String,
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.variables.iter().map(|(name, _)| name).collect();
        write!(f, "Overrides({names:?}, {} flags)", self.flags.len())
    }
}

/// Reads `config.toml` below `root` (absent: the defaults) and lays the overrides over it.
///
/// # Errors
/// The first thing that is wrong, with its place: an unknown key, a wrong type, a value out of its range, or a file that
/// cannot be read.
pub fn load(root: &Path, overrides: &Overrides) -> Result<Config, Diagnostic> {
    let path = root.join("config.toml");
    let mut document = match Document::read(&path)? {
        Some(document) => document,
        None => Document::parse(&path, "")?,
    };
    // The file is checked alone first: an override must not hide a mistake until the day it is taken away.
    document.shape::<Config>().map_err(name_section)?;
    for setting in overrides.settings()? {
        let place = Place::Outside(setting.from.into());
        lay(&mut document.root, &setting.path, setting.value, &place);
    }
    document.shape().map_err(name_section)
}

/// Names the section of a key that stands outside it.
fn name_section(mut diagnostic: Diagnostic) -> Diagnostic {
    let key = diagnostic
        .message
        .strip_prefix("unknown key \"")
        .and_then(|rest| rest.strip_suffix('"'));
    if let Some(key) = key
        && diagnostic.help.starts_with("known keys: browser,")
    {
        let mut sections = SECTIONS.map(str::to_lowercase).into_iter();
        // A section that does not know the key says so; one that knows it complains of the value.
        let knows = |section: &String| {
            let text = format!("[{section}]\n{key:?} = {{}}");
            let document = Document::parse(&diagnostic.path, &text);
            document
                .and_then(|document| document.shape::<Config>())
                .is_err_and(|error| !error.message.starts_with("unknown key"))
        };
        if let Some(section) = sections.find(knows) {
            diagnostic.help = format!("it belongs in the section [{section}]");
        }
    }
    diagnostic
}

/// Puts a value at a path, in place of what is there.
fn lay(node: &mut Node, path: &[String], value: &str, place: &Place) {
    let Some((first, rest)) = path.split_first() else {
        *node = Node {
            place: place.clone(),
            value: Value::Loose(value.to_owned()),
        };
        return;
    };
    let Value::Table(entries) = &mut node.value else {
        return;
    };
    let index = match entries.iter().position(|(key, _)| key.name == *first) {
        Some(index) => index,
        None => {
            let key = Key {
                place: place.clone(),
                name: first.clone(),
            };
            let empty = Node {
                place: place.clone(),
                value: Value::Table(Vec::new()),
            };
            entries.push((key, empty));
            entries.len() - 1
        }
    };
    lay(&mut entries[index].1, rest, value, place);
}

fn length<'de, D: Deserializer<'de>>(
    deserializer: D,
    least: i64,
    most: i64,
) -> Result<TimeDelta, D::Error> {
    let Length(text) = Length::deserialize(deserializer)?;
    duration(&text, least, most).map_err(de::Error::custom)
}

fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    least: u64,
    most: u64,
) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(de::Error::custom(format!(
        "{number} is out of range; it may be {least} to {most}"
    )))
}

pub(super) fn idle<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeDelta, D::Error> {
    length(deserializer, 0, 24 * 60 * 60)
}

pub(super) fn login_timeout<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<TimeDelta, D::Error> {
    length(deserializer, 5, 15 * 60)
}

pub(super) fn probe_timeout<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<TimeDelta, D::Error> {
    length(deserializer, 1, 5 * 60)
}

pub(super) fn silence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeDelta, D::Error> {
    length(deserializer, 1, 60 * 60)
}

pub(super) fn contexts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    number(deserializer, 1, 32).map(|number| number as usize)
}

pub(super) fn memory_mib<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    number(deserializer, 128, 65_536)
}

pub(super) fn keep<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    number(deserializer, 0, 1000).map(|number| number as usize)
}

pub(super) fn key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Source>, D::Error> {
    let Some(raw) = Option::<RawSource>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match raw.check() {
        Ok(Source::Sealed(_)) => Err(de::Error::custom(
            "the key cannot be in the file that it opens; write { keyring = \"service\", user = \"name\" }, { file = \"path\" } or another source",
        )),
        Ok(source) => Ok(Some(source)),
        Err((message, help)) => Err(de::Error::custom(format!("{message}; {help}"))),
    }
}

pub(super) fn endpoint<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Url>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    // The address of a remote browser is as good as a password: it is not repeated.
    let url = Url::parse(&text)
        .map_err(|error| format!("this is not a URL ({error})"))
        .and_then(|url| match url.scheme() {
            "ws" | "wss" | "http" | "https" => Ok(url),
            other => Err(format!("\"{other}\" is not a scheme of a CDP endpoint")),
        });
    url.map(Some).map_err(|what| {
        de::Error::custom(format!(
            "{what}; write it like \"http://127.0.0.1:9222\" or \"ws://127.0.0.1:9222/devtools/browser/…\""
        ))
    })
}

pub(super) fn listen<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        de::Error::custom(
            "this is not an address and a port; write it like \"127.0.0.1:8376\" or \"[::1]:8376\", or \"none\" for the socket alone",
        )
    })
}

pub(super) fn public_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Url>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let url = Url::parse(&text).map_err(|error| format!("this is not a URL ({error})"));
    let checked = url.and_then(|url| {
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        match (
            url.scheme(),
            bare && url.username().is_empty() && url.password().is_none(),
        ) {
            ("https", true) => Ok(url),
            ("http", true) if local => Ok(url),
            ("http", true) => Err("off this machine it must be https".to_owned()),
            ("https" | "http", false) => {
                Err("only scheme, host and port may stand in it".to_owned())
            }
            (other, _) => Err(format!("\"{other}\" is not its scheme")),
        }
    });
    checked.map(Some).map_err(|what| {
        de::Error::custom(format!(
            "{what}; write it like \"https://sessions.example.org\""
        ))
    })
}

pub(super) fn filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(de::Error::custom(format!(
            "this is not a log filter ({error}); write it like \"info\" or \"warn,jarkeeper::login=debug\""
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml");

    fn with(text: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Config, Diagnostic> {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("config.toml"), text).unwrap();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        load(root.path(), &Overrides::new(variables, flags)).map_err(|mut diagnostic| {
            if let Ok(short) = diagnostic.path.strip_prefix(root.path()) {
                diagnostic.path = short.to_owned();
            }
            diagnostic
        })
    }

    fn said(text: &str) -> String {
        with(text, &[], &[]).unwrap_err().to_string()
    }

    /// The keys of a section, as its own error lists them.
    fn known(table: &str) -> Vec<String> {
        let help = with(&format!("{table}\nzzzzzzzz = 1"), &[], &[])
            .unwrap_err()
            .help;
        let list = help.strip_prefix("known keys: ").unwrap();
        list.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn no_file_means_the_defaults() {
        let root = tempfile::tempdir().unwrap();
        let config = load(root.path(), &Overrides::default()).unwrap();
        assert_eq!(config, Config::default());
    }

    #[test]
    fn the_shipped_file_is_the_defaults_and_explains_every_key() {
        let shipped = std::fs::read_to_string(SHIPPED).unwrap();
        assert_eq!(with(&shipped, &[], &[]).unwrap(), Config::default());
        assert_eq!(known("").join(" "), SECTIONS.join(" ").to_lowercase());
        for section in known("") {
            let (_, rest) = shipped
                .split_once(&format!("\n[{section}]\n"))
                .unwrap_or_else(|| panic!("no [{section}]"));
            let part = rest.split("\n[").next().unwrap();
            for key in known(&format!("[{section}]")) {
                let lines: Vec<&str> = part.lines().collect();
                let at = lines
                    .iter()
                    .position(|line| {
                        line.trim_start_matches("# ")
                            .starts_with(&format!("{key} = "))
                    })
                    .unwrap_or_else(|| panic!("{section}.{key} is not in config.toml"));
                let comment = lines[..at]
                    .rsplit(|line| line.is_empty())
                    .next()
                    .unwrap()
                    .join(" ");
                assert!(
                    comment.starts_with("# ") && comment.contains("efault"),
                    "{key}: {comment:?}"
                );
                // A value that stands as a comment must load too.
                let line = lines[at].trim_start_matches("# ");
                with(&format!("[{section}]\n{line}"), &[], &[]).unwrap();
            }
        }
    }

    #[test]
    fn flags_win_over_variables_and_these_over_the_file() {
        let config = with(
            "[browser]\ncontexts = 2\nmemory_mib = 512\nsandbox = true",
            &[
                ("JARKEEPER_BROWSER__CONTEXTS", "3"),
                ("JARKEEPER_BROWSER__SANDBOX", "false"),
                ("JARKEEPER_LOG__FORMAT", "json"),
                ("JARKEEPER_BROWSER__EXECUTABLE", ""),
                ("JARKEEPER_ROOT", "/elsewhere"),
                ("OTHER", "x"),
            ],
            &["browser.contexts=5", "login.timeout=2m"],
        )
        .unwrap();
        assert_eq!(
            (config.browser.contexts, config.browser.memory_mib),
            (5, 512)
        );
        assert!(!config.browser.sandbox);
        assert_eq!(config.browser.executable, None);
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(config.login.timeout, TimeDelta::minutes(2));
    }

    #[test]
    fn a_wrong_file_says_where_and_what_to_do() {
        let all = [
            "[browser]\nsandbx = false",
            "[browsers]",
            "sandbox = false",
            "[browser]\nsandbox = \"no\"",
            "[browser]\ncontexts = \"4\"",
            "[browser]\ncontexts = 64",
            "[browser]\ncontexts = -1",
            "[browser]\nidle = 60",
            "[browser]\nidle = \"60 parsecs\"",
            "[login]\ntimeout = \"1s\"",
            "[browser]\ncdp_url = \"ftp://x\"",
            "[log]\nformat = \"jsno\"",
            "[log]\nformat = 1",
            "[log]\nfilter = \"a=b=c\"",
            "[seal]\nkey = { sealed = \"key\" }",
            "[seal]\nkey = { file = \"~/key\" }",
            "[seal]\nkey = \"AGE-SECRET-KEY-1\"",
            "[sign_in]\nissuer = \"http://login.example.org\"",
            "[sign_in]\nallow = [\"*@example.org\"]",
            "[sign_in]\nclient_secret = \"GOCSPX\"",
            "browser = 3",
            "# ä\n[browser]\nä = 1",
            "[browser]\nsandbox = yes",
            "[browser]\nsandbox",
            "[browser]\nsandbox = true\nsandbox = false",
            "[log]\nfilter = \"info",
            "[browser\nsandbox = true",
            "[browser]\nmemory_mib = 99999999999999999999",
        ]
        .map(said);
        insta::assert_snapshot!(all.join("\n"), @r##"
        config.toml:2:1: unknown key "sandbx"; did you mean "sandbox"?
        config.toml:1:2: unknown key "browsers"; did you mean "browser"?
        config.toml:1:1: unknown key "sandbox"; it belongs in the section [browser]
        config.toml:2:11: "sandbox" must be true or false, not text; for example: sandbox = true
        config.toml:2:12: "contexts" must be a whole number, 0 or more, not text; write it without quotes
        config.toml:2:12: 64 is out of range; it may be 1 to 32
        config.toml:2:12: "contexts" must be a whole number, 0 or more, not -1
        config.toml:2:8: "idle" must be a length of time in double quotes, not a whole number; for example: idle = "90s"
        config.toml:2:8: "60 parsecs" is not a length of time; write it like "90s", "15m", "12h" or "7d"
        config.toml:2:11: "1s" is out of range; it may be 5s to 15m
        config.toml:2:11: "ftp" is not a scheme of a CDP endpoint; write it like "http://127.0.0.1:9222" or "ws://127.0.0.1:9222/devtools/browser/…"
        config.toml:2:10: "jsno" is not a value of this key; did you mean "json"?
        config.toml:2:10: "format" must be one of auto, human, json, not a whole number; for example: format = "auto"
        config.toml:2:10: this is not a log filter (error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5); write it like "info" or "warn,jarkeeper::login=debug"
        config.toml:2:7: the key cannot be in the file that it opens; write { keyring = "service", user = "name" }, { file = "path" } or another source
        config.toml:2:7: "~" is known to shells only; write the whole path, or one relative to the folder of config.toml
        config.toml:2:7: "key" must be a table, not text; for example: key = { … }
        config.toml:2:10: this is not the address of an OpenID provider; write it as the provider does, like "https://accounts.google.com"; http is for providers on this machine
        config.toml:2:9: "*@example.org" is no address and no domain; write "ada@example.org", or "@example.org" for everybody there
        config.toml:2:17: "client_secret" must be a table, not text; for example: client_secret = { … }
        config.toml:1:11: "browser" must be a table, not a whole number; for example: browser = { … }
        config.toml:3:1: this is not TOML: invalid unquoted key, expected letters, numbers, `-`, `_`; see https://toml.io/en/v1.0.0 for how TOML is written
        config.toml:2:11: this is not TOML: string values must be quoted, expected literal string; text stands in double quotes: sandbox = "…"
        config.toml:2:8: this is not TOML: key with no value, expected `=`; a line has the shape: key = value
        config.toml:3:1: this is not TOML: duplicate key; keep one of the two lines
        config.toml:2:15: this is not TOML: invalid basic string, expected `"`; text begins and ends with a double quote on the same line
        config.toml:1:9: this is not TOML: unclosed table, expected `]`; see https://toml.io/en/v1.0.0 for how TOML is written
        config.toml:2:14: this number is too large; write a smaller one, or put it in double quotes if it is text
        "##);
    }

    #[test]
    fn a_wrong_override_names_the_variable_or_the_flag() {
        let all = [
            with("", &[("JARKEEPER_BROWSER__SANDBX", "x")], &[]),
            with("", &[("JARKEEPER_BROWSER__SANDBOX", "no")], &[]),
            with("", &[("JARKEEPER_BROWSER_SANDBOX", "false")], &[]),
            with("", &[], &["browser.contexts=many"]),
            with("", &[], &["browser.contexts=0"]),
            with("", &[], &["browser=1"]),
            with("", &[], &["brwser.contexts=1"]),
            with("", &[], &["login.timeout=soon"]),
        ]
        .map(|result| result.unwrap_err().to_string());
        let hidden = "browser.cdp_url=ftp://h/hunter2";
        let error = with("", &[], &[hidden]).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        insta::assert_snapshot!(all.join("\n"), @r##"
        JARKEEPER_BROWSER__SANDBX: unknown key "sandbx"; did you mean "sandbox"?
        JARKEEPER_BROWSER__SANDBOX: "sandbox" must be true or false, not text; for example: sandbox = true
        JARKEEPER_BROWSER_SANDBOX: this variable sets nothing; two underscores stand between section and key: JARKEEPER_BROWSER__SANDBOX
        --set browser.contexts: "contexts" must be a whole number, 0 or more, not text; write it without quotes
        --set browser.contexts: 0 is out of range; it may be 1 to 32
        --set browser=1: this flag has not the shape SECTION.KEY=VALUE; for example: --set browser.sandbox=false
        --set brwser.contexts: unknown key "brwser"; did you mean "browser"?
        --set login.timeout: "soon" is not a length of time; write it like "90s", "15m", "12h" or "7d"
        "##);
    }

    #[test]
    fn a_mistake_of_the_file_shows_even_where_it_is_overridden() {
        let error = with("[browser]\ncontexts = 0", &[], &["browser.contexts=2"]).unwrap_err();
        assert_eq!((error.line, error.column), (Some(2), Some(12)));
    }
}
