//! Codes that are asked for one character a box.

use secrecy::{ExposeSecret, SecretString};

use crate::browser::snapshot::{Field, Snapshot};
use crate::browser::{BrowserError, Element, Page};
use crate::failure::{Failure, FailureClass};

use super::usable;
use crate::login::words;

/// How many boxes a code has.
const COUNT: std::ops::RangeInclusive<usize> = 4..=8;
/// A box is narrower than this, in CSS pixels.
const WIDEST: f64 = 100.0;
/// Boxes of one code lie on one line and look alike, within so many CSS pixels.
const ALIKE: f64 = 12.0;

/// The boxes of a code, in the order in which they are read; `None` where there are none.
///
/// Like boxes next to each other, each for one character: not the parts of a date, of a card or of a telephone, which are
/// fewer, or longer.
pub(super) fn find(page: &Snapshot) -> Option<Vec<usize>> {
    let single = |field: &Field| {
        let kind = matches!(field.kind.as_str(), "text" | "tel" | "number" | "password");
        let numeric = matches!(field.kind.as_str(), "tel" | "number")
            || matches!(field.input_mode.as_str(), "numeric" | "decimal");
        // The first of some takes more than one character, so that a whole code can be pasted.
        let length = field.max_length == 1 || numeric && matches!(field.max_length, 0 | 4..=10);
        usable(field) && field.tag == "input" && kind && length && field.width < WIDEST
    };
    let boxes: Vec<usize> = (0..page.fields.len())
        .filter(|at| single(&page.fields[*at]))
        .collect();
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for at in boxes {
        let field = &page.fields[at];
        let row = rows.iter_mut().find(|row| {
            let first = &page.fields[row[0]];
            first.form == field.form
                && (first.y - field.y).abs() < ALIKE
                && (first.width - field.width).abs() < ALIKE
        });
        match row {
            Some(row) => row.push(at),
            None => rows.push(vec![at]),
        }
    }
    let asked = words::any(&page.text.to_lowercase(), words::CODE)
        || words::any(&page.text.to_lowercase(), super::words::CODE);
    let mut fits = rows.into_iter().filter(|row| COUNT.contains(&row.len()));
    let mut row = fits.find(|row| {
        let field = |at: &usize| &page.fields[*at];
        let ones = row.iter().filter(|at| field(at).max_length == 1).count();
        let said = row
            .iter()
            .any(|at| field(at).autocomplete.contains("one-time-code"));
        said || asked || ones == row.len()
    })?;
    let x = |at: &usize| page.fields[*at].x;
    let along = row.windows(2).all(|pair| x(&pair[0]) < x(&pair[1]));
    // From right to left they are read in the order of the document, unless a style sheet has shuffled them.
    let against = row.windows(2).all(|pair| x(&pair[0]) > x(&pair[1]));
    if !along && !against {
        row.sort_by(|a, b| x(a).total_cmp(&x(b)));
    }
    Some(row)
}

/// Types a code into its boxes, a key at a time as a person would; where the page does not take it so, as one paste.
pub(super) async fn type_into(
    page: &Page,
    boxes: &[Element],
    code: &SecretString,
) -> Result<(), Failure> {
    let keys: Vec<String> = code.expose_secret().chars().map(String::from).collect();
    if keys.len() != boxes.len() {
        let message = format!(
            "the site asks for a code of {} characters and this one has {}",
            boxes.len(),
            keys.len()
        );
        return Err(Failure::new(FailureClass::CodeRefused, message));
    }
    match typed(page, boxes, &keys).await {
        // The page went on at the last character.
        Ok(true) | Err(BrowserError::Moved(_)) => return Ok(()),
        Ok(false) => {}
        Err(error) => return Err(error.into()),
    }
    for one in boxes {
        page.focus(one).await?;
        page.press("Backspace").await?;
    }
    page.focus(&boxes[0]).await?;
    match pasted(page, boxes, code).await {
        Ok(true) | Err(BrowserError::Moved(_)) => return Ok(()),
        Ok(false) => {}
        Err(error) => return Err(error.into()),
    }
    for (one, key) in boxes.iter().zip(&keys) {
        match page.fill(one, key).await {
            Ok(()) => {}
            Err(BrowserError::Moved(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn typed(page: &Page, boxes: &[Element], keys: &[String]) -> Result<bool, BrowserError> {
    page.focus(&boxes[0]).await?;
    for (one, key) in boxes.iter().zip(keys) {
        // Scripts move the focus to the next box; where none does, we do.
        if !page.has_focus(one).await? {
            page.focus(one).await?;
        }
        page.press(key).await?;
    }
    whole(page, boxes).await
}

async fn pasted(page: &Page, boxes: &[Element], code: &SecretString) -> Result<bool, BrowserError> {
    page.insert(code.expose_secret()).await?;
    whole(page, boxes).await
}

async fn whole(page: &Page, boxes: &[Element]) -> Result<bool, BrowserError> {
    for one in boxes {
        if page.length(one).await? != 1 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::snapshot::Part;

    fn one(order: i64, x: f64) -> Field {
        Field {
            max_length: 1,
            part: Part {
                order,
                tag: "input".into(),
                kind: "text".into(),
                visible: true,
                width: 40.0,
                height: 40.0,
                x,
                y: 100.0,
                ..Part::default()
            },
            ..Field::default()
        }
    }

    fn page(fields: Vec<Field>) -> Snapshot {
        Snapshot {
            fields,
            ..Snapshot::default()
        }
    }

    #[test]
    fn boxes_are_found_in_the_order_in_which_they_are_read() {
        let row = |xs: [f64; 6]| {
            let fields = xs.iter().zip(0..).map(|(x, order)| one(order, *x));
            find(&page(fields.collect()))
        };
        let straight = Some(vec![0, 1, 2, 3, 4, 5]);
        assert_eq!(row([0., 50., 100., 150., 200., 250.]), straight);
        assert_eq!(row([250., 200., 150., 100., 50., 0.]), straight);
        let shuffled = Some(vec![1, 0, 2, 3, 4, 5]);
        assert_eq!(row([50., 0., 100., 150., 200., 250.]), shuffled);
    }

    #[test]
    fn parts_of_a_card_of_a_date_and_honeypots_are_no_boxes() {
        let with = |count: i64, change: fn(&mut Field)| {
            let mut fields: Vec<_> = (0..count).map(|i| one(i, i as f64 * 50.0)).collect();
            fields.iter_mut().for_each(change);
            find(&page(fields))
        };
        assert!(with(6, |_| {}).is_some() && with(4, |_| {}).is_some());
        assert_eq!(with(3, |_| {}), None);
        assert_eq!(with(9, |_| {}), None);
        assert_eq!(with(6, |field| field.part.visible = false), None);
        assert_eq!(with(6, |field| field.part.width = 140.0), None);
        assert_eq!(with(6, |field| field.max_length = 2), None);
        // A column of numbers is a table.
        assert_eq!(with(6, |field| field.part.y = field.part.x), None);
        // Numbers without a length are boxes only where a code is spoken of.
        let amount = |field: &mut Field| {
            field.part.kind = "number".into();
            field.max_length = 0;
        };
        assert_eq!(with(6, amount), None);
    }
}
