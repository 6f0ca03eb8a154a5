//! When a session ends, as far as its cookies tell.

use chrono::{DateTime, TimeDelta, Utc};

use super::sanitise::LONGEST_LIFE_DAYS;
use super::state::StorageState;

/// The earliest end among the cookies whose names are in `matter`; `None` where none of them carries one.
///
/// An empty list tells nothing: among all cookies of a site the shortest lived ones (bot checks, CSRF tokens)
/// say nothing about the login, and renewing by them would spend logins. No end lies more than 400 days after the
/// capture, whatever the cookie says, because Chromium cuts it there.
///
/// Source: RFC 6265bis section 5.5.
pub fn ends_at(state: &StorageState, matter: &[String]) -> Option<DateTime<Utc>> {
    let cap = state
        .jarkeeper
        .as_ref()
        .map(|extension| extension.captured_at + TimeDelta::days(LONGEST_LIFE_DAYS));
    state
        .cookies
        .iter()
        .filter(|cookie| cookie.expires > 0.0 && matter.contains(&cookie.name))
        // A float beyond the range of dates saturates, and then has no date: as good as no end.
        .filter_map(|cookie| {
            DateTime::from_timestamp_millis((cookie.expires * 1000.0) as i64).or(cap)
        })
        .map(|end| cap.map_or(end, |cap| end.min(cap)))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::state::Extension;

    fn state(ends: &[(&str, f64)]) -> StorageState {
        let cookies = ends
            .iter()
            .map(|(name, expires)| {
                serde_json::from_value(serde_json::json!({
                    "name": name, "value": "v", "domain": "h", "path": "/", "expires": expires
                }))
                .unwrap()
            })
            .collect();
        StorageState {
            cookies,
            ..StorageState::default()
        }
    }

    fn ends(state: &StorageState, matter: &[&str]) -> Option<i64> {
        let matter: Vec<_> = matter.iter().map(|&name| name.to_owned()).collect();
        ends_at(state, &matter).map(|end| end.timestamp())
    }

    #[test]
    fn the_first_cookie_that_matters_to_end_ends_the_session() {
        let state = state(&[
            ("bot", 10.0),
            ("sid", 300.5),
            ("remember", 200.0),
            ("s", -1.0),
        ]);
        assert_eq!(ends(&state, &["sid", "remember", "s"]), Some(200));
        assert_eq!(ends(&state, &["sid"]), Some(300));
        assert_eq!(ends(&state, &["s", "gone"]), None);
        assert_eq!(ends(&state, &[]), None);
    }

    #[test]
    fn an_end_lies_at_most_400_days_after_the_capture() {
        let mut state = state(&[("sid", 1e300)]);
        assert_eq!(ends(&state, &["sid"]), None);
        state.jarkeeper = Some(Extension {
            version: 1,
            captured_at: DateTime::UNIX_EPOCH,
            user_agent: None,
            storage: Vec::new(),
            http: Vec::new(),
        });
        assert_eq!(ends(&state, &["sid"]), Some(400 * 86_400));
    }
}
