//! Accounts, and where their secrets come from.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;

use super::{Checked, Reader, variable};
use crate::document::{At, TextOr};
use crate::ids::AccountName;
use crate::sites::recipe::{Account, Source};
use crate::sites::shape::{RawRecipe, RawSource};

impl Reader<'_> {
    pub(super) fn accounts(&mut self, raw: &RawRecipe) -> Checked<Vec<Account>> {
        let mut accounts = vec![Account {
            name: None,
            username: self.username(raw.username.as_ref())?,
            password: self.password(raw.password.as_ref(), raw.code.is_some(), None)?,
            totp: self.totp(raw.totp.as_ref())?,
            recovery_codes: self.recovery_codes(raw.recovery_codes.as_ref())?,
            code: self.codes(raw.code.as_ref())?,
        }];
        let mut names = BTreeSet::new();
        for account in &raw.accounts {
            let name: AccountName = match account.name.value.parse() {
                Ok(name) => name,
                Err(error) => {
                    let example =
                        "write a short name such as \"bob\"; it becomes part of a file's name";
                    return self.refuse(&account.name.span, format!("{error}"), example);
                }
            };
            if !names.insert(name.clone()) {
                let message = format!("there are two accounts named \"{name}\"");
                return self.refuse(&account.name.span, message, "give each its own name");
            }
            accounts.push(Account {
                name: Some(name),
                username: self.username(account.username.as_ref())?,
                password: self.password(
                    account.password.as_ref(),
                    account.code.is_some(),
                    Some(&account.name.span),
                )?,
                totp: self.totp(account.totp.as_ref())?,
                recovery_codes: self.recovery_codes(account.recovery_codes.as_ref())?,
                code: self.codes(account.code.as_ref())?,
            });
        }
        Ok(accounts)
    }

    fn username(&self, raw: Option<&At<TextOr<RawSource>>>) -> Checked<Source> {
        match raw {
            None => Ok(Source::Literal("".into())),
            Some(raw) => self.source(raw),
        }
    }

    pub(super) fn secret(&mut self, raw: &At<TextOr<RawSource>>, key: &str) -> Checked<Source> {
        let source = self.source(raw)?;
        let variable = variable(self.site, key);
        if let Source::Literal(text) = &source {
            if text.expose_secret().is_empty() {
                let example =
                    format!("say where it comes from: {key} = {{ env = \"{variable}\" }}");
                return self.refuse(&raw.span, format!("\"{key}\" is empty"), example);
            }
            self.warnings.push(self.document.at(
                &raw.span,
                format!("\"{key}\" stands in the recipe itself, for everyone who reads the file"),
                format!("keep it elsewhere: {key} = {{ env = \"{variable}\" }}, {{ file = … }}, {{ command = […] }} or {{ keyring = … }}"),
            ));
        }
        Ok(source)
    }

    pub(super) fn source(&self, raw: &At<TextOr<RawSource>>) -> Checked<Source> {
        let span = &raw.span;
        let table = match &raw.value {
            TextOr::Text(text) => return Ok(Source::Literal(text.as_str().into())),
            TextOr::Table(table) => table,
        };
        table
            .check()
            .or_else(|(message, help)| self.refuse(span, message, help))
    }
}
