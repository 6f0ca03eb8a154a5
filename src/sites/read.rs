//! From one file to one checked [`Recipe`].

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta};
use croner::parser::{CronParser, Seconds};
use sha2::{Digest, Sha256};
use url::Url;

use super::recipe::{Account, By, Locator, Probe, Proof, Recipe, Renewal, Source, Step, Text};
use super::shape::{
    RawLocator, RawPlace, RawProbe, RawProof, RawRecipe, RawRenewal, RawSource, RawStep,
};
use crate::config::Diagnostic;
use crate::document::{At, Document, Node, TextOr, Value, duration};
use crate::ids::{AccountName, Combination, SiteName};

/// Longest length of time in a recipe, in seconds: the 400 days after which browsers end every cookie.
const LONGEST: i64 = 400 * 24 * 60 * 60;

type Checked<T> = Result<T, Diagnostic>;
type Span = Range<usize>;

/// A recipe, and what else a reader of several needs to know about it.
pub(super) struct Read {
    pub(super) recipe: Recipe,
    pub(super) warnings: Vec<Diagnostic>,
    /// Where each other site is named in `combine`.
    pub(super) names: Vec<(SiteName, Diagnostic)>,
}

/// What `document` says about `site`. `env` gives the values of `${NAME}`.
pub(super) fn read(
    site: &SiteName,
    document: &Document,
    env: &dyn Fn(&str) -> Option<String>,
) -> Checked<Read> {
    let raw: RawRecipe = document.shape().map_err(explain_missing)?;
    let mut reader = Reader {
        document,
        env,
        resolved: Vec::new(),
        warnings: Vec::new(),
    };
    let url = reader.url(&raw.url, None)?;
    let accounts = reader.accounts(&raw)?;
    let steps = raw
        .steps
        .into_iter()
        .enumerate()
        .map(|(index, step)| reader.step(index + 1, step, &url))
        .collect::<Checked<Vec<_>>>()?;
    if let Some(step) = steps.iter().position(|step| matches!(step, Step::Code(_)))
        && let Some(account) = accounts.iter().find(|account| account.totp.is_none())
    {
        let whose = match &account.name {
            None => "the account has".to_owned(),
            Some(name) => format!("the account \"{name}\" has"),
        };
        reader.warnings.push(document.at(
            &raw.url.span,
            format!(
                "step {} enters a one-time code, but {whose} no source of codes",
                step + 1
            ),
            "add one, for example: totp = { env = \"WIKI_TOTP\" }",
        ));
    }
    let proof = raw.proof.map(At::items).unwrap_or_default();
    let proof = proof
        .into_iter()
        .map(|proof| reader.proof(proof))
        .collect::<Checked<_>>()?;
    let probe = raw
        .probe
        .map(|probe| reader.probe(probe, &url))
        .transpose()?;
    let mut allowed_origins = Vec::new();
    for origin in &raw.allowed_origins {
        allowed_origins.push(reader.origin(origin)?);
    }
    let mut cookies = Vec::new();
    for cookie in raw.cookies {
        reader.not_empty(&cookie, "the name of a cookie")?;
        cookies.push(cookie.value);
    }
    let (combine, names) = reader.combine(site, &raw.combine)?;
    let renewal = reader.renewal(raw.renewal)?;
    let timeout = raw
        .timeout
        .map(|timeout| reader.length(&timeout, 5, 15 * 60))
        .transpose()?;
    let Reader {
        resolved, warnings, ..
    } = reader;
    let recipe = Recipe {
        site: site.clone(),
        url,
        accounts,
        steps,
        proof,
        probe,
        cookies,
        renewal,
        allowed_origins,
        combine,
        own_sessions: raw.own_sessions,
        indexed_db: raw.indexed_db,
        ignore_https_errors: raw.ignore_https_errors,
        timeout,
        fingerprint: fingerprint(&document.root, &resolved),
    };
    Ok(Read {
        recipe,
        warnings,
        names,
    })
}

/// Adds the line that is wanted where a key is missing.
fn explain_missing(mut diagnostic: Diagnostic) -> Diagnostic {
    let add = match diagnostic.message.as_str() {
        "the key \"url\" is missing" => "url = \"https://example.org/login\"",
        "the key \"password\" is missing" => "password = { env = \"WIKI_PASSWORD\" }",
        "the key \"name\" is missing" => "name = \"bob\"",
        _ => return diagnostic,
    };
    diagnostic.help = format!("add it, for example: {add}");
    diagnostic
}

/// A hash of what the file means: of every key and value in a fixed order, and of what `${…}` stood for. A password that
/// stands in the file is left out; it is noticed as a changed secret.
fn fingerprint(root: &Node, resolved: &[String]) -> String {
    let mut hash = Sha256::new();
    absorb(&mut hash, root, false);
    for text in resolved {
        hash.update(b"$");
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn absorb(hash: &mut Sha256, node: &Node, secret: bool) {
    // Each text ends with a byte that TOML cannot hold, so that no two trees give the same bytes.
    let mut text = |kind: &str, text: &str| {
        hash.update(kind.as_bytes());
        hash.update(text.as_bytes());
        hash.update([0]);
    };
    match &node.value {
        Value::Bool(it) => text("b", &it.to_string()),
        Value::Integer(it) => text("i", &it.to_string()),
        Value::Float(it) => text("f", &it.to_string()),
        Value::Date(it) => text("d", it),
        Value::Text(_) if secret => text("s", "[literal]"),
        Value::Text(it) => text("t", it),
        Value::Loose(it) => text("t", it),
        Value::List(items) => {
            text("[", "");
            items.iter().for_each(|item| absorb(hash, item, false));
            hash.update(b"]");
        }
        Value::Table(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|a, b| a.0.name.cmp(&b.0.name));
            text("{", "");
            for (key, value) in entries {
                hash.update(key.name.as_bytes());
                hash.update([0]);
                absorb(
                    hash,
                    value,
                    matches!(key.name.as_str(), "password" | "totp"),
                );
            }
            hash.update(b"}");
        }
    }
}

struct Reader<'a> {
    document: &'a Document,
    env: &'a dyn Fn(&str) -> Option<String>,
    /// Texts in which `${…}` was replaced.
    resolved: Vec<String>,
    warnings: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn refuse<T>(
        &self,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Checked<T> {
        Err(self.document.at(span, message, help))
    }

    fn not_empty(&self, text: &At<String>, what: &str) -> Checked<()> {
        match text.value.trim().is_empty() {
            true => self.refuse(
                &text.span,
                format!("{what} is empty"),
                "write one, or remove the key",
            ),
            false => Ok(()),
        }
    }

    /// The text with `${NAME}` and `${NAME:-default}` replaced, as a shell does.
    fn interpolate(&mut self, text: &At<String>) -> Checked<String> {
        let mut out = String::new();
        let mut rest = text.value.as_str();
        while let Some(start) = rest.find("${") {
            out.push_str(&rest[..start]);
            let Some(end) = rest[start..].find('}').map(|end| start + end) else {
                let span = self.document.find(&text.span, "${");
                return self.refuse(
                    &span,
                    "\"${\" without its \"}\"",
                    "write ${NAME} or ${NAME:-default}",
                );
            };
            let written = &rest[start..=end];
            let inside = &rest[start + 2..end];
            let (name, default) = match inside.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inside, None),
            };
            let span = self.document.find(&text.span, written);
            let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty()
                || !name.chars().all(letter)
                || name.starts_with(|c: char| c.is_ascii_digit())
            {
                let message = format!("\"{written}\" does not name an environment variable");
                return self.refuse(&span, message, "write ${NAME} or ${NAME:-default}");
            }
            match ((self.env)(name).filter(|value| !value.is_empty()), default) {
                (Some(value), _) => out.push_str(&value),
                (None, Some(default)) => out.push_str(default),
                (None, None) => {
                    return self.refuse(
                        &span,
                        format!("the environment variable {name} is not set"),
                        format!("set it for jarkeeper, or give a default: ${{{name}:-value}}"),
                    );
                }
            }
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        if out != text.value {
            self.resolved.push(out.clone());
        }
        Ok(out)
    }

    /// An `http` or `https` URL, relative to `base` where there is one.
    fn url(&mut self, text: &At<String>, base: Option<&Url>) -> Checked<Url> {
        let full = self.interpolate(text)?;
        let example = match base {
            Some(_) => "write a path such as \"/account\", or a whole URL",
            None => "write it whole, for example \"https://example.org/login\"",
        };
        let parsed = match base {
            Some(base) => base.join(&full),
            None => Url::parse(&full),
        };
        let url = match parsed {
            Ok(url) if !full.trim().is_empty() => url,
            Ok(_) => return self.refuse(&text.span, "this URL is empty", example),
            Err(error) => {
                let message = format!("this is not a URL: {error}");
                return self.refuse(&text.span, message, example);
            }
        };
        if !matches!(url.scheme(), "http" | "https") {
            // "localhost:8080/x" reads as a URL of the scheme "localhost".
            let message = format!(
                "a URL must begin with http:// or https://, not with \"{}:\"",
                url.scheme()
            );
            return self.refuse(&text.span, message, example);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return self.refuse(
                &text.span,
                "a URL must not hold a username or a password",
                "write them as username = … and password = …",
            );
        }
        Ok(url)
    }

    fn origin(&mut self, text: &At<String>) -> Checked<String> {
        let url = self.url(text, None)?;
        if url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || url.as_str().contains('*')
        {
            let origin = url.origin().ascii_serialization();
            return self.refuse(
                &text.span,
                "an origin is a scheme, a host and a port, and nothing else",
                format!("write \"{origin}\""),
            );
        }
        Ok(url.origin().ascii_serialization())
    }

    fn length(&self, text: &At<String>, least: i64, most: i64) -> Checked<TimeDelta> {
        duration(&text.value, least, most).or_else(|said| {
            let (message, help) = said.split_once("; ").unwrap_or((&said, ""));
            self.refuse(&text.span, message, help)
        })
    }

    fn accounts(&mut self, raw: &RawRecipe) -> Checked<Vec<Account>> {
        let mut accounts = vec![Account {
            name: None,
            username: self.username(raw.username.as_ref())?,
            password: self.secret(&raw.password, "password")?,
            totp: raw
                .totp
                .as_ref()
                .map(|totp| self.secret(totp, "totp"))
                .transpose()?,
        }];
        let mut names = BTreeSet::new();
        for account in &raw.accounts {
            let name: AccountName = match account.name.value.parse() {
                Ok(name) => name,
                Err(error) => {
                    let example =
                        "write a short name such as \"bob\"; it becomes part of a file's name";
                    return self.refuse(&account.name.span, format!("{error}"), example);
                }
            };
            if !names.insert(name.clone()) {
                let message = format!("there are two accounts named \"{name}\"");
                return self.refuse(&account.name.span, message, "give each its own name");
            }
            accounts.push(Account {
                name: Some(name),
                username: self.username(account.username.as_ref())?,
                password: self.secret(&account.password, "password")?,
                totp: account
                    .totp
                    .as_ref()
                    .map(|totp| self.secret(totp, "totp"))
                    .transpose()?,
            });
        }
        Ok(accounts)
    }

    fn username(&self, raw: Option<&At<TextOr<RawSource>>>) -> Checked<Source> {
        match raw {
            None => Ok(Source::Literal("".into())),
            Some(raw) => self.source(raw),
        }
    }

    fn secret(&mut self, raw: &At<TextOr<RawSource>>, key: &str) -> Checked<Source> {
        let source = self.source(raw)?;
        if let Source::Literal(text) = &source {
            if text.is_empty() {
                let example = format!(
                    "say where it comes from: {key} = {{ env = \"WIKI_{}\" }}",
                    key.to_uppercase()
                );
                return self.refuse(&raw.span, format!("\"{key}\" is empty"), example);
            }
            let upper = key.to_uppercase();
            self.warnings.push(self.document.at(
                &raw.span,
                format!("\"{key}\" stands in the recipe itself, for everyone who reads the file"),
                format!("keep it elsewhere: {key} = {{ env = \"WIKI_{upper}\" }}, {{ file = … }}, {{ command = […] }} or {{ keyring = … }}"),
            ));
        }
        Ok(source)
    }

    fn source(&self, raw: &At<TextOr<RawSource>>) -> Checked<Source> {
        let span = &raw.span;
        let table = match &raw.value {
            TextOr::Text(text) => return Ok(Source::Literal(text.as_str().into())),
            TextOr::Table(table) => table,
        };
        const WAYS: &str = "write one of { env = \"NAME\" }, { file = \"path\" }, { command = [\"program\", \"argument\"] }, { keyring = \"service\", user = \"name\" }";
        let given = [
            table.env.is_some(),
            table.file.is_some(),
            table.command.is_some(),
            table.keyring.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            let message = match given.contains(&true) {
                true => "a secret has one source, here are several",
                false => "this says of no source where to look",
            };
            return self.refuse(span, message, WAYS);
        }
        if table.user.is_some() != table.keyring.is_some() {
            let help = "write { keyring = \"service\", user = \"name\" }";
            return self.refuse(
                span,
                "\"keyring\" and \"user\" go together, and with nothing else",
                help,
            );
        }
        let nul = |text: &String| text.contains('\0');
        if let Some(name) = &table.env {
            if name.is_empty() || name.contains('=') || nul(name) {
                let help = "write its name alone, without $ and =";
                return self.refuse(span, "\"env\" does not name an environment variable", help);
            }
            if let Some(bare) = name.strip_prefix('$') {
                let help = format!("write {{ env = \"{}\" }}", bare.trim_matches(['{', '}']));
                return self.refuse(span, "\"env\" is the name of a variable, without $", help);
            }
            return Ok(Source::Env(name.clone()));
        }
        if let Some(path) = &table.file {
            if path.is_empty() || nul(path) {
                return self.refuse(
                    span,
                    "\"file\" does not name a file",
                    "write { file = \"secrets/wiki\" }",
                );
            }
            if path.starts_with('~') {
                let help = "write the whole path, or one relative to the folder of config.toml";
                return self.refuse(span, "\"~\" is known to shells only", help);
            }
            return Ok(Source::File(PathBuf::from(path)));
        }
        if let Some(argv) = &table.command {
            if argv.first().is_none_or(String::is_empty) || argv.iter().any(nul) {
                let help = "write the program and its arguments: { command = [\"pass\", \"show\", \"wiki\"] }";
                return self.refuse(span, "\"command\" names no program", help);
            }
            return Ok(Source::Command(argv.clone()));
        }
        let (service, user) = (table.keyring.clone(), table.user.clone());
        let (service, user) = (service.unwrap_or_default(), user.unwrap_or_default());
        if service.is_empty() || user.is_empty() {
            let help = "write { keyring = \"service\", user = \"name\" }";
            return self.refuse(span, "\"keyring\" and \"user\" must not be empty", help);
        }
        Ok(Source::Keyring { service, user })
    }

    fn locator(&self, raw: &RawPlace) -> Checked<Locator> {
        let span = &raw.span;
        const WAYS: &str = "write a CSS selector, or { role = \"button\", name = \"Sign in\" }, { label = … }, { placeholder = … }, { text = … }, { testid = … } or { css = … }";
        let css = |css: &str| Locator {
            by: By::Css(css.to_owned()),
            exact: false,
            nth: None,
        };
        let table = match &raw.value {
            TextOr::Text(text) => {
                // What Playwright's string selectors know and CSS does not.
                let engine = text.split_once('=').filter(|(engine, _)| {
                    matches!(
                        *engine,
                        "text"
                            | "role"
                            | "label"
                            | "placeholder"
                            | "testid"
                            | "css"
                            | "xpath"
                            | "id"
                    )
                });
                return match engine {
                    _ if text.trim().is_empty() => {
                        self.refuse(span, "this selector is empty", WAYS)
                    }
                    Some((engine @ ("xpath" | "id"), _)) => {
                        self.refuse(span, format!("\"{engine}=\" is not CSS"), WAYS)
                    }
                    Some((engine, rest)) => self.refuse(
                        span,
                        format!("\"{engine}=\" is not CSS"),
                        format!("write {{ {engine} = \"{}\" }}", rest.trim_matches('"')),
                    ),
                    None if text.starts_with("//") => {
                        self.refuse(span, "XPath is not known here", WAYS)
                    }
                    None => Ok(css(text)),
                };
            }
            TextOr::Table(table) => table,
        };
        let RawLocator {
            role,
            name,
            label,
            placeholder,
            text,
            testid,
            css,
            exact,
            nth,
        } = table;
        let ways = [role, label, placeholder, text, testid, css];
        let given: Vec<_> = ways.into_iter().flatten().collect();
        if given.len() != 1 {
            let message = match given.is_empty() {
                true => "this says nothing to look for",
                false => "a locator looks for one thing, here are several",
            };
            return self.refuse(span, message, WAYS);
        }
        if given.iter().any(|text| text.trim().is_empty()) {
            return self.refuse(span, "what to look for is empty", WAYS);
        }
        if name.is_some() && role.is_none() {
            let help = "write { role = \"button\", name = \"Sign in\" }";
            return self.refuse(span, "\"name\" goes with \"role\" only", help);
        }
        let by = if let Some(role) = role {
            By::Role {
                role: role.clone(),
                name: name.clone(),
            }
        } else if let Some(label) = label {
            By::Label(label.clone())
        } else if let Some(placeholder) = placeholder {
            By::Placeholder(placeholder.clone())
        } else if let Some(text) = text {
            By::Text(text.clone())
        } else if let Some(testid) = testid {
            By::TestId(testid.clone())
        } else {
            By::Css(css.clone().unwrap_or_default())
        };
        Ok(Locator {
            by,
            exact: *exact,
            nth: *nth,
        })
    }

    fn step(&mut self, number: usize, raw: At<RawStep>, url: &Url) -> Checked<Step> {
        let span = raw.span;
        let step = raw.value;
        let actions = [
            ("goto", step.goto.is_some()),
            ("fill", step.fill.is_some()),
            ("select", step.select.is_some()),
            ("check", step.check.is_some()),
            ("click", step.click.is_some()),
            ("press", step.press.is_some()),
            ("wait_for", step.wait_for.is_some()),
            ("wait_for_url", step.wait_for_url.is_some()),
            ("code", step.code.is_some()),
            ("frame", step.frame.is_some()),
        ];
        let given: Vec<&str> = actions
            .iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| *name)
            .collect();
        let [action] = given[..] else {
            let all: Vec<&str> = actions.iter().map(|(name, _)| *name).collect();
            return match given.is_empty() {
                true => self.refuse(
                    &span,
                    format!("step {number} does nothing"),
                    format!("a step has one of: {}", all.join(", ")),
                ),
                false => self.refuse(
                    &span,
                    format!("step {number} does several things: {}", given.join(", ")),
                    "write a step for each",
                ),
            };
        };
        for (extra, span, belongs) in [
            (
                "with",
                step.with.as_ref().map(|it| &it.span),
                &["fill", "select"][..],
            ),
            ("on", step.on.as_ref().map(|it| &it.span), &["press"]),
            (
                "optional",
                step.optional.as_ref().map(|it| &it.span),
                &["click"],
            ),
        ] {
            if let Some(span) = span
                && !belongs.contains(&action)
            {
                let message = format!("step {number}: \"{extra}\" does not go with \"{action}\"");
                let help = format!("it goes with: {}", belongs.join(", "));
                return self.refuse(span, message, help);
            }
        }
        if let Some(goto) = &step.goto {
            return self.url(goto, Some(url)).map(Step::Goto);
        }
        if let Some(key) = step.press {
            self.not_empty(&key, "the key to press")?;
            let on = step.on.map(|on| self.locator(&on)).transpose()?;
            return Ok(Step::Press(key.value, on));
        }
        if let Some(part) = step.wait_for_url {
            self.not_empty(&part, "the part of the URL to wait for")?;
            return self.interpolate(&part).map(Step::WaitForUrl);
        }
        if let Some(frame) = &step.frame {
            return match &frame.value {
                TextOr::Text(text) if text == "main" => Ok(Step::Frame(None)),
                _ => self.locator(frame).map(|frame| Step::Frame(Some(frame))),
            };
        }
        let text = match (&step.with, action) {
            (Some(with), _) => self.text(number, with)?,
            (None, "fill" | "select") => {
                let message = format!("step {number}: \"{action}\" does not say with what");
                return self.refuse(
                    &span,
                    message,
                    "add with = \"{username}\", with = \"{password}\" or a text",
                );
            }
            (None, _) => Text::Plain(String::new()),
        };
        let wanted = step
            .fill
            .or(step.select)
            .or(step.check)
            .or(step.click)
            .or(step.wait_for)
            .or(step.code);
        let Some(place) = wanted else {
            return self.refuse(&span, format!("step {number} does nothing"), "");
        };
        let on = self.locator(&place)?;
        Ok(match action {
            "fill" => Step::Fill(on, text),
            "select" => Step::Select(on, text),
            "check" => Step::Check(on),
            "click" => Step::Click {
                on,
                optional: step.optional.is_some_and(|it| it.value),
            },
            "wait_for" => Step::WaitFor(on),
            _ => Step::Code(on),
        })
    }

    fn text(&self, number: usize, with: &At<String>) -> Checked<Text> {
        let text = with.value.as_str();
        match text {
            "{username}" => return Ok(Text::Username),
            "{password}" => return Ok(Text::Password),
            _ => {}
        }
        let word = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(word, _)| word);
        let placeholder = |word: &&str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        };
        match word.into_iter().find(placeholder) {
            None => Ok(Text::Plain(text.to_owned())),
            Some(word @ ("username" | "password")) => self.refuse(
                &self.document.find(&with.span, "{"),
                format!("step {number}: {{{word}}} must be the whole text"),
                format!("write with = \"{{{word}}}\""),
            ),
            Some(word @ ("code" | "totp" | "otp")) => self.refuse(
                &self.document.find(&with.span, "{"),
                format!("step {number}: unknown placeholder {{{word}}}"),
                "a one-time code has its own step: { code = { label = \"Code\" } }",
            ),
            Some(word) => self.refuse(
                &self.document.find(&with.span, "{"),
                format!("step {number}: unknown placeholder {{{word}}}"),
                "known: {username}, {password}",
            ),
        }
    }

    fn proof(&mut self, raw: At<RawProof>) -> Checked<Proof> {
        let At { span, value } = raw;
        match (value.url, value.visible, value.cookie) {
            (Some(url), None, None) => {
                self.not_empty(&url, "the part of the URL")?;
                self.interpolate(&url).map(Proof::Url)
            }
            (None, Some(place), None) => self.locator(&place).map(Proof::Visible),
            (None, None, Some(cookie)) => {
                self.not_empty(&cookie, "the name of the cookie")?;
                Ok(Proof::Cookie(cookie.value))
            }
            _ => self.refuse(
                &span,
                "a proof has exactly one of: url, visible, cookie",
                "several are written as a list: [{ url = \"/account\" }, { cookie = \"session\" }]",
            ),
        }
    }

    fn probe(&mut self, raw: At<TextOr<RawProbe>>, base: &Url) -> Checked<Probe> {
        let At { span, value } = raw;
        let probe = match value {
            TextOr::Text(value) => {
                let url = self.url(&At { span, value }, Some(base))?;
                return Ok(Probe {
                    url,
                    status: 200,
                    contains: None,
                    lacks: None,
                });
            }
            TextOr::Table(probe) => probe,
        };
        let status = match probe.status {
            None => 200,
            Some(status) if (100..=599).contains(&status.value) => status.value,
            Some(status) => {
                let message = format!("{} is not an HTTP status", status.value);
                return self.refuse(
                    &status.span,
                    message,
                    "it may be 100 to 599; the default is 200",
                );
            }
        };
        for text in [&probe.contains, &probe.lacks].into_iter().flatten() {
            self.not_empty(text, "the text to look for")?;
        }
        Ok(Probe {
            url: self.url(&probe.url, Some(base))?,
            status,
            contains: probe.contains.map(|text| text.value),
            lacks: probe.lacks.map(|text| text.value),
        })
    }

    fn renewal(&self, raw: RawRenewal) -> Checked<Renewal> {
        let cron = raw.cron.as_ref().map(|cron| self.cron(cron)).transpose()?;
        let max_age = raw
            .max_age
            .as_ref()
            .map(|age| self.length(age, 60, LONGEST))
            .transpose()?;
        let keep_alive = raw
            .keep_alive
            .as_ref()
            .map(|it| self.length(it, 60, LONGEST))
            .transpose()?;
        let before_expiry = raw
            .before_expiry
            .as_ref()
            .map(|it| self.length(it, 1, LONGEST))
            .transpose()?;
        if let (Some(raw), Some(before), Some(age)) = (&raw.before_expiry, before_expiry, max_age)
            && before >= age
        {
            let help = "with it every session would be due at once; make it shorter";
            return self.refuse(
                &raw.span,
                "\"before_expiry\" is not shorter than \"max_age\"",
                help,
            );
        }
        Ok(Renewal {
            cron,
            before_expiry,
            keep_alive,
            max_age,
        })
    }

    fn cron(&self, text: &At<String>) -> Checked<String> {
        const SHAPE: &str = "minute hour day-of-month month day-of-week, in UTC; for example \"0 6 * * *\" for six in the morning";
        let fields = text.value.split_whitespace().count();
        let full = match fields {
            5 => format!("0 {}", text.value.trim()),
            _ => text.value.trim().to_owned(),
        };
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        let cron = match parser.parse(&full) {
            Ok(cron) if matches!(fields, 5 | 6) => cron,
            Ok(_) => {
                return self.refuse(
                    &text.span,
                    "a cron expression has five or six fields",
                    SHAPE,
                );
            }
            Err(error) => {
                let said = error.to_string();
                let message = format!(
                    "this is not a cron expression: {}",
                    said.trim_end_matches('.')
                );
                return self.refuse(&text.span, message, SHAPE);
            }
        };
        // From any day on: a date such as 30 February never comes.
        match cron.find_next_occurrence(&DateTime::UNIX_EPOCH, true) {
            Ok(_) => Ok(full),
            Err(_) => self.refuse(&text.span, "these times never come", SHAPE),
        }
    }

    fn combine(
        &self,
        site: &SiteName,
        raw: &[At<String>],
    ) -> Checked<(Vec<Combination>, Vec<(SiteName, Diagnostic)>)> {
        let mut combinations = BTreeSet::new();
        let mut names = Vec::new();
        for text in raw {
            let full = match text.value.contains('.') {
                true => text.value.clone(),
                false => format!("{site}.{}", text.value),
            };
            let help =
                format!("write the other site's name, or all names joined: \"{site}.other\"");
            let combination: Combination = match full.parse() {
                Ok(combination) => combination,
                Err(error) => return self.refuse(&text.span, format!("{error}"), help),
            };
            if !combination.sites().contains(site) {
                let message = format!("\"{combination}\" does not hold this site, {site}");
                return self.refuse(&text.span, message, help);
            }
            for other in combination.sites().iter().filter(|other| *other != site) {
                let message =
                    format!("there is no recipe for \"{other}\", so \"{combination}\" is not made");
                let help = format!("add sites/{other}.toml, or remove the combination");
                names.push((other.clone(), self.document.at(&text.span, message, help)));
            }
            combinations.insert(combination.sorted());
        }
        Ok((combinations.into_iter().collect(), names))
    }
}
