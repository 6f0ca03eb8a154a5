//! From plain to sealed and back, where a recipe changes its mind; and passkeys, which are always sealed.

use zeroize::Zeroizing;

use super::error::{FilesError, io};
use super::files::{Files, SEALED, opened, place, short};
use super::lease::Lease;
use crate::ids::{Combination, SessionKey, SiteName};
use crate::seal::Seal;

impl Lease {
    /// The account's own session.
    fn key(&self) -> SessionKey {
        SessionKey {
            site: self.site.clone(),
            account: self.account.clone(),
            within: None,
        }
    }
}

impl Files {
    /// Whether there is a sealed state of this account.
    ///
    /// # Errors
    /// The folder cannot be looked at.
    pub fn has_sealed(&self, key: &SessionKey) -> Result<bool, FilesError> {
        let (_, name) = place(&whole(key));
        Ok(self.root()?.modified(&(name + SEALED))?.is_some())
    }

    /// Seals what is kept in plain of the lease's account, and removes all of that: its state, the generation before, what
    /// was set aside, and the files of combinations that its session went into.
    ///
    /// # Errors
    /// Something cannot be written or removed; a plain state is only removed when its sealed one is on the disk.
    pub fn seal_plain(&self, lease: &Lease) -> Result<(), FilesError> {
        self.guard(lease)?;
        let key = lease.key();
        let plain = self.plain();
        let (_, name) = place(&key);
        if !self.has_sealed(&key)? {
            match plain.load(&key) {
                Ok(Some(state)) => self.write(lease, &key, &state)?,
                // A damaged one is worth nothing, sealed or not.
                Ok(None) | Err(FilesError::Corrupt { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        self.forget(&name)?;
        self.forget_exports()?;
        if lease.account.is_none() {
            for combined in self.combined(&lease.site)? {
                self.forget(&combined)?;
            }
            let sessions = self.ours("sessions")?;
            let own = format!("{}@", lease.site);
            for name in sessions
                .names()?
                .iter()
                .filter(|name| name.starts_with(&own))
            {
                sessions.remove(name)?;
                self.forget(name)?;
            }
        }
        Ok(())
    }

    /// Makes plain what is kept sealed of the lease's account, and removes the sealed files. This has the key.
    ///
    /// # Errors
    /// Another key sealed it, or something cannot be written or removed; then the sealed file stays.
    pub fn unseal(&self, lease: &Lease) -> Result<(), FilesError> {
        self.guard(lease)?;
        let key = lease.key();
        let plain = self.plain();
        let (_, name) = place(&key);
        if plain.root()?.modified(&name)?.is_none()
            && let Some(state) = self.load(&key)?
        {
            plain.write(lease, &key, &state)?;
        }
        self.forget(&(name + SEALED))
    }

    /// Removes everything that is kept of a session's state, plain or sealed: the state, the generation before, what was set
    /// aside, and the files of the combinations that it went into.
    ///
    /// # Errors
    /// Something cannot be removed, or the lease is on another account.
    pub fn forget_state(&self, lease: &Lease, key: &SessionKey) -> Result<(), FilesError> {
        lease.check(key)?;
        self.guard(lease)?;
        self.forget_exports()?;
        let (sub, name) = place(key);
        if let Some(sub) = sub {
            self.ours(sub)?.remove(&name)?;
        }
        self.forget(&name)?;
        self.forget(&(name + SEALED))?;
        let combined = match (&key.within, &key.account) {
            (Some(within), _) => vec![format!("{within}_state.json")],
            (None, None) => self.combined(&key.site)?,
            (None, Some(_)) => Vec::new(),
        };
        combined.iter().try_for_each(|name| self.forget(name))
    }

    /// Removes a state, the generation before, and what was set aside of it.
    fn forget(&self, name: &str) -> Result<(), FilesError> {
        self.root()?.remove(name)?;
        let kept = short(name.to_owned());
        self.ours("previous")?.remove(&kept)?;
        let aside = self.ours("aside")?;
        let (of_this, of_sealed) = (format!("{kept}."), format!("{kept}{SEALED}."));
        for old in aside.names()? {
            if old.starts_with(&of_this) && !old.starts_with(&of_sealed) {
                aside.remove(&old)?;
            }
        }
        Ok(())
    }

    /// Names of the files of combinations that this site is part of.
    fn combined(&self, site: &SiteName) -> Result<Vec<String>, FilesError> {
        let mut names = self.root()?.names()?;
        names.extend(self.ours("previous")?.names()?);
        names.retain(|name| {
            let combination = name.strip_suffix("_state.json");
            combination
                .and_then(|it| it.parse::<Combination>().ok())
                .is_some_and(|it| it.sites().contains(site))
        });
        Ok(names)
    }

    /// Replaces the account's passkey.
    ///
    /// # Errors
    /// It cannot be written; the one before is untouched.
    pub fn write_passkey(
        &self,
        lease: &Lease,
        seal: &Seal,
        plain: &[u8],
    ) -> Result<(), FilesError> {
        self.guard(lease)?;
        let folder = self.ours("passkeys")?;
        let name = passkey_name(&lease.key());
        let sealed = seal
            .close(plain)
            .map_err(|source| io("sealing", &folder.at(&name), source))?;
        folder.replace(&name, &sealed, || Ok(()))
    }

    /// Whether the account has a passkey here.
    ///
    /// # Errors
    /// The folder cannot be looked at.
    pub fn has_passkey(&self, key: &SessionKey) -> Result<bool, FilesError> {
        let folder = self.ours("passkeys")?;
        Ok(folder.modified(&passkey_name(&whole(key)))?.is_some())
    }

    /// The account's passkey; `None` where it has none here.
    ///
    /// # Errors
    /// Another key sealed it, or it is damaged.
    pub fn read_passkey(
        &self,
        key: &SessionKey,
        seal: &Seal,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FilesError> {
        opened(seal, &self.ours("passkeys")?, &passkey_name(&whole(key)))
    }
}

/// The account's own session, which a passkey and a sealed state belong to.
fn whole(key: &SessionKey) -> SessionKey {
    SessionKey {
        within: None,
        ..key.clone()
    }
}

fn passkey_name(key: &SessionKey) -> String {
    format!("{}.json{SEALED}", short(key.to_string()))
}
