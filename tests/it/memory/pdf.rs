//! PDFs made by hand: good ones, and such as break their readers.

use std::fmt::Write as _;

/// A PDF of these objects, from number 1; the first is the catalog. `trailer`: what else stands in the trailer.
pub(super) fn of(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(objects) {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        file.extend(format!("{number} 0 obj\n").bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let end = file.len();
    let size = objects.len() + 1;
    file.extend(table.bytes());
    file.extend(
        format!("trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{end}\n%%EOF\n")
            .bytes(),
    );
    file
}

/// A stream with these entries in its dictionary.
pub(super) fn stream(dictionary: &str, bytes: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {dictionary} /Length {} >>\nstream\n", bytes.len()).into_bytes();
    object.extend(bytes);
    object.extend(b"\nendstream");
    object
}

/// A PDF with these lines on each page.
pub(super) fn pages(texts: &[&str]) -> Vec<u8> {
    let contents = texts.iter().map(|text| {
        let mut drawn = "BT /F1 12 Tf 72 720 Td 14 TL\n".to_owned();
        for line in text.lines() {
            let line = line
                .replace('\\', "\\\\")
                .replace('(', "\\(")
                .replace(')', "\\)");
            let _ = writeln!(drawn, "({line}) Tj T*");
        }
        stream("", (drawn + "ET").as_bytes())
    });
    with(contents.collect(), "")
}

/// A PDF with these streams as its pages.
pub(super) fn with(contents: Vec<Vec<u8>>, trailer: &str) -> Vec<u8> {
    let count = contents.len();
    let kids: String = (0..count)
        .map(|at| format!("{} 0 R ", 4 + at * 2))
        .collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [ {kids}] /Count {count} >>").into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_vec(),
    ];
    for (at, content) in contents.into_iter().enumerate() {
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + at * 2
        );
        objects.push(page.into_bytes());
        objects.push(content);
    }
    of(&objects, trailer)
}

/// Zeros, packed as `FlateDecode` unpacks them: a gigabyte in a megabyte (RFC 1951, stored by hand with fixed codes would be long, so
/// this repeats one packed block).
pub(super) fn bomb() -> Vec<u8> {
    // One byte zero, then matches of length 258 and distance 1 in fixed codes: 285 is 11000101, distance 0 is 00000.
    let mut bits = Bits::default();
    bits.push(1, 1);
    bits.push(1, 2);
    bits.code(0b0011_0000, 8);
    for _ in 0..6_000_000_u32 {
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    bits.code(0, 7);
    let mut packed = vec![0x78, 0x01];
    packed.extend(bits.bytes);
    packed.push(bits.open);
    packed
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    open: u8,
    used: u32,
}

impl Bits {
    /// The low bits of a number, lowest first.
    fn push(&mut self, number: u32, count: u32) {
        for at in 0..count {
            self.open |= u8::try_from((number >> at) & 1).unwrap() << self.used;
            self.used += 1;
            if self.used == 8 {
                self.bytes.push(std::mem::take(&mut self.open));
                self.used = 0;
            }
        }
    }

    /// A Huffman code: highest bit first.
    fn code(&mut self, number: u32, count: u32) {
        for at in (0..count).rev() {
            self.push(number >> at, 1);
        }
    }
}
