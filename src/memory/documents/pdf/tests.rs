//! PDFs as the world makes them: what a reader sees is what is read.

use pdf_extract::{Dictionary, Document, Object, Stream, StringFormat, dictionary};

use super::*;

const HELVETICA: &str = "WinAnsiEncoding";

/// A PDF whose pages show these contents. `fonts`: by their names, for all of them.
fn pdf(fonts: impl FnOnce(&mut Document) -> Dictionary, pages: &[&[u8]]) -> Vec<u8> {
    let mut document = Document::with_version("1.5");
    let above = document.new_object_id();
    let fonts = fonts(&mut document);
    let inner = dictionary! { "Font" => dictionary! { "F1" => helvetica() } };
    let mut form = dictionary! {
        "Type" => "XObject", "Subtype" => "Form", "BBox" => vec![0.into(), 0.into(), 9.into(), 9.into()],
        "Matrix" => vec![1.into(), 0.into(), 0.into(), 1.into(), 0.into(), (-300).into()],
    };
    form.set("Resources", inner);
    let form = Stream::new(form, b"BT /F1 12 Tf 72 720 Td (of the form) Tj ET".to_vec());
    let form = document.add_object(form);
    let picture = dictionary! { "Subtype" => "Image", "Width" => 1, "Height" => 1 };
    let picture = document.add_object(Stream::new(picture, b"w w w".to_vec()));
    let objects =
        dictionary! { "Form" => Object::Reference(form), "Picture" => Object::Reference(picture) };
    let kids: Vec<Object> = pages
        .iter()
        .map(|content| {
            let content = document.add_object(Stream::new(Dictionary::new(), content.to_vec()));
            let page = dictionary! { "Type" => "Page", "Parent" => Object::Reference(above), "Contents" => Object::Reference(content) };
            Object::Reference(document.add_object(page))
        })
        .collect();
    let pages = dictionary! {
        "Type" => "Pages", "Count" => kids.len() as i64, "Kids" => kids,
        "Resources" => dictionary! { "Font" => fonts, "XObject" => objects },
    };
    document.objects.insert(above, Object::Dictionary(pages));
    let catalog = dictionary! { "Type" => "Catalog", "Pages" => Object::Reference(above) };
    let catalog = document.add_object(catalog);
    document.trailer.set("Root", Object::Reference(catalog));
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

fn helvetica() -> Dictionary {
    dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => HELVETICA }
}

fn simple(_: &mut Document) -> Dictionary {
    dictionary! { "F1" => helvetica() }
}

/// A font whose codes are the letters themselves, half as wide as high; its widths in the short form.
fn wide(document: &mut Document) -> Dictionary {
    let table = b"1 beginbfrange <0000> <ffff> <0000> endbfrange".to_vec();
    let table = document.add_object(Stream::new(Dictionary::new(), table));
    let below = dictionary! { "Type" => "Font", "Subtype" => "CIDFontType2", "BaseFont" => "W",
    "W" => vec![0.into(), 65_535.into(), 500.into()] };
    let font = dictionary! { "Type" => "Font", "Subtype" => "Type0", "BaseFont" => "W", "Encoding" => "Identity-H",
    "DescendantFonts" => vec![Object::Dictionary(below)], "ToUnicode" => Object::Reference(table) };
    dictionary! { "F1" => font }
}

fn hexadecimal(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| format!("{unit:04x}"));
    format!("<{}>", units.collect::<String>())
}

fn read(bytes: &[u8]) -> (String, Vec<u32>) {
    let Text { text, unread } = text(bytes).unwrap();
    (text, unread)
}

fn only(fonts: impl FnOnce(&mut Document) -> Dictionary, content: &str) -> String {
    let (text, unread) = read(&pdf(fonts, &[content.as_bytes()]));
    assert!(unread.is_empty(), "{text}");
    text
}

#[test]
fn what_is_apart_on_the_page_is_apart_in_the_text() {
    // A header, a row of a table, a paragraph, and the number of the page.
    let content = "BT /F1 12 Tf 72 750 Td (Lease) Tj ET BT /F1 12 Tf 72 700 Td (Rent) Tj 200 0 Td (120.50) Tj 60 0 Td (60) Tj ET \
        BT /F1 12 Tf 14 TL 72 650 Td (The les-) Tj (see pays) ' 1 2 (on the third.) \" ET BT /F1 9 Tf 300 40 Td (7) Tj ET";
    assert_eq!(
        only(simple, content),
        "Lease\n\nRent  120.50  60\n\nThe lessee\npays\non the third.\n\n7"
    );
}

#[test]
fn letters_that_stand_close_are_one_word_and_spread_ones_too() {
    let kerned = format!(
        "BT /F1 12 Tf 72 700 Td [{} 80 {}] TJ ET",
        hexadecimal("T"),
        hexadecimal("ôi sống")
    );
    assert_eq!(only(wide, &kerned), "Tôi sống");
    let spread = "SPACED OUT".chars().enumerate().map(|(at, c)| {
        let sign = hexadecimal(&c.to_string());
        let x = 72 + at * 10;
        if c == ' ' {
            String::new()
        } else {
            format!("BT /F1 12 Tf {x} 700 Td {sign} Tj ET ")
        }
    });
    assert_eq!(only(wide, &spread.collect::<String>()), "SPACED OUT");
}

#[test]
fn what_is_drawn_from_right_to_left_is_read_so() {
    let drawn: String = "החוזה נגמר בשנת".chars().rev().collect();
    let content = format!(
        "BT /F1 12 Tf 72 700 Td {} Tj ET",
        hexadecimal(&format!(".2027 {drawn}"))
    );
    assert_eq!(only(wide, &content), "החוזה נגמר בשנת 2027.");
    // Forms of letters, as browsers draw them.
    let content = format!("BT /F1 12 Tf 72 700 Td {} Tj ET", hexadecimal("ﺔﻴﺑﺮﻌﻟا"));
    assert_eq!(only(wide, &content), "العربية");
}

#[test]
fn fonts_that_name_their_letters_by_an_old_standard_are_read() {
    for (encoding, bytes, text) in [
        ("UniJIS-UCS2-H", &b"\x4e\xac\x90\xfd"[..], "京都"),
        ("90ms-RKSJ-V", b"\x8b\x9e\x93\x73", "京都"),
        ("GBK-EUC-H", b"\xc9\xcf\xba\xa3", "上海"),
        ("ETen-B5-H", b"\xa5\x78\xa5\x5f", "台北"),
        ("KSCms-UHC-H", b"\xbc\xad\xbf\xef", "서울"),
    ] {
        let font = |_: &mut Document| {
            let below = dictionary! { "Type" => "Font", "Subtype" => "CIDFontType0" };
            let font = dictionary! { "Type" => "Font", "Subtype" => "Type0", "Encoding" => encoding,
            "DescendantFonts" => vec![Object::Dictionary(below)] };
            dictionary! { "F1" => font }
        };
        let shown: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            only(font, &format!("BT /F1 12 Tf 72 700 Td <{shown}> Tj ET")),
            text,
            "{encoding}"
        );
    }
}

#[test]
fn what_draws_and_says_nothing_holds_up_nothing() {
    // Colours that are nowhere, a picture that looks like operators, a form whose font has the name of another one.
    let content =
        "/None cs 1 scn /None gs /Picture Do Q q /Form Do BT /F1 12 Tf 72 500 Td <00410042> Tj ET";
    assert_eq!(only(wide, content), "of the form\n\nAB");
}

#[test]
fn a_page_that_cannot_be_read_leaves_the_others() {
    let (text, unread) = read(&pdf(
        |document| {
            let mut fonts = wide(document);
            fonts.set("Odd", dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "X",
                "Encoding" => "Strange", "FirstChar" => 32, "LastChar" => 99, "Widths" => vec![500.into()],
                "ToUnicode" => "Strange", "FontDescriptor" => Object::Reference((999, 0)) });
            fonts
        },
        &[
            b"BT /F1 12 Tf 72 700 Td <00410042> Tj ET",
            b"BT /Nowhere 12 Tf 72 700 Td (lost) Tj ET",
            b"q 9 0 0 9 0 0 cm /Picture Do Q",
            b"",
            b"BT /Odd 12 Tf 72 700 Td (What a font) Tj ET",
        ],
    ));
    let pages: Vec<&str> = text.split(PAGE).collect();
    assert_eq!(
        (pages, unread),
        (vec!["AB", "", "", "", "What a font"], vec![2, 3])
    );
}

#[test]
fn what_people_wrote_into_a_page_is_read_too() {
    let bytes = pdf(simple, &[b"BT /F1 12 Tf 72 700 Td (Name) Tj ET"]);
    let mut document = Document::load_mem(&bytes).unwrap();
    let page = document.page_iter().next().unwrap();
    let text = |bytes: &[u8]| Object::String(bytes.to_vec(), StringFormat::Literal);
    let field = dictionary! { "T" => text(b"name"), "TU" => text(b"Full name"), "V" => text(b"\xfe\xff\x00W\x01\x42") };
    let field = document.add_object(field);
    let notes: Vec<Object> = vec![
        Object::Dictionary(
            dictionary! { "Subtype" => "Widget", "Parent" => Object::Reference(field) },
        ),
        Object::Dictionary(
            dictionary! { "Subtype" => "Widget", "T" => text(b"box"), "V" => "Off" },
        ),
        Object::Dictionary(
            dictionary! { "Subtype" => "Text", "Contents" => text(b"The blue\nfolder") },
        ),
        Object::Dictionary(dictionary! { "Subtype" => "Link", "Contents" => text(b"no words") }),
    ];
    document
        .get_object_mut(page)
        .unwrap()
        .as_dict_mut()
        .unwrap()
        .set("Annots", notes);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    assert_eq!(read(&bytes).0, "Name\n\nFull name: Wł\nThe blue folder");
}

#[test]
fn what_is_no_pdf_is_refused_with_the_way_out() {
    assert!(text(b"hello").unwrap_err().contains("no PDF"));
    assert!(text(b"%PDF-1.7\nnothing").unwrap_err().contains("print it"));
    let dark = pdf(simple, &[b"BT /Nowhere 12 Tf (lost) Tj ET"]);
    assert!(text(&dark).unwrap_err().contains("fonts"));
    let scanned = pdf(simple, &[b"/Picture Do", b"0 0 9 9 re f"]);
    assert!(text(&scanned).unwrap_err().contains("ocrmypdf"));
}
