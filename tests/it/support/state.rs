//! What the test site knows: accounts, sessions, and everything that was done to it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::dials::Dials;

/// The site's memory.
#[derive(Default)]
pub struct State {
    accounts: HashMap<String, String>,
    /// Wrong passwords since the last good one, by user.
    pub failures: HashMap<String, usize>,
    /// Sessions by cookie value or token.
    pub sessions: HashMap<String, Session>,
    /// Users with a good password and something still to do, by the value of the cookie `pending` or a ticket.
    pub pending: HashMap<String, String>,
    /// One-time codes that were used.
    pub codes: HashSet<String>,
    /// One-time codes that were entered, right or wrong, in order.
    pub entered: Vec<String>,
    /// CSRF tokens that were given out.
    pub tokens: HashSet<String>,
    /// Logins, in order.
    pub submissions: Vec<Submission>,
    /// Requests, in order.
    pub requests: Vec<Seen>,
    /// Requests to the foreign origin, whole.
    pub foreign: Vec<String>,
    made: u64,
}

/// A session on the server.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose it is.
    pub user: String,
    /// The `User-Agent` that logged in.
    pub agent: String,
    /// When the server forgets it; `None`: never.
    pub ends: Option<Instant>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Whether a browser sent it: it has `Sec-Fetch-Mode`.
    pub browser: bool,
    /// Whether it asked for the protected page.
    pub home: bool,
    /// Its `User-Agent`.
    pub agent: String,
}

/// One submitted login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The username received.
    pub username: String,
    /// The password received; test passwords protect nothing.
    pub password: String,
    /// What the site made of it.
    pub outcome: Outcome,
}

/// What the site made of a submitted login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
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
    pub fn set_password(&mut self, user: &str, password: &str) {
        self.accounts.insert(user.to_owned(), password.to_owned());
    }

    /// A name not used before; unlike a real site's, it can be guessed.
    pub fn fresh(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}{:012x}", self.made * 0x9E37_79B9)
    }

    /// Judges a username and password, and counts the wrong ones.
    pub fn judge(&mut self, username: &str, password: &str, lock_after: Option<usize>) -> Outcome {
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
    pub fn admit(&mut self, user: &str, agent: &str, dials: &Dials) -> String {
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
    pub fn user(&mut self, id: &str, agent: &str, dials: &Dials) -> Option<String> {
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
    pub fn living(&mut self) -> usize {
        let now = Instant::now();
        self.sessions
            .retain(|_, session| session.ends.is_none_or(|ends| now < ends));
        self.sessions.len()
    }
}

fn ends(life: Option<Duration>) -> Option<Instant> {
    life.map(|life| Instant::now() + life)
}
