//! Finding the code or the sign-in link in a message: pure functions, so that the same message always gives the same.
//!
//! Every word that could be a code is a candidate; what stands around it says how good. A number that is a year, a price, a
//! telephone or an order has the signs of that; a code stands by itself, large, or right behind the word for it.

use url::Url;

use super::letter::{Letter, Line};
use super::words;

/// Below this nothing in the message is a code.
const ENOUGH: i32 = 6;
/// Below this no link in the message lets in.
const ENOUGH_LINK: i32 = 3;
/// How many lines above a code its word may stand.
const NEAR: usize = 3;

/// A candidate within a line: the code as it is to be typed.
struct Candidate {
    code: String,
    /// Byte range in the line.
    from: usize,
    to: usize,
}

/// The one-time code that a message carries.
pub(super) fn code(letter: &Letter) -> Option<String> {
    let subject = Line {
        text: letter.subject.clone(),
        strong: false,
    };
    let speaks = words::any(&lower(&subject), words::CODE)
        || letter
            .lines
            .iter()
            .any(|l| words::any(&lower(l), words::CODE));
    let mut best: Option<(i32, String)> = None;
    let mut consider = |score: i32, code: String| {
        // The first of equals: further down are examples and small print.
        if score >= ENOUGH && best.as_ref().is_none_or(|(other, _)| score > *other) {
            best = Some((score, code));
        }
    };
    for candidate in candidates(&subject.text) {
        let score = shape(&candidate.code)
            + around(&subject, &candidate)
            + i32::from(words::any(&lower(&subject), words::CODE)) * 2;
        consider(score, candidate.code);
    }
    for (at, line) in letter.lines.iter().enumerate() {
        let above = &letter.lines[at.saturating_sub(NEAR)..at];
        let near = above.iter().any(|l| words::any(&lower(l), words::CODE));
        let under = letter.lines.get(at + 1);
        let near = near || under.is_some_and(|l| words::any(&lower(l), words::CODE));
        for candidate in candidates(&line.text) {
            let alone = line.text[..candidate.from]
                .chars()
                .chain(line.text[candidate.to..].chars())
                .all(|c| !c.is_alphanumeric());
            let mut score = shape(&candidate.code) + around(line, &candidate);
            score += if alone { 5 } else { 0 };
            score += if line.strong { 3 } else { 0 };
            score += if near { 3 } else { 0 };
            score += if speaks { 1 } else { -2 };
            consider(score, candidate.code);
        }
    }
    best.map(|(_, code)| code)
}

fn lower(line: &Line) -> String {
    line.text.to_lowercase()
}

/// How much the characters alone look like a code.
fn shape(code: &str) -> i32 {
    let digits = code.chars().all(|c| c.is_ascii_digit());
    match (digits, code.len()) {
        (true, 4) if code.starts_with("19") || code.starts_with("20") => -4,
        (true, 6) => 2,
        (true, 4..=8) => 1,
        (true, _) => -1,
        // Words of letters alone are words until something says otherwise.
        (false, _) if code.chars().all(|c| c.is_ascii_alphabetic() || c == '-') => {
            match code.contains(['A', 'E', 'I', 'O', 'U', 'Y']) {
                true => -4,
                false => 1,
            }
        }
        (false, _) => 1,
    }
}

/// What the rest of the line says for and against a candidate.
fn around(line: &Line, candidate: &Candidate) -> i32 {
    let before = line.text[..candidate.from].to_lowercase();
    let after = line.text[candidate.to..].to_lowercase();
    let close: String = before
        .chars()
        .rev()
        .take(30)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let mut score = 0;
    if words::any(&close, words::CODE) {
        score += 5;
    } else if words::any(&before, words::CODE) || words::any(&after, words::CODE) {
        score += 4;
    }
    // "code: 123", "code is 123", "123 is your code".
    if before.trim_end().ends_with([':', '：', '=', '】']) {
        score += 1;
    }
    if words::any(&close, words::OTHER) {
        score -= 8;
    }
    let next = after.trim_start_matches([' ', '-', '\u{a0}']);
    let unit = words::UNITS.iter().any(|unit| {
        next.strip_prefix(unit)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    });
    if unit || next.starts_with(['€', '$', '£', '¥', '%', '₽']) {
        score -= 8;
    }
    if before
        .trim_end()
        .ends_with(['€', '$', '£', '¥', '#', '+', '№', '₽'])
    {
        score -= 8;
    }
    // A telephone, a card, an account: groups of digits in a row.
    let group = |word: Option<&str>| {
        word.is_some_and(|word| {
            let bare = word.trim_matches(['(', ')', '+', '-', '.']);
            bare.len() >= 2 && bare.chars().all(|c| c.is_ascii_digit() || c == '-')
        })
    };
    if group(before.split_whitespace().next_back()) || group(after.split_whitespace().next()) {
        score -= 8;
    }
    score
}

/// Everything in a line that could be typed as a code.
fn candidates(line: &str) -> Vec<Candidate> {
    let words: Vec<(usize, &str)> = line
        .split_whitespace()
        .map(|word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
        .collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        // Characters that stand apart, one in each box: "1 2 3 4 5 6".
        let single = |(_, word): &(usize, &str)| {
            word.len() == 1
                && word
                    .chars()
                    .all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
        };
        let run = words[at..].iter().take_while(|word| single(word)).count();
        if (4..=8).contains(&run) {
            let (from, _) = words[at];
            let (last, word) = words[at + run - 1];
            let code: String = words[at..at + run].iter().map(|(_, word)| *word).collect();
            if code.chars().any(|c| c.is_ascii_digit()) {
                found.push(Candidate {
                    code,
                    from,
                    to: last + word.len(),
                });
            }
            at += run;
            continue;
        }
        let (from, word) = words[at];
        at += 1;
        let (start, core) = bare(word);
        let (from, to) = (from + start, from + start + core.len());
        // Two groups of three or four digits: "123 456".
        if let Some((next_from, next)) = words.get(at)
            && is_digits(core, 3..=4)
            && start + core.len() == word.len()
        {
            let (next_start, next_core) = bare(next);
            let third = words.get(at + 1).map(|(_, w)| bare(w).1);
            if next_start == 0
                && next_core.len() == core.len()
                && is_digits(next_core, 3..=4)
                && !third.is_some_and(|third| is_digits(third, 2..=6))
            {
                let code = format!("{core}{next_core}");
                found.push(Candidate {
                    code,
                    from,
                    to: next_from + next_core.len(),
                });
                at += 1;
                continue;
            }
        }
        if let Some(code) = token(core) {
            found.push(Candidate { code, from, to });
        }
    }
    found
}

fn is_digits(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit())
}

/// The word without the marks around it, and where it begins.
fn bare(word: &str) -> (usize, &str) {
    // Codes may stand inside other scripts without a space: "验证码123456，". What is kept is the longest run that could be one.
    let keep = |c: char| c.is_ascii_alphanumeric() || "-./:@#_%&=?+$€£,’'".contains(c);
    let (mut best, mut start) = ((0, ""), None);
    for (at, c) in word.char_indices().chain([(word.len(), ' ')]) {
        match (keep(c), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                if at - from > best.1.len() {
                    best = (from, &word[from..at]);
                }
                start = None;
            }
            _ => {}
        }
    }
    let (from, run) = best;
    let left = run.trim_start_matches(|c: char| ":.,-'’=".contains(c));
    let from = from + run.len() - left.len();
    (
        from,
        left.trim_end_matches(|c: char| ":.,-'’!?".contains(c)),
    )
}

/// The word as a code, where it can be one.
fn token(word: &str) -> Option<String> {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !plain || word.contains("--") {
        return None;
    }
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
    let groups: Vec<&str> = word.split('-').collect();
    // Dates, telephones, numbers of documents.
    if letters == 0 {
        return match groups[..] {
            [one] => (4..=10).contains(&one.len()).then(|| one.to_owned()),
            // Written apart to be read, and typed together.
            [a, b] if a.len() == b.len() && (3..=4).contains(&a.len()) => Some(format!("{a}{b}")),
            _ => None,
        };
    }
    // "G-123456": the letter says whose code it is.
    if let [brand, code] = groups[..]
        && brand.len() <= 3
        && brand.chars().all(|c| c.is_ascii_uppercase())
        && is_digits(code, 4..=8)
    {
        return Some(code.to_owned());
    }
    let upper = !word.chars().any(|c| c.is_ascii_lowercase());
    let lower = !word.chars().any(|c| c.is_ascii_uppercase());
    let length = (4..=10).contains(&(digits + letters)) && groups.len() <= 3;
    let spelled = upper || lower && digits > 0 || digits >= 2 && groups.len() == 1;
    (length && spelled && (digits > 0 || upper)).then(|| word.to_owned())
}

/// The link that lets in, among those that `allowed` accepts.
pub(super) fn link(letter: &Letter, allowed: impl Fn(&Url) -> bool) -> Option<Url> {
    let mut best: Option<(i32, Url)> = None;
    for (href, said) in &letter.links {
        let Some(url) = web(href).filter(&allowed) else {
            continue;
        };
        let score = link_score(&url, said);
        if score >= ENOUGH_LINK && best.as_ref().is_none_or(|(other, _)| score > *other) {
            best = Some((score, url));
        }
    }
    best.map(|(_, url)| url)
}

/// The origin of a link that would let in, were its origin allowed.
pub(super) fn strange_link(letter: &Letter) -> Option<String> {
    let lets_in = |(href, said): &(String, String)| {
        let url = web(href)?;
        (link_score(&url, said) >= ENOUGH_LINK).then(|| url.origin().ascii_serialization())
    };
    letter.links.iter().find_map(lets_in)
}

fn web(href: &str) -> Option<Url> {
    let url = Url::parse(href.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

fn link_score(url: &Url, said: &str) -> i32 {
    let said = said.to_lowercase();
    let path = format!("{} {}", url.path(), url.query().unwrap_or_default()).to_lowercase();
    let path_words = path.replace(['/', '_', '-', '=', '&', '.', '?'], " ");
    let enters = |text: &str| words::any(text, words::ENTER);
    let leaves = |text: &str| words::any(text, words::NOT_ENTER);
    let mut score = 0;
    // What a person is told counts more than an address; "did you not ask for it?" stands beside many a good link.
    score += if enters(&said) { 4 } else { 0 };
    score -= if leaves(&said) { 6 } else { 0 };
    score += if enters(&path_words) || path_words.contains("auth") {
        2
    } else {
        0
    };
    score -= if leaves(&path_words) { 6 } else { 0 };
    let long = |part: &str| {
        part.len() >= 16
            && part.chars().filter(char::is_ascii_alphanumeric).count() * 5 >= part.len() * 4
    };
    let token = url.path_segments().is_some_and(|mut parts| parts.any(long))
        || url.query_pairs().any(|(name, value)| {
            long(&value)
                || matches!(
                    &*name.to_lowercase(),
                    "token" | "key" | "otp" | "code" | "ticket" | "hash"
                )
        });
    score += if token { 3 } else { -2 };
    score
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
