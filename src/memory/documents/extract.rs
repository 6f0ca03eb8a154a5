//! The text of what somebody else made, read by a process of its own.
//!
//! A page can be nested so deep that reading it ends the process, and a PDF can unpack to any size, loop, or make its library
//! panic. So our own program is started once more for each: without an environment, with limits on memory and time, and with
//! the document as its only input. However it ends, the daemon goes on.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::kind::DocumentKind;
use super::{TEXT, html, pdf};
use crate::memory::MemoryError;

/// The hidden verb of our program.
const VERB: &str = "read-document";
/// Address space of the process, bytes.
const MEMORY: u64 = 1 << 30;
/// Its CPU time for a PDF, and for a page, seconds.
const CPU: u64 = 20;
const CPU_PAGE: u64 = 5;
/// Pages that are told as not read.
const UNREAD: usize = 1000;
/// Longest first line of what the process writes, bytes: their numbers.
const LINE: usize = UNREAD * 7;
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// With what it ends where the document is to blame; its words are in the output.
const REFUSED: u8 = 3;
/// Longest reason that is read, bytes.
const REASON: usize = 1000;

/// How many documents are read out at once, each by a process of its own.
const AT_ONCE: usize = 2;

/// Places for processes that read documents: one for each person, so that nobody has them all.
pub(super) struct Places {
    all: Arc<Semaphore>,
    own: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(AT_ONCE)),
            own: Mutex::default(),
        }
    }
}

impl Places {
    /// Waits for a place; it is given back with what this gives. None is ever closed.
    async fn take(&self, person: &str) -> [Option<OwnedSemaphorePermit>; 2] {
        let own = {
            let mut all = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|_, own| own.strong_count() > 0);
            let there = all.get(person).and_then(Weak::upgrade);
            let own = there.unwrap_or_else(|| Arc::new(Semaphore::new(1)));
            all.insert(person.to_owned(), Arc::downgrade(&own));
            own
        };
        let own = own.acquire_owned().await.ok();
        [own, Arc::clone(&self.all).acquire_owned().await.ok()]
    }
}

/// What a document says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// Its text.
    pub(super) text: String,
    /// Pages that it is not whole of, from 1.
    pub(super) unread: Vec<u32>,
}

impl Text {
    /// All of it.
    pub(super) fn of(text: String) -> Self {
        let unread = Vec::new();
        Self { text, unread }
    }
}

/// The text of a document, which a process of its own reads out.
///
/// # Errors
/// `Invalid`, `TooLarge`: why, and the way out.
pub(super) async fn text_of(
    places: &Places,
    person: &str,
    kind: DocumentKind,
    bytes: &[u8],
) -> Result<Text, MemoryError> {
    let _place = places.take(person).await;
    let unable = |error: std::io::Error| {
        tracing::error!("the process that reads documents does not start: {error}");
        let why =
            "the process that reads documents does not start here; the log of Jarkeeper says why";
        MemoryError::Invalid(why.to_owned())
    };
    // Not by its path: that may lead to another version by now.
    let mut child = Command::new("/proc/self/exe")
        .args([VERB, kind.word()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(unable)?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let give = async {
        if let Some(mut input) = input {
            // It may end before it has read everything.
            let _ = input.write_all(bytes).await;
        }
    };
    let take = async {
        let mut text = Vec::new();
        if let Some(output) = output {
            let most = u64::try_from(TEXT + LINE).unwrap_or(u64::MAX) + 1;
            output.take(most).read_to_end(&mut text).await?;
        }
        Ok::<_, std::io::Error>(text)
    };
    let whole = async {
        let ((), text) = tokio::join!(give, take);
        let text = text?;
        // Who has more to say is not heard to the end.
        let ended = match text.len() > TEXT + LINE {
            true => None,
            false => Some(child.wait().await?),
        };
        Ok::<_, std::io::Error>((text, ended))
    };
    let Ok(done) = tokio::time::timeout(PATIENCE, whole).await else {
        return Err(invalid(format!(
            "this document could not be read within {} seconds; split it, or send its text",
            PATIENCE.as_secs()
        )));
    };
    let (text, ended) = done.map_err(unable)?;
    let long = || {
        let why = format!(
            "the text of a document has at most {TEXT} bytes, and this one has more; split it"
        );
        MemoryError::TooLarge(why)
    };
    let ended = ended.ok_or_else(long)?;
    match ended.code() {
        Some(0) => match told(&text) {
            Some(text) if text.text.len() > TEXT => Err(long()),
            Some(text) => Ok(text),
            None => Err(invalid("the text of this document cannot be read".to_owned())),
        },
        Some(code) if code == i32::from(REFUSED) => {
            let why = text.get(..REASON).unwrap_or(&text);
            Err(invalid(String::from_utf8_lossy(why).into_owned()))
        }
        // Killed by its limits, or by the depth of what it read.
        _ => Err(invalid(
            "this document needs more memory or time than reading one may take, or is built to break its reader; send its text".to_owned(),
        )),
    }
}

/// What the process wrote: the numbers of pages that were not read in a line, and the text.
fn told(output: &[u8]) -> Option<Text> {
    let (line, text) = std::str::from_utf8(output).ok()?.split_once('\n')?;
    let unread = line
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>();
    Some(Text {
        text: text.to_owned(),
        unread: unread.ok()?,
    })
}

fn invalid(why: String) -> MemoryError {
    MemoryError::Invalid(why)
}

/// Reads a document of this media type at standard input, and writes its text, or what is wrong with it, to standard output:
/// what the hidden verb does. It takes away from itself what it does not need.
pub fn here(word: &str) -> ExitCode {
    match confined(word) {
        Ok(code) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

fn confined(word: &str) -> std::io::Result<ExitCode> {
    let limit = |resource, most| {
        let both = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, both)
    };
    limit(Resource::As, MEMORY)?;
    let is_page = word == DocumentKind::Html.word();
    limit(Resource::Cpu, if is_page { CPU_PAGE } else { CPU })?;
    // No file, no other process's work.
    limit(Resource::Fsize, 0)?;
    limit(Resource::Core, 0)?;
    // What a library prints is no text of the document.
    let mut output = std::fs::File::from(rustix::io::dup(rustix::stdio::stdout())?);
    rustix::stdio::dup2_stdout(std::fs::File::options().write(true).open("/dev/null")?)?;
    std::panic::set_hook(Box::new(|_| {}));
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    let read = std::panic::catch_unwind(|| match DocumentKind::of(word) {
        Some(DocumentKind::Html) => html::text(&bytes),
        Some(DocumentKind::Pdf) => pdf::text(&bytes),
        _ => Err("this is no kind of document that is read out".to_owned()),
    });
    let (text, code) = match read {
        Ok(Ok(Text { text, unread })) => {
            let unread: Vec<String> = unread.iter().take(UNREAD).map(u32::to_string).collect();
            (format!("{}\n{text}", unread.join(" ")), ExitCode::SUCCESS)
        }
        Ok(Err(why)) => (why, ExitCode::from(REFUSED)),
        Err(_) if word == DocumentKind::Pdf.word() => (pdf::stopped(), ExitCode::from(REFUSED)),
        Err(_) => (
            "this HTML cannot be read; send its text".to_owned(),
            ExitCode::from(REFUSED),
        ),
    };
    output.write_all(text.as_bytes())?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn nobody_has_all_places() {
        let places = Places::default();
        let own = places.take("ada").await;
        // A second document of the same person waits, and holds up nobody.
        let mut second = Box::pin(places.take("ada"));
        assert!(second.as_mut().now_or_never().is_none());
        let other = places.take("bob").now_or_never().unwrap();
        assert!(places.take("eva").now_or_never().is_none());
        drop((own, other));
        drop(second.await);
        assert_eq!(places.all.available_permits(), AT_ONCE);
    }

    #[test]
    fn pages_that_were_not_read_stand_in_front_of_the_text() {
        let told = |output: &[u8]| told(output).map(|one| (one.text, one.unread));
        assert_eq!(told(b"2 17\na\nb"), Some(("a\nb".to_owned(), vec![2, 17])));
        assert_eq!(told(b"\n"), Some((String::new(), Vec::new())));
        for broken in [&b""[..], b"2 x\na", b"\n\xff"] {
            assert_eq!(told(broken), None);
        }
    }
}
