//! Pictures of loads.

/// Largest picture, bytes.
const LARGEST: usize = 512 << 10;

/// A picture of a kind that browsers show and that runs no script.
#[derive(Clone, PartialEq, Eq)]
pub struct Avatar {
    /// Its media type, as its first bytes tell.
    pub kind: String,
    /// The file.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Avatar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Avatar({}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl Avatar {
    /// From a file, whatever its name or its sender says of it.
    ///
    /// # Errors
    /// What is wrong with it, and the way out.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() > LARGEST {
            let most = LARGEST >> 10;
            return Err(format!(
                "this picture is larger than {most} KiB; make it smaller, it is shown small"
            ));
        }
        match kind(&bytes) {
            Some(kind) => Ok(Self {
                kind: kind.to_owned(),
                bytes,
            }),
            None => {
                Err("this is no picture of a kind that is kept: PNG, JPEG, GIF or WebP".to_owned())
            }
        }
    }
}

/// Signatures: PNG (ISO/IEC 15948) section 5.2, JPEG (ITU-T T.81) annex B, GIF89a section 17, WebP (RFC 9649) section 2.4.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_first_bytes_and_by_nothing_else() {
        let kind = |bytes: &[u8]| Avatar::read(bytes.to_vec()).map(|avatar| avatar.kind);
        assert_eq!(kind(b"\x89PNG\r\n\x1a\nrest").unwrap(), "image/png");
        assert_eq!(kind(b"\xff\xd8\xff\xe0rest").unwrap(), "image/jpeg");
        assert_eq!(kind(b"GIF89arest").unwrap(), "image/gif");
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 ").unwrap(), "image/webp");
        for wrong in [
            &b""[..],
            b"<svg xmlns='http://www.w3.org/2000/svg'>",
            b"<html>",
            b"RIFF\0\0\0\0WAVE",
            b"\x89PNG\n\n",
        ] {
            assert!(kind(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_picture_is_small() {
        let of = |size: usize| {
            let mut bytes = b"\xff\xd8\xff".to_vec();
            bytes.resize(size, 0);
            Avatar::read(bytes)
        };
        assert!(of(LARGEST).is_ok());
        assert!(of(LARGEST + 1).unwrap_err().contains("512 KiB"));
    }
}
