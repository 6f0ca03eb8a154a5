//! Fills a daemon's store with instances, for `scripts/bench registry`. Arguments: the root folder, and how many.
//!
//! Prints the ids of a thousand of them. Nobody can show a password for these: that would be an hour of hashing.

use chrono::Utc;
use futures::StreamExt as _;
use jarkeeper::identity::{Identity, PersonId};
use jarkeeper::registry::{Registry, Upload};
use jarkeeper::session::Files;
use jarkeeper::store::Store;
use serde_json::json;

/// Words of which names are made.
const WORDS: [&str; 16] = [
    "night", "report", "wiki", "shop", "mirror", "lake", "stone", "river", "paper", "cloud",
    "garden", "tower", "bridge", "window", "letter", "summer",
];
/// How many are written at once.
const AT_ONCE: usize = 512;
/// How many ids are printed.
const SHOWN: usize = 1000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let (Some(root), Some(number)) = (arguments.next(), arguments.next()) else {
        // `cargo bench` starts this too.
        return Ok(());
    };
    let number: usize = number.parse()?;
    let files = Files::open(&std::path::Path::new(&root).join(".auth"))?;
    let store = Store::open(&files.store_path()?)?;
    Identity::new(store.clone(), Utc::now).await?;
    let registry = Registry::open(store, Utc::now).await?;
    let owner = PersonId::owner();
    let made = futures::stream::iter(0..number).map(|number| {
        let (registry, owner) = (registry.clone(), owner.clone());
        async move {
            let word = |at: usize| WORDS[(number / 7_usize.pow(at as u32) + at) % WORDS.len()];
            let upload = Upload {
                name: format!("{} {} {number}", word(0), word(2)),
                description: Some("an upload of the bench ".repeat(10)),
                email: Some("bench@example.org".to_owned()),
                tags: json!({ "model_name": word(1), "is_cot": number % 2 == 0, "document_count": number % 1000 })
                    .as_object()
                    .cloned()
                    .unwrap_or_default(),
            };
            registry.register_without_password(upload, Some(&owner)).await
        }
    });
    let mut made = made.buffer_unordered(AT_ONCE);
    let mut shown = 0;
    while let Some(one) = made.next().await {
        let id = one?.id;
        if shown < SHOWN {
            use std::io::Write as _;
            writeln!(std::io::stdout(), "{id}")?;
            shown += 1;
        }
    }
    Ok(())
}
