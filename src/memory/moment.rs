//! Times as callers give them: in words, and only such as every zone can show.

use chrono::{DateTime, Datelike as _, FixedOffset, Utc};

/// Reads a time, as in `2025-05-31T12:00:00Z`.
///
/// # Errors
/// It is none, and what one looks like; put the name of the thing and `is` before it, or nothing.
pub fn moment(text: &str) -> Result<DateTime<FixedOffset>, String> {
    let at = text.trim().parse();
    at.map_err(|_| "no time; write it as 2025-05-31T12:00:00Z".to_owned())
}

/// Checks that every zone can show a time, where one is given: towards either end of the calendar one day more or less is no
/// date any more.
pub(super) fn within(what: &str, at: Option<DateTime<Utc>>) -> Result<(), String> {
    match at.is_none_or(|at| (1..=9999).contains(&at.year())) {
        true => Ok(()),
        false => Err(format!("{what} is a time between the years 1 and 9999")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_that_every_zone_can_show() {
        for good in ["2025-05-31T12:00:00Z", " 2025-05-31T12:00:00.5+14:00 "] {
            let at = moment(good).unwrap().to_utc();
            assert_eq!(within("now", Some(at)), Ok(()), "{good}");
        }
        for none in ["yesterday", "2024-13-01", "", "1714550400"] {
            assert!(moment(none).unwrap_err().contains("2025-05-31T12:00:00Z"));
        }
        for far in [
            "+262142-12-31T23:59:59Z",
            "-262143-01-01T00:00:00Z",
            "9999-12-31T23:59:59-12:00",
            "0000-06-01T00:00:00Z",
        ] {
            let at = moment(far).unwrap().to_utc();
            let why = within("since", Some(at)).unwrap_err();
            assert!(why.starts_with("since is a time between"), "{far}: {why}");
        }
        assert_eq!(within("now", None), Ok(()));
    }
}
