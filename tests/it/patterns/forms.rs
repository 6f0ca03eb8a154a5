//! Forms as people write them: where the fields are, what stands beside them, what sends them.

use super::{Fixture, page, pass, to, together};

const PLAIN: &str = "<main><h1>Welcome back</h1><form method=post action=/login>\
    <div class=field><label for=u>E-mail</label><input id=u name=email type=email></div>\
    <div class=field><label for=p>Password</label><input id=p name=password type=password></div>\
    <button type=submit class='btn btn-primary'>Sign in</button></form></main>";

/// No `form` at all: a script reads the fields and sends them.
const FORMLESS: &str = "<div class=login-box><h2>Connexion</h2>\
    <p>Adresse e-mail<br><input class=txt id=mail></p><p>Mot de passe<br><input class=txt id=mdp type=password></p>\
    <div class=actions><button type=button id=go>Se connecter</button> <a href=/oubli>Mot de passe oublié ?</a></div></div>\
    <script>go.onclick = async () => {\
      const r = await fetch('/login', { method: 'POST', headers: { 'content-type': 'application/json' },\
        body: JSON.stringify({ email: mail.value, password: mdp.value }) });\
      if (r.ok) location.href = '/home' }</script>";

const BESIDE_SIGN_UP: &str = "<div class=columns><section><h2>New here?</h2><form method=post action=/register id=register>\
      <label>Your name <input name=name></label><label>E-mail <input type=email name=email></label>\
      <label>Password <input type=password name=password minlength=8></label><button>Create account</button></form></section>\
    <section><h2>Already a customer?</h2><form method=post action=/login>\
      <label>E-mail <input type=email name=email></label><label>Password <input type=password name=password></label>\
      <button>Sign in</button></form></section></div>";

const BESIDE_NEWSLETTER: &str = "<form method=post action=/login class=panel><h1>Anmelden</h1>\
      <label for=b>Benutzername oder E-Mail</label><input id=b name=benutzer>\
      <label for=k>Kennwort</label><input id=k name=kennwort type=password><input type=submit value=Anmelden></form>\
    <footer><form method=post action=/newsletter><b>Nichts mehr verpassen</b>\
      <input type=email name=email placeholder='Ihre E-Mail-Adresse'><button>Abonnieren</button></form></footer>";

const BESIDE_SEARCH: &str = "<header><form action=/search role=search><input name=q placeholder='Search the catalogue' autofocus>\
      <button>Go</button></form></header>\
    <form method=post action=/login><table><tr><td>Login:<td><input name=user><tr><td>Password:<td><input name=pass type=password>\
      <tr><td colspan=2><input type=submit value='Log in'></table></form>";

#[test]
fn plain_formless_and_crowded() {
    together([
        pass("plain", Fixture::form("email", "password", PLAIN)),
        pass("formless", Fixture::form("email", "password", FORMLESS)),
        pass(
            "beside sign-up",
            Fixture::form("email", "password", BESIDE_SIGN_UP),
        ),
        pass(
            "beside a newsletter",
            Fixture::form("benutzer", "kennwort", BESIDE_NEWSLETTER),
        ),
        pass(
            "beside a search",
            Fixture::form("user", "pass", BESIDE_SEARCH),
        ),
    ]);
}

/// A login form with a trap before its own fields.
fn trapped(name: &'static str, trap: &str) -> super::Check {
    let body = format!(
        "<style>.hp{{position:absolute;left:-5000px}}</style><form method=post action=/login>{trap}\
         <p><label>Usuario <input name=usuario></label></p><p><label>Contraseña <input type=password name=clave></label></p>\
         <button>Iniciar sesión</button></form>"
    );
    pass(name, Fixture::form("usuario", "clave", body.leak()))
}

#[test]
fn fields_that_people_do_not_see_stay_empty() {
    together([
        trapped(
            "not displayed",
            "<div style='display:none'><input name=trap1><input type=password name=trap2></div>",
        ),
        trapped(
            "off the page",
            "<div class=hp><label>Email <input type=email name=trap1 autocomplete=off></label>\
             <input type=password name=trap2></div>",
        ),
        trapped(
            "transparent",
            "<input name=trap1 placeholder=Username style='opacity:0;position:absolute'>\
             <input type=password name=trap2 style='opacity:0;position:absolute;pointer-events:none'>",
        ),
        trapped(
            "one pixel",
            "<input name=trap1 autocomplete=username style='width:1px;height:1px;border:0;padding:0'>\
             <input type=password name=trap2 style='width:1px;height:1px;border:0;padding:0'>",
        ),
        trapped(
            "clipped",
            "<span style='position:absolute;clip:rect(0 0 0 0);clip-path:inset(50%);width:1px;height:1px;overflow:hidden'>\
             <input name=trap1 id=email><input type=password name=trap2 id=password></span>",
        ),
        trapped(
            "clipped at full size",
            "<div style='position:absolute;clip-path:inset(100%)'><input name=trap1 id=username>\
             <input type=password name=trap2></div>",
        ),
        trapped(
            "hidden from readers",
            "<div aria-hidden=true style='position:absolute;top:0;right:0'><input name=trap1 tabindex=-1 autocomplete=off>\
             <input type=password name=trap2 tabindex=-1></div>",
        ),
        trapped(
            "behind another field",
            "<div style='position:relative'><input name=trap1 tabindex=-1 style='position:absolute;z-index:-1;left:0;top:0'>\
             <div style='background:#fff;position:relative;width:400px;height:40px'></div></div>",
        ),
        pass("a layer", Fixture::form("u", "p", LAYER)),
        pass("a card", Fixture::form("u", "p", CARD)),
        trapped(
            "placed in a box without height",
            "<div style='height:0;overflow:hidden;position:relative'><div style='position:absolute'>\
             <input name=trap1 id=username><input type=password name=trap2></div></div>",
        ),
        trapped(
            "fixed in a moved box without height",
            "<div style='height:0;overflow:hidden;transform:translateX(0)'><div style='position:fixed'>\
             <input name=trap1 id=username><input type=password name=trap2></div></div>",
        ),
        trapped(
            "in a box without height",
            "<div style='height:0;overflow:hidden'><label>Leave this empty <input name=trap1></label></div>",
        ),
    ]);
}

/// Ids and names that are made anew for each load.
fn ever_new() -> Fixture {
    Fixture::new(|desk, ask| match ask.line().as_str() {
        "GET /login" => {
            let (user, password) = (desk.fresh("f"), desk.fresh("f"));
            desk.note("user", &user);
            desk.note("password", &password);
            let form = format!(
                "<form method=post action=/login id={} autocomplete=off><div><label for={user}>E-mailadres</label>\
                 <input id={user} name={user}></div><div><label for={password}>Wachtwoord</label>\
                 <input id={password} name={password} type=password></div><button>Inloggen</button></form>",
                desk.fresh("x")
            );
            page("Inloggen", &form)
        }
        "POST /login" => {
            let entered = desk.enter(ask, &desk.noted("user"), &desk.noted("password"));
            entered.unwrap_or_else(|| to("/login"))
        }
        _ => desk.usual(ask),
    })
}

/// The password is a text field until a script, or the person, changes it.
const TOGGLED: &str = "<form method=post action=/login><label>Email <input name=email type=email autocomplete=username></label>\
    <label>Password <input id=pw name=password type=text autocomplete=current-password></label>\
    <button type=button aria-label='Hide password' onclick=\"pw.type = pw.type == 'text' ? 'password' : 'text'\">👁</button>\
    <button>Log in</button></form>";

const EYE: &str = "<form method=post action=/login><input name=email type=email placeholder=Email>\
    <div style='position:relative'><input id=pw name=password type=password placeholder=Password>\
    <button type=button onclick=\"pw.type = 'text'\" style='position:absolute;right:0'>Show</button></div>\
    <button type=button onclick=\"location = '/sso'\">Sign in with SSO</button><button type=submit>Sign in</button></form>";

/// A text field that says "Password" stands where the real one comes as soon as one goes there.
const STAND_IN: &str = "<form method=post action=/login name=entry><label>E-Mail <input name=mail></label>\
    <p><input id=clearPassword value=Password onfocus=\"this.style.display = 'none'; real.style.display = ''; real.focus()\">\
    <input id=real name=secret type=password style='display:none'></p><button>Anmelden</button></form>";

#[test]
fn names_and_types_that_change() {
    together([
        pass("ever new names", ever_new()),
        pass(
            "password as text",
            Fixture::form("email", "password", TOGGLED),
        ),
        pass("an eye beside it", Fixture::form("email", "password", EYE)),
        pass("a stand-in", Fixture::form("mail", "secret", STAND_IN)),
    ]);
}

const DISABLED: &str = "<form method=post action=/login id=f><label>Bruker <input name=bruker></label>\
    <label>Passord <input name=passord type=password></label><button id=b disabled>Logg inn</button></form>\
    <script>f.oninput = () => setTimeout(() => b.disabled = !(f.bruker.value && f.passord.value), 300)</script>";

const FORM_ATTRIBUTE: &str = "<form method=post action=/login id=signin><label>Käyttäjä <input name=user></label>\
    <label>Salasana <input name=password type=password></label></form>\
    <div class=toolbar><button type=button>Peruuta</button><button form=signin class=primary>Kirjaudu</button></div>";

/// The button is outside the form, at the foot of the page.
const FAR_BUTTON: &str = "<form id=f onsubmit='return false'><label>Username <input id=u></label>\
    <label>Password <input id=p type=password></label></form><div style='height:450px'></div>\
    <div role=button tabindex=0 id=go class=btn>Log in</div>\
    <script>go.onclick = async () => { await fetch('/login', { method: 'POST', body: new URLSearchParams({ u: u.value, p: p.value }) });\
      location = '/home' }</script>";

/// The same at the right end of a wide page's foot, and it is all that says to sign in.
const LONE_BUTTON: &str = "<form id=f onsubmit='return false'><label>Username <input id=u></label>\
    <label>Password <input id=p type=password></label></form><div style='height:1400px'>Opening hours: 9 to 17</div>\
    <footer><button type=button>Imprint</button><button type=button id=go>Log in</button></footer>\
    <script>go.onclick = async () => { await fetch('/login', { method: 'POST', body: new URLSearchParams({ u: u.value, p: p.value }) });\
      location = '/home' }</script>";

/// A layer that covers the page, inside a box without height that cuts off what it places itself; so is a card.
const LAYER: &str = "<div style='height:0;overflow:hidden'><div style='position:fixed;inset:0;background:#fff'>\
    <form method=post action=/login><label>Usuário <input name=u></label><label>Senha <input name=p type=password></label>\
    <button>Entrar</button></form></div></div>";
const CARD: &str = "<div style='position:relative;min-height:400px'><section style='height:0;overflow:hidden'>\
    <div style='position:absolute;left:80px;top:60px'><form method=post action=/login><label>Usuário <input name=u></label>\
    <label>Senha <input name=p type=password></label><button>Entrar</button></form></div></section></div>";

/// No button; the script waits for Enter in the password.
const ENTER_ONLY: &str = "<div><input id=u placeholder='ユーザー名'><input id=p type=password placeholder='パスワード'></div>\
    <script>p.onkeydown = async e => { if (e.key != 'Enter') return;\
      await fetch('/login', { method: 'POST', body: new URLSearchParams({ u: u.value, p: p.value }) }); location = '/home' }</script>";

/// A picture for a button, and one that is only an icon.
const IMAGE: &str = "<form method=post action=/login>Login <input name=u> Hasło <input name=p type=password>\
    <input type=image alt='Zaloguj się' src='data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7' width=40 height=20></form>";
const ICON: &str = "<form method=post action=/login class=signin-form><input name=u placeholder='Имя пользователя'>\
    <input name=p type=password placeholder='Пароль'>\
    <button class=icon-btn><svg width=20 height=20><path d='M0 0h20v20z'/></svg></button></form>";

#[test]
fn buttons_of_every_kind() {
    together([
        pass(
            "disabled until input",
            Fixture::form("bruker", "passord", DISABLED),
        ),
        pass(
            "form attribute",
            Fixture::form("user", "password", FORM_ATTRIBUTE),
        ),
        pass("far away", Fixture::form("u", "p", FAR_BUTTON)),
        pass("the only one", Fixture::form("u", "p", LONE_BUTTON)),
        pass("Enter only", Fixture::form("u", "p", ENTER_ONLY)),
        pass("a picture", Fixture::form("u", "p", IMAGE)),
        pass("an icon", Fixture::form("u", "p", ICON)),
    ]);
}

/// The login among 2,000 other elements, with 300 links and a table before it.
fn crowded() -> Fixture {
    let links =
        "<li><a href=/article>Login problems of the week, and how to sign in</a>".repeat(300);
    let rows = "<tr><td>row<td><input type=checkbox name=c><td><select><option>a<option>b</select>"
        .repeat(350);
    let body = format!(
        "<nav><ul>{links}</ul></nav><form action=/filter><table>{rows}</table><button>Filter</button></form>\
         <aside><form method=post action=/login><label>Account <input name=account></label>\
         <label>Password <input name=secret type=password></label><button>Enter</button></form></aside>"
    );
    Fixture::form("account", "secret", body.leak())
}

#[test]
fn a_page_with_two_thousand_elements() {
    together([pass("crowded", crowded())]);
}
