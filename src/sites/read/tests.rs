//! What recipes mean, and what is said about wrong ones.

use super::*;
use crate::sites::recipe::{By, Locator, Proof, Source, Step, Text};

const HEAD: &str =
    "url = \"https://wiki.example/login\"\nusername = \"admin\"\npassword = { env = \"W\" }\n";

fn parse(text: &str) -> Checked<Read> {
    let env = |name: &str| match name {
        "PORT" => Some("8080".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let path = std::path::Path::new("sites/wiki.toml");
    read(
        &"wiki".parse().unwrap(),
        &Document::parse(path, text)?,
        &env,
    )
}

fn good(text: &str) -> Recipe {
    parse(text).unwrap_or_else(|error| panic!("{error}")).recipe
}

/// What is said about the three lines with this added.
fn said(more: &str) -> String {
    match parse(&format!("{HEAD}{more}")) {
        Ok(_) => format!("fine: {more}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn three_lines_are_enough() {
    let recipe = good(HEAD);
    assert_eq!(recipe.url.as_str(), "https://wiki.example/login");
    let [account] = &recipe.accounts[..] else {
        panic!()
    };
    assert_eq!(account.username, Source::Literal("admin".into()));
    assert_eq!(account.password, Source::Env("W".to_owned()));
    assert_eq!(
        good("url = \"http://a/\"\npassword = { env = \"W\" }").accounts[0].username,
        Source::Literal("".into())
    );
}

#[test]
fn every_key_is_understood() {
    let recipe = good(
        r##"
        url = "http://127.0.0.1:${PORT}/login"
        username = { file = "secrets/user" }
        password = { command = ["pass", "show", "wiki"] }
        totp = { keyring = "jarkeeper", user = "wiki" }
        steps = [
            { goto = "/start?x=${LANG:-en}" },
            { fill = { label = "Username", exact = true }, with = "{username}" },
            { fill = "#password", with = "{password}" },
            { select = { testid = "realm" }, with = "local" },
            { check = { role = "checkbox", name = "Remember me" } },
            { click = { role = "button", name = "Sign in", nth = 1 }, optional = true },
            { press = "Enter", on = { placeholder = "Password" } },
            { press = "Tab" },
            { wait_for = { text = "Code" } },
            { frame = { css = "iframe" } },
            { code = "#code" },
            { frame = "main" },
            { wait_for_url = "/home" },
        ]
        proof = [{ url = "/home" }, { visible = "#logout" }, { cookie = "sid" }]
        probe = { url = "/account", status = 204, contains = "Sign out", lacks = "Sign in" }
        cookies = ["sid"]
        renewal = { cron = "0 6 * * *", before_expiry = "1h", keep_alive = "10m", max_age = "12h" }
        allowed_origins = ["https://sso.example:443/"]
        combine = ["gitlab", "reddit.wiki"]
        own_sessions = true
        indexed_db = true
        ignore_https_errors = true
        timeout = "90s"

        [[accounts]]
        name = "bob"
        username = "bob"
        password = { env = "BOB" }
        totp = { env = "BOB_TOTP" }
        "##,
    );
    let locator = |by| Locator {
        by,
        exact: false,
        nth: None,
    };
    let css = |text: &str| locator(By::Css(text.to_owned()));
    let role = |role: &str, name: &str| By::Role {
        role: role.to_owned(),
        name: Some(name.to_owned()),
    };
    assert_eq!(
        recipe.steps,
        [
            Step::Goto("http://127.0.0.1:8080/start?x=en".parse().unwrap()),
            Step::Fill(
                Locator {
                    exact: true,
                    ..locator(By::Label("Username".into()))
                },
                Text::Username
            ),
            Step::Fill(css("#password"), Text::Password),
            Step::Select(
                locator(By::TestId("realm".into())),
                Text::Plain("local".into())
            ),
            Step::Check(locator(role("checkbox", "Remember me"))),
            Step::Click {
                on: Locator {
                    nth: Some(1),
                    ..locator(role("button", "Sign in"))
                },
                optional: true
            },
            Step::Press(
                "Enter".into(),
                Some(locator(By::Placeholder("Password".into())))
            ),
            Step::Press("Tab".into(), None),
            Step::WaitFor(locator(By::Text("Code".into()))),
            Step::Frame(Some(css("iframe"))),
            Step::Code(css("#code")),
            Step::Frame(None),
            Step::WaitForUrl("/home".into()),
        ]
    );
    assert_eq!(
        recipe.proof,
        [
            Proof::Url("/home".into()),
            Proof::Visible(css("#logout")),
            Proof::Cookie("sid".into())
        ]
    );
    assert_eq!(
        recipe.probe,
        Some(Probe {
            url: "http://127.0.0.1:8080/account".parse().unwrap(),
            status: 204,
            contains: Some("Sign out".into()),
            lacks: Some("Sign in".into())
        })
    );
    assert_eq!(
        recipe.renewal,
        Renewal {
            cron: Some("0 0 6 * * *".into()),
            before_expiry: Some(TimeDelta::hours(1)),
            keep_alive: Some(TimeDelta::minutes(10)),
            max_age: Some(TimeDelta::hours(12))
        }
    );
    assert_eq!(recipe.allowed_origins, ["https://sso.example"]);
    let combine: Vec<String> = recipe.combine.iter().map(ToString::to_string).collect();
    assert_eq!(combine, ["gitlab.wiki", "reddit.wiki"]);
    assert_eq!(recipe.timeout, Some(TimeDelta::seconds(90)));
    assert!(recipe.own_sessions && recipe.indexed_db && recipe.ignore_https_errors);
    assert_eq!(recipe.cookies, ["sid"]);
    assert_eq!(
        recipe.accounts[0].username,
        Source::File("secrets/user".into())
    );
    assert_eq!(recipe.accounts[1].name, Some("bob".parse().unwrap()));
}

#[test]
fn a_variable_in_a_url_stands_for_what_a_shell_would_take() {
    let url = |text: &str| {
        let text = format!("url = \"{text}\"\npassword = {{ env = \"W\" }}");
        good(&text).url.to_string()
    };
    assert_eq!(url("http://h:${PORT}/a"), "http://h:8080/a");
    assert_eq!(url("http://h:${PORT:-9}/a"), "http://h:8080/a");
    assert_eq!(url("http://h:${UNSET:-9}/a"), "http://h:9/a");
    assert_eq!(url("http://h:${EMPTY:-9}/a"), "http://h:9/a");
    assert_eq!(
        url("http://${UNSET:-b}:${PORT}/${UNSET:-}"),
        "http://b:8080/"
    );
    assert_eq!(url("http://h/$PORT"), "http://h/$PORT");
}

#[test]
fn one_proof_and_a_bare_probe_need_no_list_and_no_table() {
    let recipe = good(&format!(
        "{HEAD}proof = {{ url = \"/home\" }}\nprobe = \"/me\""
    ));
    assert_eq!(recipe.proof, [Proof::Url("/home".into())]);
    let probe = recipe.probe.unwrap();
    assert_eq!((probe.url.path(), probe.status), ("/me", 200));
}

#[test]
fn mistakes_of_keys_and_types() {
    let all = [
        parse("").err().unwrap().to_string(),
        parse("url = \"https://a/\"").err().unwrap().to_string(),
        parse("url = 5\npassword = \"x\"")
            .err()
            .unwrap()
            .to_string(),
        parse("url = \"https://a/\"\npasword = \"x\"")
            .err()
            .unwrap()
            .to_string(),
        parse("url = \"https://a/\"\npassword = 12345678")
            .err()
            .unwrap()
            .to_string(),
        parse("url = \"https://a/\"\npassword = hunter2")
            .err()
            .unwrap()
            .to_string(),
        said("pass = 1"),
        said("colour = 1"),
        said("own_sessions = \"yes\""),
        said("cookies = \"sid\""),
        said("cookies = [\"sid\", 5]"),
        said("steps = [{ clik = \"#a\" }]"),
        said("steps = [{ click = { lable = \"ä\" } }]"),
        said("steps = [{ click = 5 }]"),
        said("steps = { click = \"#a\" }"),
        said("probe = { url = \"/a\", contain = \"x\" }"),
        said("probe = { status = 200 }"),
        said("probe = { url = \"/a\", status = \"ok\" }"),
        said("probe = { url = \"/a\", status = 99999 }"),
        said("probe = true"),
        said("proof = \"#x\""),
        said("totp = { envv = \"X\" }"),
        said("totp = { command = \"pass show wiki\" }"),
        said("timeout = 60"),
        said("[[accounts]]\nusername = \"x\"\npassword = { env = \"X\" }"),
        said("[[accounts]]\nname = \"x\"\npassword = { env = \"X\" }\ntimeout = \"60s\""),
    ];
    insta::assert_snapshot!(all.join("\n"), @r##"
    sites/wiki.toml: the key "url" is missing; add it, for example: url = "https://example.org/login"
    sites/wiki.toml: the key "password" is missing; add it, for example: password = { env = "WIKI_PASSWORD" }
    sites/wiki.toml:1:7: "url" must be text in double quotes, not a whole number; for example: url = "…"
    sites/wiki.toml:2:1: unknown key "pasword"; did you mean "password"?
    sites/wiki.toml:2:12: "password" must be text or a table that says where it comes from, not a whole number; for example: password = { env = "WIKI_PASSWORD" }
    sites/wiki.toml:2:12: this is not TOML: string values must be quoted, expected literal string; text stands in double quotes: password = "…"
    sites/wiki.toml:4:1: unknown key "pass"; did you mean "password"?
    sites/wiki.toml:4:1: unknown key "colour"; known keys: url, username, password, totp, recovery_codes, code, accounts, steps, proof, probe, cookies, renewal, allowed_origins, combine, own_sessions, indexed_db, sealed, ignore_https_errors, timeout
    sites/wiki.toml:4:16: "own_sessions" must be true or false, not text; for example: own_sessions = true
    sites/wiki.toml:4:11: "cookies" must be a list, not text; for example: cookies = ["…", "…"]
    sites/wiki.toml:4:19: item 2 of "cookies" must be text in double quotes, not a whole number; for example: cookies = ["…"]
    sites/wiki.toml:4:12: unknown key "clik"; did you mean "click"?
    sites/wiki.toml:4:22: unknown key "lable"; did you mean "label"?
    sites/wiki.toml:4:20: "click" must be a CSS selector or a table that says what to look for, not a whole number; for example: click = { label = "Username" }
    sites/wiki.toml:4:9: "steps" must be a list, not a table; for example: steps = [{ click = "#login" }]
    sites/wiki.toml:4:23: unknown key "contain"; did you mean "contains"?
    sites/wiki.toml:4:9: the key "url" is missing; add it, for example: { url = "/account" }
    sites/wiki.toml:4:32: "status" must be a whole number, 0 or more, not text; write it without quotes
    sites/wiki.toml:4:32: "status" must be a whole number, 0 or more, not 99999
    sites/wiki.toml:4:9: "probe" must be a URL or a table, not true; for example: probe = "/account"
    sites/wiki.toml:4:9: "proof" must be a table or a list of tables, not text; for example: proof = { url = "/account" }
    sites/wiki.toml:4:10: unknown key "envv"; did you mean "env"?
    sites/wiki.toml:4:20: "command" must be a list, not text; for example: command = ["pass", "show", "wiki"]
    sites/wiki.toml:4:11: "timeout" must be a length of time in double quotes, not a whole number; for example: timeout = "90s"
    sites/wiki.toml:4:1: the key "name" is missing; add it, for example: name = "bob"
    sites/wiki.toml:7:1: unknown key "timeout"; known keys: name, username, password, totp, recovery_codes, code; the site's own keys stand above the first [[accounts]]
    "##);
}

#[test]
fn mistakes_of_meaning() {
    let url = |url: &str| {
        let text = format!("url = \"{url}\"\npassword = {{ env = \"W\" }}");
        parse(&text)
            .map(|_| format!("fine: {url}"))
            .unwrap_or_else(|error| error.to_string())
    };
    let all = [
        url("wiki.example/login"),
        url("localhost:8080/login"),
        url("https://admin:hunter2@wiki.example/"),
        url(""),
        url("http://h:${PRT}/"),
        url("http://h:${EMPTY}/"),
        url("http://h:${PORT/"),
        url("http://h:${}/"),
        url("http://h:${1}/"),
        said("totp = { }"),
        said("totp = { env = \"A\", file = \"b\" }"),
        said("totp = { env = \"$A\" }"),
        said("totp = { file = \"~/x\" }"),
        said("totp = { command = [] }"),
        said("totp = { keyring = \"a\" }"),
        said("totp = { env = \"A\", user = \"a\" }"),
        said("totp = \"\""),
        said("steps = [{ }]"),
        said("steps = [\n  { click = \"#a\" },\n  { click = \"#a\", fill = \"#b\" },\n]"),
        said("steps = [{ fill = \"#a\" }]"),
        said("steps = [{ fill = \"#a\", with = \"{usernme}\" }]"),
        said("steps = [{ fill = \"#a\", with = \"x{password}\" }]"),
        said("steps = [{ select = \"#a\", with = \"{password}\" }]"),
        said("steps = [{ fill = \"#a\", with = \"{code}\" }]"),
        said("steps = [{ press = \"Tab\", optional = true }]"),
        said("steps = [{ click = \"text=Log in\" }]"),
        said("steps = [{ click = \"//button\" }]"),
        said("steps = [{ click = \"\" }]"),
        said("steps = [{ click = { name = \"x\", label = \"y\" } }]"),
        said("steps = [{ click = { role = \"button\", label = \"y\" } }]"),
        said("steps = [{ click = { exact = true } }]"),
        said("steps = [{ goto = \"javascript:alert(1)\" }]"),
        said("proof = { }"),
        said("proof = [{ url = \"/a\", cookie = \"b\" }]"),
        said("probe = { url = \"/a\", status = 20 }"),
        said("renewal = { cron = \"0 6 * *\" }"),
        said("renewal = { cron = \"0 25 * * *\" }"),
        said("renewal = { cron = \"0 0 30 2 *\" }"),
        said("renewal = { max_age = \"30s\" }"),
        said("renewal = { max_age = \"1h\", before_expiry = \"2h\" }"),
        said("renewal = { keep_alive = \"often\" }"),
        said("allowed_origins = [\"https://sso.example/login\"]"),
        said("allowed_origins = [\"sso.example\"]"),
        said("combine = [\"gitlab.reddit\"]"),
        said("combine = [\"wiki\"]"),
        said("combine = [\"Git Lab\"]"),
        said("[[accounts]]\nname = \"Bob Smith\"\npassword = { env = \"X\" }"),
        said(
            "[[accounts]]\nname = \"b\"\npassword = { env = \"X\" }\n[[accounts]]\nname = \"b\"\npassword = { env = \"X\" }",
        ),
        said("timeout = \"1h\""),
    ];
    insta::assert_snapshot!(all.join("\n"), @r##"
    sites/wiki.toml:1:7: this URL does not begin with http:// or https://; write it whole, for example "https://example.org/login"
    sites/wiki.toml:1:7: a URL must begin with http:// or https://, not with "localhost:"; write it whole, for example "https://example.org/login"
    sites/wiki.toml:1:7: a URL must not hold a username or a password; write them as username = … and password = …
    sites/wiki.toml:1:7: this URL is empty; write it whole, for example "https://example.org/login"
    sites/wiki.toml:1:17: the environment variable PRT is not set, or empty; set it for jarkeeper, or give a default: ${PRT:-value}
    sites/wiki.toml:1:17: the environment variable EMPTY is not set, or empty; set it for jarkeeper, or give a default: ${EMPTY:-value}
    sites/wiki.toml:1:17: "${" without its "}"; write ${NAME} or ${NAME:-default}
    sites/wiki.toml:1:17: "${}" does not name an environment variable; write ${NAME} or ${NAME:-default}
    sites/wiki.toml:1:17: "${1}" does not name an environment variable; write ${NAME} or ${NAME:-default}
    sites/wiki.toml:4:8: this says of no source where to look; write one of { env = "NAME" }, { file = "path" }, { command = ["program", "argument"] }, { keyring = "service", user = "name" }, { pass = "entry" }, { op = "op://vault/item/field" }, { bitwarden = "item" }, { vault = "secret/data/name", field = "password" }, { sealed = "name" }
    sites/wiki.toml:4:8: a secret has one source, here are several; write one of { env = "NAME" }, { file = "path" }, { command = ["program", "argument"] }, { keyring = "service", user = "name" }, { pass = "entry" }, { op = "op://vault/item/field" }, { bitwarden = "item" }, { vault = "secret/data/name", field = "password" }, { sealed = "name" }
    sites/wiki.toml:4:8: "env" is the name of a variable, without $; write { env = "A" }
    sites/wiki.toml:4:8: "~" is known to shells only; write the whole path, or one relative to the folder of config.toml
    sites/wiki.toml:4:8: "command" names no program; write the program and its arguments: { command = ["pass", "show", "wiki"] }
    sites/wiki.toml:4:8: "keyring" and "user" go together, and with nothing else; write { keyring = "service", user = "name" }
    sites/wiki.toml:4:8: "keyring" and "user" go together, and with nothing else; write { keyring = "service", user = "name" }
    sites/wiki.toml:4:8: "totp" is empty; say where it comes from: totp = { env = "WIKI_TOTP" }
    sites/wiki.toml:4:10: step 1 does nothing; a step has one of: goto, fill, select, check, click, press, wait_for, wait_for_url, code, frame
    sites/wiki.toml:6:3: step 2 does several things: fill, click; write a step for each
    sites/wiki.toml:4:10: step 1: "fill" does not say with what; add with = "{username}", with = "{password}" or a text
    sites/wiki.toml:4:33: step 1: unknown placeholder {usernme}; known: {username}, {password}
    sites/wiki.toml:4:34: step 1: {password} must be the whole text; write with = "{password}"
    sites/wiki.toml:4:10: step 1: a password is typed, not chosen from a list; write { fill = …, with = "{password}" }
    sites/wiki.toml:4:33: step 1: unknown placeholder {code}; a one-time code has its own step: { code = { label = "Code" } }
    sites/wiki.toml:4:38: step 1: "optional" does not go with "press"; it goes with: click
    sites/wiki.toml:4:20: "text=" is not CSS; write { text = "Log in" }
    sites/wiki.toml:4:20: XPath is not known here; write a CSS selector, or { role = "button", name = "Sign in" }, { label = … }, { placeholder = … }, { text = … }, { testid = … } or { css = … }
    sites/wiki.toml:4:20: this selector is empty; write a CSS selector, or { role = "button", name = "Sign in" }, { label = … }, { placeholder = … }, { text = … }, { testid = … } or { css = … }
    sites/wiki.toml:4:20: "name" goes with "role" only; write { role = "button", name = "Sign in" }
    sites/wiki.toml:4:20: a locator looks for one thing, here are several; write a CSS selector, or { role = "button", name = "Sign in" }, { label = … }, { placeholder = … }, { text = … }, { testid = … } or { css = … }
    sites/wiki.toml:4:20: this says nothing to look for; write a CSS selector, or { role = "button", name = "Sign in" }, { label = … }, { placeholder = … }, { text = … }, { testid = … } or { css = … }
    sites/wiki.toml:4:19: a URL must begin with http:// or https://, not with "javascript:"; write a path such as "/account", or a whole URL
    sites/wiki.toml:4:9: a proof has exactly one of: url, visible, cookie; several are written as a list: [{ url = "/account" }, { cookie = "session" }]
    sites/wiki.toml:4:10: a proof has exactly one of: url, visible, cookie; several are written as a list: [{ url = "/account" }, { cookie = "session" }]
    sites/wiki.toml:4:32: 20 is not an HTTP status; it may be 100 to 599; the default is 200
    sites/wiki.toml:4:20: a cron expression has five fields (or six, seconds first), this has 4; minute hour day-of-month month day-of-week, in UTC; for example "0 6 * * *" for six in the morning
    sites/wiki.toml:4:20: this is not a cron expression: Component error: Number out of bounds; minute hour day-of-month month day-of-week, in UTC; for example "0 6 * * *" for six in the morning
    sites/wiki.toml:4:20: these times never come; minute hour day-of-month month day-of-week, in UTC; for example "0 6 * * *" for six in the morning
    sites/wiki.toml:4:23: "30s" is out of range; it may be 1m to 400d
    sites/wiki.toml:4:45: "before_expiry" is not shorter than "max_age"; with it every session would be due at once; make it shorter
    sites/wiki.toml:4:26: "often" is not a length of time; write it like "90s", "15m", "12h" or "7d"
    sites/wiki.toml:4:20: an origin is a scheme, a host and a port, and nothing else; write "https://sso.example"
    sites/wiki.toml:4:20: this URL does not begin with http:// or https://; write it whole, for example "https://example.org/login"
    sites/wiki.toml:4:12: "gitlab.reddit" does not hold this site, wiki; write the other site's name, or all names joined: "wiki.other"
    sites/wiki.toml:4:12: combination name "wiki.wiki" must join two or more different sites with '.'; write the other site's name, or all names joined: "wiki.other"
    sites/wiki.toml:4:12: site name "Git Lab" must begin with a to z or 0 to 9; write the other site's name, or all names joined: "wiki.other"
    sites/wiki.toml:5:8: account name "Bob Smith" must begin with a to z or 0 to 9; write a short name such as "bob"; it becomes part of a file's name
    sites/wiki.toml:8:8: there are two accounts named "b"; give each its own name
    sites/wiki.toml:4:11: "1h" is out of range; it may be 5s to 15m
    "##);
}

#[test]
fn what_should_not_stay_is_warned_of() {
    let text = "url = \"https://a/\"\npassword = \"hunter2\"\ntotp = \"JBSWY3DP\"\nsteps = [{ code = \"#c\" }]\n[[accounts]]\nname = \"b\"\npassword = { env = \"X\" }";
    let warnings = parse(text).ok().unwrap().warnings;
    let all: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(all.join("\n"), @r##"
    sites/wiki.toml:2:12: "password" stands in the recipe itself, for everyone who reads the file; keep it elsewhere: password = { env = "WIKI_PASSWORD" }, { file = … }, { command = […] } or { keyring = … }
    sites/wiki.toml:3:8: "totp" stands in the recipe itself, for everyone who reads the file; keep it elsewhere: totp = { env = "WIKI_TOTP" }, { file = … }, { command = […] } or { keyring = … }
    sites/wiki.toml:4:19: this enters a one-time code, but the account "b" has no source of codes; add one, for example: totp = { env = "WIKI_TOTP" }
    "##);
}

#[test]
fn no_message_repeats_a_secret() {
    for text in [
        "url = \"https://a/\"\npassword = hunter2",
        "url = \"https://a/\"\npassword = \"hunter2",
        "url = \"https://u:hunter2@a/\"\npassword = { env = \"A\" }",
        "url = \"https://a/\"\npassword = [\"hunter2\"]",
        "url = \"https://a/\"\npassword = \"hunter2\"\nx = 1",
        "url = \"https://a/\"\npassword = \"hunter2\"\ntotp = { env = [\"hunter2\"] }",
        "url = \"https://a/\"\npassword = \"hunter2\"\npassword = \"hunter2\"",
        "url = \"https://a/\"\npassword = \"hunter2\" \"hunter2\"",
    ] {
        let error = parse(text).err().unwrap().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let read = parse("url = \"https://a/\"\npassword = \"hunter2\"")
        .ok()
        .unwrap();
    assert!(!format!("{:?} {:?}", read.recipe, read.warnings).contains("hunter2"));
}

#[test]
fn the_fingerprint_follows_the_meaning_and_not_the_layout() {
    let base = good(HEAD).fingerprint;
    let layout =
        "# words\npassword.env = 'W'\nusername=\"admin\"\n\nurl = \"https://wiki.example/login\"";
    assert_eq!(base, good(layout).fingerprint);
    assert_eq!(base.len(), 64);
    for change in [
        HEAD.replace("login", "signin"),
        HEAD.replace("admin", "root"),
        HEAD.replace("env = \"W\"", "env = \"V\""),
        HEAD.replace("env = \"W\"", "file = \"W\""),
        format!("{HEAD}cookies = [\"a\"]"),
        format!("{HEAD}cookies = [\"a\", \"b\"]"),
        format!("{HEAD}steps = [{{ click = \"#a\" }}]"),
    ] {
        assert_ne!(base, good(&change).fingerprint, "{change}");
    }
    let literal =
        |value: &str| good(&format!("url = \"https://a/\"\npassword = \"{value}\"")).fingerprint;
    assert_eq!(literal("one"), literal("two"));
    let port =
        |text: &str| good(&format!("url = \"http://a:{text}/\"\npassword.env = \"W\"")).fingerprint;
    assert_ne!(port("${P:-1}"), port("${P:-2}"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "[a-z={}\\[\\]\"\\.,0-9 \n\\$ä]{0,80}") {
        let _ = parse(&text);
        let _ = parse(&format!("{HEAD}steps = [{{ fill = {text} }}]"));
        let _ = parse(&format!("{HEAD}renewal = {{ cron = \"{text}\" }}"));
        let _ = parse(&format!("url = \"{text}\"\npassword = \"x\""));
    }
}

#[test]
fn sources_of_codes_are_understood() {
    let codes = |more: &str| {
        let recipe = good(&format!("{HEAD}{more}"));
        let account = recipe.accounts.into_iter().next().unwrap();
        format!("{:?} {:?}", account.code, account.recovery_codes)
    };
    let all = [
        codes("code = \"ask\""),
        codes("code = { wait = \"10m\" }"),
        codes("code = { command = [\"codes\", \"--token=s3cret\"], wait = \"1m\" }"),
        codes("code = { maildir = \"mail\", from = \" No-Reply@Wiki.example\", to = \"+wiki@\" }"),
        codes(
            "code = { imap = \"imaps://mail.example/INBOX\", user = \"me\", password = { env = \"M\" } }",
        ),
        codes("recovery_codes = { file = \"secrets/wiki-codes\" }"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    Some(Codes { from: HandIn, wait: TimeDelta { secs: 300, nanos: 0 } }) None
    Some(Codes { from: HandIn, wait: TimeDelta { secs: 600, nanos: 0 } }) None
    Some(Codes { from: Command(codes), wait: TimeDelta { secs: 60, nanos: 0 } }) None
    Some(Codes { from: Folder(mail, Filter { from: Some("no-reply@wiki.example"), to: Some("+wiki@") }), wait: TimeDelta { secs: 120, nanos: 0 } }) None
    Some(Codes { from: Imap(Imap { url: Url { scheme: "imaps", cannot_be_a_base: false, username: "", password: None, host: Some(Domain("mail.example")), port: None, path: "/INBOX", query: None, fragment: None }, user: "me", password: Env("M") }, Filter { from: None, to: None }), wait: TimeDelta { secs: 120, nanos: 0 } }) None
    None Some(File("secrets/wiki-codes"))
    "#);
    // Who gets in by what the site sends needs no password.
    let alone = good("url = \"https://a/\"\nusername = \"me\"\ncode = \"ask\"");
    assert_eq!(alone.accounts[0].password, Source::Literal("".into()));
    for (one, other) in [
        ("code = \"ask\"", "code = { wait = \"9m\" }"),
        ("code = { maildir = \"a\" }", "code = { maildir = \"b\" }"),
        ("recovery_codes.env = \"A\"", "recovery_codes.env = \"B\""),
    ] {
        let print = |more: &str| good(&format!("{HEAD}{more}")).fingerprint;
        assert_ne!(print(one), print(other));
    }
}

#[test]
fn mistakes_about_codes_have_a_place_and_a_way_out() {
    let all = [
        said("code = \"123456\""),
        said("code = 1"),
        said("code = { }"),
        said("code = { maildir = \"a\", command = [\"b\"] }"),
        said("code = { maildir = \"~/Maildir\" }"),
        said("code = { command = [] }"),
        said("code = { command = [\"a\"], from = \"x\" }"),
        said("code = { imap = \"imaps://mail.example/\" }"),
        said("code = { imap = \"imap://mail.example/\", user = \"a\", password.env = \"M\" }"),
        said("code = { imap = \"https://mail.example/\", user = \"a\", password.env = \"M\" }"),
        said(
            "code = { imap = \"imaps://a:hunter2@mail.example/\", user = \"a\", password.env = \"M\" }",
        ),
        said("code = { wait = \"2h\" }"),
        said("totp = \"not-base32!\""),
        said("totp = \"otpauth://totp/wiki?secret=GEZDGNBVGY3TQOJQ&digits=12\""),
        said("recovery_codes = \"\""),
        said("[[accounts]]\nname = \"bob\""),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    sites/wiki.toml:4:8: a code is good once, so it cannot stand in a recipe; write one of "ask", { command = ["program", "argument"] }, { maildir = "/home/me/Maildir" }, { imap = "imaps://host/INBOX", user = "me", password = { env = "NAME" } }
    sites/wiki.toml:4:8: "code" must be "ask" or a table that says where codes come from, not a whole number; for example: code = { maildir = "/home/me/Maildir" }
    sites/wiki.toml:4:8: this says of no source of codes where to look; write one of "ask", { command = ["program", "argument"] }, { maildir = "/home/me/Maildir" }, { imap = "imaps://host/INBOX", user = "me", password = { env = "NAME" } }
    sites/wiki.toml:4:8: codes have one source, here are several; write one of "ask", { command = ["program", "argument"] }, { maildir = "/home/me/Maildir" }, { imap = "imaps://host/INBOX", user = "me", password = { env = "NAME" } }
    sites/wiki.toml:4:8: "~" is known to shells only; write the whole path, or one relative to the folder of config.toml
    sites/wiki.toml:4:8: "command" names no program; write the program and its arguments: { command = ["my-codes", "wiki"] }
    sites/wiki.toml:4:8: "from" and "to" choose among mails, and there are none here; remove them, or write maildir or imap
    sites/wiki.toml:4:8: "imap", "user" and "password" go together; write { imap = "imaps://host/INBOX", user = "me", password = { env = "NAME" } }
    sites/wiki.toml:4:17: imap:// would send the mailbox's password in the clear; write imaps://, which is IMAP inside TLS; imap:// is for this machine only
    sites/wiki.toml:4:17: this is not the URL of a mailbox; write { imap = "imaps://mail.example.org/INBOX", … }
    sites/wiki.toml:4:17: a URL with a user or a password in it would be shown in messages; write them as user = … and password = { env = "NAME" }
    sites/wiki.toml:4:17: "2h" is out of range; it may be 1s to 30m
    sites/wiki.toml:4:8: the totp secret cannot be used: the secret is not Base32, which has only the letters A to Z and the digits 2 to 7; it must be Base32 (as the site shows it) or an otpauth://totp/ URI
    sites/wiki.toml:4:8: the totp secret cannot be used: its digits are none of 6, 7 and 8; it must be Base32 (as the site shows it) or an otpauth://totp/ URI
    sites/wiki.toml:4:18: "recovery_codes" is empty; say where it comes from: recovery_codes = { env = "WIKI_RECOVERY_CODES" }
    sites/wiki.toml:5:8: the key "password" is missing; add it, for example: password = { env = "WIKI_PASSWORD" }
    "#);
    // On this machine nobody else listens.
    for here in ["127.0.0.1:3143", "localhost", "[::1]:143"] {
        let more =
            format!("code = {{ imap = \"imap://{here}/\", user = \"a\", password.env = \"M\" }}");
        assert!(said(&more).starts_with("fine"), "{here}");
    }
}
