//! The login ledger: what bounds the submissions of one account, across any number of crashes.
//!
//! Shape: a file of JSON lines that is only ever appended to, `{"at":…,"tag":…,"event":"submit"}`. The line of a
//! submit is on the disk before the click; one that no verdict follows (the process died) counts as unclear.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, FailureClass};
use crate::secret::Credentials;

/// Most submissions within an hour.
const PER_HOUR: usize = 3;

/// Most submissions within a day.
const PER_DAY: usize = 8;

/// Most submissions of one secret in a row that were refused or had no clear end.
const STRIKES: u32 = 2;

/// What a line of the ledger tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The credentials are about to be submitted.
    Submit,
    /// The login went through and was proven.
    Accepted,
    /// The site refused the username or the password.
    Refused,
    /// Neither can be said.
    Unclear,
    /// A person released the account: what was counted against its secrets is forgiven.
    Released,
    /// What serves only once (a recovery code, a step of a TOTP secret) is about to be typed.
    Spent,
}

#[derive(Serialize, Deserialize)]
struct Row {
    at: DateTime<Utc>,
    #[serde(default)]
    tag: Option<u16>,
    event: Event,
    /// Of what was spent: its [`mark`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
}

/// What counts against one secret since it was last accepted, or released by a person.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    strikes: u32,
    refused: u32,
}

/// The submissions of one account, as far as they still bound the next.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    counts: BTreeMap<u16, Count>,
    /// The newest submissions, oldest first, no more than a day may hold; never later than what stands after them.
    submits: VecDeque<DateTime<Utc>>,
    spent: BTreeSet<String>,
}

/// One line for the ledger's file. `tag` is `None` where no secret was read, which only a release may be.
pub fn line(at: DateTime<Utc>, tag: Option<u16>, event: Event) -> Vec<u8> {
    row(&Row {
        at,
        tag,
        event,
        mark: None,
    })
}

/// The line that says that what has this mark was used.
pub fn spent(at: DateTime<Utc>, mark: String) -> Vec<u8> {
    row(&Row {
        at,
        tag: None,
        event: Event::Spent,
        mark: Some(mark),
    })
}

fn row(row: &Row) -> Vec<u8> {
    let mut line = serde_json::to_vec(row).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Half of the salted SHA-256 of what serves once. A code that was used is worth nothing, so a hash of it may be guessed.
pub fn mark(salt: &[u8], what: &str) -> String {
    let mut hash = Sha256::new();
    hash.update((salt.len() as u64).to_be_bytes());
    hash.update(salt);
    hash.update(what.as_bytes());
    let digest = hash.finalize();
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// How a login that was submitted ended, for the ledger.
pub fn verdict(result: Result<(), &Failure>) -> Event {
    match result.map_err(|failure| failure.class) {
        // The state could not be kept, but the password was right.
        Ok(()) | Err(FailureClass::Storage) => Event::Accepted,
        Err(FailureClass::WrongCredentials) => Event::Refused,
        Err(_) => Event::Unclear,
    }
}

/// Sixteen bits of the salted SHA-256 of the credentials: enough to notice that they changed, and useless for
/// guessing them.
pub fn secret_tag(salt: &[u8], credentials: &Credentials) -> u16 {
    let mut hash = Sha256::new();
    let totp = credentials.totp.as_ref().map_or("", |t| t.expose_secret());
    let password = credentials.password.expose_secret();
    for part in [
        salt,
        credentials.username.as_bytes(),
        password.as_bytes(),
        totp.as_bytes(),
    ] {
        // The lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    // Made anew where all were used.
    for code in &credentials.recovery_codes {
        hash.update((code.expose_secret().len() as u64).to_be_bytes());
        hash.update(code.expose_secret());
    }
    let digest = hash.finalize();
    u16::from_be_bytes([digest[0], digest[1]])
}

impl Ledger {
    /// Reads the lines of a ledger.
    ///
    /// A line that a crash has torn is passed over: it was not on the disk, so its click has not happened. A whole
    /// line that cannot be read (a flipped bit, a newer version) counts as a submission of that time.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut ledger = Self::default();
        let mut at = DateTime::<Utc>::MIN_UTC;
        // A torn line has no end, so the next begins right behind it: objects are found by their brace.
        for piece in bytes.split(|byte| *byte == b'{').skip(1) {
            let piece = piece.trim_ascii_end();
            let object = [b"{", piece].concat();
            match serde_json::from_slice::<Row>(&object) {
                Ok(row) => {
                    at = row.at;
                    ledger.add(row.at, row.tag, row.event);
                    ledger.spent.extend(row.mark);
                }
                Err(_) if piece.ends_with(b"}") => ledger.add(at, None, Event::Submit),
                Err(_) => {}
            }
        }
        ledger
    }

    /// Counts one more line, as it was or will be appended to the file.
    pub fn add(&mut self, at: DateTime<Utc>, tag: Option<u16>, event: Event) {
        // A line cannot be older than the one before it: that one was written by a clock set back since.
        for earlier in self.submits.iter_mut().rev().take_while(|e| **e > at) {
            *earlier = at;
        }
        if event == Event::Submit {
            if self.submits.len() == PER_DAY {
                self.submits.pop_front();
            }
            self.submits.push_back(at);
        }
        match (event, tag) {
            (Event::Submit, Some(tag)) => self.counts.entry(tag).or_default().strikes += 1,
            (Event::Refused, Some(tag)) => self.counts.entry(tag).or_default().refused += 1,
            (Event::Accepted | Event::Released, Some(tag)) => {
                self.counts.remove(&tag);
            }
            (Event::Released, None) => self.counts.clear(),
            (Event::Unclear | Event::Spent, _) | (_, None) => {}
        }
    }

    /// Whether what has this mark was used.
    pub fn is_spent(&self, mark: &str) -> bool {
        self.spent.contains(mark)
    }

    /// Whether this secret may be submitted now. `by_hand`: a person released the account, or changed the recipe,
    /// since the secret was refused (see [`super::Reason::insists`]); then it may be submitted a second time.
    ///
    /// # Errors
    /// `WrongCredentials` where the site refused this secret already; `Budget` with `retry_after` where too much was
    /// submitted within an hour or a day; `Budget` without it where this secret was submitted twice with no clear end.
    pub fn permit(&self, now: DateTime<Utc>, tag: u16, by_hand: bool) -> Result<(), Failure> {
        let count = self.counts.get(&tag).copied().unwrap_or_default();
        if count.refused > 0 && (!by_hand || count.strikes >= STRIKES) {
            let message = "the site has refused this password before, so it is not submitted again; \
                           correct it, or run `jarkeeper release` to allow one more try";
            return Err(Failure::new(FailureClass::WrongCredentials, message));
        }
        if count.strikes >= STRIKES {
            let message = "the last two logins were submitted and had no clear end, so there is no third; look at \
                           their artefacts, then run `jarkeeper release`, or change the password";
            return Err(Failure::new(FailureClass::Budget, message));
        }
        let hour = self.opens(now, PER_HOUR, TimeDelta::hours(1));
        let day = self.opens(now, PER_DAY, TimeDelta::hours(24));
        let Some((opens, most, span)) = hour
            .map(|at| (at, PER_HOUR, "hour"))
            .into_iter()
            .chain(day.map(|at| (at, PER_DAY, "day")))
            .max()
        else {
            return Ok(());
        };
        let message = format!(
            "{most} logins were submitted within the last {span}, which is the most for one account; \
             the next may be at {}",
            opens.format("%F %T UTC")
        );
        let wait = (opens - now).clamp(TimeDelta::seconds(1), TimeDelta::hours(24));
        Err(Failure {
            retry_after: Some(wait),
            ..Failure::new(FailureClass::Budget, message)
        })
    }

    /// When a window that holds its most has room again; `None`: now.
    fn opens(&self, now: DateTime<Utc>, most: usize, span: TimeDelta) -> Option<DateTime<Utc>> {
        let first = self.submits.len().checked_sub(most)?;
        let opens = self.submits[first].checked_add_signed(span)?;
        (opens > now).then_some(opens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Option<u16> = Some(7);

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    fn ledger(lines: &[(i64, Option<u16>, Event)]) -> Ledger {
        let file: Vec<Vec<u8>> = lines
            .iter()
            .map(|(m, tag, e)| line(at(*m), *tag, *e))
            .collect();
        Ledger::parse(&file.concat())
    }

    fn class(result: Result<(), Failure>) -> Option<FailureClass> {
        result.err().map(|failure| failure.class)
    }

    #[test]
    fn a_refused_password_is_permitted_once_more_only_by_hand_and_never_a_third_time() {
        use Event::{Refused, Submit};
        let once = ledger(&[(0, TAG, Submit), (0, TAG, Refused)]);
        let later = at(10_000);
        assert_eq!(
            class(once.permit(later, 7, false)),
            Some(FailureClass::WrongCredentials)
        );
        assert!(once.permit(later, 7, true).is_ok());
        assert!(
            once.permit(later, 8, false).is_ok(),
            "another password is another matter"
        );
        let twice = ledger(&[
            (0, TAG, Submit),
            (0, TAG, Refused),
            (9, TAG, Submit),
            (9, TAG, Refused),
        ]);
        assert_eq!(
            class(twice.permit(later, 7, true)),
            Some(FailureClass::WrongCredentials)
        );
    }

    #[test]
    fn a_crash_between_submit_and_verdict_counts_as_a_used_attempt() {
        let mut file = Vec::new();
        let mut submitted = 0;
        for restart in 0..50 {
            let now = at(restart * 600);
            if Ledger::parse(&file).permit(now, 7, false).is_ok() {
                file.extend(line(now, TAG, Event::Submit));
                submitted += 1;
            }
        }
        assert_eq!(submitted, 2);
        let failure = Ledger::parse(&file)
            .permit(at(99_999), 7, false)
            .unwrap_err();
        assert_eq!(
            (failure.class, failure.retry_after),
            (FailureClass::Budget, None)
        );
        file.extend(line(at(99_999), None, Event::Released));
        assert!(Ledger::parse(&file).permit(at(99_999), 7, false).is_ok());
    }

    #[test]
    fn accepted_logins_are_bounded_by_the_hour_and_the_day() {
        let mut ledger = Ledger::default();
        let login = |ledger: &mut Ledger, minute| {
            let permit = ledger.permit(at(minute), 7, false);
            if permit.is_ok() {
                ledger.add(at(minute), TAG, Event::Submit);
                ledger.add(at(minute), TAG, Event::Accepted);
            }
            permit.err().and_then(|failure| failure.retry_after)
        };
        for minute in [0, 1, 2] {
            assert_eq!(login(&mut ledger, minute), None);
        }
        assert_eq!(login(&mut ledger, 3), Some(TimeDelta::minutes(57)));
        for minute in [60, 61, 62, 120, 121] {
            assert_eq!(login(&mut ledger, minute), None, "minute {minute}");
        }
        assert_eq!(
            login(&mut ledger, 200),
            Some(TimeDelta::minutes(24 * 60 - 200))
        );
        assert_eq!(login(&mut ledger, 24 * 60), None);
    }

    #[test]
    fn a_torn_line_hides_neither_itself_nor_the_next_one() {
        let whole = line(at(0), TAG, Event::Submit);
        for cut in 0..whole.len() {
            let mut file = whole[..cut].to_vec();
            file.extend(line(at(1), TAG, Event::Submit));
            file.extend(line(at(1), TAG, Event::Refused));
            let ledger = Ledger::parse(&file);
            assert_eq!(
                class(ledger.permit(at(2), 7, false)),
                Some(FailureClass::WrongCredentials)
            );
            assert!(ledger.submits.len() <= 2, "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_never_makes_a_submission_disappear() {
        let mut file = line(at(0), TAG, Event::Submit);
        for i in 0..file.len() - 1 {
            for bit in 0..8 {
                file[i] ^= 1 << bit;
                let ledger = Ledger::parse(&file);
                let lost = ledger.submits.is_empty() && ledger.counts.is_empty();
                // The braces are what a line is found by; all else is covered.
                assert!(
                    !lost || [b'{', b'}'].contains(&(file[i] ^ (1 << bit))),
                    "byte {i} bit {bit}"
                );
                file[i] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_close_the_window_for_as_long() {
        use Event::{Accepted, Submit};
        let month = 30 * 24 * 60;
        let mut ledger = ledger(&[
            (month, TAG, Submit),
            (month, TAG, Accepted),
            (0, TAG, Submit),
        ]);
        assert_eq!(ledger.submits, [at(0), at(0)]);
        ledger.add(at(0), TAG, Accepted);
        assert!(ledger.permit(at(1), 7, false).is_ok());
    }

    #[test]
    fn the_tag_notices_every_part_of_the_credentials_and_depends_on_the_salt() {
        let credentials = |username: &str, password: &str, totp: Option<&str>| Credentials {
            username: username.to_owned(),
            password: password.into(),
            totp: totp.map(Into::into),
            recovery_codes: Vec::new(),
            mailbox: None,
        };
        let tags = [
            secret_tag(b"salt", &credentials("ab", "c", None)),
            secret_tag(b"salt", &credentials("a", "bc", None)),
            secret_tag(b"salt", &credentials("ab", "c", Some("X"))),
            secret_tag(b"pepper", &credentials("ab", "c", None)),
        ];
        let distinct: std::collections::BTreeSet<_> = tags.iter().collect();
        assert_eq!(distinct.len(), tags.len());
        assert_eq!(tags[0], secret_tag(b"salt", &credentials("ab", "c", None)));
    }
}
