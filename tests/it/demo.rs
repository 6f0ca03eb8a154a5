//! The demo site, over plain HTTP.

use jarkeeper::demo;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

struct Demo {
    url: String,
    client: Client,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Demo {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let life = chrono::TimeDelta::minutes(5);
        tokio::spawn(demo::serve(listener, "pear & 7".into(), life, async {
            let _ = stopped.await;
        }));
        let client = Client::builder()
            .cookie_store(true)
            .redirect(Policy::none())
            .build()
            .unwrap();
        Self {
            url,
            client,
            _stop: stop,
        }
    }

    async fn get(&self, path: &str) -> Response {
        let url = format!("{}{path}", self.url);
        self.client.get(url).send().await.unwrap()
    }

    async fn login(&self, password: &str) -> Response {
        let page = self.get("/login").await.text().await.unwrap();
        let token = page.split("name=\"token\" value=\"").nth(1).unwrap();
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.split('"').next().unwrap())
            .append_pair("username", demo::USER)
            .append_pair("password", password)
            .finish();
        self.post("/login", body).await
    }

    async fn post(&self, path: &str, body: String) -> Response {
        self.client
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap()
    }
}

fn leads_to(answer: &Response) -> &str {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    answer.headers()["location"].to_str().unwrap()
}

#[tokio::test]
async fn the_notes_open_after_a_login_and_close_after_a_logout() {
    let demo = Demo::start().await;
    assert_eq!(leads_to(&demo.get("/notes").await), "/login");
    let answer = demo.login("pear & 7").await;
    assert_eq!(leads_to(&answer), "/notes");
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(
        set.contains("Max-Age=300") && set.contains("HttpOnly"),
        "{set}"
    );
    let notes = demo.get("/notes").await;
    assert_eq!(notes.status(), StatusCode::OK);
    assert!(notes.text().await.unwrap().contains("login number 1"));
    demo.post("/logout", String::new()).await;
    assert_eq!(leads_to(&demo.get("/notes").await), "/login");
}

#[tokio::test]
async fn a_wrong_password_gets_the_form_again_and_five_lock_the_account() {
    let demo = Demo::start().await;
    for _ in 0..5 {
        let answer = demo.login("wrong").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.text().await.unwrap().contains("Wrong username"));
    }
    let answer = demo.login("pear & 7").await.text().await.unwrap();
    assert!(answer.contains("is locked"), "{answer}");
}

#[tokio::test]
async fn a_form_without_its_own_token_is_not_looked_at() {
    let demo = Demo::start().await;
    let body = "token=0&username=demo&password=pear+%26+7".to_owned();
    let answer = demo.post("/login", body).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(leads_to(&demo.get("/notes").await), "/login");
}
