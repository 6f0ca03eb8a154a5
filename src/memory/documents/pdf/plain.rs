//! A page with nothing but its text.
//!
//! What draws lines, colours and pictures goes, and forms are put where they are drawn, each font under a name of its own. So the
//! library meets only what shows text, and cannot stumble over the rest.

use std::collections::{BTreeMap, BTreeSet};

use pdf_extract::content::{Content, Operation};
use pdf_extract::{Dictionary, Document, Object, ObjectId};

use super::fonts::Charset;

/// Forms within forms.
const DEPTH: usize = 12;
/// Operators of one page.
const MOST: usize = 2_000_000;
/// Nodes above a page.
const ABOVE: usize = 64;

/// A page with nothing but its text.
#[derive(Default)]
pub(super) struct Plain {
    operations: Vec<Operation>,
    /// Its fonts by the names that they have in it.
    pub(super) fonts: BTreeMap<Vec<u8>, Font>,
    /// Whether there is a picture on it.
    pub(super) has_picture: bool,
    /// Whether something on it was left out that may show text.
    pub(super) is_torn: bool,
}

/// A font of a page.
pub(super) struct Font {
    /// As it is in the document.
    pub(super) dictionary: Dictionary,
    /// Where it stands there; `None`: in its place.
    pub(super) id: Option<ObjectId>,
    /// How its text is written; `None`: as the font says.
    pub(super) charset: Option<Charset>,
    /// Codes of two bytes that are shown, where `charset` is known.
    pub(super) codes: BTreeSet<u16>,
}

impl Plain {
    /// Of a page.
    pub(super) fn of(document: &Document, page: ObjectId) -> Self {
        let mut plain = Self::default();
        let empty = Dictionary::new();
        let resources = inherited(document, page, b"Resources");
        let resources = resources
            .and_then(|own| own.as_dict().ok())
            .unwrap_or(&empty);
        match document.get_page_content(page) {
            Ok(content) => plain.take(document, &content, resources, 0),
            Err(_) => plain.is_torn = true,
        }
        plain
    }

    /// What draws it.
    pub(super) fn content(self) -> Vec<u8> {
        let content = Content {
            operations: self.operations,
        };
        content.encode().unwrap_or_default()
    }

    fn take(&mut self, document: &Document, content: &[u8], resources: &Dictionary, depth: usize) {
        let Ok(content) = Content::decode(content) else {
            self.is_torn = true;
            return;
        };
        // The font in force, here and in what was put aside.
        let (mut font, mut aside): (Option<Vec<u8>>, Vec<Option<Vec<u8>>>) = (None, Vec::new());
        for Operation { operator, operands } in content.operations {
            if self.operations.len() >= MOST {
                self.is_torn = true;
                break;
            }
            let numbers = |count: usize| {
                let last = operands.get(operands.len().checked_sub(count)?..)?;
                last.iter()
                    .all(|one| one.as_float().is_ok())
                    .then(|| last.to_vec())
            };
            match operator.as_str() {
                "BT" | "ET" | "T*" => self.draw(&operator, Vec::new()),
                "q" => {
                    aside.push(font.clone());
                    self.draw("q", Vec::new());
                }
                "Q" => {
                    // What is put back belongs to this content.
                    if let Some(last) = aside.pop() {
                        font = last;
                        self.draw("Q", Vec::new());
                    }
                }
                "cm" | "Tm" => self.draw_with(&operator, numbers(6)),
                "Td" | "TD" => self.draw_with(&operator, numbers(2)),
                "Tc" | "Tw" | "Tz" | "TL" | "Ts" => self.draw_with(&operator, numbers(1)),
                "Tf" => {
                    let [.., Object::Name(name), size] = operands.as_slice() else {
                        continue;
                    };
                    if size.as_float().is_err() {
                        continue;
                    }
                    font = self.font(document, resources, name);
                    if let Some(font) = &font {
                        self.draw("Tf", vec![Object::Name(font.clone()), size.clone()]);
                    }
                }
                "Tj" | "'" => {
                    if operator == "'" {
                        self.draw("T*", Vec::new());
                    }
                    self.show(font.as_deref(), operands.into_iter().next_back());
                }
                "\"" => {
                    let mut operands = operands.into_iter();
                    for (own, value) in ["Tw", "Tc"].into_iter().zip(operands.by_ref()) {
                        self.draw_with(own, value.as_float().is_ok().then(|| vec![value]));
                    }
                    self.draw("T*", Vec::new());
                    self.show(font.as_deref(), operands.next_back());
                }
                "TJ" => {
                    let Some(Object::Array(parts)) = operands.into_iter().next_back() else {
                        continue;
                    };
                    self.show(font.as_deref(), Some(Object::Array(parts)));
                }
                "BI" => self.has_picture = true,
                "Do" => {
                    let name = operands.first().and_then(|name| name.as_name().ok());
                    if let Some(name) = name {
                        self.form(document, resources, name, depth);
                    }
                }
                _ => {}
            }
        }
        // What it leaves open would reach into what follows.
        for _ in aside {
            self.draw("Q", Vec::new());
        }
    }

    fn draw(&mut self, operator: &str, operands: Vec<Object>) {
        self.operations.push(Operation::new(operator, operands));
    }

    fn draw_with(&mut self, operator: &str, operands: Option<Vec<Object>>) {
        if let Some(operands) = operands {
            self.draw(operator, operands);
        }
    }

    /// Shows a text, or several with what is between them.
    fn show(&mut self, font: Option<&[u8]>, text: Option<Object>) {
        let Some(own) = font.and_then(|name| self.fonts.get_mut(name)) else {
            // Nothing says which letters these are.
            self.is_torn |= text.is_some();
            return;
        };
        let mut as_read = |text: Vec<u8>, form| match own.charset {
            Some(charset) => {
                let codes = charset.codes(&text);
                own.codes.extend(&codes);
                let bytes = codes.iter().flat_map(|code| code.to_be_bytes()).collect();
                Object::String(bytes, form)
            }
            None => Object::String(text, form),
        };
        match text {
            Some(Object::String(text, form)) => {
                let text = as_read(text, form);
                self.draw("Tj", vec![text]);
            }
            Some(Object::Array(parts)) => {
                let parts = parts.into_iter().filter_map(|part| match part {
                    Object::String(text, form) => Some(as_read(text, form)),
                    part => part.as_float().is_ok().then_some(part),
                });
                let parts = parts.collect();
                self.draw("TJ", vec![Object::Array(parts)]);
            }
            _ => {}
        }
    }

    /// The name that a font has on the page; `None`: there is none.
    fn font(
        &mut self,
        document: &Document,
        resources: &Dictionary,
        name: &[u8],
    ) -> Option<Vec<u8>> {
        let fonts = dictionary_in(document, resources, b"Font")?;
        let (id, object) = document.dereference(fonts.get(name).ok()?).ok()?;
        let dictionary = object.as_dict().ok()?;
        let own = match id {
            Some((number, generation)) => format!("f{number}.{generation}").into_bytes(),
            // It stands in its place: as long as it is the same, it is one font.
            None => {
                let same = self
                    .fonts
                    .iter()
                    .find(|(_, font)| font.id.is_none() && font.dictionary == *dictionary);
                match same {
                    Some((name, _)) => name.clone(),
                    None => format!("d{}", self.fonts.len()).into_bytes(),
                }
            }
        };
        self.fonts.entry(own.clone()).or_insert_with(|| Font {
            charset: Charset::of(document, dictionary),
            dictionary: dictionary.clone(),
            id,
            codes: BTreeSet::new(),
        });
        Some(own)
    }

    fn form(&mut self, document: &Document, resources: &Dictionary, name: &[u8], depth: usize) {
        let own = dictionary_in(document, resources, b"XObject").and_then(|all| all.get(name).ok());
        let own = own.and_then(|own| document.dereference(own).ok());
        let Some((_, Object::Stream(form))) = own else {
            return;
        };
        match form.dict.get(b"Subtype").and_then(Object::as_name) {
            Ok(b"Form") if depth < DEPTH => {}
            Ok(b"Form") => {
                self.is_torn = true;
                return;
            }
            _ => {
                self.has_picture = true;
                return;
            }
        }
        let Ok(content) = form.get_plain_content() else {
            self.is_torn = true;
            return;
        };
        let inner = dictionary_in(document, &form.dict, b"Resources").unwrap_or(resources);
        self.draw("q", Vec::new());
        let matrix = form
            .dict
            .get(b"Matrix")
            .ok()
            .and_then(|own| document.dereference(own).ok());
        if let Some((_, Object::Array(matrix))) = matrix {
            let is_one = matrix.len() == 6 && matrix.iter().all(|one| one.as_float().is_ok());
            self.draw_with("cm", is_one.then(|| matrix.clone()));
        }
        self.take(document, &content, inner, depth + 1);
        self.draw("Q", Vec::new());
    }
}

/// A dictionary in another, wherever it stands.
pub(super) fn dictionary_in<'a>(
    document: &'a Document,
    within: &'a Dictionary,
    key: &[u8],
) -> Option<&'a Dictionary> {
    let (_, own) = document.dereference(within.get(key).ok()?).ok()?;
    match own {
        Object::Dictionary(own) => Some(own),
        Object::Stream(own) => Some(&own.dict),
        _ => None,
    }
}

/// What a page has, or a node above it.
fn inherited<'a>(document: &'a Document, page: ObjectId, key: &[u8]) -> Option<&'a Object> {
    let mut node = document.get_dictionary(page).ok()?;
    for _ in 0..ABOVE {
        if let Ok(own) = node.get(key) {
            return document.dereference(own).ok().map(|(_, own)| own);
        }
        node = dictionary_in(document, node, b"Parent")?;
    }
    None
}
