//! The words by which login pages speak, in the languages that most of them use.
//!
//! Matched as parts of lower-case text. A word stands here because it tells one thing from another, not to be complete.

/// "Sign in" on buttons and links.
pub(super) const SIGN_IN: &[&str] = &[
    "log in", "login", "log on", "logon", "sign in", "signin", "sign on", "anmelden", "einloggen", "anmeldung",
    "connexion", "se connecter", "connecter", "identifier", "iniciar ses", "acceder", "entrar", "ingresar",
    "iniciar sess", "accedi", "entra", "inloggen", "aanmelden", "logga in", "logg inn", "log ind", "kirjaudu",
    "zaloguj", "przihl", "přihlás", "bejelentkez", "conectare", "autentificare", "giriş", "oturum aç", "войти",
    "вход", "увійти", "вхід", "σύνδεση", "ログイン", "サインイン", "로그인", "登录", "登入", "登錄", "تسجيل الدخول",
    "دخول", "כניסה", "התחבר", "เข้าสู่ระบบ", "đăng nhập", "masuk", "लॉग इन",
];

/// "Go on" on buttons of a page that asks for one thing at a time.
pub(super) const NEXT: &[&str] = &[
    "next", "continue", "submit", "go", "ok", "enter", "weiter", "fortfahren", "suivant", "continuer", "valider",
    "siguiente", "continuar", "avançar", "avanti", "continua", "volgende", "doorgaan", "nästa", "neste", "fortsæt",
    "dalej", "další", "tovább", "devam", "далее", "продолжить", "次へ", "続行", "다음", "下一步", "继续", "التالي",
];

/// "Register" on buttons, links and forms.
pub(super) const SIGN_UP: &[&str] = &[
    "sign up", "signup", "register", "registration", "create account", "create an account", "create my account",
    "create your account", "join", "registrieren", "konto erstellen", "inscription", "s'inscrire", "créer un compte",
    "registrarse", "crear cuenta", "crear una cuenta", "regístr", "cadastr", "criar conta", "registrati",
    "crea un account", "crea account", "registreren", "account aanmaken", "skapa konto", "opprett", "opret",
    "zarejestruj", "registrace", "regisztr", "kayıt ol", "üye ol", "зарегистр", "регистрац", "реєстрац", "新規登録",
    "会員登録", "アカウント作成", "회원가입", "注册", "註冊", "إنشاء حساب", "تسجيل حساب", "הרשמה", "đăng ký", "daftar",
];

/// Buttons that are near a login form and are not its button.
pub(super) const NOT_SUBMIT: &[&str] = &[
    "forgot", "forget", "reset", "vergessen", "oublié", "olvid", "esquec", "dimenticat", "vergeten", "glömt",
    "zapomnia", "забыли", "忘れ", "忘记", "忘記", "show", "hide", "anzeigen", "afficher", "mostrar", "cancel",
    "abbrechen", "annuler", "cancelar", "back", "zurück", "help", "hilfe", "google", "facebook", "apple", "github",
    "microsoft", "twitter", "linkedin", "passkey", "sso", "qr", "code", "search", "suche", "language", "menu",
];

/// What names a username field.
pub(super) const USERNAME: &[&str] = &[
    "user", "login", "email", "e-mail", "mail", "account", "identifier", "benutzer", "anmeldename", "kennung",
    "utilisateur", "identifiant", "courriel", "usuario", "correo", "usuário", "utente", "gebruiker", "användar",
    "bruker", "bruger", "użytkownik", "uživatel", "felhasználó", "kullanıcı", "пользовател", "логин", "почта",
    "користувач", "ユーザー", "メール", "아이디", "이메일", "用户名", "帐号", "账号", "帳號", "用戶", "手机", "البريد",
    "اسم المستخدم", "משתמש", "phone", "telefon", "mobile", "member", "customer id", "student",
];

/// What names a field that is not for a username, whatever else it says.
pub(super) const NOT_USERNAME: &[&str] = &[
    "search", "suche", "recherch", "buscar", "query", "captcha", "otp", "2fa", "coupon", "promo", "newsletter",
    "subscribe", "zip", "postal", "first name", "last name", "firstname", "lastname", "vorname", "nachname",
    "birth", "confirm", "comment", "message", "honeypot", "website", "url", "company",
];

/// "New password", "again": fields of a sign-up or of a change.
pub(super) const NEW_PASSWORD: &[&str] = &[
    "new", "confirm", "repeat", "again", "retype", "re-enter", "verify", "create", "neu", "bestätig", "wiederhol",
    "nouveau", "confirmer", "nueva", "repetir", "nova", "nuova", "conferma", "herhaal", "nowe", "powtórz", "новый",
    "повтор", "подтверд", "確認", "新しい", "确认", "新密码", "재입력", "확인",
];

/// The site says that username and password do not fit.
pub(super) const WRONG: &[&str] = &[
    "incorrect", "invalid", "wrong", "not correct", "don't match", "do not match", "doesn't match", "not match",
    "not recognised", "not recognized", "not valid", "couldn't find", "could not find", "unknown user", "no account",
    "authentication failed", "login failed", "sign-in failed", "failed to log", "failed to sign", "bad credentials",
    "correct username and password", "access denied", "try again", "unable to log", "not authorized", "unauthorized",
    "falsch", "ungültig", "nicht korrekt", "fehlgeschlagen", "stimmt nicht", "incorrect", "invalide", "erroné",
    "échoué", "échec", "incorrect", "inválid", "errónea", "incorrecta", "errat", "non valid", "non corrett", "onjuist",
    "ongeldig", "felaktig", "fel användar", "feil ", "forkert", "nieprawidłow", "błędn", "nesprávn", "neplatn",
    "hibás", "hatalı", "yanlış", "geçersiz", "неверн", "неправильн", "невірн", "正しくありません", "間違", "一致しません",
    "일치하지", "잘못", "错误", "不正确", "錯誤", "不正確", "غير صحيح", "خاطئ", "שגוי", "không đúng", "salah",
];

/// The site says that the account cannot be used now.
pub(super) const LOCKED: &[&str] = &[
    "account locked", "account is locked", "account has been locked", "locked out", "temporarily locked", "is locked",
    "been locked", "suspended", "account disabled", "account is disabled", "been disabled", "deactivated",
    "account blocked", "is blocked", "been blocked", "gesperrt", "deaktiviert", "verrouillé", "bloqué", "suspendu",
    "bloquead", "bloccat", "geblokkeerd", "spärrat", "sperret", "zablokowan", "zablokován", "zárolva", "kilitlen",
    "заблокирован", "заблоковано", "ロックされ", "잠겼", "잠금", "已锁定", "被锁定", "锁定", "已鎖定", "محظور", "ננעל",
];

/// The site says that too many tries were made.
pub(super) const THROTTLED: &[&str] = &[
    "too many", "rate limit", "slow down", "try again later", "try again in", "wait a few minutes", "zu viele",
    "trop de tentatives", "demasiados", "muitas tentativas", "troppi tentativi", "te veel pogingen", "för många",
    "zbyt wiele", "příliš mnoho", "çok fazla", "слишком много", "試行回数", "너무 많", "次数过多", "過多",
];

/// The site asks for a code.
pub(super) const CODE: &[&str] = &[
    "one-time", "one time", "verification code", "security code", "authentication code", "authenticator",
    "two-factor", "two factor", "2fa", "mfa", "otp", "totp", "6-digit", "six-digit", "passcode", "bestätigungscode",
    "sicherheitscode", "einmal", "code de vérification", "code de sécurité", "código de verif", "código de segur",
    "codice di verifica", "verificatiecode", "verifieringskod", "kod weryfikac", "doğrulama kodu", "код подтвержд",
    "認証コード", "確認コード", "인증 코드", "인증번호", "验证码", "驗證碼", "رمز التحقق",
];

/// The site wants to see a person.
pub(super) const CHALLENGE: &[&str] = &[
    "captcha", "not a robot", "are human", "you are a human", "human verification", "verify you are", "kein roboter",
    "pas un robot", "no soy un robot", "não sou um robô", "non sono un robot", "не робот", "ロボットではありません",
    "로봇이 아닙니다", "人机验证", "checking your browser",
];

/// The site is not at work, though it answers.
pub(super) const DOWN: &[&str] = &[
    "maintenance", "temporarily unavailable", "service unavailable", "be right back", "be back soon", "wartung",
    "en mantenimiento", "em manutenção", "manutenzione", "onderhoud", "underhåll", "konserwac", "техническ",
    "メンテナンス", "점검", "维护", "維護", "bad gateway", "gateway timeout", "internal server error",
];

/// "Sign out": seen only by who is in.
pub(super) const SIGN_OUT: &[&str] = &[
    "logout", "log out", "log off", "logoff", "sign out", "signout", "abmelden", "ausloggen", "déconnexion",
    "se déconnecter", "cerrar ses", "salir", "sair", "terminar sess", "esci", "disconnetti", "uitloggen", "afmelden",
    "logga ut", "logg ut", "log ud", "kirjaudu ulos", "wyloguj", "odhlás", "kijelentkez", "çıkış", "выйти", "выход",
    "вийти", "αποσύνδεση", "ログアウト", "サインアウト", "로그아웃", "退出", "登出", "تسجيل الخروج", "התנתק", "đăng xuất", "keluar",
];

/// Whether the lower-case text holds one of the words. A short word must stand by itself.
pub(super) fn any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| holds(text, word))
}

fn holds(text: &str, word: &str) -> bool {
    if word.len() > 5 || !word.is_ascii() {
        return text.contains(word);
    }
    // "go" is in "google" and "logo", "new" is in "news".
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let apart = |c: Option<char>| !c.is_some_and(char::is_alphabetic);
        apart(before) && apart(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_words_stand_alone_and_long_ones_may_be_parts() {
        assert!(any("go", NEXT) && any("let's go!", NEXT) && !any("logo", NEXT) && !any("google", NEXT));
        assert!(any("bitte hier einloggen.", SIGN_IN) && any("user_name", USERNAME) && any("ログインする", SIGN_IN));
    }
}
