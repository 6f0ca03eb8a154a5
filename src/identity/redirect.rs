//! Redirect URIs: which may be registered, and which one a request may name.

use url::{Host, Url};

/// Longest redirect URI, in bytes.
const LONGEST: usize = 2048;

/// Why a redirect URI cannot be registered; `None`: it can.
///
/// Source: RFC 6749 section 3.1.2, RFC 8252 section 7 and 8.4.
pub(super) fn fault(uri: &str) -> Option<&'static str> {
    if uri.len() > LONGEST {
        return Some("is longer than 2048 bytes");
    }
    if uri.contains(|c: char| !c.is_ascii_graphic() || "\"<>\\^`{|}#".contains(c)) {
        return Some("holds a fragment, or a character that no redirect URI has");
    }
    let Ok(parsed) = Url::parse(uri) else {
        return Some("is not an absolute URI");
    };
    if !parsed.username().is_empty() || parsed.password().is_some() || authority(uri).contains('@')
    {
        return Some("holds a username");
    }
    match (parsed.scheme(), parsed.host()) {
        ("https", Some(Host::Domain(name))) if !plain(name) => Some("has a host that is no name"),
        ("https", Some(_)) => None,
        ("http", Some(host)) if is_loopback(&host) => None,
        ("http" | "https", _) => {
            Some("must be https, or http to 127.0.0.1, [::1] or localhost with its port")
        }
        (scheme, _) if !scheme.contains('.') => {
            Some("has a scheme that is no reversed domain name, such as com.example.app")
        }
        (_, Some(_)) => Some("has a host, which a scheme of a program's own has not"),
        (_, None) => None,
    }
}

/// Whether a request may name `given` where `registered` was registered: the same text; and for a loopback address in
/// figures any port, because programs take the one that is free.
///
/// Source: RFC 6749 section 3.1.2.3, RFC 8252 section 7.3, RFC 9700 section 2.1.
pub(super) fn matches(registered: &str, given: &str) -> bool {
    if registered == given {
        return true;
    }
    match (without_port(registered), without_port(given)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Whether what is sent there goes to a listener on this machine, and so to a host that the daemon's own cookies go to as
/// well: cookies know no ports.
pub(super) fn stays_here(uri: &str) -> bool {
    uri.starts_with("http://")
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => *address == std::net::Ipv4Addr::LOCALHOST,
        Host::Ipv6(address) => *address == std::net::Ipv6Addr::LOCALHOST,
    }
}

/// A name that can stand in a header and in a page without being anything else.
fn plain(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

fn authority(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

/// The two parts around the port of a loopback address in figures, exactly as it is written.
fn without_port(uri: &str) -> Option<(&'static str, &str)> {
    let hosts = ["http://127.0.0.1", "http://[::1]"];
    let (host, rest) = hosts
        .into_iter()
        .find_map(|host| Some((host, uri.strip_prefix(host)?)))?;
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let port: u16 = rest[..digits].parse().ok()?;
            // A figure with a zero before it is another way to write it, and there is only one.
            if port == 0 || rest.starts_with('0') {
                return None;
            }
            &rest[digits..]
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://app.example/callback?x=1",
            "http://127.0.0.1/cb",
            "http://[::1]:7777/",
            "http://localhost:3334/oauth/callback",
            "com.example.app:/cb",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "http://app.example/cb",
            "http://127.0.0.2/cb",
            "http://localhost.evil.test/cb",
            "http://127.0.0.1@evil.test/cb",
            "http://@127.0.0.1/cb",
            "https://user@app.example/cb",
            "https://app.example/cb#f",
            "https://app.example/cb#",
            "https://a;b.example/cb",
            "https://a,b.example/",
            "/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "com.example.app://host/cb",
            "https://app.example/a b",
            "https://app.example/\u{e9}",
            "https:\\\\app.example/cb",
            "",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
        assert!(fault(&format!("https://app.example/{}", "x".repeat(2048))).is_some());
    }

    #[test]
    fn what_a_request_may_not_name() {
        let registered = "http://127.0.0.1:7777/cb";
        for other in [
            "http://127.0.0.1:7777/cb/",
            "http://127.0.0.1:7777/Cb",
            "HTTP://127.0.0.1:7777/cb",
            "https://127.0.0.1:7777/cb",
            "http://127.0.0.1:7777/cb?",
            "http://127.0.0.1:7777/cb#",
            "http://127.0.0.1:7777%2Fcb",
            "http://127.0.0.1:7777/%63b",
            "http://127.0.0.1:7777/x/../cb",
            "http://localhost:7777/cb",
            "http://[::1]:7777/cb",
            "http://127.0.0.1:7777@evil.test/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:07777/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1.evil.test/cb",
            "http://127.0.0.1:7777.evil.test/cb",
            "http://user@127.0.0.1:7777/cb",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
        assert!(matches(registered, "http://127.0.0.1/cb"));
        assert!(!matches("https://a.example/cb", "https://a.example:443/cb"));
        assert!(!matches("http://localhost:1/cb", "http://localhost:2/cb"));
    }

    proptest! {
        #[test]
        fn a_loopback_address_matches_at_any_port(port in 1..=u16::MAX, other in 1..=u16::MAX, path in "(/[a-z0-9]{0,5}){0,3}") {
            for host in ["127.0.0.1", "[::1]"] {
                let registered = format!("http://{host}:{port}{path}");
                let given = format!("http://{host}:{other}{path}");
                prop_assert!(fault(&registered).is_none());
                prop_assert!(matches(&registered, &given));
            }
        }

        #[test]
        fn one_changed_character_outside_the_port_never_matches(at in 0..40_usize, with in "[!-~]", how in 0..3_usize) {
            let registered = "https://app.example/callback?of=jarkeeper";
            let at = at % registered.len();
            let mut given: Vec<char> = registered.chars().collect();
            let with = with.chars().next().unwrap();
            match how {
                0 => drop(std::mem::replace(&mut given[at], with)),
                1 => given.insert(at, with),
                _ => drop(given.remove(at)),
            }
            let given: String = given.into_iter().collect();
            prop_assert_eq!(matches(registered, &given), registered == given);
        }

        #[test]
        fn what_matches_leads_to_the_same_host_and_path(given in "http://(127\\.0\\.0\\.1|\\[::1\\])[!-~]{0,12}") {
            let registered = "http://127.0.0.1:7777/cb";
            if matches(registered, &given) {
                let parsed = Url::parse(&given).unwrap();
                prop_assert_eq!(parsed.host_str(), Some("127.0.0.1"));
                prop_assert_eq!((parsed.path(), parsed.query(), parsed.fragment()), ("/cb", None, None));
                prop_assert!(parsed.username().is_empty());
            }
        }
    }
}
