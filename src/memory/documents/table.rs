//! Tables of a page: every cell of every row, with what spans several of them in each.

use std::rc::Rc;

use htmd::Element;
use htmd::element_handler::{HandlerResult, Handlers};
use markup5ever_rcdom::{Node, NodeData};

/// Most columns.
const COLUMNS: usize = 64;
/// Most rows that a cell spans.
const SPAN: usize = 200;
/// Longest cell of a table of data, characters: what is longer stands in a table for its place alone.
const LONGEST: usize = 300;
/// What no cell of data holds.
const BLOCKS: [&str; 10] = [
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "pre",
    "blockquote",
    "hr",
];

/// A table as Markdown has it; one that only puts things in their places as what stands in it.
pub(super) fn table(handlers: &dyn Handlers, element: Element) -> Option<HandlerResult> {
    let (mut rows, mut text) = (Vec::new(), String::from("\n\n"));
    for part in element.node.children.borrow().iter() {
        match name(part) {
            "tr" => rows.push(cells(part)),
            "thead" | "tbody" | "tfoot" => {
                let inner = part.children.borrow();
                rows.extend(inner.iter().filter(|row| name(row) == "tr").map(cells));
            }
            "caption" => {
                text.push_str(handlers.walk_children(part).content.trim());
                text.push_str("\n\n");
            }
            _ => {}
        }
    }
    let all: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| handlers.walk_children(cell).content)
                .collect()
        })
        .collect();
    let short = all
        .iter()
        .flatten()
        .all(|cell| cell.chars().nth(LONGEST).is_none());
    let wide = all.iter().any(|row| row.len() > 1);
    match short && wide && !rows.iter().flatten().any(holds_blocks) {
        true => data(&rows, all, &mut text),
        false => {
            for cell in all.iter().flatten().map(|cell| cell.trim()) {
                if !cell.is_empty() {
                    text.push_str(cell);
                    text.push_str("\n\n");
                }
            }
        }
    }
    text.push('\n');
    Some(text.into())
}

fn data(rows: &[Vec<Rc<Node>>], all: Vec<Vec<String>>, text: &mut String) {
    // What comes down into a column from above, and for how many rows still.
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut grid: Vec<Vec<String>> = Vec::new();
    for (row, own) in rows.iter().zip(all) {
        let mut line: Vec<String> = Vec::new();
        let mut cells = row.iter().zip(own);
        loop {
            let at = line.len();
            if let Some((left, spanned)) = above.get_mut(at).filter(|(left, _)| *left > 0) {
                *left -= 1;
                line.push(spanned.clone());
                continue;
            }
            let Some((cell, words)) = cells.next().filter(|_| at < COLUMNS) else {
                break;
            };
            let words = words
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .replace('|', "\\|");
            let (down, across) = (
                span(cell, "rowspan", SPAN),
                span(cell, "colspan", COLUMNS - at),
            );
            for column in 0..across {
                if above.len() <= at + column {
                    above.resize(at + column + 1, (0, String::new()));
                }
                let words = if column == 0 {
                    words.clone()
                } else {
                    String::new()
                };
                above[at + column] = (down - 1, words.clone());
                line.push(words);
            }
        }
        if line.iter().any(|cell| !cell.is_empty()) {
            grid.push(line);
        }
    }
    let columns = grid.iter().map(Vec::len).max().unwrap_or_default();
    for (number, line) in grid.iter().enumerate() {
        text.push('|');
        for at in 0..columns {
            text.push(' ');
            text.push_str(line.get(at).map_or("", String::as_str));
            text.push_str(" |");
        }
        text.push('\n');
        if number == 0 {
            text.push('|');
            text.push_str(&" --- |".repeat(columns));
            text.push('\n');
        }
    }
}

fn cells(row: &Rc<Node>) -> Vec<Rc<Node>> {
    let all = row.children.borrow();
    let cells = all.iter().filter(|cell| matches!(name(cell), "td" | "th"));
    cells.cloned().collect()
}

fn name(node: &Node) -> &str {
    match &node.data {
        NodeData::Element { name, .. } => &name.local,
        _ => "",
    }
}

fn span(cell: &Node, over: &str, most: usize) -> usize {
    let NodeData::Element { attrs, .. } = &cell.data else {
        return 1;
    };
    let attributes = attrs.borrow();
    let own = attributes.iter().find(|one| &*one.name.local == over);
    let number = own
        .and_then(|one| one.value.trim().parse().ok())
        .unwrap_or(1);
    usize::clamp(number, 1, most.max(1))
}

fn holds_blocks(cell: &Rc<Node>) -> bool {
    let mut open: Vec<Rc<Node>> = cell.children.borrow().iter().cloned().collect();
    while let Some(node) = open.pop() {
        if BLOCKS.contains(&name(&node)) {
            return true;
        }
        open.extend(node.children.borrow().iter().cloned());
    }
    false
}
