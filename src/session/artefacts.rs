//! What failed logins leave to look at: `.auth/.jarkeeper/artefacts/KEY/STAMP/`.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::error::FilesError;
use super::files::{Files, short, stamp};
use super::folder::Folder;
use crate::ids::SessionKey;

impl Files {
    /// Makes a folder for what a failed login left to look at: `artefacts/KEY/STAMP`.
    pub fn new_artefact_folder(
        &self,
        key: &SessionKey,
        now: DateTime<Utc>,
    ) -> Result<ArtefactFolder, FilesError> {
        let all = self.ours("artefacts")?.sub(&short(key.to_string()))?;
        let taken = all.names()?;
        let stamp = stamp(now);
        let mut name = stamp.clone();
        let mut n = 1;
        while taken.contains(&name) {
            n += 1;
            name = format!("{stamp}-{n}");
        }
        let folder = all.sub(&name)?;
        Ok(ArtefactFolder { folder })
    }

    /// Removes the oldest artefact folders of this key, so that `keep` stay.
    pub fn prune_artefacts(&self, key: &SessionKey, keep: usize) -> Result<(), FilesError> {
        let all = self.ours("artefacts")?.sub(&short(key.to_string()))?;
        let names = all.names()?;
        for name in &names[..names.len().saturating_sub(keep)] {
            all.remove_sub(name)?;
        }
        Ok(())
    }
}

/// Largest file of an artefact folder that is read, bytes: a picture of a page is a few MiB.
const LARGEST: usize = 64 << 20;

impl Files {
    /// The files that one failed login left, with their sizes in bytes; `None` where there is no such folder, or no more.
    /// `id` is the last part of its path.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn artefacts(
        &self,
        key: &SessionKey,
        id: &str,
    ) -> Result<Option<Vec<(String, u64)>>, FilesError> {
        let Some(folder) = self.artefact_folder(key, id)? else {
            return Ok(None);
        };
        let mut files = Vec::new();
        for name in folder.names()? {
            // A file that goes meanwhile, and what is no plain file of ours, is none of them.
            if let Ok(Some(size)) = folder.size(&name) {
                files.push((name, size));
            }
        }
        Ok(Some(files))
    }

    /// One of the files of [`Files::artefacts`]; `None` where there is none of this name.
    ///
    /// # Errors
    /// It cannot be read, or is no plain file of ours.
    pub fn artefact(
        &self,
        key: &SessionKey,
        id: &str,
        file: &str,
    ) -> Result<Option<Vec<u8>>, FilesError> {
        match self.artefact_folder(key, id)? {
            Some(folder) if is_name(file) => folder.read(file, LARGEST),
            _ => Ok(None),
        }
    }

    fn artefact_folder(&self, key: &SessionKey, id: &str) -> Result<Option<Folder>, FilesError> {
        if !is_name(id) {
            return Ok(None);
        }
        let all = self.ours("artefacts")?;
        match all.sub_if_there(&short(key.to_string()))? {
            Some(own) => own.sub_if_there(id),
            None => Ok(None),
        }
    }
}

/// Whether a text from outside can be a name that we gave: letters, digits, and single dots or dashes between them.
fn is_name(text: &str) -> bool {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    plain && (1..=64).contains(&text.len()) && !text.starts_with('.') && !text.contains("..")
}

/// A folder for what one failed login left to look at.
#[derive(Debug)]
pub struct ArtefactFolder {
    folder: Folder,
}

impl ArtefactFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a file into it, 0600. Secrets must have been blotted out of the bytes.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
        self.folder.replace(name, bytes, || Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artefact_is_read_by_its_own_names_and_by_no_path() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(&dir.path().join(".auth")).unwrap();
        let key: SessionKey = "wiki".parse().unwrap();
        let other: SessionKey = "other".parse().unwrap();
        let folder = files.new_artefact_folder(&key, Utc::now()).unwrap();
        folder.write("page.html", b"<p>").unwrap();
        let id = folder.path().file_name().unwrap().to_str().unwrap();
        let listed = files.artefacts(&key, id).unwrap();
        assert_eq!(listed, Some(vec![("page.html".to_owned(), 3)]));
        let read = files.artefact(&key, id, "page.html").unwrap();
        assert_eq!(read.as_deref(), Some(&b"<p>"[..]));
        assert_eq!(files.artefacts(&other, id).unwrap(), None);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        assert!(!matches!(files.artefact(&key, id, "link"), Ok(Some(_))));
        assert_eq!(files.artefacts(&key, id).unwrap(), listed);
        for name in ["", ".", "..", "../x", "a/b", "%2e%2e", "a\0b", "no", "é"] {
            assert_eq!(files.artefacts(&key, name).unwrap(), None, "{name:?}");
            assert_eq!(files.artefact(&key, id, name).unwrap(), None, "{name:?}");
        }
        // Looking makes nothing.
        let kept = dir.path().join(".auth/.jarkeeper/artefacts");
        assert_eq!(std::fs::read_dir(kept).unwrap().count(), 1);
    }
}
