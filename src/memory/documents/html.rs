//! HTML → Markdown: what a reader of the page would read of it.

use std::rc::Rc;

use htmd::element_handler::Handlers;
use htmd::options::Options;
use htmd::{Element, HtmlToMarkdown};
use html5ever::Attribute;
use markup5ever_rcdom::{Node, NodeData};

use super::extract::Text;
use super::{charset, depth, table};

/// What is no text of the page: code, what leads to other pages, what is pressed.
const LEFT_OUT: [&str; 25] = [
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "canvas",
    "iframe",
    "object",
    "embed",
    "audio",
    "video",
    "source",
    "map",
    "nav",
    "button",
    "select",
    "input",
    "textarea",
    "datalist",
    "dialog",
    "link",
    "meta",
    "base",
    "annotation",
    "annotation-xml",
];
/// How deep pages are nested at most; browsers end there too.
const DEPTH: usize = 512;
/// Roles (WAI-ARIA 1.2) of what is the same.
const ROLES: [&str; 6] = [
    "navigation",
    "search",
    "menu",
    "menubar",
    "dialog",
    "alertdialog",
];

/// The text of a page, as Markdown.
///
/// # Errors
/// What is wrong with it, and the way out.
pub(super) fn text(bytes: &[u8]) -> Result<Text, String> {
    let html = charset::page(bytes)
        .ok_or("the HTML is not UTF-8, and does not say what it is; save it as UTF-8 first")?;
    let html = html.trim_start_matches(charset::MARK);
    if html.contains('\0') {
        return Err("this is no HTML: it holds a zero character".to_owned());
    }
    if !has_tag(html) {
        return Err(
            "this is no HTML: there is not one tag in it; send it as text/plain or text/markdown"
                .to_owned(),
        );
    }
    if depth::is_beyond(html, DEPTH) {
        return Err(format!(
            "this HTML is nested more than {DEPTH} deep, which no browser shows; send its text"
        ));
    }
    let options = Options {
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        ..Options::default()
    };
    let words =
        |handlers: &dyn Handlers, element: Element| Some(handlers.walk_children(element.node));
    let alt = |_: &dyn Handlers, element: Element| {
        let alt = attribute_of(element.attrs, "alt");
        Some(alt.unwrap_or_default().into())
    };
    let converter = HtmlToMarkdown::builder()
        .options(options)
        // Where a link leads is not what the page says.
        .add_handler(vec!["a"], words)
        .add_handler(vec!["img"], alt)
        .add_handler(vec!["table"], table::table)
        .build();
    let broken = |_| "this HTML cannot be read".to_owned();
    let page = converter.html_to_tree(html).map_err(broken)?;
    let title = cut(&page);
    let text = plain(&converter.tree_to_markdown(&page));
    if !text.chars().any(char::is_alphanumeric) {
        return Err("this HTML has no text: perhaps a script makes it. Save the page from the browser, as it is shown, or send its text"
            .to_owned());
    }
    let has_title = text.lines().any(|line| line.starts_with("# "));
    let text = match title.filter(|title| !has_title && !title.is_empty()) {
        Some(title) => format!("# {title}\n\n{text}\n"),
        None => text + "\n",
    };
    Ok(Text::of(text))
}

/// Whether there is a `<` before a letter, as tags begin.
fn has_tag(html: &str) -> bool {
    let after = html
        .match_indices('<')
        .map(|(at, _)| html.as_bytes().get(at + 1));
    after
        .flatten()
        .any(|byte| byte.is_ascii_alphabetic() || *byte == b'!')
}

fn attribute_of(attributes: &[Attribute], name: &str) -> Option<String> {
    let own = |one: &&Attribute| &*one.name.local == name;
    attributes.iter().find(own).map(|one| one.value.to_string())
}

/// Takes out of a page what is no text of it; its title.
fn cut(page: &Rc<Node>) -> Option<String> {
    let mut title = None;
    // No recursion: a page may be nested as deep as it likes.
    let mut open = vec![Rc::clone(page)];
    while let Some(node) = open.pop() {
        let mut children = node.children.borrow_mut();
        children.retain(|child| {
            if title.is_none() && is(child, "title") {
                let words = child.children.borrow();
                title = words.iter().find_map(|words| match &words.data {
                    NodeData::Text { contents } => Some(
                        contents
                            .borrow()
                            .split_whitespace()
                            .collect::<Vec<_>>()
                            .join(" "),
                    ),
                    _ => None,
                });
            }
            !is_left_out(child)
        });
        open.extend(children.iter().cloned());
    }
    title
}

fn is(node: &Node, tag: &str) -> bool {
    matches!(&node.data, NodeData::Element { name, .. } if &*name.local == tag)
}

fn is_left_out(node: &Node) -> bool {
    let NodeData::Element { name, attrs, .. } = &node.data else {
        return matches!(
            &node.data,
            NodeData::Comment { .. } | NodeData::ProcessingInstruction { .. }
        );
    };
    let attributes = attrs.borrow();
    let value = |name| attribute_of(&attributes, name);
    // What is not shown is not read: it is where orders to language models are hidden.
    let style: String = value("style")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let style = style.to_ascii_lowercase();
    let hidden = value("hidden").is_some()
        || value("aria-hidden").is_some_and(|value| value == "true")
        || style.contains("display:none")
        || style.contains("visibility:hidden");
    let role = value("role").is_some_and(|role| ROLES.contains(&&*role.to_ascii_lowercase()));
    // A sign behind a heading that only leads to it.
    let leads = &*name.local == "a"
        && value("href").is_some_and(|href| href.starts_with('#'))
        && is_sign(node);
    hidden || role || leads || LEFT_OUT.contains(&&*name.local) || &*name.local == "title"
}

/// Whether nothing is in it but one sign that is no letter.
fn is_sign(node: &Node) -> bool {
    let children = node.children.borrow();
    match children.as_slice() {
        [only] => match &only.data {
            NodeData::Text { contents } => {
                let text = contents.borrow();
                let text = text.trim();
                text.chars().count() == 1 && !text.contains(char::is_alphanumeric)
            }
            _ => false,
        },
        _ => false,
    }
}

/// Without the backslashes that Markdown needs and a reader does not: words are searched as they are written. What would begin a
/// heading or a list keeps its own.
fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut fenced = false;
    for line in markdown.trim().split('\n') {
        let line = line.trim_end();
        if !text.is_empty() {
            text.push('\n');
        }
        fenced ^= line.trim_start().starts_with("```");
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('\\').filter(|_| !fenced) {
            text.push_str(before);
            match after.chars().next() {
                Some(next @ ('*' | '_' | '`' | '[' | ']' | '<' | '\\')) => {
                    text.push(next);
                    rest = after.get(1..).unwrap_or_default();
                }
                _ => {
                    text.push('\\');
                    rest = after;
                }
            }
        }
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_what_a_reader_reads() {
        let page = r#"<!DOCTYPE html><html lang=en><head><title>My  Shop –
            Returns</title><style>.x{color:red}</style><script>var secretScript = 1;</script></head><body>
            <nav><a href="/home">Home navword</a></nav><div role="navigation">more navword</div>
            <header><h2>Returns</h2></header><main><p>Send it back within <b>30&nbsp;days</b>, see <a href="https://x.test/very/long?q=1">our rules</a>.</p>
            <p hidden>ignore all hiddenword</p><p style="display: none">hiddenword</p><span aria-hidden="true">hiddenword</span>
            <ul><li>part_no A_17*</li><li>R&eacute;sum&eacute; &lt;b&gt;</li></ul><img src="data:image/png;base64,AAAA" alt="A red box">
            <table><tr><th>Size</th><th>Price</th></tr><tr><td>XL</td><td>10 €</td></tr></table>
            <pre><code>let a_b = "\\_";</code></pre></main><footer>Since 1990</footer></body></html>"#;
        let text = text(page.as_bytes()).unwrap().text;
        assert!(
            text.starts_with("# My Shop – Returns\n\n## Returns"),
            "{text}"
        );
        for there in [
            "our rules",
            "part_no A_17*",
            "Résumé <b>",
            "A red box",
            "| XL",
            "let a_b = \"\\\\_\";",
            "Since 1990",
            "**30\u{a0}days**",
        ] {
            assert!(text.contains(there), "{there}: {text}");
        }
        for gone in [
            "navword",
            "hiddenword",
            "secretScript",
            "color",
            "base64",
            "x.test",
        ] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
    }

    #[test]
    fn no_cell_of_a_table_is_lost() {
        for (table, lines) in [
            // As encyclopedias have them: each row with its own head.
            (
                "<tr><th>Born<td>1912<tr><th>Died<td>1954",
                "| Born | 1912 |\n| --- | --- |\n| Died | 1954 |",
            ),
            (
                "<caption>Fares</caption><thead><tr><th rowspan=2>Route<th colspan=2>Price<tr><th>Adult<th>Child</thead>\
                 <tr><td>North|Point<td>95<td>47<tfoot><tr><td>All<td>1<td>2",
                "Fares\n\n| Route | Price |  |\n| --- | --- | --- |\n| Route | Adult | Child |\n| North\\|Point | 95 | 47 |\n| All | 1 | 2 |",
            ),
            (
                "<tr><td><table><tr><td>inner</table><td><h2>Side</h2><p>words",
                "inner\n\n## Side\n\nwords",
            ),
            ("<tr><td>one<tr><td>two", "one\n\ntwo"),
            (
                "<tr><td rowspan=99999999>a<td>b<tr><td colspan=99999999>c",
                "| a | b |",
            ),
        ] {
            let own = text(format!("<h1>T</h1><table>{table}</table>").as_bytes())
                .unwrap()
                .text;
            assert!(own.contains(lines), "{table}: {own}");
        }
    }

    #[test]
    fn signs_that_lead_to_headings_are_no_text_and_what_is_drawn_is() {
        let page = "<h2>Modules<a href=#m>§</a></h2><p><a href=#x>see <b>x</b></a></p><div role=dialog>cookies</div>\
                    <picture><source srcset=a><img alt=redbox></picture><p>E=<math><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup>\
                    <annotation>E=mc^2</annotation></math>";
        let own = text(page.as_bytes()).unwrap().text;
        assert_eq!(own, "## Modules\n\nsee **x**\n\nredbox\n\nE=mc2\n");
    }

    #[test]
    fn what_is_no_page_is_refused_with_the_way_out() {
        let deep = "<div>".repeat(200_000);
        for (bytes, says) in [
            (&b"just words, 1 < 2"[..], "text/plain"),
            (b"<p>caf\xe9</p>", "UTF-8"),
            (deep.as_bytes(), "nested"),
            (b"<p>\0</p>", "zero"),
            (
                b"<html><body><div id=root></div><script>render()</script></body></html>",
                "script",
            ),
        ] {
            let why = text(bytes).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
