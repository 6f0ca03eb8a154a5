//! Puts a new recipe into the folder.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::load::{Recipes, load};
use super::{Draft, Recipe};
use crate::config::Diagnostic;
use crate::ids::SiteName;

/// Writes `NAME.toml` at once and whole, never over another file, and reads it back; gives its path and its recipe.
///
/// # Errors
/// The file exists, cannot be written, or does not mean what was drafted; then it is not there.
pub fn save(dir: &Path, site: &SiteName, draft: &Draft) -> Result<(PathBuf, Recipe), Diagnostic> {
    let path = dir.join(format!("{site}.toml"));
    let recipe = draft.recipe(site)?;
    let refuse = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Diagnostic::of(
            &path,
            "exists already, and is left as it is",
            "choose another name with --name, or remove the file first",
        ),
        _ => Diagnostic::of(
            &path,
            format!("cannot be written: {error}"),
            "let the user that runs jarkeeper write there (chmod, chown), and see that the disk has room",
        ),
    };
    std::fs::create_dir_all(dir).map_err(refuse)?;
    // A name that begins with a dot is passed over by those who read the folder meanwhile.
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(dir)
        .map_err(refuse)?;
    file.write_all(draft.text().as_bytes()).map_err(refuse)?;
    file.as_file().sync_all().map_err(refuse)?;
    file.persist_noclobber(&path)
        .map_err(|error| refuse(error.error))?;
    let _ = std::fs::File::open(dir).and_then(|dir| dir.sync_all());
    let read = load(dir, &|_| None, &Recipes::default());
    match read.recipes.get(site) {
        Some(read) if **read == recipe => Ok((path, recipe)),
        _ => {
            let _ = std::fs::remove_file(&path);
            let problem = read
                .problems
                .into_iter()
                .find(|problem| problem.path == path);
            Err(problem.unwrap_or_else(|| {
                Diagnostic::of(
                    &path,
                    "was not read back as it was written, and is removed again",
                    "see that nothing else writes there",
                )
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sites::recipe::Source;

    #[test]
    fn a_recipe_is_saved_once_and_never_over_another() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("sites");
        let (site, url) = (
            "wiki".parse().unwrap(),
            "https://wiki.example.org/".parse().unwrap(),
        );
        let draft = Draft::new(url, Source::Literal("bob".into()), Source::Env("A".into()));
        let (path, recipe) = save(&dir, &site, &draft).unwrap();
        assert_eq!(recipe, draft.recipe(&site).unwrap());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        std::fs::write(&path, "# mine\n").unwrap();
        let error = save(&dir, &site, &draft).unwrap_err();
        assert!(error.message.contains("exists already"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine\n");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    }
}
