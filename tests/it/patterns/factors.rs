//! Second factors that the account itself holds: codes of an app, recovery codes, a device that is remembered.

use std::time::{SystemTime, UNIX_EPOCH};

use jarkeeper::failure::FailureClass;
use jarkeeper::renewal::How;
use totp_rs::{Algorithm, Builder, Secret};

use super::{Ask, Desk, Fixture, PASSWORD, Reply, USER, page, passes, refuses_with, to, together};
use crate::patterns::Check;

const LOGIN: &str = "<h1>Sign in</h1><form method=post action=/login><label>E-mail <input name=email type=email></label>\
    <label>Password <input name=password type=password></label><button>Sign in</button></form>";
const FIELD: &str = "<h1>Two-factor authentication</h1><p>Enter the code of your authenticator app.</p>\
    <form method=post action=/code><label>Code <input name=code autocomplete=one-time-code inputmode=numeric></label>\
    <button>Verify</button></form>";
pub(super) const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const TOTP: &str = "totp = { env = \"TOTP\" }\n";

/// Whether the code is the account's at this moment, by a clock that is so many seconds ahead; no other step is taken.
fn fits(algorithm: Algorithm, digits: u8, ahead: i64, code: &str) -> bool {
    let totp = Builder::new()
        .with_secret(Secret::try_from_base32(SECRET).unwrap())
        .with_algorithm(algorithm)
        .with_digits(digits)
        .with_skew(0)
        .build_noncompliant();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    totp.check(code, now.as_secs().saturating_add_signed(ahead))
        .is_some()
}

fn plain(code: &str) -> bool {
    fits(Algorithm::SHA1, 6, 0, code)
}

/// Whoever has given the password and not yet the code.
pub(super) fn half(desk: &Desk) -> String {
    let id = desk.fresh("h");
    desk.note("half", &id);
    format!("half={id}; Path=/; HttpOnly")
}

pub(super) fn is_half(desk: &Desk, ask: &Ask) -> bool {
    let half = ask.cookie("half");
    !half.is_empty() && half == desk.noted("half")
}

/// The code that was posted, from one field or from boxes.
fn posted(ask: &Ask) -> String {
    let boxes: String = (0..8)
        .map(|i| ask.field(&format!("d{i}")).to_owned())
        .collect();
    format!("{}{boxes}", ask.field("code"))
}

/// A site that asks for the code on a page of its own.
pub(super) fn second(
    body: &'static str,
    takes: impl Fn(&Desk, &str) -> bool + Send + Sync + 'static,
) -> Fixture {
    Fixture::new(move |desk, ask| answer(desk, ask, body, &takes)).env("TOTP", SECRET)
}

pub(super) fn answer(
    desk: &Desk,
    ask: &Ask,
    body: &str,
    takes: &dyn Fn(&Desk, &str) -> bool,
) -> Reply {
    match ask.line().as_str() {
        "GET /login" => page("Sign in", LOGIN),
        "POST /login" if desk.judge(ask.field("email"), ask.field("password")) => {
            to("/code").cookie(&half(desk))
        }
        "POST /login" => page(
            "Sign in",
            &format!("<p class=error>Wrong password</p>{LOGIN}"),
        ),
        "GET /code" if is_half(desk, ask) => page("Two-factor authentication", body),
        "POST /code" if is_half(desk, ask) => {
            desk.times("codes");
            match takes(desk, &posted(ask)) {
                true => to("/home").cookie(&desk.cookie()),
                false => {
                    let said = "<p class=error role=alert>That code is not right.</p>";
                    page("Two-factor authentication", &format!("{said}{body}"))
                }
            }
        }
        "GET /code" | "POST /code" => to("/login"),
        _ => desk.usual(ask),
    }
}

fn boxes(attributes: &str, script: &str) -> &'static str {
    let all: String = (0..6)
        .map(|i| format!("<input name=d{i} {attributes} aria-label='Digit {}' style='width:36px;height:40px'>", i + 1))
        .collect();
    let body = format!(
        "<h1>Two-factor authentication</h1><p>Enter the 6-digit code.</p><form id=f method=post action=/code>\
         <div style='display:flex;gap:8px'>{all}</div><button>Verify</button></form><script>{script}</script>"
    );
    body.leak()
}

const ADVANCE: &str = "const all = [...document.querySelectorAll('form input')];\
    all.forEach((e, i) => { e.addEventListener('keydown', k => { if (/^[0-9]$/.test(k.key) && k.keyCode === 48 + Number(k.key)) { k.preventDefault(); e.value = k.key;\
    if (i < 5) all[i + 1].focus(); else f.requestSubmit() } }) })";
const PASTE: &str = "const all = [...document.querySelectorAll('form input')];\
    all.forEach(e => { e.addEventListener('keydown', k => k.preventDefault());\
    e.addEventListener('beforeinput', b => { if (b.data && b.data.length === 6) { b.preventDefault(); [...b.data].forEach((c, i) => { all[i].value = c }) } }) })";
/// One real field that cannot be seen for the boxes that are drawn under it.
const DRAWN: &str = "<h1>Verification code</h1><form id=f method=post action=/code><div style='position:relative;width:300px;height:50px'>\
    <div style='display:flex;gap:8px;pointer-events:none'><i class=b></i><i class=b></i><i class=b></i><i class=b></i><i class=b></i><i class=b></i></div>\
    <input name=code autocomplete=one-time-code maxlength=6 inputmode=numeric style='position:absolute;inset:0;width:100%;height:100%;color:transparent;background:transparent;border:0'></div></form>\
    <style>.b{display:block;width:40px;height:48px;border:1px solid}</style>\
    <script>document.querySelector('input').oninput = e => { if (e.target.value.length === 6) f.requestSubmit() }</script>";

fn in_with(name: &'static str, fixture: Fixture, extra: &'static str) -> Check {
    Box::pin(async move {
        let (running, _keeper) = passes(name, fixture, extra).await;
        let codes: usize = running.desk.noted("codes").parse().unwrap_or(0);
        assert!((1..=2).contains(&codes), "{name}: {codes} codes were sent");
    })
}

#[test]
fn a_code_is_typed_where_it_is_asked_for() {
    let beside = "<h1>Sign in</h1><form method=post action=/login><label>E-mail <input name=email type=email></label>\
        <label>Password <input name=password type=password></label><label>One-time code <input name=code inputmode=numeric maxlength=6></label><button>Sign in</button></form>";
    let same_page = Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /login" => page("Sign in", beside),
        "POST /login" => {
            desk.times("codes");
            let good = desk.judge(ask.field("email"), ask.field("password"));
            match good && plain(ask.field("code")) {
                true => to("/home").cookie(&desk.cookie()),
                false => page("Sign in", &format!("<p class=error>Wrong</p>{beside}")),
            }
        }
        _ => desk.usual(ask),
    });
    together([
        in_with("on the same page", same_page.env("TOTP", SECRET), TOTP),
        in_with(
            "on the next page",
            second(FIELD, |_, code| plain(code)),
            TOTP,
        ),
        in_with(
            "by SHA-256 with eight digits",
            second(FIELD, |_, code| fits(Algorithm::SHA256, 8, 0, code)).env(
                "TOTP",
                &format!(
                    "otpauth://totp/Kestrel:ada?secret={}&algorithm=SHA256&digits=8&issuer=Kestrel",
                    SECRET.to_lowercase()
                ),
            ),
            TOTP,
        ),
        in_with(
            "in boxes that move the focus by themselves",
            second(
                boxes("maxlength=1 inputmode=numeric", ADVANCE),
                |_, code| plain(code),
            ),
            TOTP,
        ),
        in_with(
            "in boxes that do nothing",
            second(boxes("maxlength=1 type=tel", ""), |_, code| plain(code)),
            TOTP,
        ),
        in_with(
            "in masked boxes that only take a paste",
            second(boxes("maxlength=1 type=password", PASTE), |_, code| {
                plain(code)
            }),
            TOTP,
        ),
        in_with(
            "in one field over drawn boxes",
            second(DRAWN, |_, code| plain(code)),
            TOTP,
        ),
    ]);
}

#[test]
fn a_clock_that_is_off_costs_one_more_code() {
    let off = |ahead: i64| second(FIELD, move |_, code| fits(Algorithm::SHA1, 6, ahead, code));
    let learned = |name: &'static str, ahead: i64| -> Check {
        Box::pin(async move {
            let (running, keeper) = passes(name, off(ahead), TOTP).await;
            let codes: usize = running.desk.noted("codes").parse().unwrap();
            assert!(codes <= 2, "{name}: {codes}");
            let shift = keeper.kept("x").learned.code_shift.unwrap();
            assert!(
                shift == 0 && codes == 1 || shift.signum() == ahead.signum(),
                "{name}: {shift}"
            );
        })
    };
    together([learned("20 s ahead", 20), learned("20 s behind", -20)]);
}

#[test]
fn a_refused_code_is_no_password_and_never_loops() {
    let wrong = |name: &'static str, fixture: Fixture| -> Check {
        Box::pin(async move {
            let class = FailureClass::CodeRefused;
            let (running, failure) = refuses_with(name, fixture, TOTP, class, 1).await;
            assert_eq!(running.desk.noted("codes"), "2", "{failure}");
            assert!(failure.message.contains("not right"), "{failure}");
        })
    };
    let broken: Check = Box::pin(async {
        let fixture =
            second(FIELD, |_, _| false).env("TOTP", "otpauth://totp/x?secret=not-base32!");
        let class = FailureClass::RecipeWrong;
        let (running, failure) = refuses_with("no secret", fixture, TOTP, class, 0).await;
        assert!(
            running.desk.log().is_empty() && failure.message.contains("Base32"),
            "{failure}"
        );
    });
    let locked: Check = Box::pin(async {
        let fixture = Fixture::new(|desk, ask| match ask.line().as_str() {
            "POST /code" => {
                desk.times("codes");
                let said = "<p role=alert>Wrong code. Your account has been locked.</p>";
                page("Two-factor authentication", &format!("{said}{FIELD}"))
            }
            _ => answer(desk, ask, FIELD, &|_, _| false),
        });
        let (running, _) = refuses_with(
            "locked",
            fixture.env("TOTP", SECRET),
            TOTP,
            FailureClass::Locked,
            1,
        )
        .await;
        assert_eq!(running.desk.noted("codes"), "1");
    });
    let foreign: Check = Box::pin(async {
        let fixture = Fixture::new(|desk, ask| match ask.line().as_str() {
            "POST /login" if desk.judge(ask.field("email"), ask.field("password")) => {
                to("%FOREIGN%/code").cookie(&half(desk))
            }
            "GET /code" => page("Two-factor authentication", FIELD),
            _ => answer(desk, ask, FIELD, &|_, _| true),
        });
        let (running, keeper) = fixture.env("TOTP", SECRET).start(TOTP).await;
        let report = keeper.login("x").await;
        assert!(!report.ok() && keeper.state("x").is_none());
        let asked = running.desk.log().into_iter();
        assert!(asked.filter(|ask| ask.line() == "POST /code").count() == 0);
    });
    let phished: Check = Box::pin(async {
        let body = FIELD
            .replace("action=/code", "action='%FOREIGN%/code'")
            .leak();
        let fixture = second(body, |_, _| true);
        let (running, failure) = refuses_with(
            "sent elsewhere",
            fixture,
            TOTP,
            FailureClass::RecipeWrong,
            1,
        )
        .await;
        assert!(failure.message.contains("one-time code"), "{failure}");
        assert!(
            running
                .desk
                .log()
                .iter()
                .all(|ask| ask.line() != "POST /code")
        );
    });
    together([
        wrong("wrong", second(FIELD, |_, _| false)),
        wrong(
            "in boxes",
            second(boxes("maxlength=1 inputmode=numeric", ADVANCE), |_, _| {
                false
            }),
        ),
        broken,
        locked,
        foreign,
        phished,
    ]);
}

const OFFER: &str = "<h1>Two-factor authentication</h1><p>Enter the code of your authenticator app.</p>\
    <form method=post action=/code><label>Code <input name=code autocomplete=one-time-code inputmode=numeric maxlength=6></label>\
    <button>Verify</button></form><p><a href=/recovery>Wiederherstellungscode verwenden</a></p>";

/// A site that takes an app's code, or one of three recovery codes once on a page of its own.
fn recoverable(takes: fn(&str) -> bool) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /recovery" if is_half(desk, ask) => page(
            "Wiederherstellung",
            "<h1>Wiederherstellungscode</h1><form method=post action=/recovery><label>Wiederherstellungscode <input name=backup></label><button>Weiter</button></form>",
        ),
        "POST /recovery" if is_half(desk, ask) => {
            let code = ask.field("backup").to_owned();
            let known = ["kx7f-29pq", "m3wd-81rt", "z5hc-46vn"].contains(&&*code);
            match known && desk.times(&code) == 0 {
                true => to("/home").cookie(&desk.cookie()),
                false => page("Wiederherstellung", "<p role=alert>Der Code ist ungültig.</p>"),
            }
        }
        _ => answer(desk, ask, OFFER, &|_, code| takes(code)),
    })
    .env("TOTP", SECRET)
    .env("CODES", "# written down in May\nkx7f-29pq\n\nm3wd-81rt\nz5hc-46vn\n")
}

#[test]
fn a_recovery_code_is_used_once_and_marked_before_it_is_typed() {
    const RECOVERY: &str = "recovery_codes = { env = \"CODES\" }\n";
    let each_once: Check = Box::pin(async {
        let (running, keeper) = passes("recovery", recoverable(|_| false), RECOVERY).await;
        let desk = &running.desk;
        let end = || {
            desk.close(
                &keeper
                    .state("x")
                    .unwrap()
                    .cookies
                    .iter()
                    .find(|c| c.name == "sid")
                    .unwrap()
                    .value,
            )
        };
        for _ in 0..2 {
            end();
            assert_eq!(keeper.must_login("x").await, How::LoggedIn);
        }
        let typed: Vec<_> = desk
            .log()
            .into_iter()
            .filter(|ask| ask.line() == "POST /recovery")
            .collect();
        let typed: Vec<_> = typed.iter().map(|ask| ask.field("backup")).collect();
        assert_eq!(typed, ["kx7f-29pq", "m3wd-81rt", "z5hc-46vn"]);
        let ledger = keeper
            .queue
            .renewer()
            .files()
            .read_ledger(&"x".parse().unwrap(), None);
        let ledger = String::from_utf8(ledger.unwrap()).unwrap();
        assert!(!ledger.contains("kx7f"), "{ledger}");
        assert_eq!(ledger.matches("\"spent\"").count(), 3, "{ledger}");
        end();
        // Three logins within the hour are the most.
        let budget = keeper.login("x").await.failure.unwrap();
        assert_eq!(budget.class, FailureClass::Budget, "{budget}");
    });
    let none_left: Check = Box::pin(async {
        let fixture = recoverable(|_| false).env("CODES", "kx7f-29pq");
        let (running, keeper) = passes("the last", fixture, RECOVERY).await;
        let sid = keeper
            .state("x")
            .unwrap()
            .cookies
            .iter()
            .find(|c| c.name == "sid")
            .unwrap()
            .value
            .clone();
        running.desk.close(&sid);
        let failure = keeper.login("x").await.failure.unwrap();
        assert_eq!(failure.class, FailureClass::CodeWanted, "{failure}");
        insta::assert_snapshot!(failure.message, @r#"
        all 1 recovery codes of x were used; make new ones at the site and put them where the recipe's recovery_codes come from
        "#);
    });
    let after_refusal: Check = Box::pin(async {
        let extra = "totp = { env = \"TOTP\" }\nrecovery_codes = { env = \"CODES\" }\n";
        let (running, _keeper) =
            passes("after the app's code", recoverable(|_| false), extra).await;
        assert_eq!(running.desk.noted("codes"), "2");
    });
    let spared: Check = Box::pin(async {
        let extra = "totp = { env = \"TOTP\" }\nrecovery_codes = { env = \"CODES\" }\n";
        let (running, _keeper) = passes("not needed", recoverable(plain), extra).await;
        assert!(running.desk.log().iter().all(|ask| ask.path != "/recovery"));
    });
    together([each_once, none_left, after_refusal, spared]);
}

#[test]
fn a_device_that_is_remembered_skips_the_code_the_next_time() {
    const BODY: &str = "<h1>Two-factor authentication</h1><form method=post action=/code><label>Authentication code <input name=code inputmode=numeric></label>\
        <label><input type=checkbox name=trust value=1> Trust this browser for 30 days</label><button>Verify</button></form>";
    let fixture = Fixture::new(|desk, ask| match ask.line().as_str() {
        "POST /login"
            if !ask.cookie("device").is_empty()
                && ask.cookie("device") == desk.noted("device")
                && desk.judge(ask.field("email"), ask.field("password")) =>
        {
            to("/home").cookie(&desk.cookie())
        }
        "POST /code"
            if ask.field("trust") == "1" && is_half(desk, ask) && plain(ask.field("code")) =>
        {
            desk.times("codes");
            let id = desk.fresh("d");
            desk.note("device", &id);
            to("/home")
                .cookie(&desk.cookie())
                .cookie(&format!("device={id}; Path=/; HttpOnly; Max-Age=2592000"))
        }
        _ => answer(desk, ask, BODY, &|_, _| false),
    });
    together([Box::pin(async move {
        let (running, keeper) = passes("remembered", fixture.env("TOTP", SECRET), TOTP).await;
        let desk = &running.desk;
        let sid = keeper
            .state("x")
            .unwrap()
            .cookies
            .iter()
            .find(|c| c.name == "sid")
            .unwrap()
            .value
            .clone();
        desk.close(&sid);
        assert_eq!(keeper.must_login("x").await, How::LoggedIn);
        assert_eq!(desk.noted("codes"), "1");
        assert_eq!(
            desk.submissions(),
            [
                (USER.to_owned(), PASSWORD.to_owned()),
                (USER.to_owned(), PASSWORD.to_owned())
            ]
        );
    }) as Check]);
}
