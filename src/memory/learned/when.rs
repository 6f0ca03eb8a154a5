//! Times of facts: as a model writes them, and whether a turn can have meant them.

use chrono::{DateTime, Datelike as _, Months, NaiveDate, TimeDelta, Utc};

/// The beginning of a time as a model writes it, and its end: `2023`, `2023-05`, `2023-05-07`, or RFC 3339.
pub(super) fn span(text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        let at = at.with_timezone(&Utc);
        return Some((at, at));
    }
    let mut parts = text.get(..10).unwrap_or(text).split('-');
    let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let number = |part: Option<&str>| part.map(|part| part.parse::<u32>().ok());
    let (month, day) = (number(parts.next()), number(parts.next()));
    let from = NaiveDate::from_ymd_opt(year, month.unwrap_or(Some(1))?, day.unwrap_or(Some(1))?)?;
    let until = match (month, day) {
        (None, _) => from.checked_add_months(Months::new(12))?,
        (Some(_), None) => from.checked_add_months(Months::new(1))?,
        (Some(_), Some(_)) => from.checked_add_signed(TimeDelta::days(1))?,
    };
    let utc = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
    Some((utc(from), utc(until)))
}

/// Whether turns that were said then, with these words, can have meant a time in this year: it is about then, or they name it,
/// or they name a number of years that leads there.
pub(super) fn can_mean(year: i32, said: &[(DateTime<Utc>, &str)]) -> bool {
    said.iter().any(|(at, text)| {
        let then = at.year();
        (year - then).abs() <= 1
            || numbers(text).any(|number| {
                number == year
                    // In two digits, as in '98.
                    || number == year.rem_euclid(100) && number > 31
                    || (year - (then - number)).abs() <= 1
                    || (year - (then + number)).abs() <= 1
            })
    })
}

/// The years that stand in a text.
pub(super) fn years(text: &str) -> impl Iterator<Item = i32> {
    numbers(text).filter(|number| (1000..=2200).contains(number))
}

/// Numbers in digits, and those up to ten in words that were counted in years most often.
fn numbers(text: &str) -> impl Iterator<Item = i32> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.flat_map(|word| {
        let runs = word.split(|c: char| !c.is_ascii_digit());
        let digits = runs.filter(|run| !run.is_empty() && run.len() <= 4);
        let digits: Vec<i32> = digits.filter_map(|run| run.parse().ok()).collect();
        let spelt = WORDS.iter().position(|one| word.eq_ignore_ascii_case(one));
        let spelt = spelt.and_then(|at| i32::try_from(at + 2).ok());
        digits.into_iter().chain(spelt)
    })
}

const WORDS: [&str; 9] = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_as_long_as_it_is_written() {
        let span = |text| span(text).map(|(from, until)| (from.to_string(), until.to_string()));
        let day = |day: &str| format!("{day} 00:00:00 UTC");
        for (text, from, until) in [
            ("2023", "2023-01-01", "2024-01-01"),
            ("2023-12", "2023-12-01", "2024-01-01"),
            ("2023-05-07", "2023-05-07", "2023-05-08"),
            ("2023-05-07 (Sunday)", "2023-05-07", "2023-05-08"),
        ] {
            assert_eq!(span(text), Some((day(from), day(until))), "{text}");
        }
        assert_eq!(
            span("2023-05-07T10:00:00+02:00").unwrap().0,
            "2023-05-07 08:00:00 UTC"
        );
        for none in [
            "",
            "May",
            "null",
            "2023-13",
            "2023-02-30",
            "23",
            "2023-x",
            "yesterday",
            "２０２３",
        ] {
            assert_eq!(span(none), None, "{none}");
        }
    }

    #[test]
    fn a_year_that_nobody_meant_is_none() {
        let said = at("2023-08-01T10:00:00Z");
        for (year, text, can) in [
            (2023, "I started last week", true),
            (2022, "I started last May", true),
            (2024, "next spring we move", true),
            (2013, "I have played for 10 years", true),
            (2013, "I have played for ten years", true),
            (1998, "born in '98", true),
            (1998, "born in 1998", true),
            (2019, "I started last week", false),
            (2026, "I started last week", false),
            (2017, "I have played for 10 years", false),
        ] {
            assert_eq!(can_mean(year, &[(said, text)]), can, "{year} {text}");
        }
    }
}
