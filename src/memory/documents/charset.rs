//! Bytes as text, in whatever letters they were written.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

/// How far into a page browsers look for what it says of its letters is 1 KiB; saved pages have comments in front of it.
const HEAD: usize = 4 << 10;
/// The mark at the beginning of a text, which is no letter.
pub(super) const MARK: char = '\u{feff}';

/// The text of a page: by its mark, as UTF-8, or as it says itself; `None`: it is written otherwise.
pub(super) fn page(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Some((own, mark)) = Encoding::for_bom(bytes) {
        return decoded(own, bytes.get(mark..).unwrap_or_default());
    }
    // As some programs save pages, without the mark.
    match bytes {
        [b'<', 0, ..] => return decoded(UTF_16LE, bytes),
        [0, b'<', ..] => return decoded(UTF_16BE, bytes),
        _ => {}
    }
    let said = said(bytes);
    // It has nothing but ASCII in it, and means something else.
    let is_shifted = said == Some(ISO_2022_JP);
    match std::str::from_utf8(bytes) {
        // What says something else was saved anew, and only this was left as it was.
        Ok(text) if !is_shifted => Some(Cow::Borrowed(text)),
        _ => decoded(said?, bytes),
    }
}

/// The text of bytes that have the mark of UTF-16 at their beginning.
pub(super) fn marked(bytes: &[u8]) -> Option<String> {
    let (own, mark) = Encoding::for_bom(bytes).filter(|(own, _)| *own != UTF_8)?;
    decoded(own, bytes.get(mark..)?).map(Cow::into_owned)
}

fn decoded<'a>(own: &'static Encoding, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
    own.decode_without_bom_handling_and_without_replacement(bytes)
}

/// What a page says of its letters: `<meta charset=…>`, the same within `content`, or the encoding of an XML declaration.
fn said(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let head: String = head
        .iter()
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    ["charset", "encoding"].into_iter().find_map(|word| {
        head.match_indices(word).find_map(|(at, _)| {
            let value = head
                .get(at + word.len()..)?
                .trim_start()
                .strip_prefix('=')?;
            let value = value.trim_start().trim_start_matches(['"', '\'']);
            let end = value.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.:".contains(c));
            Encoding::for_label(value.get(..end.unwrap_or(value.len()))?.as_bytes())
        })
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::{SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

    use super::*;

    #[test]
    fn a_page_is_read_in_its_own_letters() {
        for (own, head, text) in [
            (
                WINDOWS_1252,
                "<meta charset=\"windows-1252\">",
                "<p>café – 10 €</p>",
            ),
            (
                WINDOWS_1251,
                "<META http-equiv=Content-Type content=\"text/html; charset=Windows-1251\">",
                "<p>Казань</p>",
            ),
            (
                SHIFT_JIS,
                "<?xml version='1.0' encoding='Shift_JIS'?>",
                "<p>京都</p>",
            ),
            (ISO_2022_JP, "<meta charset = iso-2022-jp>", "<p>京都</p>"),
        ] {
            let text = format!("{head}{text}");
            let (bytes, _, _) = own.encode(&text);
            assert_eq!(page(&bytes).as_deref(), Some(text.as_str()));
            // Saved anew, and not told so.
            if own != ISO_2022_JP {
                assert_eq!(page(text.as_bytes()).as_deref(), Some(text.as_str()));
            }
        }
        let wide: Vec<u8> = "<p>é".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(page(&wide).as_deref(), Some("<p>é"));
        assert_eq!(
            marked(&[&[0xff, 0xfe], wide.as_slice()].concat()).as_deref(),
            Some("<p>é")
        );
        assert_eq!(page(b"\xef\xbb\xbf<p>").as_deref(), Some("<p>"));
        for none in [
            &b"<p>caf\xe9"[..],
            b"<meta charset=none>\xe9",
            b"<meta charset=utf-8>\xe9",
            b"<meta charset>\xe9",
        ] {
            assert_eq!(page(none), None);
        }
        assert_eq!(marked(b"plain"), None);
    }
}
