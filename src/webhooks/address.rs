//! Where a webhook may lead: out into the world over TLS, or to this machine itself.
//!
//! A local job is the usual receiver, so a URL that names the loopback may be called. Every other URL must lead to addresses
//! that the whole world can reach: one into a private network would let whoever sets a webhook, or whoever answers for a
//! name, have the daemon knock at doors that only it can reach. Names are looked up for each connection, and only what was
//! found good is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Longest URL of a webhook, in bytes.
const LONGEST: usize = 2048;

/// A place that may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// This machine.
    Here,
    /// Anywhere that the whole world reaches.
    World,
}

/// Where a URL leads, as far as it says so itself.
///
/// # Errors
/// Why it may not be called, and the way out.
pub(super) fn place(url: &Url) -> Result<Place, &'static str> {
    if url.as_str().len() > LONGEST {
        return Err("the URL is longer than 2048 bytes");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL must hold no username and no password; deliveries are signed");
    }
    let place = match url.host() {
        None => return Err("the URL has no host"),
        Some(Host::Domain(name)) => match is_local_name(name) {
            true => Place::Here,
            false => Place::World,
        },
        Some(Host::Ipv4(ip)) => of_address(IpAddr::V4(ip))?,
        Some(Host::Ipv6(ip)) => of_address(IpAddr::V6(ip))?,
    };
    match (url.scheme(), place) {
        ("https", _) | ("http", Place::Here) => Ok(place),
        _ => Err("the URL must be https; http is only for this machine itself"),
    }
}

fn of_address(ip: IpAddr) -> Result<Place, &'static str> {
    let ip = ip.to_canonical();
    if ip.is_loopback() {
        return Ok(Place::Here);
    }
    match is_global(ip) {
        true => Ok(Place::World),
        false => Err("the URL leads into a private or reserved network"),
    }
}

/// RFC 6761 section 6.3.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether the whole world reaches an address. Source: the IANA registries of special-purpose addresses (RFC 6890).
fn is_global(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || matches!(
            (a, b, c),
            (0 | 224.., _, _)
                | (100, 64..=127, _)
                | (192, 0, 0)
                | (192, 88, 99)
                | (198, 18 | 19, _)
        );
    !special
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // Global unicast is 2000::/3, without what is assigned to protocols (Teredo among them), documentation and 6to4, in
    // which a private IPv4 address may hide.
    let special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || a >> 4 == 0x3ff;
    a >> 13 == 1 && !special
}

/// Looks names up, and gives only what may be called.
pub(super) struct Lookup(pub(super) Place);

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let place = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = match place {
                // Not asked of anybody: what else answers for this name is not this machine.
                Place::Here if is_local_name(name.as_str()) => {
                    [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]
                        .map(|ip| SocketAddr::new(ip, 0))
                        .to_vec()
                }
                Place::Here => Vec::new(),
                Place::World => tokio::net::lookup_host((name.as_str(), 0))
                    .await?
                    .filter(|address| is_global(address.ip()))
                    .collect(),
            };
            match found.is_empty() {
                true => Err("the name leads to no address that may be called".into()),
                false => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<Place, &'static str> {
        place(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_webhook_leads_here_or_into_the_world_and_nowhere_between() {
        for here in [
            "http://127.0.0.1:9/x",
            "http://localhost:9/x",
            "https://job.localhost./",
            "http://[::1]:9/",
            // Other spellings of the same.
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert_eq!(of(here), Ok(Place::Here), "{here}");
        }
        for world in [
            "https://example.com/hook",
            "https://93.184.215.14/",
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
            "https://localhost.example.com/",
            "https://notlocalhost/",
        ] {
            assert_eq!(of(world), Ok(Place::World), "{world}");
        }
        for nowhere in [
            "http://example.com/",
            "ftp://127.0.0.1/",
            "https://user:pw@example.com/",
            "https://user@127.0.0.1/",
            "https://10.0.0.1/",
            "https://172.16.9.9/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://0/",
            "https://192.0.0.8/",
            "https://198.18.0.1/",
            "https://198.51.100.7/",
            "https://224.0.0.1/",
            "https://240.0.0.1/",
            "https://255.255.255.255/",
            "https://0x0a000001/",
            "https://012.0.0.1/",
            "https://167772161/",
            "https://[::]/",
            "https://[fe80::1]/",
            "https://[fc00::1]/",
            "https://[ff02::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[::10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[64:ff9b:1::1]/",
            "https://[2002:a00:1::]/",
            "https://[2001:0:1::]/",
            "https://[2001:db8::1]/",
            "https://[3fff::1]/",
            "https://[5f00::1]/",
        ] {
            assert!(of(nowhere).is_err(), "{nowhere}");
        }
        assert!(of(&format!("https://example.com/{}", "a".repeat(2048))).is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_here_is_not_called_as_one_of_the_world() {
        let ask = |place, name: &str| Lookup(place).resolve(name.parse().unwrap());
        assert!(ask(Place::World, "localhost").await.is_err());
        assert!(ask(Place::Here, "example.com").await.is_err());
        let here: Vec<_> = ask(Place::Here, "localhost").await.unwrap().collect();
        assert!(!here.is_empty() && here.iter().all(|address| address.ip().is_loopback()));
    }
}
