//! A secret in a file of its own.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{LONGEST, text};

pub(super) fn read(path: &Path) -> Result<SecretString, String> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "does not exist; write the secret into {} and chmod 600 it",
            path.display()
        ),
        std::io::ErrorKind::PermissionDenied => {
            "may not be read; let the user that runs jarkeeper own it (chown)".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    };
    // Without O_NONBLOCK a FIFO would hold us until somebody writes.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)
        .map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err("is not an ordinary file".to_owned());
    }
    if meta.mode() & 0o077 != 0 {
        let mode = format!("{:04o}", meta.mode() & 0o7777);
        tracing::warn!(path = %path.display(), mode, "others on this machine can read this secret; chmod 600 it");
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!(
            "is longer than {} KiB; name the file that holds the secret alone",
            LONGEST / 1024
        ));
    }
    text(&bytes)
}
