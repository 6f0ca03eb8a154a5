//! What is written in groups and is one: numbers of telephones, accounts, cards, and names of things like `C-3PO`.

/// Least digits of a number that is looked for as one.
const DIGITS: usize = 6;
/// Least signs of what has letters too.
const SIGNS: usize = 3;
/// Most groups of a number.
const GROUPS: usize = 10;

/// An identifier without the strokes in it: `c-3po` as `c3po`.
pub(super) fn glued(term: &str) -> Option<String> {
    let is_stroke = |c: char| matches!(c, '-' | '/');
    let joined: String = term.chars().filter(|c| !is_stroke(*c)).collect();
    let all = joined.chars().all(char::is_alphanumeric) && joined.chars().any(char::is_numeric);
    let long = digits(&joined) >= DIGITS
        || joined.chars().any(char::is_alphabetic) && joined.chars().count() >= SIGNS;
    (joined.len() < term.len() && all && long).then_some(joined)
}

/// Groups with spaces between them, each run with all that it may be: its first two groups as one, its first three, ….
pub(super) fn spaced(chars: &[char]) -> Vec<Vec<String>> {
    let (mut all, mut run) = (Vec::new(), Vec::<String>::new());
    let (mut at, mut end) = (0, 0);
    while at < chars.len() {
        let long = chars[at..]
            .iter()
            .take_while(|c| c.is_alphanumeric())
            .count();
        if long == 0 {
            at += 1;
            continue;
        }
        let group: String = chars[at..at + long].iter().collect();
        let between = &chars[end..at];
        let near = between.len() <= 2
            && between
                .iter()
                .all(|c| matches!(c, ' ' | '-' | '/' | '(' | ')'));
        let fits = group.chars().any(char::is_numeric);
        if !near || run.len() == GROUPS || !(fits || is_bank(&run, &group)) {
            all.extend(joined(&std::mem::take(&mut run)));
        }
        if fits || !run.is_empty() {
            run.push(group);
        }
        at += long;
        end = at;
    }
    all.extend(joined(&run));
    all
}

/// Whether it names the bank in the number of an account: `GB29 NWBK 6016 …`.
fn is_bank(run: &[String], group: &str) -> bool {
    let is_four = |group: &str| group.len() == 4 && group.is_ascii();
    let begins = |first: &str| {
        let (country, check) = first.split_at(2);
        country.bytes().all(|c| c.is_ascii_lowercase()) && check.bytes().all(|c| c.is_ascii_digit())
    };
    matches!(run, [first] if is_four(first) && begins(first)) && is_four(group)
}

fn joined(run: &[String]) -> Option<Vec<String>> {
    let all = (2..=run.len()).map(|count| run[..count].concat());
    let all: Vec<_> = all
        .filter(|number| digits(number) >= DIGITS)
        .map(|number| number.chars().take(super::LONGEST).collect())
        .collect();
    (!all.is_empty()).then_some(all)
}

fn digits(text: &str) -> usize {
    text.chars().filter(|c| c.is_numeric()).count()
}
