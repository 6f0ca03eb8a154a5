//! What a program prints: a command of the recipe, or a password manager.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

use super::LONGEST;
use crate::secret::Redactor;

/// Longest line of a command's standard error in a message, in characters.
const SAID: usize = 200;

/// Why a program gave nothing.
pub(super) struct Broken {
    /// In words, to follow the word "which".
    pub(super) why: String,
    /// Its standard error, without what it printed. Empty where it did not end by itself.
    pub(super) said: Zeroizing<String>,
}

impl From<String> for Broken {
    fn from(why: String) -> Self {
        let said = Zeroizing::default();
        Self { why, said }
    }
}

/// Ends every process of a command that was not waited for, whatever way we leave.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Gone already: then there is nothing to end.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The standard output of a program that ends well and in time. It gets nothing to read, and runs in `root`.
pub(super) async fn run(
    argv: &[&str],
    root: &Path,
    deadline: Duration,
) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err("names no program".to_owned().into());
    };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                "was not found; install it, or write its whole path".to_owned()
            }
            _ => format!("did not start: {error}"),
        })?;
    let pid = child.id().and_then(|pid| Pid::from_raw(pid as i32));
    let mut group = Group(pid);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let finished = async {
        let (out, err) = tokio::join!(drain(stdout), drain(stderr));
        (child.wait().await, out, err)
    };
    let Ok((status, out, err)) = tokio::time::timeout(deadline, finished).await else {
        return Err(format!(
            "did not finish within {} s and was ended; see that it does not wait for an answer (a PIN, a touch)",
            deadline.as_secs_f32()
        )
        .into());
    };
    // Waited for: its number may belong to another process from now on.
    group.0 = None;
    let status = status.map_err(|error| format!("was lost: {error}"))?;
    if out.len() as u64 > LONGEST {
        return Err(format!(
            "printed more than {} KiB; let it print the secret alone",
            LONGEST / 1024
        )
        .into());
    }
    if status.success() {
        return Ok(out);
    }
    // What it printed before it failed may be the secret, and its complaint may repeat that.
    let mut redactor = Redactor::default();
    for line in String::from_utf8_lossy(&out).lines() {
        redactor.add(line);
    }
    let err = Zeroizing::new(redactor.blot(&String::from_utf8_lossy(&err)));
    let line = err.lines().find(|line| !line.trim().is_empty());
    let said = match line {
        Some(line) => {
            let line: String = line
                .chars()
                .filter(|c| !c.is_control())
                .take(SAID)
                .collect();
            format!("it said: {line}")
        }
        None => "it said nothing".to_owned(),
    };
    let how = match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    };
    Err(Broken {
        why: format!("failed ({how}; {said}); run it by hand as the user that runs jarkeeper"),
        said: err,
    })
}

/// Everything that comes, of which the beginning is kept. A command that prints too much is not held up.
async fn drain(from: Option<impl AsyncRead + Unpin>) -> Zeroizing<Vec<u8>> {
    // Large enough at once for what is meant: growing would leave parts of it behind, unwiped.
    let mut kept = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 4097));
    if let Some(from) = from {
        let mut from = from.take(16 * LONGEST);
        let mut part = Zeroizing::new([0u8; 4096]);
        while let Ok(length @ 1..) = from.read(part.as_mut_slice()).await {
            if kept.len() as u64 <= LONGEST {
                kept.extend_from_slice(&part[..length]);
            }
        }
    }
    kept
}
