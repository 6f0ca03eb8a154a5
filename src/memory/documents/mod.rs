//! Documents: texts that a person brings, or that lie in the watched folder.

mod charset;
mod depth;
mod extract;
mod folder;
mod html;
mod kind;
mod pdf;
mod scan;
mod split;
mod table;

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::embed::{Model, Written};
use super::entry::{indexed, terms};
use super::interaction::{new_id, user_of, work};
use super::{Memory, MemoryError};
use crate::identity::Principal;
use crate::store::{
    Deleted, DocumentRow, Entry, Kept, NewDocument, NewPassage, PASSAGE, Room, Unsplit,
    passage_text,
};
use extract::Text;
use split::Piece;

pub use extract::here as extract_here;
pub use folder::FolderState;
pub use kind::DocumentKind;

/// Longest name of a document, in characters.
const NAME: usize = 255;
/// Most bytes of the text of one that is not text itself.
const TEXT: usize = 4 << 20;
/// Most documents of one person.
pub(super) const MOST: u64 = 10_000;
/// Most bytes of all of them.
pub(super) const BYTES: u64 = 1 << 30;
/// The same of a person who was only made for an instance: whoever registers one has no other claim to the disk.
pub(super) const BARE_BYTES: u64 = 16 << 20;
/// Most entries of one user's memory.
const ENTRIES: u32 = 1_000_000;

/// A document, without its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// In whose memory it is.
    pub user: String,
    /// What its person calls it: 1 to 255 characters in one line.
    pub name: String,
    /// What it is.
    pub kind: DocumentKind,
    /// Length of its text, bytes.
    pub bytes: u64,
    /// Length of what came, bytes.
    pub size: u64,
    /// Whether it lies in the watched folder.
    pub in_folder: bool,
    /// How many passages of it can be found.
    pub passages: u64,
    /// Pages of which not all could be read, from 1; a thousand at most.
    pub unread: Vec<u32>,
    /// When it was first kept.
    pub created_at: DateTime<Utc>,
    /// When it was last replaced.
    pub updated_at: DateTime<Utc>,
}

/// What documents share.
#[derive(Default)]
pub(super) struct Shared {
    /// Places for processes that read documents.
    extracting: extract::Places,
    /// How the watched folder is doing.
    folder: Mutex<FolderState>,
}

impl Memory {
    /// Keeps a document under a name, and its passages so that they are found; one that is there is replaced whole. Whether it
    /// is new. Where anything is wrong nothing is changed.
    ///
    /// # Errors
    /// `Invalid` for a name that is none, and for what no text can be read out of; `TooLarge`, `Full`, `Crowded`, `NoRoom`,
    /// `Owned`, `Foreign`; the store cannot be written.
    pub async fn put(
        &self,
        by: &Principal,
        user: Option<&str>,
        name: &str,
        kind: DocumentKind,
        bytes: Vec<u8>,
    ) -> Result<(Document, bool), MemoryError> {
        let user = user_of(by, user)?;
        let person = by.person.as_str();
        let new = self.read_out(person, user, name, kind, bytes).await?;
        let (document, new, replaced) = self.keep(by.person.as_str(), new).await?;
        if replaced {
            // What was replaced still stands in the log of the database until that is written back.
            self.store.write_back().await;
        }
        Ok((document, new))
    }

    /// A user's documents by name, those behind `after`.
    ///
    /// # Errors
    /// `Foreign`; the store cannot be read.
    pub fn list(
        &self,
        by: &Principal,
        user: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, MemoryError> {
        let user = user_of(by, user)?;
        let rows = self
            .store
            .documents(by.person.as_str(), &user, after, limit)?;
        Ok(rows.into_iter().map(read).collect())
    }

    /// A document as it came, byte for byte; where `as_text`, its text.
    ///
    /// # Errors
    /// `Unknown`, `Foreign`; the store cannot be read.
    pub fn get(
        &self,
        by: &Principal,
        user: Option<&str>,
        name: &str,
        as_text: bool,
    ) -> Result<(Document, Vec<u8>), MemoryError> {
        let user = user_of(by, user)?;
        let found = self
            .store
            .document(by.person.as_str(), &user, name, !as_text)?;
        let (row, bytes) = found.ok_or_else(|| unknown(name))?;
        Ok((read(row), bytes))
    }

    /// Deletes a document; its id. Afterwards its words are nowhere in the store's files.
    ///
    /// # Errors
    /// `Unknown`, `Foreign`; `Owned` for one that lies in the watched folder; the store cannot be written.
    pub async fn delete(
        &self,
        by: &Principal,
        user: Option<&str>,
        name: &str,
    ) -> Result<String, MemoryError> {
        let user = user_of(by, user)?;
        let person = by.person.to_string();
        let deleted =
            self.store
                .delete_document(person, user, name.to_owned(), self.has_folder(), terms);
        match deleted.await? {
            Deleted::Yes(id) => {
                self.store.write_back().await;
                Ok(id)
            }
            Deleted::Owned => Err(MemoryError::Owned(
                "this document lies in the folder of [memory] documents; delete the file there, or it would come again"
                    .to_owned(),
            )),
            Deleted::No => Err(unknown(name)),
        }
    }

    /// Splits documents that were not split by the rules of today: those from before there were passages, and those that came
    /// with a claim.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn split_waiting(&self) -> Result<(), MemoryError> {
        let mut after = String::new();
        while let Some(was) = self.store.unsplit_document(split::RULES, &after)? {
            after = was.row.id.clone();
            // Those behind it are split all the same; this one is tried again at the next start.
            match self.split_one(was).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(document = %after, "this memory is full, so no passage of this document can be found; delete some of it and put the document again");
                }
                Err(error) => {
                    tracing::error!(document = %after, "this document cannot be split, so no passage of it can be found: {error}");
                }
            }
        }
        Ok(())
    }

    /// In whose memory the document of this id is, and its name; `None`: there is none, or not for this caller.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn document_of(
        &self,
        by: &Principal,
        id: &str,
    ) -> Result<Option<(String, String)>, MemoryError> {
        let user = by.memory_of.as_deref();
        Ok(self.store.document_behind(by.person.as_str(), user, id)?)
    }

    /// Splits a document; whether there was room for its passages. What is no text itself is read out anew, where that works.
    async fn split_one(&self, was: Unsplit) -> Result<bool, MemoryError> {
        let kind = DocumentKind::of(&was.row.kind).unwrap_or(DocumentKind::Plain);
        let anew = match kind.is_text() {
            true => None,
            false => self.read_again(&was, kind).await.ok(),
        };
        let (name, at) = (was.row.name.clone(), was.row.updated_at);
        let text = anew.as_ref().map_or(&was.text, |anew| &anew.text).clone();
        let model = self.embedder.quick().await;
        let passages = work(move || passages(kind, &name, &text, at, model.as_deref())).await?;
        let anew = anew.map(|anew| (anew.text, anew.unread));
        let done = self
            .store
            .split_document(was, split::RULES, anew, passages, room(), terms);
        Ok(done.await?)
    }

    /// Reads a document out anew, from what came.
    async fn read_again(&self, was: &Unsplit, kind: DocumentKind) -> Result<Text, MemoryError> {
        let (person, row) = (was.person.as_str(), &was.row);
        let came = self.store.document(person, &row.user, &row.name, true)?;
        let (_, bytes) = came.ok_or_else(|| unknown(&row.name))?;
        extract::text_of(&self.documents.extracting, person, kind, &bytes).await
    }

    /// Whether a folder is watched.
    pub(super) fn has_folder(&self) -> bool {
        self.llm.settings().config.memory.documents.is_some()
    }

    /// Checks a document, reads its text out and splits it.
    async fn read_out(
        &self,
        person: &str,
        user: String,
        name: &str,
        kind: DocumentKind,
        bytes: Vec<u8>,
    ) -> Result<NewDocument, MemoryError> {
        named(name)?;
        if bytes.len() > kind.limit() {
            let (limit, word) = (kind.limit(), kind.word());
            let why = format!("a document that is {word} has at most {limit} bytes; split it");
            return Err(MemoryError::TooLarge(why));
        }
        let hash = Sha256::digest(&bytes).into();
        let (Text { text, unread }, original) = match (kind.is_text(), charset::marked(&bytes)) {
            (true, Some(text)) => (Text::of(whole(text)?), Some(bytes)),
            (true, None) => (Text::of(utf8(bytes)?), None),
            (false, _) => {
                let places = &self.documents.extracting;
                let text = extract::text_of(places, person, kind, &bytes).await?;
                (text, Some(bytes))
            }
        };
        let (id, at) = (new_id()?, (self.clock)());
        let name = name.to_owned();
        let model = self.embedder.quick().await;
        work(move || NewDocument {
            passages: passages(kind, &name, &text, at, model.as_deref()),
            unread,
            id,
            user,
            name,
            kind: kind.word(),
            text,
            original,
            origin: None,
            hash,
            rules: split::RULES,
            at,
        })
        .await
    }

    /// Keeps what was read out; whether it is new, and whether it took another one's place.
    async fn keep(
        &self,
        person: &str,
        new: NewDocument,
    ) -> Result<(Document, bool, bool), MemoryError> {
        let from_folder = new.origin.is_some();
        let written = Written::Of(person.to_owned(), new.user.clone());
        let quick = new.passages.iter().all(|one| one.indexed.vector.is_some());
        let kept =
            self.store
                .put_document(person.to_owned(), new, room(), self.has_folder(), terms);
        match kept.await? {
            Kept::Yes { row, new, replaced } => {
                self.embedder.written(written, quick);
                Ok((read(row), new, replaced))
            }
            Kept::Full => Err(MemoryError::Full),
            Kept::Crowded => Err(MemoryError::Crowded {
                has: ENTRIES,
                most: ENTRIES,
                bare: false,
            }),
            Kept::NoRoom { would, room } => Err(MemoryError::NoRoom { would, room }),
            Kept::Owned => Err(MemoryError::Owned(match from_folder {
                true => "a document of this name was uploaded; delete that, or give the file another name".to_owned(),
                false => "a document of this name lies in the folder of [memory] documents; change the file there, or take another name"
                    .to_owned(),
            })),
        }
    }
}

fn room() -> Room {
    Room {
        documents: MOST,
        bytes: BYTES,
        bare_bytes: BARE_BYTES,
        entries: ENTRIES,
    }
}

/// Whether it is a name.
fn named(name: &str) -> Result<(), MemoryError> {
    let length = name.chars().take(NAME + 1).count();
    match name.trim().is_empty() || length > NAME || name.contains(char::is_control) {
        true => Err(MemoryError::Invalid(format!(
            "the name of a document has 1 to {NAME} characters, in one line"
        ))),
        false => Ok(()),
    }
}

/// The text that bytes are.
fn utf8(bytes: Vec<u8>) -> Result<String, MemoryError> {
    let other = || MemoryError::Invalid("the text is not UTF-8; save it as UTF-8 first".to_owned());
    let text = String::from_utf8(bytes).map_err(|_| other())?;
    whole(text)
}

/// A text, where it is one.
fn whole(text: String) -> Result<String, MemoryError> {
    match text.contains('\0') {
        true => Err(MemoryError::Invalid(
            "this is no text: it holds a zero character".to_owned(),
        )),
        false => Ok(text),
    }
}

/// The passages of a text, as they are kept.
fn passages(
    kind: DocumentKind,
    name: &str,
    text: &str,
    at: DateTime<Utc>,
    model: Option<&Model>,
) -> Vec<NewPassage> {
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let one = |piece: Piece| {
        let own = text
            .get(piece.begin..piece.end)
            .unwrap_or_default()
            .to_owned();
        let entry = Entry {
            at: at.timestamp_millis(),
            kind: PASSAGE,
            ..Entry::default()
        };
        NewPassage {
            indexed: indexed(&passage_text(piece.heading.as_deref(), &own), entry, model),
            text: own,
            begin: number(piece.begin),
            end: number(piece.end),
            heading: piece.heading,
            page: piece.page,
        }
    };
    split::split(kind, name, text)
        .into_iter()
        .map(one)
        .collect()
}

fn unknown(name: &str) -> MemoryError {
    MemoryError::Unknown(name.chars().take(NAME).collect())
}

fn read(row: DocumentRow) -> Document {
    Document {
        id: row.id,
        user: row.user,
        name: row.name,
        // Only these are ever kept.
        kind: DocumentKind::of(&row.kind).unwrap_or(DocumentKind::Plain),
        bytes: row.bytes,
        size: row.size,
        in_folder: row.origin.is_some(),
        passages: row.passages,
        unread: row.unread,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
