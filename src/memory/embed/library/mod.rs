//! Models below `models`: how they come there, and that they are what they were. Nothing here goes to the network but [`pull()`],
//! and that only when a person says so.

mod archive;
mod known;
mod pull;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Folder, hexadecimal};

pub use known::{KNOWN, Known, Package};
pub use pull::{INDEX, pull};

/// The folder of models, below the root.
pub const MODELS: &str = "models";
/// What is written beside the files of a model: what they were when they came.
const NOTE: &str = "jarkeeper.json";
/// Files of a model, by the ends of their paths in a package.
const FILES: [&str; 6] = [
    "tokenizer.json",
    "model.safetensors",
    "config.json",
    "1_Pooling/config.json",
    "config_sentence_transformers.json",
    ".onnx",
];

/// A model that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What it is, in words.
    pub what: String,
    /// How many numbers a vector of it has.
    pub dimension: usize,
    /// Its fingerprint.
    pub fingerprint: String,
    /// What it was made of.
    pub from: Vec<String>,
    /// SHA-256 of each file, by its path.
    pub files: BTreeMap<String, String>,
}

/// What is found under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Shelved {
    /// Its name.
    pub name: String,
    /// What it was when it came; or why that is not so any more.
    pub note: Result<Note, String>,
}

/// Takes a model out of folders and packages (wheels, zip files) and puts it below `models`, whole or not at all. One that is there
/// under the name is replaced.
///
/// # Errors
/// What is wrong with which source, and the way out.
pub fn import(root: &Path, name: &str, sources: &[PathBuf]) -> Result<Note, String> {
    let mut files = BTreeMap::new();
    for source in sources {
        for (path, bytes) in files_of(source)? {
            let before = files.insert(path.clone(), bytes);
            if before.is_some_and(|before| files.get(&path) != Some(&before)) {
                return Err(format!(
                    "two sources hold {path}, and they differ; name only those that belong to one model"
                ));
            }
        }
    }
    let from = sources.iter().map(|source| {
        let name = source.file_name().unwrap_or(source.as_os_str());
        name.to_string_lossy().into_owned()
    });
    shelve(root, name, files, from.collect())
}

/// The models below `models`, by name; each file is read and compared with what it was.
///
/// # Errors
/// The folder cannot be read.
pub fn shelf(root: &Path) -> Result<Vec<Shelved>, String> {
    let folder = root.join(MODELS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{} cannot be read: {error}", folder.display())),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    let all = names.into_iter().map(|name| Shelved {
        note: look(&folder.join(&name)),
        name,
    });
    Ok(all.collect())
}

/// Compares a model with what it was.
fn look(folder: &Path) -> Result<Note, String> {
    let note = fs::read(folder.join(NOTE))
        .map_err(|_| format!("it was put there by hand: no {NOTE} says what its files were"))?;
    let note: Note =
        serde_json::from_slice(&note).map_err(|error| format!("{NOTE} is wrong: {error}"))?;
    for (path, sum) in &note.files {
        let bytes = fs::read(folder.join(path));
        let bytes = bytes
            .map_err(|error| format!("{path} cannot be read: {error}; import the model again"))?;
        if sha256(&bytes) != *sum {
            return Err(format!("{path} is not what it was; import the model again"));
        }
    }
    Ok(note)
}

fn files_of(source: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    if source.is_dir() {
        return Folder::parts(source);
    }
    let bytes = fs::read(source)
        .map_err(|error| format!("{} cannot be read: {error}", source.display()))?;
    let wrong = |why: String| format!("{}: {why}", source.display());
    let members = archive::members(&bytes).map_err(wrong)?;
    let mut found: BTreeMap<String, &archive::Member> = BTreeMap::new();
    for member in &members {
        let path = member.name.as_str();
        let Some(end) = FILES.into_iter().find(|end| path.ends_with(end)) else {
            continue;
        };
        // `config.json` of the pooling is another file than that of the model.
        let own = match end {
            ".onnx" => path.rsplit('/').next().unwrap_or(path),
            "config.json" if path.ends_with("1_Pooling/config.json") => "1_Pooling/config.json",
            end if path == end || path.ends_with(&format!("/{end}")) => end,
            _ => continue,
        };
        // The one that lies nearest to the top.
        let depth = |path: &str| path.matches('/').count();
        let nearer = found
            .get(own)
            .is_none_or(|other| depth(path) < depth(&other.name));
        if nearer {
            found.insert(own.to_owned(), member);
        }
    }
    if found.is_empty() {
        return Err(wrong(
            "it holds no file of a model (tokenizer.json, model.safetensors, *.onnx)".to_owned(),
        ));
    }
    let read = found.into_iter().map(|(own, member)| {
        let bytes = archive::read(&bytes, member).map_err(wrong)?;
        Ok((own, bytes))
    });
    read.collect()
}

/// Writes the files of a model beside its place, tries it, and puts it there.
fn shelve(
    root: &Path,
    name: &str,
    files: BTreeMap<String, Vec<u8>>,
    from: Vec<String>,
) -> Result<Note, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
        return Err("the name of a model has 1 to 64 letters (a to z), digits, - _ and ., and begins with no .".to_owned());
    }
    let shelf = root.join(MODELS);
    let (place, new) = (shelf.join(name), shelf.join(format!(".{name}.new")));
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", new.display());
    drop(fs::remove_dir_all(&new));
    let mut sums = BTreeMap::new();
    for (path, bytes) in &files {
        let file = new.join(path);
        fs::create_dir_all(file.parent().unwrap_or(&new)).map_err(failed)?;
        write(&file, bytes).map_err(failed)?;
        sums.insert(path.clone(), sha256(bytes));
    }
    let tried = Folder::read(&new).and_then(|folder| {
        let what = folder.what();
        Ok((what, folder.proven()?))
    });
    let (what, (dimension, fingerprint)) = match tried {
        Ok(tried) => tried,
        Err(why) => {
            drop(fs::remove_dir_all(&new));
            // It is not there any more, whatever the message says.
            return Err(why.replace(&new.display().to_string(), name));
        }
    };
    let note = Note {
        what: what.to_owned(),
        dimension,
        fingerprint,
        from,
        files: sums,
    };
    let text = serde_json::to_vec_pretty(&note).map_err(|error| error.to_string())?;
    write(&new.join(NOTE), &text).map_err(failed)?;
    put(&new, &place).map_err(|error| format!("{} cannot be written: {error}", place.display()))?;
    Ok(note)
}

/// Puts a folder in the place of another, in one step.
fn put(new: &Path, place: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if place.exists() {
        renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE)?;
        fs::remove_dir_all(new)?;
    } else {
        fs::rename(new, place)?;
    }
    let parent = place.parent().unwrap_or(place);
    fs::File::open(parent)?.sync_all()
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}
