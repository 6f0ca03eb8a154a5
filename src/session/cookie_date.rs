//! Dates as servers write them into `Expires`.

use chrono::{DateTime, NaiveDate, Utc};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Reads a date in any of the spellings that browsers take; `None` where they would ignore it.
///
/// Source: RFC 6265 section 5.1.1, which looks for a time, a day, a month and a year, in any order.
pub(super) fn cookie_date(text: &str) -> Option<DateTime<Utc>> {
    let delimiter = |c: char| matches!(c, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~');
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(delimiter).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = clock(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = MONTHS.iter().position(|name| {
                token
                    .get(..3)
                    .is_some_and(|head| head.eq_ignore_ascii_case(name))
            })
        {
            month = Some(found as u32 + 1);
        } else if year.is_none()
            && let Some(found) = number(token, 2..=4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        year @ 70..=99 => 1900 + year,
        year @ 0..=69 => 2000 + year,
        year @ 1601.. => year,
        _ => return None,
    };
    let (hour, minute, second) = time?;
    let date = NaiveDate::from_ymd_opt(year as i32, month?, day?)?;
    Some(date.and_hms_opt(hour, minute, second)?.and_utc())
}

fn clock(token: &str) -> Option<(u32, u32, u32)> {
    let mut parts = token.splitn(3, ':');
    let mut part = || number(parts.next()?, 1..=2);
    Some((part()?, part()?, part()?))
}

/// The digits at the beginning, if there are as many as allowed; what is no digit after them is passed over.
fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let end = token
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(token.len());
    digits
        .contains(&end)
        .then(|| token[..end].parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_date_is_read() {
        for text in [
            "Wed, 21 Oct 2099 07:28:00 GMT",
            "Wed, 21-Oct-2099 07:28:00 GMT",
            "Wed, 21 Oct 2099 07:28:00 UTC",
            "Wed, 21 Oct 2099 7:28:0 -0000",
            "Wednesday, 21-October-2099 07:28:00",
            "Wed Oct 21 07:28:00 2099",
            "2099 oct 21th 07:28:00.123",
        ] {
            let date = cookie_date(text).map(|date| date.to_rfc3339());
            assert_eq!(date.as_deref(), Some("2099-10-21T07:28:00+00:00"), "{text}");
        }
        let year = |text| cookie_date(text).map(|date| date.format("%Y").to_string());
        assert_eq!(year("1-Jan-70 00:00:01").as_deref(), Some("1970"));
        assert_eq!(year("1-Jan-69 00:00:01").as_deref(), Some("2069"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "garbage",
            "1 Jan 2020",
            "32 Jan 2020 00:00:00",
            "1 Jan 2020 24:00:00",
            "31 Feb 2020 00:00:00",
            "1 Jan 1500 00:00:00",
            "1 Jan 20201 00:00:00",
            "é 1 Jän 2020 00:00:00",
        ] {
            assert_eq!(cookie_date(text), None, "{text}");
        }
    }
}
