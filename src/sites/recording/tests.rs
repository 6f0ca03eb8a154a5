use super::*;

fn variables() -> Variables {
    Variables {
        password: "WIKI_PASSWORD".into(),
        totp: "WIKI_TOTP".into(),
    }
}

/// A recording with these steps after the login page was opened.
fn recording(steps: &str) -> String {
    let open = r#"{"type":"setViewport","width":1280,"height":800,"deviceScaleFactor":1,"isMobile":false,"hasTouch":false,"isLandscape":false},
        {"type":"navigate","url":"https://wiki.example.org/login","assertedEvents":[{"type":"navigation","url":"https://wiki.example.org/login","title":"Sign in"}]}"#;
    format!(r#"{{"title":"Recording 25/11/2026","steps":[{open},{steps}]}}"#)
}

fn text(steps: &str) -> String {
    let recorded = translate(&recording(steps), variables()).unwrap();
    recorded.draft.recipe(&"wiki".parse().unwrap()).unwrap();
    recorded.draft.text()
}

fn change(selectors: &str, value: &str) -> String {
    format!(r#"{{"type":"change","value":"{value}","selectors":{selectors},"target":"main"}}"#)
}

fn click(selectors: &str) -> String {
    format!(
        r#"{{"type":"click","target":"main","offsetX":10,"offsetY":8,"selectors":{selectors}}}"#
    )
}

const USER: &str =
    r##"[["aria/Username"],["#user"],["xpath///*[@id=\"user\"]"],["pierce/#user"]]"##;
const PASS: &str =
    r##"[["aria/Password"],["#pass"],["xpath///*[@id=\"pass\"]"],["pierce/#pass"]]"##;
const BUTTON: &str = r##"[["aria/Sign in"],["form > button"],["xpath///*[@id=\"f\"]/button"],["pierce/form > button"],["text/Sign in"]]"##;

#[test]
fn a_login_that_was_recorded_keeps_what_was_done_and_not_what_was_typed() {
    let steps = [
        click(USER),
        change(USER, "bo"),
        change(USER, "bob"),
        r#"{"type":"keyDown","target":"main","key":"Tab"}"#.into(),
        r#"{"type":"keyUp","target":"main","key":"Tab"}"#.into(),
        change(PASS, "hunter2-hunter2"),
        format!(
            r#"{{"type":"click","selectors":{BUTTON},"offsetX":1,"offsetY":1,"assertedEvents":[{{"type":"navigation","url":"https://wiki.example.org/home?x=1","title":""}}]}}"#
        ),
        r#"{"type":"scroll","target":"main","x":0,"y":300}"#.into(),
        r#"{"type":"waitForElement","selectors":[["aria/Sign out[role=\"link\"]"],["text/Sign out"]]}"#.into(),
        r#"{"type":"close","target":"main"}"#.into(),
    ];
    insta::assert_snapshot!(text(&steps.join(",")), @r##"
    url = "https://wiki.example.org/login"
    username = "bob"
    password = { env = "WIKI_PASSWORD" }
    steps = [
      { fill = "#user", with = "{username}" },
      { fill = "#pass", with = "{password}" },
      { click = { role = "button", name = "Sign in" } },
      { wait_for = { role = "link", name = "Sign out" } },
    ]
    proof = { url = "/home" }
    "##);
}

#[test]
fn a_code_that_was_typed_is_a_step_of_its_own_whole_or_in_boxes() {
    let login = [change(USER, "bob"), change(PASS, "hunter2-hunter2")].join(",");
    let whole = change(r##"[["aria/Authentication code"],["#otp"]]"##, "492 039");
    insta::assert_snapshot!(text(&format!("{login},{whole}")), @r##"
    url = "https://wiki.example.org/login"
    username = "bob"
    password = { env = "WIKI_PASSWORD" }
    totp = { env = "WIKI_TOTP" }
    steps = [
      { fill = "#user", with = "{username}" },
      { fill = "#pass", with = "{password}" },
      { code = "#otp" },
    ]
    "##);
    let boxes: Vec<String> = (1..=6)
        .map(|n| change(&format!(r##"[["#d{n}"]]"##), "7"))
        .collect();
    let boxes = text(&format!("{login},{}", boxes.join(",")));
    assert_eq!(boxes.matches("code = ").count(), 1, "{boxes}");
    assert!(
        boxes.contains("{ code = \"#d1\" }") && !boxes.contains('7'),
        "{boxes}"
    );
}

#[test]
fn the_password_is_known_by_its_field_or_by_its_place() {
    // The password first, a remark after it: the name decides.
    let named = [
        change(r##"[["input[name='pwd']"]]"##, "hunter2-hunter2"),
        change(r##"[["#remark"]]"##, "hello"),
    ];
    let named = text(&named.join(","));
    assert!(
        named.contains("with = \"{password}\" },\n  { fill = \"#remark\", with = \"hello\""),
        "{named}"
    );
    let placed = recording(
        &[
            change(r##"[["#a"]]"##, "bob"),
            change(r##"[["#b"]]"##, "hunter2-hunter2"),
        ]
        .join(","),
    );
    let placed = translate(&placed, variables()).unwrap();
    assert_eq!(
        placed.notes,
        ["no field says that it is for a password: the second text that was typed is taken for it"]
    );
    assert!(placed.holds_password && !placed.draft.text().contains("hunter2"));
    let alone = text(&change(r##"[["#pin"]]"##, "4711"));
    assert!(
        !alone.contains("username") && !alone.contains("4711"),
        "{alone}"
    );
    // Typed again elsewhere, it is the same secret.
    let twice = [
        change(USER, "bob"),
        change(PASS, "hunter2-hunter2"),
        change(r##"[["#x"]]"##, "hunter2-hunter2"),
    ];
    assert_eq!(text(&twice.join(",")).matches("{password}").count(), 2);
}

#[test]
fn the_locator_is_what_lasts_longest() {
    let place = |kind: &str, selectors: &str| {
        let login = [change(USER, "bob"), change(PASS, "hunter2-hunter2")].join(",");
        let step = format!(
            r#"{{"type":"{kind}","value":"x","selectors":{selectors},"offsetX":1,"offsetY":1}}"#
        );
        let text = text(&format!("{login},{step}"));
        text.lines()
            .rev()
            .nth(1)
            .unwrap()
            .trim()
            .trim_end_matches(',')
            .to_owned()
    };
    for (kind, selectors, wanted) in [
        (
            "click",
            r##"[["aria/Go[role=\"menuitem\"]"],["#go"]]"##,
            r##"{ click = { role = "menuitem", name = "Go" } }"##,
        ),
        (
            "click",
            r##"[["aria/Help"],["div > a"]]"##,
            r##"{ click = { role = "link", name = "Help" } }"##,
        ),
        (
            "click",
            r##"[["aria/Go"],["#go"]]"##,
            r##"{ click = "#go" }"##,
        ),
        (
            "click",
            r##"[["div:nth-of-type(2)"],["[data-testid='go']"]]"##,
            r##"{ click = { testid = "go" } }"##,
        ),
        (
            "click",
            r##"[["div:nth-of-type(2)"],["text/Go on"]]"##,
            r##"{ click = { text = "Go on" } }"##,
        ),
        (
            "click",
            r##"[["pierce/div.a > b"]]"##,
            r##"{ click = "div.a > b" }"##,
        ),
        (
            "click",
            r##"[["xpath///*[@id=\"x\"]/div[2]/span"]]"##,
            r##"{ click = "#x > div:nth-of-type(2) > span" }"##,
        ),
        (
            "click",
            r##"[["my-app","login-form","#go"]]"##,
            r##"{ click = "#go" }"##,
        ),
        (
            "change",
            r##"[["aria/Team"],["div:nth-of-type(2) > input"]]"##,
            r##"{ fill = { label = "Team" }, with = "x" }"##,
        ),
        (
            "change",
            r##"[["aria/Team"],["form > input[name='team']"]]"##,
            r##"{ fill = "form > input[name='team']", with = "x" }"##,
        ),
        (
            "change",
            r##"[["aria/Country"],["form > select"]]"##,
            r##"{ select = { label = "Country" }, with = "x" }"##,
        ),
    ] {
        assert_eq!(place(kind, selectors), wanted);
    }
}

#[test]
fn a_frame_is_entered_and_left() {
    let framed = |step: String| step.replacen('{', r#"{"frame":[1],"#, 1);
    let steps = [
        framed(change(USER, "bob")),
        framed(change(PASS, "hunter2-hunter2")),
        click(r##"[["#done"]]"##),
    ];
    insta::assert_snapshot!(text(&steps.join(",")), @r##"
    url = "https://wiki.example.org/login"
    username = "bob"
    password = { env = "WIKI_PASSWORD" }
    steps = [
      { frame = { css = "iframe, frame", nth = 1 } },
      { fill = "#user", with = "{username}" },
      { fill = "#pass", with = "{password}" },
      { frame = "main" },
      { click = "#done" },
    ]
    "##);
}

#[test]
fn what_cannot_be_done_names_its_step_and_the_way_out() {
    let login = [change(USER, "bob"), change(PASS, "hunter2-hunter2")].join(",");
    let mut said = Vec::new();
    for steps in [
        r#"{"type":"teleport"}"#.to_owned(),
        r#"{"type":"customStep","name":"x","parameters":{"password":"hunter2-hunter2"}}"#
            .to_owned(),
        r#"{"type":"click","selectors":"hunter2-hunter2"}"#.to_owned(),
        r#"{"selectors":[]}"#.to_owned(),
        click("[]"),
        click(r##"[["xpath///button[contains(., \"Go\")]"]]"##),
        r##"{"type":"click","target":"https://sso.example.org/","selectors":[["#a"]]}"##.to_owned(),
        r##"{"type":"click","frame":[0,1],"selectors":[["#a"]]}"##.to_owned(),
        r##"{"type":"click","button":"secondary","selectors":[["#a"]]}"##.to_owned(),
        r#"{"type":"navigate","url":"file:///etc/passwd"}"#.to_owned(),
        r#"{"type":"navigate","url":"https://wiki.example.org/?p=hunter2-hunter2"}"#.to_owned(),
    ] {
        said.push(translate(&recording(&format!("{login},{steps}")), variables()).unwrap_err());
    }
    for whole in [
        "",
        "{\"title\": \"x\", \"steps\": [",
        "[]",
        r#"{"title":"x","steps":[]}"#,
        r#"{"title":"x","steps":[{"type":"navigate","url":"chrome://newtab/"}]}"#,
        r##"{"title":"x","steps":[{"type":"click","selectors":[["#a"]]}]}"##,
        r#"{"title":"x","steps":[{"type":"navigate","url":"https://a.example/"}]}"#,
    ] {
        said.push(translate(whole, variables()).unwrap_err());
    }
    assert!(!said.iter().any(|said| said.contains("hunter2")));
    insta::assert_snapshot!(said.join("\n"), @r#"
    step 5 (teleport): no step of this type is known here; delete it in the Recorder and export again, or write the steps by hand
    step 5 (customStep): no step of this type is known here; delete it in the Recorder and export again, or write the steps by hand
    step 5 (click): its parts are not those of a recorded step; export the recording again, as JSON
    step 5: its parts are not those of a recorded step; export the recording again, as JSON
    step 5 (click): it does not say on which element; record it again
    step 5 (click): its only selector, XPath //button[contains(., "Go")], cannot be said in a recipe; give the element another selector in the Recorder (CSS, ARIA or text) and export again
    step 5 (click): it happens in another window, where a recipe's steps cannot follow; try `jarkeeper sites add` with the URL, which needs no steps
    step 5 (click): it happens in a frame within a frame, where a recipe's steps cannot follow; try `jarkeeper sites add` with the URL, which needs no steps
    step 5 (click): only the first mouse button is known here; delete the step in the Recorder and export again
    step 5 (navigate): what it opens is no address of a web site; correct it in the Recorder and export again
    the password stands outside the password's field too, in a text, an address or a selector; record again without that
    line 1, column 0: this is not JSON; export it again from the Recorder panel of DevTools, as JSON
    line 1, column 25: this is not JSON; export it again from the Recorder panel of DevTools, as JSON
    line 1, column 2: this is JSON, but no recording; export it again from the Recorder panel of DevTools, as JSON
    it opens no page; record again from the login page on
    it opens no page; record again from the login page on
    step 1 (click) comes before any page was opened; record again from the login page on
    no password was typed in it; record again: type the username and the password by hand, into the empty form
    "#);
}
