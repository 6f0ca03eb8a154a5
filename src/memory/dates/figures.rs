//! Dates with figures in them.

use super::Time;
use super::calendar::{Means, Side, is_day, is_doubtful, is_month, is_year, means, nth, tens};
use super::pieces::{Piece, What};
use super::reader::{Reader, turn};
use chrono::Datelike as _;

impl Reader {
    /// `7 May 2023`, `May 7th`, `le 7 mai`, `May 2023`, `in May`.
    pub(super) fn month(&mut self, at: usize, month: u32, mut next: usize) -> Option<usize> {
        let mut day = self.day_before(at);
        if day.is_none()
            && let Some(Piece {
                what: What::Figures(figures @ 1..=31, 1..=2),
                ..
            }) = self.pieces.get(next)
        {
            (day, next) = (Some(*figures), self.behind(next));
        }
        let year = self.year(next);
        let behind = year.map_or(next, |(_, behind)| behind);
        if let Some((Means::Which(which, Side::Behind | Side::Both), behind)) =
            self.means(self.filled(next))
        {
            self.is_which(which, Means::Month(month))?;
            return Some(behind);
        }
        let piece = &self.pieces[at];
        let starts = self
            .before(at)
            .is_none_or(|piece| matches!(piece.what, What::Sign('.' | '!' | '?' | '…' | ':')));
        if is_doubtful(&piece.text)
            && day.is_none()
            && year.is_none()
            && !self.is_led(at)
            && (!piece.capital || starts)
        {
            return None;
        }
        match (year, day, self.question) {
            (Some((year, _)), Some(day), _) => drop(self.ymd(year, month, day)),
            (Some((year, _)), None, _) => self.months(year, month, 1),
            (None, _, true) => self.found.push(Time::Yearly {
                month,
                months: 1,
                day,
            }),
            (None, day, false) => {
                let year = self.said.year() + turn(-1, month, self.said.month() + 1);
                match day {
                    Some(day) => drop(self.ymd(year, month, day)),
                    None => self.months(year, month, 1),
                }
            }
        }
        Some(behind)
    }

    /// A number before a month, as its day: in figures, or in one or two words.
    pub(super) fn day_before(&mut self, at: usize) -> Option<u32> {
        let mut tens_behind = None;
        for before in (0..at).rev() {
            let piece = &self.pieces[before];
            let day = match piece.what {
                What::Space | What::Sign('.' | '-') => continue,
                What::Figures(day @ 1..=31, 1..=2) => Some(day),
                What::Word if tens_behind.is_none() && tens(&piece.text).is_some() => {
                    // `الحادي والعشرين`: the ten stands behind.
                    tens_behind = tens(&piece.text);
                    self.told.push(before);
                    continue;
                }
                What::Word if nth(&piece.text).is_some() => {
                    let ten = self.tens_before(before).or(tens_behind).unwrap_or_default();
                    nth(&self.pieces[before].text).map(|day| day + ten)
                }
                What::Word if means(&piece.text) == Some(Means::Filler) || piece.text == "من" => {
                    continue;
                }
                _ => None,
            };
            self.told.extend(day.map(|_| before));
            return day.filter(|day| (1..=31).contains(day));
        }
        None
    }

    /// `twenty` before `first`.
    fn tens_before(&mut self, at: usize) -> Option<u32> {
        let before = (0..at)
            .rev()
            .find(|at| !matches!(self.pieces[*at].what, What::Space | What::Sign('-')))?;
        let tens = tens(&self.pieces[before].text)?;
        self.told.push(before);
        Some(tens)
    }

    /// A year here, and what comes behind it.
    pub(super) fn year(&self, at: usize) -> Option<(i32, usize)> {
        let mut at = self.filled(at);
        if self.pieces.get(at)?.what == What::Sign(',') {
            at = self.behind(at);
        }
        match self.pieces.get(at)?.what {
            What::Figures(year @ 1900..=2100, 4) => {
                Some((i32::try_from(year).ok()?, self.behind(at)))
            }
            _ => None,
        }
    }

    /// `2023-05-07`, `7.5.2023`, `5/7/23`, `2023年5月7日`, `2023`.
    pub(super) fn figures(&mut self, at: usize) -> Option<usize> {
        let figures = |at: usize| match self.pieces.get(at)?.what {
            What::Figures(number, long) => Some((number, long)),
            _ => None,
        };
        let sign = |at: usize| match self.pieces.get(at)?.what {
            What::Sign(sign @ ('-' | '/' | '.')) => Some(sign),
            _ => None,
        };
        let (first, long) = figures(at)?;
        let glued = at > 0
            && matches!(
                self.pieces[at - 1].what,
                What::Sign('-' | '/' | '.' | '#' | '$' | '€' | '£' | '_' | '@' | ':' | '+')
                    | What::Word
            );
        if glued {
            return None;
        }
        if let (Some(between), Some((second, 1..=2))) = (sign(at + 1), figures(at + 2))
            && sign(at + 3) == Some(between)
            && let Some((third, third_long)) = figures(at + 4)
        {
            let short = |year: u32, long: usize| {
                i32::try_from(if long == 2 { 2000 + year } else { year }).ok()
            };
            let end = self.behind(at + 4);
            if long == 4 && third_long <= 2 {
                return self.ymd(short(first, 4)?, second, third).then_some(end);
            }
            if long > 2 || !(third_long == 4 || third_long == 2) {
                return None;
            }
            let year = short(third, third_long)?;
            let day_first = self.ymd(year, second, first);
            // With slashes both ways are usual, and only the figures can tell.
            let month_first = between != '.' && first != second && self.ymd(year, first, second);
            return (day_first || month_first).then_some(end);
        }
        let (1900..=2100, 4) = (first, long) else {
            return None;
        };
        let year = i32::try_from(first).ok()?;
        let next = self.pieces.get(at + 1);
        if next.is_some_and(|piece| is_year(&piece.text)) {
            let next = self.behind(at + 1);
            if let Some((month, next)) = self.month_in_figures(next) {
                return self.dense_month(Some(year), month, next);
            }
            self.months(year, 1, 12);
            return Some(next);
        }
        if sign(at + 1) == Some('-')
            && let Some((month @ 1..=12, 2)) = figures(at + 2)
        {
            self.months(year, month, 1);
            return Some(self.behind(at + 2));
        }
        let ends = next.is_none_or(|piece| match piece.what {
            What::Space => true,
            What::Sign(sign) => {
                !matches!(sign, '-' | '/' | '@' | '_' | ':') && figures(at + 2).is_none()
            }
            _ => false,
        });
        // `2000 euros` is none, and nobody can tell; a question about such a year is rarer than a text with such a number.
        ends.then(|| self.months(year, 1, 12))?;
        Some(self.behind(at))
    }

    /// `5月`: the number, and what comes behind it.
    pub(super) fn month_in_figures(&self, at: usize) -> Option<(i32, usize)> {
        let (month, next) = self.count(at)?;
        let sign = self.pieces.get(next)?;
        is_month(&sign.text).then(|| (month, self.behind(next)))
    }

    /// Behind `月`: the day, if any.
    pub(super) fn dense_month(
        &mut self,
        year: Option<i32>,
        month: i32,
        at: usize,
    ) -> Option<usize> {
        let month = u32::try_from(month)
            .ok()
            .filter(|month| (1..=12).contains(month))?;
        let day = self.count(at).filter(|(_, next)| {
            self.pieces
                .get(*next)
                .is_some_and(|piece| is_day(&piece.text))
        });
        let next = day.map_or(at, |(_, next)| next + 1);
        let day = day.and_then(|(day, _)| u32::try_from(day).ok());
        if year.is_none() && self.question {
            self.found.push(Time::Yearly {
                month,
                months: 1,
                day,
            });
            return Some(next);
        }
        let year =
            year.unwrap_or_else(|| self.said.year() + turn(-1, month, self.said.month() + 1));
        match day {
            Some(day) => drop(self.ymd(year, month, day)),
            None => self.months(year, month, 1),
        }
        Some(next)
    }
}
