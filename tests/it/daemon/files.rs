//! Recipes, secrets and folders that change, break or vanish under the daemon.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use rustix::process::Signal;

use super::{is_root, logged_in};
use crate::support::Site;
use crate::support::process::{Root, eventually};

#[test]
fn a_recipe_that_is_saved_takes_effect_without_a_restart_and_a_deleted_one_is_dropped() {
    let site = Site::start();
    let root = Root::new();
    root.env("PASSWORD", Site::PASSWORD);
    let daemon = root.daemon();
    root.recipe("x", &site.recipe("PASSWORD"));
    logged_in(&root, &site, "x");
    root.recipe("y", &site.recipe("PASSWORD"));
    logged_in(&root, &site, "y");
    std::fs::remove_file(root.path().join("sites/y.toml")).unwrap();
    eventually("y is no longer kept", || {
        let last = daemon
            .log()
            .into_iter()
            .rev()
            .find(|l| l["message"] == "new settings are in force")?;
        (last["sites"] == 1).then_some(())
    });
    assert!(
        root.file("y").exists(),
        "what was captured is not deleted with its recipe"
    );
    assert_eq!(site.submissions().len(), 2);
}

#[test]
fn a_refused_password_is_held_and_a_mended_one_lifts_the_hold() {
    let site = Site::with(|dials| dials.lock_after = Some(3));
    let root = Root::new();
    let recipe = site.recipe("X").replace("env = \"X\"", "file = \"secret\"");
    let secret = |text: &str| {
        std::fs::write(root.path().join("secret"), text).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(root.path().join("secret"), mode).unwrap();
    };
    secret("not this one\n");
    root.recipe("x", &recipe);
    let mut daemon = root.daemon();
    let held = root.status("x", |x| !x["hold"].is_null());
    assert_eq!(held["hold"]["class"], "wrong_credentials", "{held}");
    for _ in 0..2 {
        daemon.signal(Signal::HUP);
        daemon.kill();
        daemon = root.daemon();
    }
    root.recipe("x", &format!("{recipe}# a comment changes nothing\n"));
    daemon.signal(Signal::HUP);
    daemon.hears("files are read again");
    assert_eq!(site.submissions().len(), 1);

    secret(&format!("{}\n", Site::PASSWORD));
    daemon.signal(Signal::HUP);
    logged_in(&root, &site, "x");
    assert_eq!(site.submissions().len(), 2);
    let log = format!("{:?}", daemon.log());
    assert!(!log.contains("not this one") && !log.contains(Site::PASSWORD));
}

#[test]
fn a_session_released_by_a_command_is_taken_up_by_the_running_daemon() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_eq!(root.run(&["hold", "x", "--why", "holidays"]).code, Some(0));
    let _daemon = root.daemon();
    let held = root.status("x", |_| true);
    assert_eq!(held["hold"]["class"], "person");
    assert_eq!(root.run(&["release", "x"]).code, Some(0));
    logged_in(&root, &site, "x");
    assert_eq!(site.submissions().len(), 1);
}

#[test]
fn broken_files_saved_during_a_renewal_do_not_disturb_it() {
    let site = Site::with(|dials| dials.hold_submissions = true);
    let root = Root::of(&site);
    let good = site.recipe("PASSWORD");
    root.save("config.toml", "[browser]\ncontexts = 2\n");
    let daemon = root.daemon();
    eventually("a submission", || {
        (site.submissions().len() == 1).then_some(())
    });
    for (n, (recipe, config)) in [
        ("url = 1\n", "[browser]\ncontexts = 0\n"),
        (
            "url = \"http://a.test/\"\npasword = \"x\"\n",
            "[browser]\ncontext = 2\n",
        ),
        ("[[[", "[[["),
        ("", "x\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let before = daemon.log().len();
        root.recipe("x", &format!("# {n}\n{recipe}"));
        root.save("config.toml", &format!("# {n}\n{config}"));
        daemon.signal(Signal::HUP);
        for file in ["sites/x.toml:", "config.toml:"] {
            let told = daemon
                .find(before, |line| line.to_string().contains(file))
                .unwrap_or_else(|| panic!("{file} {n}: {:#?}", daemon.log()));
            assert_eq!(told["level"], "WARN", "{told}");
        }
    }
    site.turn(|dials| dials.hold_submissions = false);
    logged_in(&root, &site, "x");
    assert_eq!(site.submissions().len(), 1);
    assert_eq!(
        root.run(&["login", "x"]).code,
        Some(3),
        "a command says what is wrong"
    );

    root.save("config.toml", "[browser]\ncontexts = 1\n");
    root.recipe("x", &good);
    root.recipe("y", &good);
    logged_in(&root, &site, "y");
}

#[test]
fn a_folder_that_is_not_ours_alone_is_refused_with_the_way_out() {
    let root = Root::new();
    let refused = |told: &[&str]| {
        let ended = root.run(&["serve"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for text in told {
            assert!(ended.err.contains(text), "{ended:?}");
        }
    };
    let auth = root.auth();
    std::fs::create_dir(&auth).unwrap();
    std::fs::set_permissions(&auth, std::fs::Permissions::from_mode(0o755)).unwrap();
    refused(&[".auth is open to other users", "`chmod 700 "]);
    std::fs::set_permissions(&auth, std::fs::Permissions::from_mode(0o700)).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&auth, Some(65534), None).unwrap();
        refused(&[".auth belongs to user 65534", "`chown 0 "]);
    }
    std::fs::remove_dir(&auth).unwrap();
    std::fs::create_dir(root.path().join("elsewhere")).unwrap();
    symlink("elsewhere", &auth).unwrap();
    refused(&[".auth is a symbolic link"]);
    assert_eq!(
        std::fs::read_dir(root.path().join("elsewhere"))
            .unwrap()
            .count(),
        0
    );
    std::fs::remove_file(&auth).unwrap();
    std::fs::write(&auth, "").unwrap();
    refused(&[".auth is not a folder"]);
}

#[test]
fn a_deleted_folder_raises_the_alarm_and_is_taken_up_again_once_a_person_makes_it() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    logged_in(&root, &site, "x");
    std::fs::remove_dir_all(root.auth()).unwrap();
    let alarm = daemon.hears("mkdir -m 700");
    assert_eq!(alarm["level"], "ERROR", "{alarm}");
    daemon.signal(Signal::HUP);
    daemon.hears("files are read again");
    assert!(
        !root.auth().exists(),
        "it was made again behind a person's back"
    );

    std::fs::DirBuilder::new().create(root.auth()).unwrap();
    std::fs::set_permissions(root.auth(), std::fs::Permissions::from_mode(0o700)).unwrap();
    daemon.hears("is back");
    logged_in(&root, &site, "x");
    assert_eq!(root.file("x").metadata().unwrap().mode() & 0o777, 0o600);
    let second = root.run(&["serve"]);
    assert_eq!(
        second.code,
        Some(4),
        "the new folder is locked too: {second:?}"
    );
}
