//! A name for a site that has none yet, from its address.

use url::{Host, Url};

use crate::ids::SiteName;

/// First labels that say what a host is for and not whose it is.
const GENERIC: &[&str] = &[
    "www", "login", "signin", "auth", "sso", "id", "idp", "account", "accounts", "my", "app",
    "web", "portal", "secure", "m",
];

/// The telling label of the URL's host, with the port where only that tells sites apart; made one by a number where the
/// name is `taken`.
pub fn name_for(url: &Url, taken: impl Fn(&SiteName) -> bool) -> Option<SiteName> {
    let host = url.host()?;
    let mut name = match &host {
        Host::Domain(domain) => {
            let labels: Vec<&str> = domain.split('.').collect();
            let (last, before) = labels.split_last()?;
            let telling = before.iter().find(|label| !GENERIC.contains(label));
            (*telling.unwrap_or(before.first().unwrap_or(last))).to_owned()
        }
        Host::Ipv4(_) | Host::Ipv6(_) if loopback(&host) => "localhost".to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    if let Some(port) = url.port().filter(|_| loopback(&host)) {
        name = format!("{name}-{port}");
    }
    let name: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(60)
        .collect();
    let name = name.trim_start_matches('-');
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        // "all" means every site.
        .filter(|name| name != "all")
        .map_while(|name| name.parse().ok())
        .find(|name| !taken(name))
}

fn loopback<T: AsRef<str>>(host: &Host<T>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.as_ref();
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_named_after_the_label_that_tells() {
        let name = |url: &str| {
            name_for(&url.parse().unwrap(), |_| false)
                .unwrap()
                .to_string()
        };
        for (url, wanted) in [
            ("https://wiki.example.org/login", "wiki"),
            ("https://www.example.co.uk/", "example"),
            ("https://login.example.org/", "example"),
            ("https://accounts.my.example.org/", "example"),
            ("https://git_hub.example.org/", "git-hub"),
            ("https://example.org:8443/", "example"),
            ("http://127.0.0.1:8801/", "localhost-8801"),
            ("http://[::1]:8801/", "localhost-8801"),
            ("http://localhost:3000/", "localhost-3000"),
            ("http://dev.localhost/", "dev"),
            ("http://intranet/", "intranet"),
            ("http://192.168.1.4:8080/", "192-168-1-4"),
            ("https://all.example.org/", "all-2"),
            ("https://bücher.example/", "xn--bcher-kva"),
        ] {
            assert_eq!(name(url), wanted, "{url}");
        }
        let taken = |name: &SiteName| ["wiki", "wiki-2"].contains(&name.as_str());
        let url = "https://wiki.example.org".parse().unwrap();
        assert_eq!(name_for(&url, taken).unwrap().as_str(), "wiki-3");
    }
}
