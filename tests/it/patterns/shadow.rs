//! Web components, dialogs, popovers, and logins that come only when one asks for them.

use super::{Fixture, pass, together};

/// Registers `<log-in>`, whose shadow root of this mode holds the form, and sends it by script.
macro_rules! component {
    ($mode:literal, $around:literal) => {
        concat!(
            $around,
            "<script>customElements.define('log-in', class extends HTMLElement { connectedCallback() {\
              const root = this.attachShadow({ mode: '",
            $mode,
            "' }); root.innerHTML = `<style>label{display:block}</style><form>\
                <label>Nome utente <input name=utente></label><label>Password <input name=parola type=password></label>\
                <button>Accedi</button></form>`;\
              root.querySelector('form').onsubmit = async e => { e.preventDefault();\
                const r = await fetch('/login', { method: 'POST', body: new URLSearchParams(new FormData(e.target)) });\
                top.location = r.url } } });</script>"
        )
    };
}

/// Each field and the button in a component of its own, as design systems have them; the form is the page's.
const FIELD_COMPONENTS: &str = "<form id=f><x-field name=user label='E-mail address'></x-field>\
    <x-field name=password type=password label=Password></x-field><x-button>Sign in</x-button></form><script>\
    customElements.define('x-field', class extends HTMLElement { connectedCallback() {\
      const type = this.getAttribute('type') || 'text';\
      this.attachShadow({ mode: 'open' }).innerHTML = `<label>${this.getAttribute('label')} <input type=${type}></label>`;\
      this.value = () => this.shadowRoot.querySelector('input').value } });\
    customElements.define('x-button', class extends HTMLElement { connectedCallback() {\
      this.attachShadow({ mode: 'open' }).innerHTML = '<button><slot></slot></button>';\
      this.onclick = async () => { const body = new URLSearchParams();\
        for (const field of document.querySelectorAll('x-field')) body.set(field.getAttribute('name'), field.value());\
        location = (await fetch('/login', { method: 'POST', body })).url } } });</script>";

/// A component in a component in a component.
const NESTED: &str = component!(
    "open",
    "<app-shell></app-shell><script>customElements.define('app-panel', class extends HTMLElement { connectedCallback() {\
       this.attachShadow({ mode: 'open' }).innerHTML = '<section><h2>Accesso</h2><log-in></log-in></section>' } });\
     customElements.define('app-shell', class extends HTMLElement { connectedCallback() {\
       this.attachShadow({ mode: 'open' }).innerHTML = '<main><app-panel></app-panel></main>' } });</script>"
);

#[test]
fn web_components() {
    together([
        pass(
            "open shadow root",
            Fixture::form("utente", "parola", component!("open", "<log-in></log-in>")),
        ),
        pass("nested", Fixture::form("utente", "parola", NESTED)),
        pass(
            "a component each",
            Fixture::form("user", "password", FIELD_COMPONENTS),
        ),
    ]);
}

const DIALOG: &str = "<h1>Willkommen</h1><p>Bitte melden Sie sich an.</p><dialog id=d><form method=post action=/login>\
    <label>Benutzername <input name=u></label><label>Passwort <input name=p type=password></label>\
    <button>Anmelden</button> <button type=button onclick='d.close()'>Abbrechen</button></form></dialog>\
    <script>d.showModal()</script>";

const DIALOG_BEHIND_BUTTON: &str = "<header><a href=/>Shop</a> <a href=/cart>Cart (0)</a>\
    <button onclick='d.showModal()'>Sign in</button></header><h1>Spring offers</h1>\
    <dialog id=d><form method=post action=/login><label>Email <input name=u type=email></label>\
    <label>Password <input name=p type=password></label><button>Sign in</button></form></dialog>";

const POPOVER: &str = "<nav><a href=/about>Quiénes somos</a> <button popovertarget=pop>Acceder</button></nav>\
    <div popover id=pop><form method=post action=/login><input name=u placeholder=Usuario>\
    <input name=p type=password placeholder=Contraseña><button>Entrar</button></form></div><h1>Noticias</h1>";

/// A panel that slides in, with a transition and the field focused at its end.
const SLIDES_IN: &str = "<style>#panel{position:fixed;right:0;top:0;width:320px;height:100%;transform:translateX(100%);\
    visibility:hidden;transition:transform .6s, visibility .6s}#panel.open{transform:none;visibility:visible}</style>\
    <a href='#' onclick=\"panel.className='open';return false\">Mon compte – se connecter</a>\
    <div id=panel><form method=post action=/login><label>E-mail <input name=u></label>\
    <label>Mot de passe <input name=p type=password></label><button>Connexion</button></form></div>";

/// The link leads to another page that has the form.
const LINK: &str = "<header><a href=/pricing>Pricing</a> <a href=/signup>Sign up</a> <a class=btn href=/login>Log in</a></header>\
    <h1>The ledger for small teams</h1>";

#[test]
fn logins_that_come_when_one_asks_for_them() {
    let behind_link = Fixture::new(|desk, ask| match ask.line().as_str() {
        "GET /" => super::page("Ledger", LINK),
        "GET /login" => super::page(
            "Log in",
            "<form method=post action=/login><input name=u aria-label=Email><input name=p type=password \
             aria-label=Password><button>Log in</button></form>",
        ),
        "POST /login" => desk
            .enter(ask, "u", "p")
            .unwrap_or_else(|| super::to("/login")),
        _ => desk.usual(ask),
    });
    together([
        pass("dialog", Fixture::form("u", "p", DIALOG)),
        pass(
            "dialog behind a button",
            Fixture::form("u", "p", DIALOG_BEHIND_BUTTON),
        ),
        pass("popover", Fixture::form("u", "p", POPOVER)),
        pass("slides in", Fixture::form("u", "p", SLIDES_IN)),
        pass("behind a link", behind_link.at("/")),
    ]);
}

/// Closed in closed, without custom elements: plain elements that hold nothing one could see from outside.
const CLOSED_NESTED: &str = "<main id=host></main><script>\
    const outer = host.attachShadow({ mode: 'closed' });\
    outer.innerHTML = '<h2>Accesso</h2><section></section>';\
    const inner = outer.querySelector('section').attachShadow({ mode: 'closed' });\
    inner.innerHTML = '<form method=post action=/login><label>Nome utente <input name=utente></label>\
      <label>Password <input name=parola type=password></label><button>Accedi</button></form>'</script>";

/// Closed, in a custom element that nobody defines.
const CLOSED_UNDEFINED: &str = "<sign-in id=host></sign-in><script>\
    host.attachShadow({ mode: 'closed' }).innerHTML = '<form method=post action=/login>\
      <label>Nome utente <input name=utente></label> <label>Password <input name=parola type=password></label>\
      <button>Accedi</button></form>'</script>";

/// A page at `/login` with a frame in which the form is in a closed root.
fn closed_in_a_frame(frame: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => super::page("Portale", &format!("<h1>Area riservata</h1>{frame}")),
        "GET /deep" => super::page("Deep", "<iframe src=/frame width=420 height=260></iframe>"),
        "GET /frame" => super::page("Accesso", component!("closed", "<log-in></log-in>")),
        "POST /login" => desk
            .enter(ask, "utente", "parola")
            .unwrap_or_else(|| super::to("/frame")),
        _ => desk.usual(ask),
    })
}

#[test]
fn closed_shadow_roots() {
    together([
        pass(
            "closed shadow root",
            Fixture::form(
                "utente",
                "parola",
                component!("closed", "<log-in></log-in>"),
            ),
        ),
        pass(
            "closed in closed",
            Fixture::form("utente", "parola", CLOSED_NESTED),
        ),
        pass(
            "closed in what is not defined",
            Fixture::form("utente", "parola", CLOSED_UNDEFINED),
        ),
        pass(
            "closed in a frame",
            closed_in_a_frame("<iframe src=/frame width=500 height=300></iframe>"),
        ),
        pass(
            "closed in a frame in a frame",
            closed_in_a_frame("<iframe src=/deep width=600 height=400></iframe>"),
        ),
    ]);
}

#[test]
fn a_closed_root_is_found_however_deep_it_lies() {
    let deep: &'static str = format!(
        "{}{}{}",
        "<div>".repeat(150),
        component!("closed", "<log-in></log-in>"),
        "</div>".repeat(150)
    )
    .leak();
    together([pass("deep", Fixture::form("utente", "parola", deep))]);
}
