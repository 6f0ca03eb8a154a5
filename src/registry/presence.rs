//! Who is connected.

use std::sync::Arc;

/// Who is connected. Clones share it.
#[derive(Clone, Default)]
pub struct Presence(Arc<()>);
