//! `jarkeeper explain`: what it tells of a page, and the picture.

use std::os::unix::fs::PermissionsExt;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use insta::assert_snapshot;

use crate::support::process::{Ended, Root};

/// Pages on loopback, until it is dropped.
struct Pages {
    base: String,
    _runtime: tokio::runtime::Runtime,
}

impl Pages {
    fn serve(pages: &[(&'static str, &'static str)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut router = Router::new();
        for (path, body) in pages {
            let html = format!("<!doctype html><meta charset=utf-8>{body}");
            router = router.route(path, get(async move || Html(html)));
        }
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            base,
            _runtime: runtime,
        }
    }

    fn explained(&self, root: &Root, path: &str) -> (Ended, String) {
        let url = format!("{}{path}", self.base);
        let picture = root.path().join("seen.png");
        let ended = root.run(&["explain", &url, "--picture", picture.to_str().unwrap()]);
        let said = ended.said(root);
        (ended, said)
    }
}

const BUSY: &str = r#"<title>Example</title>
<form role=search action=/search><input name=q placeholder=Search><button>Search</button></form>
<form action=/login><h2>Sign in</h2>
<label>E-mail <input name=email type=email></label>
<div style="position:absolute;left:-9999px"><input name=username></div>
<label>Password <input name=pw type=password></label>
<label><input type=checkbox name=remember> Remember me</label>
<button type=button>Show password</button><button>Sign in</button><a href=/forgot>Forgot password?</a></form>
<form action=/register><h2>New here?</h2><label>E-mail <input name=mail></label>
<label>Password <input name=p1 type=password></label><label>Repeat password <input name=p2 type=password></label>
<button>Create account</button></form>"#;

const CLOSED: &str = r#"<h1>Welcome</h1><div id=outer></div><script>
const outer = document.getElementById('outer').attachShadow({ mode: 'closed' });
outer.innerHTML = '<section><x-inner></x-inner></section>';
customElements.define('x-inner', class extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: 'closed' }).innerHTML =
      '<form><input name=user placeholder="User name"><input type=password placeholder=Password><button>Log in</button></form>';
  }
});
</script>"#;

const REGISTRATION: &str = r#"<h1>Create your account</h1><form><label>First name <input name=first></label>
<label>E-mail <input type=email name=email></label><label>Password <input type=password autocomplete=new-password></label>
<label><input type=checkbox> I agree to the terms</label><button>Continue</button></form><a href=/login>Sign in</a>"#;

#[test]
fn it_tells_what_it_would_fill_and_what_it_leaves_alone() {
    let pages = Pages::serve(&[("/", BUSY)]);
    let root = Root::new();
    let (ended, said) = pages.explained(&root, "/");
    assert_eq!(ended.code, Some(0), "{said}");
    assert_snapshot!(said, @r#"
    http://127.0.0.1:PORT/
      + username   email field "E-mail" [name=email]: it is called as username fields are
      + password   password field "Password" [name=pw]: the only visible password field of its form, and its form is a login: its button says to sign in, a box to stay signed in, a way out for a forgotten password
      + button     button "Sign in": the button in the form that says to sign in: "Sign in"
      - left alone password field "Password" [name=p1]: 2 passwords in one form, 1 of them to be made up: a registration or a change
      - left alone password field "Repeat password" [name=p2]: 2 passwords in one form, 1 of them to be made up: a registration or a change
      - left alone text field [name=username]: it is hidden: a trap, or not for now
    picture: ROOT/seen.png
    "#);
    let picture = root.path().join("seen.png");
    let bytes = std::fs::read(&picture).unwrap();
    assert!(bytes.starts_with(b"\x89PNG"));
    let mode = std::fs::metadata(&picture).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn it_looks_into_closed_shadow_roots_inside_each_other() {
    let pages = Pages::serve(&[("/", CLOSED)]);
    let root = Root::new();
    let (_, said) = pages.explained(&root, "/");
    assert_snapshot!(said, @r#"
    http://127.0.0.1:PORT/
      + username   text field "User name" [name=user]: it is called as username fields are
      + password   password field "Password": the only visible password field of its form, and its form is a login: its button says to sign in
      + button     button "Log in": the button in the form that says to sign in: "Log in"
    picture: ROOT/seen.png
    "#);
}

#[test]
fn a_registration_is_left_alone_and_the_way_to_the_login_is_told() {
    let pages = Pages::serve(&[("/", REGISTRATION)]);
    let root = Root::new();
    let (_, said) = pages.explained(&root, "/");
    assert_snapshot!(said, @r#"
    http://127.0.0.1:PORT/
      + trigger    link "Sign in": there is no form, and this says that it brings one
      - left alone password field "Password": more speaks for a registration than for a login: autocomplete names a new password, it asks for "First name", a box to agree to terms or letters
      - left alone email field "E-mail" [name=email]: its form has a password that is not to be filled
    picture: ROOT/seen.png
    "#);
}

#[test]
fn json_has_the_same_for_scripts() {
    let pages = Pages::serve(&[("/", BUSY)]);
    let root = Root::new();
    let picture = root.path().join("seen.png");
    let url = format!("{}/", pages.base);
    let ended = root.run(&[
        "--json",
        "explain",
        &url,
        "--picture",
        picture.to_str().unwrap(),
    ]);
    let told = ended.json();
    let parts: Vec<_> = told["frames"][0]["does"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["part"].as_str().unwrap())
        .collect();
    assert_eq!(parts, ["username", "password", "button"]);
    assert!(told["picture"].as_str().unwrap().ends_with("seen.png"));
}

#[test]
fn what_is_no_page_is_a_clear_error() {
    let root = Root::new();
    let no_url = root.run(&["explain", "example.com"]);
    assert_eq!(no_url.code, Some(2));
    assert_snapshot!(no_url.said(&root), @r#"jarkeeper: "example.com" is no URL: relative URL without a base; write it as https://example.com/login"#);
    let scheme = root.run(&["explain", "ftp://example.com/"]);
    assert_snapshot!(scheme.said(&root), @r#"jarkeeper: "ftp://example.com/" is no page of a site: ftp is neither http nor https"#);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gone = root.run(&["explain", &format!("http://{address}/")]);
    assert_snapshot!(gone.said(&root), @r#"jarkeeper: site_down: http://127.0.0.1:PORT/ could not be loaded: net::ERR_CONNECTION_REFUSED"#);
}
