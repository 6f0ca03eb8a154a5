//! Second factors that the site sends: by mail, to whoever hands them in, as a link.

use std::sync::Arc;
use std::time::Duration;

use jarkeeper::failure::FailureClass;
use jarkeeper::ids::SessionKey;
use reqwest::StatusCode;

use super::factors::{answer, half, is_half, second};
use super::mailbox::{Mailbox, deliver};
use super::{Ask, Check, Desk, Fixture, page, passes, refuses_with, shows, to, together};
use crate::support::Keeper;

const SENT: &str = "<h1>Check your e-mail</h1><p>We sent a code to a***@kestrel.example.</p><form method=post action=/code>\
    <label>Code <input name=code autocomplete=one-time-code></label><button>Continue</button></form>";

fn mail(code: &str) -> String {
    format!(
        "From: Kestrel <no-reply@kestrel.example>\r\nTo: ada@kestrel.example\r\nSubject: Your sign-in code\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hello Ada, order 448812 is on its way.</p><p>Your code:</p>\
         <p style='font-size:30px'>{code}</p><p>Valid for 10 minutes. &copy; 2026</p>\r\n"
    )
}

/// A maildir with an older code in it.
fn maildir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for sub in ["new", "cur", "tmp"] {
        std::fs::create_dir(dir.path().join(sub)).unwrap();
    }
    deliver(dir.path(), "1.old", &mail("111111"));
    dir
}

/// A site that sends its code by this, after the password and after a while.
fn sends(by: impl Fn(&str) + Send + Sync + 'static) -> Fixture {
    let by = Arc::new(by);
    Fixture::new(move |desk, ask| {
        if ask.line() == "POST /login" {
            let code = format!("{:06}", 200_000 + desk.times("sent") * 7919 + 351);
            desk.note("code", &code);
            let by = Arc::clone(&by);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(700));
                by(&code);
            });
        }
        answer(desk, ask, SENT, &|desk, code| code == desk.noted("code"))
    })
}

fn once(name: &'static str, fixture: Fixture, extra: String, keep: impl Send + 'static) -> Check {
    Box::pin(async move {
        let (running, _keeper) = passes(name, fixture, &extra).await;
        assert_eq!(running.desk.noted("codes"), "1", "{name}");
        drop(keep);
    })
}

#[test]
fn a_code_that_was_sent_is_fetched() {
    let box_of = maildir();
    let path = box_of.path().to_owned();
    let in_maildir = sends(move |code| deliver(&path, "2.new", &mail(code)));
    let extra = format!(
        "code = {{ maildir = {:?}, from = \"no-reply@kestrel\", to = \"ada@\" }}\n",
        box_of.path()
    );
    let files = tempfile::tempdir().unwrap();
    let path = files.path().to_owned();
    let in_files = sends(move |code| {
        std::fs::write(
            path.join("other.log"),
            mail("999999").replace("no-reply", "shop"),
        )
        .unwrap();
        std::fs::write(path.join("20260311-1.log"), mail(code)).unwrap();
    });
    let plain = format!(
        "code = {{ maildir = {:?}, from = \"no-reply@\" }}\n",
        files.path()
    );
    let texts = tempfile::tempdir().unwrap();
    let path = texts.path().join("sms");
    let by_command = sends({
        let path = path.clone();
        move |code| {
            let unfinished = path.with_extension("part");
            std::fs::write(
                &unfinished,
                format!("Kestrel: {code} is your verification code. Call 0800 1234567"),
            )
            .unwrap();
            std::fs::rename(unfinished, &path).unwrap();
        }
    });
    let wait = format!(
        "until test -e {0}; do sleep 0.1; done; cat {0}",
        path.display()
    );
    let command = format!("code = {{ command = [\"sh\", \"-c\", {wait:?}] }}\n");
    together([
        once("from a maildir", in_maildir, extra, box_of),
        once("from a folder of files", in_files, plain, files),
        once("from a command", by_command, command, texts),
    ]);
}

#[test]
fn a_code_that_was_sent_is_fetched_by_imap() {
    together([Box::pin(async {
        let Some(mailbox) = Mailbox::start().await else {
            return;
        };
        deliver(&mailbox.maildir(), "1.old", &mail("111111"));
        let to = mailbox.maildir();
        let fixture = sends(move |code| deliver(&to, "2.new", &mail(code)));
        let fixture = fixture.env("MAILBOX", mailbox.password());
        let (running, _keeper) = passes("by IMAP", fixture, &mailbox.line()).await;
        assert_eq!(running.desk.noted("codes"), "1");
        // It was only looked at: nothing is marked as read.
        let names = |sub: &str| {
            let all = std::fs::read_dir(mailbox.maildir().join(sub)).unwrap();
            all.map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect::<Vec<_>>()
        };
        let read = [names("new"), names("cur")].concat();
        assert!(
            read.len() == 2 && !read.iter().any(|name| name.contains('S')),
            "{read:?}"
        );
        let wrong = sends(|_| ()).env("MAILBOX", "wrong");
        let class = FailureClass::SecretMissing;
        let (_, failure) = refuses_with("wrong", wrong, &mailbox.line(), class, 0).await;
        let said = failure.message.split(" (").next().unwrap();
        assert!(
            said.ends_with("refused the user or the password"),
            "{failure}"
        );
        assert!(!failure.message.contains(mailbox.password()), "{failure}");
    }) as Check]);
}

#[test]
fn a_source_that_gives_no_code_is_told() {
    let no_mailbox: Check = Box::pin(async {
        let began = tokio::time::Instant::now();
        let port = {
            let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
            listener.local_addr().unwrap().port()
        };
        let extra = format!(
            "code = {{ imap = \"imap://127.0.0.1:{port}/\", user = \"ada\", password = {{ env = \"PASSWORD\" }} }}\n"
        );
        let class = FailureClass::SecretMissing;
        let (running, failure) =
            refuses_with("nobody there", sends(|_| ()), &extra, class, 0).await;
        assert!(began.elapsed() < Duration::from_secs(20) && running.desk.noted("sent").is_empty());
        insta::assert_snapshot!(failure.message.replace(&port.to_string(), "PORT"), @r#"
        codes come from the mailbox imap://127.0.0.1:PORT/, which cannot be reached: Connection refused (os error 111); see that the host and the port are right and the server runs
        "#);
    });
    let no_folder: Check = Box::pin(async {
        let extra = "code = { maildir = \"/nonexistent/Maildir\" }\n";
        let class = FailureClass::SecretMissing;
        let (_, failure) = refuses_with("no folder", sends(|_| ()), extra, class, 0).await;
        assert!(failure.message.contains("does not exist"), "{failure}");
    });
    let nothing_came: Check = Box::pin(async {
        let dir = maildir();
        let extra = format!("code = {{ maildir = {:?}, wait = \"2s\" }}\n", dir.path());
        let class = FailureClass::CodeWanted;
        let (running, failure) = refuses_with("no mail", sends(|_| ()), &extra, class, 1).await;
        assert_eq!(running.desk.noted("codes"), "");
        let said = failure
            .message
            .replace(&dir.path().display().to_string(), "MAILDIR");
        insta::assert_snapshot!(said, @r#"
        the site asks for a code, and none came from the mail folder MAILDIR within 2s; log in again and hand it in meanwhile: jarkeeper code x
        "#);
    });
    let expired: Check = Box::pin(async {
        let dir = maildir();
        let path = dir.path().to_owned();
        let inner = sends(move |code| deliver(&path, "2.new", &mail(code)));
        let extra = format!("code = {{ maildir = {:?} }}\n", dir.path());
        let fixture = Fixture::new(move |desk, ask| match ask.line().as_str() {
            "POST /code" => {
                desk.times("codes");
                let said = "<p role=alert>Your code has expired and is no longer valid.</p>";
                page("Check your e-mail", &format!("{said}{SENT}"))
            }
            _ => inner.reply(desk, ask),
        });
        let class = FailureClass::CodeRefused;
        let (running, _) = refuses_with("expired", fixture, &extra, class, 1).await;
        assert_eq!(running.desk.noted("codes"), "1");
    });
    let fails: Check = Box::pin(async {
        let extra = "code = { command = [\"sh\", \"-c\", \"echo no phone >&2; exit 3\"] }\n";
        let class = FailureClass::SecretMissing;
        let (_, failure) = refuses_with("command fails", sends(|_| ()), extra, class, 1).await;
        assert!(failure.message.contains("no phone"), "{failure}");
    });
    let nobody: Check = Box::pin(async {
        let class = FailureClass::CodeWanted;
        let (_, failure) = refuses_with("no source", sends(|_| ()), "", class, 1).await;
        assert!(failure.message.contains("code = { maildir"), "{failure}");
    });
    together([no_mailbox, no_folder, nothing_came, expired, fails, nobody]);
}

/// Who gives a user name gets a link by mail, and nothing to type; the link may want one more click.
fn magic(by: impl Fn(&str) + Send + Sync + 'static, confirms: bool) -> Fixture {
    let by = Arc::new(by);
    Fixture::new(move |desk, ask| {
        let enter = |desk: &Desk, ask: &Ask| match ask.field("t") == desk.noted("token")
            && is_half(desk, ask)
        {
            true => to("/home").cookie(&desk.cookie()),
            false => page("No", "<h1>This link is not good</h1>"),
        };
        match ask.line().as_str() {
            "GET /login" => page(
                "Log in",
                "<h1>Log in</h1><form method=post action=/login><label>E-mail <input name=email type=email autocomplete=username></label><button>Continue</button></form>",
            ),
            "POST /login" => {
                let token = format!("{}{}", desk.fresh("t"), desk.fresh("u"));
                desk.note("token", &token);
                let (by, url) = (
                    Arc::clone(&by),
                    format!("{}/magic/verify?t={token}", desk.base),
                );
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(500));
                    by(&url);
                });
                let body = "<h1>Check your inbox</h1><p>We sent a sign-in link to your e-mail address. You can close this page.</p>";
                page("Check your inbox", body).cookie(&half(desk))
            }
            "GET /magic/verify" if confirms => page(
                "Confirm",
                &format!(
                    "<h1>Confirm that it is you</h1><form method=post action=/magic/verify><input type=hidden name=t value={}><button>Confirm sign-in</button></form>",
                    ask.field("t")
                ),
            ),
            "GET /magic/verify" | "POST /magic/verify" => enter(desk, ask),
            _ => desk.usual(ask),
        }
    })
}

fn letter(url: &str) -> String {
    let away = url.replace("/magic/verify", "/unsubscribe");
    format!(
        "From: no-reply@kestrel.example\r\nTo: ada@kestrel.example\r\nSubject: Log in to Kestrel\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
         <p><a href='{away}'>Unsubscribe</a></p><p><a href='{url}'>Log in to Kestrel</a></p><p><a href='{away}'>I did not ask for this</a></p>\r\n"
    )
}

/// Gets in without a password.
async fn without_password(name: &str, fixture: Fixture, extra: &str) {
    let (running, keeper) = fixture.start(extra).await;
    let report = keeper.login("x").await;
    assert!(report.ok(), "{name}: {:?}", report.failure);
    let home = format!("{}/home", running.desk.base);
    shows(name, &home, &keeper.state("x").unwrap()).await;
    assert!(
        running
            .desk
            .log()
            .iter()
            .all(|ask| ask.path != "/unsubscribe"),
        "{name}"
    );
}

#[test]
fn a_sign_in_link_is_opened_where_the_login_began() {
    let checks = [false, true].map(|confirms| -> Check {
        Box::pin(async move {
            let dir = maildir();
            let path = dir.path().to_owned();
            let fixture = magic(move |url| deliver(&path, "2.new", &letter(url)), confirms);
            let extra = format!("code = {{ maildir = {:?} }}\n", dir.path());
            without_password("magic link", fixture, &extra).await;
        })
    });
    let elsewhere: Check = Box::pin(async {
        let dir = maildir();
        let path = dir.path().to_owned();
        let away = |url: &str| url.replace("127.0.0.1", "127.0.0.2");
        let fixture = magic(
            move |url| deliver(&path, "2.new", &letter(&away(url))),
            false,
        );
        let extra = format!("code = {{ maildir = {:?}, wait = \"3s\" }}\n", dir.path());
        let (_running, keeper) = fixture.start(&extra).await;
        let failure = keeper.login("x").await.failure.unwrap();
        assert_eq!(failure.class, FailureClass::CodeWanted, "{failure}");
        assert!(
            failure.message.contains("leads to http://127.0.0.2"),
            "{failure}"
        );
    });
    together(checks.into_iter().chain([elsewhere]));
}

/// Waits until the login waits, and posts this to it.
async fn hand(keeper: &Keeper, session: &str, body: String) -> (StatusCode, String) {
    let key: SessionKey = "x".parse().unwrap();
    let files = keeper.queue.renewer().files();
    let way = loop {
        if let Some(way) = files.waits_for_code(&key).unwrap() {
            break way;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let client = reqwest::Client::builder()
        .unix_socket(way.path())
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("http://localhost/v1/sessions/{session}/code");
    let answer = client.post(url).body(body).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[test]
fn a_code_is_handed_in_while_the_login_waits() {
    let handed: Check = Box::pin(async {
        let (running, keeper) = second(SENT, |_, code| code == "834119")
            .start("code = \"ask\"\n")
            .await;
        let login = keeper.login("x");
        let hands = async {
            let told = [
                hand(&keeper, "y", "{\"code\":\"834119\"}".into()).await,
                hand(&keeper, "x", "834119".into()).await,
                hand(&keeper, "x", "{\"code\":\"\"}".into()).await,
                hand(&keeper, "x", "{\"link\":\"http://127.0.0.2/\"}".into()).await,
                hand(&keeper, "x", "{\"code\":\"834119\"}".into()).await,
            ];
            told.map(|(status, body)| format!("{status} {body}"))
                .join("\n")
        };
        let (report, told) = tokio::join!(login, hands);
        assert!(report.ok(), "{:?}", report.failure);
        assert_eq!(running.desk.noted("codes"), "1");
        insta::assert_snapshot!(told, @r#"
        404 Not Found {"detail":"no login of y waits for a code here","status":404,"title":"Not Found","type":"about:blank"}
        400 Bad Request {"detail":"the body must be {\"code\": \"…\"} or {\"link\": \"https://…\"}","status":400,"title":"Bad Request","type":"about:blank"}
        400 Bad Request {"detail":"a code has 1 to 64 letters, digits and dashes, and this is none","status":400,"title":"Bad Request","type":"about:blank"}
        400 Bad Request {"detail":"the link leads to http://127.0.0.2, where the recipe does not allow to log in; if that is right, add it to allowed_origins","status":400,"title":"Bad Request","type":"about:blank"}
        204 No Content
        "#);
        let key = "x".parse().unwrap();
        assert!(
            keeper
                .queue
                .renewer()
                .files()
                .waits_for_code(&key)
                .unwrap()
                .is_none()
        );
        let left = keeper.root().join(".auth/.jarkeeper/codes");
        assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);
    });
    let link: Check = Box::pin(async {
        let (give, take) = std::sync::mpsc::channel();
        let fixture = magic(move |url| give.send(url.to_owned()).unwrap(), false);
        let (_running, keeper) = fixture.start("code = { wait = \"1m\" }\n").await;
        let hands = async {
            let url = tokio::task::spawn_blocking(move || take.recv().unwrap())
                .await
                .unwrap();
            hand(&keeper, "x", serde_json::json!({ "link": url }).to_string()).await
        };
        let (report, (status, _)) = tokio::join!(keeper.login("x"), hands);
        assert!(report.ok(), "{:?}", report.failure);
        assert_eq!(status, StatusCode::NO_CONTENT);
    });
    together([handed, link]);
}

#[test]
fn a_code_is_handed_in_by_command() {
    use crate::support::process::Root;
    use std::io::Write as _;
    use std::process::Stdio;
    together([Box::pin(async {
        let fixture = second(SENT, |_, code| code == "834119");
        let (running, _keeper) = fixture.start("").await;
        let root = Root::new();
        root.env("PASSWORD", super::PASSWORD);
        root.recipe("x", &format!("url = \"{}/login\"\nusername = \"{}\"\npassword = {{ env = \"PASSWORD\" }}\ncode = \"ask\"\n", running.desk.base, super::USER));
        tokio::task::spawn_blocking(move || {
            let nobody = root.run(&["code", "x"]);
            insta::assert_snapshot!(nobody.said(&root), @r#"
            jarkeeper: no login of x waits for a code; begin one with `jarkeeper login x`, with code = "ask" in its recipe
            "#);
            let mut login = root.command(&["login", "x"]);
            let login = login
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            root.status("x", |status| status["waits_for_code"] == true);
            let mut code = root.command(&["code", "x"]);
            let mut code = code
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            code.stdin.take().unwrap().write_all(b" 834119\n").unwrap();
            assert!(code.wait_with_output().unwrap().status.success());
            let ended = login.wait_with_output().unwrap();
            assert!(
                ended.status.success(),
                "{}",
                String::from_utf8_lossy(&ended.stderr)
            );
            let all = [ended.stdout, ended.stderr].concat();
            assert!(!String::from_utf8_lossy(&all).contains("834119"));
        })
        .await
        .unwrap();
    }) as Check]);
}

/// A site that sends its code by mail only once it is asked to, by this page; a message to a telephone comes nowhere.
fn on_request(by: impl Fn(&str) + Send + Sync + 'static, offer: &'static str) -> Fixture {
    Fixture::new(move |desk, ask| match ask.line().as_str() {
        "GET /code" if is_half(desk, ask) && desk.noted("code").is_empty() => {
            page("Verify that it is you", offer)
        }
        "POST /send" if is_half(desk, ask) => {
            desk.times("sent");
            desk.note("code", "204351");
            if ask.field("by") != "sms" {
                by("204351");
            }
            to("/code")
        }
        _ => answer(desk, ask, SENT, &|desk, code| {
            !code.is_empty() && code == desk.noted("code")
        }),
    })
}

const ONE: &str = "<h1>Verify that it is you</h1><p>We will send a code to a***@kestrel.example.</p>\
    <form method=post action=/send><button name=by value=mail>Send code</button> <button type=button>Not now</button></form>";
const TWO: &str = "<h1>Two-step verification</h1><p>How do you want to get your code?</p><form method=post action=/send>\
    <p><button name=by value=sms>Text me at *** *** 12</button></p><p><button name=by value=mail>E-mail me at a***@kestrel.example</button></p></form>\
    <p><a href=/help>I did not get a code</a></p>";
const RADIOS: &str = "<h1>Zwei-Faktor-Anmeldung</h1><p>Wie möchten Sie den Code erhalten?</p><form method=post action=/send>\
    <label><input type=radio name=by value=sms checked> SMS an *** 12</label><br><label><input type=radio name=by value=mail> E-Mail an a***@kestrel.example</label>\
    <p><button>Weiter</button></p></form>";
const LIST: &str = "<h1>Vérification en deux étapes</h1><p>Recevez un code pour continuer.</p><form method=post action=/send>\
    <select name=by><option value=''>Choisir</option><option value=sms>SMS *** 12</option><option value=mail>E-mail a***@kestrel.example</option></select>\
    <button>Envoyer le code</button></form>";
const BESIDE: &str = "<h1>验证您的身份</h1><form method=post action=/code><label>验证码 <input name=code autocomplete=one-time-code></label>\
    <button type=button onclick=\"fetch('/send', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'by=mail' }).then(() => { this.disabled = true; this.textContent = '60 秒' })\">获取验证码</button>\
    <button>确定</button></form>";

#[test]
fn a_code_that_is_sent_on_request_is_requested_once() {
    let check = |name, offer| -> Check {
        let dir = maildir();
        let path = dir.path().to_owned();
        let fixture = on_request(move |code| deliver(&path, "2.new", &mail(code)), offer);
        let extra = format!("code = {{ maildir = {:?} }}\n", dir.path());
        Box::pin(async move {
            let (running, _keeper) = passes(name, fixture, &extra).await;
            assert_eq!(running.desk.noted("codes"), "1", "{name}");
            assert_eq!(running.desk.noted("sent"), "1", "{name}");
            drop(dir);
        })
    };
    together([
        check("one button", ONE),
        check("two buttons", TWO),
        check("radios", RADIOS),
        check("a list", LIST),
        check("a button beside the field", BESIDE),
    ]);
}
