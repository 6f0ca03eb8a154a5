//! What is taken off words where no stemmer has rules for them.

/// Signs of a beginning.
const BEGINNING: usize = 5;
/// The sign before a beginning.
const OPEN: char = '~';
/// Letters that Hebrew writes in front of a word: and, that, from, the, in, to, as.
const IN_FRONT: [char; 7] = ['ו', 'ש', 'מ', 'ה', 'ב', 'ל', 'כ'];
/// Most of them in front of one word.
const MOST_IN_FRONT: usize = 3;

/// The beginning of a word in letters from a to z, without its last vowels where three letters are left: what languages that add
/// endings to endings leave as it is.
pub(super) fn begin(word: &str) -> String {
    let short: String = word.chars().take(BEGINNING).collect();
    let mut left = short.as_str();
    while left.len() > 3 && left.ends_with(['a', 'e', 'i', 'o', 'u', 'y']) {
        left = &left[..left.len() - 1];
    }
    left.to_owned()
}

/// The beginning of a longer word in other letters, as a term of its own.
pub(super) fn beginning(word: &str) -> Option<String> {
    let long = word.chars().nth(BEGINNING - 1).is_some();
    long.then(|| {
        let signs = word.chars().take(BEGINNING);
        std::iter::once(OPEN).chain(signs).collect()
    })
}

/// A word of Hindi without its ending, as far as two letters are left.
pub(super) fn hindi(word: &str) -> &str {
    const ENDINGS: &[&str] = &[
        "ियों",
        "ियाँ",
        "ियां",
        "ाओं",
        "ाएँ",
        "ाएं",
        "ुओं",
        "ुएँ",
        "ुएं",
        "ओं",
        "एँ",
        "एं",
        "ों",
        "ें",
        "ीं",
        "ां",
        "ाँ",
        "ो",
        "े",
        "ू",
        "ु",
        "ी",
        "ि",
        "ा",
    ];
    without(word, ENDINGS)
}

/// The same of Bengali.
pub(super) fn bengali(word: &str) -> &str {
    const ENDINGS: &[&str] = &[
        "াগুলোর",
        "গুলোর",
        "াগুলো",
        "গুলো",
        "গুলি",
        "াদের",
        "েদের",
        "দের",
        "াটির",
        "াটার",
        "টির",
        "টার",
        "াটি",
        "াটা",
        "টি",
        "টা",
        "াতে",
        "িতে",
        "তে",
        "াকে",
        "িকে",
        "কে",
        "ায\u{9bc}",
        "য\u{9bc}",
        "ের",
        "ার",
        "ির",
        "রা",
        "র",
        "া",
        "ি",
        "ী",
        "ে",
        "ো",
        "ু",
    ];
    without(word, ENDINGS)
}

fn without<'a>(word: &'a str, endings: &[&str]) -> &'a str {
    let found = endings.iter().find_map(|ending| word.strip_suffix(ending));
    found
        .filter(|left| left.chars().filter(|c| c.is_alphabetic()).count() >= 2)
        .unwrap_or(word)
}

/// A word of Hebrew without the ending of many or of women, as far as three letters are left; the forms that letters have at the
/// end of a word are as everywhere.
pub(super) fn hebrew(word: &str) -> String {
    let left = ["ים", "ות", "ה"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending));
    let left = left
        .filter(|left| left.chars().count() >= 3)
        .unwrap_or(word);
    let usual = |c| match c {
        'ך' => 'כ',
        'ם' => 'מ',
        'ן' => 'נ',
        'ף' => 'פ',
        'ץ' => 'צ',
        c => c,
    };
    left.chars().map(usual).collect()
}

/// A word of Hebrew without the letters that may only stand in front of it: one after the other, as far as two are left. Of a
/// word that is `asked` for, three; or it is the article.
pub(super) fn bare(word: &str, asked: bool) -> impl Iterator<Item = &str> {
    let places = word.char_indices().take(MOST_IN_FRONT);
    let in_front = places.take_while(|(_, c)| IN_FRONT.contains(c));
    in_front.filter_map(move |(at, c)| {
        let left = &word[at + c.len_utf8()..];
        let long = left.chars().count();
        let article = at == 0 && c == 'ה';
        (long >= 3 || long == 2 && (article || !asked)).then_some(left)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_where_others_would_be_bent() {
        for (one, other) in [
            ("krakow", "krakowie"),
            ("kot", "kota"),
            ("helsinki", "helsingissa"),
            ("evlerimizden", "evleri"),
        ] {
            assert_eq!(begin(one), begin(other));
        }
        assert_ne!(begin("praga"), begin("prawo"));
        assert_eq!(bengali("ঢাকা"), bengali("ঢাকার"));
        assert_eq!(hebrew("חתולים"), hebrew("חתול"));
        assert_eq!(
            bare("ובבית", false).collect::<Vec<_>>(),
            ["בבית", "בית", "ית"]
        );
        assert_eq!(bare("בים", true).count(), 0);
        assert_eq!(bare("הדג", true).collect::<Vec<_>>(), ["דג"]);
    }
}
