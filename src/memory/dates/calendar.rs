//! What words say of days, months and years, and of how far away they are.

use std::collections::HashMap;
use std::sync::OnceLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::words::{DENSE, DOUBTFUL, ELEVENTH, MONTHS, NTH, NUMBERS, PAIRS, TENS, WEEKDAYS, WORDS};
use Means::{Month, Number, Weekday};

/// What a word says of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// A month, from 1.
    Month(u32),
    /// A day, so many behind today.
    Day(i32),
    /// A day, so many before or behind today: the language has one word for both.
    Either(i32),
    /// A day of the week, from 0 for Monday.
    Weekday(i32),
    /// Saturday and Sunday.
    Weekend,
    /// Three months from this one on.
    Season(u32),
    /// A length of time.
    Unit(Unit),
    /// Two of them, in one word.
    Two(Unit),
    /// A unit before, of now, or behind: `last`, `this`, `next`.
    Which(i32, Side),
    /// Both in one word.
    Whole(i32, Unit),
    /// So long before now.
    Ago(Side),
    /// So long behind now.
    Ahead,
    /// A number.
    Number(u32),
    /// It stands between, and says nothing.
    Filler,
}

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// In front of what it belongs to.
    Front,
    /// Behind it.
    Behind,
    /// On either side.
    Both,
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A part of a day, which counts as the day.
    Part,
    Day,
    Week,
    Month,
    Year,
}

/// What a word says of time.
pub(super) fn means(word: &str) -> Option<Means> {
    static TABLE: OnceLock<HashMap<String, Means>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let numbered = |lists: &'static [&'static str], from: u32, of: fn(u32) -> Means| {
            (from..)
                .zip(lists)
                .flat_map(move |(at, list)| list.split_whitespace().map(move |word| (word, of(at))))
        };
        let weekday = |at| Weekday(i32::try_from(at).unwrap_or_default());
        let others = WORDS
            .iter()
            .flat_map(|(list, means)| list.split_whitespace().map(move |word| (word, *means)));
        // What comes later has the last word: a month is one also where it is a number elsewhere.
        let all = numbered(&NUMBERS, 1, Number)
            .chain(others)
            .chain(numbered(&WEEKDAYS, 0, weekday));
        let all = all.chain(numbered(&MONTHS, 1, Month));
        all.map(|(word, means)| (plain(word), means)).collect()
    });
    // Hebrew writes `in`, `from` and `the` in front of a word.
    let bare = || table.get(word.strip_prefix(['ב', 'ה', 'מ', 'ל', 'ש', 'ו'])?);
    table.get(word).or_else(bare).copied()
}

/// What two words say of time; nothing is looked up unless the first one begins such a pair.
pub(super) fn pair(first: &str, second: &str) -> Option<Means> {
    let first = match first {
        "ביום" => "יום",
        "בסוף" => "סוף",
        first => first,
    };
    if !["i", "evvelsi", "hafta", "יום", "סוף"].contains(&first) {
        return None;
    }
    static TABLE: OnceLock<HashMap<String, Means>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let all = PAIRS.iter();
        all.map(|(words, means)| (plain(words), *means)).collect()
    });
    table.get(&format!("{first} {second}")).copied()
}

/// What the signs of a script without spaces say of time.
pub(super) fn dense(signs: &str) -> Option<Means> {
    static TABLE: OnceLock<HashMap<String, Means>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let all = DENSE
            .iter()
            .flat_map(|(list, means)| list.split_whitespace().map(move |word| (word, *means)));
        all.map(|(word, means)| (plain(word), means)).collect()
    });
    table.get(signs).copied()
}

/// A day of a month in words.
pub(super) fn nth(word: &str) -> Option<u32> {
    static TABLE: OnceLock<HashMap<String, u32>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let all = (1..).zip(NTH);
        let all =
            all.flat_map(|(day, list)| list.split_whitespace().map(move |word| (plain(word), day)));
        all.chain([(plain(ELEVENTH), 1)]).collect()
    });
    table.get(word).copied()
}

/// What a word adds to a day: `twenty first`.
pub(super) fn tens(word: &str) -> Option<u32> {
    TENS.iter()
        .find(|(own, _)| plain(own) == word)
        .map(|(_, tens)| *tens)
}

/// Whether a word is a month only where something else says so.
pub(super) fn is_doubtful(word: &str) -> bool {
    DOUBTFUL.contains(&word)
}

/// Whether a sign stands behind the number of a year.
pub(super) fn is_year(sign: &str) -> bool {
    matches!(sign, "年" | "년")
}

/// The same of a month.
pub(super) fn is_month(sign: &str) -> bool {
    matches!(sign, "月" | "월")
}

/// The same of a day.
pub(super) fn is_day(sign: &str) -> bool {
    matches!(sign, "日" | "号" | "號" | "일")
}

/// A sign for a number of one digit, or for ten.
pub(super) fn digit(sign: &str) -> Option<u32> {
    let all = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"];
    match sign {
        "两" | "兩" => Some(2),
        _ => (1..)
            .zip(all)
            .find(|(_, own)| *own == sign)
            .map(|(at, _)| at),
    }
}

/// A word as the tables have it: without what only looks different.
pub(super) fn plain(word: &str) -> String {
    let mark = |c: char| {
        is_combining_mark(c)
            && matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{93c}')
    };
    let (mut bare, mut cyrillic) = (String::with_capacity(word.len()), false);
    for c in word.nfkd().flat_map(char::to_lowercase) {
        // There is another letter with this mark.
        let kept = cyrillic && c == '\u{306}';
        cyrillic = ('\u{400}'..='\u{4ff}').contains(&c);
        if (!mark(c) || kept) && c != '\u{640}' {
            bare.push(if c == 'ς' { 'σ' } else { c });
        }
    }
    bare.nfc().collect()
}
