//! What stands between the URL and the session beside the form: banners, choosers, offers, consents.

use jarkeeper::failure::FailureClass;

use super::{
    Ask, Desk, Fixture, Reply, USER, page, pass, pass_with, refuse, refuses_with, to, together,
};

const FORM: &str = "<form method=post action=/login><label>Username <input name=username></label>\
    <label>Password <input name=password type=password></label><button>Log in</button></form>";

/// A usual site that lets in only who has answered its banner by refusing.
fn behind(login: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Log in", login),
        "GET /consent" => page(
            "Privacy",
            "<p>We value your privacy and use cookies.</p><button>Accept all</button>\
             <button onclick=\"parent.postMessage('none', '*')\">Only necessary</button>",
        ),
        "POST /login" if ask.cookie("consent") != "none" => {
            page("No", "<h1>The banner was not answered</h1>")
        }
        "POST /login" => desk.enter(ask, "username", "password").unwrap_or_else(|| {
            page(
                "Log in",
                &format!("<p class=error>Wrong password</p>{FORM}"),
            )
        }),
        _ => desk.usual(ask),
    })
}

const OVER: &str = "position:fixed;inset:0;background:#fffe;z-index:9";

fn banner() -> Fixture {
    behind(Box::leak(
        format!(
            "{FORM}<div id=b style='{OVER}'><p>Wir verwenden Cookies.</p><a href=/privacy>Mehr erfahren</a>\
             <button onclick=\"b.remove(); document.cookie = 'consent=all'\">Alle akzeptieren</button>\
             <button onclick=\"b.remove(); document.cookie = 'consent=none'\">Ablehnen</button></div>"
        )
        .into_boxed_str(),
    ))
}

fn banner_in_shadow() -> Fixture {
    behind(Box::leak(
        format!(
            "{FORM}<consent-manager id=b></consent-manager><script>const r = b.attachShadow({{ mode: 'open' }});\
             r.innerHTML = `<div style='{OVER}'><p>This site uses cookies</p><button>Accept</button><button>Reject</button></div>`;\
             r.querySelectorAll('button')[1].onclick = () => {{ b.remove(); document.cookie = 'consent=none' }}</script>"
        )
        .into_boxed_str(),
    ))
}

fn banner_in_frame() -> Fixture {
    behind(Box::leak(
        format!(
            "{FORM}<div id=b style='{OVER}'><iframe src=/consent style='width:600px;height:300px'></iframe></div>\
             <script>onmessage = e => {{ b.remove(); document.cookie = 'consent=' + e.data }}</script>"
        )
        .into_boxed_str(),
    ))
}

/// Nothing but the banner can be reached, and it is answered before the form comes to life.
fn banner_modal() -> Fixture {
    behind(Box::leak(
        format!(
            "<main id=m inert>{FORM}</main><dialog id=d><p>Nous utilisons des cookies.</p><button>Personnaliser</button>\
             <button id=n>Continuer sans accepter</button><button>Tout accepter</button></dialog><script>d.showModal();\
             n.onclick = () => {{ d.close(); m.inert = false; document.cookie = 'consent=none' }}</script>"
        )
        .into_boxed_str(),
    ))
}

#[test]
fn banners_that_cover_the_form_are_answered() {
    together([
        pass("banner", banner()),
        pass("banner in a shadow root", banner_in_shadow()),
        pass("banner in a frame", banner_in_frame()),
        pass("modal banner", banner_modal()),
    ]);
}

/// The login leads through this page before it gives the session; only `way` answers it.
fn through(question: &'static str, way: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Log in", FORM),
        "POST /login" => match desk.judge(ask.field("username"), ask.field("password")) {
            true => to("/question").cookie(&format!("half={}; Path=/", desk.open("half"))),
            false => page(
                "Log in",
                &format!("<p class=error>Wrong password</p>{FORM}"),
            ),
        },
        "GET /question" => page("Notes", question),
        "POST /question" | "GET /answer" => settle(desk, ask, way),
        _ => desk.usual(ask),
    })
}

fn settle(desk: &Desk, ask: &Ask, way: &str) -> Reply {
    let half = desk.whose(ask.cookie("half")).is_some();
    match half && ask.field("answer") == way {
        true => to("/home").cookie(&format!("sid={}; Path=/; HttpOnly", desk.open(USER))),
        false => page("Notes", "<h1>That was not the answer</h1>"),
    }
}

const STAY: &str = "<h1>Stay signed in?</h1><p>Do this to reduce the number of times you are asked to sign in.</p>\
    <form method=post action=/question><label><input type=checkbox name=again> Don't show this again</label>\
    <button name=answer value=no>No</button><button name=answer value=yes>Yes</button></form>";
const BLEIBEN: &str = "<h1>Angemeldet bleiben?</h1><form method=post action=/question>\
    <button name=answer value=no>Nein</button><button name=answer value=yes>Ja, angemeldet bleiben</button></form>";
const DEVICE: &str = "<h2>Trust this device?</h2><p>You won't be asked for a code here.</p>\
    <a role=button href='/answer?answer=yes'>Yes, trust</a> <a role=button href='/answer?answer=no'>Don't trust</a>";
const PASSKEY: &str = "<h1>Sign in faster next time</h1><p>Create a passkey on this device.</p>\
    <button onclick='location=\"/answer?answer=yes\"'>Create a passkey</button>\
    <button onclick='location=\"/answer?answer=no\"'>Not now</button>";
const PHONE: &str = "<h1>Protégez votre compte</h1><p>Ajoutez un numéro de téléphone</p><form method=post action=/question>\
    <button name=answer value=yes>Ajouter</button><button name=answer value=no>Plus tard</button></form>";
const TEAM: &str = "<h1>Choose an organization</h1><nav><a href=/help>Help</a></nav><ul>\
    <li><a href='/answer?answer=heron'>Heron GmbH</a></li><li><a href='/answer?answer=kestrel'>Kestrel Ltd</a></li></ul>\
    <a href=/new>Create a new organization</a>";
const ONLY: &str = "<h1>Select your workspace</h1><div class=list><div tabindex=0 onclick=\"location='/answer?answer=one'\">\
    <b>Notes of Ada</b><br>1 member</div></div><button>Create workspace</button>";
const RADIO: &str = "<h1>Mandant auswählen</h1><form method=post action=/question>\
    <label><input type=radio name=answer value=heron> Heron</label><label><input type=radio name=answer value=kestrel> Kestrel</label>\
    <button>Weiter</button></form>";
const SELECT: &str = "<h1>Sélectionnez votre entreprise</h1><form method=post action=/question><select name=answer>\
    <option value=''>Choisir…</option><option value=kestrel>Kestrel</option></select><button>Continuer</button></form>";

#[test]
fn offers_and_choosers_after_the_password_are_passed() {
    together([
        pass("stay signed in", through(STAY, "yes")),
        pass("angemeldet bleiben", through(BLEIBEN, "yes")),
        pass("trusted device", through(DEVICE, "yes")),
        pass("passkey offer", through(PASSKEY, "no")),
        pass("phone number", through(PHONE, "no")),
        pass("organisation by name", through(TEAM, "kestrel")),
        pass("only workspace", through(ONLY, "one")),
        pass("organisation by radio", through(RADIO, "kestrel")),
        pass("organisation by list", through(SELECT, "kestrel")),
    ]);
}

/// Identifier, chooser of ways, password: three pages, with a passkey asked for first.
fn three_pages(first: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Sign in", first),
        "GET /fresh" => page(
            "Sign in",
            "<h1>Sign in</h1><form action=/user method=post><label>Email <input name=user type=email autocomplete=username>\
             </label><button>Next</button></form>",
        ),
        "POST /user" if ask.field("user") != USER => {
            page("Sign in", "<p class=error>Couldn't find your account</p>")
        }
        "POST /user" | "GET /passkey" => page(
            "Sign in",
            "<h1>Use your passkey</h1><p>Your device will ask for your fingerprint.</p><button>Continue with passkey</button>\
             <a href=/ways>Try another way</a>",
        ),
        "GET /ways" => page(
            "Sign in",
            "<h1>Choose how you want to sign in</h1><ul><li role=link tabindex=0>Use your passkey</li>\
             <li role=link tabindex=0 onclick=\"location='/password'\">Enter your password</li>\
             <li role=link tabindex=0>Get help</li></ul>",
        ),
        "GET /password" => page(
            "Sign in",
            &format!(
                "<h1>Welcome</h1><p>{USER}</p><form action=/password method=post><label>Enter your password \
                 <input name=password type=password></label><a href=/forgot>Forgot password?</a><button>Next</button></form>"
            ),
        ),
        "POST /password" => match desk.judge(USER, ask.field("password")) {
            true => to("/home").cookie(&format!("sid={}; Path=/; HttpOnly", desk.open(USER))),
            false => page("Sign in", "<p class=error>Wrong password. Try again.</p>"),
        },
        _ => desk.usual(ask),
    })
}

const ACCOUNTS: &str = "<h1>Choose an account</h1><ul><li><div role=link tabindex=0>Bob<br>bob@kestrel.example</div></li>\
    <li><div role=link tabindex=0 onclick=\"location='/passkey'\">Ada<br>ada@kestrel.example</div></li>\
    <li><div role=link tabindex=0 onclick=\"location='/fresh'\">Use another account</div></li></ul>";
const OTHERS: &str = "<h1>Konto auswählen</h1><ul><li><div role=link tabindex=0>Bob<br>bob@kestrel.example</div></li>\
    <li><div role=link tabindex=0 onclick=\"location='/fresh'\">Anderes Konto verwenden</div></li></ul>";
const WAYS: &str = "<h1>Welcome</h1><p>How do you want to sign in?</p><a href=/google>Continue with Google</a>\
    <button>Sign in with SSO</button><a href=/fresh>Continue with email</a><a href=/up>Sign up with email</a>";
const CODE: &str = "<h1>Check your inbox</h1><p>We sent a verification code to you.</p><form><input name=code \
    autocomplete=one-time-code><button>Verify</button></form><a href=/password>Use your password instead</a>";

#[test]
fn choosers_before_the_password_are_passed() {
    together([
        pass("own account", three_pages(ACCOUNTS)),
        pass("another account", three_pages(OTHERS)),
        pass("ways to sign in", three_pages(WAYS)),
        pass("a code that a password replaces", three_pages(CODE)),
    ]);
}

/// The application, and its provider under the same host's other name, with a consent page.
fn provider(client: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| {
        let at_provider = ask.host.starts_with("localhost");
        match (at_provider, ask.line().as_str()) {
            (false, "GET /login") => to(&format!(
                "%ALIAS%/oauth/authorize?client_id=notes&response_type=code&scope=openid&redirect_uri={client}%2Fcallback"
            )),
            (false, "GET /callback")
                if !ask.field("code").is_empty() && ask.field("code") == desk.noted("code") =>
            {
                to("/home").cookie(&format!("sid={}; Path=/; HttpOnly", desk.open(USER)))
            }
            (true, "GET /oauth/authorize") if desk.whose(ask.cookie("idp")).is_some() => page(
                "Authorize",
                &format!(
                    "<h1>Notes wants to access your account</h1><p>Signed in as {USER}. <a href=/logout>Not you? Sign out</a></p>\
                     <ul><li>Read your profile</li></ul><p>By allowing you accept its terms of service.</p>\
                     <form method=post action=/oauth/consent><button name=answer value=no>Cancel</button>\
                     <button name=answer value=yes>Authorize Notes</button></form>"
                ),
            ),
            (true, "GET /oauth/authorize") => page("Provider", FORM),
            (true, "POST /login") => match desk.judge(ask.field("username"), ask.field("password"))
            {
                true => to(&format!(
                    "/oauth/authorize?client_id=notes&redirect_uri={client}%2Fcallback"
                ))
                .cookie(&format!("idp={}; Path=/; HttpOnly", desk.open("idp"))),
                false => page(
                    "Provider",
                    &format!("<p class=error>Wrong password</p>{FORM}"),
                ),
            },
            (true, "POST /oauth/consent") if ask.field("answer") == "yes" => {
                let code = desk.fresh("c");
                desk.note("code", &code);
                to(&format!("%BASE%/callback?code={code}"))
            }
            _ => desk.usual(ask),
        }
    })
}

const PROVIDER: &str = "allowed_origins = [\"%ALIAS%\"]\n";

#[test]
fn access_is_granted_to_the_site_itself_and_to_nobody_else() {
    together([
        pass_with("consent", provider("%BASE%"), PROVIDER),
        Box::pin(async {
            let stranger = provider("http%3A%2F%2Fstranger.example");
            let class = FailureClass::NotProven;
            drop(refuses_with("consent for a stranger", stranger, PROVIDER, class, 1).await);
        }),
    ]);
}

const TERMS: &str = "<h1>We have updated our terms</h1><p>Please read the terms of service and the privacy and cookie policy.</p>\
    <form method=post action=/question><button name=answer value=yes>I agree</button></form>";
const EXPIRED: &str = "<h1>Change your password</h1><p>Your password has expired.</p><form method=post action=/question>\
    <label>Current password <input type=password name=old></label><label>New password <input type=password name=new></label>\
    <label>Repeat <input type=password name=again></label><button>Save</button></form>";
const FORCED: &str = "<h1>Neues Passwort festlegen</h1><form method=post action=/question>\
    <label>Neues Passwort <input type=password name=new></label><label>Wiederholen <input type=password name=again></label>\
    <button>Speichern</button></form>";
const UNNAMED: &str = "<h1>Choose a team</h1><ul><li><a href='/answer?answer=heron'>Heron</a></li>\
    <li><a href='/answer?answer=wren'>Wren</a></li></ul>";

#[test]
fn what_only_a_person_can_answer_is_left_to_one() {
    together([
        refuse("terms", through(TERMS, "yes"), FailureClass::Consent, 1),
        refuse(
            "several teams",
            through(UNNAMED, "wren"),
            FailureClass::Consent,
            1,
        ),
        refuse(
            "expired password",
            through(EXPIRED, "yes"),
            FailureClass::PasswordExpired,
            1,
        ),
        refuse(
            "password to be set",
            through(FORCED, "yes"),
            FailureClass::PasswordExpired,
            1,
        ),
    ]);
}

#[test]
fn a_session_is_asked_to_last_where_a_box_offers_it() {
    let body = "<form method=post action=/login><label>Username <input name=username></label>\
        <label>Password <input name=password type=password></label><label><input type=checkbox name=keep value=1> Remember me</label>\
        <label><input type=checkbox name=terms> I agree to the terms of use</label><button>Log in</button></form>";
    let fixture = Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Log in", body),
        "POST /login" if ask.field("keep") != "1" || !ask.field("terms").is_empty() => {
            page("No", "<h1>Wrong boxes</h1>")
        }
        "POST /login" => desk
            .enter(ask, "username", "password")
            .unwrap_or_else(|| page("Log in", body)),
        _ => desk.usual(ask),
    });
    together([pass("remember me", fixture)]);
}

/// The application, a broker on the host's other name, and a provider on another host, with forms that send themselves.
fn three_origins() -> Fixture {
    let send = |to: &str, name: &str, value: &str| {
        page(
            "One moment",
            &format!(
                "<form id=f method=post action='{to}'><input type=hidden name={name} value='{value}'></form>\
                 <script>f.submit()</script>"
            ),
        )
    };
    Fixture::new(move |desk, ask| {
        let at = match ask.host.split(':').next() {
            Some("localhost") => "broker",
            Some("127.0.0.2") => "provider",
            _ => "app",
        };
        match (at, ask.line().as_str()) {
            ("app", "GET /login") => to("%ALIAS%/start"),
            ("broker", "GET /start") => send("%FOREIGN%/sso", "SAMLRequest", "r"),
            ("provider", "POST /sso") => page("Provider", FORM),
            ("provider", "POST /login") => {
                match desk.judge(ask.field("username"), ask.field("password")) {
                    true => {
                        let answer = desk.fresh("a");
                        desk.note("answer", &answer);
                        send("%ALIAS%/acs", "SAMLResponse", &answer)
                            .cookie(&format!("idp={}; Path=/; HttpOnly", desk.open("idp")))
                    }
                    false => page(
                        "Provider",
                        &format!("<p class=error>Wrong password</p>{FORM}"),
                    ),
                }
            }
            ("broker", "POST /acs") if ask.field("SAMLResponse") == desk.noted("answer") => {
                let ticket = desk.fresh("t");
                desk.note("ticket", &ticket);
                to(&format!("%BASE%/callback?ticket={ticket}"))
            }
            ("app", "GET /callback")
                if !ask.field("ticket").is_empty()
                    && ask.field("ticket") == desk.noted("ticket") =>
            {
                to("/home").cookie(&format!("sid={}; Path=/; HttpOnly", desk.open(USER)))
            }
            _ => desk.usual(ask),
        }
    })
}

#[test]
fn single_sign_on_over_three_origins_types_only_where_it_is_allowed() {
    together([
        pass_with(
            "three origins",
            three_origins(),
            "allowed_origins = [\"%FOREIGN%\"]\n",
        ),
        refuse(
            "three origins, one allowed",
            three_origins(),
            FailureClass::RecipeWrong,
            0,
        ),
        Box::pin(async {
            let class = FailureClass::RecipeWrong;
            let (_, failure) =
                refuses_with("the broker alone", three_origins(), PROVIDER, class, 0).await;
            assert!(failure.message.contains("127.0.0.2"), "{failure}");
        }),
    ]);
}
