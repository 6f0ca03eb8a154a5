//! What a username may be, and which of them look the same.

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use unicode_security::confusable_detection::skeleton;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _};

/// Longest username, in characters.
const LONGEST: usize = 64;
/// Longest text that is looked at, in bytes: normalising makes shorter what is that long.
const READ: usize = 1024;
/// How many characters an id has; a username never looks like one.
const ID: usize = 20;

/// Words that mean something else where a username could stand, or that would lend their bearer a trust that is not theirs.
const RESERVED: [&str; 24] = [
    "admin",
    "administrator",
    "anonymous",
    "api",
    "count",
    "current",
    "export",
    "help",
    "instance",
    "jarkeeper",
    "list",
    "local",
    "me",
    "moderator",
    "nobody",
    "none",
    "null",
    "owner",
    "profile",
    "root",
    "security",
    "support",
    "system",
    "undefined",
];

/// A username, as it is shown.
///
/// Shape: RFC 8265, profile UsernameCaseMapped, so in lower case and in NFC; 1 to 64 characters; letters, digits and `.`, `-`,
/// `_` between them; of one script, or of those that are written together (UTS #39, Highly Restrictive).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    text: String,
    shape: String,
}

/// Why a text is no username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Nothing, or too much.
    #[error("a username has 1 to 64 characters")]
    Length,
    /// A character that cannot stand there.
    #[error(
        "a username has letters and digits, with single '.', '-' or '_' between them, and no other signs"
    )]
    Sign,
    /// Scripts that are not written together, or digits of two.
    #[error("a username is written in one script, so that it cannot be taken for another")]
    Mixed,
    /// It, or what looks like it, stands for something else.
    #[error("this username, or one that looks like it, is reserved")]
    Reserved,
}

impl Username {
    /// Reads what a person wrote.
    ///
    /// # Errors
    /// See [`UsernameError`].
    pub fn new(written: &str) -> Result<Self, UsernameError> {
        if written.is_empty() || written.len() > READ {
            return Err(UsernameError::Length);
        }
        let enforce = |text: &str| {
            let enforced = UsernameCaseMapped::enforce(text).map_err(|_| UsernameError::Sign)?;
            Ok(enforced.into_owned())
        };
        let text = enforce(written)?;
        // RFC 8264 section 7: the rules are applied until nothing changes; what they go on changing is no name.
        if enforce(&text)? != text {
            return Err(UsernameError::Sign);
        }
        if text.chars().count() > LONGEST {
            return Err(UsernameError::Length);
        }
        if !is_plain(&text) {
            return Err(UsernameError::Sign);
        }
        let two_digits = text.contains(|c: char| c.is_ascii_digit())
            && text.contains(|c: char| !c.is_ascii() && c.is_numeric());
        if two_digits || !text.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
            return Err(UsernameError::Mixed);
        }
        let shape = shape(&text);
        let id = text.len() == ID && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if id || RESERVED.iter().any(|word| self::shape(word) == shape) {
            return Err(UsernameError::Reserved);
        }
        Ok(Self { text, shape })
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What looks the same has the same one: no two people have one shape.
    pub fn shape(&self) -> &str {
        &self.shape
    }
}

/// Whether every sign is a letter, a digit or a mark on one, or stands singly between those.
fn is_plain(text: &str) -> bool {
    let mut before = true;
    for c in text.chars() {
        let between = matches!(c, '.' | '-' | '_');
        if between && before || c.is_ascii() && !between && !c.is_ascii_alphanumeric() {
            return false;
        }
        before = between;
    }
    // `before` is false for a text that ends in a letter.
    !before && text.chars().next().is_some_and(char::is_alphanumeric)
}

/// UTS #39 section 4, and on top of it what that leaves apart because it looks the same only in lower case, or only where it
/// stands: `0` and `o`, the dot over an `i`, the two forms of a sigma.
fn shape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{307}' if plain.ends_with(['i', 'j']) => {}
            'ς' => plain.push('σ'),
            c => plain.push(c),
        }
    }
    let lower: String = skeleton(&plain).collect::<String>().to_lowercase();
    // A letter that is lower now may look like another one.
    skeleton(&lower).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(written: &str) -> Result<String, UsernameError> {
        Username::new(written).map(|name| name.text)
    }

    fn alike(one: &str, other: &str) -> bool {
        let shape = |written: &str| {
            let name = Username::new(written);
            name.unwrap_or_else(|error| panic!("{written:?}: {error}"))
                .shape
        };
        shape(one) == shape(other)
    }

    #[test]
    fn what_is_written_differently_is_one_name() {
        for (written, shown) in [
            ("Ada", "ada"),
            ("ADA.Lovelace-1815", "ada.lovelace-1815"),
            ("\u{ff21}\u{ff44}\u{ff41}", "ada"),
            ("\u{ff11}\u{ff12}a", "12a"),
            ("Jose\u{301}", "jos\u{e9}"),
            ("JOS\u{c9}", "jos\u{e9}"),
            ("A\u{30a}sa", "\u{e5}sa"),
            ("STRASSE", "strasse"),
            ("stra\u{df}e", "stra\u{df}e"),
            ("\u{39d}\u{3af}\u{3ba}\u{3bf}\u{3c2}", "νίκος"),
            ("Иван", "иван"),
            ("ИВАН", "иван"),
            ("太郎", "太郎"),
            ("たろうtaro", "たろうtaro"),
            ("김민수", "김민수"),
            ("דוד", "דוד"),
            ("علي", "علي"),
            ("أحمد1", "أحمد1"),
            ("अमित", "अमित"),
            ("สมชาย", "สมชาย"),
            ("a", "a"),
            ("7of9", "7of9"),
            ("\u{399}\u{3a9}\u{391}\u{39d}", "ιωαν"),
        ] {
            assert_eq!(text(written).as_deref(), Ok(shown), "{written:?}");
        }
    }

    #[test]
    fn what_cannot_be_told_apart_by_eye_has_one_shape() {
        for (one, other) in [
            ("paypal", "раураl".replace('l', "ӏ").as_str()),
            ("soccer", "ѕоссег".replace('г', "ꮁ").as_str()),
            ("cocoa", "сосоа"),
            ("ada0", "adao"),
            ("alice1", "alicel"),
            ("modern", "modem"),
            ("corner", "comer"),
            ("νίκος", "νίκοσ"),
            ("ooo", "οοο"),
            ("hoover", "h00ver"),
        ] {
            let (Ok(one), Ok(other)) = (Username::new(one), Username::new(other)) else {
                continue;
            };
            assert_eq!(one.shape, other.shape, "{one:?} {other:?}");
        }
        assert!(alike("cocoa", "сосоа"));
        assert!(alike("modern", "modem"));
        assert!(!alike("ada", "eda"));
        assert!(!alike("jose", "jos\u{e9}"));
        assert!(!alike("иван", "ivan"));
    }

    #[test]
    fn a_turkish_capital_i_is_the_other_i() {
        assert!(alike("\u{130}stanbul", "istanbul"));
    }

    #[test]
    fn a_name_looks_like_no_word_that_means_something() {
        for written in [
            "me",
            "ME",
            "owner",
            "0wner",
            "0WNER",
            "admin",
            "Admin",
            "r00t",
            "root",
            "api",
            "current",
            "\u{ff41}\u{ff44}\u{ff4d}\u{ff49}\u{ff4e}",
            "adm\u{131}n",
            "adrnin",
            "арі",
            "nu11",
            "he1p",
            "0123456789abcdef0123",
            "list",
            "none",
        ] {
            assert_eq!(text(written), Err(UsernameError::Reserved), "{written:?}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_for_its_reason() {
        use UsernameError::{Length, Mixed, Sign};
        for (written, why) in [
            ("", Length),
            (&*"a".repeat(65), Length),
            (&*"a".repeat(2000), Length),
            ("ada lovelace", Sign),
            ("ada\u{a0}l", Sign),
            ("ada\n", Sign),
            ("ada\0", Sign),
            ("ada/x", Sign),
            ("ada@example.org", Sign),
            ("a:b", Sign),
            ("<b>", Sign),
            (".ada", Sign),
            ("ada.", Sign),
            ("a..b", Sign),
            ("a-.b", Sign),
            ("-", Sign),
            ("ad\u{200b}a", Sign),
            ("ad\u{200d}a", Sign),
            ("ad\u{200c}a", Sign),
            ("ad\u{ad}a", Sign),
            ("\u{feff}ada", Sign),
            ("ad\u{202e}a", Sign),
            ("ad\u{2066}a", Sign),
            ("ada\u{fe0f}", Sign),
            ("😀", Sign),
            ("ada😀", Sign),
            ("\u{fb01}sh", Sign),
            ("\u{2167}", Sign),
            ("\u{212b}sa", Sign),
            ("ada\u{b2}", Sign),
            ("\u{1d41a}da", Sign),
            ("\u{24d0}da", Sign),
            ("\u{301}a", Sign),
            ("\u{e000}", Sign),
            ("אa", Sign),
            ("aא", Sign),
            ("1א", Sign),
            ("\u{661}\u{662}", Sign),
            ("аda", Mixed),
            ("pаypal", Mixed),
            ("gοοgle", Mixed),
            ("иvan", Mixed),
            ("adа太", Mixed),
            ("amit\u{967}", Mixed),
            ("अमित1\u{967}", Mixed),
            ("ᏚᎢᎡ", Sign),
        ] {
            assert_eq!(text(written), Err(why), "{written:?}");
        }
    }
}
