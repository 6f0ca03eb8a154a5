//! The kind of answer that a question wants, and the texts that may hold it.
//!
//! Who asks `when` wants a text with a time in it, who asks `how many` one with a number, and so on. A text is indexed under
//! the kinds that it may be an answer of.

use super::dates;
use super::tokens::folded;

/// A kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    /// A time.
    When,
    /// A place.
    Where,
    /// A reason.
    Why,
    /// A number.
    Many,
}

/// What asks for a time; each begins a word, or is one where a space stands behind it.
const WHEN: &[&str] = &[
    "when ",
    "on what day",
    "on which day",
    "welchem tag",
    "welchen tag",
    "que dia",
    "que fecha",
    "quel jour",
    "каких пор",
    "какого числа",
    "какой день",
    "اي يوم",
    "किस दिन",
    "किस तारीख",
    "何曜日",
    "星期几",
    "how long ago",
    "what date",
    "what day",
    "what month",
    "what year",
    "which day",
    "which month",
    "which year",
    "wann ",
    "wie lange ist",
    "cuando ",
    "quand ",
    "quando ",
    "wanneer ",
    "когда ",
    "متى ",
    "कब ",
    "什么时候",
    "什麼時候",
    "何时",
    "几号",
    "哪天",
    "哪一天",
    "いつ",
    "何日",
    "何月",
    "何年",
    "nar ",
    "hvornar ",
    "kiedy ",
    "kdy ",
    "milloin ",
    "mikor ",
    "ne zaman",
    "ποτε ",
    "מתי ",
    "언제",
    "몇 월",
    "며칠",
];
const WHERE: &[&str] = &[
    "where ",
    "what city",
    "what country",
    "what state",
    "what place",
    "which city",
    "which country",
    "which state",
    "which place",
    "wo ",
    "wohin ",
    "woher ",
    "donde ",
    "adonde ",
    "où ",
    "dove ",
    "onde ",
    "waar ",
    "где ",
    "куда ",
    "откуда ",
    "اين ",
    "कहाँ ",
    "कहां ",
    "哪里",
    "哪裡",
    "哪儿",
    "どこ",
    "var bor",
    "var ar",
    "var var",
    "hvor er",
    "hvor bor",
    "hvor var",
    "gdzie ",
    "dokad ",
    "kde ",
    "missa ",
    "mihin ",
    "hol van",
    "hol lak",
    "hova ",
    "nerede",
    "nereye",
    "που ειναι",
    "που ηταν",
    "που μεν",
    "που πηγ",
    "איפה ",
    "היכן ",
    "לאן ",
    "어디",
];
const WHY: &[&str] = &[
    "why ",
    "what inspired",
    "what motivated",
    "inspire",
    "motivat",
    "warum ",
    "wieso ",
    "weshalb ",
    "por que ",
    "pourquoi ",
    "perche ",
    "waarom ",
    "почему ",
    "зачем ",
    "لماذا ",
    "क्यों ",
    "为什么",
    "為什麼",
    "なぜ",
    "どうして",
    "varfor ",
    "hvorfor ",
    "dlaczego ",
    "czemu ",
    "proc ",
    "miksi ",
    "miert ",
    "neden ",
    "niye ",
    "nicin ",
    "γιατι ",
    "למה ",
    "מדוע ",
    "왜 ",
];
const MANY: &[&str] = &[
    "how many",
    "how much",
    "how long",
    "how old",
    "how often",
    "wie viel",
    "wie lange",
    "wie alt",
    "wie oft",
    "cuanto",
    "cuanta",
    "combien",
    "quanto ",
    "quanta ",
    "quanti ",
    "quante ",
    "quantos ",
    "quantas ",
    "hoeveel",
    "сколько ",
    "كم ",
    "कितन",
    "多少",
    "几个",
    "幾個",
    "いくつ",
    "いくら",
    "何人",
    "何回",
    "hur manga",
    "hur mycket",
    "hur lange",
    "hvor mange",
    "hvor meget",
    "ile razy",
    "ile lat",
    "ilu ",
    "kolik ",
    "kuinka mon",
    "hany ",
    "mennyi",
    "kac ",
    "ποσ",
    "כמה ",
    "몇 ",
    "얼마",
];
/// What gives a reason.
const REASON: &[&str] = &[
    "because ",
    "since ",
    "so that ",
    "reason",
    "inspired",
    "inspiring",
    "motivat",
    "wanted ",
    "cause",
    "weil ",
    "damit ",
    "deshalb ",
    "porque ",
    "parce ",
    "perche ",
    "omdat ",
    "потому ",
    "поэтому ",
    "чтобы ",
    "لان",
    "क्योंकि",
    "因为",
    "因為",
    "所以",
    "から",
    "ので",
    "eftersom ",
    "fordi ",
    "poniewaz ",
    "dlatego ",
    "protoze ",
    "koska ",
    "mert ",
    "cunku ",
    "επειδη ",
    "כי ",
    "때문",
    "아서 ",
    "어서 ",
];
/// What stands before the name of a place.
const PLACE: &[&str] = &[
    "in", "at", "to", "from", "near", "nach", "aus", "en", "a", "de", "desde", "em", "para", "à",
    "da", "naar", "uit", "в", "во", "из", "на", "до",
];
/// Numbers that are written as words.
const NUMBERS: &[&str] = &[
    "two ",
    "three ",
    "four ",
    "five ",
    "six ",
    "seven ",
    "eight ",
    "nine ",
    "ten ",
    "eleven ",
    "twelve ",
    "dozen",
    "hundred",
    "thousand",
    "couple ",
    "few ",
    "several ",
    "twice ",
    "once ",
    "both ",
    "many ",
    "zwei ",
    "drei ",
    "vier ",
    "funf ",
    "sechs ",
    "sieben ",
    "acht ",
    "neun ",
    "zehn ",
    "dos ",
    "tres ",
    "cuatro ",
    "cinco ",
    "seis ",
    "siete ",
    "ocho ",
    "nueve ",
    "diez ",
    "два ",
    "две ",
    "три ",
    "четыре ",
    "пять ",
    "шесть ",
    "семь ",
    "десять ",
    "двое ",
    "трое ",
    "一",
    "二",
    "三",
    "四",
    "五",
    "六",
    "七",
    "八",
    "九",
    "十",
    "两",
    "दो ",
    "तीन ",
    "चार ",
    "पांच ",
    "पाँच ",
    "दस ",
];

impl Cue {
    /// The term of the texts that may be an answer.
    pub(super) fn term(self) -> &'static str {
        match self {
            Self::When => dates::DATED,
            Self::Where => "=where",
            Self::Why => "=why",
            Self::Many => "=many",
        }
    }

    /// How much more such a text counts.
    pub(super) fn factor(self) -> f32 {
        match self {
            Self::When => 1.3,
            Self::Where | Self::Why => 1.15,
            Self::Many => 1.1,
        }
    }
}

/// What a question wants; at most one kind.
pub(super) fn wanted(question: &str) -> Option<Cue> {
    let text = spread(question);
    let kinds = [
        (Cue::When, WHEN),
        (Cue::Where, WHERE),
        (Cue::Why, WHY),
        (Cue::Many, MANY),
    ];
    let asks = |(_, signs): &(Cue, &[&str])| signs.iter().any(|sign| begins(&text, sign));
    kinds.into_iter().find(asks).map(|(cue, _)| cue)
}

/// What a text may be an answer of, but for times.
pub(super) fn offered(text: &str) -> impl Iterator<Item = Cue> {
    let plain = spread(text);
    let has = |signs: &[&str]| signs.iter().any(|sign| begins(&plain, sign));
    let number = plain.chars().any(char::is_numeric) || has(NUMBERS);
    let kinds = [
        (Cue::Where, names_place(text)),
        (Cue::Why, has(REASON)),
        (Cue::Many, number),
    ];
    kinds.into_iter().filter(|(_, is)| *is).map(|(cue, _)| cue)
}

/// Its words with a space before and behind each.
fn spread(text: &str) -> String {
    let mut words = String::from(" ");
    for c in folded(text) {
        match c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) {
            true => words.push(c),
            false if !words.ends_with(' ') => words.push(' '),
            false => {}
        }
    }
    words.push(' ');
    words
}

/// Whether a word begins so; in scripts without spaces, anywhere.
fn begins(text: &str, sign: &str) -> bool {
    let spaced = sign.chars().next().is_some_and(|c| c < '\u{2e80}');
    text.match_indices(sign)
        .any(|(at, _)| !spaced || text[..at].ends_with(' '))
}

/// Whether a word with a capital stands behind one that leads to places.
fn names_place(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).enumerate().any(|(at, pair)| {
        let leads = |word: &str| PLACE.contains(&word.to_lowercase().as_str());
        let article = ["the", "la", "los", "las", "el", "der", "den"].contains(&pair[0]);
        let led = leads(pair[0]) || article && at > 0 && leads(words[at - 1]);
        led && pair[1].chars().next().is_some_and(char::is_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_wants_what_its_words_say() {
        for (question, cue) in [
            ("When did she move?", Some(Cue::When)),
            ("¿Cuándo llegó?", Some(Cue::When)),
            ("Где он живёт?", Some(Cue::Where)),
            ("أين يعيش؟", Some(Cue::Where)),
            ("他是什么时候来的", Some(Cue::When)),
            ("Why not?", Some(Cue::Why)),
            ("How many children has he?", Some(Cue::Many)),
            ("कितने बच्चे हैं?", Some(Cue::Many)),
            ("Whenever", None),
            ("What does he like?", None),
        ] {
            assert_eq!(wanted(question), cue, "{question}");
        }
    }

    #[test]
    fn a_text_offers_what_stands_in_it() {
        let offers = |text| offered(text).collect::<Vec<_>>();
        assert_eq!(offers("I flew to the Azores"), [Cue::Where]);
        assert_eq!(offers("because I had three"), [Cue::Why, Cue::Many]);
        assert_eq!(offers("nothing at all"), []);
        assert_eq!(offers("房间12"), [Cue::Many]);
    }
}
