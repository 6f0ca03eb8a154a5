//! `[memory]`: what is remembered, and how it is found.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

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
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbedderConfig {
    /// Nothing: words alone are compared.
    None,
    /// The table of words that is built in.
    #[default]
    Table,
    /// A model in a folder, relative to the root: a static table, or ONNX.
    #[serde(untagged)]
    Dir {
        /// The folder.
        dir: PathBuf,
    },
    /// A server with an API as OpenAI's: its `/embeddings`.
    #[serde(untagged)]
    Http {
        /// Base of the API, like `http://127.0.0.1:11434/v1`.
        url: Url,
        /// The model that is asked.
        model: String,
        /// Where its key comes from.
        #[serde(default, deserialize_with = "super::registry::source")]
        key: Option<Source>,
    },
}
