//! A registration that failed, as every door tells it: the same members, whether over HTTP, to a model or to a terminal.

use serde::Serialize;

use super::{LoadError, Reason};

/// A registration that failed. Shape: the error of clients of registries, with a problem's `type` and `detail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// 400, as these clients know it, whatever the status of an answer over HTTP is.
    pub code: u16,
    /// What those clients look for.
    pub message: &'static str,
    /// What kind of problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// A word of [`Reason`].
    pub reason: String,
    /// What happened, and what to mend.
    pub detail: String,
}

impl Failed {
    /// With a reason.
    pub fn new(reason: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: 400,
            message: "Failed to register upload instance",
            kind: "urn:jarkeeper:problem:registration-failed",
            reason: reason.into(),
            detail: detail.into(),
        }
    }

    /// Of what cannot be read as a registration.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Reason::Invalid.word(), detail)
    }

    /// Of an error; `None`: that is not the registration's fault.
    pub fn of(error: &LoadError) -> Option<Self> {
        let reason = match error {
            LoadError::NotRegistered(why) => why.reason,
            LoadError::Unknown(_) | LoadError::NoCurrent => Reason::NoLoad,
            LoadError::Seal(_) => Reason::NoSeal,
            LoadError::Invalid(_) | LoadError::Taken(_) | LoadError::TooMany => Reason::Invalid,
            LoadError::NotTold(_)
            | LoadError::NotConnectable(_)
            | LoadError::Nobodys
            | LoadError::NoRandom
            | LoadError::Store(_) => return None,
        };
        Some(Self::new(reason.word(), error.to_string()))
    }
}
