//! Why a verb ends before its time, as a message and an exit code.

use crate::config::Diagnostic;
use crate::failure::Failure;
use crate::session::FilesError;

/// Why a verb did not do what it was asked for. What is to be said has been said, unless it is [`Stop::Told`].
pub(super) enum Stop {
    /// A message for a person, and the exit code.
    Told(u8, String),
    /// Only the exit code.
    Quiet(u8),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        if let Some(files) = error.downcast_ref::<FilesError>() {
            let code = if matches!(files, FilesError::Busy { .. }) {
                4
            } else {
                1
            };
            return Self::Told(code, files.to_string());
        }
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return Self::Told(failure.class.exit_code(), failure.message.clone());
        }
        Self::Told(1, format!("{error:#}"))
    }
}

impl From<FilesError> for Stop {
    fn from(error: FilesError) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Told(failure.class.exit_code(), failure.to_string())
    }
}

impl From<Diagnostic> for Stop {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Told(3, diagnostic.to_string())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            // The reader has seen enough.
            std::io::ErrorKind::BrokenPipe => Self::Quiet(0),
            _ => Self::Told(1, error.to_string()),
        }
    }
}
