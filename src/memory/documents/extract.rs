//! The text of what somebody else made, read by a process of its own.
//!
//! A page can be nested so deep that reading it ends the process, and a PDF can unpack to any size, loop, or make its library
//! panic. So our own program is started once more for each: without an environment, with limits on memory and time, and with
//! the document as its only input. However it ends, the daemon goes on.

use std::io::{Read as _, Write as _};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::kind::DocumentKind;
use super::{TEXT, html, pdf};
use crate::memory::MemoryError;

/// The hidden verb of our program.
const VERB: &str = "read-document";
/// Address space of the process, bytes.
const MEMORY: u64 = 1 << 30;
/// Its CPU time, seconds.
const CPU: u64 = 20;
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// With what it ends where the document is to blame; its words are in the output.
const REFUSED: u8 = 3;
/// Longest reason that is read, bytes.
const REASON: usize = 1000;

/// The text of a document, which a process of its own reads out.
///
/// # Errors
/// `Invalid`, `TooLarge`: why, and the way out.
pub(super) async fn text_of(
    places: &Semaphore,
    kind: DocumentKind,
    bytes: &[u8],
) -> Result<String, MemoryError> {
    // It is never closed.
    let _place = places.acquire().await;
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
            let most = u64::try_from(TEXT).unwrap_or(u64::MAX) + 1;
            output.take(most).read_to_end(&mut text).await?;
        }
        Ok::<_, std::io::Error>(text)
    };
    let whole = async {
        let ((), text) = tokio::join!(give, take);
        let text = text?;
        // Who has more to say is not heard to the end.
        let ended = match text.len() > TEXT {
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
    let Some(ended) = ended else {
        let why = format!(
            "the text of a document has at most {TEXT} bytes, and this one has more; split it"
        );
        return Err(MemoryError::TooLarge(why));
    };
    match ended.code() {
        Some(0) => String::from_utf8(text).map_err(|_| invalid("the text of this document cannot be read".to_owned())),
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
    limit(Resource::Cpu, CPU)?;
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
        Ok(Ok(text)) => (text, ExitCode::SUCCESS),
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
