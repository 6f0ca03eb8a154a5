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
