//! Second factors: secrets of codes, recovery codes, and where codes that a site sends come from.

use std::net::IpAddr;
use std::path::PathBuf;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use url::{Host, Url};

use super::{Checked, Reader, Span, variable};
use crate::document::{At, TextOr};
use crate::sites::recipe::{CodeSource, Codes, Filter, Imap, Source};
use crate::sites::shape::{RawCode, RawSource};
use crate::totp::Totp;

/// How long a login waits for a code that a person hands in, in seconds, where the recipe does not say.
const PERSON: i64 = 5 * 60;
/// The same for a code that comes by itself.
const MACHINE: i64 = 2 * 60;
/// The longest that a login may be told to wait, in seconds.
const LONGEST: i64 = 30 * 60;

const WAYS: &str = "write one of \"ask\", { command = [\"program\", \"argument\"] }, { maildir = \"/home/me/Maildir\" }, { imap = \"imaps://host/INBOX\", user = \"me\", password = { env = \"NAME\" } }";

impl Reader<'_> {
    /// The password, which only an account may lack that gets in by what the site sends.
    pub(super) fn password(
        &mut self,
        raw: Option<&At<TextOr<RawSource>>>,
        has_code: bool,
        account: Option<&Span>,
    ) -> Checked<Source> {
        if let Some(raw) = raw {
            return self.secret(raw, "password");
        }
        if has_code {
            return Ok(Source::Literal("".into()));
        }
        let message = "the key \"password\" is missing";
        let variable = variable(self.site, "password");
        let help = format!("add it, for example: password = {{ env = \"{variable}\" }}");
        match account {
            Some(span) => self.refuse(span, message, help),
            None => Err(self.document.as_a_whole(message, help)),
        }
    }

    pub(super) fn totp(&mut self, raw: Option<&At<TextOr<RawSource>>>) -> Checked<Option<Source>> {
        let Some(raw) = raw else { return Ok(None) };
        let source = self.secret(raw, "totp")?;
        // What stands elsewhere is read at the moment of use.
        if let Source::Literal(text) = &source
            && let Err(said) = Totp::read(text.expose_secret())
        {
            let (message, help) = said.split_once("; ").unwrap_or((&said, ""));
            return self.refuse(&raw.span, message, help);
        }
        Ok(Some(source))
    }

    pub(super) fn recovery_codes(
        &mut self,
        raw: Option<&At<TextOr<RawSource>>>,
    ) -> Checked<Option<Source>> {
        raw.map(|raw| self.secret(raw, "recovery_codes"))
            .transpose()
    }

    pub(super) fn codes(&mut self, raw: Option<&At<TextOr<RawCode>>>) -> Checked<Option<Codes>> {
        let Some(At { span, value }) = raw else {
            return Ok(None);
        };
        let person = Codes {
            from: CodeSource::HandIn,
            wait: TimeDelta::seconds(PERSON),
        };
        let table = match value {
            TextOr::Text(text) if text == "ask" => return Ok(Some(person)),
            TextOr::Text(_) => {
                let message = "a code is good once, so it cannot stand in a recipe";
                return self.refuse(span, message, WAYS);
            }
            TextOr::Table(table) => table,
        };
        let given = [
            table.command.is_some(),
            table.maildir.is_some(),
            table.imap.is_some(),
        ];
        let sources = given.iter().filter(|given| **given).count();
        if sources > 1 {
            return self.refuse(span, "codes have one source, here are several", WAYS);
        }
        if sources == 0 && table.wait.is_none() {
            return self.refuse(span, "this says of no source of codes where to look", WAYS);
        }
        let mail = table.maildir.is_some() || table.imap.is_some();
        if !mail && (table.from.is_some() || table.to.is_some()) {
            let message = "\"from\" and \"to\" choose among mails, and there are none here";
            return self.refuse(span, message, "remove them, or write maildir or imap");
        }
        if table.imap.is_some() != (table.user.is_some() && table.password.is_some())
            || table.imap.is_none() && (table.user.is_some() || table.password.is_some())
        {
            let help = "write { imap = \"imaps://host/INBOX\", user = \"me\", password = { env = \"NAME\" } }";
            return self.refuse(
                span,
                "\"imap\", \"user\" and \"password\" go together",
                help,
            );
        }
        let default = if sources == 0 { PERSON } else { MACHINE };
        let wait = match &table.wait {
            Some(wait) => self.length(wait, 1, LONGEST)?,
            None => TimeDelta::seconds(default),
        };
        let from = self.code_source(span, table)?;
        Ok(Some(Codes { from, wait }))
    }

    fn code_source(&mut self, span: &Span, table: &RawCode) -> Checked<CodeSource> {
        let nul = |text: &String| text.contains('\0');
        if let Some(argv) = &table.command {
            if argv.first().is_none_or(String::is_empty) || argv.iter().any(nul) {
                let help =
                    "write the program and its arguments: { command = [\"my-codes\", \"wiki\"] }";
                return self.refuse(span, "\"command\" names no program", help);
            }
            return Ok(CodeSource::Command(argv.clone()));
        }
        if let Some(path) = &table.maildir {
            if path.is_empty() || nul(path) {
                let help = "write the folder: { maildir = \"/home/me/Maildir\" }";
                return self.refuse(span, "\"maildir\" does not name a folder", help);
            }
            if path.starts_with('~') {
                let help = "write the whole path, or one relative to the folder of config.toml";
                return self.refuse(span, "\"~\" is known to shells only", help);
            }
            return Ok(CodeSource::Folder(PathBuf::from(path), self.filter(table)?));
        }
        let (Some(url), Some(user), Some(password)) = (&table.imap, &table.user, &table.password)
        else {
            return Ok(CodeSource::HandIn);
        };
        let imap = Imap {
            url: self.mailbox(url)?,
            user: user.clone(),
            password: self.secret(password, "password")?,
        };
        Ok(CodeSource::Imap(Box::new(imap), self.filter(table)?))
    }

    fn filter(&self, table: &RawCode) -> Checked<Filter> {
        let part = |text: &Option<At<String>>, what: &str| match text {
            None => Ok(None),
            Some(text) => {
                self.not_empty(text, what)?;
                Ok(Some(text.value.trim().to_lowercase()))
            }
        };
        Ok(Filter {
            from: part(&table.from, "the sender")?,
            to: part(&table.to, "the recipient")?,
        })
    }

    fn mailbox(&self, text: &At<String>) -> Checked<Url> {
        const SHAPE: &str = "write { imap = \"imaps://mail.example.org/INBOX\", … }";
        let Some(url) = Url::parse(&text.value)
            .ok()
            .filter(|url| matches!(url.scheme(), "imap" | "imaps") && url.host().is_some())
        else {
            return self.refuse(&text.span, "this is not the URL of a mailbox", SHAPE);
        };
        if !url.username().is_empty() || url.password().is_some() {
            let help = "write them as user = … and password = { env = \"NAME\" }";
            let message = "a URL with a user or a password in it would be shown in messages";
            return self.refuse(&text.span, message, help);
        }
        let here = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        // The URL standard knows hosts as addresses only for schemes of the web.
        let here = here
            || url
                .host_str()
                .and_then(|host| host.parse::<IpAddr>().ok())
                .is_some_and(|ip| ip.is_loopback());
        if url.scheme() == "imap" && !here {
            let message = "imap:// would send the mailbox's password in the clear";
            let help = "write imaps://, which is IMAP inside TLS; imap:// is for this machine only";
            return self.refuse(&text.span, message, help);
        }
        Ok(url)
    }
}
