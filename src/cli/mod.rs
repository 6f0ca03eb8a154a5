//! Arguments, output and exit codes: one function a verb.
//!
//! Exit codes: 0 done, 1 something else failed, 2 wrong usage, 3 the configuration, a recipe or a recording is wrong, or a part
//! of a memory's export could not be taken back, 4 another daemon is at work, 5 not alive, 6 a recipe was shown and not saved,
//! 10 and above the class of a failed renewal ([`FailureClass::exit_code`]).

mod add;
mod arguments;
mod auto_login;
mod code;
mod daemon;
mod demo;
mod doctor;
mod document;
mod explain;
mod facts;
mod import_recording;
mod key;
mod load;
mod log;
mod login;
mod mcp;
mod memory;
mod memory_import;
mod memory_lines;
mod memory_verbs;
mod model;
mod named;
mod passkey;
mod profile;
mod secret;
mod sign_in;
mod sites;
mod state;
mod status;
mod stop;
mod terminal;
mod work;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::app::{self, App};
use crate::config::{Config, Overrides};
use crate::failure::FailureClass;
use crate::session::Files;
use crate::watch::{self, Settings};

use arguments::{Arguments, Verb};
use daemon::Daemon;
use log::log;
use named::{one, wanted};
use stop::Stop;

/// Runs the command that the process was started as.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    harden();
    if let Verb::ReadDocument { kind } = &arguments.verb {
        return crate::memory::extract_here(kind);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the runtime does not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(run(arguments));
    // Threads that still wait for Chromium's end get a moment; nothing waits for them longer.
    runtime.shutdown_timeout(std::time::Duration::from_secs(3));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Quiet(code)) => ExitCode::from(code),
        Err(Stop::Told(code, message)) => {
            complain(&message);
            ExitCode::from(code)
        }
    }
}

/// Other processes of this user cannot read our memory, and what Chromium leaves behind comes back to us to be reaped.
fn harden() {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "jarkeeper: {message}");
}

/// Writes to standard output.
fn say(text: &str) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn say_json(value: &impl serde::Serialize) -> Result<(), Stop> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Stop::Told(1, e.to_string()))?;
    say(&text)
}

async fn run(arguments: Arguments) -> Result<(), Stop> {
    let Arguments {
        root,
        set,
        json,
        verbose,
        verb,
    } = arguments;
    match verb {
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "jarkeeper", &mut text);
            return say(&String::from_utf8_lossy(&text));
        }
        Verb::Demo { port, life } => {
            drop(log(&Config::default().log, true));
            return demo::run(port, *life).await;
        }
        _ => {}
    }
    if !root.is_dir() {
        let message = format!(
            "--root {} is not a folder; it is the one that holds config.toml and sites/",
            root.display()
        );
        return Err(Stop::Told(2, message));
    }
    let overrides = Overrides::new(readable_variables(), set);
    let settings = watch::read(&root, &overrides, &app::environment())?;
    let relog = log(&settings.config.log, verbose || matches!(verb, Verb::Serve));
    match verb {
        Verb::Serve => Ok(app::serve(root, overrides, settings, relog).await?),
        Verb::Passkey(passkey::PasskeyVerb::Register { site, at }) => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                passkey::register(app, &key, at).await
            })
            .await
        }
        Verb::Key(verb) => key::run(&Files::open(&root.join(".auth"))?, verb, json).await,
        Verb::Profile(verb) => profile::run(&Files::open(&root.join(".auth"))?, verb, json).await,
        Verb::Document(verb) => document::run(&Files::open(&root.join(".auth"))?, verb, json).await,
        Verb::Load(verb) => load::run(&Files::open(&root.join(".auth"))?, verb, json).await,
        Verb::Memory(verb) => memory::run(&Files::open(&root.join(".auth"))?, verb, json).await,
        Verb::Register(wanted) => {
            load::register(&Files::open(&root.join(".auth"))?, wanted, json).await
        }
        Verb::Model(verb) => model::run(&root, &settings, verb, json).await,
        Verb::SignIn => sign_in::run(&Files::open(&root.join(".auth"))?, json).await,
        Verb::Secret(verb) => secret::run(&root, &settings, verb, json).await,
        Verb::Sites(sites::SitesVerb::Check) => sites::check(&settings, json),
        Verb::Sites(sites::SitesVerb::Add(arguments)) => {
            let plan = add::plan(&root, arguments).await?;
            with_app(&root, settings, async |app| {
                add::run(app, &root, plan, json).await
            })
            .await
        }
        Verb::Sites(sites::SitesVerb::Import(arguments)) => {
            import_recording::run(&root, arguments, json).await
        }
        Verb::Doctor => doctor::run(&root, &settings, json).await,
        Verb::Explain { url, picture } => explain::run(&settings, &url, &picture, json).await,
        Verb::Login { sites, all } => {
            let keys = wanted(&settings, &sites, all)?;
            with_app(&root, settings, async |app| {
                login::run(
                    app,
                    Daemon::of(app.queue.renewer().files())?.as_ref(),
                    keys,
                    json,
                )
                .await
            })
            .await
        }
        Verb::Check { site } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                status::check(
                    app,
                    Daemon::of(app.queue.renewer().files())?.as_ref(),
                    &key,
                    json,
                )
                .await
            })
            .await
        }
        Verb::Status => with_app(&root, settings, async |app| status::run(app, json)).await,
        Verb::Export { site, format, url } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                state::export(app, &key, format, url).await
            })
            .await
        }
        Verb::Import { site, file } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                state::import(
                    app,
                    Daemon::of(app.queue.renewer().files())?.as_ref(),
                    &key,
                    &file,
                )
                .await
            })
            .await
        }
        Verb::Hold { site, why } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                state::hold(
                    app,
                    Daemon::of(app.queue.renewer().files())?.as_ref(),
                    &key,
                    &why,
                )
                .await
            })
            .await
        }
        Verb::Release { site } => {
            let key = one(&settings, &site)?;
            with_app(&root, settings, async |app| {
                state::release(app, Daemon::of(app.queue.renewer().files())?.as_ref(), &key).await
            })
            .await
        }
        Verb::Code { site } => {
            let key = one(&settings, &site)?;
            code::run(&Files::open(&root.join(".auth"))?, &key).await
        }
        Verb::Mcp => mcp::run(&root, settings).await,
        Verb::AutoLogin {
            auth_folder,
            site_list,
        } => {
            with_app(&root, settings, async |app| {
                auto_login::run(app, &auth_folder, &site_list).await
            })
            .await
        }
        Verb::Demo { .. } | Verb::Completions { .. } | Verb::ReadDocument { .. } => Ok(()),
    }
}

async fn with_app(
    root: &Path,
    settings: Settings,
    verb: impl AsyncFnOnce(&App) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let app = App::new(root, settings)?;
    let interrupted = async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            told = tokio::signal::ctrl_c() => told,
            _ = terminate.recv() => Ok(()),
        }
    };
    let done = tokio::select! {
        done = verb(&app) => done,
        _ = interrupted => Err(Stop::Quiet(FailureClass::Cancelled.exit_code())),
    };
    app.close().await;
    done
}

/// The environment, without what is no UTF-8.
fn readable_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
