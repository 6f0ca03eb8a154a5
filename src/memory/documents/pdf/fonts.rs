//! Fonts as the library wants them.
//!
//! It panics on a font that leaves out what it may not, or says more than the library knows. So each is written anew: what it needs
//! is there, and what it does not understand is not.

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GBK, SHIFT_JIS};
use pdf_extract::{Dictionary, Document, Object, Stream, dictionary};

use super::plain::{Font, dictionary_in};
use super::unicode::{Letters, letters, written};

/// Codes of a font of one byte.
const CODES: usize = 256;
/// Longest list of widths.
const WIDTHS: usize = 1 << 16;
/// Encodings that the library knows by name.
const KNOWN: [&[u8]; 3] = [
    b"WinAnsiEncoding",
    b"MacRomanEncoding",
    b"MacExpertEncoding",
];
/// The fonts that every reader has (ISO 32000-1, 9.6.2.2).
const OWN: [&[u8]; 14] = [
    b"Courier",
    b"Courier-Bold",
    b"Courier-BoldOblique",
    b"Courier-Oblique",
    b"Helvetica",
    b"Helvetica-Bold",
    b"Helvetica-BoldOblique",
    b"Helvetica-Oblique",
    b"Times-Bold",
    b"Times-BoldItalic",
    b"Times-Italic",
    b"Times-Roman",
    b"Symbol",
    b"ZapfDingbats",
];

/// How texts are written with a font whose encoding has a name (ISO 32000-1, table 118): then the text itself says its letters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Charset {
    /// UTF-16, as it is.
    Unicode,
    /// An older one.
    Older(&'static Encoding),
}

impl Charset {
    /// `None`: it is not known by its name.
    pub(super) fn of(document: &Document, font: &Dictionary) -> Option<Self> {
        let (_, name) = document.dereference(font.get(b"Encoding").ok()?).ok()?;
        let name = std::str::from_utf8(name.as_name().ok()?).ok()?;
        let older = [
            ("RKSJ", SHIFT_JIS),
            ("EUC-JP", EUC_JP),
            ("GBK", GBK),
            ("GBpc-EUC", GBK),
            ("GB-EUC", GBK),
            ("GBKp", GBK),
            ("GBK2K", GBK),
            ("B5", BIG5),
            ("HKscs", BIG5),
            ("KSC", EUC_KR),
        ];
        match name {
            name if name.contains("-UCS2") || name.contains("-UTF16") => Some(Self::Unicode),
            "EUC-H" | "EUC-V" => Some(Self::Older(EUC_JP)),
            // Those that count characters and not letters.
            name if name.starts_with("Identity") => None,
            name => older
                .into_iter()
                .find(|(part, _)| name.contains(part))
                .map(|(_, own)| Self::Older(own)),
        }
    }

    /// A text in UTF-16.
    pub(super) fn codes(self, text: &[u8]) -> Vec<u16> {
        match self {
            Self::Unicode => text
                .chunks_exact(2)
                .map(|two| u16::from_be_bytes([two[0], two[1]]))
                .collect(),
            Self::Older(own) => own
                .decode_without_bom_handling(text)
                .0
                .encode_utf16()
                .collect(),
        }
    }
}

/// A font as the library wants it. `bare`: without what is embedded, which may be what it stumbles over. With it the letters of its
/// codes, where it says them: they belong into a stream, under `ToUnicode`.
pub(super) fn mended(document: &Document, font: &Font, bare: bool) -> (Dictionary, Option<Stream>) {
    let own = &font.dictionary;
    let letters = match font.charset {
        Some(_) => Some(
            font.codes
                .iter()
                .map(|code| (u32::from(*code), vec![*code]))
                .collect(),
        ),
        None => to_unicode(document, own),
    };
    let mut new = match name_of(document, own, b"Subtype") {
        Some(b"Type0") => composite(document, font),
        Some(b"Type3") => drawn(document, own),
        subtype => simple(document, own, subtype, letters.is_some(), bare),
    };
    new.set("Type", "Font");
    (
        new,
        letters.map(|letters| Stream::new(Dictionary::new(), written(&letters))),
    )
}

fn to_unicode(document: &Document, font: &Dictionary) -> Option<Letters> {
    let (_, own) = document.dereference(font.get(b"ToUnicode").ok()?).ok()?;
    let bytes = own.as_stream().ok()?.get_plain_content().ok()?;
    Some(letters(&bytes))
}

fn name_of<'a>(document: &'a Document, font: &'a Dictionary, key: &[u8]) -> Option<&'a [u8]> {
    let (_, own) = document.dereference(font.get(key).ok()?).ok()?;
    own.as_name().ok()
}

fn list<'a>(document: &'a Document, within: &'a Dictionary, key: &[u8]) -> Option<Vec<&'a Object>> {
    let (_, own) = document.dereference(within.get(key).ok()?).ok()?;
    let all = own.as_array().ok()?.iter();
    Some(
        all.map(|one| {
            document
                .dereference(one)
                .map_or(&Object::Null, |(_, own)| own)
        })
        .collect(),
    )
}

/// Of many letters: a code is two bytes, or as an embedded table says.
fn composite(document: &Document, font: &Font) -> Dictionary {
    let own = &font.dictionary;
    let encoding = own
        .get(b"Encoding")
        .ok()
        .and_then(|one| document.dereference(one).ok());
    let encoding = match encoding {
        Some((Some(id), Object::Stream(_))) => Object::Reference(id),
        _ => "Identity-H".into(),
    };
    let below = list(document, own, b"DescendantFonts").and_then(|all| all.into_iter().next());
    let below = below.and_then(|one| one.as_dict().ok());
    let mut descendant = dictionary! { "Type" => "Font", "Subtype" => "CIDFontType2", "FontDescriptor" => Dictionary::new() };
    if let (Some(below), None) = (below, &font.charset) {
        let width = below
            .get(b"DW")
            .ok()
            .and_then(|own| document.dereference(own).ok());
        if let Some(Ok(width)) = width.map(|(_, own)| own.as_float()) {
            descendant.set("DW", width as i64);
        }
        let widths = list(document, below, b"W").map(|own| widths(document, &own));
        descendant.set("W", widths.unwrap_or_default());
    }
    let base = name_of(document, own, b"BaseFont").unwrap_or(b"F");
    dictionary! {
        "Subtype" => "Type0", "BaseFont" => Object::Name(base.to_vec()), "Encoding" => encoding,
        "DescendantFonts" => vec![Object::Dictionary(descendant)],
    }
}

/// Widths, each run of them as a list: the library takes the short form for another.
fn widths(document: &Document, all: &[&Object]) -> Vec<Object> {
    let mut new = Vec::new();
    let (mut rest, mut count) = (all.iter(), 0);
    while let Some(first) = rest.next() {
        let (Ok(first), Some(next)) = (first.as_i64(), rest.next()) else {
            break;
        };
        let own: Vec<Object> = match next {
            Object::Array(own) => own
                .iter()
                .map(|one| Object::Real(number(document, one)))
                .collect(),
            last => {
                let (Ok(last), Some(width)) = (last.as_i64(), rest.next()) else {
                    break;
                };
                let length = usize::try_from(last.saturating_sub(first).saturating_add(1))
                    .unwrap_or_default();
                vec![Object::Real(number(document, width)); length.min(WIDTHS)]
            }
        };
        count += own.len();
        if first < 0 || count > WIDTHS {
            break;
        }
        new.extend([Object::Integer(first), Object::Array(own)]);
    }
    new
}

fn number(document: &Document, object: &Object) -> f32 {
    let own = document
        .dereference(object)
        .ok()
        .and_then(|(_, own)| own.as_float().ok());
    own.filter(|own| own.is_finite()).unwrap_or_default()
}

/// Of at most 256 letters.
fn simple(
    document: &Document,
    font: &Dictionary,
    subtype: Option<&[u8]>,
    has_letters: bool,
    bare: bool,
) -> Dictionary {
    let base = name_of(document, font, b"BaseFont").unwrap_or_default();
    let is_true = subtype == Some(b"TrueType");
    let mut new = dictionary! { "Subtype" => if is_true { "TrueType" } else { "Type1" } };
    let encoding = font
        .get(b"Encoding")
        .ok()
        .and_then(|one| document.dereference(one).ok());
    let encoding = encoding.map(|(_, own)| own);
    // What is embedded takes time to read, and is asked only where nothing else says the letters.
    let files: &[&str] = match (has_letters, encoding) {
        _ if bare || is_true => &[],
        (true, Some(_)) => &[],
        (_, Some(_)) => &["FontFile3"],
        (_, None) => &["FontFile", "FontFile3"],
    };
    let mut program = false;
    if let Some(descriptor) = dictionary_in(document, font, b"FontDescriptor") {
        let mut own = Dictionary::new();
        for key in files {
            let file = descriptor
                .get(key.as_bytes())
                .ok()
                .and_then(|file| document.dereference(file).ok());
            // Of the newer kind the library wants to know more.
            let is_usable = |file: &Stream| {
                *key == "FontFile" || file.dict.get(b"Subtype").and_then(Object::as_name).is_ok()
            };
            if let Some((Some(id), Object::Stream(file))) = file
                && is_usable(file)
            {
                own.set(*key, Object::Reference(id));
                program |= *key == "FontFile";
            }
        }
        new.set("FontDescriptor", own);
    }
    let encoding = match encoding {
        Some(Object::Dictionary(own)) => Some(Object::Dictionary(differing(document, own))),
        Some(Object::Name(own)) if KNOWN.contains(&own.as_slice()) => {
            Some(Object::Name(own.clone()))
        }
        // Of the font itself.
        None if program || OWN.contains(&base) || is_true && !has_letters => None,
        _ => Some("WinAnsiEncoding".into()),
    };
    if let Some(encoding) = encoding {
        new.set("Encoding", encoding);
    }
    let base = match wide(document, font, 1.0) {
        Some((first, widths)) => {
            let last = first + i64::try_from(widths.len()).unwrap_or_default() - 1;
            new.set("FirstChar", first);
            new.set("LastChar", last);
            new.set("Widths", widths);
            base
        }
        None if OWN.contains(&base) => base,
        None => b"Helvetica",
    };
    new.set(
        "BaseFont",
        Object::Name(if base.is_empty() {
            b"F".to_vec()
        } else {
            base.to_vec()
        }),
    );
    new
}

/// The first code that has a width, and all widths. `scale`: of what they are counted in.
fn wide(document: &Document, font: &Dictionary, scale: f32) -> Option<(i64, Vec<Object>)> {
    let first = font
        .get(b"FirstChar")
        .ok()
        .and_then(|one| document.dereference(one).ok());
    let first = first
        .and_then(|(_, own)| own.as_float().ok())
        .unwrap_or_default() as i64;
    let all = list(document, font, b"Widths")?;
    let all: Vec<Object> = all
        .iter()
        .take(CODES)
        .map(|one| Object::Real(number(document, one) * scale))
        .collect();
    (!all.is_empty() && (0..256).contains(&first)).then_some((first, all))
}

/// Of letters that are drawn by operators.
fn drawn(document: &Document, font: &Dictionary) -> Dictionary {
    let matrix = list(document, font, b"FontMatrix");
    let scale = matrix
        .and_then(|all| all.first().map(|one| number(document, one)))
        .unwrap_or(0.001);
    let (first, own) = wide(document, font, scale * 1000.0).unwrap_or_default();
    // The library wants one for each code.
    let mut widths = vec![Object::Real(0.0); CODES];
    let first = usize::try_from(first).unwrap_or_default();
    for (place, width) in widths.iter_mut().skip(first).zip(own) {
        *place = width;
    }
    let encoding = dictionary_in(document, font, b"Encoding").map(|own| differing(document, own));
    dictionary! {
        "Subtype" => "Type3", "Encoding" => encoding.unwrap_or_default(), "FirstChar" => 0, "LastChar" => 255, "Widths" => widths,
    }
}

/// An encoding that differs from another.
fn differing(document: &Document, encoding: &Dictionary) -> Dictionary {
    let mut new = Dictionary::new();
    let base = name_of(document, encoding, b"BaseEncoding").filter(|base| KNOWN.contains(base));
    if let Some(base) = base {
        new.set("BaseEncoding", Object::Name(base.to_vec()));
    }
    let (mut differences, mut code) = (Vec::new(), 0_usize);
    for one in list(document, encoding, b"Differences").unwrap_or_default() {
        match one {
            Object::Name(name) if code < CODES => {
                differences.push(Object::Name(name.clone()));
                code += 1;
            }
            Object::Integer(number) => {
                code = usize::try_from(*number).unwrap_or(CODES);
                if code < CODES {
                    differences.push(Object::Integer(*number));
                }
            }
            _ => {}
        }
    }
    new.set("Differences", differences);
    new
}
