//! Where a request begins and ends, followed byte by byte before HTTP is parsed, and nothing that two parsers could read in
//! two ways.
//!
//! The parser behind this takes a bare line feed for an end of line, lets `Transfer-Encoding` win over `Content-Length`, and
//! drops a second `Content-Length`: by then nobody can see that it was there. A proxy in front may have read it otherwise, and
//! what is a body to it is a request to us (RFC 9112 section 11.2).

/// The longest header name, and value, that is told from others here.
const WORD: usize = 24;
/// Most hexadecimal digits of a chunk's size.
const SIZE_DIGITS: u8 = 8;

/// Which part of a request comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// A new request; nothing of it has come.
    Start,
    /// Its line and its header.
    Head,
    /// Its body.
    Body,
}

/// Follows one connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    at: At,
    line: Line,
    length: Option<u64>,
    chunked: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    Start,
    RequestLine,
    Header,
    Sized(u64),
    ChunkSize {
        digits: u8,
        size: u64,
        cr: bool,
    },
    Chunk(u64),
    ChunkEnd {
        cr: bool,
    },
    Trailer,
}

/// A line that is being read.
#[derive(Debug, Default)]
struct Line {
    empty_not: bool,
    cr: bool,
    value: bool,
    name: Word,
    text: Word,
}

/// A short word; of a longer one only that it is longer is known.
#[derive(Debug, Default)]
struct Word {
    bytes: [u8; WORD],
    len: usize,
}

impl Word {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte.to_ascii_lowercase();
        }
        self.len += 1;
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default().trim_ascii()
    }
}

/// The bytes are no strict HTTP/1.1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Framing {
    /// What comes next.
    pub(super) fn stage(&self) -> Stage {
        match self.at {
            At::Start => Stage::Start,
            At::RequestLine | At::Header => Stage::Head,
            _ => Stage::Body,
        }
    }

    /// Follows these bytes; the index of the first one that may not stand there.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut index = 0;
        while let Some(byte) = bytes.get(index) {
            // The bytes of a body are not looked at one by one.
            if let At::Sized(left) | At::Chunk(left) = &mut self.at {
                let here = usize::try_from(*left).unwrap_or(usize::MAX);
                let here = here.min(bytes.len() - index);
                *left -= here as u64;
                index += here;
                match self.at {
                    At::Sized(0) => self.at = At::Start,
                    At::Chunk(0) => self.at = At::ChunkEnd { cr: false },
                    _ => {}
                }
                continue;
            }
            self.step(*byte).map_err(|Malformed| index)?;
            index += 1;
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        match self.at {
            At::Start => {
                (self.line, self.length, self.chunked) = (Line::default(), None, false);
                self.at = At::RequestLine;
                self.in_line(byte)
            }
            At::RequestLine | At::Header | At::Trailer => self.in_line(byte),
            At::ChunkSize { digits, size, cr } => self.in_size(byte, digits, size, cr),
            At::ChunkEnd { cr } => match (cr, byte) {
                (false, b'\r') => {
                    self.at = At::ChunkEnd { cr: true };
                    Ok(())
                }
                (true, b'\n') => {
                    self.at = NEXT_CHUNK;
                    Ok(())
                }
                _ => Err(Malformed),
            },
            // Taken whole by the caller.
            At::Sized(_) | At::Chunk(_) => Ok(()),
        }
    }

    fn in_line(&mut self, byte: u8) -> Result<(), Malformed> {
        let line = &mut self.line;
        match byte {
            b'\n' if line.cr => return self.end_line(),
            // A bare CR or LF, and a NUL, end a line for some and not for others.
            _ if line.cr => return Err(Malformed),
            b'\n' | 0 => return Err(Malformed),
            b'\r' => line.cr = true,
            // A line that goes on with the one before it (RFC 9112 section 5.2).
            b' ' | b'\t' if !line.empty_not => return Err(Malformed),
            b':' if !line.value => (line.value, line.empty_not) = (true, true),
            byte => {
                line.empty_not = true;
                match line.value {
                    true if line.text.len == 0 && matches!(byte, b' ' | b'\t') => {}
                    true => line.text.push(byte),
                    false => line.name.push(byte),
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), Malformed> {
        let line = std::mem::take(&mut self.line);
        match (self.at, line.empty_not) {
            (At::RequestLine, true) => self.at = At::Header,
            (At::RequestLine, false) => return Err(Malformed),
            (At::Header, true) => return self.header(&line),
            (At::Header, false) => {
                self.at = match (self.chunked, self.length) {
                    (true, _) => NEXT_CHUNK,
                    (false, None | Some(0)) => At::Start,
                    (false, Some(length)) => At::Sized(length),
                }
            }
            (_, true) => {}
            (_, false) => self.at = At::Start,
        }
        Ok(())
    }

    fn header(&mut self, line: &Line) -> Result<(), Malformed> {
        let framed = self.chunked || self.length.is_some();
        match line.name.get() {
            b"content-length" | b"transfer-encoding" if framed => Err(Malformed),
            b"content-length" => {
                self.length = Some(decimal(line.text.get()).ok_or(Malformed)?);
                Ok(())
            }
            b"transfer-encoding" if line.text.get() == b"chunked" => {
                self.chunked = true;
                Ok(())
            }
            b"transfer-encoding" => Err(Malformed),
            _ => Ok(()),
        }
    }

    /// Without extensions: nobody sends them but who hopes that they are read in two ways.
    fn in_size(&mut self, byte: u8, digits: u8, size: u64, cr: bool) -> Result<(), Malformed> {
        self.at = match (byte, cr) {
            (b'\n', true) if size == 0 => At::Trailer,
            (b'\n', true) => At::Chunk(size),
            (b'\r', false) if digits > 0 => At::ChunkSize {
                digits,
                size,
                cr: true,
            },
            (byte, false) if digits < SIZE_DIGITS => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                At::ChunkSize {
                    digits: digits + 1,
                    size: size * 16 + u64::from(digit),
                    cr,
                }
            }
            _ => return Err(Malformed),
        };
        Ok(())
    }
}

const NEXT_CHUNK: At = At::ChunkSize {
    digits: 0,
    size: 0,
    cr: false,
};

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        Some(sum * 10 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn followed(bytes: &[u8]) -> Result<Stage, usize> {
        let mut framing = Framing::default();
        framing.follow(bytes).map(|()| framing.stage())
    }

    const HEAD: &str = "POST /x HTTP/1.1\r\nHost: a:1\r\n";

    #[test]
    fn requests_are_followed_to_their_end() {
        let whole = [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            format!("{HEAD}Content-Length: 3\r\n\r\nabc"),
            format!("{HEAD}content-length:3 \r\n\r\na\n\nGET / HTTP/1.1\r\n\r\n"),
            format!(
                "{HEAD}Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
            ),
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n"),
            format!("{HEAD}X: a:b\r\nEmpty:\r\nContent-Length: 0\r\n\r\n"),
        ];
        for one in whole {
            assert_eq!(followed(one.as_bytes()), Ok(Stage::Start), "{one:?}");
            assert!(followed(&one.as_bytes()[..one.len() - 1]) != Ok(Stage::Start));
        }
    }

    #[test]
    fn what_may_be_read_in_two_ways_is_refused() {
        let bad = [
            "\r\nGET / HTTP/1.1\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\nHost: a\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\r\n\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n".to_owned(),
            format!("{HEAD}X: \0\r\n\r\n"),
            format!("{HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
            format!("{HEAD}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
            format!("{HEAD}Content-Length: 3\r\nContent-Length: 3\r\n\r\n"),
            format!("{HEAD}Content-Length: 3, 3\r\n\r\n"),
            format!("{HEAD}Content-Length: +3\r\n\r\n"),
            format!("{HEAD}Content-Length: 0x3\r\n\r\n"),
            format!("{HEAD}Content-Length:\r\n\r\n"),
            format!("{HEAD}Content-Length: 99999999999999999999999999999999\r\n\r\n"),
            format!("{HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
            format!("{HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n"),
            format!("{HEAD}Transfer-Encoding: xchunked\r\n\r\n"),
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n"),
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n"),
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n"),
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n"),
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n\r\n"),
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\n"),
        ];
        for one in bad {
            assert!(followed(one.as_bytes()).is_err(), "{one:?}");
        }
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_makes_no_difference(
            parts in prop::collection::vec(prop::sample::select(vec![
                "GET / HTTP/1.1", "\r\n", "\r", "\n", "Content-Length", ":", " ", "3", "Transfer-Encoding", "chunked", "abc",
                "0", "\r\n\r\n", "Host: a\r\n", "\t",
            ]), 0..24),
            cut in 0_usize..64,
        ) {
            let bytes = parts.concat().into_bytes();
            let cut = cut.min(bytes.len());
            let mut framing = Framing::default();
            let first = framing.follow(&bytes[..cut]);
            let twice = first.and_then(|()| framing.follow(&bytes[cut..]).map_err(|at| at + cut));
            prop_assert_eq!(twice.map(|()| framing.stage()), followed(&bytes));
        }
    }
}
