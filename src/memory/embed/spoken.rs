//! What of a text is read for its meaning.

/// Longest `Name:` in front of a text, characters.
const LABEL: usize = 40;

/// A text without what stands in front of it as `Ann Lee: ` or `Note: `, of at most three words that begin with capitals: who
/// speaks, or what kind of text it is, is not what it is about.
pub(super) fn spoken(text: &str) -> &str {
    let Some((label, rest)) = text.split_once(": ") else {
        return text;
    };
    let is_name = |word: &str| {
        let mut chars = word.chars();
        chars.next().is_some_and(char::is_uppercase)
            && chars.all(|c| c.is_alphabetic() || matches!(c, '.' | '-' | '\'' | '’'))
    };
    let mut words = label.splitn(4, ' ');
    let fits = words.by_ref().take(3).all(is_name) && words.next().is_none();
    if fits && label.chars().count() <= LABEL && !rest.trim().is_empty() {
        rest
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_front_of_a_text_is_not_what_it_is_about() {
        for (text, about) in [
            ("Ann Lee: good morning", "good morning"),
            ("Łukasz: cześć", "cześć"),
            ("Note: pay bill", "pay bill"),
            ("the plan: sleep", "the plan: sleep"),
            ("http://x", "http://x"),
            ("Ann:good", "Ann:good"),
            ("A B C D: no", "A B C D: no"),
            ("Ann: ", "Ann: "),
            (": x", ": x"),
        ] {
            assert_eq!(spoken(text), about, "{text}");
        }
    }
}
