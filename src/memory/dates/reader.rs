//! What the words of a text say of time.

use chrono::{Datelike as _, Months, NaiveDate};

use super::calendar::{Means, Side, Unit, dense, digit, is_month, means, pair};
use super::pieces::{Piece, What, pieces};
use super::words::LONGEST;
use super::{Span, Time, date, number};

/// Most times of one text.
pub(super) const MOST: usize = 16;

/// Goes through a text once.
pub(super) struct Reader {
    pub(super) pieces: Vec<Piece>,
    pub(super) said: NaiveDate,
    pub(super) question: bool,
    pub(super) found: Vec<Time>,
    /// Places of the pieces that told it.
    pub(super) told: Vec<usize>,
}

impl Reader {
    pub(super) fn of(text: &str, said: i32, question: bool) -> Self {
        let said = date(said).unwrap_or_default();
        Self {
            pieces: pieces(text),
            said,
            question,
            found: Vec::new(),
            told: Vec::new(),
        }
    }

    pub(super) fn read(&mut self) {
        let mut at = 0;
        while at < self.pieces.len() && self.found.len() < MOST {
            let known = self.found.len();
            let next = self.step(at).map_or(at + 1, |next| next.max(at + 1));
            if self.found.len() > known {
                self.told.extend(at..next.min(self.pieces.len()));
            }
            at = next;
        }
    }

    /// What begins here, and what comes behind it.
    pub(super) fn step(&mut self, at: usize) -> Option<usize> {
        if let What::Figures(..) = self.pieces[at].what {
            return self.figures(at).or_else(|| self.counted(at));
        }
        if let Some(next) = (self.pieces[at].what == What::Dense)
            .then(|| self.counted(at))
            .flatten()
        {
            return Some(next);
        }
        let (means, next) = self.means(at)?;
        match means {
            Means::Day(behind) => {
                let behind = behind + self.twice(at, behind);
                self.days(self.today() + behind, 1);
                Some(next)
            }
            Means::Either(by) => {
                self.days(self.today() - by, 1);
                self.days(self.today() + by, 1);
                Some(next)
            }
            Means::Which(which, Side::Front | Side::Both) => self.which(which, next).or(Some(next)),
            Means::Whole(which, unit) => {
                if unit == Unit::Week
                    && let Some((weekday, behind)) = self.weekday(next)
                {
                    let monday = self.monday() + 7 * which;
                    self.days(monday + weekday, 1);
                    return Some(behind);
                }
                if unit == Unit::Year
                    && let Some((Means::Season(month), behind)) = self.means(self.filled(next))
                {
                    self.months(self.said.year() + which, month, 3);
                    return Some(behind);
                }
                if unit == Unit::Year
                    && let Some((month, behind)) = self.month_in_figures(next)
                {
                    return self.dense_month(Some(self.said.year() + which), month, behind);
                }
                self.unit(which, unit);
                Some(next)
            }
            Means::Two(unit) => {
                let behind = self.ago_behind(next)?;
                self.long_ago(2, unit)?;
                Some(behind)
            }
            Means::Number(_) => self.counted(at),
            Means::Ago(Side::Front) => self.ago(next),
            Means::Month(month) => self.month(at, month, next),
            Means::Weekday(_) | Means::Weekend | Means::Season(_) | Means::Unit(_) => {
                self.target(at, means, next)
            }
            _ => None,
        }
    }

    /// What the word here says, and where the next one is.
    pub(super) fn means(&self, at: usize) -> Option<(Means, usize)> {
        let piece = self.pieces.get(at)?;
        match piece.what {
            What::Word => {
                let next = self.behind(at);
                let second = self.pieces.get(next);
                let two = second.and_then(|second| pair(&piece.text, &second.text));
                match two {
                    Some(means) => Some((means, self.behind(next))),
                    None => Some((means(&piece.text)?, next)),
                }
            }
            What::Dense => (1..=LONGEST).rev().find_map(|long| {
                let all = self.pieces.get(at..at + long)?;
                let signs: String = all.iter().map(|piece| piece.text.as_str()).collect();
                Some((dense(&signs)?, self.behind(at + long - 1)))
            }),
            _ => None,
        }
    }

    /// The place behind a word, without the space between.
    pub(super) fn behind(&self, at: usize) -> usize {
        let next = at + 1;
        next + usize::from(
            self.pieces
                .get(next)
                .is_some_and(|piece| piece.what == What::Space),
        )
    }

    /// The same without what says nothing.
    pub(super) fn filled(&self, mut at: usize) -> usize {
        while let Some((Means::Filler, next)) = self.means(at) {
            at = next;
        }
        at
    }

    /// The piece before, without the space between.
    pub(super) fn before(&self, at: usize) -> Option<&Piece> {
        let before = &self.pieces[..at];
        before.iter().rev().find(|piece| piece.what != What::Space)
    }

    pub(super) fn today(&self) -> i32 {
        number(self.said)
    }

    pub(super) fn monday(&self) -> i32 {
        self.today() - self.weekday_today()
    }

    pub(super) fn weekday_today(&self) -> i32 {
        i32::try_from(self.said.weekday().num_days_from_monday()).unwrap_or_default()
    }

    pub(super) fn days(&mut self, from: i32, count: i32) {
        self.found.push(Time::Span(Span {
            from,
            until: from.saturating_add(count),
        }));
    }

    /// So many months from the first of one on.
    pub(super) fn months(&mut self, year: i32, month: u32, count: u32) {
        let first = NaiveDate::from_ymd_opt(year, month, 1);
        let behind = first.and_then(|first| first.checked_add_months(Months::new(count)));
        if let (Some(first), Some(behind)) = (first, behind) {
            self.found.push(Time::Span(Span {
                from: number(first),
                until: number(behind),
            }));
        }
    }

    /// One day; whether there is one.
    pub(super) fn ymd(&mut self, year: i32, month: u32, day: u32) -> bool {
        let date = NaiveDate::from_ymd_opt(year, month, day);
        if let Some(date) = date {
            self.days(number(date), 1);
        }
        date.is_some()
    }

    /// `the day before yesterday`: what it adds.
    pub(super) fn twice(&self, at: usize, behind: i32) -> i32 {
        let words = self.pieces[..at].iter().rev();
        let mut words = words
            .filter(|piece| piece.what == What::Word)
            .map(|piece| piece.text.as_str());
        match (words.next(), words.next()) {
            (Some("before"), Some("day")) | (Some("avant" | "اول"), _) => behind.min(0),
            (Some("after"), Some("day")) => behind.max(0),
            _ => 0,
        }
    }

    /// Behind `last`, `this`, `next`.
    pub(super) fn which(&mut self, which: i32, at: usize) -> Option<usize> {
        let at = self.filled(at);
        if let Some((count, next)) = self.count(at) {
            // `the past two weeks`
            let (Means::Unit(unit), next) = self.means(self.filled(next))? else {
                return None;
            };
            let long = length(unit).checked_mul(count)?;
            match which {
                ..0 => self.days(self.today().checked_sub(long)?, long.checked_add(1)?),
                0 => return None,
                _ => self.days(self.today(), long),
            }
            return Some(next);
        }
        let (means, next) = self.means(at)?;
        self.is_which(which, means)?;
        Some(next)
    }

    /// Adds what is `last`, `this` or `next`.
    pub(super) fn is_which(&mut self, which: i32, means: Means) -> Option<()> {
        let (year, today) = (self.said.year(), self.today());
        match means {
            Means::Unit(unit) => self.unit(which, unit),
            Means::Weekday(_) | Means::Weekend => {
                let (weekday, count) = if let Means::Weekday(at) = means {
                    (at, 1)
                } else {
                    (5, 2)
                };
                let this = self.monday() + weekday;
                let from = match which.signum() {
                    -1 if this >= today => this - 7,
                    1 if this <= today => this + 7,
                    _ => this,
                };
                self.days(from, count);
            }
            Means::Month(month) => {
                self.months(year + turn(which, month, self.said.month()), month, 1)
            }
            Means::Season(month) => {
                // That of the winter before began last year.
                let last = if which < 0 { month + 2 } else { month };
                self.months(year + turn(which, last, self.said.month()), month, 3);
            }
            _ => return None,
        }
        Some(())
    }

    /// The unit so many before or behind that of today.
    pub(super) fn unit(&mut self, which: i32, unit: Unit) {
        match unit {
            Unit::Part | Unit::Day => self.days(self.today() + which, 1),
            Unit::Week => self.days(self.monday() + 7 * which, 7),
            Unit::Month => {
                let month = self.said.year() * 12
                    + i32::try_from(self.said.month0()).unwrap_or_default()
                    + which;
                let first = u32::try_from(month.rem_euclid(12) + 1).unwrap_or(1);
                self.months(month.div_euclid(12), first, 1);
            }
            Unit::Year => self.months(self.said.year() + which, 1, 12),
        }
    }

    /// Days, seasons and units by their name, with what may stand behind them.
    pub(super) fn target(&mut self, at: usize, means: Means, next: usize) -> Option<usize> {
        if let Some((Means::Which(which, Side::Behind | Side::Both), behind)) =
            self.means(self.filled(next))
        {
            self.is_which(which, means)?;
            return Some(behind);
        }
        match means {
            Means::Unit(unit) => {
                let behind = self.ago_behind(next)?;
                self.long_ago(1, unit)?;
                Some(behind)
            }
            Means::Weekday(weekday) => {
                let this = self.monday() + weekday;
                let last = if this > self.today() { this - 7 } else { this };
                self.days(last, 1);
                if !self.question {
                    self.days(last + 7, 1);
                }
                Some(next)
            }
            Means::Season(month) => {
                let year = self.year(next);
                if let Some((year, behind)) = year {
                    self.months(year, month, 3);
                    return Some(behind);
                }
                // `fall` and `spring` are other things too.
                let word = self.pieces[at].text.as_str();
                if matches!(word, "fall" | "spring" | "estate" | "lente" | "ete")
                    && !self.is_led(at)
                {
                    return None;
                }
                match self.question {
                    true => self.found.push(Time::Yearly {
                        month,
                        months: 3,
                        day: None,
                    }),
                    false => self.months(
                        self.said.year() + turn(-1, month, self.said.month() + 1),
                        month,
                        3,
                    ),
                }
                Some(next)
            }
            _ => None,
        }
    }

    /// Whether a word like `in` or `last` stands before.
    pub(super) fn is_led(&self, at: usize) -> bool {
        let led = [
            "in", "of", "since", "until", "till", "by", "during", "from", "for", "the", "im", "en",
            "em", "au", "nel", "on", "mid", "early", "late",
        ];
        self.before(at)
            .is_some_and(|piece| piece.what == What::Word && led.contains(&piece.text.as_str()))
    }

    /// A day of the week here.
    pub(super) fn weekday(&self, at: usize) -> Option<(i32, usize)> {
        let at = self.filled(at);
        if let Some((Means::Weekday(weekday), next)) = self.means(at) {
            return Some((weekday, next));
        }
        // `上周五`: only the number is left.
        let piece = self
            .pieces
            .get(at)
            .filter(|piece| piece.what == What::Dense)?;
        let weekday = match piece.text.as_str() {
            "日" | "天" => 6,
            sign => i32::try_from(digit(sign).filter(|digit| *digit <= 6)?).ok()? - 1,
        };
        Some((weekday, at + 1))
    }

    /// What comes behind an `ago` here.
    fn ago_behind(&self, at: usize) -> Option<usize> {
        match self.means(self.filled(at))? {
            (Means::Ago(Side::Behind), behind) => Some(behind),
            // As it stands here without dots, Turkish `önce` is eleven in Spanish.
            (Means::Number(11), behind) if self.pieces.get(at)?.text == "once" => {
                let unit = self.before(at).map(|piece| piece.text.as_str());
                let own = matches!(unit, Some("gun" | "hafta" | "ay" | "yıl" | "sene"));
                own.then_some(behind)
            }
            _ => None,
        }
    }

    /// A number here, in figures or in words.
    pub(super) fn count(&self, at: usize) -> Option<(i32, usize)> {
        let piece = self.pieces.get(at)?;
        let (number, next) = match piece.what {
            What::Figures(number, 1..=4) => (number, self.behind(at)),
            What::Dense if digit(&piece.text).is_some() => self.dense_number(at)?,
            _ => match self.means(at)? {
                (Means::Number(number), next) => (number, next),
                _ => return None,
            },
        };
        Some((i32::try_from(number).ok()?, next))
    }

    pub(super) fn dense_number(&self, at: usize) -> Option<(u32, usize)> {
        let digit = |at: usize| digit(&self.pieces.get(at)?.text);
        let first = digit(at)?;
        let (mut number, mut next) = (first, at + 1);
        if first < 10 && digit(next) == Some(10) {
            (number, next) = (first * 10, next + 1);
        }
        if number >= 10
            && let Some(last @ 1..=9) = digit(next)
        {
            (number, next) = (number + last, next + 1);
        }
        Some((number, next))
    }

    /// `two weeks ago`, `in 3 days`, `3天前`, `5月7日`: from the number on.
    pub(super) fn counted(&mut self, at: usize) -> Option<usize> {
        let (count, next) = self.count(at)?;
        let next = match self.pieces.get(next)?.what {
            What::Space => next + 1,
            _ => self.filled(next),
        };
        if is_month(&self.pieces.get(next)?.text) {
            return self.dense_month(None, count, self.behind(next));
        }
        let (Means::Unit(unit), behind) = self.means(next)? else {
            return None;
        };
        let before = self.before(at).map(|piece| piece.text.as_str());
        if let Some(behind) = self.ago_behind(behind) {
            self.long_ago(count, unit)?;
            return Some(behind);
        }
        if before.is_some_and(|word| means(word) == Some(Means::Ahead)) {
            let long = length(unit).checked_mul(count)?;
            let slack = slack(unit, count);
            self.days(self.today().checked_add(long)? - slack, 2 * slack + 1);
            return Some(behind);
        }
        // `il y a deux semaines`
        if before == Some("a") {
            self.long_ago(count, unit)?;
            return Some(behind);
        }
        None
    }

    /// Behind `vor`, `hace`, `قبل`.
    pub(super) fn ago(&mut self, at: usize) -> Option<usize> {
        if let Some((Means::Two(unit), next)) = self.means(at) {
            self.long_ago(2, unit)?;
            return Some(next);
        }
        let at = self.filled(at);
        let (count, next) = self.count(at).unwrap_or((1, at));
        let (Means::Unit(unit), next) = self.means(self.filled(next))? else {
            return None;
        };
        self.long_ago(count, unit)?;
        Some(next)
    }

    pub(super) fn long_ago(&mut self, count: i32, unit: Unit) -> Option<()> {
        match unit {
            Unit::Month | Unit::Year => self.unit(count.checked_neg()?, unit),
            _ => {
                let slack = slack(unit, count);
                let at = self.today().checked_sub(length(unit).checked_mul(count)?)?;
                self.days(at - slack, 2 * slack + 1);
            }
        }
        Some(())
    }
}

/// Whether a month is meant of the year before or behind: the last one, this one or the next one before or behind `now`.
pub(super) fn turn(which: i32, month: u32, now: u32) -> i32 {
    match which.signum() {
        -1 if month >= now => -1,
        1 if month <= now => 1,
        _ => 0,
    }
}

/// Days of a unit, more or less.
fn length(unit: Unit) -> i32 {
    match unit {
        Unit::Part | Unit::Day => 1,
        Unit::Week => 7,
        Unit::Month => 30,
        Unit::Year => 365,
    }
}

/// By how many days `so many units ago` may be wrong.
fn slack(unit: Unit, count: i32) -> i32 {
    match unit {
        Unit::Part | Unit::Day => i32::from(count > 3),
        Unit::Week => 3,
        Unit::Month => 15,
        Unit::Year => 182,
    }
}
