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

    /// Every combination that some recipe asks for and whose sites all have one, sorted.
    pub fn combinations(&self) -> BTreeSet<Combination> {
        let all = self.iter().flat_map(|recipe| &recipe.combine);
        all.filter(|combination| {
            combination
                .sites()
                .iter()
                .all(|site| self.0.contains_key(site))
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
        if loaded.recipes.get(&site).is_none() {
            loaded.warnings.push(warning);
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
