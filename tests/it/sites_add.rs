//! `sites add`: a URL, a username and a secret become a recipe, its probe and a session, or nothing at all.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use axum::Router;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use insta::assert_snapshot;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::form_urlencoded;

use crate::support::Site;
use crate::support::dials::Login;
use crate::support::process::{Ended, Root};
use crate::support::terminal::Terminal;

/// Runs `sites add` for the test site under the name `x`, with more arguments.
fn add(root: &Root, url: &str, more: &[&str]) -> Ended {
    let mut arguments = vec!["sites", "add", url, "--name", "x", "--username", Site::USER];
    arguments.extend(["--password", "env:PASSWORD"]);
    arguments.extend(more);
    root.run(&arguments)
}

fn root() -> Root {
    let root = Root::new();
    root.env("PASSWORD", Site::PASSWORD);
    root
}

fn recipe(root: &Root) -> Option<String> {
    std::fs::read_to_string(root.path().join("sites/x.toml")).ok()
}

/// Nothing was added: no recipe, not even half of one, and no session.
fn nothing(root: &Root) {
    let left = std::fs::read_dir(root.path().join("sites")).map_or(0, |dir| dir.count());
    assert_eq!(left, 0);
    assert!(root.state("x").is_none());
}

#[test]
fn a_url_a_username_and_a_secret_are_a_recipe_with_a_probe_and_a_session() {
    let site = Site::start();
    let root = root();
    let added = add(&root, &site.login_url(), &["--yes"]);
    assert_eq!(added.code, Some(0), "{added:?}");
    assert_snapshot!(added.said(&root), @r#"
    url = "http://127.0.0.1:PORT/login"
    username = "demo"
    password = { env = "PASSWORD" }
    probe = "/notes"
    x: logged in, saved as sites/x.toml, ROOT/.auth/x_state.json
    "#);
    assert!(added.out.starts_with(&recipe(&root).unwrap()));
    let mode = std::fs::metadata(root.path().join("sites/x.toml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    let check = root.run(&["check", "x"]);
    assert_eq!(check.code, Some(0), "{check:?}");
    // The session that was won is the site's: no second login.
    let login = root.run(&["login", "x"]);
    assert!(login.out.starts_with("x: alive"), "{login:?}");
    assert_eq!(site.submissions().len(), 1);
    assert_eq!(
        (root.ledger("x", "submit"), root.ledger("x", "accepted")),
        (1, 1)
    );
    assert_eq!(root.run(&["sites", "check"]).out, "1 recipe, no mistake\n");
    site.invalidate();
    assert_eq!(root.run(&["check", "x"]).code, Some(5));
    root.no_browser_within(std::time::Duration::from_secs(10));
}

#[test]
fn a_site_is_named_after_its_address_and_scripts_read_json() {
    let site = Site::start();
    let root = root();
    let port = site.base().rsplit_once(':').unwrap().1.to_owned();
    let arguments = [
        "--json",
        "sites",
        "add",
        &site.login_url(),
        "--username",
        "demo",
        "--yes",
    ];
    root.env(&format!("LOCALHOST_{port}_PASSWORD"), Site::PASSWORD);
    let added = root.run(&arguments);
    assert_eq!(added.code, Some(0), "{added:?}");
    let value = added.json();
    assert_eq!(value["site"], format!("localhost-{port}"));
    assert_eq!(value["saved"], true);
    assert_eq!(value["file"], format!("sites/localhost-{port}.toml"));
    let text = std::fs::read_to_string(root.path().join(value["file"].as_str().unwrap())).unwrap();
    assert_eq!(value["recipe"], text);
    assert!(
        text.contains(&format!("{{ env = \"LOCALHOST_{port}_PASSWORD\" }}")),
        "{text}"
    );
    assert!(std::path::Path::new(value["state"].as_str().unwrap()).exists());
}

#[test]
fn without_a_person_and_without_yes_the_recipe_is_shown_and_not_saved() {
    let site = Site::start();
    let root = root();
    let added = add(&root, &site.login_url(), &[]);
    assert_eq!(added.code, Some(6), "{added:?}");
    assert!(added.out.contains("probe = \"/notes\""), "{added:?}");
    assert_snapshot!(added.err, @"jarkeeper: sites/x.toml was not saved; --yes saves it");
    nothing(&root);
}

#[test]
fn a_refused_password_is_submitted_once_and_nothing_is_written() {
    let site = Site::start();
    let root = Root::new();
    root.env("PASSWORD", "not-the-password");
    let first = add(&root, &site.login_url(), &["--yes"]);
    assert_eq!(first.code, Some(10), "{first:?}");
    assert_snapshot!(first.said(&root), @r#"
    jarkeeper: what was seen is in ROOT/.auth/.jarkeeper/artefacts/x/N
    jarkeeper: wrong_credentials: the site refused the username or the password: "Wrong username or password."
    "#);
    nothing(&root);
    let second = add(&root, &site.login_url(), &["--yes"]);
    assert_eq!(second.code, Some(10), "{second:?}");
    assert!(second.err.contains("is not submitted again"), "{second:?}");
    assert!(
        second.err.contains("there is no recipe to release yet"),
        "{second:?}"
    );
    assert_eq!(site.submissions().len(), 1);
    nothing(&root);
    root.env("PASSWORD", Site::PASSWORD);
    assert_eq!(add(&root, &site.login_url(), &["--yes"]).code, Some(0));
}

#[test]
fn a_login_elsewhere_is_refused_with_the_option_that_allows_it() {
    let site = Site::with(|dials| dials.look_alike = true);
    let root = root();
    let added = add(&root, &site.login_url(), &["--yes"]);
    assert_eq!(added.code, Some(20), "{added:?}");
    let option = format!("--allow {}", site.foreign());
    assert!(added.err.trim_end().ends_with(&option), "{added:?}");
    assert_eq!(site.leaks(Site::PASSWORD), 0);
    nothing(&root);
}

#[test]
fn an_allowed_origin_stands_in_the_recipe() {
    let site = Site::with(|dials| dials.login = Login::ForeignFrame);
    let root = root();
    let added = add(
        &root,
        &site.login_url(),
        &["--yes", "--allow", site.foreign()],
    );
    assert_eq!(added.code, Some(0), "{added:?}");
    let wanted = format!("allowed_origins = [\"{}\"]", site.foreign());
    assert!(recipe(&root).unwrap().contains(&wanted));
    assert_eq!(root.run(&["check", "x"]).code, Some(0));
}

#[test]
fn where_plain_http_cannot_tell_there_is_no_probe_and_it_is_said() {
    let site = Site::with(|dials| dials.login = Login::LocalStorage);
    let root = root();
    let added = add(&root, &site.home_url(), &["--yes"]);
    assert_eq!(added.code, Some(0), "{added:?}");
    assert_eq!(recipe(&root).unwrap().lines().count(), 3);
    assert_snapshot!(added.err, @"jarkeeper: no probe was found: plain HTTP cannot tell whether this session lives, so the browser will look");
    assert_eq!(root.run(&["check", "x"]).code, Some(0));
    site.invalidate();
    assert_eq!(root.run(&["check", "x"]).code, Some(5));
}

/// A site whose pages look alike to everybody: its scripts ask who one is. It knows its visitors by a cookie, and answers
/// nobody without.
async fn application(method: Method, headers: HeaderMap, uri: Uri, body: String) -> Response {
    let cookies = headers
        .get(COOKIE)
        .and_then(|c| c.to_str().ok())
        .unwrap_or_default();
    let (visits, signed_in) = (cookies.contains("visitor=1"), cookies.contains("sid=good"));
    let page = |body: &str| {
        Html(format!(
            "<!doctype html><title>App</title><main>{body}</main>"
        ))
        .into_response()
    };
    match (uri.path(), method == Method::POST) {
        ("/login", true) => {
            let good = form_urlencoded::parse(body.as_bytes())
                .any(|(name, value)| name == "pass" && value == Site::PASSWORD);
            match good {
                true => (
                    [(SET_COOKIE, "sid=good; Path=/; HttpOnly")],
                    Redirect::to("/app"),
                )
                    .into_response(),
                false => page("<p role=alert>Wrong password</p>"),
            }
        }
        ("/login", false) => {
            let form = "<form method=post><input name=user autocomplete=username><input name=pass type=password><button>Sign in</button></form>";
            ([(SET_COOKIE, "visitor=1; Path=/")], page(form)).into_response()
        }
        ("/app", _) => page(
            "<h1>App</h1><p id=who></p><a href=/settings>Settings</a> <a href=/account/delete>Delete account</a> <a href=/bye/logout>x</a>\
             <script>fetch('/api/feed?page=1'); fetch('/api/me').then(r => r.ok ? r.json() : null).then(me => {\
             document.querySelector('#who').textContent = me ? 'Hello ' + me.name : 'Hello';\
             if (!me) location = '/login' })</script>",
        ),
        // Whoever comes without a cookie is no browser.
        ("/settings", _) if !visits => StatusCode::FORBIDDEN.into_response(),
        ("/settings", _) => page("<p>Colours</p>"),
        ("/api/feed", _) if signed_in => (format!("[{}]", "1,".repeat(5000)) + "1").into_response(),
        ("/api/me", _) if signed_in => r#"{"name":"Bob"}"#.into_response(),
        ("/api/me" | "/api/feed", _) => StatusCode::UNAUTHORIZED.into_response(),
        ("/account/delete" | "/bye/logout", _) => panic!("nobody may ask for {uri}"),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[test]
fn the_probe_is_what_the_page_itself_asks_and_no_stranger_is_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let url = format!("http://{}/login", listener.local_addr().unwrap());
    let everything = get(application).post(application);
    let router = Router::new().fallback_service(everything);
    let serves = runtime.spawn(async move { axum::serve(listener, router).await });
    let root = root();
    let added = add(&root, &url, &["--yes"]);
    assert_eq!(added.code, Some(0), "{added:?}");
    assert_snapshot!(added.said(&root), @r#"
    url = "http://127.0.0.1:PORT/login"
    username = "demo"
    password = { env = "PASSWORD" }
    probe = "/api/me"
    x: logged in, saved as sites/x.toml, ROOT/.auth/x_state.json
    "#);
    assert!(!serves.is_finished());
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let site = Site::start();
    let root = root();
    root.recipe("x", "# mine\n");
    let added = add(&root, &site.login_url(), &["--yes"]);
    assert_eq!(added.code, Some(2), "{added:?}");
    assert_snapshot!(added.err, @"jarkeeper: sites/x.toml exists already, and is left as it is; choose another name with --name, or remove the file first");
    assert_eq!(recipe(&root).unwrap(), "# mine\n");
    assert_eq!(site.requests().len(), 0);
}

#[test]
fn wrong_arguments_are_told_before_the_site_is_asked_and_no_secret_is_repeated() {
    let root = Root::new();
    let mut said = Vec::new();
    for arguments in [
        &["https://a.example/", "--password", "Teal9041otter"][..],
        &[
            "https://a.example/",
            "--password",
            "env:A",
            "--totp",
            "Teal9041otter",
        ],
        &["https://bob:Teal9041otter@a.example/"],
        &["ftp://a.example/"],
        &["https://a.example/", "--name", "Wiki"],
        &["https://a.example/", "--name", "all"],
        &["https://a.example/"],
        &["https://a.example/", "--password", "env:A"],
        &["https://a.example/", "--password", "file:~/x"],
    ] {
        let ended = root.run(&[&["sites", "add"], arguments].concat());
        assert!(!ended.err.contains("Teal9041otter"), "{ended:?}");
        said.push(format!(
            "{:?} {}",
            ended.code.unwrap(),
            ended.said(&root).trim_end()
        ));
    }
    assert_snapshot!(said.join("\n"), @r#"
    2 jarkeeper: --password: this does not say where the secret comes from; write env:NAME, file:PATH, command:PROGRAM ARGUMENT…, keyring:SERVICE/USER, pass:ENTRY, op://VAULT/ITEM/FIELD, bitwarden:ITEM, vault:PATH#FIELD or sealed:NAME. The secret itself does not belong into arguments, which other users of this machine and the shell's history see
    2 jarkeeper: --totp: this does not say where the secret comes from; write env:NAME, file:PATH, command:PROGRAM ARGUMENT…, keyring:SERVICE/USER, pass:ENTRY, op://VAULT/ITEM/FIELD, bitwarden:ITEM, vault:PATH#FIELD or sealed:NAME. The secret itself does not belong into arguments, which other users of this machine and the shell's history see
    2 jarkeeper: a URL must not hold a username or a password; give --username and --password
    2 jarkeeper: a URL must begin with http:// or https://, not with "ftp:"
    2 jarkeeper: site name "Wiki" must begin with a to z or 0 to 9
    2 jarkeeper: no site can be named "all": the word means every site
    2 jarkeeper: there is no password; say where it comes from with --password env:NAME, file:PATH, command:PROGRAM ARGUMENT…, keyring:SERVICE/USER, pass:ENTRY, op://VAULT/ITEM/FIELD, bitwarden:ITEM, vault:PATH#FIELD or sealed:NAME, or set A_PASSWORD
    22 jarkeeper: secret_missing: the password comes from the environment variable A, which is not set; set it where jarkeeper is started (in a systemd unit: Environment= or EnvironmentFile=)
    3 jarkeeper: sites/a.toml:2:12: "~" is known to shells only; write the whole path, or one relative to the folder of config.toml
    "#);
    assert!(!root.path().join("sites").exists());
}

/// A person who adds the test site under the name `x`, up to the password.
fn person(root: &Root, site: &Site, password: &str) -> Terminal {
    let mut terminal =
        Terminal::spawn(&root.command(&["sites", "add", &site.login_url(), "--name", "x"]));
    terminal.answer(
        "Username (empty where the site asks only for a password):",
        Site::USER,
    );
    terminal.answer("Password (not shown):", password);
    terminal
}

#[test]
fn a_person_is_asked_and_what_is_typed_is_shown_nowhere_and_sealed() {
    let site = Site::start();
    let root = Root::new();
    // The last key of a typo is taken back.
    let mut terminal = person(&root, &site, &format!("{}x\u{7f}", Site::PASSWORD));
    terminal.answer("Save as sites/x.toml? [y/N]", "y");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(Site::PASSWORD), "{shown}");
    let kept = format!(
        "the password that was typed is kept in {}/secrets.age, under the name x",
        root.path().display()
    );
    assert!(shown.contains(&kept), "{shown}");
    let text = recipe(&root).unwrap();
    assert!(text.contains("password = { sealed = \"x\" }"), "{text}");
    assert_eq!(root.run(&["secret", "list"]).out, "x\n");
    assert!(root.run(&["login", "x"]).out.starts_with("x: alive"));
    assert_eq!(site.submissions().len(), 1);
    site.invalidate();
    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(0), "{login:?}");
    assert_eq!(site.submissions().len(), 2);
}

#[test]
fn a_secret_of_the_same_name_is_another_ones_and_stays() {
    let site = Site::start();
    let root = Root::new();
    let mut process = root.command(&["secret", "set", "x"]);
    process.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = process.stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"other").unwrap();
    assert!(child.wait().unwrap().success());
    let mut terminal = person(&root, &site, Site::PASSWORD);
    terminal.answer("Save as sites/x.toml? [y/N]", "y");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(0), "{shown}");
    let text = recipe(&root).unwrap();
    assert!(text.contains("password = { sealed = \"x-2\" }"), "{text}");
    assert_eq!(root.run(&["secret", "list"]).out, "x\nx-2\n");
}

#[test]
fn what_cannot_be_sealed_is_left_to_the_environment() {
    let site = Site::start();
    let root = Root::new();
    root.save("secrets.age", "sealed with a key that is not here");
    let mut terminal = person(&root, &site, Site::PASSWORD);
    terminal.answer("Save as sites/x.toml? [y/N]", "y");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(0), "{shown}");
    for part in [
        "the password that was typed cannot be sealed: there is no key",
        "set X_PASSWORD to it where jarkeeper is started",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let text = recipe(&root).unwrap();
    assert!(
        text.contains("password = { env = \"X_PASSWORD\" }"),
        "{text}"
    );
    root.env("X_PASSWORD", Site::PASSWORD);
    assert!(root.run(&["login", "x"]).out.starts_with("x: alive"));
}

#[test]
fn a_password_that_was_refused_or_not_to_be_saved_is_kept_nowhere() {
    let site = Site::start();
    let root = Root::new();
    let nowhere = || {
        nothing(&root);
        for file in ["secrets.age", "seal.key"] {
            assert!(!root.path().join(file).exists(), "{file}");
        }
    };
    let (code, shown) = person(&root, &site, "not-the-password").ends();
    assert_eq!(code, Some(10), "{shown}");
    nowhere();
    let mut terminal = person(&root, &site, Site::PASSWORD);
    terminal.answer("Save as sites/x.toml? [y/N]", "n");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(6), "{shown}");
    nowhere();
}

#[test]
fn a_person_who_says_no_leaves_nothing_behind() {
    let site = Site::with(|dials| dials.look_alike = true);
    let root = root();
    let arguments = [
        "sites",
        "add",
        &site.login_url(),
        "--name",
        "x",
        "--username",
        "demo",
        "--password",
        "env:PASSWORD",
    ];
    let mut terminal = Terminal::spawn(&root.command(&arguments));
    terminal.answer("May the password be typed there? [y/N]", "n");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(20), "{shown}");
    assert_eq!(site.leaks(Site::PASSWORD), 0);
    nothing(&root);

    site.turn(|dials| dials.look_alike = false);
    let mut terminal = Terminal::spawn(&root.command(&arguments));
    terminal.answer("Save as sites/x.toml? [y/N]", "");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(6), "{shown}");
    nothing(&root);
}

/// The application behind TLS with a certificate that nobody vouches for: its URL, while the runtime lives.
fn behind_tls(runtime: &tokio::runtime::Runtime) -> String {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2".split(' '))
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("the tests need openssl: apt-get install openssl");
    assert!(made.status.success(), "{made:?}");
    let certificate = CertificateDer::from_pem_file(folder.path().join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let bind = || runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let (plain, front) = (bind().unwrap(), bind().unwrap());
    let behind = plain.local_addr().unwrap();
    let port = front.local_addr().unwrap().port();
    let router = Router::new().fallback_service(get(application).post(application));
    runtime.spawn(async move { axum::serve(plain, router).await });
    runtime.spawn(async move {
        while let Ok((stream, _)) = front.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut outer) = acceptor.accept(stream).await else {
                    return;
                };
                let mut inner = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
            });
        }
    });
    format!("https://localhost:{port}/login")
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_trusted_only_where_a_person_says_so() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let url = behind_tls(&runtime);
    let root = root();
    let refused = add(&root, &url, &["--yes"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    let option = "; here: --ignore-https-errors";
    assert!(refused.err.trim_end().ends_with(option), "{refused:?}");
    nothing(&root);
    let mut terminal = Terminal::spawn(&root.command(&[
        "sites",
        "add",
        &url,
        "--name",
        "x",
        "--username",
        "demo",
        "--password",
        "env:PASSWORD",
    ]));
    terminal.answer("could read the password. Trust it? [y/N]", "y");
    terminal.answer("Save as sites/x.toml? [y/N]", "y");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(0), "{shown}");
    let text = recipe(&root).unwrap();
    assert!(text.contains("ignore_https_errors = true"), "{text}");
    let check = root.run(&["check", "x"]);
    assert_eq!(check.code, Some(0), "{check:?}");
}
