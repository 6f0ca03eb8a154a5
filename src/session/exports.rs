//! Sessions in other formats, as files for who may read files and shall not see values.

use std::path::PathBuf;

use super::files::{Files, FilesError, hashed};
use super::formats::Format;
use crate::ids::SessionName;

/// Most files: each URL that one is written for makes another. When there are more, all go; who needs one asks again.
const MOST: usize = 256;

impl Files {
    /// Writes a session in a format, for a URL where one is given, in place of what it was before; gives the path. 0600, in a
    /// folder that nobody else reaches. It is plain text: not for a session that is kept sealed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_export(
        &self,
        name: &SessionName,
        format: Format,
        url: Option<&str>,
        text: &[u8],
    ) -> Result<PathBuf, FilesError> {
        let folder = self.ours("exports")?;
        if folder.names()?.len() >= MOST {
            self.forget_exports()?;
        }
        let which = hashed(&format!("{name} {}", url.unwrap_or_default()));
        let which = &which[1..17];
        let file = match format {
            Format::StorageState => format!("{which}-storage-state.json"),
            Format::Netscape => format!("{which}-cookies.txt"),
            Format::Header => format!("{which}-header.txt"),
            Format::Puppeteer => format!("{which}-puppeteer.json"),
            Format::Selenium => format!("{which}-selenium.json"),
        };
        folder.replace(&file, text, || Ok(()))?;
        Ok(folder.at(&file))
    }

    /// Removes them all: one of them may hold what has just been deleted or sealed.
    pub(super) fn forget_exports(&self) -> Result<(), FilesError> {
        let folder = self.ours("exports")?;
        folder
            .names()?
            .iter()
            .try_for_each(|name| folder.remove(name))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_export_is_its_owners_alone_and_goes_with_its_session() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(&dir.path().join(".auth")).unwrap();
        let name: SessionName = "wiki".parse().unwrap();
        let write = |url| files.write_export(&name, Format::Netscape, url, b"text");
        let path = write(None).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(write(None).unwrap(), path);
        assert_ne!(write(Some("https://a.test/")).unwrap(), path);
        let SessionName::One(key) = name else {
            unreachable!()
        };
        let lease = files.lease(&key.site, None).unwrap().unwrap();
        files.forget_state(&lease, &key).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn exports_do_not_grow_without_bound() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(&dir.path().join(".auth")).unwrap();
        let name: SessionName = "wiki".parse().unwrap();
        for i in 0..MOST + 10 {
            let url = format!("https://a.test/{i}");
            files
                .write_export(&name, Format::Header, Some(&url), b"x")
                .unwrap();
        }
        assert_eq!(files.ours("exports").unwrap().names().unwrap().len(), 10);
    }
}
