//! The HTML of the test site.

use super::dials::{Dials, ExtraCookie, Flavour, FormShape, Login, Nuisance, Obstacle};

/// Where the pages of a flavour are, and what its fields are called.
pub(crate) struct Words {
    /// Path of the login page; credentials are posted to it too.
    pub(crate) login: &'static str,
    /// Path of the protected page, `NAME` standing for the user.
    pub(crate) home: &'static str,
    username: Field,
    password: Field,
    button: &'static str,
    button_attributes: &'static str,
    /// A word that only the signed-in protected page has.
    pub(crate) keyword: &'static str,
}

struct Field {
    label: &'static str,
    attributes: &'static str,
}

impl Flavour {
    /// The words of this flavour.
    pub(crate) fn words(self) -> Words {
        let field = |label, attributes| Field { label, attributes };
        let (login, home, username, password, button, keyword) = match self {
            Self::Plain => (
                "/login",
                "/notes",
                field("Username", "id='username'"),
                field("Password", "id='password'"),
                "Sign in",
                "Your notes",
            ),
            Self::Shopping => (
                "/customer/account/login/",
                "/wishlist/",
                field("Email", "id='email'"),
                field("Password", "id='pass'"),
                "Sign In",
                "My Wish List",
            ),
            Self::ShoppingAdmin => (
                "/admin",
                "/admin/dashboard",
                field("", "placeholder='user name'"),
                field("", "placeholder='password'"),
                "Sign in",
                "Dashboard",
            ),
            Self::Reddit => (
                "/login",
                "/user/NAME/account",
                field("Username", "id='login-username'"),
                field("Password", "id='login-password'"),
                "Log in",
                "Delete",
            ),
            Self::Gitlab => (
                "/users/sign_in",
                "/-/profile",
                field("", "data-testid='username-field'"),
                field("", "data-testid='password-field'"),
                "Sign in",
                "Edit profile",
            ),
        };
        let button_attributes = match self {
            Self::Gitlab => "data-testid='sign-in-button'",
            _ => "",
        };
        Words {
            login,
            home,
            username,
            password,
            button,
            button_attributes,
            keyword,
        }
    }
}

/// A whole page.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>\
         <link rel=stylesheet href=/style.css><link rel=icon href='data:,'><main>{body}</main></html>"
    )
}

/// The login page, or what stands where it was.
///
/// `token` is the CSRF token, `foreign` the base URL of the other origin, `message` what the last try led to.
pub(crate) fn login(dials: &Dials, token: &str, foreign: &str, message: &str) -> String {
    let alert = match message {
        "" => String::new(),
        text => format!("<p role=alert class=error>{text}</p>"),
    };
    let form = match dials.login {
        Login::Frame => "<iframe title='Sign in' src='/login/frame'></iframe>".to_owned(),
        Login::ForeignFrame => {
            format!("<iframe title='Sign in' src='{foreign}/frame'></iframe>")
        }
        _ => {
            let elsewhere = dials.form == FormShape::PostsElsewhere;
            let origin = if elsewhere { foreign } else { "" };
            let action = format!("{origin}{}", dials.flavour.words().login);
            form(dials, &action, token)
        }
    };
    let mut body = format!("<h1>Sign in</h1>{alert}{form}");
    for nuisance in &dials.nuisances {
        body += &nuisance_html(*nuisance, foreign);
    }
    page("Sign in", &body)
}

/// The form by itself, sent to `action`.
pub(crate) fn form(dials: &Dials, action: &str, token: &str) -> String {
    let words = dials.flavour.words();
    let renamed = dials.form == FormShape::Renamed;
    let input = |field: &Field, name: &str, kind: &str, complete: &str| {
        let (label, attributes) = match (renamed, kind) {
            (true, "text") => ("Member number", "id='x71'"),
            (true, _) => ("Pass phrase", "id='x72'"),
            _ => (field.label, field.attributes),
        };
        let name = match (renamed, kind) {
            (true, "text") => "m_71",
            (true, _) => "m_72",
            _ => name,
        };
        let input = format!(
            "<input name={name} type={kind} autocomplete={complete} {attributes} required>"
        );
        if label.is_empty() {
            input
        } else {
            format!("<label>{label} {input}</label>")
        }
    };
    let username = input(&words.username, "username", "text", "username");
    let password = input(&words.password, "password", "password", "current-password");
    let label = if renamed { "Onwards" } else { words.button };
    let disabled = if dials.form == FormShape::Watched {
        " disabled"
    } else {
        ""
    };
    let button = match dials.form {
        FormShape::NoButton => String::new(),
        _ => format!(
            "<button {}{disabled}>{label}</button>",
            words.button_attributes
        ),
    };
    let traps = if dials.form == FormShape::Traps {
        TRAPS
    } else {
        ""
    };
    let captcha = if dials.obstacle == Some(Obstacle::CaptchaBefore) {
        CAPTCHA
    } else {
        ""
    };
    let fields = format!(
        "<input type=hidden name=token value={token}>{traps}{username}{password}{captcha}{button}"
    );
    let target = match dials.login {
        Login::Frame | Login::ForeignFrame => " target=_top",
        _ => "",
    };
    let method = match dials.form {
        FormShape::ByGet => "get",
        _ => "post",
    };
    let form = match dials.login {
        Login::WithoutForm => format!("<div id=f>{fields}</div>"),
        _ => format!("<form id=f method={method} action='{action}'{target}>{fields}</form>"),
    };
    let form = match dials.form {
        FormShape::Missing => return "<p>Sign-in is being rebuilt. Come back tomorrow.</p>".into(),
        FormShape::Register => return REGISTER.into(),
        FormShape::OnlyOthers => return OTHERS.into(),
        FormShape::ChangePassword => return CHANGE.into(),
        FormShape::Undisplayed => format!(
            "<a href=/sso role=button>Continue with single sign-on</a><div style='display:none'>{form}</div>"
        ),
        FormShape::AmongOthers => format!("{OTHERS}{form}"),
        FormShape::Late => format!(
            "<div id=late></div><script>setTimeout(() => {{ late.innerHTML = `{form}`; wire() }}, 700)</script>"
        ),
        _ => form,
    };
    let script = match dials.login {
        Login::Form | Login::SecondHop | Login::Frame | Login::ForeignFrame => {
            "function wire() {}".to_owned()
        }
        _ => SEND.replace("AFTER", after(dials.login)),
    };
    let watch = match (dials.form, dials.login) {
        (FormShape::Watched, _) => WATCH,
        // Browsers submit two fields without a button only where a script does it.
        (FormShape::NoButton, login) if login != Login::WithoutForm => ENTER,
        _ => "",
    };
    format!("<script>{script}</script>{form}<script>if (window.f) wire(); {watch}</script>")
}

/// What a script does with the answer `a` to an accepted login.
fn after(login: Login) -> &'static str {
    match login {
        Login::LocalStorage => "localStorage.setItem('token', a.token); swap(a.page)",
        Login::SessionStorage => "sessionStorage.setItem('token', a.token); swap(a.page)",
        Login::IndexedDb => "put(a.token, () => swap(a.page))",
        Login::WithoutForm => "location.href = a.home",
        _ => "swap(a.page)",
    }
}

/// The signed-in page.
pub(crate) fn home(dials: &Dials, user: &str) -> String {
    let mut body = inner_home(dials, user);
    for extra in &dials.extra_cookies {
        match extra {
            ExtraCookie::Many(count) => {
                body += &format!(
                    "<script>for (let i = 0; i < {count}; i++) document.cookie = `n${{i}}=${{i}}; path=/`</script>"
                );
            }
            ExtraCookie::Huge(bytes) => {
                body += &format!(
                    "<script>document.cookie = 'huge=' + 'x'.repeat({bytes}) + '; path=/'</script>"
                );
            }
            _ => {}
        }
    }
    page("Notes", &body)
}

/// What a script puts into the document after a login without a navigation.
pub(crate) fn inner_home(dials: &Dials, user: &str) -> String {
    let keyword = dials.flavour.words().keyword;
    format!(
        "<h1>{keyword}</h1><p>Signed in as <b id=user>{user}</b>. <a href=/logout>Sign out</a></p>"
    )
}

/// The protected page of a site that keeps a token: an empty shell that asks the API.
pub(crate) fn shell(dials: &Dials) -> String {
    let read = match dials.login {
        Login::LocalStorage => "ask(localStorage.getItem('token'))",
        Login::SessionStorage => "ask(sessionStorage.getItem('token'))",
        _ => "get(ask)",
    };
    let script = SHELL
        .replace("READ", read)
        .replace("LOGIN", dials.flavour.words().login);
    page("Notes", &format!("<p>Loading</p><script>{script}</script>"))
}

/// The page that asks for the one-time code.
pub(crate) fn code(message: &str) -> String {
    let body = format!(
        "<h1>Two-step verification</h1><p role=alert class=error>{message}</p>\
         <form method=post action=/login/code><label>One-time code \
         <input name=code inputmode=numeric autocomplete=one-time-code maxlength=6 required></label>\
         <button>Verify</button></form>"
    );
    page("Two-step verification", &body)
}

/// The page that stands between a good password and a session.
pub(crate) fn obstacle(obstacle: Obstacle) -> String {
    let body = match obstacle {
        Obstacle::Consent => {
            "<h1>We have new terms</h1><form method=post action=/consent>\
             <label><input type=checkbox name=agree required> I have read and agree</label><button>Accept and go on</button></form>"
        }
        _ => {
            "<h1>Are you a person?</h1><form method=post action=/captcha>CAPTCHA<button>Verify</button></form>"
        }
    };
    page("One more thing", &body.replace("CAPTCHA", CAPTCHA))
}

fn nuisance_html(nuisance: Nuisance, foreign: &str) -> String {
    match nuisance {
        Nuisance::AlertLoop => "<script>setTimeout(() => { for (;;) alert('Hello') })</script>",
        Nuisance::EndlessDownload => "<iframe hidden src=/endless></iframe>",
        Nuisance::EventStream => "<script>new EventSource('/events')</script>",
        Nuisance::NeverLoads => "<img alt='' src=/never>",
        Nuisance::ServiceWorker => {
            "<script>navigator.serviceWorker.register('/worker.js')</script>"
        }
        Nuisance::PopUp => {
            "<script>for (const e of ['keydown', 'click']) addEventListener(e, () => open('/pop-up'), { once: true })</script>"
        }
        Nuisance::FileUrl => {
            "<iframe src='file:///etc/passwd'></iframe><script>location.href = 'file:///etc/passwd'</script>"
        }
        Nuisance::ForeignPassword => {
            return format!("<iframe title='Sign in' src='{foreign}/frame'></iframe>");
        }
    }
    .to_owned()
}

const TRAPS: &str = "<input type=password name=trap1 style='position:absolute;left:-9999px' tabindex=-1 autocomplete=off>\
<input type=text name=trap2 style='opacity:0;position:absolute;width:1px;height:1px' autocomplete=username>\
<input type=password name=trap3 style='display:none' autocomplete=current-password>\
<label aria-hidden=true style='visibility:hidden;position:absolute'>Password <input type=password name=trap4></label>\
<div style='height:0;overflow:hidden'><label>Username <input type=text name=trap5 tabindex=-1></label></div>";

const CAPTCHA: &str = "<div class='g-recaptcha' data-sitekey='test'><iframe title='reCAPTCHA' width=300 height=74 \
srcdoc=\"<div role=checkbox aria-label='I am not a robot'></div>\"></iframe></div>\
<textarea name='g-recaptcha-response' hidden></textarea>";

const REGISTER: &str = "<form method=post action=/register><label>Choose a username <input name=username autocomplete=username></label>\
<label>Choose a password <input name=password type=password autocomplete=new-password></label>\
<label>Repeat it <input name=repeat type=password autocomplete=new-password></label><button>Create account</button></form>";

const CHANGE: &str = "<form method=post action=/password><label>Present password \
<input name=old type=password autocomplete=current-password></label><label>New password \
<input name=new type=password autocomplete=new-password></label><label>New password again \
<input name=again type=password autocomplete=new-password></label><button>Change password</button></form>";

const OTHERS: &str = "<form role=search action=/search><input type=search name=q placeholder=Search><button>Search</button></form>\
<form method=post action=/newsletter><label>Newsletter <input type=email name=news placeholder='Your e-mail'></label><button>Subscribe</button></form>";

const WATCH: &str = "const seen = new Set(); f.addEventListener('input', e => { seen.add(e.target.name); \
if (seen.size > 1) f.querySelector('button').disabled = false })";

const ENTER: &str = "f.addEventListener('keydown', e => e.key == 'Enter' && f.requestSubmit())";

/// `put`, `get`: the token in IndexedDB. `swap`: a new document without a navigation.
const SEND: &str = "
function db(use) { const r = indexedDB.open('app', 1); r.onupgradeneeded = () => r.result.createObjectStore('auth'); r.onsuccess = () => use(r.result) }
function put(token, then) { db(d => { const t = d.transaction('auth', 'readwrite'); t.objectStore('auth').put(token, 'token'); t.oncomplete = () => { d.close(); then() } }) }
function swap(html) { document.querySelector('main').innerHTML = html }
async function send(e) {
  e.preventDefault()
  const entry = {}
  for (const i of f.querySelectorAll('input')) entry[i.name] = i.value
  const r = await fetch('/api/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(entry) })
  const a = await r.json()
  if (a.next) location.href = a.next
  else if (a.ok) { AFTER }
  else { const p = document.querySelector('[role=alert]') || document.createElement('p'); p.role = 'alert'; p.className = 'error'; p.textContent = a.error; f.before(p) }
}
function wire() {
  if (f.tagName == 'FORM') return f.addEventListener('submit', send)
  const b = f.querySelector('button')
  if (b) b.addEventListener('click', send)
  f.addEventListener('keydown', e => { if (e.key == 'Enter' && e.target.tagName == 'INPUT') send(e) })
}";

const SHELL: &str = "
function get(then) { const r = indexedDB.open('app', 1); r.onupgradeneeded = () => r.result.createObjectStore('auth');
  r.onsuccess = () => { const q = r.result.transaction('auth').objectStore('auth').get('token'); q.onsuccess = () => { r.result.close(); then(q.result) } } }
async function ask(token) {
  const r = token && await fetch('/api/me', { headers: { authorization: 'Bearer ' + token } })
  if (r && r.ok) document.querySelector('main').innerHTML = (await r.json()).page
  else location.replace('LOGIN')
}
READ";
