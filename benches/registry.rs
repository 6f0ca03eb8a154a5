//! Fills a daemon's store with instances, for `scripts/bench registry`. Arguments: the root folder, and how many.
//!
//! Prints the ids of a thousand of them. Their rows are written past the registry, with a hash that no password has: to hash a
//! password for each would be an hour. A change by the registry then makes a search find them.

use anyhow::Context as _;
use chrono::Utc;
use futures::StreamExt as _;
use jarkeeper::identity::{Identity, PersonId};
use jarkeeper::registry::{InstanceChange, Registry};
use jarkeeper::session::Files;
use jarkeeper::store::{InstanceWords, NewInstance, SecretRow, Store};
use serde_json::json;
use sha2::{Digest as _, Sha256};

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
    let registry = Registry::open(store.clone(), Utc::now).await?;
    let made = futures::stream::iter(0..number).map(|number| {
        let (store, registry) = (store.clone(), registry.clone());
        async move {
            let word = |at: usize| WORDS[(number / 7_usize.pow(at as u32) + at) % WORDS.len()];
            let name = format!("{} {} {number}", word(0), word(2));
            let tags = json!({ "model_name": word(1), "is_cot": number % 2 == 0, "document_count": number % 1000 });
            let new = NewInstance {
                ceiling: None,
                id: id(number),
                person: Some(PersonId::owner().to_string()),
                said: InstanceWords {
                    name: name.clone(),
                    description: Some("an upload of the bench ".repeat(10)),
                    email: Some("bench@example.org".to_owned()),
                    tags: tags.to_string(),
                    words: String::new(),
                },
                secret: SecretRow {
                    salt: vec![0; 16],
                    cost: "m=19456,t=2,p=1".to_owned(),
                    hash: vec![0; 32],
                    next_hash: None,
                    retriable: false,
                },
                retry: None,
                // They are the owner's.
                most: (0, 0),
            };
            let row = store.insert_instance(new, Utc::now()).await?;
            let row = row.context("an instance of the owner has no place")?;
            let found_by = InstanceChange {
                name: Some(name),
                ..InstanceChange::default()
            };
            registry.change(&row.id, found_by).await.map_err(anyhow::Error::from)
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

/// An id of the usual shape: 20 hexadecimal digits.
fn id(number: usize) -> String {
    let digest = Sha256::digest(number.to_be_bytes());
    digest[..10]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
