//! Reads zip files, which wheels are: their table, and members that are stored or deflated (APPNOTE 6.3).

use std::io::Read as _;

/// Largest member, bytes.
const LARGEST: u32 = 2 << 30;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its path.
    pub(super) name: String,
    method: u16,
    sum: u32,
    packed: u32,
    size: u32,
    offset: u32,
}

/// What a zip file holds.
///
/// # Errors
/// It is none.
pub(super) fn members(bytes: &[u8]) -> Result<Vec<Member>, String> {
    let no_zip = || "it is no wheel and no zip file, or it is cut off".to_owned();
    // The end record has a comment of at most 65,535 bytes behind it.
    let from = bytes.len().saturating_sub(22 + 65_535);
    let end = bytes
        .get(from..)
        .unwrap_or_default()
        .windows(4)
        .rposition(|four| four == b"PK\x05\x06");
    let end = from + end.ok_or_else(no_zip)?;
    let (count, mut at) = (short(bytes, end + 10), long(bytes, end + 16));
    let mut all = Vec::new();
    for _ in 0..count.ok_or_else(no_zip)? {
        let begin = usize::try_from(at.ok_or_else(no_zip)?).map_err(|_| no_zip())?;
        let member = member(bytes, begin).ok_or_else(no_zip)?;
        at = u32::try_from(member.1).ok();
        all.push(member.0);
    }
    Ok(all)
}

/// One of the table, and where the next one begins.
fn member(bytes: &[u8], at: usize) -> Option<(Member, usize)> {
    (bytes.get(at..at + 4)? == b"PK\x01\x02").then_some(())?;
    let lengths = [28, 30, 32].map(|field| short(bytes, at + field).map(usize::from));
    let [Some(name), Some(extra), Some(comment)] = lengths else {
        return None;
    };
    let member = Member {
        name: String::from_utf8_lossy(bytes.get(at + 46..at + 46 + name)?).into_owned(),
        method: short(bytes, at + 10)?,
        sum: long(bytes, at + 16)?,
        packed: long(bytes, at + 20)?,
        size: long(bytes, at + 24)?,
        offset: long(bytes, at + 42)?,
    };
    Some((member, at + 46 + name + extra + comment))
}

/// The bytes of a member.
///
/// # Errors
/// It is packed in another way, or broken.
pub(super) fn read(bytes: &[u8], member: &Member) -> Result<Vec<u8>, String> {
    let broken = || format!("its member {} is broken", member.name);
    if member.size > LARGEST {
        return Err(format!("its member {} is larger than 2 GiB", member.name));
    }
    let length = |number: u32| usize::try_from(number).map_err(|_| broken());
    let at = length(member.offset)?;
    let names = [26, 28].map(|field| short(bytes, at + field).map(usize::from));
    let [Some(name), Some(extra)] = names else {
        return Err(broken());
    };
    let begin = at + 30 + name + extra;
    let packed = bytes
        .get(begin..begin + length(member.packed)?)
        .ok_or_else(broken)?;
    let mut plain = Vec::new();
    match member.method {
        0 => plain.extend_from_slice(packed),
        8 => {
            // What unpacks to more than it says is no honest member.
            let limit = u64::from(member.size) + 1;
            let unpacked = flate2::read::DeflateDecoder::new(packed)
                .take(limit)
                .read_to_end(&mut plain);
            unpacked.map_err(|_| broken())?;
        }
        _ => {
            return Err(format!(
                "its member {} is packed in a way that is not known here",
                member.name
            ));
        }
    }
    let mut sum = flate2::Crc::new();
    sum.update(&plain);
    match plain.len() == length(member.size)? && sum.sum() == member.sum {
        true => Ok(plain),
        false => Err(broken()),
    }
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `zip`: `a/one.txt` deflated ("one " a hundred times), `two` stored ("2").
    fn made() -> Vec<u8> {
        let mut zip = Vec::new();
        let one = "one ".repeat(100);
        let mut packed = Vec::new();
        let mut deflate =
            flate2::read::DeflateEncoder::new(one.as_bytes(), flate2::Compression::best());
        deflate.read_to_end(&mut packed).unwrap();
        let mut table = Vec::new();
        for (name, method, plain, bytes) in [
            ("a/one.txt", 8_u16, one.as_bytes(), packed.as_slice()),
            ("two", 0, b"2", b"2"),
        ] {
            let mut sum = flate2::Crc::new();
            sum.update(plain);
            let mut common = Vec::new();
            common.extend(method.to_le_bytes());
            common.extend([0; 4]);
            for number in [sum.sum(), bytes.len() as u32, plain.len() as u32] {
                common.extend(number.to_le_bytes());
            }
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0; 2]);
            table.extend(b"PK\x01\x02\x14\x00\x14\x00\x00\x00");
            table.extend(&common);
            table.extend([0; 10]);
            table.extend((zip.len() as u32).to_le_bytes());
            table.extend(name.as_bytes());
            zip.extend(b"PK\x03\x04\x14\x00\x00\x00");
            zip.extend(&common);
            zip.extend(name.as_bytes());
            zip.extend(bytes);
        }
        let begin = zip.len() as u32;
        zip.extend(&table);
        zip.extend(b"PK\x05\x06\x00\x00\x00\x00\x02\x00\x02\x00");
        zip.extend((table.len() as u32).to_le_bytes());
        zip.extend(begin.to_le_bytes());
        zip.extend([0; 2]);
        zip
    }

    #[test]
    fn members_come_out_as_they_went_in_and_what_is_broken_does_not() {
        let zip = made();
        let all = members(&zip).unwrap();
        let read_all: Vec<_> = all
            .iter()
            .map(|one| (one.name.as_str(), read(&zip, one).unwrap()))
            .collect();
        assert_eq!(
            read_all,
            [
                ("a/one.txt", "one ".repeat(100).into_bytes()),
                ("two", b"2".to_vec())
            ]
        );
        let mut bomb = all[0].clone();
        bomb.size = 8;
        assert!(read(&zip, &bomb).is_err());
        let mut other = zip.clone();
        let at = zip.windows(4).position(|four| four == b"two2").unwrap();
        other[at + 3] = b'3';
        assert!(read(&other, &all[1]).unwrap_err().contains("two"));
        // Whatever is cut off or wrong is told, and nothing panics.
        for end in 0..zip.len() {
            if let Ok(all) = members(&zip[..end]) {
                all.iter().for_each(|one| drop(read(&zip[..end], one)));
            }
            let mut wrong = zip.clone();
            wrong[end] ^= 0xff;
            if let Ok(all) = members(&wrong) {
                all.iter().for_each(|one| drop(read(&wrong, one)));
            }
        }
    }
}
