//! The sessions that arguments name.

use super::Stop;
use crate::ids::SessionKey;
use crate::watch::Settings;

/// The sessions of a site, or of one account.
pub(super) fn wanted(
    settings: &Settings,
    sites: &[String],
    all: bool,
) -> Result<Vec<SessionKey>, Stop> {
    if all {
        refuse_broken(settings, None)?;
        let all = settings.recipes.iter().flat_map(|r| {
            r.accounts.iter().map(|a| SessionKey {
                site: r.site.clone(),
                account: a.name.clone(),
                within: None,
            })
        });
        return Ok(all.collect());
    }
    let mut keys = Vec::new();
    for name in sites {
        let key: SessionKey = name
            .parse()
            .map_err(|e: crate::ids::NameError| Stop::Told(2, e.to_string()))?;
        refuse_broken(settings, Some(key.site.as_str()))?;
        let Some(recipe) = settings.recipes.get(&key.site) else {
            return Err(no_such(settings, name));
        };
        let accounts = recipe
            .accounts
            .iter()
            .filter(|a| key.account.is_none() || a.name == key.account);
        let before = keys.len();
        keys.extend(accounts.map(|a| SessionKey {
            account: a.name.clone(),
            ..key.clone()
        }));
        if keys.len() == before {
            return Err(no_such(settings, name));
        }
    }
    Ok(keys)
}

pub(super) fn one(settings: &Settings, name: &str) -> Result<SessionKey, Stop> {
    let key: SessionKey = name
        .parse()
        .map_err(|e: crate::ids::NameError| Stop::Told(2, e.to_string()))?;
    refuse_broken(settings, Some(key.site.as_str()))?;
    let recipe = settings.recipes.get(&key.site);
    match recipe.is_some_and(|r| r.accounts.iter().any(|a| a.name == key.account)) {
        true => Ok(key),
        false => Err(no_such(settings, name)),
    }
}

pub(super) fn no_such(settings: &Settings, name: &str) -> Stop {
    let known: Vec<String> = settings
        .recipes
        .iter()
        .flat_map(|r| {
            r.accounts.iter().map(|a| match &a.name {
                Some(account) => format!("{}:{account}", r.site),
                None => r.site.to_string(),
            })
        })
        .collect();
    let near = known.iter().find(|k| strsim::jaro_winkler(k, name) > 0.85);
    let hint = match (near, known.is_empty()) {
        (Some(near), _) => format!("did you mean {near}?"),
        (None, true) => format!("there is no recipe yet; write sites/{name}.toml"),
        (None, false) => format!("there are {}", known.join(", ")),
    };
    Stop::Told(2, format!("there is no site {name}; {hint}"))
}

/// Stops where the recipe that is asked for is the one that is broken.
pub(super) fn refuse_broken(settings: &Settings, site: Option<&str>) -> Result<(), Stop> {
    for problem in &settings.problems {
        let stem = problem
            .path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned());
        if site.is_none_or(|site| stem.as_deref() == Some(site)) {
            return Err(Stop::Told(3, problem.to_string()));
        }
    }
    Ok(())
}
