//! The page on which a person allows a client something.

use maud::{Markup, html};
use secrecy::ExposeSecret;

use super::super::Door;
use super::fields::Fields;
use crate::identity::{Client, Scopes, Visit};

/// What is asked, and what the form brings back beside the answer.
pub(super) struct Consent<'a> {
    pub(super) client: &'a Client,
    pub(super) asked: &'a Scopes,
    /// What of it the person has.
    pub(super) own: &'a Scopes,
    pub(super) visit: &'a Visit,
    /// Where the form goes.
    pub(super) action: &'a str,
    pub(super) hidden: &'a [(&'static str, String)],
}

/// What a person answered.
pub(super) enum Decision {
    Allow(Scopes),
    Deny,
}

impl Decision {
    /// What the form of [`Consent`] brings.
    pub(super) fn of(fields: &Fields) -> Self {
        match fields.one("decision") {
            // What is no scope was not on the page, and allows nothing.
            Ok(Some("allow")) => Self::Allow(
                fields
                    .all("allow")
                    .filter_map(|word| word.parse().ok())
                    .collect(),
            ),
            _ => Self::Deny,
        }
    }
}

impl Consent<'_> {
    /// The body of the page; `about` stands above the scopes.
    pub(super) fn body(&self, door: &Door, about: &Markup) -> Markup {
        let missing = self.asked.iter().any(|scope| !self.own.allow(scope));
        html! {
            p { b id="client" { (self.client.name) } " asks for access to your Jarkeeper. It calls itself so; nobody has checked that." }
            (about)
            form method="post" action=(self.action) {
                input type="hidden" name="csrf" value=(self.visit.csrf.expose_secret());
                @for (name, value) in self.hidden { input type="hidden" name=(name) value=(value); }
                @for scope in self.own.iter() {
                    label {
                        input type="checkbox" name="allow" value=(scope) checked;
                        span { (scope.told()) " " span class="quiet" { "(" (scope) ")" } }
                    }
                }
                @if missing { p class="quiet" { "It asks for more, which is not yours to give." } }
                div class="row" {
                    button class="main" type="submit" name="decision" value="allow" { "Allow" }
                    button type="submit" name="decision" value="deny" { "Deny" }
                }
            }
            p class="quiet" { "You are signed in as " (name(door, self.visit)) "." }
        }
    }
}

fn name(door: &Door, visit: &Visit) -> String {
    let person = door.identity.person(visit.person.as_str()).ok();
    let name = person.and_then(|person| person.name.or(person.email));
    name.unwrap_or_else(|| visit.person.to_string())
}
