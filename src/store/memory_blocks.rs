//! The shape of the index in blobs: pure functions from and to bytes.
//!
//! Both kinds grow at their end, so that one more interaction is one append to a few short rows; an interaction that is deleted is
//! cut out of the postings and overwritten with zeros among the entries, and one that was changed is put back at its place.

/// Interactions of one block of postings.
pub(super) const POSTINGS: u32 = 1024;
/// Interactions of one block of entries.
pub(super) const ENTRIES: u32 = 256;
/// Bytes of one posting.
const POSTING: usize = 2;
/// Bytes of one entry.
pub(super) const ENTRY: usize = 24;
/// The greatest count of a term that is kept.
const OFTEN: u8 = 63;
/// An entry that is a passage of a document.
pub const PASSAGE: u8 = 5;
/// An entry that is a fact learned from what was said.
pub const LEARNED: u8 = 6;
/// The bit that tells an entry from a hole.
const THERE: u8 = 1;
/// It ends with a question.
const QUESTION: u8 = 2;

/// That a term stands in an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Its number in its space.
    pub doc: u32,
    /// How often, 63 at most.
    pub often: u8,
}

/// What ranking and filters need to know of an interaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its number in its space.
    pub doc: u32,
    /// Number of its session; 0: none.
    pub session: u32,
    /// Number of who speaks; 0: nobody is named.
    pub speaker: u32,
    /// Number of its application; 0: none.
    pub app: u32,
    /// When it happened, milliseconds since 1970.
    pub at: i64,
    /// Words that mean something, 65,535 at most.
    pub words: u16,
    /// What it is: the role of a turn, as the rule above numbers them (1 to 4), [`PASSAGE`] or [`LEARNED`].
    pub kind: u8,
    /// Whether it ends with a question.
    pub question: bool,
}

/// The block of postings in which an interaction is, and the entry there.
pub(super) fn posting(doc: u32, often: u8) -> (u32, [u8; POSTING]) {
    let entry = (doc % POSTINGS) * 64 + u32::from(often.clamp(1, OFTEN));
    // Ten bits and six.
    let entry = u16::try_from(entry).unwrap_or_default();
    (doc / POSTINGS, entry.to_le_bytes())
}

/// Adds what stands in a block.
pub(super) fn read_postings(block: u32, bytes: &[u8], into: &mut Vec<Posting>) {
    into.extend(bytes.as_chunks::<POSTING>().0.iter().map(|entry| {
        let entry = u16::from_le_bytes(*entry);
        Posting {
            doc: block * POSTINGS + u32::from(entry >> 6),
            often: u8::try_from(entry & 63).unwrap_or(OFTEN),
        }
    }));
}

/// The block without an interaction; empty: there is nothing else in it.
pub(super) fn without(doc: u32, bytes: &[u8]) -> Vec<u8> {
    let own = doc % POSTINGS;
    let entries = bytes.as_chunks::<POSTING>().0.iter();
    let kept = entries.filter(|entry| u32::from(u16::from_le_bytes(**entry) >> 6) != own);
    kept.flatten().copied().collect()
}

/// The block with one more posting, where it belongs; of the same interaction it had none.
pub(super) fn with(posting: [u8; POSTING], bytes: &[u8]) -> Vec<u8> {
    let entries = bytes.as_chunks::<POSTING>().0;
    let at =
        entries.partition_point(|entry| u16::from_le_bytes(*entry) < u16::from_le_bytes(posting));
    let (before, behind) = entries.split_at(at);
    [before, &[posting], behind].concat().concat()
}

/// The block of entries in which an interaction is, and its place there.
pub(super) fn place(doc: u32) -> (u32, usize) {
    // Below 256.
    (
        doc / ENTRIES,
        usize::try_from(doc % ENTRIES).unwrap_or_default(),
    )
}

/// An entry in bytes.
pub(super) fn write_entry(entry: &Entry) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[..4].copy_from_slice(&entry.session.to_le_bytes());
    bytes[4..8].copy_from_slice(&entry.speaker.to_le_bytes());
    bytes[8..12].copy_from_slice(&entry.app.to_le_bytes());
    bytes[12..20].copy_from_slice(&entry.at.to_le_bytes());
    bytes[20..22].copy_from_slice(&entry.words.to_le_bytes());
    bytes[22] = entry.kind;
    bytes[23] = THERE | if entry.question { QUESTION } else { 0 };
    bytes
}

/// Adds the entries of a block; holes are left out.
pub(super) fn read_entries(block: u32, bytes: &[u8], into: &mut Vec<Entry>) {
    for (doc, bytes) in (block * ENTRIES..).zip(bytes.as_chunks::<ENTRY>().0) {
        if let Some(entry) = read_entry(doc, bytes) {
            into.push(entry);
        }
    }
}

fn read_entry(doc: u32, bytes: &[u8; ENTRY]) -> Option<Entry> {
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
    };
    (bytes[23] & THERE != 0).then_some(())?;
    Some(Entry {
        doc,
        session: number(0)?,
        speaker: number(4)?,
        app: number(8)?,
        at: i64::from_le_bytes(bytes.get(12..20)?.try_into().ok()?),
        words: u16::from_le_bytes([bytes[20], bytes[21]]),
        kind: bytes[22],
        question: bytes[23] & QUESTION != 0,
    })
}

/// The entry of one interaction in its block.
pub(super) fn find_entry(doc: u32, bytes: &[u8]) -> Option<Entry> {
    read_entry(doc, bytes.as_chunks::<ENTRY>().0.get(place(doc).1)?)
}

/// Writes how many words an entry has.
pub(super) fn set_words(doc: u32, words: u16, bytes: &mut [u8]) {
    if let Some(own) = bytes.as_chunks_mut::<ENTRY>().0.get_mut(place(doc).1) {
        own[20..22].copy_from_slice(&words.to_le_bytes());
    }
}

/// Overwrites an entry with zeros. Whether any is left in the block.
pub(super) fn cut_entry(doc: u32, bytes: &mut [u8]) -> bool {
    let entries = bytes.as_chunks_mut::<ENTRY>().0;
    if let Some(own) = entries.get_mut(place(doc).1) {
        *own = [0; ENTRY];
    }
    entries.iter().any(|entry| entry[23] & THERE != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_appended_is_read_and_what_was_cut_is_not(
            entries in prop::collection::btree_map(2048_u32..3072, 1_u8..=63, 1..200),
            cut in 2048_u32..3072,
        ) {
            let mut bytes = Vec::new();
            for (doc, often) in &entries {
                let (block, entry) = posting(*doc, *often);
                prop_assert_eq!(block, 2);
                bytes.extend(entry);
            }
            let read = |bytes: &[u8]| {
                let mut found = Vec::new();
                read_postings(2, bytes, &mut found);
                found
            };
            let all: Vec<_> = entries.iter().map(|(doc, often)| Posting { doc: *doc, often: *often }).collect();
            prop_assert_eq!(&read(&bytes), &all);
            let left: Vec<_> = all.into_iter().filter(|one| one.doc != cut).collect();
            let short = without(cut, &bytes);
            prop_assert_eq!(read(&short), left);
            // What is put back stands where it stood.
            let back = match entries.get(&cut) {
                Some(often) => with(posting(cut, *often).1, &short),
                None => short,
            };
            prop_assert_eq!(back, bytes);
        }

        #[test]
        fn a_fact_comes_back_as_it_was(
            numbers in any::<[u32; 3]>(), at in any::<i64>(), words in any::<u16>(), kind in any::<u8>(), question in any::<bool>(),
        ) {
            let [session, speaker, app] = numbers;
            let entry = Entry { doc: 257, session, speaker, app, at, words, kind, question };
            let mut bytes = write_entry(&Entry::default()).to_vec();
            bytes.extend(write_entry(&entry));
            prop_assert_eq!(find_entry(257, &bytes), Some(entry));
            prop_assert!(cut_entry(257, &mut bytes));
            prop_assert_eq!(find_entry(257, &bytes), None);
            let mut left = Vec::new();
            read_entries(1, &bytes, &mut left);
            prop_assert_eq!(left.len(), 1);
            prop_assert!(!cut_entry(256, &mut bytes));
            prop_assert!(bytes.iter().all(|byte| *byte == 0));
        }
    }
}
