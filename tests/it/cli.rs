//! The commands, as a new user meets them: what they say, what they exit with, and what they leave alone.

use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::Site;
use crate::support::dials::Flavour;
use crate::support::process::{Ended, Root, eventually, opens};

/// Everything below the root, but for the folder that the tests themselves need.
fn everything(root: &Root) -> Vec<String> {
    let out = Command::new("find")
        .arg(root.path())
        .args(["-not", "-path", "*/tmp/*"])
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}

fn curl(arguments: &[&str], url: &str) -> String {
    let out = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}"])
        .args(arguments)
        .arg(url)
        .output()
        .expect("the tests need curl");
    String::from_utf8(out.stdout).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn three_lines_and_one_command_are_a_session() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_snapshot!(root.run(&["status"]).said(&root), @r"
    ACCOUNT  ALIVE  EXPIRES  NEXT RENEWAL  LAST RESULT
    x        ?      -        now           -
    ");
    let check = root.run(&["check", "x"]);
    assert_eq!(check.code, Some(5));
    assert_snapshot!(check.said(&root), @"jarkeeper: x: not alive: there is no session yet; `jarkeeper login x` makes one");
    let export = root.run(&["export", "x"]);
    assert_eq!(export.code, Some(5));
    assert_snapshot!(export.said(&root), @"jarkeeper: x has no session yet; `jarkeeper login x` makes one");

    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(0));
    assert_snapshot!(login.said(&root), @"x: logged in, ROOT/.auth/x_state.json (N s)");
    assert!(opens(&site, &root.state("x").unwrap()));
    let again = root.run(&["login", "--all"]);
    assert_eq!(again.code, Some(0));
    assert_snapshot!(again.said(&root), @"x: alive, ROOT/.auth/x_state.json (N s)");
    let check = root.run(&["check", "x"]);
    assert_eq!((check.code, check.out.as_str()), (Some(0), "x: alive\n"));
    assert_eq!(site.submissions().len(), 1);

    site.invalidate();
    let check = root.run(&["check", "x"]);
    assert_eq!(check.code, Some(5), "{check:?}");
    let status = root.run(&["status"]).out;
    assert!(
        status.lines().nth(1).unwrap().starts_with("x        no "),
        "{status}"
    );
}

#[test]
fn scripts_read_json_whose_shape_stays() {
    let site = Site::start();
    let root = Root::of(&site);
    let login = root.run(&["--json", "login", "x"]);
    assert_eq!(login.code, Some(0), "{login:?}");
    let login = &login.json()[0];
    let shape = [
        "artefacts",
        "class",
        "duration_ms",
        "file",
        "how",
        "key",
        "message",
        "ok",
        "step",
    ];
    assert_eq!(keys(login), shape);
    assert_eq!(
        (&login["key"], &login["ok"], &login["how"]),
        (&"x".into(), &true.into(), &"logged_in".into())
    );
    assert_eq!(login["file"], root.file("x").to_str().unwrap());

    let status = root.run(&["status", "--json"]).json();
    let shape = [
        "account",
        "alive",
        "captured_at",
        "expires_at",
        "file",
        "hold",
        "key",
        "last_error",
        "last_result",
        "next_renewal_at",
        "proven_at",
        "site",
        "waits_for_code",
    ];
    assert_eq!(keys(&status[0]), shape);
    assert_eq!(status[0]["alive"], true);
    assert_eq!(status[0]["last_result"], "logged_in");

    let check = root.run(&["check", "x", "--json"]);
    assert_eq!(
        check.json(),
        serde_json::json!({ "key": "x", "alive": true, "seen": null })
    );
    site.invalidate();
    let check = root.run(&["check", "x", "--json"]);
    assert_eq!(check.code, Some(5));
    assert_eq!(check.json()["alive"], false);
    assert!(check.json()["seen"].is_string());

    site.set_password("another");
    let refused = root.run(&["login", "x", "--json"]);
    assert_eq!(refused.code, Some(10));
    let refused = &refused.json()[0];
    assert_eq!(
        (&refused["ok"], &refused["how"]),
        (&false.into(), &"failed".into())
    );
    assert_eq!(refused["class"], "wrong_credentials");
    let seen = std::fs::read_dir(refused["artefacts"].as_str().unwrap())
        .unwrap()
        .flatten();
    let mut seen: Vec<_> = seen.map(|e| e.file_name().into_string().unwrap()).collect();
    seen.sort();
    assert_eq!(
        seen,
        ["console.txt", "failure.txt", "page.html", "page.png"]
    );
    let status = root.run(&["status", "--json"]).json();
    assert_eq!(keys(&status[0]["hold"]), ["class", "since", "why"]);
    assert_eq!(status[0]["last_error"]["class"], "wrong_credentials");
}

#[test]
fn a_wrong_password_is_tried_once_and_the_message_says_what_lifts_the_hold() {
    let site = Site::with(|dials| dials.lock_after = Some(3));
    let root = Root::of(&site);
    root.env("PASSWORD", "mistyped");
    let first = root.run(&["login", "x"]);
    assert_eq!(first.code, Some(10));
    assert_snapshot!(first.said(&root), @r#"
    jarkeeper: x: failed: wrong_credentials: the site refused the username or the password: "Wrong username or password."
    jarkeeper: x: what was seen is in ROOT/.auth/.jarkeeper/artefacts/x/N
    "#);
    for _ in 0..3 {
        let held = root.run(&["login", "x"]);
        assert_eq!(held.code, Some(10));
        assert!(
            held.err
                .starts_with("jarkeeper: x: held: wrong_credentials since "),
            "{held:?}"
        );
        assert!(
            held.err.ends_with(
                "a changed recipe or secret lifts this, and so does `jarkeeper release`\n"
            ),
            "{held:?}"
        );
    }
    assert_eq!(site.submissions().len(), 1);
    assert_eq!(root.run(&["release", "x"]).code, Some(0));
    assert_eq!(root.run(&["login", "x"]).code, Some(10));
    assert_eq!(root.run(&["login", "x"]).code, Some(10));
    assert_eq!(site.submissions().len(), 2);
    root.env("PASSWORD", Site::PASSWORD);
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
}

#[test]
fn what_a_new_user_gets_wrong_is_named_with_the_way_out() {
    let site = Site::start();
    let root = Root::of(&site);
    let told = |arguments: &[&str]| {
        let ended = root.run(arguments);
        format!("{} {}", ended.code.unwrap(), ended.said(&root))
    };
    assert_snapshot!(told(&["login", "y"]), @"2 jarkeeper: there is no site y; there are x");
    root.recipe("shopping", &site.recipe("PASSWORD"));
    assert_snapshot!(told(&["check", "shoping"]), @"2 jarkeeper: there is no site shoping; did you mean shopping?");
    assert_snapshot!(told(&["login", "x:second"]), @"2 jarkeeper: there is no site x:second; there are shopping, x");

    root.recipe(
        "typo",
        &site.recipe("PASSWORD").replace("password", "pasword"),
    );
    assert_snapshot!(told(&["login", "typo"]), @r#"3 jarkeeper: ROOT/sites/typo.toml:3:1: unknown key "pasword"; did you mean "password"?"#);
    assert_snapshot!(told(&["sites", "check"]), @r#"3 ROOT/sites/typo.toml:3:1: unknown key "pasword"; did you mean "password"?"#);
    assert!(
        told(&["login", "x"]).starts_with("0 x: logged in"),
        "another recipe's mistake stops nobody"
    );
    assert!(told(&["login", "--all"]).starts_with("3 "));
    std::fs::remove_file(root.path().join("sites/typo.toml")).unwrap();
    assert_snapshot!(told(&["sites", "check"]), @"0 2 recipes, no mistake");

    root.recipe("bare", &site.recipe("NOWHERE_SET"));
    assert_snapshot!(told(&["login", "bare"]), @"22 jarkeeper: bare: failed: secret_missing: the password comes from the environment variable NOWHERE_SET, which is not set; set it where jarkeeper is started (in a systemd unit: Environment= or EnvironmentFile=)");
    let missing = "browser.executable=/nowhere";
    assert_snapshot!(told(&["--set", missing, "login", "shopping"]), @"19 jarkeeper: shopping: failed: browser_lost: no Chromium was found (browser.executable is /nowhere); install it (Debian: apt-get install chromium-headless-shell) or name it in config.toml: browser.executable");
    if rustix::process::geteuid().is_root() {
        assert_snapshot!(told(&["--set", "browser.sandbox=true", "login", "shopping"]), @"19 jarkeeper: shopping: failed: browser_lost: Chromium cannot use its sandbox as root: run jarkeeper as an ordinary user, or accept the risk with browser.sandbox = false in config.toml (or --set browser.sandbox=false)");
    }
    assert_snapshot!(told(&["--set", "browser.sandbx=1", "status"]), @r#"3 jarkeeper: --set browser.sandbx: unknown key "sandbx"; did you mean "sandbox"?"#);
    assert_snapshot!(told(&["--set", "browser.contexts=99", "status"]), @"3 jarkeeper: --set browser.contexts: 99 is out of range; it may be 1 to 32");

    let ended: Ended = Command::new(env!("CARGO_BIN_EXE_jarkeeper"))
        .args(["--root", "/nowhere/at/all", "status"])
        .output()
        .unwrap()
        .into();
    assert_eq!(ended.code, Some(2));
    assert_snapshot!(ended.said(&root), @"jarkeeper: --root /nowhere/at/all is not a folder; it is the one that holds config.toml and sites/");
    let ended: Ended = root
        .command(&["demo"])
        .env_remove("DEMO_PASSWORD")
        .output()
        .unwrap()
        .into();
    assert_eq!(ended.code, Some(2));
    assert_eq!(site.submissions().len(), 1);
}

#[test]
fn a_site_that_is_down_is_called_that_and_harms_nothing() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
    let before = std::fs::read(root.file("x")).unwrap();
    let url = site.login_url();
    drop(site);
    let check = root.run(&["check", "x"]);
    assert_eq!(check.code, Some(16), "{check:?}");
    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(16));
    assert!(login.err.contains("site_down"), "{login:?}");
    let port = url.trim_start_matches("http://").split('/').next().unwrap();
    assert!(login.err.contains(port), "{login:?}");
    assert_eq!(std::fs::read(root.file("x")).unwrap(), before);
    assert_eq!(root.run(&["export", "x"]).code, Some(0));
}

#[test]
fn an_empty_folder_gets_hints() {
    let root = Root::new();
    assert_snapshot!(root.run(&["login", "wiki"]).said(&root), @"jarkeeper: there is no site wiki; there is no recipe yet; write sites/wiki.toml");
    assert_snapshot!(root.run(&["sites", "check"]).said(&root), @"0 recipes, no mistake");
    let doctor = root.run(&["--set", "browser.executable=/nowhere", "doctor"]);
    assert_eq!(doctor.code, Some(1));
    let said = doctor.said(&root);
    assert!(
        said.contains(
            "MISSING  Chromium: no Chromium was found (browser.executable is /nowhere); install it"
        ),
        "{said}"
    );
    assert!(
        said.contains("ok       .auth: ROOT/.auth is ours alone"),
        "{said}"
    );
    assert!(
        said.contains(
            "MISSING  recipes: there is none in ROOT/sites; three lines are enough, see the README"
        ),
        "{said}"
    );
    let doctor = root.run(&["doctor", "--json"]).json();
    for finding in doctor.as_array().unwrap() {
        assert_eq!(keys(finding), ["found", "ok", "way_out", "what"]);
    }
}

#[test]
fn every_export_opens_the_site_with_the_tool_that_it_is_for() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
    let home = site.home_url();
    assert_eq!(curl(&[], &home), "303", "signed out without cookies");

    let export = |form: &str| {
        let ended = root.run(&["export", "x", "--format", form]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    let jar = root.path().join("cookies.txt");
    std::fs::write(&jar, export("netscape")).unwrap();
    assert_eq!(curl(&["-b", jar.to_str().unwrap()], &home), "200");
    let header = export("header");
    assert_eq!(
        curl(&["-H", &format!("Cookie: {}", header.trim_end())], &home),
        "200"
    );
    let state: Value = serde_json::from_str(&export("storage-state")).unwrap();
    let file = std::fs::read(root.file("x")).unwrap();
    assert_eq!(state, serde_json::from_slice::<Value>(&file).unwrap());
    for form in ["puppeteer", "selenium"] {
        let list: Value = serde_json::from_str(&export(form)).unwrap();
        let pairs = list.as_array().unwrap().iter();
        let pairs = pairs.map(|c| {
            format!(
                "{}={}",
                c["name"].as_str().unwrap(),
                c["value"].as_str().unwrap()
            )
        });
        let pairs = pairs.collect::<Vec<_>>().join("; ");
        assert_eq!(curl(&["-b", &pairs], &home), "200", "{form}");
    }
    let elsewhere = root.run(&[
        "export",
        "x",
        "--format",
        "header",
        "--url",
        "http://example.org/",
    ]);
    assert!(!elsewhere.out.contains("sid="), "{elsewhere:?}");
    let unknown = root.run(&["export", "x", "--format", "pickle"]);
    assert_eq!(unknown.code, Some(2));
}

#[test]
fn an_import_is_taken_only_when_it_is_alive() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
    let cookies = root.run(&["export", "x", "--format", "netscape"]).out;
    let own = root.state("x").unwrap();
    let sid = own
        .cookies
        .iter()
        .find(|c| c.name == "sid")
        .unwrap()
        .value
        .clone();
    std::fs::write(root.path().join("alive.txt"), &cookies).unwrap();
    std::fs::write(
        root.path().join("dead.txt"),
        cookies.replace(&sid, "s000000000000"),
    )
    .unwrap();
    std::fs::write(root.path().join("prose.txt"), "hello\n").unwrap();

    root.recipe("y", &site.recipe("PASSWORD"));
    let dead = root.run(&["import", "y", "dead.txt"]);
    assert_eq!(dead.code, Some(21), "{dead:?}");
    assert!(
        dead.err.contains("not logged in") && dead.err.contains("nothing was changed"),
        "{dead:?}"
    );
    assert!(!root.file("y").exists());
    let alive = root.run(&["import", "y", "alive.txt"]);
    assert_eq!(alive.code, Some(0), "{alive:?}");
    assert_snapshot!(alive.said(&root), @"y: alive, ROOT/.auth/y_state.json");
    assert!(opens(&site, &root.state("y").unwrap()));
    let before = std::fs::read(root.file("y")).unwrap();
    assert_eq!(root.run(&["import", "y", "dead.txt"]).code, Some(21));
    assert_eq!(std::fs::read(root.file("y")).unwrap(), before);
    assert_snapshot!(root.run(&["import", "y", "nofile"]).said(&root), @"jarkeeper: nofile cannot be read: No such file or directory (os error 2)");
    assert_snapshot!(root.run(&["import", "y", "prose.txt"]).said(&root), @"jarkeeper: prose.txt: this is neither a storage state, nor a cookies.txt, nor a JSON array of cookies as Puppeteer and browser extensions write it");
    // As storage state, by standard input.
    let mut child = root
        .command(&["import", "y", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let state = root.run(&["export", "x"]).out;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), state.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(site.submissions().len(), 1);
}

#[test]
fn a_held_session_is_left_alone_until_it_is_released() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_snapshot!(root.run(&["hold", "x", "--why", "the site is being moved"]).said(&root), @"x is left alone until: jarkeeper release x");
    assert_snapshot!(root.run(&["status"]).said(&root), @r"
    ACCOUNT  ALIVE          EXPIRES  NEXT RENEWAL  LAST RESULT
    x        held (person)  -        -             parked

    x is held: the site is being moved
    When that is mended: jarkeeper release x
    ");
    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(25));
    assert!(
        login
            .err
            .starts_with("jarkeeper: x: held by a person since "),
        "{login:?}"
    );
    assert!(
        login
            .err
            .contains("the site is being moved; `jarkeeper release` lets it go on"),
        "{login:?}"
    );
    assert_eq!(site.submissions().len(), 0);
    assert_eq!(site.requests().len(), 0);
    assert_snapshot!(root.run(&["release", "x"]).said(&root), @"x is released; the daemon goes on with it, or: jarkeeper login x");
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
}

#[test]
fn names_that_point_elsewhere_are_refused_and_nothing_is_made() {
    let site = Site::start();
    let root = Root::of(&site);
    let before = everything(&root);
    let long = "a".repeat(5_000);
    let hostile = [
        "../x",
        "..",
        ".",
        "/etc/passwd",
        "x/../y",
        "x\\y",
        "x y",
        "X",
        "x.y",
        "x\ny",
        "%2e%2e",
        "~",
        "x;ls",
        "$(id)",
        "x:",
        ":x",
        "x:..",
        "x:../y",
        "x:a:b",
        "x:a/b",
        "x_state",
        "é",
        "\u{202e}x",
        "",
        " ",
        "_",
        "x*",
        long.as_str(),
    ];
    for name in hostile {
        let verbs: [&[&str]; 7] = [
            &["login", name],
            &["check", name],
            &["export", name],
            &["import", name, "sites/x.toml"],
            &["hold", name],
            &["release", name],
            &["auto-login", "--auth_folder", "out", "--site_list", name],
        ];
        for verb in verbs {
            let ended = root.run(verb);
            assert_eq!(ended.code, Some(2), "{verb:?}: {ended:?}");
            assert!(!ended.err.contains("panicked"), "{verb:?}: {ended:?}");
        }
    }
    assert_eq!(everything(&root), before);
    assert_eq!(site.requests().len(), 0);
}

#[test]
fn auto_login_writes_the_files_that_its_list_names() {
    // Two host names, so that their cookies do not collide.
    let (one, two) = (
        Site::start(),
        Site::with(|dials| {
            dials.flavour = Flavour::Reddit;
            dials.cookie_prefix = "b";
        }),
    );
    let root = Root::new();
    root.env("PASSWORD", Site::PASSWORD);
    root.recipe("shopping", &one.recipe("PASSWORD"));
    root.recipe("reddit", &two.recipe("PASSWORD"));
    let auto = |list: &[&str]| {
        let mut words = vec!["auto-login", "--auth_folder", "out", "--site_list"];
        words.extend(list);
        root.run(&words)
    };
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(root.path().join("out"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let unknown = auto(&["shopping", "shoping"]);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.err.contains("did you mean shopping?"),
        "{unknown:?}"
    );
    assert_eq!(files(), Vec::<String>::new());

    two.set_password("another");
    let refused = auto(&["shopping", "reddit"]);
    assert_eq!(refused.code, Some(10), "{refused:?}");
    assert!(
        refused
            .err
            .contains("shopping.reddit_state.json was not written, because reddit failed"),
        "{refused:?}"
    );
    assert_eq!(files(), Vec::<String>::new());
    two.set_password(Site::PASSWORD);
    assert_eq!(root.run(&["release", "reddit"]).code, Some(0));

    // The order of the list is the order of the name.
    let both = auto(&["shopping", "reddit"]);
    assert_eq!(both.code, Some(0), "{both:?}");
    assert_eq!(both.out, "out/shopping.reddit_state.json\n");
    assert_eq!(auto(&["reddit", "shopping"]).code, Some(0));
    assert_eq!(
        files(),
        ["reddit.shopping_state.json", "shopping.reddit_state.json"]
    );
    assert_eq!(auto(&["reddit"]).code, Some(0));
    let all = auto(&["all"]);
    assert_eq!(all.code, Some(0), "{all:?}");
    assert_eq!(
        files(),
        [
            "reddit.shopping_state.json",
            "reddit_state.json",
            "shopping.reddit_state.json",
            "shopping_state.json"
        ]
    );
    let joined = std::fs::read(root.path().join("out/shopping.reddit_state.json")).unwrap();
    let joined: jarkeeper::session::StorageState = serde_json::from_slice(&joined).unwrap();
    assert!(opens(&one, &joined) && opens(&two, &joined));
    assert_eq!((one.submissions().len(), two.submissions().len()), (1, 2));
}

#[test]
fn twenty_commands_beside_the_daemon_on_a_dead_session_make_one_login() {
    let site = Site::start();
    let root = Root::of(&site);
    let _daemon = root.daemon();
    eventually("the first session", || {
        root.state("x").filter(|state| opens(&site, state))
    });
    site.invalidate();
    let commands: Vec<_> = (0..20)
        .map(|_| {
            let mut command = root.command(&["login", "x", "--json"]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut made = 0;
    for command in commands {
        let ended: Ended = command.wait_with_output().unwrap().into();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        made += usize::from(ended.json()[0]["how"] == "logged_in");
    }
    // Who joins the daemon's renewal is told of the login too; the site counts how many there were.
    assert!(made >= 1, "{made}");
    assert_eq!(site.submissions().len(), 2);
    assert!(opens(&site, &root.state("x").unwrap()));
    for verb in [
        &["check", "x"][..],
        &["export", "x"],
        &["status"],
        &["doctor"],
        &["sites", "check"],
    ] {
        assert_eq!(root.run(verb).code, Some(0), "{verb:?}");
    }
}

#[test]
fn completions_know_the_verbs_in_every_shell() {
    let root = Root::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = root.run(&["completions", shell]);
        assert_eq!(ended.code, Some(0), "{shell}");
        assert!(
            ended.out.contains("auto-login") && ended.out.contains("release"),
            "{shell}"
        );
    }
    // A reader that has seen enough is no error.
    let mut child = root
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_demo_is_a_site_like_any_other() {
    let root = Root::new();
    root.env("DEMO_PASSWORD", "pear & 7");
    let mut demo = root
        .command(&["demo", "--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(demo.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let url = line
        .split_whitespace()
        .find_map(|word| word.strip_suffix(';'))
        .unwrap();
    root.recipe(
        "notes",
        &format!(
            "url = \"{url}\"\nusername = \"demo\"\npassword = {{ env = \"DEMO_PASSWORD\" }}\n"
        ),
    );
    let login = root.run(&["login", "notes"]);
    assert_eq!(login.code, Some(0), "{login:?}");
    assert_eq!(root.run(&["check", "notes"]).code, Some(0));
    let pid = rustix::process::Pid::from_child(&demo);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(demo.wait().unwrap().success());
}
