//! The gate: which requests are ours to answer at all, told by `Host`, `Origin` and `Sec-Fetch-Site`.
//!
//! A page of another site can send requests to this machine from its owner's browser, and by a name that it points here (DNS
//! rebinding) it could read the answers. Neither gets as far as a handler.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use url::Url;

use super::{Peer, Problem};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Pages to which another site may send a person: they change nothing before the person has agreed.
const PAGES: &[&str] = &[
    "/docs",
    "/device",
    "/oauth/authorize",
    "/sign-in",
    "/sign-in/callback",
];

/// Where a listener may be reached, and so what its callers may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gate {
    /// Every `Host` that is ours.
    hosts: Vec<String>,
    /// Every `Origin` that is ours.
    origins: Vec<String>,
    /// Addresses whose `X-Forwarded-For` is believed.
    proxies: Vec<IpAddr>,
    /// Where clients are told that we are, if that is not simply where they ask.
    public: Option<String>,
    /// Whether it speaks TLS.
    pub(super) tls: bool,
}

impl Gate {
    /// Of a listener at an address.
    pub(super) fn network(
        at: SocketAddr,
        tls: bool,
        public: Option<&Url>,
        proxies: &[IpAddr],
    ) -> Self {
        let (scheme, usual) = if tls { ("https", 443) } else { ("http", 80) };
        let mut names = Vec::new();
        if !at.ip().is_unspecified() {
            names.push(match at.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
        } else if at.is_ipv4() {
            names.push("127.0.0.1".to_owned());
        } else {
            names.extend(["[::1]".to_owned(), "127.0.0.1".to_owned()]);
        }
        if at.ip().is_loopback() || at.ip().is_unspecified() {
            names.push("localhost".to_owned());
        }
        let mut hosts = Vec::new();
        for name in names {
            hosts.push(format!("{name}:{}", at.port()));
            if at.port() == usual {
                hosts.push(name);
            }
        }
        let origin = |host: &String| format!("{scheme}://{host}");
        let mut origins: Vec<_> = hosts.iter().map(origin).collect();
        if let Some(public) = public {
            let host = public.host_str().unwrap_or_default();
            if let Some(port) = public.port_or_known_default() {
                hosts.push(format!("{host}:{port}"));
            }
            if public.port().is_none() {
                hosts.push(host.to_owned());
            }
            origins.push(public.origin().ascii_serialization());
        }
        Self {
            hosts,
            origins,
            proxies: proxies.to_vec(),
            public: public.map(|public| public.origin().ascii_serialization()),
            tls,
        }
    }

    /// Of the socket, which no browser reaches.
    pub(super) fn socket(public: Option<&Url>) -> Self {
        Self {
            hosts: vec!["localhost".to_owned()],
            origins: Vec::new(),
            proxies: Vec::new(),
            public: public.map(|public| public.origin().ascii_serialization()),
            tls: false,
        }
    }

    /// Lets a request through, or says why not. `key`: whether its query held a key.
    pub(super) fn admit(&self, request: &Request, key: bool) -> Result<(), Problem> {
        if request.version() != Version::HTTP_11 {
            let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            let detail = "only HTTP/1.1 is spoken here; of nginx: proxy_http_version 1.1";
            return Err(Problem::new(
                status,
                "http-version",
                "Not this version",
                detail,
            ));
        }
        let uri = request.uri();
        if uri.scheme().is_some() || uri.authority().is_some() || !uri.path().starts_with('/') {
            return Err(Problem::bad_request(
                "the request line must hold a path alone, like GET /v1/sites: no proxy is spoken to here",
            ));
        }
        let headers = request.headers();
        let host = one(headers, &HOST)
            .map_err(|()| Problem::bad_request("Host is there twice"))?
            .ok_or_else(|| Problem::bad_request("Host is missing"))?;
        if !self.hosts.iter().any(|own| host.eq_ignore_ascii_case(own)) {
            let own = self.hosts.join(", ");
            return Err(refused(
                "foreign-host",
                format!(
                    "this daemon does not answer to that Host, but to {own}; [api] public_url adds one"
                ),
            ));
        }
        let site = one(headers, &SEC_FETCH_SITE);
        let ours = matches!(site, Ok(None | Some("same-origin" | "none")));
        match one(headers, &ORIGIN) {
            Ok(None) => {}
            Ok(Some(origin)) if self.origins.iter().any(|own| own == origin) => {}
            // A form of our own pages, which tell nobody where they are. No script can write Sec-Fetch-Site.
            Ok(Some("null")) if site == Ok(Some("same-origin")) => {}
            _ => {
                return Err(refused(
                    "foreign-origin",
                    "this request comes from a page of another site; programs send no Origin",
                ));
            }
        }
        if !ours && (key || !visits_a_page(request)) {
            return Err(refused(
                "foreign-site",
                "this request was made by a page of another site (Sec-Fetch-Site)",
            ));
        }
        Ok(())
    }

    /// Who really calls: behind a configured proxy the nearest address that is none, else the peer itself.
    pub(super) fn caller(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        let Peer::Tcp(address) = peer else {
            return peer;
        };
        if !self.proxies.contains(&canonical(address.ip())) {
            return peer;
        }
        let said = headers.get_all(X_FORWARDED_FOR).iter();
        let said: Vec<&str> = said
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .collect();
        // Each proxy adds what it has seen at the end. What stands before the first stranger, the stranger may have made up.
        for word in said.iter().rev() {
            let Ok(ip) = word.trim().parse::<IpAddr>() else {
                break;
            };
            if !self.proxies.contains(&canonical(ip)) {
                return Peer::Tcp(SocketAddr::new(ip, 0));
            }
        }
        peer
    }

    /// Where clients find us, without a slash at its end: the public URL, else where this request was sent.
    pub(super) fn base(&self, headers: &HeaderMap) -> String {
        if let Some(public) = &self.public {
            return public.clone();
        }
        let scheme = if self.tls { "https" } else { "http" };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        format!("{scheme}://{}", host.unwrap_or("localhost"))
    }
}

/// An IPv4 address that came in over IPv6 is the same address.
pub(super) fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

fn refused(word: &str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, word, "Not from here", detail)
}

/// The only value of a header.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => HeaderValue::to_str(value).map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// Whether a person is sent to one of our pages, in a window of its own.
fn visits_a_page(request: &Request) -> bool {
    let is = |name: &HeaderName, value: &str| one(request.headers(), name) == Ok(Some(value));
    request.method() == Method::GET
        && is(&SEC_FETCH_MODE, "navigate")
        && is(&SEC_FETCH_DEST, "document")
        && PAGES.contains(&request.uri().path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        let public = Url::parse("https://jar.example/").unwrap();
        let proxies = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        Gate::network(
            "127.0.0.1:8376".parse().unwrap(),
            false,
            Some(&public),
            &proxies,
        )
    }

    #[test]
    fn hosts_are_those_of_the_listener_and_the_public_one() {
        assert_eq!(
            gate().hosts,
            [
                "127.0.0.1:8376",
                "localhost:8376",
                "jar.example:443",
                "jar.example"
            ]
        );
        assert_eq!(
            gate().origins,
            [
                "http://127.0.0.1:8376",
                "http://localhost:8376",
                "https://jar.example"
            ]
        );
        let six = Gate::network("[::1]:443".parse().unwrap(), true, None, &[]);
        assert_eq!(
            six.hosts,
            ["[::1]:443", "[::1]", "localhost:443", "localhost"]
        );
        let off = Gate::network("192.0.2.7:1".parse().unwrap(), true, None, &[]);
        assert_eq!(off.hosts, ["192.0.2.7:1"]);
    }

    #[test]
    fn forwarded_addresses_are_believed_of_proxies_alone() {
        let from = |peer: &str, said: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for one in said {
                headers.append(X_FORWARDED_FOR, HeaderValue::from_static(one));
            }
            let peer = Peer::Tcp(SocketAddr::new(peer.parse().unwrap(), 5));
            match gate().caller(peer, &headers) {
                Peer::Tcp(address) => address.ip().to_string(),
                Peer::Socket { .. } => unreachable!(),
            }
        };
        assert_eq!(from("192.0.2.9", &["1.1.1.1"]), "192.0.2.9");
        assert_eq!(from("10.0.0.1", &["1.1.1.1"]), "1.1.1.1");
        assert_eq!(from("10.0.0.1", &["1.1.1.1, 2.2.2.2"]), "2.2.2.2");
        assert_eq!(
            from("10.0.0.1", &["1.1.1.1", "2.2.2.2, 10.0.0.2"]),
            "2.2.2.2"
        );
        assert_eq!(from("10.0.0.1", &["1.1.1.1, nonsense"]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn another_site_may_send_a_person_to_a_page_and_do_nothing_else() {
        let asked = |method: Method, path: &str, headers: &[(&HeaderName, &str)]| {
            let mut request = Request::builder().method(method).uri(path);
            request = request.header(HOST, "localhost:8376");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(axum::body::Body::empty()).unwrap();
            gate().admit(&request, false).is_ok()
        };
        let visit = [
            (&SEC_FETCH_SITE, "cross-site"),
            (&SEC_FETCH_MODE, "navigate"),
            (&SEC_FETCH_DEST, "document"),
        ];
        assert!(asked(Method::GET, "/oauth/authorize?client_id=x", &visit));
        assert!(!asked(Method::POST, "/oauth/authorize", &visit));
        assert!(!asked(Method::GET, "/v1/sites", &visit));
        let framed = [visit[0], visit[1], (&SEC_FETCH_DEST, "iframe")];
        assert!(!asked(Method::GET, "/oauth/authorize", &framed));
        assert!(!asked(
            Method::GET,
            "/sign-in",
            &[(&SEC_FETCH_SITE, "same-site")]
        ));
        let own_form = [(&ORIGIN, "null"), (&SEC_FETCH_SITE, "same-origin")];
        assert!(asked(Method::POST, "/oauth/authorize", &own_form));
        assert!(!asked(
            Method::POST,
            "/oauth/authorize",
            &[(&ORIGIN, "null")]
        ));
        let twice = [
            (&ORIGIN, "http://localhost:8376"),
            (&ORIGIN, "http://localhost:8376"),
        ];
        assert!(!asked(Method::GET, "/v1/sites", &twice));
        assert!(asked(Method::GET, "/v1/sites", &twice[..1]));
    }
}
