//! Fields that a framework looks after: what is typed must arrive as if a person had typed it.

use jarkeeper::failure::FailureClass;

use super::{Fixture, pass, refuse, together};

/// Sends what the model holds, not what the fields show, as frameworks do.
macro_rules! model {
    ($rest:literal) => {
        concat!(
            "<div id=root></div><script>const model = { user: '', password: '' };\
            async function send(e) { e && e.preventDefault(); const r = await fetch('/login', { method: 'POST',\
              headers: { 'content-type': 'application/json' }, body: JSON.stringify(model) }); if (r.ok) location = '/home' }\
            const root = document.getElementById('root');",
            $rest,
            "</script>"
        )
    };
}

/// Controlled inputs: the value is put back to the model's at once unless an input event told the model.
const CONTROLLED: &str = model!(
    "root.innerHTML = `<form><label for=u>Email</label><input id=u type=email name=user>\
       <label for=p>Password</label><input id=p type=password name=password><button>Log in</button></form>`;\
     const own = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value');\
     for (const i of root.querySelectorAll('input')) {\
       i.addEventListener('input', e => { if (!e.isTrusted) return; model[i.name] = own.get.call(i) });\
       i.addEventListener('blur', () => own.set.call(i, model[i.name])) }\
     root.firstChild.onsubmit = send;"
);

/// The form is drawn anew with every change of the focus, as a careless framework does.
const REDRAWN: &str = model!(
    "let drawing = false; function draw(focus) { drawing = true; root.innerHTML = `<form><input id=user placeholder=Username><input id=password type=password \
       placeholder=Password><button>Sign in</button></form>`; const f = root.firstChild; f.onsubmit = send;\
       for (const i of f.querySelectorAll('input')) { i.value = model[i.id]; i.oninput = () => model[i.id] = i.value;\
         i.onfocus = () => { if (!drawing && i.id != last) { last = i.id; draw(i.id) } } }\
       if (focus) document.getElementById(focus).focus(); drawing = false } let last = ''; draw();"
);

/// Drawn anew once, half a second after the first focus: what was found is no longer in the document.
const REPLACED: &str = model!(
    "function draw() { root.innerHTML = `<form><input id=user placeholder=Username><input id=password type=password \
       placeholder=Password><button>Sign in</button></form>`; const f = root.firstChild; f.onsubmit = send;\
       for (const i of f.querySelectorAll('input')) { i.value = model[i.id]; i.oninput = () => model[i.id] = i.value } }\
     draw(); root.addEventListener('blur', e => { if (e.target.id == 'user') draw() }, { capture: true, once: true });"
);

/// A mask takes keys one by one and writes the field itself.
const MASKED: &str = model!(
    "root.innerHTML = `<form><label>Login <input id=user></label><label>Password <input id=password type=password></label>\
       <button>Entrar</button></form>`; root.firstChild.onsubmit = send;\
     for (const i of root.querySelectorAll('input')) {\
       i.addEventListener('beforeinput', e => { if ((e.data || '').length > 1) e.preventDefault() });\
       i.addEventListener('input', () => model[i.id] = i.value) }"
);

/// A search field takes the focus back again and again while one types.
const FOCUS_THIEF: &str = "<form role=search action=/search><input id=q name=q type=search></form>\
    <form method=post action=/login><label>E-mail <input name=email type=email></label>\
    <label>Password <input name=password type=password></label><button>Sign in</button></form>\
    <script>let n = 0; const t = setInterval(() => { q.focus(); if (++n > 8) clearInterval(t) }, 250)</script>";

/// The next field gets the focus by itself when one is full.
const AUTOFOCUS: &str = "<form method=post action=/login id=f><label>Kundennummer oder E-Mail <input name=email></label>\
    <label>PIN oder Passwort <input name=password type=password autofocus></label><button>Einloggen</button></form>\
    <script>f.email.oninput = () => f.password.focus()</script>";

/// Fields that hold what the last user of the page typed.
const PREFILLED: &str = "<form method=post action=/login><label>User <input name=user value='guest'></label>\
    <label>Password <input name=password type=password value='guestguest'></label><button>Login</button></form>";

/// The two characters of the button stand apart, as a much used library sets them; the button is no button, and Enter does
/// nothing.
const APART: &str = "<div><input id=u placeholder='请输入手机号/邮箱'></div><div><input id=p type=password placeholder='请输入密码'></div>\
    <div onclick='go()' style='cursor:pointer'><span>登 录</span></div><script>async function go() { const r = await fetch('/login', {\
    method: 'POST', body: new URLSearchParams({ user: u.value, password: p.value }) }); if (r.redirected) location = '/home' }</script>";

/// Nothing is sent before a box is ticked that binds nobody.
const BOX: &str = "<form method=post action=/login><label>User <input name=user></label><label>Password <input name=password type=password></label>\
    <label><input type=checkbox required> I do not share this computer</label><button>Log in</button></form>";

/// Nothing is sent before a person has agreed.
const TERMS: &str = "<form method=post action=/login><label>User <input name=user></label><label>Password <input name=password type=password></label>\
    <label><input type=checkbox required> I accept the terms of use</label><button>Log in</button></form>";

#[test]
fn a_form_is_sent_by_what_sends_it() {
    together([
        pass("apart", Fixture::form("user", "password", APART)),
        pass("box", Fixture::form("user", "password", BOX)),
        refuse(
            "terms",
            Fixture::form("user", "password", TERMS),
            FailureClass::FormChanged,
            0,
        ),
    ]);
}

#[test]
fn what_is_typed_arrives() {
    together([
        pass("controlled", Fixture::form("user", "password", CONTROLLED)),
        pass(
            "redrawn on focus",
            Fixture::form("user", "password", REDRAWN),
        ),
        pass(
            "replaced on blur",
            Fixture::form("user", "password", REPLACED),
        ),
        pass("masked", Fixture::form("user", "password", MASKED)),
        pass(
            "focus thief",
            Fixture::form("email", "password", FOCUS_THIEF),
        ),
        pass(
            "focus runs ahead",
            Fixture::form("email", "password", AUTOFOCUS),
        ),
        pass("prefilled", Fixture::form("user", "password", PREFILLED)),
    ]);
}
