//! The test site itself: every dial that plain HTTP can see does what it says.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::json;

use crate::support::Site;
use crate::support::dials::*;
use crate::support::state::Outcome;

const SECRET: &str = "OJSWC3DTNF2GK4ZNONSWG4TFOQWTEMDC";

struct Visitor(Client);

impl Visitor {
    fn new() -> Self {
        let client = Client::builder().cookie_store(true).no_proxy();
        Self(client.redirect(Policy::none()).build().unwrap())
    }

    async fn get(&self, url: &str) -> Response {
        self.0.get(url).send().await.unwrap()
    }

    async fn post(&self, url: &str, fields: &[(&str, &str)]) -> reqwest::Result<Response> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let kind = "application/x-www-form-urlencoded";
        let request = self.0.post(url).header("content-type", kind);
        request.body(body).send().await
    }

    /// Reads the form and sends it as a browser would.
    async fn login(&self, site: &Site, password: &str) -> reqwest::Result<Response> {
        let url = site.login_url();
        let page = self.get(&url).await.text().await?;
        let token = page.split("name=token value=").nth(1).unwrap_or_default();
        let fields = [
            ("token", token.split('>').next().unwrap_or_default()),
            ("username", Site::USER),
            ("password", password),
        ];
        self.post(&url, &fields).await
    }
}

fn outcomes(site: &Site) -> Vec<Outcome> {
    site.submissions().iter().map(|one| one.outcome).collect()
}

fn cookies(answer: &Response) -> Vec<&str> {
    let lines = answer.headers().get_all("set-cookie").into_iter();
    lines.filter_map(|line| line.to_str().ok()).collect()
}

#[tokio::test]
async fn a_login_opens_the_protected_page_until_it_is_invalidated() {
    let site = Site::start();
    let visitor = Visitor::new();
    assert_eq!(visitor.get(&site.home_url()).await.status(), 303);
    let answer = visitor.login(&site, Site::PASSWORD).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"/notes".parse().unwrap())
    );
    assert!(cookies(&answer)[0].ends_with("Path=/; HttpOnly; SameSite=Lax; Max-Age=3600"));
    assert_eq!(visitor.get(&site.home_url()).await.status(), 200);
    assert_eq!((site.sessions(), site.probes(), site.visits()), (1, 2, 0));
    site.invalidate();
    assert_eq!(visitor.get(&site.home_url()).await.status(), 303);
    let submissions = site.submissions();
    assert_eq!(submissions.len(), 1);
    assert_eq!(submissions[0].password, Site::PASSWORD);
    assert_eq!(submissions[0].outcome, Outcome::Accepted);
}

#[tokio::test]
async fn wrong_passwords_are_counted_and_lock_the_account() {
    let site = Site::with(|dials| dials.lock_after = Some(2));
    let visitor = Visitor::new();
    for status in [200, 401, 200] {
        site.turn(|dials| dials.wrong_password_status = status);
        let answer = visitor.login(&site, "wrong").await.unwrap();
        assert_eq!(
            answer.status(),
            if site.submissions().len() > 2 {
                200
            } else {
                status
            }
        );
    }
    let answer = visitor.login(&site, Site::PASSWORD).await.unwrap();
    assert!(answer.text().await.unwrap().contains("locked"));
    let locked = [Outcome::Locked; 2];
    assert_eq!(outcomes(&site)[2..], locked);
    site.unlock();
    site.set_password("new");
    visitor.login(&site, "new").await.unwrap();
    assert_eq!(outcomes(&site).last(), Some(&Outcome::Accepted));
}

#[tokio::test]
async fn a_form_of_somebody_else_or_with_a_filled_trap_is_not_looked_at() {
    let site = Site::with(|dials| dials.form = FormShape::Traps);
    let visitor = Visitor::new();
    let good = [("username", Site::USER), ("password", Site::PASSWORD)];
    visitor.post(&site.login_url(), &good).await.unwrap();
    let page = visitor.get(&site.login_url()).await.text().await.unwrap();
    let token = page.split("name=token value=").nth(1).unwrap();
    let mut fields = vec![("token", token.split('>').next().unwrap()), ("trap3", "x")];
    fields.extend(good);
    visitor.post(&site.login_url(), &fields).await.unwrap();
    assert_eq!(outcomes(&site), [Outcome::Stale, Outcome::Trapped]);
}

#[tokio::test]
async fn a_dead_session_looks_like_a_good_one_and_opens_nothing() {
    let site = Site::with(|dials| dials.dead_session = true);
    let visitor = Visitor::new();
    let answer = visitor.login(&site, Site::PASSWORD).await.unwrap();
    assert_eq!(answer.headers()["location"], "/welcome");
    let welcome = visitor.get(&site.url("/welcome")).await;
    assert!(welcome.text().await.unwrap().contains("Signed in as"));
    assert_eq!(visitor.get(&site.home_url()).await.status(), 303);
}

#[tokio::test]
async fn a_token_opens_the_api_and_no_cookie_is_set() {
    let site = Site::with(|dials| dials.login = Login::LocalStorage);
    let client = Client::new();
    let entry = json!({ "username": Site::USER, "password": Site::PASSWORD });
    let login = client
        .post(site.url("/api/login"))
        .header("content-type", "application/json");
    let answer = login.body(entry.to_string()).send().await.unwrap();
    assert!(cookies(&answer).is_empty());
    let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let me = client.get(site.url("/api/me"));
    let with = |token: &str| me.try_clone().unwrap().bearer_auth(token);
    let token = answer["token"].as_str().unwrap();
    assert_eq!(with(token).send().await.unwrap().status(), 200);
    assert_eq!(with("other").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_one_time_code_is_taken_once() {
    let site = Site::with(|dials| dials.totp = Some(SECRET.into()));
    let secret = totp_rs::Secret::try_from_base32(SECRET).unwrap();
    let totp = totp_rs::Builder::new()
        .with_secret(secret)
        .build_noncompliant();
    let now = chrono::Utc::now().timestamp();
    let code = totp.generate(now.unsigned_abs()).to_string();
    for opens in [true, false] {
        let visitor = Visitor::new();
        let answer = visitor.login(&site, Site::PASSWORD).await.unwrap();
        assert_eq!(answer.headers()["location"], "/login/code");
        assert_eq!(visitor.get(&site.home_url()).await.status(), 303);
        let url = site.url("/login/code");
        let answer = visitor.post(&url, &[("code", &code)]).await.unwrap();
        assert_eq!(answer.status() == 303, opens);
    }
    assert_eq!(site.codes(), [code.clone(), code]);
    assert_eq!(outcomes(&site), [Outcome::Further; 2]);
}

#[tokio::test]
async fn terms_stand_between_a_good_password_and_a_session() {
    let site = Site::with(|dials| dials.obstacle = Some(Obstacle::Consent));
    let visitor = Visitor::new();
    let answer = visitor.login(&site, Site::PASSWORD).await.unwrap();
    assert_eq!(answer.headers()["location"], "/hurdle");
    assert_eq!(site.sessions(), 0);
    visitor.post(&site.url("/consent"), &[]).await.unwrap();
    assert_eq!(visitor.get(&site.home_url()).await.status(), 200);
}

#[tokio::test]
async fn a_fault_on_submissions_takes_the_password_and_gives_no_answer() {
    let site = Site::with(|dials| {
        dials.fault = Some(Fault::Reset);
        dials.fault_on = FaultOn::Submissions;
    });
    let visitor = Visitor::new();
    assert!(visitor.login(&site, Site::PASSWORD).await.is_err());
    assert_eq!(outcomes(&site), [Outcome::Unanswered]);
    site.turn(|dials| dials.fault_on = FaultOn::Probes);
    visitor.login(&site, Site::PASSWORD).await.unwrap();
    assert!(visitor.0.get(site.home_url()).send().await.is_err());
    site.turn(|dials| dials.fault = Some(Fault::Status(503, Some("120".into()))));
    let answer = visitor.get(&site.home_url()).await;
    assert_eq!(answer.headers()["retry-after"], "120");
}

#[tokio::test]
async fn slow_answers_come_and_silent_ones_do_not() {
    let site = Site::with(|dials| dials.fault = Some(Fault::Slow));
    let client = Client::new();
    let get = || client.get(site.login_url());
    let soon = Duration::from_millis(1200);
    // Two bytes in that time, at most; the head alone is longer.
    let slow = get().timeout(soon).send().await;
    assert!(slow.is_err_and(|error| error.is_timeout()));
    site.turn(|dials| dials.fault = Some(Fault::Silence));
    let silent = get().timeout(soon).send().await;
    assert!(silent.is_err_and(|error| error.is_timeout()));
    site.turn(|dials| dials.fault = Some(Fault::EndlessRedirects));
    assert!(get().send().await.unwrap_err().is_redirect());
    site.turn(|dials| dials.fault = Some(Fault::EndlessBody));
    let mut body = get().send().await.unwrap();
    let mut bytes = 0;
    while bytes < 200_000 {
        bytes += body.chunk().await.unwrap().unwrap().len();
    }
    site.turn(|dials| dials.fault = None);
    assert_eq!(get().send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_closed_port_refuses_and_opens_again() {
    let site = Site::start();
    let visitor = Visitor::new();
    site.close_port().await;
    let refused = visitor.0.get(site.login_url()).send().await;
    assert!(refused.is_err_and(|error| error.is_connect()));
    site.open_port().await;
    assert_eq!(visitor.get(&site.login_url()).await.status(), 200);
}

#[tokio::test]
async fn held_submissions_are_counted_at_once_and_answered_later() {
    let site = Site::with(|dials| dials.hold_submissions = true);
    let visitor = Visitor::new();
    let (answer, ()) = tokio::join!(visitor.login(&site, Site::PASSWORD), async {
        site.until_submissions(1).await;
        site.turn(|dials| dials.hold_submissions = false);
    });
    assert_eq!(answer.unwrap().status(), 303);
}

#[tokio::test]
async fn a_sliding_session_sets_its_cookie_again() {
    let site = Site::with(|dials| {
        dials.sliding = true;
        dials.cookie_life = Some(90);
    });
    let visitor = Visitor::new();
    visitor.login(&site, Site::PASSWORD).await.unwrap();
    let page = visitor.get(&site.home_url()).await;
    assert!(cookies(&page)[0].contains("Max-Age=90"));
    site.turn(|dials| dials.session_life = Some(Duration::ZERO));
    // The session's end moves to now with this request, and the next one finds it ended.
    visitor.get(&site.home_url()).await;
    assert_eq!(visitor.get(&site.home_url()).await.status(), 303);
}

#[tokio::test]
async fn further_cookies_come_with_the_session() {
    let site = Site::with(|dials| {
        dials.cookie = CookieKind::Partitioned;
        dials.extra_cookies = vec![
            ExtraCookie::OtherDomain,
            ExtraCookie::PublicSuffix,
            ExtraCookie::Odd,
            ExtraCookie::Huge(8 << 10),
        ];
    });
    let answer = Visitor::new().login(&site, Site::PASSWORD).await.unwrap();
    let set = answer.headers().get_all("set-cookie").iter().count();
    assert_eq!(set, 6);
    assert!(cookies(&answer)[0].contains("SameSite=None; Partitioned"));
}

#[tokio::test]
async fn the_foreign_origin_keeps_what_it_is_sent() {
    let site = Site::with(|dials| dials.look_alike = true);
    let visitor = Visitor::new();
    let answer = visitor.get(&site.login_url()).await;
    let to = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(to.starts_with(site.foreign()));
    assert!(
        visitor
            .get(&to)
            .await
            .text()
            .await
            .unwrap()
            .contains("name=password")
    );
    assert_eq!(site.leaks(Site::PASSWORD), 0);
    visitor
        .post(&to, &[("password", Site::PASSWORD)])
        .await
        .unwrap();
    assert_eq!(site.leaks(Site::PASSWORD), 1);
    assert!(site.submissions().is_empty());
}

#[tokio::test]
async fn a_foreign_frame_vouches_with_a_ticket() {
    let site = Site::with(|dials| dials.login = Login::ForeignFrame);
    let visitor = Visitor::new();
    let page = visitor.get(&site.login_url()).await.text().await.unwrap();
    assert!(page.contains(&format!("{}/frame", site.foreign())));
    let url = format!("{}/login", site.foreign());
    let good = [("username", Site::USER), ("password", Site::PASSWORD)];
    let answer = visitor.post(&url, &good).await.unwrap();
    let hop = answer.headers()["location"].to_str().unwrap();
    visitor.get(hop).await;
    assert_eq!(visitor.get(&site.home_url()).await.status(), 200);
    assert_eq!(outcomes(&site), [Outcome::Accepted]);
}

#[tokio::test]
async fn each_flavour_has_its_own_pages() {
    for (flavour, login, home) in [
        (Flavour::Shopping, "/customer/account/login/", "/wishlist/"),
        (Flavour::ShoppingAdmin, "/admin", "/admin/dashboard"),
        (Flavour::Reddit, "/login", "/user/demo/account"),
        (Flavour::Gitlab, "/users/sign_in", "/-/profile"),
    ] {
        let site = Site::with(|dials| dials.flavour = flavour);
        assert_eq!(site.login_url(), site.url(login));
        let visitor = Visitor::new();
        let answer = visitor.login(&site, Site::PASSWORD).await.unwrap();
        assert_eq!(answer.headers()["location"], home);
        let page = visitor.get(&site.home_url()).await.text().await.unwrap();
        assert!(page.contains(flavour.words().keyword), "{page}");
    }
}

#[tokio::test]
async fn a_session_can_be_bound_to_its_agent_and_be_the_only_one() {
    let site = Site::with(|dials| {
        dials.bound_to_agent = true;
        dials.single_session = true;
        dials.cookie_prefix = "a_";
    });
    let (first, second) = (Visitor::new(), Visitor::new());
    let answer = first.login(&site, Site::PASSWORD).await.unwrap();
    assert!(cookies(&answer)[0].starts_with("a_sid="));
    let other = first.0.get(site.home_url()).header("user-agent", "other");
    assert_eq!(other.send().await.unwrap().status(), 303);
    assert_eq!(first.get(&site.home_url()).await.status(), 200);
    second.login(&site, Site::PASSWORD).await.unwrap();
    assert_eq!(first.get(&site.home_url()).await.status(), 303);
    assert_eq!(second.get(&site.home_url()).await.status(), 200);
}

#[tokio::test]
async fn some_shapes_of_the_form_give_the_password_away() {
    let site = Site::start();
    let visitor = Visitor::new();
    for (shape, telling) in [
        (FormShape::ByGet, "method=get action='/login'".to_owned()),
        (
            FormShape::PostsElsewhere,
            format!("action='{}/login'", site.foreign()),
        ),
        (FormShape::ChangePassword, "Present password".to_owned()),
        (FormShape::Undisplayed, "display:none".to_owned()),
    ] {
        site.turn(|dials| dials.form = shape);
        let page = visitor.get(&site.login_url()).await.text().await.unwrap();
        assert!(page.contains(&telling), "{page}");
    }
}
