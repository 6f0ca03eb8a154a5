//! The Recorder's selectors, and the one locator that is made of them.

use super::{Chain, Raw};
use crate::sites::recipe::{By, Locator};

/// The element of a step, by every selector that the Recorder gave it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    kind: String,
    aria: Option<Aria>,
    testid: Option<String>,
    css: Option<String>,
    text: Option<String>,
    xpath: Option<String>,
    all: Vec<Chain>,
}

/// `aria/Name[role="button"]`.
#[derive(Debug, Clone)]
struct Aria {
    name: String,
    role: Option<String>,
}

impl Place {
    /// Reads the selectors of a step.
    pub(super) fn read(raw: &Raw) -> Self {
        let mut place = Self {
            kind: raw.kind.clone(),
            aria: None,
            testid: None,
            css: None,
            text: None,
            xpath: None,
            all: raw.selectors.clone(),
        };
        for chain in &raw.selectors {
            // The hosts around it need not be named: open shadow roots are searched too.
            let own = match chain {
                Chain::One(own) => Some(own),
                Chain::Several(chain) => chain.last(),
            };
            let Some(own) = own else { continue };
            let keep = |slot: &mut Option<String>, text: &str| {
                if !text.trim().is_empty() {
                    slot.get_or_insert(text.trim().to_owned());
                }
            };
            if let Some(text) = own.strip_prefix("aria/") {
                place.aria = place.aria.take().or_else(|| Aria::read(text));
            } else if let Some(text) = own.strip_prefix("text/") {
                keep(&mut place.text, text);
            } else if let Some(path) = own.strip_prefix("xpath/") {
                keep(&mut place.xpath, path);
            } else {
                let css = own.strip_prefix("pierce/").unwrap_or(own);
                match testid(css) {
                    Some(id) => keep(&mut place.testid, &id),
                    None => keep(&mut place.css, css),
                }
            }
        }
        if place.css.is_none() {
            place.css = place.xpath.as_deref().and_then(css_of);
        }
        place
    }

    /// Whether both have a selector in common.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.all.iter().any(|chain| other.all.contains(chain))
    }

    /// Whether it is a list to choose from.
    pub(super) fn is_list(&self) -> bool {
        self.tag() == Some("select")
    }

    /// Everything that its selectors say, lower case.
    pub(super) fn words(&self) -> String {
        let parts = [&self.testid, &self.css, &self.xpath, &self.text];
        let parts = parts.into_iter().flatten().map(String::as_str);
        let name = self.aria.iter().map(|aria| aria.name.as_str());
        parts
            .chain(name)
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase()
    }

    /// The locator that will last longest.
    ///
    /// # Errors
    /// Nothing of what was recorded can be said in a recipe.
    pub(super) fn locator(&self) -> Result<Locator, String> {
        let found = |by| {
            Ok(Locator {
                by,
                exact: false,
                nth: None,
            })
        };
        let steady = self.css.as_deref().filter(|css| is_id(css) || names(css));
        if let Some(aria) = &self.aria {
            if self.kind == "change" {
                // The name of a field may be its placeholder, which is no label: what the page's author calls it is surer.
                if steady.is_none() && self.testid.is_none() {
                    return found(By::Label(aria.name.clone()));
                }
            } else if let Some(role) = aria.role.as_deref().or_else(|| self.role()) {
                return found(By::Role {
                    role: role.to_owned(),
                    name: Some(aria.name.clone()),
                });
            }
        }
        if let Some(testid) = &self.testid {
            return found(By::TestId(testid.clone()));
        }
        if let Some(css) = steady {
            return found(By::Css(css.to_owned()));
        }
        // A field has no text of its own.
        if let Some(text) = self.text.as_ref().filter(|_| self.kind != "change") {
            return found(By::Text(text.clone()));
        }
        if let Some(css) = &self.css {
            return found(By::Css(css.clone()));
        }
        match &self.xpath {
            Some(xpath) => Err(format!(
                "its only selector, XPath {xpath}, cannot be said in a recipe; give the element another selector in the Recorder (CSS, ARIA or text) and export again"
            )),
            None => Err("none of its selectors can be read; record it again".to_owned()),
        }
    }

    /// The role that an element of this tag has by itself.
    fn role(&self) -> Option<&'static str> {
        match self.tag()? {
            "button" => Some("button"),
            "a" => Some("link"),
            "summary" => Some("button"),
            _ => None,
        }
    }

    /// The element's tag, where a selector names it.
    fn tag(&self) -> Option<&str> {
        let css = self
            .css
            .as_deref()
            .and_then(|css| css.split([' ', '>']).next_back());
        let xpath = self
            .xpath
            .as_deref()
            .and_then(|path| path.rsplit('/').next());
        let tag = |step: &'_ str| -> usize {
            step.find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(step.len())
        };
        [css, xpath]
            .into_iter()
            .flatten()
            .map(|step| &step[..tag(step)])
            .find(|tag| !tag.is_empty())
    }
}

impl Aria {
    fn read(text: &str) -> Option<Self> {
        let (name, role) = match text.rsplit_once("[role=") {
            Some((name, role)) => (
                name,
                Some(role.trim_end_matches(']').trim_matches(['"', '\''])),
            ),
            None => (text, None),
        };
        let name = name.trim().to_owned();
        let role = role.map(str::to_owned).filter(|role| !role.is_empty());
        (!name.is_empty()).then_some(Self { name, role })
    }
}

/// The value of `[data-testid=…]`.
fn testid(css: &str) -> Option<String> {
    let inside = css.strip_prefix('[')?.strip_suffix(']')?;
    let (name, value) = inside.split_once('=')?;
    let value = value.trim_matches(['"', '\'']);
    (name == "data-testid" && !value.contains(['\\', '"', ']'])).then(|| value.to_owned())
}

/// Whether a selector is an id, and one that a person has written.
fn is_id(css: &str) -> bool {
    css.strip_prefix('#').is_some_and(|id| {
        let plain = id
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        plain && id.chars().filter(char::is_ascii_digit).count() < 4
    })
}

/// Whether a selector goes by what a form calls its field.
fn names(css: &str) -> bool {
    !css.contains(":nth")
        && [
            "[name=",
            "[autocomplete=",
            "[type=\"password\"]",
            "[type='password']",
        ]
        .iter()
        .any(|part| css.contains(part))
}

/// A plain path as CSS: `//*[@id="x"]/div[2]/input` is `#x > div:nth-of-type(2) > input`.
fn css_of(xpath: &str) -> Option<String> {
    let path = xpath.trim();
    let (anywhere, path) = match path.strip_prefix("//") {
        Some(path) => (true, path),
        None => (false, path.strip_prefix('/')?),
    };
    // What is below an id's element is found anywhere; a path from the top begins at it.
    let mut out = match anywhere {
        true => String::new(),
        false => ":root".to_owned(),
    };
    for (at, step) in path.split('/').enumerate() {
        let (tag, rest) = step.split_at(step.find('[').unwrap_or(step.len()));
        let named = tag == "*"
            || !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !named {
            return None;
        }
        if !anywhere && at == 0 {
            if tag != "html" || !rest.is_empty() {
                return None;
            }
            continue;
        }
        let mut css = if tag == "*" {
            String::new()
        } else {
            tag.to_owned()
        };
        if let Some(inside) = rest.strip_prefix('[') {
            let inside = inside.strip_suffix(']')?;
            match (inside.parse::<usize>(), inside.strip_prefix('@')) {
                (Ok(nth), _) if tag != "*" => css += &format!(":nth-of-type({nth})"),
                (_, Some(attribute)) => {
                    let (name, value) = attribute.split_once('=')?;
                    let value = value.trim_matches(['"', '\'']);
                    if value.contains(['"', '\\', ']'])
                        || name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                    {
                        return None;
                    }
                    css += &match name == "id" && is_id(&format!("#{value}")) {
                        true => format!("#{value}"),
                        false => format!("[{name}=\"{value}\"]"),
                    };
                }
                _ => return None,
            }
        } else if tag == "*" {
            css.push('*');
        }
        if !out.is_empty() {
            out.push_str(" > ");
        }
        out.push_str(&css);
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_css_and_another_is_not() {
        for (xpath, css) in [
            ("//*[@id=\"user\"]", Some("#user")),
            (
                "//*[@id=\"f-12345\"]/div[2]/input",
                Some("[id=\"f-12345\"] > div:nth-of-type(2) > input"),
            ),
            (
                "/html/body/form/input[1]",
                Some(":root > body > form > input:nth-of-type(1)"),
            ),
            ("//input[@name='q']", Some("input[name=\"q\"]")),
            ("//button[contains(., \"Go\")]", None),
            ("//a[text()=\"x/y\"]", None),
            ("//div//input", None),
            ("/body", None),
            ("", None),
        ] {
            assert_eq!(css_of(xpath).as_deref(), css, "{xpath}");
        }
    }
}
