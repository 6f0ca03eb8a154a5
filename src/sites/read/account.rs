//! Accounts, and where their secrets come from.

use std::collections::BTreeSet;
use std::path::PathBuf;

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
        const WAYS: &str = "write one of { env = \"NAME\" }, { file = \"path\" }, { command = [\"program\", \"argument\"] }, { keyring = \"service\", user = \"name\" }";
        let given = [
            table.env.is_some(),
            table.file.is_some(),
            table.command.is_some(),
            table.keyring.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            let message = match given.contains(&true) {
                true => "a secret has one source, here are several",
                false => "this says of no source where to look",
            };
            return self.refuse(span, message, WAYS);
        }
        if table.user.is_some() != table.keyring.is_some() {
            let help = "write { keyring = \"service\", user = \"name\" }";
            return self.refuse(
                span,
                "\"keyring\" and \"user\" go together, and with nothing else",
                help,
            );
        }
        let nul = |text: &String| text.contains('\0');
        if let Some(name) = &table.env {
            if name.is_empty() || name.contains('=') || nul(name) {
                let help = "write its name alone, without $ and =";
                return self.refuse(span, "\"env\" does not name an environment variable", help);
            }
            if let Some(bare) = name.strip_prefix('$') {
                let help = format!("write {{ env = \"{}\" }}", bare.trim_matches(['{', '}']));
                return self.refuse(span, "\"env\" is the name of a variable, without $", help);
            }
            return Ok(Source::Env(name.clone()));
        }
        if let Some(path) = &table.file {
            if path.is_empty() || nul(path) {
                return self.refuse(
                    span,
                    "\"file\" does not name a file",
                    "write { file = \"secrets/wiki\" }",
                );
            }
            if path.starts_with('~') {
                let help = "write the whole path, or one relative to the folder of config.toml";
                return self.refuse(span, "\"~\" is known to shells only", help);
            }
            return Ok(Source::File(PathBuf::from(path)));
        }
        if let Some(argv) = &table.command {
            if argv.first().is_none_or(String::is_empty) || argv.iter().any(nul) {
                let help = "write the program and its arguments: { command = [\"pass\", \"show\", \"wiki\"] }";
                return self.refuse(span, "\"command\" names no program", help);
            }
            return Ok(Source::Command(argv.clone()));
        }
        let (service, user) = (table.keyring.clone(), table.user.clone());
        let (service, user) = (service.unwrap_or_default(), user.unwrap_or_default());
        if service.is_empty() || user.is_empty() {
            let help = "write { keyring = \"service\", user = \"name\" }";
            return self.refuse(span, "\"keyring\" and \"user\" must not be empty", help);
        }
        Ok(Source::Keyring { service, user })
    }
}
