//! Mails as sites send them, in many languages, written for this.

use super::*;

fn mail(subject: &str, kind: &str, body: &str) -> Letter {
    let message = format!(
        "From: Kestrel <no-reply@kestrel.example>\r\nTo: ada@mail.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}"
    );
    Letter::parse(message.as_bytes()).unwrap()
}

fn plain(subject: &str, body: &str) -> Option<String> {
    code(&mail(subject, "plain", body))
}

fn html(subject: &str, body: &str) -> Option<String> {
    code(&mail(subject, "html", body))
}

#[test]
fn codes_are_found_in_plain_mails_of_many_languages() {
    for (subject, body, wanted) in [
        (
            "Your sign-in code",
            "Hi Ada,\n\nUse the code below to sign in. It expires in 10 minutes.\n\n  482915\n\nKestrel Inc., 1600 Harbour Road, Portland OR 97201\n© 2026 Kestrel\n",
            "482915",
        ),
        (
            "Sign-in code",
            "You're receiving this email because you or someone else tried to sign in.\n\nYour code is listed below. Please enter it in your open browser window.\n\nBXGF-QTLP\n\nThank you for using example.com!\nexample.com",
            "BXGF-QTLP",
        ),
        (
            "Ihr Bestätigungscode",
            "Guten Tag,\n\nIhr Bestätigungscode lautet: 739 204\n\nEr ist 15 Minuten gültig. Fragen? Telefon +49 30 1234567, Kundennummer 8841923.\nKiebitz GmbH, 10115 Berlin",
            "739204",
        ),
        (
            "Votre code de connexion",
            "Bonjour,\n\nVoici votre code à usage unique :\n\n60418273\n\nIl expire dans 5 minutes.\nCommande n° 20251102",
            "60418273",
        ),
        (
            "Código de verificación",
            "Hola:\nTu código de verificación es 5527. No lo compartas.\nPedido 448812",
            "5527",
        ),
        (
            "Codice di verifica 204817",
            "Il codice è nell'oggetto di questo messaggio. Scade tra 10 minuti.",
            "204817",
        ),
        (
            "Код подтверждения",
            "Здравствуйте!\nВаш код подтверждения: 918273\nНикому его не сообщайте. Телефон поддержки: 8 800 555 35 35",
            "918273",
        ),
        (
            "認証コードのお知らせ",
            "ログインを続けるには、次の認証コードを入力してください。\n\n認証コード：039471\n\n有効期限は10分です。\nお電話 03-1234-5678",
            "039471",
        ),
        (
            "登录验证码",
            "您好，您的登录验证码是583920，10分钟内有效。请勿泄露给他人。",
            "583920",
        ),
        (
            "[별새] 인증번호 안내",
            "안녕하세요.\n인증번호: 771204\n5분 이내에 입력해 주세요.",
            "771204",
        ),
        (
            "Kod weryfikacyjny",
            "Dzień dobry,\nwpisz kod 664 018, aby się zalogować.\nKod jest ważny 30 minut. Zamówienie 10022",
            "664018",
        ),
        (
            "رمز التحقق",
            "رمز التحقق الخاص بك هو: 440921\nصالح لمدة 10 دقائق",
            "440921",
        ),
        (
            "Your verification code",
            "G-730194 is your verification code.",
            "730194",
        ),
        (
            "New sign-in",
            "Someone signs in from 203.0.113.77 on 2026-03-11 at 14:05.\nIf this is you, the one-time password is a8f3k2.\n",
            "a8f3k2",
        ),
    ] {
        assert_eq!(
            plain(subject, body).as_deref(),
            Some(wanted),
            "{subject}: {body}"
        );
    }
}

#[test]
fn codes_are_found_in_html_mails_large_apart_or_in_boxes() {
    for (subject, body, wanted) in [
        (
            "Sign in to Kestrel",
            "<html><head><style>.a{color:#334455}</style></head><body><table bgcolor='#112233'><tr><td><h1>Sign in</h1>\
             <p>Enter this code:</p><p style='font-size:32px;letter-spacing:6px'>917&#52;02</p>\
             <p style='color:#999999'>Sent to ada@mail.example. Order #774411. Call 0800 123 4567. &copy; 2026</p></td></tr></table></body></html>",
            "917402",
        ),
        (
            "Your login code",
            "<p>Your code:</p><table><tr><td>4</td><td>0</td><td>8</td><td>1</td><td>7</td><td>3</td></tr></table><p>Thanks</p>",
            "408173",
        ),
        (
            "Kode masuk",
            "<div>Gunakan <b>KX7-29P</b> sebagai kode masuk Anda.</div><div>Berlaku 10 menit</div>",
            "KX7-29P",
        ),
        (
            "Doğrulama kodu",
            "<p>Merhaba</p><p>Doğrulama kodunuz: <strong>320 918</strong></p><p>Sipariş 4455667</p>",
            "320918",
        ),
    ] {
        assert_eq!(
            html(subject, body).as_deref(),
            Some(wanted),
            "{subject}: {body}"
        );
    }
}

#[test]
fn numbers_that_are_no_codes_are_left_alone() {
    for (subject, body) in [
        (
            "Your order 4481920",
            "Thank you for your order 4481920 of 12 March 2026.\nTotal: $1499 (USD 1499.00)\nPhone: +1 503 555 0199\nPortland OR 97201",
        ),
        (
            "Newsletter",
            "Use promo code SPRING25 for 20 % off in 2026.\n\n1000 new users\nColours #aa3311",
        ),
        (
            "Rechnung 2026-00417",
            "Rechnungsnummer 2026-00417, Kundennummer 884192\nIBAN DE02 1203 0000 0000 2020 51",
        ),
        ("Welcome", "WELCOME\n\nYour account is ready.\n© 2026"),
        (
            "Signed in",
            "There was a new sign-in to your account at 14:05 on 2026-03-11 from 203.0.113.77.",
        ),
    ] {
        assert_eq!(plain(subject, body), None, "{subject}: {body}");
    }
}

fn enters(body: &str) -> Option<String> {
    let letter = mail("Sign in", "html", body);
    link(&letter, |url| url.host_str() == Some("kestrel.example")).map(String::from)
}

#[test]
fn the_link_that_lets_in_is_chosen_and_never_another() {
    let good = "https://kestrel.example/auth/magic?token=4f0c2b7a91e84d3388aa";
    let around = "<a href='https://kestrel.example/'>Kestrel</a> <a href='https://kestrel.example/unsubscribe?token=4f0c2b7a91e84d3388ab'>Unsubscribe</a>\
        <a href='https://kestrel.example/login/not-me/4f0c2b7a91e84d3388ac'>This wasn't me</a> <a href='https://kestrel.example/privacy'>Privacy</a>";
    for said in [
        "Sign in",
        "Jetzt anmelden",
        "Se connecter",
        "ログイン",
        "Войти",
        "登录",
        "Continue",
    ] {
        let body = format!("{around}<a href='{good}'>{said}</a>{around}");
        assert_eq!(enters(&body).as_deref(), Some(good), "{said}");
    }
    assert_eq!(enters(around), None);
    let elsewhere = good.replace("kestrel", "track.kestrel");
    assert_eq!(enters(&format!("<a href='{elsewhere}'>Sign in</a>")), None);
    let letter = mail(
        "Sign in",
        "plain",
        &format!("Click to sign in:\r\n{good}\r\n\r\nNot you? https://kestrel.example/help"),
    );
    let found = link(&letter, |_| true).map(String::from);
    assert_eq!(found.as_deref(), Some(good));
}

#[test]
fn the_origin_of_a_link_that_may_not_be_opened_is_told() {
    let body = "<a href='https://click.tracker.example/4f0c2b7a91e84d3388aa'>Sign in</a>";
    let strange = strange_link(&mail("Sign in", "html", body));
    assert_eq!(strange.as_deref(), Some("https://click.tracker.example"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_finding_panic(text in "[0-9A-Za-z<>&;:#=\"'/ é験码€.\n-]{0,120}") {
        let mut letter = Letter::text(&text);
        crate::codes::markup::read(&text, &mut letter);
        if let Some(code) = code(&letter) {
            proptest::prop_assert!((4..=12).contains(&code.len()));
        }
        let _ = link(&letter, |_| true);
    }
}
