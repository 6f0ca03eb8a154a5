//! `sites import`: what a person did in Chrome becomes a recipe that logs in, and what they typed does not come into it.

use insta::assert_snapshot;

use crate::support::Site;
use crate::support::dials::{Dials, Login};
use crate::support::process::{Ended, Root};
use crate::support::terminal::Terminal;

/// What the Recorder writes for a login at this site, as a person does it: a click into the field, letters, Tab, Enter.
fn recording(site: &Site, frame: &str, after: &str) -> String {
    let (url, password) = (
        site.login_url(),
        serde_json::to_string(Site::PASSWORD).unwrap(),
    );
    let home = site.home_url();
    format!(
        r##"{{
    "title": "Recording 11/25/2026 at 9:41:07 AM",
    "steps": [
        {{ "type": "setViewport", "width": 1042, "height": 1153, "deviceScaleFactor": 1, "isMobile": false, "hasTouch": false, "isLandscape": false }},
        {{ "type": "navigate", "url": "chrome://new-tab-page/", "assertedEvents": [{{ "type": "navigation", "url": "chrome://new-tab-page/", "title": "New Tab" }}] }},
        {{ "type": "navigate", "url": "{url}", "assertedEvents": [{{ "type": "navigation", "url": "{url}", "title": "Sign in" }}] }},
        {{ "type": "click", "target": "main", {frame} "selectors": [["aria/Username"], ["#username"], ["xpath///*[@id=\"username\"]"], ["pierce/#username"]], "offsetY": 10.5, "offsetX": 61 }},
        {{ "type": "change", "value": "demo", "target": "main", {frame} "selectors": [["aria/Username"], ["#username"], ["xpath///*[@id=\"username\"]"], ["pierce/#username"]] }},
        {{ "type": "keyDown", "target": "main", "key": "Tab" }},
        {{ "type": "keyUp", "target": "main", "key": "Tab" }},
        {{ "type": "change", "value": {password}, "target": "main", {frame} "selectors": [["aria/Password"], ["#password"], ["xpath///*[@id=\"password\"]"], ["pierce/#password"]] }},
        {{ "type": "click", "target": "main", {frame} "selectors": [["aria/Sign in"], ["form > button"], ["xpath///*[@id=\"f\"]/button"], ["pierce/form > button"], ["text/Sign in"]], "offsetY": 9, "offsetX": 20,
          "assertedEvents": [{{ "type": "navigation", "url": "{home}", "title": "Notes" }}] }}{after}
    ]
}}"##
    )
}

fn root(recording: &str) -> Root {
    let root = Root::new();
    root.save("recording.json", recording);
    root
}

fn import(root: &Root, more: &[&str]) -> Ended {
    root.run(&[&["sites", "import", "recording.json", "--name", "x"], more].concat())
}

fn recipe(root: &Root) -> Option<String> {
    std::fs::read_to_string(root.path().join("sites/x.toml")).ok()
}

#[test]
fn a_recorded_login_is_a_recipe_that_logs_in() {
    let site = Site::start();
    let root = root(&recording(&site, "", ""));
    let imported = import(&root, &["--yes"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert_snapshot!(imported.said(&root), @r##"
    url = "http://127.0.0.1:PORT/login"
    username = "demo"
    password = { env = "X_PASSWORD" }
    steps = [
      { fill = "#username", with = "{username}" },
      { fill = "#password", with = "{password}" },
      { click = { role = "button", name = "Sign in" } },
    ]
    proof = { url = "/notes" }
    x: saved as sites/x.toml
    jarkeeper: recording.json holds the password in plain text, the recipe does not: remove the file, and set X_PASSWORD to the password where jarkeeper is started
    jarkeeper: the steps are as they were recorded; `jarkeeper sites add http://127.0.0.1:PORT/login` may need none
    "##);
    for text in [&imported.out, &imported.err, &recipe(&root).unwrap()] {
        assert!(!text.contains("otter"), "{text}");
    }
    assert_eq!(root.run(&["sites", "check"]).out, "1 recipe, no mistake\n");
    root.env("X_PASSWORD", Site::PASSWORD);
    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(0), "{login:?}");
    assert_eq!(root.run(&["check", "x"]).code, Some(0));
    assert_eq!(site.submissions().len(), 1);
}

#[test]
fn a_recorded_login_in_a_frame_is_done_in_the_frame() {
    let site = Site::with(|dials| dials.login = Login::Frame);
    let root = root(&recording(&site, r#""frame": [0],"#, ""));
    let imported = import(&root, &["--yes"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    root.env("X_PASSWORD", Site::PASSWORD);
    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(0), "{login:?}\n{}", recipe(&root).unwrap());
}

#[test]
fn a_code_that_was_typed_is_made_anew() {
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let site = Site::with(|dials: &mut Dials| dials.totp = Some(secret.to_owned()));
    let code = r##",
        { "type": "change", "value": "492039", "target": "main", "selectors": [["aria/One-time code"], ["form input:nth-of-type(1)"]] },
        { "type": "keyDown", "target": "main", "key": "Enter" },
        { "type": "keyUp", "target": "main", "key": "Enter" }"##;
    let root = root(&recording(&site, "", code));
    let imported = import(&root, &["--yes"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert!(
        imported.err.contains("set X_TOTP to the secret"),
        "{imported:?}"
    );
    let text = recipe(&root).unwrap();
    assert!(
        text.contains("totp = { env = \"X_TOTP\" }") && !text.contains("492039"),
        "{text}"
    );
    root.env("X_PASSWORD", Site::PASSWORD);
    root.env("X_TOTP", secret);
    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(0), "{login:?}\n{text}");
}

#[test]
fn a_recording_that_cannot_be_used_is_told_and_nothing_is_written() {
    let site = Site::start();
    let good = recording(&site, "", "");
    let mut said = Vec::new();
    for text in [
        good.replace("\"setViewport\"", "\"setWeather\""),
        good.replace("\"keyUp\"", "\"customStep\""),
        good[..good.len() / 2].to_owned(),
        "[]".to_owned(),
        good.replace(
            "\"target\": \"main\", \"key\"",
            "\"target\": [\"main\"], \"key\"",
        ),
    ] {
        let root = root(&text);
        let ended = import(&root, &["--yes"]);
        assert!(!ended.err.contains("otter"), "{ended:?}");
        said.push(format!(
            "{:?} {}",
            ended.code.unwrap(),
            ended.said(&root).trim_end()
        ));
        assert!(!root.path().join("sites").exists());
    }
    let root = root(&good);
    root.save("latin.json", "");
    std::fs::write(root.path().join("latin.json"), b"{\"title\": \"\xff\"}").unwrap();
    for file in ["nowhere.json", ".", "latin.json"] {
        let ended = root.run(&["sites", "import", file]);
        said.push(format!(
            "{:?} {}",
            ended.code.unwrap(),
            ended.said(&root).trim_end()
        ));
    }
    assert_snapshot!(said.join("\n"), @r#"
    3 jarkeeper: recording.json: step 1 (setWeather): no step of this type is known here; delete it in the Recorder and export again, or write the steps by hand
    3 jarkeeper: recording.json: step 7 (customStep): no step of this type is known here; delete it in the Recorder and export again, or write the steps by hand
    3 jarkeeper: recording.json: line 8, column 30: this is not JSON; export it again from the Recorder panel of DevTools, as JSON
    3 jarkeeper: recording.json: line 1, column 2: this is JSON, but no recording; export it again from the Recorder panel of DevTools, as JSON
    3 jarkeeper: recording.json: step 6 (keyDown): its parts are not those of a recorded step; export the recording again, as JSON
    3 jarkeeper: nowhere.json: cannot be read: No such file or directory (os error 2)
    3 jarkeeper: .: is not an ordinary file
    3 jarkeeper: latin.json: this is not UTF-8; export it again from the Recorder panel of DevTools, as JSON
    "#);
    assert!(!root.path().join("sites").exists());
    assert!(!root.path().join(".auth").exists());
}

#[test]
fn a_person_sees_the_recipe_first_and_another_is_never_overwritten() {
    let site = Site::start();
    let root = root(&recording(&site, "", ""));
    let shown = import(&root, &[]);
    assert_eq!(shown.code, Some(6), "{shown:?}");
    assert!(shown.out.starts_with("url = "));
    assert!(recipe(&root).is_none());
    let command = root.command(&["sites", "import", "recording.json", "--name", "x"]);
    let mut terminal = Terminal::spawn(&command);
    terminal.answer("Save as sites/x.toml? [y/N]", "yes");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(0), "{shown}");
    let before = recipe(&root).unwrap();
    let again = import(&root, &["--yes"]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert_eq!(recipe(&root).unwrap(), before);
    let json = root.run(&["--json", "sites", "import", "recording.json", "--yes"]);
    assert_eq!(json.code, Some(0), "{json:?}");
    assert_eq!(json.json()["saved"], true);
}
