//! A recipe that is being made, and its text: no longer than it must be.

use std::path::Path;

use url::Url;

use super::read::read;
use super::recipe::{By, Locator, Probe, Proof, Recipe, Source, Step, Text};
use super::source;
use crate::config::Diagnostic;
use crate::document::Document;
use crate::ids::SiteName;

/// Longest line of a recipe that is written, in characters, before its list is broken into lines.
const WIDTH: usize = 100;

/// What a command has found out about a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Where the login begins.
    pub url: Url,
    /// Empty where the site asks only for a password.
    pub username: Source,
    /// Where the password comes from; never itself.
    pub password: Source,
    /// Where the codes come from, where the account has some.
    pub totp: Option<Source>,
    /// Where codes and links that the site sends come from, as TOML (see [`source::code`]).
    pub code: Option<String>,
    /// Further origins on which credentials may be typed.
    pub allowed_origins: Vec<String>,
    /// Whether a certificate that does not verify is accepted.
    pub ignore_https_errors: bool,
    /// What to do on the page; empty: find the form.
    pub steps: Vec<Step>,
    /// What must hold after the login.
    pub proof: Vec<Proof>,
    /// How to ask by plain HTTP.
    pub probe: Option<Probe>,
}

impl Draft {
    /// The three lines.
    pub fn new(url: Url, username: Source, password: Source) -> Self {
        Self {
            url,
            username,
            password,
            totp: None,
            code: None,
            allowed_origins: Vec::new(),
            ignore_https_errors: false,
            steps: Vec::new(),
            proof: Vec::new(),
            probe: None,
        }
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        let mut lines = vec![format!("url = {}", quoted(self.url.as_str()))];
        if self.username != Source::Literal("".into()) {
            lines.push(format!("username = {}", source::toml(&self.username)));
        }
        lines.push(format!("password = {}", source::toml(&self.password)));
        if let Some(totp) = &self.totp {
            lines.push(format!("totp = {}", source::toml(totp)));
        }
        lines.extend(self.code.as_ref().map(|code| format!("code = {code}")));
        if !self.allowed_origins.is_empty() {
            let origins = self.allowed_origins.iter().map(|o| quoted(o)).collect();
            lines.push(list("allowed_origins", origins));
        }
        if self.ignore_https_errors {
            lines.push("ignore_https_errors = true".to_owned());
        }
        if !self.steps.is_empty() {
            let steps: Vec<String> = self.steps.iter().map(|s| step(s, &self.url)).collect();
            lines.push(format!("steps = [\n  {},\n]", steps.join(",\n  ")));
        }
        match &self.proof[..] {
            [] => {}
            [one] => lines.push(format!("proof = {}", proof(one))),
            several => lines.push(list("proof", several.iter().map(proof).collect())),
        }
        if let Some(probe) = &self.probe {
            lines.push(format!("probe = {}", self.probe_text(probe)));
        }
        lines.join("\n") + "\n"
    }

    fn probe_text(&self, probe: &Probe) -> String {
        let url = quoted(&relative(&probe.url, &self.url));
        let mut more = Vec::new();
        if probe.status != 200 {
            more.push(format!("status = {}", probe.status));
        }
        for (key, text) in [("contains", &probe.contains), ("lacks", &probe.lacks)] {
            if let Some(text) = text {
                more.push(format!("{key} = {}", quoted(text)));
            }
        }
        match more.is_empty() {
            true => url,
            false => format!("{{ url = {url}, {} }}", more.join(", ")),
        }
    }

    /// What its text means to whoever reads the file: the recipe.
    ///
    /// # Errors
    /// The text cannot be read, or means something else: then there is a value that no recipe can hold.
    pub fn recipe(&self, site: &SiteName) -> Result<Recipe, Diagnostic> {
        let path = Path::new("sites").join(format!("{site}.toml"));
        let document = Document::parse(&path, &self.text())?;
        let recipe = read(site, &document, &|_| None)?.recipe;
        let account = recipe.accounts.first();
        let same = recipe.url == self.url
            && account.is_some_and(|account| {
                account.username == self.username
                    && account.password == self.password
                    && account.totp == self.totp
            })
            && recipe.allowed_origins == self.allowed_origins
            && recipe.ignore_https_errors == self.ignore_https_errors
            && recipe.steps == self.steps
            && recipe.proof == self.proof
            && recipe.probe == self.probe;
        match same {
            true => Ok(recipe),
            false => Err(Diagnostic::of(
                &path,
                "the recipe would not be read as it was meant",
                "write it by hand",
            )),
        }
    }
}

/// Text as a TOML string on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(key: &str, items: Vec<String>) -> String {
    let line = format!("{key} = [{}]", items.join(", "));
    match line.chars().count() > WIDTH {
        true => format!("{key} = [\n  {},\n]", items.join(",\n  ")),
        false => line,
    }
}

/// A URL as it is written beside the recipe's: without what both have.
fn relative(url: &Url, base: &Url) -> String {
    let whole = url.as_str();
    let short = whole.strip_prefix(&url.origin().ascii_serialization());
    match short.filter(|short| base.join(short).is_ok_and(|joined| joined == *url)) {
        Some(short) => short.to_owned(),
        None => whole.to_owned(),
    }
}

fn step(step: &Step, base: &Url) -> String {
    let with = |text: &Text| match text {
        Text::Username => quoted("{username}"),
        Text::Password => quoted("{password}"),
        Text::Plain(text) => quoted(text),
    };
    let inside = match step {
        Step::Goto(url) => format!("goto = {}", quoted(&relative(url, base))),
        Step::Fill(on, text) => format!("fill = {}, with = {}", locator(on), with(text)),
        Step::Select(on, text) => format!("select = {}, with = {}", locator(on), with(text)),
        Step::Check(on) => format!("check = {}", locator(on)),
        Step::Click { on, optional } => match optional {
            true => format!("click = {}, optional = true", locator(on)),
            false => format!("click = {}", locator(on)),
        },
        Step::Press(key, None) => format!("press = {}", quoted(key)),
        Step::Press(key, Some(on)) => format!("press = {}, on = {}", quoted(key), locator(on)),
        Step::WaitFor(on) => format!("wait_for = {}", locator(on)),
        Step::WaitForUrl(part) => format!("wait_for_url = {}", quoted(part)),
        Step::Code(on) => format!("code = {}", locator(on)),
        Step::Frame(None) => "frame = \"main\"".to_owned(),
        Step::Frame(Some(on)) => format!("frame = {}", locator(on)),
    };
    format!("{{ {inside} }}")
}

fn proof(proof: &Proof) -> String {
    match proof {
        Proof::Url(part) => format!("{{ url = {} }}", quoted(part)),
        Proof::Visible(on) => format!("{{ visible = {} }}", locator(on)),
        Proof::Cookie(name) => format!("{{ cookie = {} }}", quoted(name)),
    }
}

fn locator(locator: &Locator) -> String {
    let mut keys = match &locator.by {
        By::Role { role, name } => {
            let mut keys = vec![format!("role = {}", quoted(role))];
            keys.extend(name.as_ref().map(|name| format!("name = {}", quoted(name))));
            keys
        }
        By::Label(text) => vec![format!("label = {}", quoted(text))],
        By::Placeholder(text) => vec![format!("placeholder = {}", quoted(text))],
        By::Text(text) => vec![format!("text = {}", quoted(text))],
        By::TestId(id) => vec![format!("testid = {}", quoted(id))],
        By::Css(css) if !locator.exact && locator.nth.is_none() && !looks_like_engine(css) => {
            return quoted(css);
        }
        By::Css(css) => vec![format!("css = {}", quoted(css))],
    };
    if locator.exact {
        keys.push("exact = true".to_owned());
    }
    keys.extend(locator.nth.map(|nth| format!("nth = {nth}")));
    format!("{{ {} }}", keys.join(", "))
}

/// Whether a selector alone would be read as another engine's, or as the word for the page itself.
fn looks_like_engine(css: &str) -> bool {
    let word = css.split('=').next().unwrap_or_default();
    css == "main" || css.contains('=') && word.chars().all(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draft() -> Draft {
        let url = "https://wiki.example.org/login".parse().unwrap();
        Draft::new(
            url,
            Source::Literal("bob".into()),
            Source::Env("WIKI_PASSWORD".into()),
        )
    }

    fn css(css: &str) -> Locator {
        Locator {
            by: By::Css(css.into()),
            exact: false,
            nth: None,
        }
    }

    #[test]
    fn three_lines_stay_three_lines() {
        insta::assert_snapshot!(draft().text(), @r#"
        url = "https://wiki.example.org/login"
        username = "bob"
        password = { env = "WIKI_PASSWORD" }
        "#);
        let mut alone = draft();
        alone.username = Source::Literal("".into());
        assert!(!alone.text().contains("username"));
        alone.recipe(&"wiki".parse().unwrap()).unwrap();
    }

    #[test]
    fn what_was_needed_stands_below_them() {
        let mut full = draft();
        full.totp = Some(Source::Command(vec![
            "pass".into(),
            "otp".into(),
            "a b".into(),
        ]));
        full.allowed_origins = vec!["https://sso.example.org".into()];
        full.ignore_https_errors = true;
        full.steps = vec![
            Step::Fill(css("#user"), Text::Username),
            Step::Fill(
                Locator {
                    by: By::Label("Pass \"word\"".into()),
                    exact: true,
                    nth: Some(1),
                },
                Text::Password,
            ),
            Step::Click {
                on: Locator {
                    by: By::Role {
                        role: "button".into(),
                        name: Some("Sign in".into()),
                    },
                    exact: false,
                    nth: None,
                },
                optional: true,
            },
            Step::Goto("https://wiki.example.org/a?b=c".parse().unwrap()),
            Step::Frame(Some(css("iframe"))),
            Step::Frame(None),
        ];
        full.proof = vec![Proof::Url("/home".into()), Proof::Cookie("sid".into())];
        full.probe = Some(Probe {
            url: "https://wiki.example.org/me".parse().unwrap(),
            status: 200,
            contains: Some("bob".into()),
            lacks: None,
        });
        full.recipe(&"wiki".parse().unwrap()).unwrap();
        insta::assert_snapshot!(full.text(), @r##"
        url = "https://wiki.example.org/login"
        username = "bob"
        password = { env = "WIKI_PASSWORD" }
        totp = { command = ["pass", "otp", "a b"] }
        allowed_origins = ["https://sso.example.org"]
        ignore_https_errors = true
        steps = [
          { fill = "#user", with = "{username}" },
          { fill = { label = "Pass \"word\"", exact = true, nth = 1 }, with = "{password}" },
          { click = { role = "button", name = "Sign in" }, optional = true },
          { goto = "/a?b=c" },
          { frame = "iframe" },
          { frame = "main" },
        ]
        proof = [{ url = "/home" }, { cookie = "sid" }]
        probe = { url = "/me", contains = "bob" }
        "##);
    }

    fn text() -> impl Strategy<Value = String> {
        "[^\\x00${}]{0,12}[a-zé\"'\\\\#]".prop_filter("not blank", |t| !t.trim().is_empty())
    }

    fn locators() -> impl Strategy<Value = Locator> {
        let by = prop_oneof![
            (text(), proptest::option::of(text())).prop_map(|(role, name)| By::Role { role, name }),
            text().prop_map(By::Label),
            text().prop_map(By::TestId),
            text().prop_map(By::Css),
            "(text|css|id|a)=[a-z]{1,3}".prop_map(By::Css),
        ];
        (by, any::<bool>(), proptest::option::of(0..9usize)).prop_map(|(by, exact, nth)| Locator {
            by,
            exact,
            nth,
        })
    }

    fn steps() -> impl Strategy<Value = Step> {
        let texts = prop_oneof![
            Just(Text::Username),
            Just(Text::Password),
            "[^{}\\x00]{0,9}".prop_map(Text::Plain),
        ];
        prop_oneof![
            (locators(), texts).prop_map(|(on, text)| Step::Fill(on, text)),
            (locators(), any::<bool>()).prop_map(|(on, optional)| Step::Click { on, optional }),
            (text(), proptest::option::of(locators())).prop_map(|(key, on)| Step::Press(key, on)),
            locators().prop_map(Step::WaitFor),
            locators().prop_map(Step::Code),
            text().prop_map(Step::WaitForUrl),
            locators().prop_map(|on| Step::Frame(Some(on))),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was_meant(
            steps in proptest::collection::vec(steps(), 0..5),
            user in "[^\\x00]{0,20}",
            path in "[a-z/?=&%{}.]{0,20}",
        ) {
            let mut draft = draft();
            draft.username = Source::Literal(user.as_str().into());
            draft.steps = steps;
            let url = draft.url.join(&format!("/x{path}")).unwrap();
            draft.probe = Some(Probe { url, status: 200, contains: Some(user + "x"), lacks: None });
            let read = draft.recipe(&"wiki".parse().unwrap());
            prop_assert!(read.is_ok(), "{}\n{}", read.unwrap_err(), draft.text());
        }
    }
}
