//! What the store keeps as text, read again.

use super::principal::Reach;
use super::scope::Scopes;

/// Kept scopes. What an older version wrote and this one does not know allows nothing.
pub(super) fn scopes(words: &str) -> Scopes {
    Scopes::kept(words)
}

/// A kept reach; what cannot be read reaches nothing.
pub(super) fn reach(words: Option<&[String]>) -> Reach {
    Reach::of(words).unwrap_or(Reach::Only(Vec::new()))
}
