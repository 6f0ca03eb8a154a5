//! HTTPS, and off loopback nothing else.

use std::path::Path;
use std::process::Command;

use reqwest::{Certificate, Client, Method};

use crate::api::{configure, key};
use crate::support::Api;
use crate::support::process::{Root, eventually};
use crate::support::raw::port;

/// A certificate for `localhost` that vouches for itself, and its key, under these names.
fn certificate(root: &Path, name: &str) -> Certificate {
    let (cert, key) = (
        root.join(format!("{name}.pem")),
        root.join(format!("{name}.key")),
    );
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .expect("the tests need openssl");
    assert!(made.status.success(), "{made:?}");
    Certificate::from_pem(&std::fs::read(&cert).unwrap()).unwrap()
}

/// One that trusts this certificate alone, and makes a new connection for every call.
fn trusting(certificate: &Certificate) -> Client {
    Client::builder()
        .no_proxy()
        .tls_certs_only([certificate.clone()])
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_certificate_is_taken_up_anew_and_plain_http_is_not_spoken() {
    let root = Root::new();
    let first = certificate(root.path(), "one");
    configure(&root, "tls = { cert = 'one.pem', key = 'one.key' }");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "read").await;
    let url = format!("https://localhost:{}/v1/sites", port(&api));
    let ask = |trusted: &Certificate| trusting(trusted).get(&url).bearer_auth(&key).send();
    let answer = ask(&first).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    let challenge = trusting(&first).get(&url).send().await.unwrap();
    let challenge = challenge.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        challenge.contains("resource_metadata=\"https://localhost:"),
        "{challenge}"
    );
    assert!(api.call(Method::GET, "/v1/sites").send().await.is_err());

    // A broken one changes nothing, and is told.
    std::fs::write(root.path().join("one.pem"), "nonsense").unwrap();
    daemon.hears("the certificate before it stays in force");
    assert_eq!(ask(&first).await.unwrap().status(), 200);

    let second = certificate(root.path(), "two");
    for end in ["pem", "key"] {
        let at = |name: &str| root.path().join(format!("{name}.{end}"));
        std::fs::rename(at("two"), at("one")).unwrap();
    }
    daemon.hears("a new certificate is in force");
    let handle = tokio::runtime::Handle::current();
    let (url, key) = (url.clone(), key.clone());
    tokio::task::spawn_blocking(move || {
        eventually("the new certificate is shown", || {
            let answer = trusting(&second).get(&url).bearer_auth(&key).send();
            handle.block_on(answer).ok().filter(|a| a.status() == 200)
        });
    })
    .await
    .unwrap();
    assert!(ask(&first).await.is_err());
}

#[test]
fn off_loopback_the_daemon_does_not_start_without_a_certificate() {
    let root = Root::new();
    for (listen, tls, said) in [
        ("0.0.0.0:0", None, "give a certificate with [api] tls"),
        ("[::]:0", None, "give a certificate with [api] tls"),
        (
            "127.0.0.1:0",
            Some("tls = { cert = 'no.pem', key = 'no.key' }"),
            "no.pem cannot be read",
        ),
    ] {
        root.env("JARKEEPER_API__LISTEN", listen);
        if let Some(tls) = tls {
            configure(&root, tls);
        }
        let ended = root.run(&["serve"]);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        assert!(ended.err.contains(said), "{ended:?}");
    }
}
