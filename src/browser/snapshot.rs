//! The DOM of one frame as data: what `agent.js` saw when it looked.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// One frame's document at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// `location.href`.
    pub url: String,
    /// The document's title.
    pub title: String,
    /// `document.readyState`.
    pub ready: String,
    /// What a reader sees, at most 6,000 characters.
    pub text: String,
    /// Visible headings.
    pub headings: Vec<String>,
    /// Texts of visible elements that look like messages.
    pub alerts: Vec<String>,
    /// The forms, in document order; fields and buttons name them by position.
    pub forms: Vec<Form>,
    /// Whether a CAPTCHA that we know is visible.
    pub captcha: bool,
    /// Inputs that a person could fill, hidden ones included.
    pub fields: Vec<Field>,
    /// Buttons, links, and what else looks as if it could be clicked.
    pub buttons: Vec<Button>,
}

/// A `form` element.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Form {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its classes.
    pub class: String,
    /// Its action as written.
    pub action: String,
    /// Its role, or that of the nearest element around it that has one.
    pub role: String,
    /// Its accessible name and the headings in it.
    pub title: String,
    /// The text in it, at most 400 characters.
    pub text: String,
}

/// What fields and buttons have in common.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// By what number the frame keeps it.
    pub node: usize,
    /// What must not have changed when it is filled.
    pub signature: String,
    /// Place in document order.
    pub order: i64,
    /// The elements around it by their places in document order, from the outermost.
    pub within: Vec<i64>,
    /// Element name, lower case.
    pub tag: String,
    /// The `type` that the browser took, lower case.
    pub kind: String,
    /// The name attribute.
    pub name: String,
    /// The id.
    pub id: String,
    /// The classes.
    pub class: String,
    /// What its makers call it elsewhere: test ids and the names that frameworks bind.
    pub hints: String,
    /// The title attribute.
    pub title: String,
    /// Position of its form; -1 without one.
    pub form: i64,
    /// Whether a person could see it.
    pub visible: bool,
    /// Whether it takes no input and no click.
    pub disabled: bool,
    /// Left edge in the frame's viewport, CSS pixels.
    pub x: f64,
    /// Top edge, CSS pixels.
    pub y: f64,
    /// Width, CSS pixels.
    pub width: f64,
    /// Height, CSS pixels.
    pub height: f64,
}

/// An input, select or textarea.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Field {
    /// What it shares with buttons.
    #[serde(flatten)]
    pub part: Part,
    /// The autocomplete attribute, lower case.
    pub autocomplete: String,
    /// The placeholder.
    pub placeholder: String,
    /// Its label, or the text right before it.
    pub label: String,
    /// What `aria-describedby` says of it.
    pub described: String,
    /// Whether it is read-only.
    pub readonly: bool,
    /// Whether the form is not sent without it.
    pub required: bool,
    /// `maxlength`; 0 without one.
    pub max_length: u32,
    /// Whether something is in it.
    pub filled: bool,
    /// The inputmode attribute.
    pub input_mode: String,
    /// Whether assistive technology is told to pass over it.
    pub hidden_from_readers: bool,
}

/// A button, a link, or something that only looks like one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Button {
    /// What it shares with fields.
    #[serde(flatten)]
    pub part: Part,
    /// Its accessible name.
    pub text: String,
    /// Where a link leads, as written; `None` for buttons.
    pub link: Option<String>,
}

impl Deref for Field {
    type Target = Part;

    fn deref(&self) -> &Part {
        &self.part
    }
}

impl Deref for Button {
    type Target = Part;

    fn deref(&self) -> &Part {
        &self.part
    }
}

/// Something to choose: a button, a link, an entry of a list, of whatever element it is made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// By what number the frame keeps it; an option's is that of its `select`.
    pub node: usize,
    /// `button`, `link`, `radio` or `option`.
    pub kind: String,
    /// Its accessible name.
    pub text: String,
    /// An option's value.
    pub value: String,
    /// The list that it stands in; -1 without one.
    pub list: i64,
    /// Whether it stands in the page's navigation, header or footer.
    pub apart: bool,
    /// Whether it takes no click.
    pub disabled: bool,
}

/// What lies over an element.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Overlay {
    /// What it says, at most 2,000 characters.
    pub text: String,
    /// What it offers.
    pub choices: Vec<Choice>,
    /// Its frames, by the numbers that they are kept by.
    pub frames: Vec<usize>,
}
