//! The dials of the test site: what a site may do to a login.

use std::time::Duration;

/// Everything that can be turned. The default is a plain, well-behaved site.
#[derive(Debug, Clone)]
pub(crate) struct Dials {
    /// How the page takes the credentials to the server, and where the session is kept.
    pub(crate) login: Login,
    /// What the fields and the button are called, and where the pages are.
    pub(crate) flavour: Flavour,
    /// What the form looks like.
    pub(crate) form: FormShape,
    /// `Max-Age` of the session cookie in seconds; `None`: a cookie that ends with the browser.
    pub(crate) cookie_life: Option<u64>,
    /// Attributes of the session cookie.
    pub(crate) cookie: CookieKind,
    /// What the names of all cookies begin with: two sites of one host, with the same one, take each other's.
    pub(crate) cookie_prefix: &'static str,
    /// A login ends the user's other sessions, as Magento's administration has it.
    pub(crate) single_session: bool,
    /// A session is good only for the `User-Agent` that logged in.
    pub(crate) bound_to_agent: bool,
    /// How long the server keeps a session; `None`: until [`super::Site::invalidate`].
    pub(crate) session_life: Option<Duration>,
    /// Whether each signed-in answer starts the cookie's life and the session's life anew.
    pub(crate) sliding: bool,
    /// Cookies set beside the session's, with the answer to an accepted login.
    pub(crate) extra_cookies: Vec<ExtraCookie>,
    /// The login is answered like a good one, but its cookie opens nothing (a soft failure).
    pub(crate) dead_session: bool,
    /// What the protected page answers to somebody signed out.
    pub(crate) signed_out: SignedOut,
    /// Status of the answer to a wrong password: 200 or 401; the page is the form again, with a message.
    pub(crate) wrong_password_status: u16,
    /// Wrong passwords until the account is locked, for good; `None`: never.
    pub(crate) lock_after: Option<usize>,
    /// What the site asks for beside the password.
    pub(crate) obstacle: Option<Obstacle>,
    /// Base32 secret of the one-time code asked on a second page; a code is refused the second time.
    pub(crate) totp: Option<String>,
    /// The login page sends the browser to a look-alike on the foreign origin.
    pub(crate) look_alike: bool,
    /// What goes wrong with answers.
    pub(crate) fault: Option<Fault>,
    /// Which answers `fault` strikes.
    pub(crate) fault_on: FaultOn,
    /// What the login page does beside showing a form.
    pub(crate) nuisances: Vec<Nuisance>,
    /// Answers to submissions wait until this is turned off again.
    pub(crate) hold_submissions: bool,
}

impl Default for Dials {
    fn default() -> Self {
        Self {
            login: Login::Form,
            flavour: Flavour::Plain,
            form: FormShape::Usual,
            cookie_life: Some(3600),
            cookie: CookieKind::Plain,
            cookie_prefix: "",
            single_session: false,
            bound_to_agent: false,
            session_life: None,
            sliding: false,
            extra_cookies: Vec::new(),
            dead_session: false,
            signed_out: SignedOut::Redirect,
            wrong_password_status: 200,
            lock_after: None,
            obstacle: None,
            totp: None,
            look_alike: false,
            fault: None,
            fault_on: FaultOn::Everything,
            nuisances: Vec::new(),
            hold_submissions: false,
        }
    }
}

/// How credentials travel, and where the session is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    /// A classic POST with a CSRF token that belongs to a cookie, answered by 303 and the session cookie.
    Form,
    /// `fetch` without a navigation: the answer sets the cookie, the script swaps the document, the URL stays.
    Fetch,
    /// The POST is answered by a page whose script goes on to a second URL, and only that one sets the cookie.
    SecondHop,
    /// `fetch` whose answer is a token, put into `localStorage`; no cookie.
    LocalStorage,
    /// The same, put into `sessionStorage`.
    SessionStorage,
    /// The same, put into IndexedDB (database `app`, store `auth`, key `token`).
    IndexedDb,
    /// Two fields and a button without a `form` around them; a script sends them and navigates.
    WithoutForm,
    /// The classic form in a frame of the same origin; its answer replaces the whole page.
    Frame,
    /// The form in a frame of the foreign origin, which vouches for the visitor with a ticket (single sign-on).
    ForeignFrame,
}

impl Login {
    /// Whether the session is a token in web storage, and no cookie.
    pub(crate) fn keeps_a_token(self) -> bool {
        matches!(
            self,
            Self::LocalStorage | Self::SessionStorage | Self::IndexedDb
        )
    }
}

/// Names of fields and pages: a plain site, or one of WebArena's four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Labels "Username" and "Password", button "Sign in"; `/login`, `/notes`.
    Plain,
    /// Labels "Email" and "Password", button "Sign In"; `/customer/account/login/`, `/wishlist/`.
    Shopping,
    /// Placeholders "user name" and "password", button "Sign in"; `/admin`, `/admin/dashboard` ("Dashboard").
    ShoppingAdmin,
    /// Labels "Username" and "Password", button "Log in"; `/login`, `/user/NAME/account` ("Delete").
    Reddit,
    /// Test ids `username-field`, `password-field`, `sign-in-button`; `/users/sign_in`, `/-/profile`.
    Gitlab,
}

/// What the form looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormShape {
    /// As its [`Flavour`] says.
    Usual,
    /// There is none: "Sign-in is being rebuilt".
    Missing,
    /// Other names, ids and labels for both fields and the button.
    Renamed,
    /// Trap fields stand before the real ones, hidden in five ways; a submission that fills one is refused.
    Traps,
    /// Drawn by a script, a moment after the page has loaded.
    Late,
    /// A registration form (username, password, password again), and nothing to sign in with.
    Register,
    /// No button: the Enter key submits, by a script.
    NoButton,
    /// The button stays disabled until both fields have seen `input` events, as frameworks do it.
    Watched,
    /// A search field and a newsletter form come before the login form.
    AmongOthers,
    /// Only a search field and a newsletter form: nothing to sign in with.
    OnlyOthers,
    /// A form to change the password (present, new, new again), and nothing to sign in with.
    ChangePassword,
    /// The usual form, not displayed, behind a button for single sign-on.
    Undisplayed,
    /// The usual form, but it posts to the foreign origin.
    PostsElsewhere,
    /// The usual form, but by GET: the password would stand in the URL.
    ByGet,
}

/// Attributes of the session cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieKind {
    /// `sid`; HttpOnly, SameSite=Lax.
    Plain,
    /// `__Host-sid`; Secure, HttpOnly, SameSite=Strict (Chromium takes 127.0.0.1 for secure).
    HostPrefix,
    /// `sid`; Secure, HttpOnly, SameSite=None, Partitioned (CHIPS).
    Partitioned,
}

/// A cookie beside the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtraCookie {
    /// `theme=dark`, for a year, not HttpOnly.
    Preference,
    /// `widget=…; Partitioned`.
    Partitioned,
    /// `__Host-extra=1`.
    HostPrefix,
    /// `stolen=1; Domain=other.test`: another site's domain.
    OtherDomain,
    /// `wide=1; Domain=com`: a public suffix.
    PublicSuffix,
    /// This many cookies `n0=…` to `nN=…`, set by the signed-in page's script. Chromium keeps 180 a domain: more
    /// than that push the session's own out.
    Many(usize),
    /// One cookie of this many bytes in the login's answer, and the same set by the signed-in page. Chromium drops
    /// a cookie above 4 KiB, and the whole answer above 256 KiB of headers.
    Huge(usize),
    /// A cookie whose value is the empty string, and one whose name is.
    Empty,
    /// Values with quotes, commas and bytes beyond ASCII.
    Odd,
}

/// What the protected page answers to somebody signed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedOut {
    /// 303 to the login page.
    Redirect,
    /// 200 with the login form in place of the page.
    FormInPlace,
    /// 401 with a bare sentence.
    Unauthorized,
}

/// What a site asks for beside the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// A CAPTCHA stands in the login form.
    CaptchaBefore,
    /// A CAPTCHA page comes after a good password, instead of a session.
    CaptchaAfter,
    /// New terms must be accepted after a good password, before there is a session.
    Consent,
}

/// What goes wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This status and a short page, with `Retry-After` where given (seconds, or an HTTP date).
    Status(u16, Option<String>),
    /// The right answer, at one byte a second.
    Slow,
    /// The connection is reset (RST) instead of an answer.
    Reset,
    /// No answer ever; the connection stays open.
    Silence,
    /// 302 to another URL of the site, for ever.
    EndlessRedirects,
    /// A body that never ends, as a download.
    EndlessBody,
}

/// Which requests a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultOn {
    /// All.
    Everything,
    /// Submitted credentials: they arrive and are counted, then the fault comes instead of an answer.
    Submissions,
    /// Requests for the protected page.
    Probes,
}

/// What the login page does beside showing a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nuisance {
    /// Calls `alert` for ever.
    AlertLoop,
    /// Starts the download of a body that never ends.
    EndlessDownload,
    /// Keeps an event stream open: the network is never idle.
    EventStream,
    /// An image that is never answered: the page never finishes loading.
    NeverLoads,
    /// Registers a service worker that sits between the page and the site.
    ServiceWorker,
    /// Opens a window at the first key or click.
    PopUp,
    /// Tries to open `file:///etc/passwd` in a frame and as the page.
    FileUrl,
    /// A frame of the foreign origin with a password field of its own, beside the real form.
    ForeignPassword,
}
