//! `auto-login`: the files of WebArena's script of that name, for programs that start it and read them.

use std::path::Path;

use super::{Stop, complain, say};
use crate::app::App;
use crate::failure::FailureClass;
use crate::ids::{Combination, NameError, SessionKey, SiteName};
use crate::renewal::{Cause, Renewer};
use crate::session::files::deliver;
use crate::session::{StorageState, join};

pub(super) async fn run(app: &App, folder: &Path, list: &[String]) -> Result<(), Stop> {
    let renewer = app.queue.renewer();
    let settings = renewer.settings();
    let everything = list.is_empty() || list.iter().any(|name| name == "all");
    let mut files: Vec<Vec<SiteName>> = Vec::new();
    if everything {
        super::named::refuse_broken(&settings, None)?;
        files.extend(
            settings
                .recipes
                .iter()
                .map(|recipe| vec![recipe.site.clone()]),
        );
        files.extend(
            settings
                .recipes
                .combinations()
                .iter()
                .map(|c| c.sites().to_vec()),
        );
    } else {
        let parse = |name: &String| {
            name.parse::<SiteName>()
                .map_err(|e: NameError| Stop::Told(2, e.to_string()))
        };
        let sites = list.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        for site in &sites {
            super::named::refuse_broken(&settings, Some(site.as_str()))?;
            if settings.recipes.get(site).is_none() {
                return Err(super::named::no_such(&settings, site.as_str()));
            }
        }
        if sites.len() > 1 {
            Combination::new(sites.clone()).map_err(|e| Stop::Told(2, e.to_string()))?;
        }
        files.push(sites);
    }

    // Every session once, however many files it goes into.
    let mut keys: Vec<SessionKey> = files
        .iter()
        .flat_map(|sites| parts(renewer, sites))
        .collect();
    keys.sort();
    keys.dedup();
    let waiting = keys
        .iter()
        .map(|key| app.queue.submit(key.clone(), Cause::Command));
    let mut failed: Option<u8> = None;
    let mut lost = Vec::new();
    for report in futures::future::join_all(waiting)
        .await
        .into_iter()
        .flatten()
    {
        if report.ok() {
            continue;
        }
        let (class, message) = match &report.failure {
            Some(failure) => (failure.class, failure.message.clone()),
            None => (
                FailureClass::Timeout,
                "another process is renewing it".to_owned(),
            ),
        };
        complain(&format!("{}: {class}: {message}", report.key));
        failed.get_or_insert(class.exit_code());
        lost.push(report.key);
    }
    for sites in &files {
        let name = format!(
            "{}_state.json",
            sites
                .iter()
                .map(SiteName::as_str)
                .collect::<Vec<_>>()
                .join(".")
        );
        let parts = parts(renewer, sites);
        if let Some(missing) = parts.iter().find(|key| lost.contains(key)) {
            complain(&format!("{name} was not written, because {missing} failed"));
            continue;
        }
        if let Some(sealed) = sites.iter().find(|site| settings.recipes.is_sealed(site)) {
            complain(&format!(
                "{name} was not written: {sealed} is kept sealed, and this file would be plain; `jarkeeper export {sealed}` prints its session"
            ));
            failed.get_or_insert(FailureClass::RecipeWrong.exit_code());
            continue;
        }
        match state_of(renewer, &parts) {
            Ok(state) => {
                deliver(folder, &name, &state)?;
                say(&folder.join(&name).display().to_string())?;
            }
            Err(why) => {
                complain(&format!("{name} was not written: {why}"));
                failed.get_or_insert(FailureClass::RecipeWrong.exit_code());
            }
        }
    }
    failed.map_or(Ok(()), |code| Err(Stop::Quiet(code)))
}

fn parts(renewer: &Renewer, sites: &[SiteName]) -> Vec<SessionKey> {
    match Combination::new(sites.to_vec()) {
        Ok(combination) => {
            let configured = renewer
                .settings()
                .recipes
                .combinations()
                .contains(&combination.clone().sorted());
            // Only combinations that a recipe asks for have sessions of their own.
            match configured {
                true => {
                    let mut parts = renewer.parts(&combination.clone().sorted());
                    parts.sort_by_key(|key| sites.iter().position(|site| *site == key.site));
                    parts
                }
                false => sites.iter().cloned().map(SessionKey::of).collect(),
            }
        }
        Err(_) => sites.iter().cloned().map(SessionKey::of).collect(),
    }
}

fn state_of(renewer: &Renewer, parts: &[SessionKey]) -> Result<StorageState, String> {
    let mut states = Vec::new();
    for part in parts {
        let state = renewer.files().load(part).map_err(|e| e.to_string())?;
        states.push((
            part.site.clone(),
            state.ok_or_else(|| format!("{part} has no session"))?,
        ));
    }
    let borrowed: Vec<_> = states
        .iter()
        .map(|(site, state)| (site.clone(), state))
        .collect();
    join(&borrowed).map_err(|collision| collision.to_string())
}
