//! A maildir, or a folder of files with one message each: what came since a moment.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::letter::{LARGEST, Letter};

/// How often the folder is looked at.
pub(super) const AGAIN: Duration = Duration::from_millis(300);
/// The most files of one folder that are looked at.
const MOST: usize = 200_000;

/// A folder, and what was in it when the watch began.
pub(super) struct Watch {
    path: PathBuf,
    /// Files by name, and how long each was when it was last read.
    known: HashMap<String, u64>,
}

impl Watch {
    /// Remembers what is there now.
    ///
    /// # Errors
    /// Why the folder cannot be read and the way out, to follow its name.
    pub(super) fn begin(path: PathBuf) -> Result<Self, String> {
        let known = files(&path)?
            .into_iter()
            .map(|file| (file.name, file.length))
            .collect();
        Ok(Self { path, known })
    }

    /// The messages that came since the last look, newest first.
    ///
    /// # Errors
    /// As for [`Watch::begin`].
    pub(super) fn look(&mut self) -> Result<Vec<Letter>, String> {
        let mut new: Vec<Entry> = files(&self.path)?
            .into_iter()
            .filter(|file| self.known.get(&file.name).copied().unwrap_or(0) < file.length)
            .collect();
        new.sort_by_key(|file| std::cmp::Reverse(file.modified));
        let mut letters = Vec::new();
        for file in new {
            // A file that grew since the beginning holds older messages before the new one.
            let from = self.known.get(&file.name).copied().unwrap_or(0);
            let Ok(bytes) = read(&file.path, from) else {
                // Moved on by another reader of the folder: it is there again under its next name.
                continue;
            };
            // A message that is still being written has no body yet; it is read again once it has grown.
            if let Some(letter) = Letter::parse(&bytes) {
                letters.push(letter);
            }
            if self.path.join("new").is_dir() {
                self.known.insert(file.name, file.length);
            }
        }
        Ok(letters)
    }
}

struct Entry {
    name: String,
    path: PathBuf,
    length: u64,
    modified: SystemTime,
}

fn files(path: &Path) -> Result<Vec<Entry>, String> {
    let subs: Vec<PathBuf> = ["new", "cur"]
        .map(|sub| path.join(sub))
        .into_iter()
        .filter(|sub| sub.is_dir())
        .collect();
    let maildir = !subs.is_empty();
    let folders = if maildir { subs } else { vec![path.to_owned()] };
    let mut files = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(&folder).map_err(|error| why(&error))? {
            let entry = entry.map_err(|error| why(&error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Names of files that are being written begin with a dot by all conventions.
            let Ok(meta) = entry.metadata() else { continue };
            if name.starts_with('.') || !meta.is_file() || files.len() >= MOST {
                continue;
            }
            // What stands behind the colon changes when somebody reads the message.
            let name = match maildir {
                true => name.split(':').next().unwrap_or_default().to_owned(),
                false => name,
            };
            files.push(Entry {
                name,
                path: entry.path(),
                length: meta.len(),
                modified: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            });
        }
    }
    Ok(files)
}

fn why(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "does not exist; write the folder that mail is delivered to (a maildir with new/ and cur/, or a folder of files)".to_owned(),
        ErrorKind::PermissionDenied => {
            "may not be read; let the user that runs jarkeeper read it (a group, or an ACL)".to_owned()
        }
        ErrorKind::NotADirectory => {
            "is not a folder; a mailbox in one file (mbox) cannot be watched, a maildir can".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    }
}

fn read(path: &Path, from: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(LARGEST as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str) -> String {
        format!("From: a@b.example\r\nSubject: {subject}\r\n\r\nbody\r\n")
    }

    fn subjects(watch: &mut Watch) -> Vec<String> {
        let letters = watch.look().unwrap();
        letters.into_iter().map(|letter| letter.subject).collect()
    }

    #[test]
    fn of_a_maildir_only_what_came_since_counts_wherever_a_reader_moves_it() {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["new", "cur", "tmp"] {
            std::fs::create_dir(dir.path().join(sub)).unwrap();
        }
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("new/1.old"), mail("old")).unwrap();
        let mut watch = Watch::begin(dir.path().to_owned()).unwrap();
        std::fs::rename(at("new/1.old"), at("cur/1.old:2,S")).unwrap();
        std::fs::write(at("tmp/2.new"), mail("half")).unwrap();
        assert_eq!(subjects(&mut watch), [""; 0]);
        std::fs::rename(at("tmp/2.new"), at("new/2.new")).unwrap();
        std::fs::write(at("cur/3.new:2,S"), mail("read at once")).unwrap();
        let mut seen = subjects(&mut watch);
        seen.sort();
        assert_eq!(seen, ["half", "read at once"]);
        std::fs::rename(at("new/2.new"), at("cur/2.new:2,S")).unwrap();
        assert_eq!(subjects(&mut watch), [""; 0]);
    }

    #[test]
    fn of_a_plain_folder_what_grew_is_read_from_where_it_grew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, mail("old")).unwrap();
        let mut watch = Watch::begin(dir.path().to_owned()).unwrap();
        let grown = mail("old") + &mail("new");
        std::fs::write(&path, grown).unwrap();
        assert_eq!(subjects(&mut watch), ["new"]);
    }

    #[test]
    fn a_folder_that_cannot_be_watched_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mbox");
        std::fs::write(&file, "From x").unwrap();
        let told = [dir.path().join("none"), file].map(|path| Watch::begin(path).err().unwrap());
        insta::assert_snapshot!(told.join("\n"), @r#"
        does not exist; write the folder that mail is delivered to (a maildir with new/ and cur/, or a folder of files)
        is not a folder; a mailbox in one file (mbox) cannot be watched, a maildir can
        "#);
    }
}
