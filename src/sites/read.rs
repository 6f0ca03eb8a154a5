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
use crate::document::{At, Document, Length, Node, TextOr, Value, duration};
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
    let raw: RawRecipe = document.shape().map_err(|error| explain(error, site))?;
    let mut reader = Reader {
        site,
        document,
        env,
        resolved: Vec::new(),
        warnings: Vec::new(),
    };
    let url = reader.url(&raw.url, None)?;
    let accounts = reader.accounts(&raw)?;
    let code = raw.steps.iter().find_map(|step| step.value.code.as_ref());
    let code = code.map(|code| code.span.clone());
    let steps = raw
        .steps
        .into_iter()
        .enumerate()
        .map(|(index, step)| reader.step(index + 1, step, &url))
        .collect::<Checked<Vec<_>>>()?;
    if let Some(span) = code
        && let Some(account) = accounts.iter().find(|account| account.totp.is_none())
    {
        let whose = match &account.name {
            None => "the account has".to_owned(),
            Some(name) => format!("the account \"{name}\" has"),
        };
        let help = format!(
            "add one, for example: totp = {{ env = \"{}\" }}",
            variable(site, "totp")
        );
        let message = format!("this enters a one-time code, but {whose} no source of codes");
        reader.warnings.push(document.at(&span, message, help));
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

/// Puts an example of this very key where the words of the deserialiser are too general.
fn explain(mut diagnostic: Diagnostic, site: &SiteName) -> Diagnostic {
    let nested = diagnostic.line.is_some();
    let add = match diagnostic.message.as_str() {
        "the key \"url\" is missing" if nested => "{ url = \"/account\" }".to_owned(),
        "the key \"url\" is missing" => "url = \"https://example.org/login\"".to_owned(),
        "the key \"password\" is missing" => {
            format!("password = {{ env = \"{}\" }}", variable(site, "password"))
        }
        "the key \"name\" is missing" => "name = \"bob\"".to_owned(),
        message => {
            if message.starts_with("\"steps\" must be a list") {
                diagnostic.help = "for example: steps = [{ click = \"#login\" }]".to_owned();
            } else if message.starts_with("\"accounts\" must be a list") {
                diagnostic.help = "each account begins with the line [[accounts]]".to_owned();
            } else if message.starts_with("\"command\" must be a list") {
                diagnostic.help =
                    "for example: command = [\"pass\", \"show\", \"wiki\"]".to_owned();
            } else if diagnostic.help == "known keys: name, username, password, totp" {
                diagnostic.help += "; the site's own keys stand above the first [[accounts]]";
            }
            return diagnostic;
        }
    };
    diagnostic.help = format!("add it, for example: {add}");
    diagnostic
}

/// A good name for the environment variable that holds a secret of this site.
fn variable(site: &SiteName, key: &str) -> String {
    format!("{site}_{key}").to_uppercase().replace('-', "_")
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
    site: &'a SiteName,
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
                        format!("the environment variable {name} is not set, or empty"),
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
        if full.trim().is_empty() {
            return self.refuse(&text.span, "this URL is empty", example);
        }
        let parsed = match base {
            Some(base) => base.join(&full),
            None => Url::parse(&full),
        };
        let url = match parsed {
            Ok(url) => url,
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                let message = "this URL does not begin with http:// or https://";
                return self.refuse(&text.span, message, example);
            }
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

    fn length(&self, text: &At<Length>, least: i64, most: i64) -> Checked<TimeDelta> {
        duration(&text.value.0, least, most).or_else(|said| {
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
        let variable = variable(self.site, key);
        if let Source::Literal(text) = &source {
            if text.is_empty() {
                let example =
                    format!("say where it comes from: {key} = {{ env = \"{variable}\" }}");
                return self.refuse(&raw.span, format!("\"{key}\" is empty"), example);
            }
            self.warnings.push(self.document.at(
                &raw.span,
                format!("\"{key}\" stands in the recipe itself, for everyone who reads the file"),
                format!("keep it elsewhere: {key} = {{ env = \"{variable}\" }}, {{ file = … }}, {{ command = […] }} or {{ keyring = … }}"),
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
        let full = match text.value.split_whitespace().count() {
            5 => format!("0 {}", text.value.trim()),
            6 => text.value.trim().to_owned(),
            other => {
                let message = format!(
                    "a cron expression has five fields (or six, seconds first), this has {other}"
                );
                return self.refuse(&text.span, message, SHAPE);
            }
        };
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        let cron = match parser.parse(&full) {
            Ok(cron) => cron,
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "url = \"https://wiki.example/login\"\nusername = \"admin\"\npassword = { env = \"W\" }\n";

    fn parse(text: &str) -> Checked<Read> {
        let env = |name: &str| match name {
            "PORT" => Some("8080".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let path = std::path::Path::new("sites/wiki.toml");
        read(
            &"wiki".parse().unwrap(),
            &Document::parse(path, text)?,
            &env,
        )
    }

    fn good(text: &str) -> Recipe {
        parse(text).unwrap_or_else(|error| panic!("{error}")).recipe
    }

    /// What is said about the three lines with this added.
    fn said(more: &str) -> String {
        match parse(&format!("{HEAD}{more}")) {
            Ok(_) => format!("fine: {more}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn three_lines_are_enough() {
        let recipe = good(HEAD);
        assert_eq!(recipe.url.as_str(), "https://wiki.example/login");
        let [account] = &recipe.accounts[..] else {
            panic!()
        };
        assert_eq!(account.username, Source::Literal("admin".into()));
        assert_eq!(account.password, Source::Env("W".to_owned()));
        assert_eq!(
            good("url = \"http://a/\"\npassword = { env = \"W\" }").accounts[0].username,
            Source::Literal("".into())
        );
    }

    #[test]
    fn every_key_is_understood() {
        let recipe = good(
            r##"
            url = "http://127.0.0.1:${PORT}/login"
            username = { file = "secrets/user" }
            password = { command = ["pass", "show", "wiki"] }
            totp = { keyring = "jarkeeper", user = "wiki" }
            steps = [
                { goto = "/start?x=${LANG:-en}" },
                { fill = { label = "Username", exact = true }, with = "{username}" },
                { fill = "#password", with = "{password}" },
                { select = { testid = "realm" }, with = "local" },
                { check = { role = "checkbox", name = "Remember me" } },
                { click = { role = "button", name = "Sign in", nth = 1 }, optional = true },
                { press = "Enter", on = { placeholder = "Password" } },
                { press = "Tab" },
                { wait_for = { text = "Code" } },
                { frame = { css = "iframe" } },
                { code = "#code" },
                { frame = "main" },
                { wait_for_url = "/home" },
            ]
            proof = [{ url = "/home" }, { visible = "#logout" }, { cookie = "sid" }]
            probe = { url = "/account", status = 204, contains = "Sign out", lacks = "Sign in" }
            cookies = ["sid"]
            renewal = { cron = "0 6 * * *", before_expiry = "1h", keep_alive = "10m", max_age = "12h" }
            allowed_origins = ["https://sso.example:443/"]
            combine = ["gitlab", "reddit.wiki"]
            own_sessions = true
            indexed_db = true
            ignore_https_errors = true
            timeout = "90s"

            [[accounts]]
            name = "bob"
            username = "bob"
            password = { env = "BOB" }
            totp = { env = "BOB_TOTP" }
            "##,
        );
        let locator = |by| Locator {
            by,
            exact: false,
            nth: None,
        };
        let css = |text: &str| locator(By::Css(text.to_owned()));
        let role = |role: &str, name: &str| By::Role {
            role: role.to_owned(),
            name: Some(name.to_owned()),
        };
        assert_eq!(
            recipe.steps,
            [
                Step::Goto("http://127.0.0.1:8080/start?x=en".parse().unwrap()),
                Step::Fill(
                    Locator {
                        exact: true,
                        ..locator(By::Label("Username".into()))
                    },
                    Text::Username
                ),
                Step::Fill(css("#password"), Text::Password),
                Step::Select(
                    locator(By::TestId("realm".into())),
                    Text::Plain("local".into())
                ),
                Step::Check(locator(role("checkbox", "Remember me"))),
                Step::Click {
                    on: Locator {
                        nth: Some(1),
                        ..locator(role("button", "Sign in"))
                    },
                    optional: true
                },
                Step::Press(
                    "Enter".into(),
                    Some(locator(By::Placeholder("Password".into())))
                ),
                Step::Press("Tab".into(), None),
                Step::WaitFor(locator(By::Text("Code".into()))),
                Step::Frame(Some(css("iframe"))),
                Step::Code(css("#code")),
                Step::Frame(None),
                Step::WaitForUrl("/home".into()),
            ]
        );
        assert_eq!(
            recipe.proof,
            [
                Proof::Url("/home".into()),
                Proof::Visible(css("#logout")),
                Proof::Cookie("sid".into())
            ]
        );
        assert_eq!(
            recipe.probe,
            Some(Probe {
                url: "http://127.0.0.1:8080/account".parse().unwrap(),
                status: 204,
                contains: Some("Sign out".into()),
                lacks: Some("Sign in".into())
            })
        );
        assert_eq!(
            recipe.renewal,
            Renewal {
                cron: Some("0 0 6 * * *".into()),
                before_expiry: Some(TimeDelta::hours(1)),
                keep_alive: Some(TimeDelta::minutes(10)),
                max_age: Some(TimeDelta::hours(12))
            }
        );
        assert_eq!(recipe.allowed_origins, ["https://sso.example"]);
        let combine: Vec<String> = recipe.combine.iter().map(ToString::to_string).collect();
        assert_eq!(combine, ["gitlab.wiki", "reddit.wiki"]);
        assert_eq!(recipe.timeout, Some(TimeDelta::seconds(90)));
        assert!(recipe.own_sessions && recipe.indexed_db && recipe.ignore_https_errors);
        assert_eq!(recipe.cookies, ["sid"]);
        assert_eq!(
            recipe.accounts[0].username,
            Source::File("secrets/user".into())
        );
        assert_eq!(recipe.accounts[1].name, Some("bob".parse().unwrap()));
    }

    #[test]
    fn one_proof_and_a_bare_probe_need_no_list_and_no_table() {
        let recipe = good(&format!(
            "{HEAD}proof = {{ url = \"/home\" }}\nprobe = \"/me\""
        ));
        assert_eq!(recipe.proof, [Proof::Url("/home".into())]);
        let probe = recipe.probe.unwrap();
        assert_eq!((probe.url.path(), probe.status), ("/me", 200));
    }

    #[test]
    fn mistakes_of_keys_and_types() {
        let all = [
            parse("").err().unwrap().to_string(),
            parse("url = \"https://a/\"").err().unwrap().to_string(),
            parse("url = 5\npassword = \"x\"")
                .err()
                .unwrap()
                .to_string(),
            parse("url = \"https://a/\"\npasword = \"x\"")
                .err()
                .unwrap()
                .to_string(),
            parse("url = \"https://a/\"\npassword = 12345678")
                .err()
                .unwrap()
                .to_string(),
            parse("url = \"https://a/\"\npassword = hunter2")
                .err()
                .unwrap()
                .to_string(),
            said("pass = 1"),
            said("colour = 1"),
            said("own_sessions = \"yes\""),
            said("cookies = \"sid\""),
            said("cookies = [\"sid\", 5]"),
            said("steps = [{ clik = \"#a\" }]"),
            said("steps = [{ click = { lable = \"ä\" } }]"),
            said("steps = [{ click = 5 }]"),
            said("steps = { click = \"#a\" }"),
            said("probe = { url = \"/a\", contain = \"x\" }"),
            said("probe = { status = 200 }"),
            said("probe = { url = \"/a\", status = \"ok\" }"),
            said("probe = { url = \"/a\", status = 99999 }"),
            said("probe = true"),
            said("proof = \"#x\""),
            said("totp = { envv = \"X\" }"),
            said("totp = { command = \"pass show wiki\" }"),
            said("timeout = 60"),
            said("[[accounts]]\nusername = \"x\"\npassword = { env = \"X\" }"),
            said("[[accounts]]\nname = \"x\"\npassword = { env = \"X\" }\ntimeout = \"60s\""),
        ];
        insta::assert_snapshot!(all.join("\n"), @r##"
        sites/wiki.toml: the key "url" is missing; add it, for example: url = "https://example.org/login"
        sites/wiki.toml: the key "password" is missing; add it, for example: password = { env = "WIKI_PASSWORD" }
        sites/wiki.toml:1:7: "url" must be text in double quotes, not a whole number; for example: url = "…"
        sites/wiki.toml:2:1: unknown key "pasword"; did you mean "password"?
        sites/wiki.toml:2:12: "password" must be text or a table that says where it comes from, not a whole number; for example: password = { env = "WIKI_PASSWORD" }
        sites/wiki.toml:2:12: this is not TOML: string values must be quoted, expected literal string; text stands in double quotes: password = "…"
        sites/wiki.toml:4:1: unknown key "pass"; did you mean "password"?
        sites/wiki.toml:4:1: unknown key "colour"; known keys: url, username, password, totp, accounts, steps, proof, probe, cookies, renewal, allowed_origins, combine, own_sessions, indexed_db, ignore_https_errors, timeout
        sites/wiki.toml:4:16: "own_sessions" must be true or false, not text; for example: own_sessions = true
        sites/wiki.toml:4:11: "cookies" must be a list, not text; for example: cookies = ["…", "…"]
        sites/wiki.toml:4:19: item 2 of "cookies" must be text in double quotes, not a whole number; for example: cookies = ["…"]
        sites/wiki.toml:4:12: unknown key "clik"; did you mean "click"?
        sites/wiki.toml:4:22: unknown key "lable"; did you mean "label"?
        sites/wiki.toml:4:20: "click" must be a CSS selector or a table that says what to look for, not a whole number; for example: click = { label = "Username" }
        sites/wiki.toml:4:9: "steps" must be a list, not a table; for example: steps = [{ click = "#login" }]
        sites/wiki.toml:4:23: unknown key "contain"; did you mean "contains"?
        sites/wiki.toml:4:9: the key "url" is missing; add it, for example: { url = "/account" }
        sites/wiki.toml:4:32: "status" must be a whole number, 0 or more, not text; write it without quotes
        sites/wiki.toml:4:32: "status" must be a whole number, 0 or more, not 99999
        sites/wiki.toml:4:9: "probe" must be a URL or a table, not true; for example: probe = "/account"
        sites/wiki.toml:4:9: "proof" must be a table or a list of tables, not text; for example: proof = { url = "/account" }
        sites/wiki.toml:4:10: unknown key "envv"; did you mean "env"?
        sites/wiki.toml:4:20: "command" must be a list, not text; for example: command = ["pass", "show", "wiki"]
        sites/wiki.toml:4:11: "timeout" must be a length of time in double quotes, not a whole number; for example: timeout = "90s"
        sites/wiki.toml:4:1: the key "name" is missing; add it, for example: name = "bob"
        sites/wiki.toml:7:1: unknown key "timeout"; known keys: name, username, password, totp; the site's own keys stand above the first [[accounts]]
        "##);
    }

    #[test]
    fn mistakes_of_meaning() {
        let url = |url: &str| {
            let text = format!("url = \"{url}\"\npassword = {{ env = \"W\" }}");
            parse(&text)
                .map(|_| format!("fine: {url}"))
                .unwrap_or_else(|error| error.to_string())
        };
        let all = [
            url("wiki.example/login"),
            url("localhost:8080/login"),
            url("https://admin:hunter2@wiki.example/"),
            url(""),
            url("http://h:${PRT}/"),
            url("http://h:${EMPTY}/"),
            url("http://h:${PORT/"),
            url("http://h:${}/"),
            url("http://h:${1}/"),
            said("totp = { }"),
            said("totp = { env = \"A\", file = \"b\" }"),
            said("totp = { env = \"$A\" }"),
            said("totp = { file = \"~/x\" }"),
            said("totp = { command = [] }"),
            said("totp = { keyring = \"a\" }"),
            said("totp = { env = \"A\", user = \"a\" }"),
            said("totp = \"\""),
            said("steps = [{ }]"),
            said("steps = [\n  { click = \"#a\" },\n  { click = \"#a\", fill = \"#b\" },\n]"),
            said("steps = [{ fill = \"#a\" }]"),
            said("steps = [{ fill = \"#a\", with = \"{usernme}\" }]"),
            said("steps = [{ fill = \"#a\", with = \"x{password}\" }]"),
            said("steps = [{ fill = \"#a\", with = \"{code}\" }]"),
            said("steps = [{ press = \"Tab\", optional = true }]"),
            said("steps = [{ click = \"text=Log in\" }]"),
            said("steps = [{ click = \"//button\" }]"),
            said("steps = [{ click = \"\" }]"),
            said("steps = [{ click = { name = \"x\", label = \"y\" } }]"),
            said("steps = [{ click = { role = \"button\", label = \"y\" } }]"),
            said("steps = [{ click = { exact = true } }]"),
            said("steps = [{ goto = \"javascript:alert(1)\" }]"),
            said("proof = { }"),
            said("proof = [{ url = \"/a\", cookie = \"b\" }]"),
            said("probe = { url = \"/a\", status = 20 }"),
            said("renewal = { cron = \"0 6 * *\" }"),
            said("renewal = { cron = \"0 25 * * *\" }"),
            said("renewal = { cron = \"0 0 30 2 *\" }"),
            said("renewal = { max_age = \"30s\" }"),
            said("renewal = { max_age = \"1h\", before_expiry = \"2h\" }"),
            said("renewal = { keep_alive = \"often\" }"),
            said("allowed_origins = [\"https://sso.example/login\"]"),
            said("allowed_origins = [\"sso.example\"]"),
            said("combine = [\"gitlab.reddit\"]"),
            said("combine = [\"wiki\"]"),
            said("combine = [\"Git Lab\"]"),
            said("[[accounts]]\nname = \"Bob Smith\"\npassword = { env = \"X\" }"),
            said(
                "[[accounts]]\nname = \"b\"\npassword = { env = \"X\" }\n[[accounts]]\nname = \"b\"\npassword = { env = \"X\" }",
            ),
            said("timeout = \"1h\""),
        ];
        insta::assert_snapshot!(all.join("\n"), @r##"
        sites/wiki.toml:1:7: this URL does not begin with http:// or https://; write it whole, for example "https://example.org/login"
        sites/wiki.toml:1:7: a URL must begin with http:// or https://, not with "localhost:"; write it whole, for example "https://example.org/login"
        sites/wiki.toml:1:7: a URL must not hold a username or a password; write them as username = … and password = …
        sites/wiki.toml:1:7: this URL is empty; write it whole, for example "https://example.org/login"
        sites/wiki.toml:1:17: the environment variable PRT is not set, or empty; set it for jarkeeper, or give a default: ${PRT:-value}
        sites/wiki.toml:1:17: the environment variable EMPTY is not set, or empty; set it for jarkeeper, or give a default: ${EMPTY:-value}
        sites/wiki.toml:1:17: "${" without its "}"; write ${NAME} or ${NAME:-default}
        sites/wiki.toml:1:17: "${}" does not name an environment variable; write ${NAME} or ${NAME:-default}
        sites/wiki.toml:1:17: "${1}" does not name an environment variable; write ${NAME} or ${NAME:-default}
        sites/wiki.toml:4:8: this says of no source where to look; write one of { env = "NAME" }, { file = "path" }, { command = ["program", "argument"] }, { keyring = "service", user = "name" }
        sites/wiki.toml:4:8: a secret has one source, here are several; write one of { env = "NAME" }, { file = "path" }, { command = ["program", "argument"] }, { keyring = "service", user = "name" }
        sites/wiki.toml:4:8: "env" is the name of a variable, without $; write { env = "A" }
        sites/wiki.toml:4:8: "~" is known to shells only; write the whole path, or one relative to the folder of config.toml
        sites/wiki.toml:4:8: "command" names no program; write the program and its arguments: { command = ["pass", "show", "wiki"] }
        sites/wiki.toml:4:8: "keyring" and "user" go together, and with nothing else; write { keyring = "service", user = "name" }
        sites/wiki.toml:4:8: "keyring" and "user" go together, and with nothing else; write { keyring = "service", user = "name" }
        sites/wiki.toml:4:8: "totp" is empty; say where it comes from: totp = { env = "WIKI_TOTP" }
        sites/wiki.toml:4:10: step 1 does nothing; a step has one of: goto, fill, select, check, click, press, wait_for, wait_for_url, code, frame
        sites/wiki.toml:6:3: step 2 does several things: fill, click; write a step for each
        sites/wiki.toml:4:10: step 1: "fill" does not say with what; add with = "{username}", with = "{password}" or a text
        sites/wiki.toml:4:33: step 1: unknown placeholder {usernme}; known: {username}, {password}
        sites/wiki.toml:4:34: step 1: {password} must be the whole text; write with = "{password}"
        sites/wiki.toml:4:33: step 1: unknown placeholder {code}; a one-time code has its own step: { code = { label = "Code" } }
        sites/wiki.toml:4:38: step 1: "optional" does not go with "press"; it goes with: click
        sites/wiki.toml:4:20: "text=" is not CSS; write { text = "Log in" }
        sites/wiki.toml:4:20: XPath is not known here; write a CSS selector, or { role = "button", name = "Sign in" }, { label = … }, { placeholder = … }, { text = … }, { testid = … } or { css = … }
        sites/wiki.toml:4:20: this selector is empty; write a CSS selector, or { role = "button", name = "Sign in" }, { label = … }, { placeholder = … }, { text = … }, { testid = … } or { css = … }
        sites/wiki.toml:4:20: "name" goes with "role" only; write { role = "button", name = "Sign in" }
        sites/wiki.toml:4:20: a locator looks for one thing, here are several; write a CSS selector, or { role = "button", name = "Sign in" }, { label = … }, { placeholder = … }, { text = … }, { testid = … } or { css = … }
        sites/wiki.toml:4:20: this says nothing to look for; write a CSS selector, or { role = "button", name = "Sign in" }, { label = … }, { placeholder = … }, { text = … }, { testid = … } or { css = … }
        sites/wiki.toml:4:19: a URL must begin with http:// or https://, not with "javascript:"; write a path such as "/account", or a whole URL
        sites/wiki.toml:4:9: a proof has exactly one of: url, visible, cookie; several are written as a list: [{ url = "/account" }, { cookie = "session" }]
        sites/wiki.toml:4:10: a proof has exactly one of: url, visible, cookie; several are written as a list: [{ url = "/account" }, { cookie = "session" }]
        sites/wiki.toml:4:32: 20 is not an HTTP status; it may be 100 to 599; the default is 200
        sites/wiki.toml:4:20: a cron expression has five fields (or six, seconds first), this has 4; minute hour day-of-month month day-of-week, in UTC; for example "0 6 * * *" for six in the morning
        sites/wiki.toml:4:20: this is not a cron expression: Component error: Number out of bounds; minute hour day-of-month month day-of-week, in UTC; for example "0 6 * * *" for six in the morning
        sites/wiki.toml:4:20: these times never come; minute hour day-of-month month day-of-week, in UTC; for example "0 6 * * *" for six in the morning
        sites/wiki.toml:4:23: "30s" is out of range; it may be 1m to 400d
        sites/wiki.toml:4:45: "before_expiry" is not shorter than "max_age"; with it every session would be due at once; make it shorter
        sites/wiki.toml:4:26: "often" is not a length of time; write it like "90s", "15m", "12h" or "7d"
        sites/wiki.toml:4:20: an origin is a scheme, a host and a port, and nothing else; write "https://sso.example"
        sites/wiki.toml:4:20: this URL does not begin with http:// or https://; write it whole, for example "https://example.org/login"
        sites/wiki.toml:4:12: "gitlab.reddit" does not hold this site, wiki; write the other site's name, or all names joined: "wiki.other"
        sites/wiki.toml:4:12: combination name "wiki.wiki" must join two or more different sites with '.'; write the other site's name, or all names joined: "wiki.other"
        sites/wiki.toml:4:12: site name "Git Lab" must begin with a to z or 0 to 9; write the other site's name, or all names joined: "wiki.other"
        sites/wiki.toml:5:8: account name "Bob Smith" must begin with a to z or 0 to 9; write a short name such as "bob"; it becomes part of a file's name
        sites/wiki.toml:8:8: there are two accounts named "b"; give each its own name
        sites/wiki.toml:4:11: "1h" is out of range; it may be 5s to 15m
        "##);
    }

    #[test]
    fn what_should_not_stay_is_warned_of() {
        let text = "url = \"https://a/\"\npassword = \"hunter2\"\ntotp = \"JBSWY3DP\"\nsteps = [{ code = \"#c\" }]\n[[accounts]]\nname = \"b\"\npassword = { env = \"X\" }";
        let warnings = parse(text).ok().unwrap().warnings;
        let all: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(all.join("\n"), @r##"
        sites/wiki.toml:2:12: "password" stands in the recipe itself, for everyone who reads the file; keep it elsewhere: password = { env = "WIKI_PASSWORD" }, { file = … }, { command = […] } or { keyring = … }
        sites/wiki.toml:3:8: "totp" stands in the recipe itself, for everyone who reads the file; keep it elsewhere: totp = { env = "WIKI_TOTP" }, { file = … }, { command = […] } or { keyring = … }
        sites/wiki.toml:4:19: this enters a one-time code, but the account "b" has no source of codes; add one, for example: totp = { env = "WIKI_TOTP" }
        "##);
    }

    #[test]
    fn no_message_repeats_a_secret() {
        for text in [
            "url = \"https://a/\"\npassword = hunter2",
            "url = \"https://a/\"\npassword = \"hunter2",
            "url = \"https://u:hunter2@a/\"\npassword = { env = \"A\" }",
            "url = \"https://a/\"\npassword = [\"hunter2\"]",
            "url = \"https://a/\"\npassword = \"hunter2\"\nx = 1",
            "url = \"https://a/\"\npassword = \"hunter2\"\ntotp = { env = [\"hunter2\"] }",
            "url = \"https://a/\"\npassword = \"hunter2\"\npassword = \"hunter2\"",
            "url = \"https://a/\"\npassword = \"hunter2\" \"hunter2\"",
        ] {
            let error = parse(text).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let read = parse("url = \"https://a/\"\npassword = \"hunter2\"")
            .ok()
            .unwrap();
        assert!(!format!("{:?} {:?}", read.recipe, read.warnings).contains("hunter2"));
    }

    #[test]
    fn the_fingerprint_follows_the_meaning_and_not_the_layout() {
        let base = good(HEAD).fingerprint;
        let layout = "# words\npassword.env = 'W'\nusername=\"admin\"\n\nurl = \"https://wiki.example/login\"";
        assert_eq!(base, good(layout).fingerprint);
        assert_eq!(base.len(), 64);
        for change in [
            HEAD.replace("login", "signin"),
            HEAD.replace("admin", "root"),
            HEAD.replace("env = \"W\"", "env = \"V\""),
            HEAD.replace("env = \"W\"", "file = \"W\""),
            format!("{HEAD}cookies = [\"a\"]"),
            format!("{HEAD}cookies = [\"a\", \"b\"]"),
            format!("{HEAD}steps = [{{ click = \"#a\" }}]"),
        ] {
            assert_ne!(base, good(&change).fingerprint, "{change}");
        }
        let literal = |value: &str| {
            good(&format!("url = \"https://a/\"\npassword = \"{value}\"")).fingerprint
        };
        assert_eq!(literal("one"), literal("two"));
        let port = |text: &str| {
            good(&format!("url = \"http://a:{text}/\"\npassword.env = \"W\"")).fingerprint
        };
        assert_ne!(port("${P:-1}"), port("${P:-2}"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_reading_panic(text in "[a-z={}\\[\\]\"\\.,0-9 \n\\$ä]{0,80}") {
            let _ = parse(&text);
            let _ = parse(&format!("{HEAD}steps = [{{ fill = {text} }}]"));
            let _ = parse(&format!("{HEAD}renewal = {{ cron = \"{text}\" }}"));
            let _ = parse(&format!("url = \"{text}\"\npassword = \"x\""));
        }
    }
}
