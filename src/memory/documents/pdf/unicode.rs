//! Which letters the codes of a font are: the table `ToUnicode` (ISO 32000-1, 9.10.3), read leniently and written anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Letters of codes, in UTF-16.
pub(super) type Letters = BTreeMap<u32, Vec<u16>>;

/// Most codes of a font.
const MOST: usize = 1 << 17;
/// Most codes of one range.
const RANGE: u32 = 1 << 16;
/// Most lines in one block of such a table.
const BLOCK: usize = 100;

/// A part of a table.
#[derive(Debug, Clone, PartialEq)]
enum Part<'a> {
    Hex(Vec<u8>),
    Open,
    Close,
    Word(&'a [u8]),
}

/// The letters that a table gives; what is broken in it gives none.
pub(super) fn letters(table: &[u8]) -> Letters {
    let mut all = Letters::new();
    let mut since: Vec<Part<'_>> = Vec::new();
    for part in parts(table) {
        match part {
            Part::Word(b"beginbfchar" | b"beginbfrange") => since.clear(),
            Part::Word(b"endbfchar") => {
                for pair in since.chunks_exact(2) {
                    if let [Part::Hex(code), Part::Hex(own)] = pair {
                        add(&mut all, number(code), units(own));
                    }
                }
                since.clear();
            }
            Part::Word(b"endbfrange") => {
                ranges(&since, &mut all);
                since.clear();
            }
            Part::Word(_) => {}
            part => since.push(part),
        }
    }
    all
}

fn ranges(parts: &[Part<'_>], all: &mut Letters) {
    let mut rest = parts.iter();
    while let (Some(Part::Hex(first)), Some(Part::Hex(last))) = (rest.next(), rest.next()) {
        let (first, last) = (number(first), number(last));
        match rest.next() {
            Some(Part::Hex(own)) => {
                let own = units(own);
                for step in 0..=last.saturating_sub(first).min(RANGE) {
                    // The last sign counts up.
                    let mut next = own.clone();
                    if let (Some(end), Ok(step)) = (next.last_mut(), u16::try_from(step)) {
                        *end = end.wrapping_add(step);
                    }
                    add(all, first.saturating_add(step), next);
                }
            }
            Some(Part::Open) => {
                let mut code = first;
                for part in rest.by_ref() {
                    let Part::Hex(own) = part else { break };
                    add(all, code, units(own));
                    code = code.saturating_add(1);
                }
            }
            _ => return,
        }
    }
}

fn add(all: &mut Letters, code: u32, own: Vec<u16>) {
    if all.len() < MOST && String::from_utf16(&own).is_ok() {
        all.insert(code, own);
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |all, byte| all << 8 | u32::from(*byte))
}

fn units(bytes: &[u8]) -> Vec<u16> {
    match bytes {
        [only] => vec![u16::from(*only)],
        bytes => bytes
            .chunks_exact(2)
            .map(|two| u16::from_be_bytes([two[0], two[1]]))
            .collect(),
    }
}

fn parts(table: &[u8]) -> Vec<Part<'_>> {
    let (mut all, mut at) = (Vec::new(), 0);
    while let Some(byte) = table.get(at) {
        match byte {
            b'%' => {
                at += table[at..]
                    .iter()
                    .take_while(|byte| !matches!(byte, b'\n' | b'\r'))
                    .count()
            }
            b'<' if table.get(at + 1) == Some(&b'<') => at += 2,
            b'<' => {
                let inner = &table[at + 1..];
                let inner = &inner[..inner
                    .iter()
                    .position(|byte| *byte == b'>')
                    .unwrap_or(inner.len())];
                all.push(Part::Hex(hexadecimal(inner)));
                at += inner.len() + 2;
            }
            b'[' | b']' => {
                all.push(if *byte == b'[' {
                    Part::Open
                } else {
                    Part::Close
                });
                at += 1;
            }
            byte if byte.is_ascii_alphanumeric() => {
                let length = table[at..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric())
                    .count();
                all.push(Part::Word(&table[at..at + length]));
                at += length;
            }
            _ => at += 1,
        }
    }
    all
}

fn hexadecimal(digits: &[u8]) -> Vec<u8> {
    let digits = digits
        .iter()
        .filter_map(|digit| char::from(*digit).to_digit(16));
    let digits: Vec<u8> = digits
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    // An odd last digit stands for itself and zero.
    digits
        .chunks(2)
        .map(|two| two[0] << 4 | two.get(1).copied().unwrap_or_default())
        .collect()
}

/// The table of letters, as every reader takes it.
pub(super) fn written(letters: &Letters) -> Vec<u8> {
    let mut table = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n1 begincodespacerange\n<0000> <ffff>\n\
        endcodespacerange\n"
        .to_owned();
    let all: Vec<_> = letters.iter().collect();
    for block in all.chunks(BLOCK) {
        let _ = writeln!(table, "{} beginbfchar", block.len());
        for (code, own) in block {
            let _ = write!(table, "<{code:04x}> <");
            for unit in *own {
                let _ = write!(table, "{unit:04x}");
            }
            table.push_str(">\n");
        }
        table.push_str("endbfchar\n");
    }
    table.push_str("endcmap\nend\nend\n");
    table.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_whatever_stands_in_it() {
        let table = b"/CMapName /x def % <0000> beginbfchar\n<< /a 1 >> 2 beginbfchar <01> <0041> <02><00660069> <03> <42> <04> <d800> endbfchar \
            2 beginbfrange <0010> <0012> <0061> <0020> <0021> [<0030> <0031003>] endbfrange 1 beginbfrange <30>";
        let own: Vec<_> = letters(table)
            .into_iter()
            .map(|(code, own)| (code, String::from_utf16(&own).unwrap()))
            .collect();
        let own: Vec<_> = own
            .iter()
            .map(|(code, own)| (*code, own.as_str()))
            .collect();
        assert_eq!(
            own,
            [
                (1, "A"),
                (2, "fi"),
                (3, "B"),
                (0x10, "a"),
                (0x11, "b"),
                (0x12, "c"),
                (0x20, "0"),
                (0x21, "10")
            ]
        );
        assert_eq!(letters(&written(&letters(table))), letters(table));
        assert_eq!(
            letters(b"beginbfrange <00000000> <ffffffff> <0000> endbfrange").len(),
            63_489
        );
    }
}
