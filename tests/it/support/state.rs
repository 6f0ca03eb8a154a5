//! What the test site knows: accounts, sessions, and everything that was done to it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::dials::Dials;

/// The site's memory.
#[derive(Default)]
pub(crate) struct State {
    accounts: HashMap<String, String>,
    /// Wrong passwords since the last good one, by user.
    pub(crate) failures: HashMap<String, usize>,
    /// Sessions by cookie value or token.
    pub(crate) sessions: HashMap<String, Session>,
    /// Users with a good password and something still to do, by the value of the cookie `pending` or a ticket.
    pub(crate) pending: HashMap<String, String>,
    /// One-time codes that were used.
    pub(crate) codes: HashSet<String>,
    /// One-time codes that were entered, right or wrong, in order.
    pub(crate) entered: Vec<String>,
    /// CSRF tokens that were given out.
    pub(crate) tokens: HashSet<String>,
    /// Logins, in order.
    pub(crate) submissions: Vec<Submission>,
    /// Requests, in order.
    pub(crate) requests: Vec<Seen>,
    /// Requests to the foreign origin, whole.
    pub(crate) foreign: Vec<String>,
    made: u64,
}

/// A session on the server.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Whose it is.
    pub(crate) user: String,
    /// The `User-Agent` that logged in.
    pub(crate) agent: String,
    /// When the server forgets it; `None`: never.
    pub(crate) ends: Option<Instant>,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Path and query.
    pub(crate) path: String,
    /// Whether a browser sent it: it has `Sec-Fetch-Mode`.
    pub(crate) browser: bool,
    /// Whether it asked for the protected page.
    pub(crate) home: bool,
    /// Its `User-Agent`.
    pub(crate) agent: String,
}

/// One submitted login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Submission {
    /// The username received.
    pub(crate) username: String,
    /// The password received; test passwords protect nothing.
    pub(crate) password: String,
    /// What the site made of it.
    pub(crate) outcome: Outcome,
}

/// What the site made of a submitted login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A session was made (or, with a dead cookie, only looked as if).
    Accepted,
    /// The password was good, and the site asked for more.
    Further,
    /// Wrong username or password.
    Refused,
    /// The account was locked, whatever the password.
    Locked,
    /// The form's token was missing or not its own: the password was not looked at.
    Stale,
    /// A trap field was filled: taken for a robot, the password was not looked at.
    Trapped,
    /// A fault came instead of an answer: the password was not looked at.
    Unanswered,
}

impl State {
    /// Makes an account, or changes its password.
    pub(crate) fn set_password(&mut self, user: &str, password: &str) {
        self.accounts.insert(user.to_owned(), password.to_owned());
    }

    /// A name not used before; unlike a real site's, it can be guessed.
    pub(crate) fn fresh(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}{:012x}", self.made * 0x9E37_79B9)
    }

    /// Judges a username and password, and counts the wrong ones.
    pub(crate) fn judge(
        &mut self,
        username: &str,
        password: &str,
        lock_after: Option<usize>,
    ) -> Outcome {
        let failures = self.failures.entry(username.to_owned()).or_default();
        if lock_after.is_some_and(|most| *failures >= most) {
            return Outcome::Locked;
        }
        if self.accounts.get(username).map(String::as_str) != Some(password) {
            *failures += 1;
            return Outcome::Refused;
        }
        *failures = 0;
        Outcome::Accepted
    }

    /// A new session; with a dead one only its name is made.
    pub(crate) fn admit(&mut self, user: &str, agent: &str, dials: &Dials) -> String {
        let id = self.fresh("s");
        if dials.single_session {
            self.sessions.retain(|_, session| session.user != user);
        }
        if !dials.dead_session {
            let session = Session {
                user: user.to_owned(),
                agent: agent.to_owned(),
                ends: ends(dials.session_life),
            };
            self.sessions.insert(id.clone(), session);
        }
        id
    }

    /// The user of a living session; a sliding one starts anew.
    pub(crate) fn user(&mut self, id: &str, agent: &str, dials: &Dials) -> Option<String> {
        self.living();
        let session = self.sessions.get_mut(id)?;
        if dials.bound_to_agent && session.agent != agent {
            return None;
        }
        if dials.sliding {
            session.ends = ends(dials.session_life);
        }
        Some(session.user.clone())
    }

    /// Forgets ended sessions and counts the rest.
    pub(crate) fn living(&mut self) -> usize {
        let now = Instant::now();
        self.sessions
            .retain(|_, session| session.ends.is_none_or(|ends| now < ends));
        self.sessions.len()
    }
}

fn ends(life: Option<Duration>) -> Option<Instant> {
    life.map(|life| Instant::now() + life)
}
