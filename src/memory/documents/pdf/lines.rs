//! The lines of a page, from where its signs stand.
//!
//! A PDF says where each sign is, and little more. What was drawn one after the other on one height is a line; a gap is a space;
//! a larger step down, or a step up, begins a paragraph.

use pdf_extract::Transform;
use unicode_script::{Script, UnicodeScript as _};

use super::signs::{as_read, is_mark, is_right_to_left, logical};

// All of these count in the height of the letters.
/// How far the signs of a line are from its height at most: a superscript belongs to it.
const HIGH: f64 = 0.45;
/// The narrowest space.
const SPACE: f64 = 0.13;
/// What sets cells of a table apart.
const CELL: f64 = 1.5;
/// What goes back farther than two signs overlap was drawn at another time.
const BACK: f64 = 1.0;
/// What is drawn twice to look bold lies not farther apart.
const SAME: f64 = 0.2;
/// Lines of a paragraph are not farther apart than this, whatever the rest of the page does.
const CLOSE: f64 = 1.25;
/// More than the usual step by so much is a paragraph, as a factor.
const STEP: f64 = 1.3;

/// A sign where it is drawn, along its line and across.
#[derive(Debug, Clone)]
struct Sign {
    text: String,
    begin: f64,
    end: f64,
    /// Whether its font says how wide it is.
    is_sure: bool,
}

/// A line that is being drawn: runs from left to right, each drawn at once.
#[derive(Debug)]
struct Open {
    runs: Vec<Vec<Sign>>,
    height: f64,
    size: f64,
    /// Which way it runs, degrees.
    way: i32,
}

/// A line.
#[derive(Debug)]
struct Line {
    text: String,
    height: f64,
    size: f64,
    way: i32,
}

/// Gathers the signs of a page.
#[derive(Default)]
pub(super) struct Lines {
    open: Option<Open>,
    done: Vec<Line>,
    /// Signs that a reader sees, and those of them of which nobody knows what they are.
    signs: (usize, usize),
}

impl Lines {
    /// Another sign. `place`: where it is drawn; `width` and `spacing` as the operators of PDF have them.
    pub(super) fn add(
        &mut self,
        place: &Transform,
        width: f64,
        spacing: f64,
        size: f64,
        text: &str,
    ) {
        let (along, up) = ((place.m11, place.m12), (place.m21, place.m22));
        let long = |(x, y): (f64, f64)| f64::hypot(x, y);
        let (wide, high) = (long(along) * size.abs(), long(up) * size.abs());
        let here = (place.m31, place.m32);
        if ![wide, high, here.0, here.1, width]
            .iter()
            .all(|one| one.is_finite())
            || high == 0.0
            || wide == 0.0
        {
            return;
        }
        let read = as_read(text);
        self.signs.0 += usize::from(width > 0.0 || !read.is_empty());
        if read.is_empty() {
            self.signs.1 += usize::from(width > 0.0);
            return;
        }
        let (x, y) = (along.0 / long(along), along.1 / long(along));
        // Nobody turns a line by less than a degree.
        let way = f64::atan2(y, x).to_degrees().round() as i32;
        let begin = here.0 * x + here.1 * y;
        let height = here.1 * x - here.0 * y;
        // Fonts that do not say how wide they are have letters all the same.
        let wide = if width > 0.0 {
            width * wide
        } else {
            wide / 2.0
        } + spacing.max(0.0) * long(along);
        let sign = Sign {
            text: read,
            begin,
            end: begin + wide,
            is_sure: width > 0.0,
        };
        let is_same = self.open.as_ref().is_some_and(|line| {
            line.way == way && (line.height - height).abs() < HIGH * line.size.max(high)
        });
        if !is_same {
            self.close();
        }
        let line = self.open.get_or_insert_with(|| Open {
            runs: Vec::new(),
            height,
            size: high,
            way,
        });
        if high > line.size {
            (line.size, line.height) = (high, height);
        }
        match line.runs.last_mut() {
            Some(run)
                if run
                    .last()
                    .is_some_and(|last| is_mark(&sign.text) || begin > last.end - BACK * high) =>
            {
                run.push(sign)
            }
            _ => line.runs.push(vec![sign]),
        }
    }

    /// Whether a reader sees more than can be read here.
    pub(super) fn is_dark(&self) -> bool {
        let (all, unknown) = self.signs;
        unknown * 5 > all
    }

    /// The text of the page.
    pub(super) fn text(mut self) -> String {
        self.close();
        let usual = usual_step(&self.done);
        let mut text = String::new();
        let mut last: Option<&Line> = None;
        for line in &self.done {
            if let Some(last) = last {
                let down = last.height - line.height;
                let size = last.size.max(line.size);
                let is_near = down > 0.0
                    && (down <= CLOSE * size || usual.is_some_and(|usual| down <= usual * STEP));
                let is_alike = line.way == last.way && last.size.min(line.size) * 1.2 > size;
                // Beside, as cells of several lines are.
                let is_beside = line.way == last.way && down.abs() < size && down <= 0.0;
                text.push_str(if is_beside || is_near && is_alike {
                    "\n"
                } else {
                    "\n\n"
                });
            }
            text.push_str(&line.text);
            last = Some(line);
        }
        text
    }

    fn close(&mut self) {
        let Some(mut line) = self.open.take() else {
            return;
        };
        let size = line.size;
        let begin = |run: &Vec<Sign>| run.first().map_or(0.0, |sign| sign.begin);
        line.runs.sort_by(|a, b| begin(a).total_cmp(&begin(b)));
        line.runs.dedup_by(|b, a| {
            let text = |run: &[Sign]| run.iter().map(|sign| sign.text.clone()).collect::<String>();
            (begin(a) - begin(b)).abs() < SAME * size && text(a) == text(b)
        });
        let mut signs: Vec<Sign> = Vec::new();
        for sign in line.runs.into_iter().flatten() {
            match signs.last_mut() {
                // It stands on the one before.
                Some(last) if is_mark(&sign.text) => last.text.push_str(&sign.text),
                _ => signs.push(sign),
            }
        }
        let turned = signs.iter().any(|sign| is_right_to_left(&sign.text));
        if turned {
            signs.sort_by(|a, b| a.begin.total_cmp(&b.begin));
        }
        uncover(&mut signs);
        let parts = spaced(signs, size);
        let text = if turned {
            logical(parts)
        } else {
            parts.concat()
        };
        let text = text.trim();
        if !text.is_empty() {
            let text = text.to_owned();
            self.done.push(Line {
                text,
                height: line.height,
                size,
                way: line.way,
            });
        }
    }
}

/// Takes out spaces that something else is drawn over: signs that are not shown may be written as such.
fn uncover(signs: &mut Vec<Sign>) {
    let begins: Vec<Option<f64>> = signs
        .iter()
        .skip(1)
        .map(|next| Some(next.begin))
        .chain([None])
        .collect();
    let mut next = begins.into_iter();
    signs.retain(|sign| {
        let next = next.next().flatten();
        let is_blank = sign.is_sure && sign.text.chars().all(char::is_whitespace);
        !is_blank
            || next.is_none_or(|next| (next - sign.begin).abs() > (sign.end - sign.begin) * 0.4)
    });
}

/// The signs of a line with a space wherever there is a gap.
fn spaced(signs: Vec<Sign>, size: f64) -> Vec<String> {
    let gaps: Vec<f64> = signs
        .windows(2)
        .map(|two| (two[1].begin - two[0].end) / size)
        .collect();
    let spread = spread(&signs, &gaps);
    let mut parts: Vec<String> = Vec::with_capacity(signs.len() * 2);
    let mut before = gaps.iter();
    for (at, sign) in signs.into_iter().enumerate() {
        if at > 0 {
            let gap = *before.next().unwrap_or(&0.0);
            let is_blank = |text: &str| text.ends_with(char::is_whitespace);
            let blank = sign.text.starts_with(char::is_whitespace)
                || parts.last().is_some_and(|last| is_blank(last));
            match gap {
                gap if gap > CELL + spread => parts.push("  ".to_owned()),
                gap if gap > SPACE + spread && !blank => parts.push(" ".to_owned()),
                _ => {}
            }
        }
        parts.push(sign.text);
    }
    parts
}

/// By how much the letters of a line are spread.
fn spread(signs: &[Sign], gaps: &[f64]) -> f64 {
    let is_letter = |sign: &Sign| sign.text.chars().all(char::is_alphanumeric);
    let pairs = signs.windows(2).zip(gaps);
    let mut between: Vec<f64> = pairs
        .filter(|(two, _)| two.iter().all(is_letter))
        .map(|(_, gap)| *gap)
        .collect();
    between.sort_by(f64::total_cmp);
    // Two in three stand apart.
    let most = between.get(between.len() / 3).copied().unwrap_or_default();
    let dense = signs
        .iter()
        .all(|sign| !sign.text.chars().any(|c| c.script() == Script::Latin));
    match between.len() >= 5 && most > SPACE && most < CELL {
        true => most,
        false if dense => SPACE,
        false => 0.0,
    }
}

/// How far the lines of a page are apart most often.
fn usual_step(lines: &[Line]) -> Option<f64> {
    let steps = lines
        .windows(2)
        .map(|two| (two[0].height - two[1].height, two[0].size.max(two[1].size)));
    let mut steps: Vec<f64> = steps
        .filter(|(step, size)| *step > 0.0 && *step < size * 2.2)
        .map(|(step, _)| step)
        .collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied()
}
