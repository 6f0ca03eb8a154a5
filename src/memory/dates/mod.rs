//! The time that a text speaks of: a pure function of it and of when it was said.
//!
//! Dates in figures, days and months by name, and what is told from the day itself (`yesterday`, `vor zwei Wochen`, `去年`).
//! A text is indexed under the days, months and years that it speaks of; a question about a time looks for these, and for what
//! was said then. Days are those of UTC.

mod calendar;
mod figures;
mod pieces;
mod reader;
mod words;

use std::collections::BTreeSet;

use chrono::{Datelike as _, NaiveDate};

use pieces::What;
use reader::Reader;

/// Days from the first of January of the year 1 to that of 1970.
const EPOCH: i32 = 719_163;
/// What is longer has no days of its own.
const DAYS: i32 = 10;
/// What is longer has no months of its own.
const MONTHS: i32 = 100;
/// What is longer has no year.
const YEARS: i32 = 366;
/// The term of all texts that speak of any time.
pub(super) const DATED: &str = "=";

/// Days from one to before another, from 1970-01-01 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// The first.
    pub(super) from: i32,
    /// The one behind the last.
    pub(super) until: i32,
}

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// These days.
    Span(Span),
    /// Of every year: so many months from this one on, or one day of it.
    Yearly {
        /// The first month, from 1.
        month: u32,
        /// How many.
        months: u32,
        /// The day.
        day: Option<u32>,
    },
}

impl Time {
    /// Whether a day, counted from 1970-01-01, is in it.
    pub(super) fn has(&self, at: i32) -> bool {
        match self {
            Self::Span(span) => (span.from..span.until).contains(&at),
            Self::Yearly { month, months, day } => date(at).is_some_and(|at| {
                let behind = (at.month() + 12 - month) % 12;
                behind < *months && day.is_none_or(|day| day == at.day())
            }),
        }
    }
}

/// The day of a moment in milliseconds since 1970.
pub(super) fn day(at: i64) -> i32 {
    i32::try_from(at.div_euclid(86_400_000)).unwrap_or_default()
}

/// The number up to twelve that a word or a sign is, in the languages whose times are read.
pub(super) fn number_of(word: &str) -> Option<u32> {
    match calendar::means(&calendar::plain(word)) {
        Some(calendar::Means::Number(number)) => Some(number),
        _ => calendar::digit(word),
    }
}

/// Whether a word names a month or a day.
pub(super) fn is_calendar(word: &str) -> bool {
    use calendar::Means::{Month, Weekday};
    matches!(
        calendar::means(&calendar::plain(word)),
        Some(Month(_) | Weekday(_))
    )
}

/// The terms of the times that a text speaks of, which was said on that day.
pub(super) fn spoken(text: &str, said: i32) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    let mut reader = Reader::of(text, said, false);
    reader.read();
    for time in reader.found {
        let Time::Span(Span { from, until }) = time else {
            continue;
        };
        terms.insert(DATED.to_owned());
        let long = until.saturating_sub(from);
        for at in (from..until)
            .take_while(|_| long <= MONTHS)
            .filter_map(date)
        {
            if long <= DAYS {
                terms.insert(at.format("=%Y-%m-%d").to_string());
                terms.insert(at.format("=%m-%d").to_string());
            }
            terms.insert(at.format("=%Y-%m").to_string());
            terms.insert(at.format("=%m").to_string());
        }
        if long <= YEARS {
            let ends = [from, until - 1].into_iter().filter_map(date);
            terms.extend(ends.map(|at| at.format("=%Y").to_string()));
        }
    }
    terms
}

/// The times that a question is about, asked on that day; and the words in it that tell them, of scripts without spaces as pairs.
pub(super) fn asked(question: &str, now: i32) -> (Vec<Time>, Vec<String>) {
    let mut reader = Reader::of(question, now, true);
    reader.read();
    let (mut words, mut last) = (Vec::new(), None);
    reader.told.sort_unstable();
    reader.told.dedup();
    for at in reader.told {
        let piece = &reader.pieces[at];
        if piece.what == What::Dense {
            let before = last
                .filter(|last: &usize| *last + 1 == at)
                .map(|last: usize| &reader.pieces[last]);
            words.extend(before.map(|before| format!("{}{}", before.text, piece.text)));
            last = Some(at);
        } else if matches!(piece.what, What::Word | What::Figures(..)) {
            words.push(piece.text.clone());
        }
    }
    (reader.found, words)
}

/// The terms under which texts stand that speak of these times.
pub(super) fn terms(times: &[Time]) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    for time in times {
        match *time {
            Time::Yearly {
                month,
                day: Some(day),
                ..
            } => {
                terms.insert(format!("={month:02}-{day:02}"));
            }
            Time::Yearly {
                month,
                months,
                day: None,
            } => {
                terms.extend((0..months).map(|at| format!("={:02}", (month - 1 + at) % 12 + 1)));
            }
            Time::Span(Span { from, until }) => {
                let long = until.saturating_sub(from);
                let form = match long {
                    ..28 => "=%Y-%m-%d",
                    28..=MONTHS => "=%Y-%m",
                    _ => "=%Y",
                };
                let days = (from..until).take_while(|_| long <= 12 * YEARS);
                terms.extend(days.filter_map(date).map(|at| at.format(form).to_string()));
            }
        }
    }
    terms
}

fn date(day: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(day.checked_add(EPOCH)?)
}

fn number(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - EPOCH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::reader::MOST;
    use super::*;

    fn on(text: &str) -> i32 {
        number(text.parse().unwrap())
    }

    /// Times as text: `2023-05-07` for a day, `2023-05-07+7` for more.
    fn said(text: &str) -> String {
        let mut reader = Reader::of(text, on("2023-06-14"), false);
        reader.read();
        shown(reader.found)
    }

    fn shown(times: Vec<Time>) -> String {
        let one = |time: Time| match time {
            Time::Span(Span { from, until }) if until == from + 1 => {
                date(from).unwrap().to_string()
            }
            Time::Span(Span { from, until }) => format!("{}+{}", date(from).unwrap(), until - from),
            Time::Yearly { month, months, day } => format!(
                "{month}x{months}{}",
                day.map(|day| format!("/{day}")).unwrap_or_default()
            ),
        };
        times.into_iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn english() {
        // Said on a Wednesday.
        for (text, times) in [
            ("I went there yesterday", "2023-06-13"),
            ("the day before yesterday", "2023-06-12"),
            (
                "tomorrow, or the day after tomorrow",
                "2023-06-15 2023-06-16",
            ),
            ("last Friday", "2023-06-09"),
            ("last Wednesday", "2023-06-07"),
            ("next Friday", "2023-06-16"),
            ("on Friday", "2023-06-09 2023-06-16"),
            ("last weekend", "2023-06-10+2"),
            ("last week", "2023-06-05+7"),
            ("next month", "2023-07-01+31"),
            ("last night", "2023-06-13"),
            ("this morning", "2023-06-14"),
            ("last year", "2022-01-01+365"),
            ("last May", "2023-05-01+31"),
            ("last July", "2022-07-01+31"),
            ("next May", "2024-05-01+31"),
            ("last summer", "2022-06-01+92"),
            ("last winter", "2022-12-01+90"),
            ("two weeks ago", "2023-05-28+7"),
            ("a few days ago", "2023-06-11"),
            ("10 days ago", "2023-06-03+3"),
            ("a couple of weeks ago", "2023-05-28+7"),
            ("three months ago", "2023-03-01+31"),
            ("five years ago", "2018-01-01+365"),
            ("in two days", "2023-06-16"),
            ("the past two weeks", "2023-05-31+15"),
            ("on 7 May", "2023-05-07"),
            ("on May 7th, 2021", "2021-05-07"),
            ("the 7th of May 2021", "2021-05-07"),
            ("the third of May", "2023-05-03"),
            ("May twenty-first, the twenty-first of May", "2023-05-21"),
            ("in May", "2023-05-01+31"),
            ("in July", "2022-07-01+31"),
            ("May 2019", "2019-05-01+31"),
            ("summer of 2019", "2019-06-01+92"),
            ("2023-05-07", "2023-05-07"),
            ("7/5/2023", "2023-05-07 2023-07-05"),
            ("25/12/22", "2022-12-25"),
            ("7.5.2023", "2023-05-07"),
            ("in 2019", "2019-01-01+365"),
            ("I may go. May I? They march on", ""),
            (
                "see JIRA-2019, v2.1.2019, 192.168.1.1, $2019 and 2019-x",
                "",
            ),
            ("2023-02-31 and 99/99/2023", ""),
            ("two of the weeks were fine, a week in the year", ""),
        ] {
            assert_eq!(said(text), times, "{text}");
        }
    }

    #[test]
    fn other_languages() {
        for (text, times) in [
            ("gestern war ich dort", "2023-06-13"),
            ("vorgestern", "2023-06-12"),
            ("vor zwei Wochen", "2023-05-28+7"),
            ("letzten Freitag", "2023-06-09"),
            ("nächste Woche", "2023-06-19+7"),
            ("am 7. Mai 2021", "2021-05-07"),
            ("im März", "2023-03-01+31"),
            ("vor einem Jahr", "2022-01-01+365"),
            ("anteayer", "2023-06-12"),
            ("hace tres días", "2023-06-11"),
            ("la semana pasada", "2023-06-05+7"),
            ("el viernes pasado", "2023-06-09"),
            ("el 7 de mayo de 2021", "2021-05-07"),
            ("la semana que viene", "2023-06-19+7"),
            ("mañana", "2023-06-15"),
            ("вчера", "2023-06-13"),
            ("две недели назад", "2023-05-28+7"),
            ("неделю назад", "2023-06-04+7"),
            ("в прошлую пятницу", "2023-06-09"),
            ("7 мая 2021 года", "2021-05-07"),
            ("в прошлом месяце", "2023-05-01+31"),
            ("昨天我去了", "2023-06-13"),
            ("两天前", "2023-06-12"),
            ("3天前", "2023-06-11"),
            ("上周五", "2023-06-09"),
            ("上个月", "2023-05-01+31"),
            ("2021年5月7日", "2021-05-07"),
            ("五月七日", "2023-05-07"),
            ("去年夏天", "2022-06-01+92"),
            ("三年前", "2020-01-01+366"),
            ("昨日行きました", "2023-06-13"),
            ("先週の金曜日に", "2023-06-09"),
            ("2週間前", "2023-05-28+7"),
            ("三ヶ月前", "2023-03-01+31"),
            ("来月", "2023-07-01+31"),
            ("ذهبت أمس", "2023-06-13"),
            ("الأسبوع الماضي", "2023-06-05+7"),
            ("قبل يومين", "2023-06-12"),
            ("قبل ثلاثة أشهر", "2023-03-01+31"),
            ("٧ مايو ٢٠٢١", "2021-05-07"),
            ("दो दिन पहले", "2023-06-12"),
            ("पिछले हफ़्ते", "2023-06-05+7"),
            ("कल", "2023-06-13 2023-06-15"),
            ("७ मई २०२१", "2021-05-07"),
            ("il y a deux semaines", "2023-05-28+7"),
            ("avant-hier", "2023-06-12"),
            ("тринадцатого мая", "2023-05-13"),
            ("двадцать первого мая", "2023-05-21"),
            ("अठारह जुलाई", "2022-07-18"),
            ("الثالث من يوليو", "2022-07-03"),
            ("في العشرين من أكتوبر", "2022-10-20"),
            ("الحادي والعشرين من أكتوبر", "2022-10-21"),
            ("三月一号", "2023-03-01"),
            ("am dreizehnten Mai", "2023-05-13"),
            ("el trece de mayo", "2023-05-13"),
            ("la semaine dernière", "2023-06-05+7"),
            ("due giorni fa", "2023-06-12"),
            ("twee dagen geleden", "2023-06-12"),
        ] {
            assert_eq!(said(text), times, "{text}");
        }
    }

    #[test]
    fn languages_with_more_endings_than_the_tables_have() {
        for (text, times) in [
            ("어제 뭐 했지", "2023-06-13"),
            ("지난주 금요일에", "2023-06-09"),
            ("지난 금요일", "2023-06-09"),
            ("지난달에 갔어", "2023-05-01+31"),
            ("3일 전", "2023-06-11"),
            ("두 달 전", "2023-04-01+30"),
            ("이틀 전에", "2023-06-12"),
            ("일주일 전", "2023-06-04+7"),
            ("2021년 5월 7일", "2021-05-07"),
            ("작년 5월에", "2022-05-01+31"),
            ("5월 7일", "2023-05-07"),
            ("일이 많아서 전화를 못 했어", ""),
            ("去年五月", "2022-05-01+31"),
            ("dün gittik", "2023-06-13"),
            ("geçen yıl", "2022-01-01+365"),
            ("iki hafta önce", "2023-05-28+7"),
            ("7 Mayıs 2021", "2021-05-07"),
            ("hace once días", "2023-06-02+3"),
            ("wczoraj", "2023-06-13"),
            ("dwa tygodnie temu", "2023-05-28+7"),
            ("w zeszłym roku", "2022-01-01+365"),
            ("7 maja 2021", "2021-05-07"),
            ("w zeszły piątek", "2023-06-09"),
            ("včera", "2023-06-13"),
            ("před dvěma týdny", "2023-05-28+7"),
            ("minulý týden", "2023-06-05+7"),
            ("7. května 2021", "2021-05-07"),
            ("i går, i förrgår", "2023-06-13 2023-06-12"),
            ("för två veckor sedan", "2023-05-28+7"),
            ("förra månaden", "2023-05-01+31"),
            ("for to uger siden", "2023-05-28+7"),
            ("χθες", "2023-06-13"),
            ("πριν από δύο εβδομάδες", "2023-05-28+7"),
            ("τον περασμένο μήνα", "2023-05-01+31"),
            ("7 Μαΐου 2021", "2021-05-07"),
            ("אתמול", "2023-06-13"),
            ("לפני שבועיים", "2023-05-28+7"),
            ("בשבוע שעבר", "2023-06-05+7"),
            ("לפני שלושה חודשים", "2023-03-01+31"),
            ("ב-7 במאי 2021", "2021-05-07"),
            ("ביום שישי", "2023-06-09 2023-06-16"),
        ] {
            assert_eq!(said(text), times, "{text}");
        }
    }

    #[test]
    fn a_question_without_a_year_is_about_every_year() {
        let asks = |text| shown(asked(text, on("2023-06-14")).0);
        assert_eq!(asks("Where did she go in May?"), "5x1");
        assert_eq!(asks("What happened on 7 May?"), "5x1/7");
        assert_eq!(asks("What did we do in the summer?"), "6x3");
        assert_eq!(asks("last May"), "2023-05-01+31");
        assert_eq!(asks("on 9 November, 2022"), "2022-11-09");
        let told = |text| asked(text, 0).1.join(" ");
        assert_eq!(
            told("What did the 2 do on the 9th of November, 2022?"),
            "9 november 2022"
        );
        assert_eq!(told("上周五做了什么"), "上周 周五");
        let time = Time::Yearly {
            month: 12,
            months: 3,
            day: None,
        };
        assert!(
            time.has(on("2020-01-31")) && time.has(on("2020-12-01")) && !time.has(on("2020-03-01"))
        );
    }

    #[test]
    fn a_question_meets_what_speaks_of_its_time() {
        let meets = |question: &str, text: &str, at: &str| {
            let spoken = spoken(text, on(at));
            terms(&asked(question, on("2024-01-01")).0)
                .iter()
                .any(|term| spoken.contains(term))
        };
        assert!(meets(
            "What did I do on 6 May 2023?",
            "I ran a race yesterday",
            "2023-05-07"
        ));
        assert!(meets("in May 2023", "I ran a race yesterday", "2023-05-07"));
        assert!(meets("in May", "I ran a race yesterday", "2023-05-07"));
        assert!(meets("last year", "I ran a race yesterday", "2023-05-07"));
        assert!(!meets("in May", "I ran a race yesterday", "2023-05-01"));
        assert!(!meets(
            "on 6 May 2023",
            "I ran a race last year",
            "2024-05-07"
        ));
        assert!(!meets("2022", "I ran a race yesterday", "2023-05-07"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_its_terms_are_few(text in "\\PC{0,80}", at in any::<i32>(), now in -100_000..100_000_i32) {
            let terms = spoken(&text, at);
            prop_assert!(terms.len() <= MOST * 30);
            asked(&text, now);
        }

        #[test]
        fn words_of_time_in_any_order_are_read(words in prop::collection::vec(prop::sample::select(vec![
            "last", "may", "May", "7", "2023", "9999", "2021", "-", "/", ".", "年", "月", "日", "前", "三", "十", "ago", "weeks", "years", "in", "vor", "hace",
            "يومين", "년", "월", "일", "전", "한", "어제", "i", "går", "יום", "שני", "hafta", "once", "next", "friday", "summer", "of", "上周", "五", "the", "day", "before", "yesterday", " ", "a",
        ]), 0..12), now in -3_000_000..3_000_000_i32, glue in any::<bool>()) {
            let text = words.join(if glue { "" } else { " " });
            spoken(&text, now);
            terms(&asked(&text, now).0);
        }

        #[test]
        fn a_date_in_figures_is_that_day(at in 0..40_000_i32, now in 0..40_000_i32) {
            let text = format!("it was {}.", date(at).unwrap());
            prop_assert_eq!(shown(asked(&text, now).0), date(at).unwrap().to_string());
            prop_assert!(spoken(&text, now).contains(&date(at).unwrap().format("=%Y-%m-%d").to_string()));
        }
    }
}
