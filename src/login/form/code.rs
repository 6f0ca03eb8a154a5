//! Where a one-time code is asked for.

use crate::browser::snapshot::Snapshot;
use crate::login::words;

use super::field;

/// Where a code is asked for.
pub(in crate::login) fn find_code(page: &Snapshot) -> Option<usize> {
    page.fields.iter().position(|field| {
        if !field::usable(field) || !field::is_text(field) && field.kind != "password" {
            return false;
        }
        if field.autocomplete.contains("one-time-code") {
            return true;
        }
        let said = format!("{} {}", field::names(&field.part), field::says(field));
        let length = field.max_length == 0 || (4..=10).contains(&field.max_length);
        let named = ["otp", "totp", "2fa", "mfa", "token", "code"]
            .iter()
            .any(|w| holds_token(&said, w))
            || words::any(&said, words::CODE);
        let otherwise = words::any(
            &said,
            &[
                "captcha", "coupon", "promo", "zip", "postal", "country", "area",
            ],
        );
        let asked = words::any(&page.text.to_lowercase(), words::CODE);
        named
            && length
            && !otherwise
            && (asked || field.input_mode == "numeric" || words::any(&said, words::CODE))
    })
}

/// Whether `word` stands between characters that are no letters, as in `id_otp-token`.
fn holds_token(said: &str, word: &str) -> bool {
    said.split(|c: char| !c.is_alphanumeric())
        .any(|token| token == word || token.trim_end_matches(char::is_numeric) == word)
}
