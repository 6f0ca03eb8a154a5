//! Where a value comes from, as recipes and `config.toml` write it. Reading it is `vault`'s.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::document::Described;

/// Where a value comes from. It is read at the moment of use.
#[derive(Clone)]
pub enum Source {
    /// Stands in the recipe itself; for passwords this earns a warning.
    Literal(SecretString),
    /// An environment variable of the daemon.
    Env(String),
    /// A file; its last line end is cut off.
    File(PathBuf),
    /// A program and its arguments; its standard output, last line end cut off.
    Command(Vec<String>),
    /// An entry of the operating system's keyring.
    Keyring {
        /// The entry's service.
        service: String,
        /// The entry's user.
        user: String,
    },
    /// An entry of `pass`: its first line, or what follows `FIELD:` on a further one.
    Pass {
        /// The entry's name.
        entry: String,
        /// The field, where not the first line is meant.
        field: Option<String>,
    },
    /// A secret reference of 1Password, `op://VAULT/ITEM/FIELD`, read by its command line.
    OnePassword(String),
    /// A login of Bitwarden, read by its command line.
    Bitwarden {
        /// The item's name or id.
        item: String,
        /// Which part of the login.
        field: BitwardenField,
    },
    /// A field of a secret in HashiCorp Vault's KV engine.
    HashiCorp {
        /// The path of the API, without `/v1/`: `secret/data/wiki` (KV 2) or `secret/wiki` (KV 1).
        path: String,
        /// The field.
        field: String,
    },
    /// A secret of our own sealed file, `secrets.age`.
    Sealed(String),
}

/// A part of a Bitwarden login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitwardenField {
    /// The password.
    Password,
    /// The username.
    Username,
    /// The TOTP secret, not the present code.
    Totp,
}

impl BitwardenField {
    /// As it stands in recipes, and in Bitwarden's items.
    pub fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Username => "username",
            Self::Totp => "totp",
        }
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a.expose_secret() == b.expose_secret(),
            (Self::Literal(_), _) | (_, Self::Literal(_)) => false,
            // Nothing else holds a value: what is shown of it is all of it, but for a command's arguments.
            (Self::Command(a), Self::Command(b)) => a == b,
            (a, b) => format!("{a:?}") == format!("{b:?}"),
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal([hidden])"),
            Self::Env(name) => write!(f, "Env({name:?})"),
            Self::File(path) => write!(f, "File({path:?})"),
            // Arguments may hold a token; the program's name is enough to recognise it.
            Self::Command(argv) => {
                write!(f, "Command({})", argv.first().map_or("", String::as_str))
            }
            Self::Keyring { service, user } => write!(f, "Keyring({service:?}, {user:?})"),
            Self::Pass { entry, field } => write!(f, "Pass({entry:?}, {field:?})"),
            Self::OnePassword(reference) => write!(f, "OnePassword({reference:?})"),
            Self::Bitwarden { item, field } => write!(f, "Bitwarden({item:?}, {field:?})"),
            Self::HashiCorp { path, field } => write!(f, "HashiCorp({path:?}, {field:?})"),
            Self::Sealed(name) => write!(f, "Sealed({name:?})"),
        }
    }
}

/// The table that names a source, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSource {
    env: Option<String>,
    file: Option<String>,
    command: Option<Vec<String>>,
    keyring: Option<String>,
    user: Option<String>,
    pass: Option<String>,
    op: Option<String>,
    bitwarden: Option<String>,
    vault: Option<String>,
    field: Option<String>,
    sealed: Option<String>,
}

impl Described for RawSource {
    const EXPECTED: &'static str =
        "text or a table that says where it comes from; { env = \"WIKI_PASSWORD\" }";
}

/// What is wrong with a source, and the way out.
pub(crate) type Wrong = (&'static str, String);

const WAYS: &str = "write one of { env = \"NAME\" }, { file = \"path\" }, { command = [\"program\", \"argument\"] }, { keyring = \"service\", user = \"name\" }, { pass = \"entry\" }, { op = \"op://vault/item/field\" }, { bitwarden = \"item\" }, { vault = \"secret/data/name\", field = \"password\" }, { sealed = \"name\" }";
const KEYRING: &str = "write { keyring = \"service\", user = \"name\" }";
const VAULT: &str = "write { vault = \"secret/data/wiki\", field = \"password\" }, the path as the API has it (KV 2 has /data/ in it)";

impl RawSource {
    /// The table `{ KIND = NAME, field = FIELD }`; the kinds are those that one word names.
    pub(crate) fn of(kind: &str, name: &str, field: Option<&str>) -> Self {
        let of = |this: &str| (kind == this).then(|| name.to_owned());
        Self {
            env: None,
            file: None,
            command: None,
            keyring: None,
            user: None,
            pass: of("pass"),
            op: of("op"),
            bitwarden: of("bitwarden"),
            vault: of("vault"),
            field: field.map(str::to_owned),
            sealed: of("sealed"),
        }
    }

    /// The source that this names.
    pub(crate) fn check(&self) -> Result<Source, Wrong> {
        let given = [
            self.env.is_some(),
            self.file.is_some(),
            self.command.is_some(),
            self.keyring.is_some(),
            self.pass.is_some(),
            self.op.is_some(),
            self.bitwarden.is_some(),
            self.vault.is_some(),
            self.sealed.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            let message = match given.contains(&true) {
                true => "a secret has one source, here are several",
                false => "this says of no source where to look",
            };
            return wrong(message, WAYS);
        }
        if self.user.is_some() != self.keyring.is_some() {
            return wrong(
                "\"keyring\" and \"user\" go together, and with nothing else",
                KEYRING,
            );
        }
        let has_fields = self.pass.is_some() || self.bitwarden.is_some() || self.vault.is_some();
        if self.field.is_some() && !has_fields {
            return wrong(
                "\"field\" goes with \"pass\", \"bitwarden\" or \"vault\", and with nothing else",
                "remove it",
            );
        }
        if let Some(name) = &self.env {
            return env(name);
        }
        if let Some(path) = &self.file {
            return file(path);
        }
        if let Some(argv) = &self.command {
            if argv.first().is_none_or(String::is_empty) || argv.iter().any(|text| nul(text)) {
                return wrong(
                    "\"command\" names no program",
                    "write the program and its arguments: { command = [\"pass\", \"show\", \"wiki\"] }",
                );
            }
            return Ok(Source::Command(argv.clone()));
        }
        if let Some(entry) = &self.pass {
            let field = self.field.clone();
            if !names_something(entry) || field.as_ref().is_some_and(|field| field.is_empty()) {
                return wrong(
                    "\"pass\" does not name an entry",
                    "write { pass = \"web/wiki\" }, and field = \"user\" with it for the line that begins with user:",
                );
            }
            return Ok(Source::Pass {
                entry: entry.clone(),
                field,
            });
        }
        if let Some(reference) = &self.op {
            let parts = reference.strip_prefix("op://").map(|rest| rest.split('/'));
            if nul(reference)
                || !parts.is_some_and(|mut it| {
                    it.clone().count() >= 3 && it.all(|part| !part.is_empty())
                })
            {
                return wrong(
                    "\"op\" is not a secret reference of 1Password",
                    "write { op = \"op://vault/item/field\" }",
                );
            }
            return Ok(Source::OnePassword(reference.clone()));
        }
        if let Some(item) = &self.bitwarden {
            let field = match self.field.as_deref() {
                None | Some("password") => BitwardenField::Password,
                Some("username") => BitwardenField::Username,
                Some("totp") => BitwardenField::Totp,
                Some(_) => {
                    return wrong(
                        "this is not a field of a Bitwarden login",
                        "write field = \"password\", \"username\" or \"totp\"",
                    );
                }
            };
            if !names_something(item) {
                return wrong(
                    "\"bitwarden\" does not name an item",
                    "write { bitwarden = \"wiki\", field = \"password\" }",
                );
            }
            return Ok(Source::Bitwarden {
                item: item.clone(),
                field,
            });
        }
        if let Some(path) = &self.vault {
            let path = path.trim_matches('/');
            let path = path.strip_prefix("v1/").unwrap_or(path).to_owned();
            let field = self.field.clone().unwrap_or_default();
            // The path becomes part of a URL, as it stands.
            let odd = |c: char| c.is_control() || matches!(c, '?' | '#' | '\\' | '%');
            if path.contains(odd)
                || path.split('/').any(|part| matches!(part, "" | "." | ".."))
                || !path.contains('/')
            {
                return wrong("\"vault\" does not name a secret", VAULT);
            }
            if field.is_empty() {
                return wrong("\"vault\" needs the name of a field", VAULT);
            }
            return Ok(Source::HashiCorp { path, field });
        }
        if let Some(name) = &self.sealed {
            if let Err(why) = sealed_name(name) {
                return Err(("\"sealed\" does not name a secret", why));
            }
            return Ok(Source::Sealed(name.clone()));
        }
        let (service, user) = (self.keyring.clone(), self.user.clone());
        let (service, user) = (service.unwrap_or_default(), user.unwrap_or_default());
        if service.is_empty() || user.is_empty() {
            return wrong("\"keyring\" and \"user\" must not be empty", KEYRING);
        }
        Ok(Source::Keyring { service, user })
    }
}

fn wrong(message: &'static str, help: impl Into<String>) -> Result<Source, Wrong> {
    Err((message, help.into()))
}

fn nul(text: &str) -> bool {
    text.contains('\0')
}

/// Whether this may be an argument of a program without being taken for one of its options.
fn names_something(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !nul(text)
}

/// Whether this may be the name of a secret in the sealed file; otherwise what it may be.
pub(crate) fn sealed_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match !name.is_empty() && name.len() <= 100 && name.chars().all(allowed) && !name.starts_with('-') {
        true => Ok(()),
        false => Err("a name has 1 to 100 of a to z, A to Z, 0 to 9, '-', '_', '.' and '/', and does not begin with '-'".to_owned()),
    }
}

fn env(name: &str) -> Result<Source, Wrong> {
    if name.is_empty() || name.contains('=') || nul(name) {
        return wrong(
            "\"env\" does not name an environment variable",
            "write its name alone, without $ and =",
        );
    }
    if let Some(bare) = name.strip_prefix('$') {
        let help = format!("write {{ env = \"{}\" }}", bare.trim_matches(['{', '}']));
        return wrong("\"env\" is the name of a variable, without $", help);
    }
    Ok(Source::Env(name.to_owned()))
}

fn file(path: &str) -> Result<Source, Wrong> {
    if path.is_empty() || nul(path) {
        return wrong(
            "\"file\" does not name a file",
            "write { file = \"secrets/wiki\" }",
        );
    }
    if path.starts_with('~') {
        let help = "write the whole path, or one relative to the folder of config.toml";
        return wrong("\"~\" is known to shells only", help);
    }
    Ok(Source::File(PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn check(text: &str) -> Result<Source, String> {
        let document = Document::parse("x".as_ref(), text).unwrap();
        let raw: RawSource = document.shape().map_err(|error| error.to_string())?;
        raw.check()
            .map_err(|(message, help)| format!("{message}; {help}"))
    }

    #[test]
    fn every_source_is_read() {
        let all = [
            "env = 'A'",
            "file = 'secrets/wiki'",
            "command = ['cat', 'x']",
            "keyring = 'wiki'\nuser = 'bob'",
            "pass = 'web/wiki'",
            "pass = 'web/wiki'\nfield = 'user'",
            "op = 'op://Team/Wiki/password'",
            "op = 'op://Team/Wiki/section/one-time password?attribute=otp'",
            "bitwarden = 'wiki'",
            "bitwarden = 'wiki'\nfield = 'totp'",
            "vault = '/v1/secret/data/wiki'\nfield = 'password'",
            "sealed = 'web/wiki'",
        ]
        .map(|text| format!("{:?}", check(text).unwrap()));
        insta::assert_snapshot!(all.join("\n"), @r##"
        Env("A")
        File("secrets/wiki")
        Command(cat)
        Keyring("wiki", "bob")
        Pass("web/wiki", None)
        Pass("web/wiki", Some("user"))
        OnePassword("op://Team/Wiki/password")
        OnePassword("op://Team/Wiki/section/one-time password?attribute=otp")
        Bitwarden("wiki", Password)
        Bitwarden("wiki", Totp)
        HashiCorp("secret/data/wiki", "password")
        Sealed("web/wiki")
        "##);
    }

    #[test]
    fn a_source_that_names_nothing_is_refused() {
        let all = [
            "pass = ''",
            "pass = '--version'",
            "pass = 'wiki'\nfield = ''",
            "pass = 'wiki'\nop = 'op://a/b/c'",
            "op = 'Team/Wiki/password'",
            "op = 'op://Team/Wiki'",
            "bitwarden = '-x'",
            "bitwarden = 'wiki'\nfield = 'notes'",
            "vault = 'secret/data/wiki'",
            "vault = 'wiki'\nfield = 'password'",
            "vault = 'secret/../sys/seal'\nfield = 'password'",
            "vault = 'secret/data/wiki?version=2'\nfield = 'password'",
            "sealed = 'a b'",
            "env = 'A'\nfield = 'b'",
        ]
        .map(|text| check(text).unwrap_err());
        insta::assert_snapshot!(all.join("\n"), @r##"
        "pass" does not name an entry; write { pass = "web/wiki" }, and field = "user" with it for the line that begins with user:
        "pass" does not name an entry; write { pass = "web/wiki" }, and field = "user" with it for the line that begins with user:
        "pass" does not name an entry; write { pass = "web/wiki" }, and field = "user" with it for the line that begins with user:
        a secret has one source, here are several; write one of { env = "NAME" }, { file = "path" }, { command = ["program", "argument"] }, { keyring = "service", user = "name" }, { pass = "entry" }, { op = "op://vault/item/field" }, { bitwarden = "item" }, { vault = "secret/data/name", field = "password" }, { sealed = "name" }
        "op" is not a secret reference of 1Password; write { op = "op://vault/item/field" }
        "op" is not a secret reference of 1Password; write { op = "op://vault/item/field" }
        "bitwarden" does not name an item; write { bitwarden = "wiki", field = "password" }
        this is not a field of a Bitwarden login; write field = "password", "username" or "totp"
        "vault" needs the name of a field; write { vault = "secret/data/wiki", field = "password" }, the path as the API has it (KV 2 has /data/ in it)
        "vault" does not name a secret; write { vault = "secret/data/wiki", field = "password" }, the path as the API has it (KV 2 has /data/ in it)
        "vault" does not name a secret; write { vault = "secret/data/wiki", field = "password" }, the path as the API has it (KV 2 has /data/ in it)
        "vault" does not name a secret; write { vault = "secret/data/wiki", field = "password" }, the path as the API has it (KV 2 has /data/ in it)
        "sealed" does not name a secret; a name has 1 to 100 of a to z, A to Z, 0 to 9, '-', '_', '.' and '/', and does not begin with '-'
        "field" goes with "pass", "bitwarden" or "vault", and with nothing else; remove it
        "##);
    }
}
