//! What is done on the page and seen there: locators, steps, proofs.

use url::Url;

use super::{Checked, Reader};
use crate::document::{At, TextOr};
use crate::sites::recipe::{By, Locator, Proof, Step, Text};
use crate::sites::shape::{RawLocator, RawPlace, RawProof, RawStep};

impl Reader<'_> {
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

    pub(super) fn step(&mut self, number: usize, raw: At<RawStep>, url: &Url) -> Checked<Step> {
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
        if action == "select" && text == Text::Password {
            return self.refuse(
                &span,
                format!("step {number}: a password is typed, not chosen from a list"),
                "write { fill = …, with = \"{password}\" }",
            );
        }
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

    pub(super) fn proof(&mut self, raw: At<RawProof>) -> Checked<Proof> {
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
}
