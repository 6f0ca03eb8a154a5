//! Addresses, and what `${NAME}` in them stands for.

use url::Url;

use super::{Checked, Reader};
use crate::document::At;

impl Reader<'_> {
    /// The text with `${NAME}` and `${NAME:-default}` replaced, as a shell does.
    pub(super) fn interpolate(&mut self, text: &At<String>) -> Checked<String> {
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
    pub(super) fn url(&mut self, text: &At<String>, base: Option<&Url>) -> Checked<Url> {
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

    pub(super) fn origin(&mut self, text: &At<String>) -> Checked<String> {
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
}
