//! The words by which login pages speak, in the languages that most of them use.
//!
//! Matched as parts of lower-case text. A word stands here because it tells one thing from another, not to be complete.
//! What forms are told by is in [`form`]; here is what pages say.

// One word a line would make a page of a thousand lines of it.
#[rustfmt::skip]
mod form;

pub(super) use form::*;

/// The site says that username and password do not fit.
pub(super) const WRONG: &[&str] = &[
    "incorrect",
    "invalid",
    "wrong",
    "not correct",
    "don't match",
    "do not match",
    "doesn't match",
    "not match",
    "not recognised",
    "not recognized",
    "not valid",
    "couldn't find",
    "could not find",
    "unknown user",
    "no account",
    "authentication failed",
    "login failed",
    "sign-in failed",
    "failed to log",
    "failed to sign",
    "bad credentials",
    "correct username and password",
    "access denied",
    "try again",
    "unable to log",
    "not authorized",
    "unauthorized",
    "falsch",
    "ungültig",
    "nicht korrekt",
    "fehlgeschlagen",
    "stimmt nicht",
    "incorrect",
    "invalide",
    "erroné",
    "échoué",
    "échec",
    "incorrect",
    "inválid",
    "errónea",
    "incorrecta",
    "errat",
    "non valid",
    "non corrett",
    "onjuist",
    "ongeldig",
    "felaktig",
    "fel användar",
    "feil ",
    "forkert",
    "nieprawidłow",
    "błędny",
    "błędne",
    "błędna",
    "błędną",
    "nesprávn",
    "neplatn",
    "hibás",
    "hatalı",
    "yanlış",
    "geçersiz",
    "неверн",
    "неправильн",
    "невірн",
    "正しくありません",
    "間違",
    "一致しません",
    "일치하지",
    "잘못",
    "错误",
    "不正确",
    "錯誤",
    "不正確",
    "غير صحيح",
    "خاطئ",
    "שגוי",
    "không đúng",
    "salah",
];

/// The site says that the account cannot be used now.
pub(super) const LOCKED: &[&str] = &[
    "account locked",
    "account is locked",
    "account has been locked",
    "locked out",
    "temporarily locked",
    "is locked",
    "been locked",
    "suspended",
    "account disabled",
    "account is disabled",
    "been disabled",
    "deactivated",
    "account blocked",
    "account has expired",
    "account is expired",
    "account expired",
    "konto ist abgelaufen",
    "compte a expiré",
    "cuenta ha caducado",
    "is blocked",
    "been blocked",
    "gesperrt",
    "deaktiviert",
    "verrouillé",
    "bloqué",
    "suspendu",
    "bloquead",
    "bloccat",
    "geblokkeerd",
    "spärrat",
    "sperret",
    "zablokowan",
    "zablokován",
    "zárolva",
    "kilitlen",
    "заблокирован",
    "заблоковано",
    "ロックされ",
    "잠겼",
    "잠금",
    "已锁定",
    "被锁定",
    "锁定",
    "已鎖定",
    "محظور",
    "ננעל",
];

/// The site says that too many tries were made.
pub(super) const THROTTLED: &[&str] = &[
    "too many",
    "rate limit",
    "slow down",
    "try again later",
    "try again in",
    "wait a few minutes",
    "zu viele",
    "trop de tentatives",
    "demasiados",
    "muitas tentativas",
    "troppi tentativi",
    "te veel pogingen",
    "för många",
    "zbyt wiele",
    "příliš mnoho",
    "çok fazla",
    "слишком много",
    "試行回数",
    "너무 많",
    "次数过多",
    "過多",
];

/// The site asks for a code.
pub(super) const CODE: &[&str] = &[
    "one-time",
    "one time",
    "verification code",
    "security code",
    "authentication code",
    "authenticator",
    "two-factor",
    "two factor",
    "2fa",
    "mfa",
    "otp",
    "totp",
    "6-digit",
    "six-digit",
    "passcode",
    "bestätigungscode",
    "sicherheitscode",
    "einmal",
    "code de vérification",
    "code de sécurité",
    "código de verif",
    "código de segur",
    "codice di verifica",
    "verificatiecode",
    "verifieringskod",
    "kod weryfikac",
    "doğrulama kodu",
    "код подтвержд",
    "認証コード",
    "確認コード",
    "인증 코드",
    "인증번호",
    "验证码",
    "驗證碼",
    "رمز التحقق",
];

/// The site wants to see a person.
pub(super) const CHALLENGE: &[&str] = &[
    "captcha",
    "not a robot",
    "are human",
    "you are a human",
    "human verification",
    "verify you are",
    "kein roboter",
    "pas un robot",
    "no soy un robot",
    "não sou um robô",
    "non sono un robot",
    "не робот",
    "ロボットではありません",
    "로봇이 아닙니다",
    "人机验证",
    "checking your browser",
];

/// The site has a question that only a person may answer: new terms, a consent.
pub(super) const CONSENT: &[&str] = &[
    "i agree",
    "and agree",
    "agree to",
    "accept and",
    "new terms",
    "terms of service",
    "terms of use",
    "terms and conditions",
    "privacy policy",
    "nutzungsbedingungen",
    "einverstanden",
    "stimme zu",
    "conditions d'utilisation",
    "j'accepte",
    "términos y condiciones",
    "acepto",
    "termos de uso",
    "condizioni d'uso",
    "accetto",
    "условия использования",
    "regulamin",
    "利用規約",
    "이용약관",
    "服务条款",
];

/// The site is not at work, though it answers.
pub(super) const DOWN: &[&str] = &[
    "maintenance",
    "temporarily unavailable",
    "service unavailable",
    "be right back",
    "be back soon",
    "wartung",
    "en mantenimiento",
    "em manutenção",
    "manutenzione",
    "onderhoud",
    "underhåll",
    "konserwac",
    "техническ",
    "メンテナンス",
    "점검",
    "维护",
    "維護",
    "bad gateway",
    "gateway timeout",
    "internal server error",
];

/// "Sign out": seen only by who is in.
pub(super) const SIGN_OUT: &[&str] = &[
    "logout",
    "log out",
    "log off",
    "logoff",
    "sign out",
    "signout",
    "abmelden",
    "ausloggen",
    "déconnexion",
    "se déconnecter",
    "cerrar ses",
    "salir",
    "sair",
    "terminar sess",
    "esci",
    "disconnetti",
    "uitloggen",
    "afmelden",
    "logga ut",
    "logg ut",
    "log ud",
    "kirjaudu ulos",
    "wyloguj",
    "odhlás",
    "kijelentkez",
    "çıkış",
    "выйти",
    "выход",
    "вийти",
    "αποσύνδεση",
    "ログアウト",
    "サインアウト",
    "로그아웃",
    "退出",
    "登出",
    "تسجيل الخروج",
    "התנתק",
    "đăng xuất",
    "keluar",
];

/// Whether the lower-case text holds one of the words. A short word must stand by itself.
pub(super) fn any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| holds(text, word))
}

fn holds(text: &str, word: &str) -> bool {
    // The alphabets of which short words are parts of other words; elsewhere, words are not told apart by spaces.
    let alphabetic = |c: char| c < '\u{530}';
    if word.chars().count() > 5 || !word.chars().all(alphabetic) {
        return text.contains(word);
    }
    // "go" is in "google" and "logo", "new" is in "news", and "вход" in "входящие".
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let apart = |c: Option<char>| !c.is_some_and(char::is_alphabetic);
        apart(before) && apart(after)
    })
}

/// A form that was looked at too late, or without its token: nothing was said of the password.
pub(super) const STALE: &[&str] = &[
    "csrf",
    "cross-site request",
    "cross site request",
    "form has expired",
    "form expired",
    "page has expired",
    "page expired",
    "session has expired",
    "session expired",
    "session timed out",
    "security token",
    "formular ist abgelaufen",
    "sitzung ist abgelaufen",
    "sitzung abgelaufen",
    "session a expiré",
    "page a expiré",
    "sesión ha caducado",
    "sesión ha expirado",
    "sesión expirada",
    "sessão expirou",
    "sessão expirada",
    "sessione è scaduta",
    "sessione scaduta",
    "sessie is verlopen",
    "sesja wygasła",
    "сессия истекла",
    "срок действия сеанса",
    "oturum süresi",
    "会话已过期",
    "会话过期",
    "セッションの有効期限",
    "세션이 만료",
];

/// What a refusal names that has looked at what was typed.
pub(super) const CREDENTIALS: &[&str] = &[
    "password",
    "credential",
    "username",
    "passwort",
    "kennwort",
    "mot de passe",
    "contraseña",
    "senha",
    "wachtwoord",
    "hasło",
    "пароль",
    "şifre",
    "密码",
    "パスワード",
    "비밀번호",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_words_stand_alone_and_long_ones_may_be_parts() {
        assert!(
            any("go", NEXT) && any("let's go!", NEXT) && !any("logo", NEXT) && !any("google", NEXT)
        );
        assert!(
            any("bitte hier einloggen.", SIGN_IN)
                && any("user_name", USERNAME)
                && any("ログインする", SIGN_IN)
        );
        assert!(any("вход для клиентов", SIGN_IN) && !any("входящие (3)", SIGN_IN));
    }
}
