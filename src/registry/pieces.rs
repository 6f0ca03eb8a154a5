//! What instances write into the pieces of their answers.

use serde_json::Value;

/// Longest words of an instance's error that are passed on, in characters.
const WORDS: usize = 300;

/// The data of the last event of a stream, which says that it is whole.
pub(crate) const DONE: &str = "[DONE]";

/// Longest event that is put together from several pieces, bytes.
const LONGEST: usize = 1 << 20;

/// What begins the lines of an event stream.
const FIELDS: [&str; 5] = ["data:", ":", "event:", "id:", "retry:"];

/// An event is longer than it may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Reads the pieces of one answer. Clients that exist send each event's data bare; others pass on what came from their
/// endpoint (the event stream format of the HTML standard) event by event, line by line with the line's end or without it, or
/// cut anywhere.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Whether a line of an event stream has come.
    stream: bool,
    /// The last piece ended with a CR: an LF belongs to it.
    cr: bool,
    /// The line that has not ended yet.
    line: String,
    /// How much of it was counted.
    counted: usize,
    /// The data of the event that has not ended yet.
    data: Option<String>,
    braces: Braces,
}

impl Pieces {
    /// The data of the events that are whole with this piece.
    pub(super) fn take(&mut self, raw: &str) -> Result<Vec<String>, TooLong> {
        let mut whole = Vec::new();
        if self.line.is_empty() && self.is_bare(raw) {
            self.end_event(&mut whole);
            self.cr = false;
            let text = raw.replace("\r\n", "\n").replace('\r', "\n");
            whole.push(text.trim_matches('\n').to_owned());
            return Ok(seen(whole));
        }
        self.stream = true;
        if self.begins_anew(raw) {
            self.end_line(&mut whole)?;
        }
        for c in raw.chars() {
            match c {
                '\n' if std::mem::take(&mut self.cr) => {}
                '\r' | '\n' => {
                    self.cr = c == '\r';
                    self.end_line(&mut whole)?;
                }
                c => {
                    self.cr = false;
                    self.line.push(c);
                }
            }
        }
        if self.line.len() > LONGEST {
            return Err(TooLong);
        }
        // Whoever leaves out the ends of lines sends a whole object at once.
        let open = data_of(&self.line).is_some();
        if open && self.count() {
            self.end_line(&mut whole)?;
        }
        Ok(seen(whole))
    }

    /// What is left where nothing more comes.
    pub(super) fn finish(&mut self) -> Vec<String> {
        let mut rest = Vec::new();
        // What is too long now has nobody who waits for more of it.
        let _ = self.end_line(&mut rest);
        self.end_event(&mut rest);
        seen(rest)
    }

    /// Whether a piece is the data of one event.
    fn is_bare(&self, raw: &str) -> bool {
        let text = raw.trim();
        let is_one = text.starts_with('{') || text == DONE;
        let mut lines = raw.split(['\n', '\r']);
        let mut is_stream = || lines.any(|line| FIELDS.iter().any(|field| line.starts_with(field)));
        // What is nothing at all, its reader is told.
        is_one || !(self.stream || text.is_empty() || is_stream())
    }

    /// Whether a piece begins a new line, though the one before has no end: an object that is cut anywhere goes on with
    /// whatever, but not with `data:`.
    fn begins_anew(&self, raw: &str) -> bool {
        let is_field = FIELDS.iter().any(|field| raw.starts_with(field));
        match data_of(&self.line) {
            _ if self.line.is_empty() => false,
            Some(_) => raw.starts_with("data:"),
            None => is_field && FIELDS.iter().any(|field| self.line.starts_with(field)),
        }
    }

    fn end_line(&mut self, whole: &mut Vec<String>) -> Result<(), TooLong> {
        let is_whole = data_of(&self.line).is_some() && self.count();
        self.counted = 0;
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.end_event(whole);
            return Ok(());
        }
        // Comments, names and numbers of events are of no use here.
        let Some(data) = data_of(&line) else {
            return Ok(());
        };
        match &mut self.data {
            None => self.data = Some(data.to_owned()),
            Some(kept) if kept.len() + data.len() >= LONGEST => return Err(TooLong),
            Some(kept) => {
                kept.push('\n');
                kept.push_str(data);
            }
        }
        if is_whole {
            self.end_event(whole);
        }
        Ok(())
    }

    fn end_event(&mut self, whole: &mut Vec<String>) {
        self.braces = Braces::default();
        whole.extend(self.data.take());
    }

    /// Counts on through the line's data: whether these and those before are one whole object, or [`DONE`].
    fn count(&mut self) -> bool {
        let from = self.counted.max("data:".len());
        self.counted = self.line.len();
        self.braces.take(&self.line[from..]);
        let is_done = data_of(&self.line).is_some_and(|data| data.trim() == DONE);
        self.braces.closed || (is_done && self.data.is_none())
    }
}

/// The data in a line, where it is one of data.
fn data_of(line: &str) -> Option<&str> {
    let data = line.strip_prefix("data:")?;
    Some(data.strip_prefix(' ').unwrap_or(data))
}

/// Without those that are blank.
fn seen(mut events: Vec<String>) -> Vec<String> {
    events.retain(|data| !data.trim().is_empty());
    events
}

/// Sees where an object of JSON ends, without reading it again with each piece of it.
#[derive(Debug, Default)]
struct Braces {
    open: usize,
    quoted: bool,
    escaped: bool,
    /// The object is whole.
    closed: bool,
    /// It is none.
    other: bool,
}

impl Braces {
    fn take(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.closed || self.other => return,
                _ if std::mem::take(&mut self.escaped) => {}
                b'\\' if self.quoted => self.escaped = true,
                b'"' if self.open > 0 => self.quoted = !self.quoted,
                _ if self.quoted => {}
                b'{' => self.open += 1,
                b'}' if self.open > 0 => {
                    self.open -= 1;
                    self.closed = self.open == 0;
                }
                _ if self.open == 0 => self.other = !byte.is_ascii_whitespace(),
                _ => {}
            }
        }
    }
}

/// What an instance says of its failure, in one line and not too long.
pub(super) fn words(error: &Value) -> String {
    let said = match error {
        Value::String(said) => said.clone(),
        Value::Object(all) => match all.get("message") {
            Some(Value::String(said)) => said.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    let line: Vec<&str> = said.split_whitespace().collect();
    let line = line.join(" ");
    let line: String = line.chars().filter(|c| crate::ids::is_seen(*c)).collect();
    match line.chars().count() {
        0 => "(nothing)".to_owned(),
        1..=WORDS => line,
        _ => line.chars().take(WORDS).chain("…".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these pieces.
    fn events(pieces: &[&str]) -> Vec<String> {
        let mut read = Pieces::default();
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(read.take(piece).unwrap());
        }
        all.extend(read.finish());
        all
    }

    #[test]
    fn events_are_bare_or_in_the_format_of_a_stream() {
        let all: [(&str, &[&str]); 9] = [
            ("{\"a\":1}", &["{\"a\":1}"]),
            ("data: {\"a\":1}\n\n", &["{\"a\":1}"]),
            ("data:a\ndata: b\n\ndata: c", &["a\nb", "c"]),
            (": hello\nevent: x\ndata: a\r\n\r\n", &["a"]),
            ("data: [DONE]\n\n", &["[DONE]"]),
            ("[DONE]", &["[DONE]"]),
            ("{\n\"a\": 1\r}\n", &["{\n\"a\": 1\n}"]),
            ("", &[]),
            ("data: \n\n", &[]),
        ];
        for (raw, data) in all {
            assert_eq!(events(&[raw]), data, "{raw:?}");
        }
    }

    #[test]
    fn a_stream_is_read_however_its_client_cuts_it() {
        let one = r#"{"a":"x: {\"}","b":{"c":[]}}"#;
        let stream = format!(
            ": ping\r\n\r\nevent: x\r\nid: 1\nretry: 5\ndata: {one}\r\n\r\ndata: {{\ndata: \"d\": 2}}\n\ndata: [DONE]\n\n"
        );
        let whole = [one, "{\n\"d\": 2}", "[DONE]"];
        // Anywhere, but not within the first line: nobody would know a stream by one letter.
        for size in 2..stream.len() {
            let mut pieces = vec![stream[..8].to_owned()];
            let rest: Vec<char> = stream[8..].chars().collect();
            pieces.extend(rest.chunks(size).map(String::from_iter));
            let pieces: Vec<_> = pieces.iter().map(String::as_str).collect();
            assert_eq!(events(&pieces), whole, "{size}");
        }
        // Line by line, with their ends and without; blank ones left out, too.
        let lines: Vec<_> = stream.split_inclusive('\n').collect();
        assert_eq!(events(&lines), whole);
        let bare: Vec<_> = stream.lines().collect();
        assert_eq!(events(&bare), whole);
        let full: Vec<_> = stream.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(events(&full), whole);
        // Bare data between the words of a stream.
        assert_eq!(
            events(&[": ping\n", r#"{"a":1}"#, ": ping\n\n", "[DONE]"]),
            [r#"{"a":1}"#, "[DONE]"]
        );
        // Each whole event is told at once, and not with the next one.
        let mut read = Pieces::default();
        assert_eq!(read.take(r#"data: {"a":1}"#).unwrap(), [r#"{"a":1}"#]);
        assert_eq!(read.take("\n\n").unwrap(), [""; 0]);
        assert_eq!(read.take("data: half").unwrap(), [""; 0]);
        assert_eq!(read.finish(), ["half"]);
    }

    #[test]
    fn an_event_that_never_ends_is_too_long() {
        let mut read = Pieces::default();
        let piece = format!("data: {}", "x".repeat(LONGEST - 6));
        assert_eq!(read.take(&piece), Ok(Vec::new()));
        assert_eq!(read.take("x"), Err(TooLong));
        let mut read = Pieces::default();
        let line = format!("data: {}\n", "x".repeat(LONGEST / 2));
        assert_eq!(read.take(&line), Ok(Vec::new()));
        assert_eq!(read.take(&line), Err(TooLong));
    }

    #[test]
    fn words_are_one_short_line() {
        let of = |error: Value| words(&error);
        assert_eq!(of("a\r\nb\u{200b}".into()), "a b");
        assert_eq!(of(serde_json::json!({ "message": "x", "key": "y" })), "x");
        assert_eq!(of(serde_json::json!(["x"])), "(nothing)");
        assert_eq!(of("x".repeat(1000).into()).chars().count(), WORDS + 1);
    }
}
