//! Every kind of step and of locator, on one form that wants them all.

use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use jarkeeper::failure::FailureClass;
use jarkeeper::renewal::How;

use crate::support::{Keeper, run};

type Received = Arc<Mutex<Vec<(String, String)>>>;

const FORM: &str = "<!doctype html><title>Sign in</title>
<p>Welcome</p><button type=button onclick=\"document.querySelector('form').hidden = false\">Use a password</button>
<form method=post action=/in hidden>
  <label>Realm <select name=realm><option value=a>Staff</option><option value=b>Guests</option></select></label>
  <input name=user placeholder='Your name'><input name=user2 placeholder='Your name'>
  <input name=pass type=password data-testid=secret>
  <label><input type=checkbox name=agree value=yes> I agree</label>
  <label><input type=checkbox name=stay value=yes checked> Stay signed in</label>
  <span id=go onclick=\"this.closest('form').submit()\">Enter the house</span>
</form>";

async fn serve(received: Received) -> String {
    let home = |headers: HeaderMap| async move {
        let known = headers
            .get(COOKIE)
            .and_then(|c| c.to_str().ok())
            .is_some_and(|c| c.contains("in=1"));
        match known {
            true => Html("<h1>House</h1>").into_response(),
            false => (StatusCode::SEE_OTHER, [(LOCATION, "/login")]).into_response(),
        }
    };
    let enter = |State(received): State<Received>, Form(form): Form<Vec<(String, String)>>| async move {
        *received.lock().unwrap() = form;
        (
            StatusCode::SEE_OTHER,
            [(LOCATION, "/"), (SET_COOKIE, "in=1; HttpOnly")],
        )
            .into_response()
    };
    let frame = || async { Html("<title>Sign in</title><iframe src=/form title=Door></iframe>") };
    let form = || async { Html(FORM).into_response() as Response };
    let app = axum::Router::new()
        .route("/", get(home))
        .route("/login", get(form))
        .route("/framed", get(frame))
        .route(
            "/form",
            get(|| async { Html(FORM.replace("<form ", "<form target=_top ")) }),
        )
        .route("/in", axum::routing::post(enter))
        .with_state(received);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

fn recipe(base: &str, path: &str, first: &str) -> String {
    format!(
        r#"
url = "{base}{path}"
username = "ann"
password = {{ env = "PASSWORD" }}
steps = [
  {first}
  {{ click = {{ role = "button", name = "use a password" }} }},
  {{ select = {{ label = "Realm" }}, with = "Guests" }},
  {{ fill = {{ placeholder = "Your name", nth = 1 }}, with = "{{username}}" }},
  {{ fill = {{ testid = "secret" }}, with = "{{password}}" }},
  {{ check = {{ label = "I agree" }} }},
  {{ check = "[name=stay]" }},
  {{ click = {{ text = "No such thing" }}, optional = true }},
  {{ click = {{ text = "Enter the house", exact = true }} }},
  {{ frame = "main" }},
  {{ wait_for = {{ role = "heading", name = "House" }} }},
]
probe = "/"
"#
    )
}

#[test]
fn each_kind_of_step_does_what_it_says() {
    run(async {
        let received = Received::default();
        let base = serve(Arc::clone(&received)).await;
        let goto = format!("{{ goto = \"{base}/login\" }},");
        for (path, first) in [
            ("/login", ""),
            ("/framed", "{ frame = \"iframe\" },"),
            ("/framed", &goto),
        ] {
            let keeper = Keeper::new();
            keeper
                .env("PASSWORD", "Sesame")
                .recipe("x", &recipe(&base, path, first));
            assert_eq!(
                keeper.must_login("x").await,
                How::LoggedIn,
                "{path} {first}"
            );
            let mut form = std::mem::take(&mut *received.lock().unwrap());
            form.sort();
            let expected = [
                ("agree", "yes"),
                ("pass", "Sesame"),
                ("realm", "b"),
                ("stay", "yes"),
                ("user", ""),
                ("user2", "ann"),
            ];
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(form, expected, "{path} {first}");
        }
    });
}

#[test]
fn a_step_that_cannot_be_done_is_named_with_what_it_looked_for() {
    run(async {
        let base = serve(Received::default()).await;
        for (first, class, says) in [
            (
                "{ wait_for = \"#nothing\" },",
                FailureClass::FormChanged,
                "element \"#nothing\"",
            ),
            (
                "{ click = \"a[\" },",
                FailureClass::RecipeWrong,
                "cannot be looked for",
            ),
            (
                "{ press = \"Hyper\" },",
                FailureClass::FormChanged,
                "no key \"Hyper\"",
            ),
        ] {
            let keeper = Keeper::new();
            keeper
                .env("PASSWORD", "Sesame")
                .recipe("x", &recipe(&base, "/login", first));
            let failure = keeper.login("x").await.failure.unwrap();
            assert_eq!((failure.class, failure.step), (class, Some(1)), "{failure}");
            assert!(failure.message.contains(says), "{failure}");
        }
    });
}
