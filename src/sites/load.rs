//! The folder of recipes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Recipe;
use super::read::read;
use crate::config::Diagnostic;
use crate::document::Document;
use crate::ids::{Combination, SiteName};

/// The recipes in force, by site.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recipes(BTreeMap<SiteName, Arc<Recipe>>);

impl Recipes {
    /// The recipe of a site.
    pub fn get(&self, site: &SiteName) -> Option<&Arc<Recipe>> {
        self.0.get(site)
    }

    /// All recipes, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Recipe>> {
        self.0.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the states of this site are kept sealed.
    pub fn is_sealed(&self, site: &SiteName) -> bool {
        self.get(site).is_some_and(|recipe| recipe.sealed)
    }

    /// Every combination that some recipe asks for and whose sites all have one, sorted. Its file is plain, so none of
    /// them is sealed.
    pub fn combinations(&self) -> BTreeSet<Combination> {
        let all = self.iter().flat_map(|recipe| &recipe.combine);
        all.filter(|combination| {
            let mut sites = combination.sites().iter();
            sites.all(|site| self.0.contains_key(site) && !self.is_sealed(site))
        })
        .cloned()
        .collect()
    }
}

impl FromIterator<Recipe> for Recipes {
    fn from_iter<T: IntoIterator<Item = Recipe>>(recipes: T) -> Self {
        let named = recipes
            .into_iter()
            .map(|recipe| (recipe.site.clone(), Arc::new(recipe)));
        Self(named.collect())
    }
}

/// What a folder of recipes holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// The recipes in force; of a broken file, the last good one.
    pub recipes: Recipes,
    /// Files that are broken.
    pub problems: Vec<Diagnostic>,
    /// What works but should not stay.
    pub warnings: Vec<Diagnostic>,
}

/// Reads every `NAME.toml` of a folder. A broken file keeps its recipe of `last_good`; a deleted one drops it. A folder that
/// does not exist is empty.
///
/// `env` gives the values of `${NAME}` in URLs. A recipe that says what it said keeps its `Arc`.
pub fn load(dir: &Path, env: &dyn Fn(&str) -> Option<String>, last_good: &Recipes) -> Loaded {
    let mut loaded = Loaded::default();
    let files = match files(dir) {
        Ok(files) => files,
        Err(error) => {
            loaded.recipes = last_good.clone();
            let help = "let the user that runs jarkeeper read the folder (chmod, chown)";
            loaded.problems.push(Diagnostic::of(
                dir,
                format!("cannot be read: {error}"),
                help,
            ));
            return loaded;
        }
    };
    let mut combined = Vec::new();
    for path in files {
        let site = match site(&path) {
            Ok(site) => site,
            Err(problem) => {
                loaded.problems.push(problem);
                continue;
            }
        };
        let known = last_good.get(&site);
        let document = match Document::read(&path) {
            Ok(Some(document)) => document,
            // Deleted since the folder was listed.
            Ok(None) => continue,
            Err(problem) => {
                loaded.keep(known, problem);
                continue;
            }
        };
        match read(&site, &document, env) {
            Ok(read) => {
                let recipe = match known {
                    Some(known) if **known == read.recipe => Arc::clone(known),
                    _ => Arc::new(read.recipe),
                };
                loaded.recipes.0.insert(site, recipe);
                loaded.warnings.extend(read.warnings);
                combined.extend(read.names);
            }
            Err(problem) => loaded.keep(known, problem),
        }
    }
    for (site, warning) in combined {
        match loaded.recipes.get(&site) {
            None => loaded.warnings.push(warning),
            Some(other) if other.sealed => loaded.problems.push(Diagnostic {
                message: format!(
                    "\"{site}\" is kept sealed, and a combination's file is plain: it would give the session away"
                ),
                help: format!("remove the combination, or sealed = true from sites/{site}.toml"),
                ..warning
            }),
            Some(_) => {}
        }
    }
    loaded
}

impl Loaded {
    fn keep(&mut self, known: Option<&Arc<Recipe>>, problem: Diagnostic) {
        if let Some(known) = known {
            self.recipes.0.insert(known.site.clone(), Arc::clone(known));
        }
        self.problems.push(problem);
    }
}

/// The `.toml` files of a folder, by name. Dot-files are editors' own.
fn files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The site that a file is about: its name without `.toml`.
fn site(path: &Path) -> Result<SiteName, Diagnostic> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    // auto-login's site list knows the word as "every site".
    if stem == "all" {
        return Err(Diagnostic::of(
            path,
            "no site can be named \"all\": the word means every site",
            "rename the file",
        ));
    }
    let problem = |error: crate::ids::NameError| {
        let help = "rename the file; its name is the site's name";
        Diagnostic::of(path, error.to_string(), help)
    };
    stem.parse().map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "url = \"http://a/\"\npassword = { env = \"A\" }\n";

    fn none(_: &str) -> Option<String> {
        None
    }

    fn names(loaded: &Loaded) -> Vec<&str> {
        loaded
            .recipes
            .iter()
            .map(|recipe| recipe.site.as_str())
            .collect()
    }

    #[test]
    fn a_folder_that_does_not_exist_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let loaded = load(&root.path().join("sites"), &none, &Recipes::default());
        assert_eq!(loaded, Loaded::default());
    }

    #[test]
    fn the_shipped_recipe_reads_as_it_stands() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("sites");
        let loaded = load(&dir, &none, &Recipes::default());
        assert_eq!((loaded.problems, loaded.warnings), (Vec::new(), Vec::new()));
        let demo = loaded.recipes.get(&"demo".parse().unwrap()).unwrap();
        assert_eq!(demo.url.as_str(), "http://127.0.0.1:8377/login");
        let moved = |name: &str| (name == "DEMO_PORT").then(|| "9".to_owned());
        let loaded = load(&dir, &moved, &loaded.recipes);
        let demo = loaded.recipes.get(&"demo".parse().unwrap()).unwrap();
        assert_eq!(demo.url.as_str(), "http://127.0.0.1:9/login");
    }

    #[test]
    fn a_broken_file_keeps_its_last_good_recipe_and_a_deleted_one_drops_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        std::fs::write(file("a.toml"), GOOD).unwrap();
        std::fs::write(file("b.toml"), GOOD).unwrap();
        let first = load(dir.path(), &none, &Recipes::default());
        assert_eq!(names(&first), ["a", "b"]);

        std::fs::write(file("a.toml"), "url = ").unwrap();
        std::fs::remove_file(file("b.toml")).unwrap();
        let second = load(dir.path(), &none, &first.recipes);
        assert_eq!(names(&second), ["a"]);
        assert_eq!(second.problems.len(), 1);
        assert_eq!(second.problems[0].line, Some(1));

        // With nothing good to fall back to, the site is simply not there.
        let alone = load(dir.path(), &none, &Recipes::default());
        assert!(alone.recipes.is_empty() && alone.problems == second.problems);
    }

    #[test]
    fn what_did_not_change_keeps_its_place_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.toml"), GOOD).unwrap();
        let first = load(dir.path(), &none, &Recipes::default());
        std::fs::write(dir.path().join("a.toml"), format!("# more\n{GOOD}")).unwrap();
        let second = load(dir.path(), &none, &first.recipes);
        let site = "a".parse().unwrap();
        let (old, new) = (first.recipes.get(&site), second.recipes.get(&site));
        assert!(Arc::ptr_eq(old.unwrap(), new.unwrap()));
    }

    #[test]
    fn files_that_are_no_recipes_are_told_or_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        for passed_over in [".a.toml", ".#a.toml", "a.toml~", "a.toml.swp", "README.md"] {
            std::fs::write(file(passed_over), "no").unwrap();
        }
        std::fs::write(file("Wiki.toml"), GOOD).unwrap();
        std::fs::write(file("all.toml"), GOOD).unwrap();
        std::fs::create_dir(file("dir.toml")).unwrap();
        std::os::unix::fs::symlink("nowhere", file("link.toml")).unwrap();
        std::fs::write(file("latin.toml"), b"# gr\xc3\xbc\xdf").unwrap();
        std::fs::write(file("long.toml"), vec![b'#'; 2 << 20]).unwrap();
        let loaded = load(dir.path(), &none, &Recipes::default());
        assert!(loaded.recipes.is_empty());
        let mut said = Vec::new();
        for mut problem in loaded.problems {
            problem.path = problem.path.file_name().unwrap().into();
            said.push(problem.to_string());
        }
        insta::assert_snapshot!(said.join("\n"), @r##"
        Wiki.toml: site name "Wiki" must begin with a to z or 0 to 9; rename the file; its name is the site's name
        all.toml: no site can be named "all": the word means every site; rename the file
        dir.toml: is not an ordinary file; put a TOML file in its place
        latin.toml:1:6: this is not UTF-8; save the file as UTF-8
        link.toml: is a link to a file that does not exist; repair the link, or remove it
        long.toml: is longer than 1024 KiB; see that it is a TOML file
        "##);
    }

    #[test]
    fn a_combination_needs_all_its_recipes() {
        let dir = tempfile::tempdir().unwrap();
        let a = format!("{GOOD}combine = [\"b\", \"c\"]");
        std::fs::write(dir.path().join("a.toml"), a).unwrap();
        std::fs::write(dir.path().join("b.toml"), GOOD).unwrap();
        let loaded = load(dir.path(), &none, &Recipes::default());
        let made: Vec<String> = loaded
            .recipes
            .combinations()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(made, ["a.b"]);
        let [warning] = &loaded.warnings[..] else {
            panic!("{:?}", loaded.warnings)
        };
        assert_eq!((warning.line, warning.column), (Some(3), Some(17)));
        assert_eq!(
            warning.message,
            "there is no recipe for \"c\", so \"a.c\" is not made"
        );
    }
}
