//! One small site for each pattern of login pages, made for this: the three-line recipe gets in, or is refused for the right
//! reason, in a real browser.
//!
//! A fixture is a closure from a request to an answer, with a [`Desk`] behind it. [`passes`] and [`refuses`] are the two
//! expectations; [`together`] checks several at the same time.

mod ask;
mod choosers;
mod desk;
mod factors;
mod factors_sent;
mod flow;
mod forms;
mod frames;
mod inputs;
pub(crate) mod mailbox;
mod passkey;
mod phish;
mod refusals;
mod reply;
mod shadow;
mod storage;
mod ways;

use std::pin::Pin;
use std::time::Duration;

use jarkeeper::browser::Wanted;
use jarkeeper::failure::{Failure, FailureClass};
use jarkeeper::renewal::How;
use jarkeeper::session::StorageState;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

pub(crate) use ask::Ask;
use desk::Answer;
pub(crate) use desk::{Desk, PASSWORD, Running, USER, WHO, WRONG, home};
pub(crate) use reply::{Reply, events, json, page, to};

use crate::support::keeper::{browser, config};
use crate::support::{Keeper, run};

/// How many fixtures are logged in to at the same time: they wait more than they work.
static ROOM: Semaphore = Semaphore::const_new(6);
/// How long a captured state may take to show the signed-in page.
const SHOWS: Duration = Duration::from_secs(20);

/// A site that is about to run.
pub(crate) struct Fixture {
    answer: Answer,
    login: &'static str,
    home: &'static str,
    password: &'static str,
    environment: Vec<(&'static str, String)>,
}

impl Fixture {
    /// A site that answers by this closure. Its login is at `/login`, what it protects at `/home`.
    pub(crate) fn new(answer: impl Fn(&Desk, &Ask) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            answer: Box::new(answer),
            login: "/login",
            home: "/home",
            password: PASSWORD,
            environment: Vec::new(),
        }
    }

    /// A usual site whose login page has this body; the form is posted to `/login` with these names of its two fields.
    /// A field whose name begins with `trap` must come empty.
    pub(crate) fn form(user: &'static str, password: &'static str, body: &'static str) -> Self {
        Self::new(move |desk, ask| match ask.line().as_str() {
            "GET /login" => page("Sign in", body),
            "POST /login" if trapped(ask) => page("No", "<h1>Robots are not welcome</h1>"),
            "POST /login" => desk.enter(ask, user, password).unwrap_or_else(|| {
                let said = "<p class=error>Wrong e-mail or password.</p>";
                page("Sign in", &format!("{said}{body}"))
            }),
            _ => desk.usual(ask),
        })
    }

    /// How it answers, for a fixture that only changes a part of it.
    pub(crate) fn reply(&self, desk: &Desk, ask: &Ask) -> Reply {
        (self.answer)(desk, ask)
    }

    /// The same with the login page elsewhere: what the recipe gives as `url`.
    pub(crate) fn at(mut self, login: &'static str) -> Self {
        self.login = login;
        self
    }

    /// The same with the protected page elsewhere: what shows [`WHO`] to who is signed in.
    pub(crate) fn home(mut self, home: &'static str) -> Self {
        self.home = home;
        self
    }

    /// The same with a wrong password in the recipe.
    pub(crate) fn wrong(mut self) -> Self {
        self.password = WRONG;
        self.env("PASSWORD", WRONG)
    }

    /// The same with one more environment variable that the recipe may name.
    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Starts it, and a Jarkeeper whose recipe `x` has the three lines and `extra`.
    pub(crate) async fn start(self, extra: &str) -> (Running, Keeper) {
        let running = desk::serve(self.answer).await;
        let keeper = Keeper::new();
        let url = format!("{}{}", running.desk.base, self.login);
        let recipe = format!(
            "url = \"{url}\"\nusername = \"{USER}\"\npassword = {{ env = \"PASSWORD\" }}\n{extra}"
        );
        let desk = &running.desk;
        let recipe = recipe
            .replace("%SECOND%", &desk.second)
            .replace("%ALIAS%", &desk.alias())
            .replace("%FOREIGN%", &desk.foreign);
        keeper.env("PASSWORD", PASSWORD);
        for (name, value) in &self.environment {
            keeper.env(name, value);
        }
        keeper.recipe("x", &recipe);
        (running, keeper)
    }
}

fn trapped(ask: &Ask) -> bool {
    let filled = |(name, value): (_, std::borrow::Cow<'_, str>)| {
        let name: std::borrow::Cow<'_, str> = name;
        name.starts_with("trap") && !value.is_empty()
    };
    url::form_urlencoded::parse(ask.body.as_bytes()).any(filled)
}

/// Logs in with the three-line recipe and `extra` behind it, with one submission, and proves that the captured state alone
/// shows the signed-in page, which nobody else sees; the password came to nothing but the login.
pub(crate) async fn passes(name: &str, fixture: Fixture, extra: &str) -> (Running, Keeper) {
    let _room = ROOM.acquire().await.unwrap();
    let (home, began) = (fixture.home, Instant::now());
    let (running, keeper) = fixture.start(extra).await;
    let desk = &running.desk;
    let report = keeper.login("x").await;
    let took = began.elapsed();
    assert!(report.ok(), "{name}: {:?}", report.failure);
    assert_eq!(report.how, How::LoggedIn, "{name}");
    let given = desk.submissions();
    assert_eq!(
        given,
        [(USER.to_owned(), PASSWORD.to_owned())],
        "{name}: what was submitted"
    );
    let carried = desk.carrying(PASSWORD);
    assert_eq!(carried.len(), 1, "{name}: {carried:#?}");
    let url = format!("{}{home}", desk.base);
    let stranger = reqwest::get(&url).await.unwrap().text().await.unwrap();
    assert!(!stranger.contains(WHO), "{name}: everybody sees {home}");
    shows(name, &url, &keeper.state("x").unwrap()).await;
    println!(
        "{name}: in after {took:?}, shown after {:?}",
        began.elapsed()
    );
    (running, keeper)
}

/// Opens the URL in a fresh context that has only this state, and waits until it shows who is signed in.
pub(crate) async fn shows(name: &str, url: &str, state: &StorageState) {
    let deadline = Instant::now() + SHOWS;
    let wanted = Wanted {
        seed: Some(state),
        ignore_https_errors: true,
        deadline,
    };
    let context = browser().context(&config().browser, wanted).await.unwrap();
    let page = context.page();
    page.goto(&Url::parse(url).unwrap()).await.unwrap();
    let mut text = String::new();
    while Instant::now() < deadline {
        // A document that is just being replaced is looked at again.
        if let Ok(seen) = page.snapshot(&page.main_frame()).await {
            text = seen.text;
        }
        if text.contains(WHO) {
            return;
        }
        let soon = Instant::now() + Duration::from_millis(200);
        page.changed(soon.min(deadline)).await;
    }
    panic!("{name}: the captured state shows at {url}: {text}");
}

/// Fails with this class after so many submissions; no state is written, and the message holds no password.
pub(crate) async fn refuses(
    name: &str,
    fixture: Fixture,
    class: FailureClass,
    submissions: usize,
) -> (Running, Failure) {
    refuses_with(name, fixture, "", class, submissions).await
}

/// The same with more than three lines in the recipe.
pub(crate) async fn refuses_with(
    name: &str,
    fixture: Fixture,
    extra: &str,
    class: FailureClass,
    submissions: usize,
) -> (Running, Failure) {
    let _room = ROOM.acquire().await.unwrap();
    let (password, began) = (fixture.password, Instant::now());
    let (running, keeper) = fixture.start(extra).await;
    let report = keeper.login("x").await;
    let failure = report
        .failure
        .unwrap_or_else(|| panic!("{name}: taken for logged in: {:?}", report.how));
    assert_eq!(failure.class, class, "{name}: {failure}");
    assert!(keeper.state("x").is_none(), "{name}: a state was written");
    assert!(!failure.message.contains(password), "{name}: {failure}");
    let given = running.desk.submissions();
    assert_eq!(given.len(), submissions, "{name}: {given:?}");
    let carried = running.desk.carrying(password);
    assert_eq!(carried.len(), submissions, "{name}: {carried:#?}");
    println!("{name}: {failure} after {:?}", began.elapsed());
    (running, failure)
}

/// One expectation, not yet checked.
pub(crate) type Check = Pin<Box<dyn Future<Output = ()> + Send>>;

/// [`passes`], as one of several.
pub(crate) fn pass_with(name: &'static str, fixture: Fixture, extra: &'static str) -> Check {
    Box::pin(async move { drop(passes(name, fixture, extra).await) })
}

/// [`passes`] with the three lines alone.
pub(crate) fn pass(name: &'static str, fixture: Fixture) -> Check {
    Box::pin(async move { drop(passes(name, fixture, "").await) })
}

/// [`refuses`], as one of several.
pub(crate) fn refuse(
    name: &'static str,
    fixture: Fixture,
    class: FailureClass,
    submissions: usize,
) -> Check {
    Box::pin(async move { drop(refuses(name, fixture, class, submissions).await) })
}

/// Checks all of them at the same time and fails for each that does not hold.
pub(crate) fn together(checks: impl IntoIterator<Item = Check>) {
    run(async {
        let running: Vec<_> = checks.into_iter().map(tokio::spawn).collect();
        let mut failed = 0;
        for check in running {
            failed += usize::from(check.await.is_err());
        }
        assert_eq!(failed, 0, "{failed} fixtures failed, see above");
    });
}
