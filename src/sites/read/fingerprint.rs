//! A hash of what a recipe says.

use sha2::{Digest, Sha256};

use crate::document::{Node, Value};

/// A hash of what the file means: of every key and value in a fixed order, and of what `${…}` stood for. A password that
/// stands in the file is left out; it is noticed as a changed secret.
pub(super) fn fingerprint(root: &Node, resolved: &[String]) -> String {
    let mut hash = Sha256::new();
    absorb(&mut hash, root, false);
    for text in resolved {
        hash.update(b"$");
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn absorb(hash: &mut Sha256, node: &Node, secret: bool) {
    // Each text ends with a byte that TOML cannot hold, so that no two trees give the same bytes.
    let mut text = |kind: &str, text: &str| {
        hash.update(kind.as_bytes());
        hash.update(text.as_bytes());
        hash.update([0]);
    };
    match &node.value {
        Value::Bool(it) => text("b", &it.to_string()),
        Value::Integer(it) => text("i", &it.to_string()),
        Value::Float(it) => text("f", &it.to_string()),
        Value::Date(it) => text("d", it),
        Value::Text(_) if secret => text("s", "[literal]"),
        Value::Text(it) => text("t", it),
        Value::Loose(it) => text("t", it),
        Value::List(items) => {
            text("[", "");
            items.iter().for_each(|item| absorb(hash, item, false));
            hash.update(b"]");
        }
        Value::Table(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|a, b| a.0.name.cmp(&b.0.name));
            text("{", "");
            for (key, value) in entries {
                hash.update(key.name.as_bytes());
                hash.update([0]);
                absorb(
                    hash,
                    value,
                    matches!(key.name.as_str(), "password" | "totp" | "recovery_codes"),
                );
            }
            hash.update(b"}");
        }
    }
}
