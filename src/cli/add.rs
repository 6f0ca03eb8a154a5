//! `sites add`: logs in at a URL, and writes the shortest recipe that works.

use std::path::Path;

use secrecy::SecretString;
use serde_json::json;
use url::{Host, Url};

use super::secret::tell_of_key;
use super::sites::{NOT_SAVED, Place, agreed, ask};
use super::{Stop, complain, say, say_json};
use crate::app::{self, App};
use crate::failure::{Failure, FailureClass, Wants};
use crate::ids::SessionKey;
use crate::login::Rule;
use crate::renewal::Trial;
use crate::secret::Credentials;
use crate::sites::recipe::{Probe, Source};
use crate::sites::{Draft, source};
use crate::vault::{self, Reach, sealed};

/// Most things that a person is asked to allow for one site.
const MOST_ALLOWED: usize = 6;

/// Parts of a query that only tell where a visitor came from.
const TRACKING: &[&str] = &["fbclid", "gclid", "msclkid", "mc_cid", "mc_eid"];

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The page where the login begins
    url: String,
    /// The site's name; made from the URL where it is not given
    #[arg(long)]
    name: Option<String>,
    /// The username; asked for where it is not given
    #[arg(long)]
    username: Option<String>,
    /// Where the password comes from: env:NAME, file:PATH, command:PROGRAM ARGUMENT…, keyring:SERVICE/USER
    #[arg(long, value_name = "SOURCE")]
    password: Option<String>,
    /// Where the secret of one-time codes comes from, written alike
    #[arg(long, value_name = "SOURCE")]
    totp: Option<String>,
    /// Where codes and links that the site sends come from: ask, maildir:PATH, command:PROGRAM ARGUMENT…
    #[arg(long, value_name = "SOURCE")]
    code: Option<String>,
    /// An origin, beside the URL's own, on which the credentials may be typed
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    allow: Vec<String>,
    /// Trusts a certificate that does not verify
    #[arg(long)]
    ignore_https_errors: bool,
    /// Saves the recipe without a question
    #[arg(long)]
    yes: bool,
}

/// The site as far as it is known before anything was tried.
pub(super) struct Plan {
    place: Place,
    draft: Draft,
    /// Typed a moment ago, and not to be found where the recipe says yet.
    typed: Option<SecretString>,
    yes: bool,
}

/// Puts together what the arguments say and the person at the terminal answers.
pub(super) async fn plan(root: &Path, arguments: Arguments) -> Result<Plan, Stop> {
    let url = address(&arguments.url).map_err(|why| Stop::Told(2, why))?;
    let place = Place::find(root, arguments.name.as_deref(), &url)?;
    let username = match arguments.username {
        Some(username) => username,
        None => {
            let question = "Username (empty where the site asks only for a password):";
            let answer = ask(move |terminal| terminal.line(question)).await?;
            answer.unwrap_or_default()
        }
    };
    let password = arguments.password.map(|text| given("--password", &text));
    let totp = arguments
        .totp
        .map(|text| given("--totp", &text))
        .transpose()?;
    let code = arguments.code.map(|text| source::code(&text)).transpose();
    let code = code.map_err(|why| Stop::Told(2, format!("--code: {why}")))?;
    let variable = place.variable("password");
    let set = (app::environment())(&variable).is_some_and(|value| !value.is_empty());
    let (password, typed) = match password.transpose()? {
        Some(source) => (source, None),
        None if set => (Source::Env(variable), None),
        None => {
            let typed = ask(|terminal| terminal.secret("Password (not shown):")).await?;
            let Some(typed) = typed.filter(|typed| !is_empty(typed)) else {
                let message = format!(
                    "there is no password; say where it comes from with --password {}, or set {variable}",
                    source::WAYS
                );
                return Err(Stop::Told(2, message));
            };
            // Once the login has worked it is sealed, where that can be done.
            (Source::Env(variable), Some(typed))
        }
    };
    let mut draft = Draft::new(url, Source::Literal(username.into()), password);
    draft.totp = totp;
    draft.code = code;
    draft.allowed_origins = arguments.allow;
    draft.ignore_https_errors = arguments.ignore_https_errors;
    // What no recipe can hold is said before the site is asked.
    draft.recipe(&place.site)?;
    let yes = arguments.yes;
    Ok(Plan {
        place,
        draft,
        typed,
        yes,
    })
}

pub(super) async fn run(app: &App, root: &Path, plan: Plan, json: bool) -> Result<(), Stop> {
    let Plan {
        place,
        mut draft,
        typed,
        yes,
    } = plan;
    let settings = app.queue.renewer().settings();
    let environment = app::environment();
    let reach = Reach {
        root,
        env: environment.as_ref(),
        key: settings.config.seal.key.as_ref(),
    };
    let credentials = credentials(reach, &draft, &place, typed.as_ref()).await?;
    let key = SessionKey::of(place.site.clone());
    let mut trial = attempt(app, &key, &place, &mut draft, &credentials, yes).await?;
    draft.probe = trial.rule().map(probe);
    let variable = draft.password.clone();
    if typed.is_some() {
        match sealed::free_name(place.site.as_str(), reach).await {
            Ok(name) => draft.password = Source::Sealed(name),
            Err(failure) => out_of_reach(&failure),
        }
    }
    let text = draft.text();
    if !json {
        say(&text)?;
    }
    if draft.probe.is_none() {
        complain(
            "no probe was found: plain HTTP cannot tell whether this session lives, so the browser will look",
        );
    }
    let saved = agreed(&place, yes).await?;
    let mut state = None;
    if saved {
        if let (Some(typed), Source::Sealed(name)) = (&typed, &draft.password) {
            match sealed::set(name, typed, reach).await {
                Ok(made) => tell_of_key(made),
                Err(failure) => {
                    out_of_reach(&failure);
                    draft.password = variable;
                }
            }
        }
        let kept = keep(&mut trial, &place, &draft);
        if let (Err(_), Some(_), Source::Sealed(name)) = (&kept, &typed, &draft.password) {
            sealed::remove(name, reach).await?;
        }
        state = Some(kept?);
    }
    drop(trial);
    if json {
        say_json(&json!({
            "site": place.site, "recipe": text, "saved": saved,
            "file": saved.then(|| place.file()), "state": state,
        }))?;
    }
    let Some(state) = state else {
        let message = format!("{} was not saved; --yes saves it", place.file());
        return Err(Stop::Told(NOT_SAVED, message));
    };
    if !json {
        let state = state.display();
        say(&format!(
            "{}: logged in, saved as {}, {state}",
            place.site,
            place.file()
        ))?;
    }
    match (typed, &draft.password) {
        (Some(_), Source::Sealed(name)) => complain(&format!(
            "the password that was typed is kept in {}, under the name {name}",
            root.join(sealed::SECRETS).display()
        )),
        (Some(_), Source::Env(name)) => complain(&format!(
            "the password that was typed is kept nowhere: set {name} to it where jarkeeper is started"
        )),
        _ => {}
    }
    Ok(())
}

fn out_of_reach(failure: &Failure) {
    complain(&format!(
        "the password that was typed cannot be sealed: {}",
        failure.message
    ));
}

/// The session first, so that a daemon that sees the recipe finds it: it need not log in again.
fn keep(trial: &mut Trial<'_>, place: &Place, draft: &Draft) -> Result<std::path::PathBuf, Stop> {
    let state = trial.keep(draft.recipe(&place.site)?)?;
    if let Err(stop) = place.save(draft) {
        trial.forget()?;
        return Err(stop);
    }
    Ok(state)
}

/// Logs in; what only a person may allow is asked for, and tried again where the password was not submitted yet.
async fn attempt<'a>(
    app: &'a App,
    key: &'a SessionKey,
    place: &Place,
    draft: &mut Draft,
    credentials: &Credentials,
    yes: bool,
) -> Result<Trial<'a>, Stop> {
    for _ in 0..MOST_ALLOWED {
        let recipe = draft.recipe(&place.site)?;
        let lost = match app.queue.renewer().attempt(key, recipe, credentials).await {
            Ok(trial) => return Ok(trial),
            Err(lost) => lost,
        };
        let failure = lost.failure;
        let wants = failure.wants.clone().filter(|_| !failure.submitted);
        if let Some(wants) = wants
            && !yes
            && allows(draft, &wants).await?
        {
            continue;
        }
        if let Some(folder) = &lost.artefacts {
            complain(&format!("what was seen is in {}", folder.display()));
        }
        return Err(told(&failure));
    }
    let message = "the site leads from one place to the next; write its recipe by hand";
    Err(Stop::Told(
        FailureClass::RecipeWrong.exit_code(),
        message.to_owned(),
    ))
}

/// Asks a person, and puts what is allowed into the draft.
async fn allows(draft: &mut Draft, wants: &Wants) -> Result<bool, Stop> {
    let own = draft.url.origin().ascii_serialization();
    let question = match wants {
        Wants::Origin(origin) => {
            format!("The login of {own} is on {origin}. May the password be typed there?")
        }
        Wants::Certificate => {
            format!(
                "The certificate of {own} does not verify: whoever is between could read the password. Trust it?"
            )
        }
    };
    let agreed = ask(move |terminal| terminal.agrees(&question))
        .await?
        .unwrap_or(false);
    if agreed {
        match wants {
            Wants::Origin(origin) => draft.allowed_origins.push(origin.clone()),
            Wants::Certificate => draft.ignore_https_errors = true,
        }
    }
    Ok(agreed)
}

/// The failure, with the option that helps.
fn told(failure: &Failure) -> Stop {
    let option = match (&failure.wants, failure.class) {
        (Some(Wants::Origin(origin)), _) => format!("; here: --allow {origin}"),
        (Some(Wants::Certificate), _) => "; here: --ignore-https-errors".to_owned(),
        (None, FailureClass::CodeWanted) => {
            "; here: --totp SOURCE, or --code SOURCE where the site sends it".to_owned()
        }
        (None, FailureClass::WrongCredentials) if !failure.submitted => {
            "; there is no recipe to release yet: correct the username or the password".to_owned()
        }
        _ => String::new(),
    };
    let message = format!("{}: {}{option}", failure.class, failure.message);
    Stop::Told(failure.class.exit_code(), message)
}

/// What one logs in with: from where the recipe says, but for a password that was typed.
async fn credentials(
    reach: Reach<'_>,
    draft: &Draft,
    place: &Place,
    typed: Option<&SecretString>,
) -> Result<Credentials, Stop> {
    let accounts = draft.recipe(&place.site)?.accounts;
    let Some(mut account) = accounts.into_iter().next() else {
        return Err(Stop::Told(1, "the recipe has no account".to_owned()));
    };
    if let Some(typed) = typed {
        account.password = Source::Literal(typed.clone());
    }
    Ok(vault::credentials(&account, reach).await?)
}

fn probe(rule: &Rule) -> Probe {
    Probe {
        url: rule.url.clone(),
        status: rule.status,
        contains: rule.contains.clone(),
        lacks: rule.lacks.clone(),
    }
}

fn is_empty(secret: &SecretString) -> bool {
    secrecy::ExposeSecret::expose_secret(secret).is_empty()
}

/// A source as it was given. What is wrong is said by us: clap would repeat it, and it may be the secret.
fn given(option: &str, text: &str) -> Result<Source, Stop> {
    source::parse(text).map_err(|why| Stop::Told(2, format!("{option}: {why}")))
}

/// The URL as a person gives it, whole and without what plays no part.
fn address(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let whole = match text.contains("://") {
        true => Url::parse(text),
        false => Url::parse(&format!("https://{text}")).and_then(|url| match url.host() {
            // Few serve HTTPS to themselves.
            Some(host) if local(&host) => Url::parse(&format!("http://{text}")),
            _ => Ok(url),
        }),
    };
    let mut url = whole.map_err(|error| {
        format!(
            "{text:?} is not a URL: {error}; write it whole, for example https://example.org/login"
        )
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "a URL must begin with http:// or https://, not with \"{}:\"",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a URL must not hold a username or a password; give --username and --password"
                .to_owned(),
        );
    }
    let tracks = |name: &str| name.starts_with("utm_") || TRACKING.contains(&name);
    if url.query_pairs().any(|(name, _)| tracks(&name)) {
        let query = url.query().unwrap_or_default();
        let kept = query
            .split('&')
            .filter(|part| !tracks(part.split('=').next().unwrap_or_default()));
        let kept = kept.collect::<Vec<_>>().join("&");
        url.set_query(Some(kept.as_str()).filter(|kept| !kept.is_empty()));
    }
    if url.fragment() == Some("") {
        url.set_fragment(None);
    }
    // In a recipe these two characters begin the name of a variable.
    let plain = url.as_str().replace("${", "$%7B");
    Url::parse(&plain).map_err(|error| error.to_string())
}

fn local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn origin(text: &str) -> Result<String, String> {
    let url =
        Url::parse(text).map_err(|error| format!("{error}; write https://sso.example.org"))?;
    match matches!(url.scheme(), "http" | "https") {
        true => Ok(url.origin().ascii_serialization()),
        false => Err("an origin begins with http:// or https://".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_people_give_it() {
        for (given, taken) in [
            ("wiki.example.org/login", "https://wiki.example.org/login"),
            ("localhost:3000", "http://localhost:3000/"),
            ("127.0.0.1:3000/a#", "http://127.0.0.1:3000/a"),
            (
                "https://a.org/?utm_source=x&next=%2F&gclid=1#/login",
                "https://a.org/?next=%2F#/login",
            ),
            ("https://a.org/?utm_source=x", "https://a.org/"),
            ("https://a.org/?a=${HOME}", "https://a.org/?a=$%7BHOME}"),
        ] {
            assert_eq!(address(given).unwrap().as_str(), taken, "{given}");
        }
        for wrong in ["", "ftp://a.org", "https://bob:secret@a.org/", "https://"] {
            let said = address(wrong).unwrap_err();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
