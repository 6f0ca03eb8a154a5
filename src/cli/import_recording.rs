//! `sites import`: a recording of Chrome's DevTools becomes a recipe.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;
use zeroize::Zeroizing;

use super::sites::{NOT_SAVED, Place, agreed};
use super::{Stop, complain, say, say_json};
use crate::sites::recording::{Variables, begins_at, translate};

/// Longest recording, bytes: far above any that a person makes.
const LONGEST: u64 = 16 << 20;
/// The recording cannot be used.
const BROKEN: u8 = 3;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The recording, as JSON
    file: PathBuf,
    /// The site's name; made from the recorded URL where it is not given
    #[arg(long)]
    name: Option<String>,
    /// Saves the recipe without a question
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(root: &Path, arguments: Arguments, json: bool) -> Result<(), Stop> {
    let Arguments { file, name, yes } = arguments;
    let broken = |why: String| Stop::Told(BROKEN, format!("{}: {why}", file.display()));
    let text = read(&file).map_err(broken)?;
    let url = begins_at(&text).map_err(broken)?;
    let place = Place::find(root, name.as_deref(), &url)?;
    let (password, totp) = (place.variable("password"), place.variable("totp"));
    let variables = Variables {
        password: password.clone(),
        totp: totp.clone(),
    };
    let recorded = translate(&text, variables).map_err(broken)?;
    let draft = &recorded.draft;
    draft.recipe(&place.site)?;
    let recipe = draft.text();
    if !json {
        say(&recipe)?;
    }
    for note in &recorded.notes {
        complain(note);
    }
    let saved = agreed(&place, yes).await?;
    if saved {
        place.save(draft)?;
    }
    if json {
        say_json(&json!({
            "site": place.site, "recipe": recipe, "saved": saved,
            "file": saved.then(|| place.file()), "notes": recorded.notes,
        }))?;
    } else if saved {
        say(&format!("{}: saved as {}", place.site, place.file()))?;
    }
    if recorded.holds_password {
        complain(&format!(
            "{} holds the password in plain text, the recipe does not: remove the file, and set {password} to the password where jarkeeper is started",
            file.display()
        ));
    }
    if draft.totp.is_some() {
        complain(&format!(
            "set {totp} to the secret that the one-time codes are made from; the code in the recording is spent"
        ));
    }
    complain(&format!(
        "the steps are as they were recorded; `jarkeeper sites add {}` may need none",
        draft.url
    ));
    match saved {
        true => Ok(()),
        false => Err(Stop::Told(
            NOT_SAVED,
            format!("{} was not saved; --yes saves it", place.file()),
        )),
    }
}

fn read(file: &Path) -> Result<Zeroizing<String>, String> {
    let meta = std::fs::metadata(file).map_err(|error| format!("cannot be read: {error}"))?;
    // Opening a FIFO would wait for its writer.
    if !meta.is_file() {
        return Err("is not an ordinary file".to_owned());
    }
    let mut text = Zeroizing::new(String::new());
    let read =
        std::fs::File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    match read {
        Ok(_) if text.len() as u64 > LONGEST => Err(format!(
            "is longer than {} MiB; see that it is a recording",
            LONGEST >> 20
        )),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(
            "this is not UTF-8; export it again from the Recorder panel of DevTools, as JSON"
                .to_owned(),
        ),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}
