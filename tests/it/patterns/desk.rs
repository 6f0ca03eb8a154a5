//! What every fixture has behind it: one account, sessions, a page that says who one is, and a log of what came.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::Request;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::ask::Ask;
use super::reply::{self, Reply, page, to};

/// The username.
pub(crate) const USER: &str = "ada@kestrel.example";
/// The password. It looks the same in a form, in a URL and in JSON, so that it is found wherever it went.
pub(crate) const PASSWORD: &str = "otter.Teal-9041";
/// A password that is not the account's.
pub(crate) const WRONG: &str = "otter.Teal-9042";
/// What only a signed-in page says; nobody types it.
pub(crate) const WHO: &str = "Ada Okafor";

/// The common core of a running fixture.
pub(crate) struct Desk {
    /// Where the login is: `http://127.0.0.1:PORT`.
    pub(crate) base: String,
    /// Another port of the same host: another origin, the same cookies.
    pub(crate) second: String,
    /// Another host: another site.
    pub(crate) foreign: String,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    sessions: HashMap<String, String>,
    notes: HashMap<String, String>,
    submissions: Vec<(String, String)>,
    log: Vec<Ask>,
    made: u64,
}

impl Desk {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The login's host by its other name, another origin with other cookies: `http://localhost:PORT`.
    pub(crate) fn alias(&self) -> String {
        self.base.replace("127.0.0.1", "localhost")
    }

    /// Judges a username and password; each call is one submission.
    pub(crate) fn judge(&self, user: &str, password: &str) -> bool {
        let given = (user.to_owned(), password.to_owned());
        self.kept().submissions.push(given);
        user == USER && password == PASSWORD
    }

    /// A value that was never given out before.
    pub(crate) fn fresh(&self, what: &str) -> String {
        let mut kept = self.kept();
        kept.made += 1;
        format!("{what}{:012x}", kept.made * 0x9E37_79B9)
    }

    /// Opens a session of the user and gives its id.
    pub(crate) fn open(&self, user: &str) -> String {
        let id = self.fresh("s");
        self.kept().sessions.insert(id.clone(), user.to_owned());
        id
    }

    /// Ends a session.
    pub(crate) fn close(&self, id: &str) {
        self.kept().sessions.remove(id);
    }

    /// Whose session this is, where it lives.
    pub(crate) fn whose(&self, id: &str) -> Option<String> {
        self.kept().sessions.get(id).cloned()
    }

    /// Keeps a text under a name; gives the one that was there.
    pub(crate) fn note(&self, name: &str, text: &str) -> Option<String> {
        self.kept().notes.insert(name.to_owned(), text.to_owned())
    }

    /// What was kept under a name; empty where nothing was.
    pub(crate) fn noted(&self, name: &str) -> String {
        self.kept().notes.get(name).cloned().unwrap_or_default()
    }

    /// How often this was called with the name before.
    pub(crate) fn times(&self, name: &str) -> usize {
        let before = self.noted(name).parse().unwrap_or(0);
        self.note(name, &(before + 1).to_string());
        before
    }

    /// Every username and password that was judged, in order.
    pub(crate) fn submissions(&self) -> Vec<(String, String)> {
        self.kept().submissions.clone()
    }

    /// Every request so far, in order.
    pub(crate) fn log(&self) -> Vec<Ask> {
        self.kept().log.clone()
    }

    /// The requests that carry this text anywhere: line, headers or body.
    pub(crate) fn carrying(&self, text: &str) -> Vec<Ask> {
        let log = self.log().into_iter();
        log.filter(|ask| ask.whole().contains(text)).collect()
    }

    /// The usual answer to a login: a session in the cookie `sid` and the way home; `None` where the password is wrong.
    pub(crate) fn enter(&self, ask: &Ask, user: &str, password: &str) -> Option<Reply> {
        let good = self.judge(ask.field(user), ask.field(password));
        good.then(|| to("/home").cookie(&self.cookie()))
    }

    /// The cookie of a new session.
    pub(crate) fn cookie(&self) -> String {
        format!("sid={}; Path=/; HttpOnly; SameSite=Lax", self.open(USER))
    }

    /// The rest of a usual site: `/home` (who has no session is led to `/login`), `/me` by cookie or bearer token as JSON,
    /// `/logout`; nothing else is there.
    pub(crate) fn usual(&self, ask: &Ask) -> Reply {
        let sid = ask.cookie("sid");
        match ask.line().as_str() {
            "GET /home" => match self.whose(sid) {
                Some(_) => home(),
                None => to("/login"),
            },
            "GET /me" => {
                let bearer = ask.header("authorization").trim_start_matches("Bearer ");
                match self.whose(bearer).or_else(|| self.whose(sid)) {
                    Some(_) => reply::json(200, &json!({ "name": WHO })),
                    None => reply::json(401, &json!({ "error": "not signed in" })),
                }
            }
            "GET /logout" => {
                self.close(sid);
                to("/login").cookie("sid=; Path=/; Max-Age=0")
            }
            _ => page("Not found", "<h1>There is no such page</h1>").status(404),
        }
    }
}

/// The page of who is signed in.
pub(crate) fn home() -> Reply {
    page(
        "Notes",
        &format!(
            "<header>Signed in as <b>{WHO}</b> <a href=/logout>Sign out</a></header><h1>Your notes</h1>"
        ),
    )
}

/// How a fixture answers.
pub(super) type Answer = Box<dyn Fn(&Desk, &Ask) -> Reply + Send + Sync>;

/// A fixture that answers on its ports until it is dropped.
pub(crate) struct Running {
    pub(crate) desk: Arc<Desk>,
    servers: Vec<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

pub(super) async fn serve(answer: Answer) -> Running {
    let bind = async |host| TcpListener::bind((host, 0)).await.unwrap();
    let (base, second, foreign) = (
        bind("127.0.0.1").await,
        bind("127.0.0.1").await,
        bind("127.0.0.2").await,
    );
    let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
    let desk = Arc::new(Desk {
        base: url(&base),
        second: url(&second),
        foreign: url(&foreign),
        kept: Mutex::default(),
    });
    let answer = Arc::new(answer);
    let router = Router::new().fallback({
        let desk = Arc::clone(&desk);
        async move |request: Request| {
            let ask = Ask::read(request).await;
            desk.kept().log.push(ask.clone());
            let origins = |text: &str| {
                text.replace("%BASE%", &desk.base)
                    .replace("%SECOND%", &desk.second)
                    .replace("%ALIAS%", &desk.alias())
                    .replace("%FOREIGN%", &desk.foreign)
            };
            answer(&desk, &ask).answer(origins).await
        }
    });
    let servers = [base, second, foreign].map(|listener| {
        let service = router.clone().into_make_service();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() })
    });
    Running {
        desk,
        servers: servers.into(),
    }
}
