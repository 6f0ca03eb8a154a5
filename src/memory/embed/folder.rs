//! A model in a folder: which one it is is seen by its files.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::onnx::{Onnx, Pooling, Prompts};
use super::table::{Table, header};
use super::{Kind, Opened, Side, fingerprint, usual};

/// Where a transformer lies, the smallest first.
const ONNX: [&str; 8] = [
    "model_int8.onnx",
    "model_quantized.onnx",
    "model.onnx",
    "onnx/model_int8.onnx",
    "onnx/model_quantized.onnx",
    "onnx/model_qint8.onnx",
    "onnx/model_uint8.onnx",
    "onnx/model.onnx",
];
/// Largest file that is read, bytes.
const LARGEST: u64 = 2 << 30;
/// What the fingerprint stands for besides the files: how texts are read with them.
const WAY: &str = "jarkeeper 1";

/// The files of a model.
pub struct Folder {
    path: PathBuf,
    /// Path below the folder, and bytes; in a fixed order.
    files: Vec<(&'static str, Vec<u8>)>,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Table,
    Onnx,
}

impl Folder {
    /// Reads the files of the model that a folder holds.
    ///
    /// # Errors
    /// It holds none: which file is missing or wrong, and the way out.
    pub fn read(path: &Path) -> Result<Self, String> {
        if !path.is_dir() {
            return Err(format!(
                "there is no folder {}; put a model there with \"jarkeeper model import\" or \"jarkeeper model pull\", or set [memory] embedder to \"table\"",
                path.display()
            ));
        }
        let tokenizer = needed(path, "tokenizer.json")?;
        let mut files = vec![("tokenizer.json", tokenizer)];
        let tensors = optional(path, "model.safetensors")?;
        let onnx = ONNX.into_iter().find(|name| path.join(name).is_file());
        let what = match (tensors, onnx) {
            (Some(tensors), None) => {
                if !is_table(&tensors) {
                    return Err(wrong(
                        path,
                        "model.safetensors",
                        "holds the layers of a transformer; such a model is read as ONNX: put model.onnx (int8) beside it",
                    ));
                }
                files.push(("model.safetensors", tensors));
                let config = optional(path, "config.json")?;
                files.push(("config.json", config.unwrap_or_else(|| b"{}".to_vec())));
                What::Table
            }
            (_, Some(name)) => {
                files.push((name, needed(path, name)?));
                for name in [POOLING, PROMPTS] {
                    files.extend(optional(path, name)?.map(|bytes| (name, bytes)));
                }
                What::Onnx
            }
            (None, None) => {
                return Err(format!(
                    "{} holds no model: a static table is model.safetensors, a transformer model.onnx, each with tokenizer.json beside it",
                    path.display()
                ));
            }
        };
        Ok(Self {
            path: path.to_owned(),
            files,
            what,
        })
    }

    /// Whatever files of a model a folder holds, by their paths below it; perhaps not all that one needs.
    ///
    /// # Errors
    /// There are none, or one cannot be read.
    pub(super) fn parts(path: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
        let plain = [
            "tokenizer.json",
            "model.safetensors",
            "config.json",
            POOLING,
            PROMPTS,
        ];
        // Of the same transformer in several sizes the smallest.
        let onnx = ONNX.into_iter().find(|name| path.join(name).is_file());
        let mut parts = Vec::new();
        for name in plain.into_iter().chain(onnx) {
            parts.extend(optional(path, name)?.map(|bytes| (name.to_owned(), bytes)));
        }
        match parts.is_empty() {
            true => Err(format!(
                "{} holds no file of a model (tokenizer.json, model.safetensors, model.onnx)",
                path.display()
            )),
            false => Ok(parts),
        }
    }

    /// The files that belong to the model, by their paths below the folder.
    fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(name, bytes)| (*name, bytes.as_slice()))
    }

    /// In words.
    pub fn what(&self) -> &'static str {
        match self.what {
            What::Table => "static table",
            What::Onnx => "transformer (ONNX)",
        }
    }

    /// Opens it, and shows that it gives vectors: how many numbers each has, and its fingerprint.
    ///
    /// # Errors
    /// It cannot be used: which file, why, and the way out.
    pub fn proven(self) -> Result<(usize, String), String> {
        let opened = self.open()?;
        Ok((opened.dimension, opened.fingerprint))
    }

    pub(super) fn open(self) -> Result<Opened, String> {
        let parts = self.files();
        let fingerprint = fingerprint(parts.chain([("way", WAY.as_bytes())]));
        let name = self
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let texts = usual::texts();
        let (dimension, strangers, kind) = match self.what {
            What::Table => {
                let table = Table::of(
                    self.file("tokenizer.json"),
                    self.file("model.safetensors"),
                    self.file("config.json"),
                );
                let table = table.map_err(|why| self.unusable(&why))?;
                let strangers = texts.iter().map(|text| table.embed(text));
                (table.dimension(), strangers.collect(), Kind::Table(table))
            }
            What::Onnx => {
                let model = self
                    .files
                    .get(1)
                    .map(|(_, bytes)| bytes.clone())
                    .unwrap_or_default();
                let pooling =
                    pooling(self.file(POOLING)).map_err(|why| wrong(&self.path, POOLING, &why))?;
                let prompts = prompts(self.file(PROMPTS));
                let onnx = Onnx::of(self.file("tokenizer.json"), model, pooling, prompts);
                let onnx = onnx.map_err(|why| self.unusable(&why))?;
                let strangers = texts.iter().map(|text| onnx.embed(text, Side::Kept));
                let strangers = strangers.collect::<Result<_, _>>();
                let strangers = strangers.map_err(|why| self.unusable(&why))?;
                (onnx.dimension(), strangers, Kind::Onnx(onnx.into()))
            }
        };
        Ok(Opened {
            name: name.unwrap_or_else(|| "model".to_owned()),
            fingerprint,
            dimension,
            strangers,
            kind,
        })
    }

    /// Empty where it is missing.
    fn file(&self, name: &str) -> &[u8] {
        let found = self.files.iter().find(|(own, _)| *own == name);
        found.map(|(_, bytes)| bytes.as_slice()).unwrap_or_default()
    }

    fn unusable(&self, why: &str) -> String {
        format!(
            "the model in {} cannot be used: {why}; put a whole one there with \"jarkeeper model import\", or set [memory] embedder to \"table\"",
            self.path.display()
        )
    }
}

/// How a transformer's vectors of words become one, in the words of sentence-transformers.
const POOLING: &str = "1_Pooling/config.json";
/// What stands in front of texts.
const PROMPTS: &str = "config_sentence_transformers.json";

fn pooling(bytes: &[u8]) -> Result<Pooling, String> {
    if bytes.is_empty() {
        return Ok(Pooling::Mean);
    }
    let config: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("is no JSON ({error})"))?;
    let says = |name: &str| config[name].as_bool() == Some(true);
    match () {
        () if says("pooling_mode_mean_tokens") => Ok(Pooling::Mean),
        () if says("pooling_mode_cls_token") => Ok(Pooling::First),
        () => Err("wants a pooling that is not known here; mean and cls are".to_owned()),
    }
}

fn prompts(bytes: &[u8]) -> Prompts {
    let config: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let prompt = |names: [&str; 2]| {
        let found = names
            .into_iter()
            .find_map(|name| config["prompts"][name].as_str());
        found.unwrap_or_default().to_owned()
    };
    Prompts {
        asked: prompt(["query", "question"]),
        kept: prompt(["passage", "document"]),
    }
}

fn is_table(tensors: &[u8]) -> bool {
    // Of what is no file of tensors the table says so.
    let Some(header) = header(tensors) else {
        return true;
    };
    !header.keys().any(|name| name.contains("layer"))
}

fn needed(path: &Path, name: &str) -> Result<Vec<u8>, String> {
    optional(path, name)?.ok_or_else(|| wrong(path, name, "is missing; a model has tokenizer.json, and model.safetensors (a static table) or model.onnx"))
}

fn optional(path: &Path, name: &str) -> Result<Option<Vec<u8>>, String> {
    let file = path.join(name);
    let size = match std::fs::metadata(&file) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(path, name, &format!("cannot be read ({error})"))),
    };
    if size > LARGEST {
        return Err(wrong(
            path,
            name,
            "is larger than 2 GiB; use a smaller model",
        ));
    }
    let bytes = std::fs::read(&file);
    let bytes = bytes.map_err(|error| wrong(path, name, &format!("cannot be read ({error})")))?;
    Ok(Some(bytes))
}

fn wrong(path: &Path, name: &str, why: &str) -> String {
    format!("{} {why}", path.join(name).display())
}
