//! States in other tools' shapes: there and back, and before the tools themselves.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;

use chrono::{DateTime, Utc};
use jarkeeper::ids::SiteName;
use jarkeeper::session::formats::{Format, FormatError, export};
use jarkeeper::session::state::{Cookie, SameSite};
use jarkeeper::session::{Jar, Key, StorageState, import, join};
use proptest::prelude::*;
use serde_json::json;
use url::Url;

fn state(cookies: serde_json::Value) -> StorageState {
    serde_json::from_value(json!({ "cookies": cookies })).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn text(state: &StorageState, format: Format) -> String {
    export(state, format, None, now()).unwrap().text
}

/// Cookies as hostile or as good as they come.
fn any_cookie() -> impl Strategy<Value = Cookie> {
    let domain = prop_oneof![
        Just(String::from("site.test")),
        Just(String::from(".site.test")),
        Just(String::from("127.0.0.1")),
        Just(String::from("[::1]")),
        "[.a-zA-Z0-9:/é-]{0,12}",
    ];
    let value = prop_oneof!["[!-:<-~]{0,40}", "\\PC{0,20}", "(?s).{0,20}"];
    let name = prop_oneof!["[a-zA-Z0-9_]{0,8}", "__(Host|Secure|Http)-x", "(?s).{0,5}"];
    let expires = prop_oneof![
        Just(-1.0),
        1.8e9..1.9e9,
        any::<f64>(),
        Just(0.0),
        Just(1e14),
    ];
    let same_site = prop_oneof![
        Just(SameSite::Strict),
        Just(SameSite::Lax),
        Just(SameSite::None)
    ];
    let partition = prop_oneof![
        Just(None),
        Just(Some(String::from("https://top.test"))),
        "[a-z:/.]{0,9}".prop_map(Some),
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<Option<bool>>());
    (
        name,
        value,
        domain,
        "(/[a-z]{0,3}){0,2}",
        expires,
        same_site,
        partition,
        flags,
    )
        .prop_map(
            |(name, value, domain, path, expires, same_site, partition_key, flags)| Cookie {
                name,
                value,
                domain,
                path,
                expires,
                http_only: flags.0,
                secure: flags.1,
                same_site,
                partition_key,
                has_cross_site_ancestor: flags.2,
            },
        )
}

fn any_state() -> impl Strategy<Value = StorageState> {
    let cookies = proptest::collection::vec(any_cookie(), 0..12);
    cookies.prop_map(|cookies| StorageState {
        cookies,
        ..StorageState::default()
    })
}

proptest! {
    #[test]
    fn what_is_shipped_keeps_the_contract_whatever_was_captured(mut state in any_state()) {
        state.sanitise(now());
        for cookie in &state.cookies {
            prop_assert!(cookie.expires == -1.0 || cookie.expires > now().timestamp() as f64);
            prop_assert!(cookie.expires < 253_402_300_799.0);
            prop_assert!(cookie.same_site != SameSite::None || cookie.secure);
            prop_assert!(cookie.path.starts_with('/'));
            prop_assert_eq!(cookie.partition_key.is_some(), cookie.has_cross_site_ancestor.is_some());
            prop_assert!(!cookie.name.contains(['\0', '\n', ';', '=']));
        }
        let again = state.clone();
        prop_assert!(state.sanitise(now()).is_empty());
        prop_assert_eq!(&state, &again);
        let json = serde_json::to_string(&state).unwrap();
        prop_assert!(!json.contains(":null"));
        prop_assert_eq!(serde_json::from_str::<StorageState>(&json).unwrap(), again);
    }

    #[test]
    fn a_format_reads_back_as_what_it_can_hold(mut state in any_state()) {
        state.sanitise(now());
        if state.cookies.is_empty() {
            return Ok(());
        }
        for format in [Format::StorageState, Format::Puppeteer] {
            prop_assert_eq!(&import(&text(&state, format)).unwrap(), &state);
        }
        for format in [Format::Netscape, Format::Selenium] {
            let exported = export(&state, format, None, now()).unwrap();
            let mut whole = state.cookies.clone();
            let mut left_out = 0;
            whole.retain(|cookie| {
                let tab = format!("{}{}", cookie.name, cookie.value).contains('\t');
                let stays = cookie.partition_key.is_none() && !(tab && format == Format::Netscape);
                left_out += usize::from(!stays);
                stays
            });
            prop_assert_eq!(exported.left_out.len(), left_out);
            for cookie in &mut whole {
                cookie.expires = cookie.expires.floor();
                if format == Format::Netscape {
                    cookie.same_site = SameSite::Lax;
                }
            }
            match import(&exported.text) {
                Ok(read) => prop_assert_eq!(read.cookies, whole),
                Err(error) => prop_assert!(whole.is_empty() && error == FormatError::Empty, "{}", error),
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "(?s).{0,60}") {
        import(&text).ok();
        import(&format!("[{text}]")).ok();
        import(&format!("site.test\tTRUE\t/\tFALSE\t0\t{text}")).ok();
    }
}

/// Cookies for two hosts, one of them loopback, of every kind that a cookies.txt can hold.
fn cookies_of_two_hosts() -> StorageState {
    state(json!([
        {"name": "sid", "value": "a=b|\"c\"", "domain": "site.test", "path": "/", "httpOnly": true},
        {"name": "all", "value": "2", "domain": ".site.test", "path": "/", "expires": 1.9e9},
        {"name": "deep", "value": "3", "domain": "site.test", "path": "/deep"},
        {"name": "secure", "value": "4", "domain": "site.test", "path": "/", "secure": true},
        {"name": "empty", "value": "", "domain": "site.test", "path": "/"},
        {"name": "loop", "value": "5", "domain": "127.0.0.1", "path": "/", "secure": true, "httpOnly": true},
        {"name": "v6", "value": "6", "domain": "[::1]", "path": "/"},
    ]))
}

/// What a client sends to a URL whose host leads here: the `Cookie` header, or nothing.
fn cookies_sent(client: impl FnOnce(u16) -> Command) -> Option<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = client(listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut cookies = None;
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let line = line.unwrap();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("Cookie: ") {
                cookies = Some(value.to_owned());
            }
        }
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            .unwrap();
        cookies
    });
    let out = client.output().unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    server.join().unwrap()
}

fn pairs(header: Option<&str>) -> BTreeSet<&str> {
    header
        .map(|header| header.split("; ").collect())
        .unwrap_or_default()
}

#[test]
fn curl_sends_with_the_exported_file_and_header_what_the_browser_would() {
    if Command::new("curl").arg("-V").output().is_err() {
        eprintln!("skipped: curl is not installed");
        return;
    }
    let state = cookies_of_two_hosts();
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("cookies.txt");
    std::fs::write(&file, text(&state, Format::Netscape)).unwrap();
    for (at, want) in [
        (
            "http://site.test:1/",
            vec!["sid=a=b|\"c\"", "all=2", "empty="],
        ),
        (
            "http://site.test:1/deep/x",
            vec!["deep=3", "sid=a=b|\"c\"", "all=2", "empty="],
        ),
        ("http://sub.site.test:1/", vec!["all=2"]),
        ("http://127.0.0.1:1/", vec!["loop=5"]),
        ("http://[::1]:1/", vec!["v6=6"]),
        ("http://other.test:1/", vec![]),
    ] {
        let curl = |port: u16| {
            let mut curl = Command::new("curl");
            curl.args([
                "-sS",
                "--noproxy",
                "*",
                "--connect-to",
                &format!("::127.0.0.1:{port}"),
                at,
            ]);
            curl
        };
        let want: BTreeSet<_> = want.into_iter().collect();
        let by_file = cookies_sent(|port| {
            let mut curl = curl(port);
            curl.arg("-b").arg(&file);
            curl
        });
        assert_eq!(pairs(by_file.as_deref()), want, "{at}");

        let url: Url = at.parse().unwrap();
        let header = match export(&state, Format::Header, Some(&url), now()) {
            Ok(exported) => exported.text,
            Err(error) => {
                assert_eq!(error, FormatError::Nothing(url));
                assert!(want.is_empty());
                continue;
            }
        };
        let by_header = cookies_sent(|port| {
            let mut curl = curl(port);
            curl.arg("-b").arg(header.trim_end());
            curl
        });
        assert_eq!(pairs(by_header.as_deref()), want, "{at}");
        let jar = Jar::new(&state, now());
        assert_eq!(jar.header(&url).as_deref(), by_header.as_deref());
    }
}

#[test]
fn the_loaders_of_python_and_yt_dlp_take_the_exported_file() {
    let loader = "
import http.cookiejar, sys
def show(jar):
    print(sorted((c.name or c.value, c.domain, c.path, c.secure, c.domain_specified) for c in jar))
plain = http.cookiejar.MozillaCookieJar(sys.argv[1])
plain.load(ignore_discard=True, ignore_expires=True)
show(plain)
try:
    from yt_dlp.cookies import YoutubeDLCookieJar
except ImportError:
    sys.exit()
jar = YoutubeDLCookieJar(sys.argv[1])
jar.load()
show(jar)
";
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("cookies.txt");
    std::fs::write(&file, text(&cookies_of_two_hosts(), Format::Netscape)).unwrap();
    let Ok(out) = Command::new("python3")
        .arg("-c")
        .arg(loader)
        .arg(&file)
        .output()
    else {
        eprintln!("skipped: python3 is not installed");
        return;
    };
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let shown = String::from_utf8(out.stdout).unwrap();
    let want = "[('all', '.site.test', '/', False, True), ('deep', 'site.test', '/deep', False, False), \
         ('empty', 'site.test', '/', False, False), ('loop', '127.0.0.1', '/', True, False), \
         ('secure', 'site.test', '/', True, False), ('sid', 'site.test', '/', False, False), \
         ('v6', '::1', '/', False, False)]";
    let lines: Vec<_> = shown.lines().collect();
    if lines.len() == 1 {
        eprintln!("skipped for yt-dlp: it is not installed");
    }
    assert!(lines.iter().all(|line| *line == want), "{shown}");
}

#[test]
fn what_other_tools_write_is_read() {
    let want = state(json!([
        {"name": "a", "value": "1", "domain": ".site.test", "path": "/", "secure": true, "sameSite": "None", "expires": 1.9e9},
        {"name": "b", "value": "2", "domain": "site.test", "path": "/", "httpOnly": true},
    ]));
    let extension = json!([
        {"name": "a", "value": "1", "domain": ".site.test", "hostOnly": false, "path": "/", "secure": true, "httpOnly": false,
         "sameSite": "no_restriction", "session": false, "expirationDate": 1.9e9, "storeId": "0", "id": 1},
        {"name": "b", "value": "2", "domain": "site.test", "hostOnly": true, "path": "/", "secure": false, "httpOnly": true,
         "sameSite": "unspecified", "session": true, "storeId": "0", "id": 2},
    ]);
    let selenium = json!([
        {"name": "a", "value": "1", "domain": ".site.test", "path": "/", "secure": true, "sameSite": "None", "expiry": 1_900_000_000},
        {"name": "b", "value": "2", "domain": "site.test", "path": "/", "httpOnly": true},
    ]);
    let chromium = json!({"cookies": [
        {"name": "a", "value": "1", "domain": ".site.test", "path": "/", "expires": 1.9e9, "size": 2, "httpOnly": false,
         "secure": true, "session": false, "sameSite": "None", "priority": "Medium", "sourcePort": 443},
        {"name": "b", "value": "2", "domain": "site.test", "path": "/", "expires": -1, "size": 2, "httpOnly": true,
         "secure": false, "session": true, "priority": "Medium"},
    ]});
    for text in [
        extension.to_string(),
        selenium.to_string(),
        format!("\u{feff}\n {chromium}"),
    ] {
        assert_eq!(import(&text).unwrap(), want, "{text}");
    }
    let partitioned = json!([{"name": "p", "value": "v", "domain": "h", "path": "/", "secure": true,
        "partitionKey": {"topLevelSite": "https://top.test", "hasCrossSiteAncestor": true}}]);
    let cookie = import(&partitioned.to_string()).unwrap().cookies.remove(0);
    assert_eq!(cookie.partition_key.as_deref(), Some("https://top.test"));
    assert_eq!(cookie.has_cross_site_ancestor, Some(true));

    let txt = "# Netscape HTTP Cookie File\r\n\r\n#HttpOnly_site.test\tFALSE\t/\tFALSE\t\tb\t2\r\nsite.test\tTRUE\t/\tTRUE\t1900000000\ta\t1\r\n";
    let read = import(txt).unwrap();
    assert_eq!(read.cookies[0], want.cookies[1]);
    assert_eq!(
        (read.cookies[1].domain.as_str(), read.cookies[1].expires),
        (".site.test", 1.9e9)
    );
}

#[test]
fn what_cannot_be_read_is_named_by_place_and_never_by_value() {
    for (text, place) in [
        ("", "neither a cookie"),
        ("[]", "neither a cookie"),
        ("hello canary", "neither a storage state"),
        (r#"{"canary":1}"#, "neither a storage state"),
        ("[{\"name\":\"a\",\n\"value\":\"canary\"", "line 2"),
        (
            r#"[{"name":"a","value":"canary","domain":"h"},{"name":"b","value":"canary"}]"#,
            "cookie 2 has no \"domain\"",
        ),
        (
            r#"[{"name":"a","value":"v","domain":"h","sameSite":"canary"}]"#,
            "cookie 1 has a \"sameSite\"",
        ),
        (r#"{"cookies":[],"origins":[{"canary":1}]}"#, "origin 1"),
        (
            "h\tTRUE\t/\tFALSE\t0\ta\tb\nh\tcanary\t/\tFALSE\t0\ta\tb",
            "line 2",
        ),
        ("h\tTRUE\t/\tFALSE\t0\ta\tb\nh canary", "line 2"),
        ("h\tTRUE\t/\tFALSE\tcanary\ta\tb", "line 1"),
    ] {
        let error = import(text).unwrap_err();
        assert!(error.to_string().contains(place), "{text}: {error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[test]
fn what_a_format_has_no_place_for_is_named() {
    let state = state(json!([
        {"name": "tab", "value": "a\tb", "domain": "h.test", "path": "/"},
        {"name": "own", "value": "1", "domain": "app.h.test", "path": "/", "secure": true,
         "partitionKey": "https://h.test", "_crHasCrossSiteAncestor": false},
        {"name": "framed", "value": "2", "domain": "app.h.test", "path": "/", "secure": true,
         "partitionKey": "https://top.test", "_crHasCrossSiteAncestor": false},
    ]));
    let exported = export(&state, Format::Netscape, None, now()).unwrap();
    let named: Vec<_> = exported.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(
        named[0].contains("\"tab\"") && named[1].contains("\"framed\""),
        "{named:?}"
    );
    assert!(exported.text.contains("\town\t1\n"));

    let url: Url = "https://app.h.test/".parse().unwrap();
    let header = export(&state, Format::Header, Some(&url), now()).unwrap();
    assert_eq!(header.text, "own=1\n");
    let one = export(&state, Format::Puppeteer, Some(&url), now()).unwrap();
    assert_eq!(import(&one.text).unwrap().cookies.len(), 1);
    assert_eq!(
        export(&state, Format::Header, None, now()).unwrap_err(),
        FormatError::UrlWanted
    );
    for format in Format::ALL {
        assert_eq!(format.word().parse(), Ok(format));
    }
    assert!("xml".parse::<Format>().is_err());
}

/// A session of HTTP authentication at this origin.
fn http(origin: &str, scheme: &str, password: &str) -> StorageState {
    serde_json::from_value(json!({"jarkeeper": {
        "version": 1, "captured_at": "2026-01-01T00:00:00Z",
        "http": [{"origin": origin, "scheme": scheme, "username": "ada", "password": password}]
    }}))
    .unwrap()
}

#[test]
fn http_authentication_is_a_header_for_its_origin_and_left_out_where_there_are_only_cookies() {
    let basic = http("https://h.test", "basic", "canary");
    let url = |text: &str| Some(text.parse::<Url>().unwrap());
    let header = |state, url: Option<Url>| export(state, Format::Header, url.as_ref(), now());
    let exported = header(&basic, url("https://h.test/x")).unwrap();
    assert_eq!(exported.text, "Authorization: Basic YWRhOmNhbmFyeQ==\n");
    let elsewhere = header(&basic, url("https://h.test:444/")).unwrap_err();
    assert!(matches!(elsewhere, FormatError::Nothing(_)), "{elsewhere}");
    let digest = http("https://h.test", "digest", "canary");
    let error = header(&digest, url("https://h.test/"))
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(error, @"https://h.test takes HTTP Digest authentication, which no header fixed in advance can give; give its username and password to the client (they are in the state file, under jarkeeper.http)");
    for format in [Format::Netscape, Format::Puppeteer, Format::Selenium] {
        let left_out = export(&basic, format, None, now()).unwrap().left_out;
        assert_eq!(left_out.len(), 1, "{format}");
        assert!(!left_out[0].to_string().contains("canary"));
    }
    let kept = text(&basic, Format::StorageState);
    assert_eq!(import(&kept).unwrap(), basic);

    let site = |name: &str| name.parse::<SiteName>().unwrap();
    let other = http("https://h.test", "basic", "canary2");
    let collision = join(&[(site("a"), &basic), (site("b"), &other)]).unwrap_err();
    let told = collision.to_string();
    assert!(
        told.contains("https://h.test") && !told.contains("canary"),
        "{told}"
    );
    assert_eq!(
        join(&[(site("a"), &basic), (site("b"), &basic)]).unwrap(),
        basic
    );
    let two = join(&[
        (site("a"), &basic),
        (site("b"), &http("https://i.test", "basic", "x")),
    ]);
    assert_eq!(two.unwrap().http().len(), 2);
}

#[test]
fn states_are_joined_and_a_cookie_of_two_sites_is_named_with_both() {
    let site = |name: &str| name.parse::<SiteName>().unwrap();
    let cookie = |name: &str, domain: &str, value: &str| {
        state(json!([{"name": name, "value": value, "domain": domain, "path": "/"}]))
    };
    let (git, shop) = (
        cookie("PHPSESSID", "git.test", "1"),
        cookie("PHPSESSID", "shop.test", "2"),
    );
    let joined = join(&[(site("git"), &git), (site("shop"), &shop)]).unwrap();
    assert_eq!(joined.cookies, [git.cookies.clone(), shop.cookies].concat());

    let forum = cookie("PHPSESSID", "git.test", "3");
    let collision = join(&[(site("git"), &git), (site("forum"), &forum)]).unwrap_err();
    assert_eq!(
        collision.key,
        Key::Cookie {
            name: "PHPSESSID".into(),
            domain: "git.test".into(),
            path: "/".into()
        }
    );
    let text = collision.to_string();
    for part in ["git and forum", "PHPSESSID", "git.test"] {
        assert!(text.contains(part), "{text}");
    }
    // The same cookie from both is no collision.
    assert_eq!(
        join(&[(site("git"), &git), (site("twin"), &git)])
            .unwrap()
            .cookies
            .len(),
        1
    );

    let storage = |value: &str| -> StorageState {
        serde_json::from_value(json!({"origins": [
            {"origin": "https://idp.test", "localStorage": [{"name": "token", "value": value}]}
        ]}))
        .unwrap()
    };
    let (a, b) = (storage("canary1"), storage("canary2"));
    let collision = join(&[(site("a"), &a), (site("b"), &b)])
        .unwrap_err()
        .to_string();
    assert!(
        collision.contains("token") && !collision.contains("canary"),
        "{collision}"
    );
    assert_eq!(join(&[(site("a"), &a), (site("b"), &a)]).unwrap(), a);
}
