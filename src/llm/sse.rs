//! The event stream format of the HTML standard, as far as models' servers use it.

/// Cuts a stream into the data of its events, however its bytes come.
#[derive(Debug)]
pub(crate) struct Events {
    longest: usize,
    line: Vec<u8>,
    /// The line before ended with a CR: an LF belongs to it.
    cr: bool,
    data: Option<String>,
}

/// An event, or a line of it, is longer than it may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Events {
    /// With events of so many bytes at most.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            longest,
            line: Vec::new(),
            cr: false,
            data: None,
        }
    }

    /// The data of the events that are whole with these bytes.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut whole = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.cr) => {}
                b'\r' | b'\n' => {
                    self.cr = *byte == b'\r';
                    self.end_line(&mut whole)?;
                }
                byte => {
                    self.cr = false;
                    if self.line.len() >= self.longest {
                        return Err(TooLong);
                    }
                    self.line.push(*byte);
                }
            }
        }
        Ok(whole)
    }

    fn end_line(&mut self, whole: &mut Vec<String>) -> Result<(), TooLong> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            whole.extend(self.data.take());
            return Ok(());
        }
        // Comments, names and numbers of events are of no use here.
        let Some(data) = line.strip_prefix(b"data:") else {
            return Ok(());
        };
        let data = data.strip_prefix(b" ").unwrap_or(data);
        let data = String::from_utf8_lossy(data);
        match &mut self.data {
            None => self.data = Some(data.into_owned()),
            Some(kept) if kept.len() + data.len() >= self.longest => return Err(TooLong),
            Some(kept) => {
                kept.push('\n');
                kept.push_str(&data);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let text = ": hi\r\nevent: x\r\ndata: {\"a\":\r\ndata:1}\r\n\r\ndata: é\n\nid: 1\n\ndata: b\r\rdata: half";
        let whole = ["{\"a\":\n1}", "é", "b"];
        for size in 1..text.len() {
            let mut events = Events::new(100);
            let mut all = Vec::new();
            for part in text.as_bytes().chunks(size) {
                all.extend(events.take(part).unwrap());
            }
            assert_eq!(all, whole, "{size}");
        }
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut events = Events::new(100);
        assert_eq!(events.take(&[b'x'; 101]), Err(TooLong));
        let mut events = Events::new(100);
        assert_eq!(events.take(&b"data: 0123456789\n".repeat(11)), Err(TooLong));
    }
}
