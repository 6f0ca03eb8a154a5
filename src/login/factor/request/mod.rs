//! Pages on which a code must be asked for before it is sent: what their buttons and choices say.

// As many words in a line as fit.
#[rustfmt::skip]
mod words;

use crate::browser::snapshot::{Button, Snapshot};
use crate::login::words::{self as pages, any};

use super::look::{Place, was_sent};
use super::words::{CODE, CONFIRM, NOT_SEND};
use words::{CALL, COMPOUND, MAIL, NOT_REQUEST, PHONE, REQUEST, SENDS, TO_ME};

/// Longest text of a button or an entry that has a code sent, in characters.
const LONGEST: usize = 100;
/// Longest entry that names a way and says no more, in characters.
const NAME: usize = 30;

/// What an entry says of sending a code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::login) enum Says {
    /// "Send me a code".
    Code(Via),
    /// "Text me", "a•••@example.org": of a code only where the page speaks of one.
    Me(Via),
    /// "SMS" and no more: of a code only in a list of ways to get one.
    Way(Via),
}

/// How the code would come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::login) enum Via {
    Mail,
    Unsaid,
    Message,
    Call,
}

impl Says {
    /// The smaller, the better: a mailbox gets no messages, and nobody here picks up a telephone.
    pub(in crate::login) fn rank(self, mailbox: bool) -> u8 {
        let (Self::Code(via) | Self::Me(via) | Self::Way(via)) = self;
        match via {
            Via::Call => 3,
            Via::Mail => 0,
            Via::Unsaid if mailbox => 1,
            Via::Message if mailbox => 2,
            Via::Unsaid | Via::Message => 0,
        }
    }
}

/// What a lower-case text says of sending a code; `None` where it does not.
pub(in crate::login) fn says(text: &str) -> Option<Says> {
    // These two words stand beside a code for another way to get it.
    let other = |word: &&&str| !matches!(**word, "sms" | "call me");
    let refused = NOT_SEND.iter().filter(other).any(|word| any(text, &[word]));
    if text.chars().count() > LONGEST || refused || any(text, NOT_REQUEST) {
        return None;
    }
    let via = if any(text, CALL) {
        Via::Call
    } else if text.contains('@') || any(text, MAIL) {
        Via::Mail
    } else if masked(text) || any(text, PHONE) {
        Via::Message
    } else {
        Via::Unsaid
    };
    if any(text, REQUEST) && speaks_of_code(text) {
        return Some(Says::Code(via));
    }
    if any(text, TO_ME) || via != Via::Unsaid && (masked(text) || text.contains('@')) {
        return Some(Says::Me(via));
    }
    (via != Via::Unsaid && text.chars().count() <= NAME).then_some(Says::Way(via))
}

/// Whether a lower-case text speaks of codes.
pub(in crate::login) fn speaks_of_code(text: &str) -> bool {
    [CODE, COMPOUND, pages::CODE]
        .iter()
        .any(|list| any(text, list))
}

/// Whether a button's lower-case text sends what was chosen.
pub(in crate::login) fn confirms(text: &str) -> bool {
    any(text, CONFIRM) || any(text, SENDS)
}

/// Whether it shows the end of a number or of an address, and hides the rest.
fn masked(text: &str) -> bool {
    let marks = text.matches(['*', '•', '●', '∗', '·']).count();
    marks >= 2 && text.chars().any(char::is_alphanumeric)
}

/// The button beside a field that has its code sent, on a page that has not said that it was.
pub(super) fn button(page: &Snapshot, place: &Place, mailbox: bool) -> Option<usize> {
    if was_sent(page) {
        return None;
    }
    let form = page.fields[place.first()].form;
    let beside = |button: &Button| button.form == form || button.form < 0 || form < 0;
    let pressed = |button: &Button| button.visible && !button.disabled && beside(button);
    let rank = |button: &Button| match says(&button.text.to_lowercase()) {
        Some(said @ Says::Code(_)) if pressed(button) => Some(said.rank(mailbox)),
        _ => None,
    };
    let ranked = page.buttons.iter().enumerate();
    let ranked = ranked.filter_map(|(at, button)| Some((rank(button)?, at)));
    let (_, found) = ranked.min()?;
    // "Send code" alone may be what sends the one that was typed.
    let sends = |(at, button): (usize, &Button)| {
        let text = button.text.to_lowercase();
        let says_so = [CONFIRM, pages::NEXT, pages::SIGN_IN]
            .iter()
            .any(|list| any(&text, list));
        at != found && pressed(button) && rank(button).is_none() && says_so
    };
    let only = !page.buttons.iter().enumerate().any(sends);
    let submits = matches!(page.buttons[found].kind.as_str(), "submit" | "image");
    (!(only && submits)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_a_code_is_known_in_many_languages() {
        for (text, via) in [
            ("Send code", Via::Unsaid),
            ("Send me a verification code", Via::Unsaid),
            ("Email me a code", Via::Mail),
            ("Email a code to a***@kestrel.example", Via::Mail),
            ("Text a code to •••• 12", Via::Message),
            ("Get a code by SMS", Via::Message),
            ("Call me with a code", Via::Call),
            ("Code anfordern", Via::Unsaid),
            ("Bestätigungscode per E-Mail senden", Via::Mail),
            ("Envoyer le code par SMS", Via::Message),
            ("Recevoir un code par e-mail", Via::Mail),
            ("Enviar código al correo", Via::Mail),
            ("Enviar código por SMS", Via::Message),
            ("Inviami un codice via email", Via::Mail),
            ("Stuur een code", Via::Unsaid),
            ("Skicka kod", Via::Unsaid),
            ("Wyślij kod SMS", Via::Message),
            ("Doğrulama kodu gönder", Via::Unsaid),
            ("Отправить код на почту", Via::Mail),
            ("Получить код", Via::Unsaid),
            ("認証コードを送信", Via::Unsaid),
            ("인증번호 받기", Via::Unsaid),
            ("获取验证码", Via::Unsaid),
            ("发送邮箱验证码", Via::Mail),
            ("發送驗證碼", Via::Unsaid),
            ("إرسال رمز التحقق", Via::Unsaid),
            ("Gửi mã xác nhận", Via::Unsaid),
        ] {
            assert_eq!(says(&text.to_lowercase()), Some(Says::Code(via)), "{text}");
        }
        for (text, said) in [
            ("Text me", Says::Me(Via::Message)),
            ("E-mail me", Says::Me(Via::Mail)),
            ("a•••@kestrel.example", Says::Me(Via::Mail)),
            ("+49 *** *** 12", Says::Me(Via::Message)),
            ("SMS", Says::Way(Via::Message)),
            ("E-Mail", Says::Way(Via::Mail)),
        ] {
            assert_eq!(says(&text.to_lowercase()), Some(said), "{text}");
        }
        for text in [
            "Resend code",
            "I didn't get a code",
            "Code erneut senden",
            "Renvoyer le code",
            "重新发送验证码",
            "Use a recovery code",
            "Get a promo code",
            "Verify",
            "Continue",
            "I have a code",
        ] {
            assert_eq!(says(&text.to_lowercase()), None, "{text}");
        }
    }
}
