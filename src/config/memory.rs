//! `[memory]`: what is remembered, and how it is found.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{self, Deserializer};
use url::Url;

use crate::document::{Described, TextOr};
use crate::source::Source;

/// `[memory]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// What says which texts mean the same.
    pub embedder: EmbedderConfig,
    /// A folder whose documents are kept in the owner's memory; relative to the root. `None`: none.
    pub documents: Option<PathBuf>,
    /// Whether the model of `[llm]` reads facts out of what was said.
    pub facts: bool,
}

/// What makes vectors of texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum EmbedderConfig {
    /// Nothing: words alone are compared.
    None,
    /// The table of words that is built in.
    #[default]
    Table,
    /// A model in a folder, relative to the root: a static table, or ONNX.
    Dir {
        /// The folder.
        dir: PathBuf,
    },
    /// A server with an API as OpenAI's: its `/embeddings`.
    Http {
        /// Base of the API, like `http://127.0.0.1:11434/v1`. `https`, or `http` on this machine.
        url: Url,
        /// The model that is asked.
        model: String,
        /// Where its key comes from.
        key: Option<Source>,
    },
}

const FORMS: &str = "write \"table\", \"none\", { dir = \"models/NAME\" } or { url = \"http://127.0.0.1:11434/v1\", model = \"NAME\" }, with key = { env = \"NAME\" } where the server wants one";

/// The table, before it is checked.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawEmbedder {
    dir: Option<PathBuf>,
    #[serde(deserialize_with = "super::registry::base")]
    url: Option<Url>,
    model: Option<String>,
    #[serde(deserialize_with = "super::registry::source")]
    key: Option<Source>,
}

impl Described for RawEmbedder {
    const EXPECTED: &'static str = "text or a table; \"table\"";
}

impl<'de> Deserialize<'de> for EmbedderConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |what: &str| Err(de::Error::custom(format!("{what}; {FORMS}")));
        let raw = match TextOr::<RawEmbedder>::deserialize(deserializer)? {
            TextOr::Text(word) if word == "none" => return Ok(Self::None),
            TextOr::Text(word) if word == "table" => return Ok(Self::Table),
            // It may be a URL with a password.
            TextOr::Text(_) => return wrong("this word names no embedder"),
            TextOr::Table(raw) => raw,
        };
        match (raw.dir, raw.url, raw.model, raw.key) {
            (Some(dir), None, None, None) => Ok(Self::Dir { dir }),
            (None, Some(url), Some(model), key) if !model.is_empty() => {
                Ok(Self::Http { url, model, key })
            }
            (None, Some(_), ..) => wrong("\"model\" must say what the server is asked for"),
            (Some(_), ..) => wrong("\"dir\" stands alone: a folder needs no server"),
            (None, None, ..) => wrong("\"dir\" or \"url\" must say where the model is"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn read(embedder: &str) -> Result<EmbedderConfig, String> {
        let text = format!("embedder = {embedder}");
        let document = Document::parse("config.toml".as_ref(), &text).unwrap();
        let read = document.shape::<MemoryConfig>();
        read.map(|memory| memory.embedder)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_embedder_is_read() {
        assert_eq!(read("'none'").unwrap(), EmbedderConfig::None);
        assert_eq!(read("'table'").unwrap(), EmbedderConfig::Table);
        let dir = PathBuf::from("models/mine");
        assert_eq!(
            read("{ dir = 'models/mine' }").unwrap(),
            EmbedderConfig::Dir { dir }
        );
        let http = |url: &str, key| EmbedderConfig::Http {
            url: Url::parse(url).unwrap(),
            model: "m".to_owned(),
            key,
        };
        assert_eq!(
            read("{ url = 'http://[::1]:11434/v1', model = 'm' }").unwrap(),
            http("http://[::1]:11434/v1", None)
        );
        assert_eq!(
            read("{ url = 'https://api.example.org/v1', model = 'm', key = { env = 'K' } }")
                .unwrap(),
            http(
                "https://api.example.org/v1",
                Some(Source::Env("K".to_owned()))
            )
        );
    }

    #[test]
    fn a_wrong_embedder_says_what_may_stand_there_and_texts_go_to_no_server_in_the_clear() {
        for (embedder, what) in [
            (
                "'tabel'",
                "names no embedder; write \"table\", \"none\", { dir =",
            ),
            ("''", "names no embedder"),
            (
                "{ dri = 'models/mine' }",
                "unknown key \"dri\"; did you mean \"dir\"",
            ),
            ("{ url = 'http://127.0.0.1:1/v1' }", "\"model\" must say"),
            (
                "{ url = 'http://127.0.0.1:1/v1', model = '' }",
                "\"model\" must say",
            ),
            ("{ model = 'm' }", "\"dir\" or \"url\""),
            ("{}", "\"dir\" or \"url\""),
            (
                "{ dir = 'a', url = 'http://127.0.0.1:1/v1', model = 'm' }",
                "stands alone",
            ),
            (
                "{ url = 'http://api.example.org/v1', model = 'm' }",
                "must be https: what people say is sent to it",
            ),
            (
                "{ url = 'https://me:hidden@api.example.org/v1', model = 'm' }",
                "no user and no password",
            ),
            (
                "{ url = 'ftp://127.0.0.1/v1', model = 'm' }",
                "is not its scheme",
            ),
            (
                "{ url = 'http://127.0.0.1:1/v1', model = 'm', key = 'sk-hidden' }",
                "a table",
            ),
            (
                "{ url = 'http://127.0.0.1:1/v1', model = 'm', key = { evn = 'K' } }",
                "unknown key \"evn\"",
            ),
            ("true", "text or a table"),
        ] {
            let said = read(embedder).unwrap_err();
            assert!(
                said.contains(what) && !said.contains("hidden"),
                "{embedder}: {said}"
            );
        }
    }
}
