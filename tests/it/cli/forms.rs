//! Sessions that go out to other tools, and that come from them.

use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::Value;

use super::curl;
use crate::support::Site;
use crate::support::dials::Flavour;
use crate::support::process::{Root, opens};

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
