//! Permission words.

use std::fmt;
use std::str::FromStr;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $told:literal;)*) => {
        /// One permission word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope { $($(#[$doc])* $name,)* }

        impl Scope {
            /// Every scope, in the order in which people are shown them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its word on the wire.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it allows, for the person who is asked.
            pub fn told(self) -> &'static str {
                match self { $(Self::$name => $told,)* }
            }
        }
    };
}

scopes! {
    /// Everything that looks and changes nothing.
    Read = "read", "See everything: sessions with their cookies, your profile, your memory and your registrations";
    /// Everything that an agent changes.
    Write = "write", "Change everything: sessions, your memory and your registrations";
    /// The caller's profile.
    Profile = "profile", "See your name and profile";
    /// Changes the caller's profile, exports and deletes what is kept about it.
    ProfileWrite = "profile:write", "Change your profile, take out everything that is kept about you, and delete it";
    /// The caller's address.
    Email = "email", "See your e-mail address";
    /// Sites, sessions, their condition, their cookies.
    SessionsRead = "sessions:read", "See the sites and their sessions, and load the sessions with their cookies";
    /// Asks for a renewal, hands in a code.
    SessionsRenew = "sessions:renew", "Have sessions renewed: Jarkeeper logs in with the passwords that it was given";
    /// Takes an account for a time.
    SessionsLease = "sessions:lease", "Take an account of a site for itself for some time";
    /// Brings, holds, releases, deletes.
    SessionsWrite = "sessions:write", "Bring, hold, release and delete sessions";
    /// Cookie values in the answers of tools that a model reads.
    SessionsReveal = "sessions:reveal", "Show cookie values to a language model, instead of the path of a file";
    /// Searches and lists memories.
    MemoryRead = "memory:read", "Search and read your memory";
    /// Adds, changes and deletes memories.
    MemoryWrite = "memory:write", "Add to your memory, change it and delete from it";
    /// Reads registrations.
    RegistryRead = "registry:read", "See your registered uploads";
    /// Registers, rotates, unregisters.
    RegistryWrite = "registry:write", "Register, change and unregister uploads in your name";
    /// Keys, people, clients, webhooks, the audit log.
    Admin = "admin", "Manage keys, people and webhooks, and read the audit log";
}

impl Scope {
    /// What a broad word stands for, itself included.
    fn means(self) -> &'static [Self] {
        use Scope::*;
        match self {
            Read => &[Read, Profile, SessionsRead, MemoryRead, RegistryRead],
            Write => &[
                Write,
                SessionsRenew,
                SessionsLease,
                SessionsWrite,
                MemoryWrite,
                RegistryWrite,
            ],
            Profile => &[Profile],
            ProfileWrite => &[ProfileWrite],
            Email => &[Email],
            SessionsRead => &[SessionsRead],
            SessionsRenew => &[SessionsRenew],
            SessionsLease => &[SessionsLease],
            SessionsWrite => &[SessionsWrite],
            SessionsReveal => &[SessionsReveal],
            MemoryRead => &[MemoryRead],
            MemoryWrite => &[MemoryWrite],
            RegistryRead => &[RegistryRead],
            RegistryWrite => &[RegistryWrite],
            Admin => &[Admin],
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope {0:?}")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.iter().find(|scope| scope.word() == word);
        found
            .copied()
            .ok_or_else(|| UnknownScope(word.chars().take(40).collect()))
    }
}

/// A set of scopes. Shape as text: words between spaces (RFC 6749 section 3.3); empty allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Every scope: the owner at the machine.
    pub fn all() -> Self {
        Self(Scope::ALL.to_vec())
    }

    /// Kept scopes. What an older version wrote and this one does not know allows nothing.
    pub(crate) fn kept(words: &str) -> Self {
        let words = words.split(' ');
        words.filter_map(|word| word.parse().ok()).collect()
    }

    /// Whether the set allows it, by itself or by a broader word.
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.iter().any(|own| own.means().contains(&scope))
    }

    /// The words that both sets allow.
    pub fn within(&self, limit: &Self) -> Self {
        Self(
            Scope::ALL
                .iter()
                .copied()
                .filter(|scope| {
                    scope.means().iter().all(|part| limit.allow(*part)) && self.allow(*scope)
                })
                .collect(),
        )
    }

    /// Whether everything that this set allows, `limit` allows too.
    pub fn are_within(&self, limit: &Self) -> bool {
        let mut parts = self.0.iter().flat_map(|scope| scope.means());
        parts.all(|part| limit.allow(*part))
    }

    /// Whether it allows nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        text.split_whitespace().map(str::parse).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            let space = if i > 0 { " " } else { "" };
            write!(f, "{space}{scope}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Scopes {
        text.parse().unwrap()
    }

    #[test]
    fn a_broad_word_allows_what_it_stands_for_and_nothing_else() {
        assert!(of("read").allow(Scope::SessionsRead));
        assert!(!of("read").allow(Scope::SessionsReveal));
        assert!(!of("read").allow(Scope::Email));
        assert!(!of("write").allow(Scope::SessionsRead));
        assert!(!of("read write").allow(Scope::Admin));
        assert!(!of("").allow(Scope::Read));
        assert!("reads".parse::<Scopes>().is_err());
    }

    #[test]
    fn what_is_granted_never_exceeds_the_limit() {
        assert_eq!(of("read").within(&of("sessions:read")), of("sessions:read"));
        assert_eq!(
            of("sessions:read admin").within(&of("read")),
            of("sessions:read")
        );
        assert!(!of("read").are_within(&of("sessions:read memory:read")));
        assert!(of("sessions:read").are_within(&of("read")));
    }
}
