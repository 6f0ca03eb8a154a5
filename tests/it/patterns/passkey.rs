//! A relying party that verifies: passkeys are made, sign in alone, and are refused where they are wrong.
//!
//! WebAuthn wants a domain, so this site is used by its name `localhost`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use insta::assert_snapshot;
use jarkeeper::failure::FailureClass;
use jarkeeper::renewal::How;
use jarkeeper::seal::Seal;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Ask, Desk, Fixture, PASSWORD, Reply, Running, USER, WHO, json, page, shows};
use crate::support::{Keeper, run};

/// How the site asks for a passkey.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// A button beside the form.
    Button,
    /// A button, and no form: nothing else gets in.
    Only,
    /// The page offers it in the username's field as it loads.
    Conditional,
    /// After the username, on a page that asks by itself.
    Username,
}

const SCRIPT: &str = r#"<script>
const b64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const send = (path, body) => fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const say = (text) => { document.querySelector('#said').textContent = text; };
async function register() {
    const { challenge, user } = await (await send('/key/new', {})).json();
    const made = await navigator.credentials.create({ publicKey: {
        challenge: bytes(challenge), rp: { name: 'Kestrel' },
        user: { id: bytes(user), name: 'ada', displayName: 'Ada' },
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' } } });
    const answer = await send('/key/add', { id: b64(made.rawId), client: b64(made.response.clientDataJSON),
        data: b64(made.response.getAuthenticatorData()), key: b64(made.response.getPublicKey()),
        name: document.querySelector('[name=keyname]')?.value ?? '' });
    say(answer.ok ? 'Your passkey was added.' : 'Your passkey was refused.');
}
async function sign(mediation) {
    try {
        const { challenge } = await (await send('/key/ask', {})).json();
        const got = await navigator.credentials.get({ mediation, publicKey: {
            challenge: bytes(challenge), userVerification: 'required' } });
        const r = got.response;
        const answer = await send('/key/sign', { id: b64(got.rawId), client: b64(r.clientDataJSON),
            data: b64(r.authenticatorData), signature: b64(r.signature), user: r.userHandle ? b64(r.userHandle) : '' });
        if (answer.ok) location.href = '/home'; else say('We do not know this passkey.');
    } catch (error) { say('No passkey: ' + error.name); }
}
</script><p role=alert id=said></p>"#;

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_default()
}

/// Whether the client data is of this type, for the challenge that was given out last, and from this site.
fn client_fits(desk: &Desk, ask: &Ask, kind: &str) -> bool {
    let client: Value = serde_json::from_slice(&decoded(ask.field("client"))).unwrap_or_default();
    // Each challenge is good once.
    let challenge = desk.note("challenge", "").unwrap_or_default();
    let challenge = URL_SAFE_NO_PAD.encode(decoded(&challenge));
    client["type"] == kind
        && client["challenge"] == challenge.as_str()
        && !challenge.is_empty()
        && client["origin"] == desk.alias().as_str()
}

/// Whether authenticator data is about this site, and its owner was there and known; and its count.
fn data_fits(data: &[u8]) -> Option<u32> {
    let about = data.len() >= 37 && data[..32] == Sha256::digest(b"localhost")[..];
    let there = about && data[32] & 0b101 == 0b101;
    there.then(|| u32::from_be_bytes([data[33], data[34], data[35], data[36]]))
}

fn challenge(desk: &Desk) -> String {
    let challenge = STANDARD.encode(Sha256::digest(desk.fresh("challenge").as_bytes()));
    desk.note("challenge", &challenge);
    challenge
}

fn add(desk: &Desk, ask: &Ask) -> Reply {
    let known = desk.whose(ask.cookie("sid")).is_some();
    let fits = client_fits(desk, ask, "webauthn.create");
    let key = VerifyingKey::from_public_key_der(&decoded(ask.field("key")));
    match (known && fits, key, data_fits(&decoded(ask.field("data")))) {
        (true, Ok(_), Some(count)) => {
            desk.note("key", ask.field("key"));
            desk.note("id", ask.field("id"));
            desk.note("count", &count.to_string());
            desk.note("keyname", ask.field("name"));
            json(200, &json!({}))
        }
        _ => json(400, &json!({ "error": "refused" })),
    }
}

fn sign(desk: &Desk, ask: &Ask) -> Reply {
    let verified = || {
        let key = VerifyingKey::from_public_key_der(&decoded(&desk.noted("key"))).ok()?;
        let (data, client) = (decoded(ask.field("data")), decoded(ask.field("client")));
        let signed = [&data[..], &Sha256::digest(&client)[..]].concat();
        let signature = Signature::from_der(&decoded(ask.field("signature"))).ok()?;
        key.verify(&signed, &signature).ok()?;
        let count = data_fits(&data)?;
        let last: u32 = desk.noted("count").parse().ok()?;
        let fits = client_fits(desk, ask, "webauthn.get")
            && ask.field("id") == desk.noted("id")
            && decoded(ask.field("user")) == b"ada-7";
        (fits && count > last).then_some(count)
    };
    match verified() {
        Some(count) => {
            desk.note("count", &count.to_string());
            desk.times("signed in");
            json(200, &json!({})).cookie(&desk.cookie())
        }
        None => {
            desk.times("refused");
            json(403, &json!({ "error": "unknown passkey" }))
        }
    }
}

fn form(said: &str) -> String {
    format!(
        "{said}<form method=post><label>E-mail <input name=user autocomplete=\"username webauthn\"></label>
        <label>Password <input type=password name=password></label><button>Log in</button></form>"
    )
}

fn login(way: Way) -> String {
    let button = "<button onclick=\"sign()\">Sign in with a passkey</button>";
    match way {
        Way::Button => format!("{}{SCRIPT}{button}", form("")),
        Way::Only => format!("<h1>Welcome</h1>{SCRIPT}{button}"),
        Way::Conditional => format!("{}{SCRIPT}<script>sign('conditional')</script>", form("")),
        Way::Username => "<form action=/who method=post><label>E-mail <input name=user autocomplete=username></label>
            <button>Next</button></form>"
            .to_owned(),
    }
}

/// The site. Its security page asks for the password again, and its passkeys have names.
fn site(way: Way) -> Fixture {
    Fixture::new(move |desk, ask| {
        match ask.line().as_str() {
        "GET /login" => page("Sign in", &login(way)),
        "POST /who" => page("Sign in", &format!("{SCRIPT}<h1>One moment</h1><script>sign()</script>")),
        // The back door of those who have no passkey yet.
        "GET /first" => page("Sign in", &form("")),
        "POST /login" | "POST /first" => desk
            .enter(ask, "user", "password")
            .unwrap_or_else(|| page("Sign in", &form("<p class=error>Wrong password.</p>"))),
        "GET /security" | "POST /security" if desk.whose(ask.cookie("sid")).is_none() => super::to("/first"),
        "GET /security" => page(
            "Security",
            "<h1>Security</h1><form method=post><p>Please confirm it is you.</p>
            <label>Password <input type=password name=password></label><button>Confirm</button></form>",
        ),
        "POST /security" if ask.field("password") != PASSWORD => page("Security", "<p>No.</p>"),
        "POST /security" => page(
            "Security",
            &format!(
                "<h1>Passkeys</h1>{SCRIPT}<p>You have no passkey yet. <button>Learn more about passkeys</button></p>
                <button onclick=\"document.querySelector('dialog').showModal()\">Add a passkey</button>
                <dialog><h2>New passkey</h2><label>Name <input name=keyname></label>
                <button onclick=\"document.querySelector('dialog').close()\">Cancel</button>
                <button onclick=\"register()\">Continue</button></dialog>
                <button>Delete account</button><a href=/logout>Sign out</a>"
            ),
        ),
        "POST /key/new" => {
            let user = STANDARD.encode(b"ada-7");
            json(200, &json!({ "challenge": challenge(desk), "user": user }))
        }
        "POST /key/ask" => json(200, &json!({ "challenge": challenge(desk) })),
        "POST /key/add" => add(desk, ask),
        "POST /key/sign" => sign(desk, ask),
        _ => desk.usual(ask),
    }
    })
}

/// The site by its name, and a Jarkeeper with a session of it, made by the password.
async fn start(way: Way) -> (Running, Keeper) {
    let (running, keeper) = site(way).start("").await;
    let key = Seal::new().text();
    std::fs::write(keeper.root().join("seal.key"), key.expose_secret()).unwrap();
    recipe(&running, &keeper, "/first");
    keeper.must_login("x").await;
    (running, keeper)
}

fn recipe(running: &Running, keeper: &Keeper, login: &str) {
    let url = format!("{}{login}", running.desk.alias());
    keeper.recipe(
        "x",
        &format!("url = \"{url}\"\nusername = \"{USER}\"\npassword = {{ env = \"PASSWORD\" }}\nprobe = \"/home\"\n"),
    );
}

async fn register(running: &Running, keeper: &Keeper) {
    let at = format!("{}/security", running.desk.alias());
    let made = keeper
        .queue
        .renewer()
        .register_passkey(&"x".parse().unwrap(), Some(at.parse().unwrap()))
        .await;
    assert_eq!(made.unwrap(), "localhost");
}

/// Ends the session at the site, and makes Jarkeeper notice; hours later, so that it may log in again.
async fn die(running: &Running, keeper: &Keeper) {
    std::fs::remove_file(keeper.root().join(".auth/.jarkeeper/ledger/x")).unwrap();
    let state = keeper.state("x").unwrap();
    let sid = state.cookies.iter().find(|it| it.name == "sid").unwrap();
    running.desk.close(&sid.value);
    let check = keeper.queue.renewer().check(&"x".parse().unwrap()).await;
    assert!(check.unwrap().is_err());
}

/// The passkey's file, whose text nobody reads.
fn sealed(keeper: &Keeper) -> Vec<u8> {
    let path = keeper.root().join(".auth/.jarkeeper/passkeys/x.json.age");
    std::fs::read(path).unwrap()
}

fn signs_in_alone(way: Way) {
    run(async {
        let (running, keeper) = start(way).await;
        recipe(&running, &keeper, "/login");
        register(&running, &keeper).await;
        let desk = &running.desk;
        assert_eq!(desk.noted("keyname"), "Jarkeeper");
        assert_eq!(desk.noted("signed in"), "1", "the proof");
        let passwords = desk.submissions().len();
        for round in 2..=3 {
            die(&running, &keeper).await;
            assert_eq!(keeper.must_login("x").await, How::LoggedIn);
            assert_eq!(desk.noted("signed in"), round.to_string());
            assert_eq!(desk.noted("refused"), "");
        }
        assert_eq!(desk.submissions().len(), passwords, "no password was typed");
        let home = format!("{}/home", desk.alias());
        shows("passkey", &home, &keeper.state("x").unwrap()).await;
        assert!(sealed(&keeper).starts_with(b"age-encryption.org/v1"));
        assert_ne!(WHO, "");
    });
}

#[test]
fn a_passkey_that_was_made_here_signs_in_by_its_button() {
    signs_in_alone(Way::Button);
}

#[test]
fn a_passkey_signs_in_where_nothing_else_does() {
    signs_in_alone(Way::Only);
}

#[test]
fn a_passkey_signs_in_where_the_page_offers_it_by_itself() {
    signs_in_alone(Way::Conditional);
}

#[test]
fn a_passkey_signs_in_after_the_username() {
    signs_in_alone(Way::Username);
}

#[test]
fn a_passkey_that_the_site_forgot_is_refused_and_the_password_gets_in_where_it_may() {
    run(async {
        let (running, keeper) = start(Way::Button).await;
        recipe(&running, &keeper, "/login");
        register(&running, &keeper).await;
        die(&running, &keeper).await;
        running.desk.note("id", "another");
        let passwords = running.desk.submissions().len();
        assert_eq!(keeper.must_login("x").await, How::LoggedIn);
        assert_eq!(running.desk.noted("refused"), "1");
        assert_eq!(running.desk.submissions().len(), passwords + 1);
    });
    run(async {
        let (running, keeper) = start(Way::Only).await;
        recipe(&running, &keeper, "/login");
        register(&running, &keeper).await;
        die(&running, &keeper).await;
        running.desk.note("id", "another");
        let failure = keeper.login("x").await.failure.unwrap();
        assert_eq!(failure.class, FailureClass::PasskeyWanted);
        assert_snapshot!(failure.message, @r##"
        the site refused the passkey that is kept here: "We do not know this passkey."; make another: jarkeeper passkey register x
        "##);
    });
}

#[test]
fn a_site_that_takes_only_a_passkey_says_so_where_there_is_none() {
    run(async {
        let (running, keeper) = site(Way::Only).start("").await;
        recipe(&running, &keeper, "/login");
        let failure = keeper.login("x").await.failure.unwrap();
        assert_eq!(failure.class, FailureClass::PasskeyWanted);
        assert_snapshot!(failure.message, @r##"
        the site takes only a passkey ("Sign in with a passkey"), and there is none of x here; log in once by hand, bring the session (jarkeeper import x), then: jarkeeper passkey register x
        "##);
        assert!(keeper.state("x").is_none());
        // Nor is a button made up where there is none.
        recipe(&running, &keeper, "/first");
        keeper.must_login("x").await;
        let key = "x".parse().unwrap();
        let made = keeper.queue.renewer().register_passkey(&key, None).await;
        let failure = made.unwrap_err();
        assert_eq!(failure.class, FailureClass::FormNotFound, "{failure}");
    });
}

#[test]
fn a_passkey_whose_key_is_gone_is_told_and_left_as_it_is() {
    run(async {
        let (running, keeper) = start(Way::Only).await;
        recipe(&running, &keeper, "/login");
        register(&running, &keeper).await;
        die(&running, &keeper).await;
        let before = sealed(&keeper);
        let other = Seal::new().text();
        std::fs::write(keeper.root().join("seal.key"), other.expose_secret()).unwrap();
        let failure = keeper.login("x").await.failure.unwrap();
        assert_eq!(failure.class, FailureClass::Storage);
        assert!(
            failure
                .message
                .contains("x.json.age was sealed with another key"),
            "{failure}"
        );
        assert_eq!(sealed(&keeper), before);
    });
}
