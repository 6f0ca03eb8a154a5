//! Where secrets come from, with the real programs, and what is said where they give none.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::support::process::{Ended, Root};

/// A root whose programs see no keyring.
fn root() -> Root {
    let root = Root::new();
    root.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    root
}

fn set(root: &Root, name: &str, value: &str) -> Ended {
    feed(root.command(&["secret", "set", name]), value)
}

fn feed(mut command: Command, input: &str) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap().into()
}

/// What `doctor` says of the password of a site whose recipe has this source.
fn doctor(root: &Root, source: &str) -> String {
    root.recipe(
        "x",
        &format!("url = \"http://127.0.0.1:1/\"\npassword = {source}\n"),
    );
    let all = root.run(&["doctor", "--json"]).json();
    let mut all = all.as_array().unwrap().iter();
    let found = all
        .find(|it| it["what"] == "site x")
        .unwrap_or_else(|| panic!("{:?}", root.run(&["doctor"])));
    let said = found["found"].as_str().or(found["way_out"].as_str());
    said.unwrap()
        .replace(&root.path().display().to_string(), "ROOT")
}

/// Puts a program of this name before all others.
fn program(root: &Root, name: &str, script: &str) {
    let bin = root.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let path = bin.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    root.env("PATH", &format!("{}:{path}", bin.display()));
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_sealed_secret_is_set_shown_by_name_used_and_removed() {
    let root = root();
    let first = set(&root, "wiki", "Teal<9041>\n");
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_snapshot!(first.said(&root), @r##"
    wiki is kept in ROOT/secrets.age
    jarkeeper: a key was made and is in the file ROOT/seal.key; without it nothing that is sealed opens again, so keep a copy
    "##);
    assert_eq!(mode(&root.path().join("secrets.age")), 0o600);
    assert_eq!(mode(&root.path().join("seal.key")), 0o600);
    assert_snapshot!(set(&root, "web/shop", "x y").said(&root), @r##"
    web/shop is kept in ROOT/secrets.age
    "##);
    assert_eq!(root.run(&["secret", "list"]).out, "web/shop\nwiki\n");
    assert_eq!(
        root.run(&["secret", "list", "--json"]).json(),
        serde_json::json!(["web/shop", "wiki"])
    );
    assert_eq!(
        doctor(&root, "{ sealed = 'wiki' }"),
        "its secrets can be read"
    );
    assert_eq!(root.run(&["secret", "remove", "wiki"]).code, Some(0));
    let again = root.run(&["secret", "remove", "wiki"]);
    assert_eq!(again.code, Some(2));
    assert_snapshot!(again.said(&root), @r##"
    jarkeeper: there is no secret "wiki" in secrets.age; `jarkeeper secret list` shows what there is
    "##);
    assert_snapshot!(doctor(&root, "{ sealed = 'wiki' }"), @r##"
    the password comes from the sealed secret "wiki", which is not in secrets.age (`jarkeeper secret list` shows what is); make it: jarkeeper secret set wiki
    "##);
    // Never as an argument, where every user of the machine could see it.
    assert_eq!(root.run(&["secret", "set", "wiki", "value"]).code, Some(2));
    assert_snapshot!(set(&root, "a b", "x").said(&root), @r##"
    jarkeeper: "a b" is no name: a name has 1 to 100 of a to z, A to Z, 0 to 9, '-', '_', '.' and '/', and does not begin with '-'
    "##);
    assert_snapshot!(set(&root, "wiki", "\n").said(&root), @r##"
    jarkeeper: the value is empty; nothing was changed
    "##);
    assert_eq!(root.run(&["secret", "list"]).out, "web/shop\n");
}

#[test]
fn a_terminal_does_not_show_what_is_typed() {
    let root = root();
    // `script` gives the program a terminal and writes down what that shows.
    let command = root.command(&["secret", "set", "wiki"]);
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let log = root.path().join("typescript");
    let mut script = Command::new("script");
    script
        .args(["-qefc", &words.join(" ")])
        .arg(&log)
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .env("HOME", root.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = script.spawn().expect("apt-get install bsdutils");
    let mut stdin = child.stdin.take().unwrap();
    let shown = || std::fs::read_to_string(&log).unwrap_or_default();
    crate::support::process::eventually("the question", || {
        shown().contains("it is not shown").then_some(())
    });
    stdin.write_all(b"hunter2\n").unwrap();
    assert!(child.wait().unwrap().success(), "{}", shown());
    drop(stdin);
    assert!(shown().contains("wiki is kept in"), "{}", shown());
    assert!(!shown().contains("hunter2"), "{}", shown());
    assert_eq!(
        doctor(&root, "{ sealed = 'wiki' }"),
        "its secrets can be read"
    );
}

#[test]
fn processes_that_write_at_once_lose_nothing() {
    let root = root();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let root = &root;
            scope.spawn(move || {
                let ended = set(root, &format!("n{n}"), "value");
                assert_eq!(ended.code, Some(0), "{ended:?}");
            });
        }
    });
    assert_eq!(root.run(&["secret", "list"]).out.lines().count(), 8);
    let left: Vec<_> = std::fs::read_dir(root.path())
        .unwrap()
        .map(|it| it.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".tmp-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_sealed_file_that_does_not_open_is_left_as_it_is() {
    let root = root();
    set(&root, "wiki", "hunter2");
    let file = root.path().join("secrets.age");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert_snapshot!(doctor(&root, "{ sealed = 'wiki' }"), @r##"
    the password comes from the sealed secret "wiki", which cannot be read: ROOT/secrets.age is damaged; bring back a copy of it, or move it away and set its secrets again
    "##);
    let ended = set(&root, "wiki", "other");
    assert_ne!(ended.code, Some(0));
    assert_snapshot!(ended.said(&root), @r##"
    jarkeeper: storage: ROOT/secrets.age is damaged; bring back a copy of it, or move it away and set its secrets again
    "##);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    // Without its key it is not taken for a first use.
    std::fs::remove_file(root.path().join("seal.key")).unwrap();
    let ended = set(&root, "wiki", "other");
    assert_snapshot!(ended.said(&root), @r##"
    jarkeeper: secret_missing: there is no key: neither ROOT/seal.key nor the keyring entry "jarkeeper" of "seal" is there; bring back the one that it was sealed with, or name its source as key in [seal] of config.toml (a keyring is only seen from the session that has it)
    "##);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    assert!(!root.path().join("seal.key").exists());
}

/// Starts a shell with these commands in a D-Bus session with an empty home for the keyring.
fn in_a_session(root: &Root, script: &str) -> Ended {
    let program = root.command(&[]);
    let words: Vec<_> = std::iter::once(program.get_program())
        .chain(program.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let script = format!("jarkeeper() {{ {} \"$@\"; }}\n{script}", words.join(" "));
    let mut command = root.after(&["dbus-run-session", "--", "sh", "-c", &script, "sh"], &[]);
    command.env("XDG_RUNTIME_DIR", root.path().join("tmp"));
    command.env_remove("DBUS_SESSION_BUS_ADDRESS");
    let output = command.output();
    let mut ended: Ended = output.expect("apt-get install dbus gnome-keyring").into();
    // The bus complains of what a container forbids it, and sometimes at the beginning of another one's line.
    let own = ended.err.lines();
    let own = own.filter_map(|it| it.find("jarkeeper: ").map(|at| &it[at..]));
    ended.err = own.map(|line| format!("{line}\n")).collect();
    ended
}

#[test]
fn the_first_key_goes_into_the_keyring_where_there_is_one() {
    let root = Root::new();
    let ended = in_a_session(
        &root,
        "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null
        printf hunter2 | jarkeeper secret set wiki && jarkeeper secret list",
    );
    assert_snapshot!(ended.said(&root), @r##"
    wiki is kept in ROOT/secrets.age
    wiki
    jarkeeper: a key was made and is in the keyring entry "jarkeeper" of "seal"; without it nothing that is sealed opens again, so keep a copy
    "##);
    assert!(!root.path().join("seal.key").exists());
    // Without the keyring's session its key is not to be had, and a new one is not made.
    root.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    let before = std::fs::read(root.path().join("secrets.age")).unwrap();
    assert_snapshot!(set(&root, "shop", "x").said(&root), @r##"
    jarkeeper: secret_missing: there is no key: neither ROOT/seal.key nor the keyring entry "jarkeeper" of "seal" is there; bring back the one that it was sealed with, or name its source as key in [seal] of config.toml (a keyring is only seen from the session that has it)
    "##);
    assert_eq!(
        std::fs::read(root.path().join("secrets.age")).unwrap(),
        before
    );
}

#[test]
fn a_locked_keyring_is_told_and_waited_for_no_longer_than_half_a_minute() {
    let root = Root::new();
    root.recipe(
        "x",
        "url = \"http://127.0.0.1:1/\"\npassword = { keyring = 'jarkeeper', user = 'seal' }\n",
    );
    let ended = in_a_session(
        &root,
        "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null
        printf hunter2 | jarkeeper secret set wiki
        dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
            org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login >/dev/null
        jarkeeper doctor",
    );
    let line = ended.out.lines().find(|line| line.contains("site x"));
    assert_snapshot!(line.unwrap_or(&ended.err), @r##"
    MISSING  site x: the password comes from the keyring entry "jarkeeper" of "seal", which cannot be read: Couldn't access platform storage: SS error: prompt dismissed; jarkeeper must run in a session with D-Bus and an unlocked keyring, or take the secret from a file or a command
    "##);
}

/// A throw-away `pass` with a key of its own, and its home.
fn pass(root: &Root) -> PathBuf {
    let home = root.path().join("gnupg");
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
    root.env("GNUPGHOME", &home.display().to_string());
    root.env(
        "PASSWORD_STORE_DIR",
        &root.path().join("store").display().to_string(),
    );
    shell(
        root,
        "gpg --batch --quiet --passphrase '' --quick-generate-key throw@away.example default default never
        pass init throw@away.example
        printf 'Teal<9041>\\nuser: bob\\nurl: https://wiki.example\\n' | pass insert -m web/wiki",
    );
    home
}

fn shell(root: &Root, script: &str) {
    let program = root.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-ec", script]).env_clear();
    command.envs(
        program
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let done: Ended = command.current_dir(root.path()).output().unwrap().into();
    assert_eq!(done.code, Some(0), "apt-get install pass gnupg: {done:?}");
}

#[test]
fn pass_gives_its_first_line_or_a_field_and_says_what_is_wrong() {
    let root = root();
    let home = pass(&root);
    let fine = "its secrets can be read";
    assert_eq!(doctor(&root, "{ pass = 'web/wiki' }"), fine);
    assert_eq!(doctor(&root, "{ pass = 'web/wiki', field = 'user' }"), fine);
    let mut all = vec![
        doctor(&root, "{ pass = 'web/wiki', field = 'pin' }"),
        doctor(&root, "{ pass = 'web/none' }"),
    ];
    shell(&root, "gpgconf --kill all");
    std::fs::rename(&home, root.path().join("elsewhere")).unwrap();
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
    all.push(doctor(&root, "{ pass = 'web/wiki' }"));
    shell(&root, "gpgconf --kill all");
    assert_snapshot!(all.join("\n"), @r##"
    the password comes from the field "pin" of the pass entry "web/wiki", which has no line that begins with "pin:"; add it with `pass edit`
    the password comes from the pass entry "web/none", which does not exist; `pass ls` shows what does, and `pass insert` makes it
    the password comes from the pass entry "web/wiki", which was encrypted for another GPG key: the user that runs jarkeeper has none that opens it; import the key, or `pass init` with one that is there
    "##);
}

#[test]
fn the_command_lines_of_1password_and_bitwarden_give_what_is_asked_and_say_what_is_wrong() {
    let root = root();
    // The real ones need accounts; these take the same arguments and print the same.
    program(
        &root,
        "op",
        r#"[ "$1 $2" = "read --no-newline" ] || exit 9
        case "$3" in
        op://Team/Wiki/password) printf 'Teal<9041>' ;;
        op://Team/None/password) echo "[ERROR] 2026/01/01 00:00:00 could not read secret 'op://Team/None/password': could not get item Team/None: \"None\" isn't an item in the \"Team\" vault. Specify the item with its UUID, name, or domain." >&2; exit 1 ;;
        *) echo "[ERROR] 2026/01/01 00:00:00 You are not currently signed in. Please run \`op signin --help\` for instructions" >&2; exit 1 ;;
        esac"#,
    );
    program(
        &root,
        "bw",
        r#"[ "$1 $2 $3" = "--nointeraction get item" ] || exit 9
        case "$4" in
        wiki) printf '{"object":"item","name":"wiki","notes":null,"login":{"username":"bob","password":"Teal\u003c9041>\\"","totp":null}}' ;;
        locked) echo "Vault is locked." >&2; exit 1 ;;
        out) echo "You are not logged in." >&2; exit 1 ;;
        many) echo "More than one result was found. Try getting a specific object by \`id\` instead." >&2; exit 1 ;;
        note) printf '{"object":"item","name":"note","notes":"Teal<9041>"}' ;;
        odd) echo "hello" ;;
        *) echo "Not found." >&2; exit 1 ;;
        esac"#,
    );
    let fine = "its secrets can be read";
    assert_eq!(doctor(&root, "{ op = 'op://Team/Wiki/password' }"), fine);
    assert_eq!(doctor(&root, "{ bitwarden = 'wiki' }"), fine);
    assert_eq!(
        doctor(&root, "{ bitwarden = 'wiki', field = 'username' }"),
        fine
    );
    let all = [
        "{ op = 'op://Team/None/password' }",
        "{ op = 'op://Other/Wiki/password' }",
        "{ bitwarden = 'wiki', field = 'totp' }",
        "{ bitwarden = 'locked' }",
        "{ bitwarden = 'out' }",
        "{ bitwarden = 'many' }",
        "{ bitwarden = 'note' }",
        "{ bitwarden = 'odd' }",
        "{ bitwarden = 'none' }",
    ]
    .map(|source| doctor(&root, source));
    assert_snapshot!(all.join("\n"), @r##"
    the password comes from 1Password's op://Team/None/password, which does not exist; copy the reference from 1Password (Copy Secret Reference)
    the password comes from 1Password's op://Other/Wiki/password, which cannot be read: `op` is not signed in; give OP_SERVICE_ACCOUNT_TOKEN to jarkeeper's environment, or sign in with `op signin`
    the password comes from the Bitwarden item "wiki", which has no totp; add it to the item, and `bw sync`
    the password comes from the Bitwarden item "locked", which cannot be read: Bitwarden is locked; give BW_SESSION (what `bw unlock --raw` prints) to jarkeeper's environment
    the password comes from the Bitwarden item "out", which cannot be read: `bw` is not logged in; `bw login` as the user that runs jarkeeper
    the password comes from the Bitwarden item "many", which exists several times; write the item's id (`bw list items --search NAME`)
    the password comes from the Bitwarden item "note", which has no password; add it to the item, and `bw sync`
    the password comes from the Bitwarden item "odd", which gives something that is no Bitwarden item; see `bw get item`
    the password comes from the Bitwarden item "none", which does not exist; `bw list items` shows what does, after a `bw sync`
    "##);
}

#[test]
fn a_vault_that_is_not_there_is_told() {
    let root = root();
    let source = "{ vault = 'secret/data/wiki', field = 'password' }";
    assert_snapshot!(doctor(&root, source), @r##"
    the password comes from the Vault secret "secret/data/wiki", which cannot be asked for: VAULT_ADDR is not set; set it where jarkeeper is started, for example to https://vault.example.org:8200
    "##);
    root.env("VAULT_ADDR", "http://127.0.0.1:1");
    root.env("VAULT_TOKEN", "hvs.T0ken");
    assert_snapshot!(doctor(&root, source), @r##"
    the password comes from the Vault secret "secret/data/wiki", which cannot be read: Vault at http://127.0.0.1:1 is not reached (Connection refused (os error 111)); see VAULT_ADDR, and that the server runs
    "##);
}
