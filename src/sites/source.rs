//! Where a secret comes from, as one word of a command line and as TOML.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::recipe::Source;
use super::write::quoted;
use crate::source::RawSource;

/// How a source is written on a command line, for messages.
pub const WAYS: &str = "env:NAME, file:PATH, command:PROGRAM ARGUMENT…, keyring:SERVICE/USER, pass:ENTRY, op://VAULT/ITEM/FIELD, bitwarden:ITEM, vault:PATH#FIELD or sealed:NAME";

/// Reads `env:WIKI_PASSWORD`, `file:secrets/wiki`, `command:pass show wiki` or `keyring:SERVICE/USER`.
///
/// # Errors
/// What is wrong, and the ways there are. The text itself is not repeated: it may be the secret.
pub fn parse(text: &str) -> Result<Source, String> {
    let Some((kind, rest)) = text.split_once(':') else {
        return Err(format!(
            "this does not say where the secret comes from; write {WAYS}. The secret itself does not belong into arguments, \
             which other users of this machine and the shell's history see"
        ));
    };
    if rest.trim().is_empty() {
        return Err(format!("\"{kind}:\" says nothing more; write {WAYS}"));
    }
    match kind {
        "env" => Ok(Source::Env(rest.to_owned())),
        "file" => Ok(Source::File(PathBuf::from(rest))),
        "command" => match shlex::split(rest) {
            Some(argv) if !argv.is_empty() => Ok(Source::Command(argv)),
            _ => Err("\"command:\" has a quotation mark without its second".to_owned()),
        },
        "keyring" => match rest.rsplit_once('/') {
            Some((service, user)) if !service.is_empty() && !user.is_empty() => {
                let (service, user) = (service.to_owned(), user.to_owned());
                Ok(Source::Keyring { service, user })
            }
            _ => Err("\"keyring:\" wants SERVICE/USER".to_owned()),
        },
        "pass" | "op" | "bitwarden" | "vault" | "sealed" => {
            let (name, field) = match (kind, rest.rsplit_once('#')) {
                ("vault", Some((path, field))) => (path, Some(field)),
                _ => (rest, None),
            };
            let name = match kind {
                "op" => text,
                _ => name,
            };
            let wrong = |(message, help): (&str, String)| format!("{message}; {help}");
            RawSource::of(kind, name, field).check().map_err(wrong)
        }
        _ => Err(format!(
            "no source of secrets is known by the word before the first colon; write {WAYS}"
        )),
    }
}

/// How a source of codes that a site sends is written on a command line, for messages.
pub const CODE_WAYS: &str = "ask, maildir:PATH or command:PROGRAM ARGUMENT…";

/// Reads where codes and links that a site sends come from (`ask`, `maildir:/home/me/Maildir`, `command:my-codes wiki`), and
/// gives the recipe's value for it.
///
/// # Errors
/// What is wrong, and the ways there are.
pub fn code(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        None if text == "ask" => Ok(quoted(text)),
        Some(("maildir", path)) if !path.is_empty() => {
            Ok(format!("{{ maildir = {} }}", quoted(path)))
        }
        Some(("command", _)) => Ok(toml(&parse(text)?)),
        _ => Err(format!("this names no source of codes; write {CODE_WAYS}")),
    }
}

/// The source as a TOML value.
pub(super) fn toml(source: &Source) -> String {
    match source {
        Source::Literal(text) => quoted(text.expose_secret()),
        Source::Env(name) => format!("{{ env = {} }}", quoted(name)),
        Source::File(path) => format!("{{ file = {} }}", quoted(&path.to_string_lossy())),
        Source::Command(argv) => {
            let argv: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
            format!("{{ command = [{}] }}", argv.join(", "))
        }
        Source::Pass { entry, field } => {
            let field = field
                .as_ref()
                .map(|field| format!(", field = {}", quoted(field)));
            format!(
                "{{ pass = {}{} }}",
                quoted(entry),
                field.unwrap_or_default()
            )
        }
        Source::OnePassword(reference) => format!("{{ op = {} }}", quoted(reference)),
        Source::Bitwarden { item, field } => {
            let field = quoted(field.word());
            format!("{{ bitwarden = {}, field = {field} }}", quoted(item))
        }
        Source::HashiCorp { path, field } => {
            format!("{{ vault = {}, field = {} }}", quoted(path), quoted(field))
        }
        Source::Sealed(name) => format!("{{ sealed = {} }}", quoted(name)),
        Source::Keyring { service, user } => {
            format!(
                "{{ keyring = {}, user = {} }}",
                quoted(service),
                quoted(user)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_one_word_and_its_arguments_are_a_shells() {
        assert_eq!(parse("env:A_B").unwrap(), Source::Env("A_B".into()));
        assert_eq!(parse("file:a:b").unwrap(), Source::File("a:b".into()));
        let words = ["op", "read", "op://Private/my wiki/password"];
        let command = parse("command:op read 'op://Private/my wiki/password'").unwrap();
        assert_eq!(command, Source::Command(words.map(Into::into).to_vec()));
        let (service, user) = ("a/b".to_owned(), "c".to_owned());
        assert_eq!(
            parse("keyring:a/b/c").unwrap(),
            Source::Keyring { service, user }
        );
    }

    #[test]
    fn codes_that_a_site_sends_come_from_elsewhere() {
        for (text, toml) in [
            ("ask", r#""ask""#),
            ("maildir:/home/me/a:b", r#"{ maildir = "/home/me/a:b" }"#),
            (
                "command:my-codes 'the wiki'",
                r#"{ command = ["my-codes", "the wiki"] }"#,
            ),
        ] {
            assert_eq!(code(text).unwrap(), toml);
        }
        insta::assert_snapshot!(code("492039").unwrap_err(), @"this names no source of codes; write ask, maildir:PATH or command:PROGRAM ARGUMENT…");
    }

    #[test]
    fn password_managers_have_words_too() {
        let all = [
            "pass:web/wiki",
            "op://Private/my wiki/password",
            "bitwarden:wiki",
            "vault:secret/data/wiki#password",
            "sealed:wiki",
        ]
        .map(|text| toml(&parse(text).unwrap()));
        insta::assert_snapshot!(all.join("\n"), @r##"
        { pass = "web/wiki" }
        { op = "op://Private/my wiki/password" }
        { bitwarden = "wiki", field = "password" }
        { vault = "secret/data/wiki", field = "password" }
        { sealed = "wiki" }
        "##);
    }

    #[test]
    fn a_password_in_its_place_is_refused_and_not_repeated() {
        for text in [
            "hunter2",
            "hunter2:x",
            "env:",
            "command:a 'hunter2",
            "keyring:hunter2",
        ] {
            let said = parse(text).unwrap_err();
            assert!(!said.contains("hunter2"), "{said}");
        }
        insta::assert_snapshot!(parse("hunter2").unwrap_err(), @"this does not say where the secret comes from; write env:NAME, file:PATH, command:PROGRAM ARGUMENT…, keyring:SERVICE/USER, pass:ENTRY, op://VAULT/ITEM/FIELD, bitwarden:ITEM, vault:PATH#FIELD or sealed:NAME. The secret itself does not belong into arguments, which other users of this machine and the shell's history see");
        insta::assert_snapshot!(parse("vaultt:x").unwrap_err(), @"no source of secrets is known by the word before the first colon; write env:NAME, file:PATH, command:PROGRAM ARGUMENT…, keyring:SERVICE/USER, pass:ENTRY, op://VAULT/ITEM/FIELD, bitwarden:ITEM, vault:PATH#FIELD or sealed:NAME");
    }
}
