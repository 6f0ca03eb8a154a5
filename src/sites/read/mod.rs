//! From one file to one checked [`Recipe`].

mod account;
mod address;
mod factor;
mod fingerprint;
mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;

use chrono::{DateTime, TimeDelta};
use croner::parser::{CronParser, Seconds};
use url::Url;

use crate::config::Diagnostic;
use crate::document::{At, Document, Length, TextOr, duration};
use crate::ids::{Combination, SiteName};
use crate::sites::recipe::{Probe, Recipe, Renewal};
use crate::sites::shape::{RawProbe, RawRecipe, RawRenewal};
use fingerprint::fingerprint;

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
    let raw: RawRecipe = document.shape().map_err(explain)?;
    let mut reader = Reader {
        site,
        document,
        env,
        resolved: Vec::new(),
        warnings: Vec::new(),
        names: Vec::new(),
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
        && let Some(account) = accounts.iter().find(|account| {
            account.totp.is_none() && account.code.is_none() && account.recovery_codes.is_none()
        })
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
    let combine = reader.combine(site, &raw.combine)?;
    if raw.sealed
        && let Some(first) = raw.combine.first()
    {
        let message = "a combination's file is plain: it would give the sealed session away";
        let help = "remove the combination, or sealed = true";
        return reader.refuse(&first.span, message, help);
    }
    let renewal = reader.renewal(raw.renewal)?;
    let timeout = raw
        .timeout
        .map(|timeout| reader.length(&timeout, 5, 15 * 60))
        .transpose()?;
    let Reader {
        resolved,
        warnings,
        names,
        ..
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
        sealed: raw.sealed,
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
fn explain(mut diagnostic: Diagnostic) -> Diagnostic {
    let nested = diagnostic.line.is_some();
    let add = match diagnostic.message.as_str() {
        "the key \"url\" is missing" if nested => "{ url = \"/account\" }".to_owned(),
        "the key \"url\" is missing" => "url = \"https://example.org/login\"".to_owned(),
        "the key \"name\" is missing" => "name = \"bob\"".to_owned(),
        message => {
            if message.starts_with("\"steps\" must be a list") {
                diagnostic.help = "for example: steps = [{ click = \"#login\" }]".to_owned();
            } else if message.starts_with("\"accounts\" must be a list") {
                diagnostic.help = "each account begins with the line [[accounts]]".to_owned();
            } else if message.starts_with("\"command\" must be a list") {
                diagnostic.help =
                    "for example: command = [\"pass\", \"show\", \"wiki\"]".to_owned();
            } else if diagnostic.help.starts_with("known keys: name, username, ") {
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

struct Reader<'a> {
    site: &'a SiteName,
    document: &'a Document,
    env: &'a dyn Fn(&str) -> Option<String>,
    /// Texts in which `${…}` was replaced.
    resolved: Vec<String>,
    warnings: Vec<Diagnostic>,
    names: Vec<(SiteName, Diagnostic)>,
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

    fn length(&self, text: &At<Length>, least: i64, most: i64) -> Checked<TimeDelta> {
        duration(&text.value.0, least, most).or_else(|said| {
            let (message, help) = said.split_once("; ").unwrap_or((&said, ""));
            self.refuse(&text.span, message, help)
        })
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

    fn combine(&mut self, site: &SiteName, raw: &[At<String>]) -> Checked<Vec<Combination>> {
        let mut combinations = BTreeSet::new();
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
                let warning = self.document.at(&text.span, message, help);
                self.names.push((other.clone(), warning));
            }
            combinations.insert(combination.sorted());
        }
        Ok(combinations.into_iter().collect())
    }
}
