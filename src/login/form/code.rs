//! Where a one-time code is asked for.

use crate::browser::snapshot::{Field, Snapshot};
use crate::login::words;

use super::field;

/// Names that mean a one-time code, wherever they stand.
const CERTAIN: &[&str] = &[
    "otp",
    "totp",
    "2fa",
    "mfa",
    "tfa",
    "twofactor",
    "onetimecode",
    "approvals_code",
];
/// Names that mean one where nothing else is asked for.
const LIKELY: &[&str] = &["code", "token", "pin", "passcode", "challenge"];
/// Codes of other kinds.
const OTHER: &[&str] = &[
    "captcha",
    "coupon",
    "promo",
    "discount",
    "voucher",
    "gift",
    "referral",
    "invite",
    "zip",
    "postal",
    "post code",
    "country",
    "area",
    "bank",
    "sort code",
    "swift",
    "user code",
    "product",
    "activation",
    "license",
    "dial",
    "图形",
    "图片",
    "画像",
];

/// The field for a one-time code.
pub(in crate::login) fn find_code(page: &Snapshot) -> Option<usize> {
    page.fields
        .iter()
        .position(|field| asks_for_code(page, field))
}

fn asks_for_code(page: &Snapshot, field: &Field) -> bool {
    if !field::usable(field) || !field::is_text(field) && field.kind != "password" {
        return false;
    }
    if field.autocomplete.contains("one-time-code") {
        return true;
    }
    // A card has a security code too.
    if field.autocomplete.starts_with("cc-") {
        return false;
    }
    let said = format!("{} {}", field::names(&field.part), field::says(field));
    let length = field.max_length == 0 || (4..=10).contains(&field.max_length);
    if !length || words::any(&said, OTHER) {
        return false;
    }
    if CERTAIN.iter().any(|word| holds_token(&said, word)) || words::any(&said, words::CODE) {
        return field.kind != "password" || !words::any(&said, &["password", "passwort"]);
    }
    // By themselves these words may mean anything: the page must ask for a code, and for nothing else or for a short one.
    let likely = LIKELY.iter().any(|word| holds_token(&said, word));
    let alone = !page
        .fields
        .iter()
        .any(|f| f.order != field.order && f.kind == "password" && field::usable(f));
    let short = (4..=8).contains(&field.max_length);
    let asked = words::any(&page.text.to_lowercase(), words::CODE) || field.input_mode == "numeric";
    likely && asked && (alone || short)
}

/// Whether `word` stands between characters that are no letters, as in `id_otp-token`.
fn holds_token(said: &str, word: &str) -> bool {
    said.split(|c: char| !(c.is_alphanumeric() || c == '_' && word.contains('_')))
        .any(|token| token == word || token.trim_end_matches(char::is_numeric) == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::form::tests::{button, field, page};

    fn asked(name: &str, label: &str, max_length: u32, text: &str) -> bool {
        let mut code = field(1, "text", name);
        (code.label, code.max_length) = (label.into(), max_length);
        let mut page = page(vec![code], vec![button(2, "Verify")]);
        page.text = text.into();
        find_code(&page).is_some()
    }

    #[test]
    fn a_code_is_told_by_its_name_or_by_what_the_page_asks() {
        assert!(asked("otp_token", "", 6, ""));
        assert!(asked("f1", "Verification code", 0, ""));
        assert!(asked("approvals_code", "", 0, ""));
        assert!(asked("code", "", 0, "Open your authenticator app"));
        assert!(!asked("code", "", 0, "Welcome"));
        assert!(asked("mfaCode", "", 6, ""));
    }

    #[test]
    fn codes_of_other_kinds_are_none() {
        for (name, label) in [
            ("coupon_code", "Code"),
            ("zip", "Postal code"),
            ("c", "Country code"),
            ("captcha", "Code"),
        ] {
            assert!(
                !asked(name, label, 6, "Enter the verification code"),
                "{name}"
            );
        }
        assert!(!asked("otp", "", 40, ""), "no code is as long");
    }

    #[test]
    fn a_likely_name_beside_a_password_must_be_short() {
        let mut code = field(3, "text", "code");
        let fields = |code: Field| vec![field(1, "text", "user"), field(2, "password", "pw"), code];
        let mut with = page(fields(code.clone()), vec![]);
        with.text = "Two-factor".into();
        assert_eq!(find_code(&with), None);
        code.max_length = 6;
        with.fields = fields(code);
        assert_eq!(find_code(&with), Some(2));
    }
}
