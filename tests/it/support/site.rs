//! The test site: a small site with dials, on loopback, in this process, that remembers what was done to it.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::watch;

use super::dials::Dials;
use super::state::{Seen, State, Submission};
use super::{foreign, routes};

/// A running test site. It has a thread of its own, so that it answers also while a test blocks, and ends on drop.
pub(crate) struct Site {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the site's handlers share with the test.
pub(crate) struct Shared {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub(crate) base: String,
    /// The other origin, `http://127.0.0.2:PORT`: another site to a browser.
    pub(crate) foreign: String,
    dials: Mutex<Dials>,
    state: Mutex<State>,
    /// Grows by one with every change of the dials or the state.
    pub(crate) changes: watch::Sender<u64>,
    mode: watch::Sender<Mode>,
    /// Whether the site's port takes connections.
    listening: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Closed,
    Over,
}

impl Shared {
    /// The dials as they stand.
    pub(crate) fn dials(&self) -> Dials {
        lock(&self.dials).clone()
    }

    /// Changes or reads the state, and wakes who waits for a change.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let result = act(&mut lock(&self.state));
        self.changes.send_modify(|n| *n += 1);
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    /// The first user.
    pub(crate) const USER: &'static str = "demo";
    /// The first user's password; it looks different in a URL, in HTML and in JSON.
    pub(crate) const PASSWORD: &'static str = "Teal<9041>&\"otter";

    /// A plain, well-behaved site.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// A site with these dials turned.
    pub(crate) fn with(turn: impl FnOnce(&mut Dials)) -> Self {
        let mut dials = Dials::default();
        turn(&mut dials);
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        let elsewhere = TcpListener::bind("127.0.0.2:0").unwrap();
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            base: url(&own),
            foreign: url(&elsewhere),
            dials: Mutex::new(dials),
            state: Mutex::default(),
            changes: watch::Sender::new(0),
            mode: watch::Sender::new(Mode::Open),
            listening: watch::Sender::new(true),
        });
        shared.with(|state| state.set_password(Self::USER, Self::PASSWORD));
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || run(own, elsewhere, &shared)
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// Base URL, without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        &self.shared.base
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.shared.base)
    }

    /// The login page's URL.
    pub(crate) fn login_url(&self) -> String {
        self.url(self.shared.dials().flavour.words().login)
    }

    /// The protected page's URL.
    pub(crate) fn home_url(&self) -> String {
        self.url(
            &self
                .shared
                .dials()
                .flavour
                .words()
                .home
                .replace("NAME", Self::USER),
        )
    }

    /// The other origin's base URL.
    pub(crate) fn foreign(&self) -> &str {
        &self.shared.foreign
    }

    /// The three-line recipe for this site, its password taken from an environment variable.
    pub(crate) fn recipe(&self, variable: &str) -> String {
        format!(
            "url = \"{}\"\nusername = \"{}\"\npassword = {{ env = \"{variable}\" }}\n",
            self.login_url(),
            Self::USER
        )
    }

    /// Turns dials while the site runs.
    pub(crate) fn turn(&self, turn: impl FnOnce(&mut Dials)) {
        turn(&mut lock(&self.shared.dials));
        self.shared.changes.send_modify(|n| *n += 1);
    }

    /// Ends every session on the server, as a restart or an administrator would.
    pub(crate) fn invalidate(&self) {
        self.shared.with(|state| state.sessions.clear());
    }

    /// Gives the first user another password. Sessions stay.
    pub(crate) fn set_password(&self, password: &str) {
        self.set_account(Self::USER, password);
    }

    /// Adds an account, or gives it another password.
    pub(crate) fn set_account(&self, user: &str, password: &str) {
        self.shared.with(|state| state.set_password(user, password));
    }

    /// Opens a locked account again.
    pub(crate) fn unlock(&self) {
        self.shared.with(|state| state.failures.clear());
    }

    /// Every login submitted so far, on this site and in its foreign frame, in order.
    pub(crate) fn submissions(&self) -> Vec<Submission> {
        lock(&self.shared.state).submissions.clone()
    }

    /// Every one-time code entered so far, in order.
    pub(crate) fn codes(&self) -> Vec<String> {
        lock(&self.shared.state).entered.clone()
    }

    /// Every request so far, in order.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.state).requests.clone()
    }

    /// How often the protected page was asked for by something that is not a browser.
    pub(crate) fn probes(&self) -> usize {
        self.count(|seen| seen.home && !seen.browser)
    }

    /// How often the protected page was asked for by a browser.
    pub(crate) fn visits(&self) -> usize {
        self.count(|seen| seen.home && seen.browser)
    }

    fn count(&self, which: impl Fn(&Seen) -> bool) -> usize {
        let requests = self.requests();
        requests.iter().filter(|seen| which(seen)).count()
    }

    /// Sessions that are alive on the server.
    pub(crate) fn sessions(&self) -> usize {
        self.shared.with(|state| state.living())
    }

    /// Everything that was sent to the foreign origin: request lines, headers and bodies, one request each.
    pub(crate) fn received_on_foreign(&self) -> Vec<String> {
        lock(&self.shared.state).foreign.clone()
    }

    /// How many requests to the foreign origin carried this text, as it is or percent-encoded.
    pub(crate) fn leaks(&self, secret: &str) -> usize {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let received = self.received_on_foreign();
        let leaks = |text: &&String| text.contains(secret) || text.contains(&encoded);
        received.iter().filter(leaks).count()
    }

    /// Waits until this many logins were submitted.
    pub(crate) async fn until_submissions(&self, count: usize) {
        self.until(|state| state.submissions.len() >= count).await;
    }

    /// Waits until the state is as asked; looks after every change.
    pub(crate) async fn until(&self, mut ready: impl FnMut(&mut State) -> bool) {
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if ready(&mut lock(&self.shared.state)) {
                return;
            }
            changes.changed().await.unwrap();
        }
    }

    /// Closes the port: connections are refused from now on.
    pub(crate) async fn close_port(&self) {
        self.go(Mode::Closed, false).await;
    }

    /// Opens the same port again.
    pub(crate) async fn open_port(&self) {
        self.go(Mode::Open, true).await;
    }

    async fn go(&self, mode: Mode, listening: bool) {
        self.shared.mode.send_replace(mode);
        let mut state = self.shared.listening.subscribe();
        state.wait_for(|now| *now == listening).await.unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shared.mode.send_replace(Mode::Over);
        if let Some(thread) = self.thread.take() {
            // A panic in a handler is told by hyper's closed connection; there is nothing to add here.
            let _ = thread.join();
        }
    }
}

/// The site's thread: serves both origins until the site is over.
fn run(own: TcpListener, elsewhere: TcpListener, shared: &Arc<Shared>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::spawn(foreign::serve(elsewhere, shared.clone()));
        let address = own.local_addr().unwrap();
        let mut mode = shared.mode.subscribe();
        let mut open = Some(own);
        loop {
            let now = *mode.borrow_and_update();
            match now {
                Mode::Over => return,
                Mode::Closed => {
                    shared.listening.send_replace(false);
                    mode.changed().await.unwrap();
                }
                Mode::Open => {
                    let own = match open.take() {
                        Some(own) => own,
                        None => TcpListener::bind(address).unwrap(),
                    };
                    let serve = routes::serve(own, shared.clone());
                    shared.listening.send_replace(true);
                    tokio::select! {
                        () = serve => {}
                        changed = mode.changed() => changed.unwrap(),
                    }
                }
            }
        }
    });
}
