//! People: who may come, who they are, and what can at most be given to them.

use chrono::{DateTime, Utc};

use super::oidc::{Claims, GOOGLE, SignInError};
use super::{Identity, IdentityError, PersonId, Principal, Reach, Scope, Scopes, key};
use crate::config::Allowed;
use crate::store::{AccountRow, PersonRow, PersonUpdate, StoreError};

const OWNER: &str = "owner";
const MEMBER: &str = "member";

/// What a member may who just came: everything of its own, and no session.
const MEMBERS: [Scope; 7] = [
    Scope::Profile,
    Scope::ProfileWrite,
    Scope::Email,
    Scope::MemoryRead,
    Scope::MemoryWrite,
    Scope::RegistryRead,
    Scope::RegistryWrite,
];

/// A person.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Its id.
    pub id: PersonId,
    /// Whether it owns this machine's daemon, and so may do everything.
    pub owner: bool,
    /// What people call it.
    pub name: Option<String>,
    /// Its address, where the provider has verified it.
    pub email: Option<String>,
    /// What keys and tokens of it can at most do.
    pub scopes: Scopes,
    /// With which sessions.
    pub reach: Reach,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last signed in.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Since when it may not come any more.
    pub disabled_at: Option<DateTime<Utc>>,
    /// By which accounts at providers it is known.
    pub accounts: Vec<AccountRow>,
}

/// What shall become of a person; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct PersonChange {
    /// What people call it.
    pub name: Option<String>,
    /// What keys and tokens of it can at most do.
    pub scopes: Option<Scopes>,
    /// With which sessions.
    pub reach: Option<Reach>,
    /// Whether it may not come any more.
    pub disabled: Option<bool>,
}

impl Identity {
    /// What can at most be granted to a key or a token of this person.
    ///
    /// # Errors
    /// `Invalid` where the person is not there any more, or may not come any more.
    pub fn limits(&self, person: &PersonId) -> Result<(Scopes, Reach), IdentityError> {
        // The owner can be neither disabled nor limited: no need to look.
        if *person == PersonId::owner() {
            return Ok((Scopes::all(), Reach::All));
        }
        let gone =
            IdentityError::Invalid("the person behind these credentials is not known any more");
        let row = self.store.person(person.as_str())?.ok_or(gone)?;
        if row.disabled_at.is_some() {
            return Err(IdentityError::Invalid(
                "the person behind these credentials may not come any more",
            ));
        }
        Ok(limits(&row))
    }

    /// The principal with no more than its person may have now.
    pub(super) fn limited(&self, mut principal: Principal) -> Result<Principal, IdentityError> {
        let (scopes, reach) = self.limits(&principal.person)?;
        principal.scopes = principal.scopes.within(&scopes);
        principal.reach = principal.reach.within(&reach);
        Ok(principal)
    }

    /// Everybody in the order in which they came, but for those who were only made for an instance.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn people(&self) -> Result<Vec<Person>, IdentityError> {
        let rows = self.store.people()?;
        let people = rows.into_iter().map(|row| self.read(row));
        Ok(people.collect::<Result<_, _>>()?)
    }

    /// The newest thousand of those who were only made for an instance, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn bare_people(&self) -> Result<Vec<Person>, IdentityError> {
        let rows = self.store.bare_people()?;
        let people = rows.into_iter().map(|row| self.read(row));
        Ok(people.collect::<Result<_, _>>()?)
    }

    /// One person.
    ///
    /// # Errors
    /// `Unknown` where there is none.
    pub fn person(&self, id: &str) -> Result<Person, IdentityError> {
        let row = self.store.person(id)?.ok_or_else(|| unknown(id))?;
        Ok(self.read(row)?)
    }

    /// Changes a person, in the name of a principal, which cannot give away more than it has.
    ///
    /// # Errors
    /// `Refused` for what would limit the owner, for a person who may more than the principal, or for giving more than it
    /// may; `Unknown`.
    pub async fn change_person(
        &self,
        by: &Principal,
        id: &str,
        change: PersonChange,
    ) -> Result<Person, IdentityError> {
        let row = self.store.person(id)?.ok_or_else(|| unknown(id))?;
        may_touch(by, &row)?;
        let limits = change.scopes.is_some() || change.reach.is_some() || change.disabled.is_some();
        if row.role == OWNER && limits {
            return refused("the owner may do everything on this machine, and cannot be limited");
        }
        let more = |scopes: &Scopes| !scopes.are_within(&by.scopes);
        let further = |reach: &Reach| !reach.is_within(&by.reach);
        if change.scopes.as_ref().is_some_and(more) || change.reach.as_ref().is_some_and(further) {
            return refused("nobody can be given more than who gives it may");
        }
        let update = PersonUpdate {
            name: change.name,
            scopes: change.scopes.map(|scopes| scopes.to_string()),
            reach: change.reach.map(|reach| reach.words()),
            disabled: change.disabled,
        };
        let update = self
            .store
            .update_person(id.to_owned(), update, (self.clock)());
        match update.await? {
            true => self.person(id),
            false => Err(unknown(id)),
        }
    }

    /// The person that a principal may delete.
    ///
    /// # Errors
    /// `Refused` for the owner, and for a person who may more than the principal; `Unknown`.
    pub fn deletable(&self, by: &Principal, id: &str) -> Result<PersonId, IdentityError> {
        if *id == *PersonId::owner().as_str() {
            return refused("the owner cannot be deleted");
        }
        let row = self.store.person(id)?.ok_or_else(|| unknown(id))?;
        may_touch(by, &row)?;
        Ok(PersonId::kept(row.id))
    }

    /// Forgets by which accounts at providers a person is known, ends its visits, and revokes what it allowed clients. Of the
    /// owner's: who signs in next on this machine becomes it, as at the first time.
    ///
    /// # Errors
    /// `Refused` for a person who may more than the principal, and for one who may not come any more: its account would let
    /// it in as somebody new. `Unknown` where there is no such person.
    pub async fn unlink_person(&self, by: &Principal, id: &str) -> Result<(), IdentityError> {
        let row = self.store.person(id)?.ok_or_else(|| unknown(id))?;
        may_touch(by, &row)?;
        let now = (self.clock)();
        match self.store.unlink_person(id.to_owned(), now).await? {
            true => Ok(()),
            false => refused(
                "this person is disabled, and its account would let it in as somebody new; enable it first",
            ),
        }
    }

    /// Who signs in with this account; a new person where the rules let one in. `here`: the browser is on this machine.
    pub(super) async fn arrive(
        &self,
        claims: Claims,
        allow: &[Allowed],
        here: bool,
    ) -> Result<PersonId, IdentityError> {
        let now = (self.clock)();
        let account = AccountRow {
            issuer: claims.issuer.clone(),
            subject: claims.subject.clone(),
        };
        let invited = invited(&claims, allow);
        if let Some(row) = self.store.person_by_account(&account)? {
            return self.come_back(row, claims, invited, now).await;
        }
        // Whoever comes from elsewhere, an address of the list or not, is not made the owner of this machine.
        if here && (invited || allow.is_empty()) {
            let owner = PersonId::owner();
            let link = self
                .store
                .link_first(owner.to_string(), account.clone(), now);
            if link.await? {
                tracing::warn!(
                    issuer = claims.issuer,
                    "the first sign-in on this machine makes the owner"
                );
                let seen =
                    self.store
                        .seen_person(owner.to_string(), claims.name, claims.email, now);
                seen.await?;
                return Ok(owner);
            }
        }
        if !invited {
            return Err(stranger(&claims).into());
        }
        let row = PersonRow {
            name: claims.name.clone(),
            email: claims.email.clone(),
            last_seen_at: Some(now),
            ..bare_member(now, &MEMBERS)?
        };
        let id = PersonId::kept(row.id.clone());
        match self.store.insert_person(row, account.clone()).await {
            Ok(()) => Ok(id),
            // The same person, in another tab, at the same moment.
            Err(error) if error.is_taken() => match self.store.person_by_account(&account)? {
                Some(row) => self.come_back(row, claims, invited, now).await,
                None => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn come_back(
        &self,
        row: PersonRow,
        claims: Claims,
        invited: bool,
        now: DateTime<Utc>,
    ) -> Result<PersonId, IdentityError> {
        if row.disabled_at.is_some() {
            let message = "the owner does not let you in any more".to_owned();
            return Err(SignInError::Refused(message).into());
        }
        if row.role != OWNER && !invited {
            return Err(stranger(&claims).into());
        }
        let seen = self
            .store
            .seen_person(row.id.clone(), claims.name, claims.email, now);
        seen.await?;
        Ok(PersonId::kept(row.id))
    }

    /// The person of an account, where it may come; nobody is made.
    pub(super) fn known(
        &self,
        claims: &Claims,
        allow: &[Allowed],
    ) -> Result<Person, IdentityError> {
        let account = AccountRow {
            issuer: claims.issuer.clone(),
            subject: claims.subject.clone(),
        };
        let never = IdentityError::Invalid(
            "this person has never signed in here; open /sign-in in a browser first",
        );
        let row = self.store.person_by_account(&account)?.ok_or(never)?;
        // An id_token need not name an address: the one of the last sign-in counts.
        let kept = Claims {
            email: row.email.clone(),
            ..claims.clone()
        };
        if row.role != OWNER && !invited(&kept, allow) {
            return Err(stranger(&kept).into());
        }
        Ok(self.read(row)?)
    }

    fn read(&self, row: PersonRow) -> Result<Person, StoreError> {
        let accounts = self.store.accounts(&row.id)?;
        let (scopes, reach) = limits(&row);
        Ok(Person {
            id: PersonId::kept(row.id),
            owner: row.role == OWNER,
            name: row.name,
            email: row.email,
            scopes,
            reach,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            disabled_at: row.disabled_at,
            accounts,
        })
    }
}

/// A new member of whom nothing is known, and what it may.
pub(super) fn bare_member(
    now: DateTime<Utc>,
    scopes: &[Scope],
) -> Result<PersonRow, IdentityError> {
    Ok(PersonRow {
        id: key::id()?,
        role: MEMBER.to_owned(),
        name: None,
        email: None,
        scopes: Some(Scopes::from_iter(scopes.iter().copied()).to_string()),
        reach: Some(Vec::new()),
        created_at: now,
        last_seen_at: None,
        disabled_at: None,
    })
}

fn limits(row: &PersonRow) -> (Scopes, Reach) {
    if row.role == OWNER {
        return (Scopes::all(), Reach::All);
    }
    // What an older version wrote and this one does not know allows nothing.
    let words = row.scopes.as_deref().unwrap_or_default().split(' ');
    let scopes = words.filter_map(|word| word.parse().ok()).collect();
    let reach = Reach::of(row.reach.as_deref()).unwrap_or(Reach::Only(Vec::new()));
    (scopes, reach)
}

/// Whether a principal may change this person: nobody touches who may more, and only all of the owner touches the owner.
fn may_touch(by: &Principal, row: &PersonRow) -> Result<(), IdentityError> {
    let (scopes, reach) = limits(row);
    let within = scopes.are_within(&by.scopes) && reach.is_within(&by.reach);
    let whole = by.person == PersonId::owner() && by.memory_of.is_none();
    if !within || (row.role == OWNER && !whole) {
        return refused("this person may more than these credentials allow");
    }
    Ok(())
}

fn unknown(id: &str) -> IdentityError {
    IdentityError::Unknown {
        what: "person",
        name: id.chars().take(40).collect(),
    }
}

fn refused<T>(message: &str) -> Result<T, IdentityError> {
    Err(IdentityError::Refused(message.to_owned()))
}

fn stranger(claims: &Claims) -> SignInError {
    SignInError::Refused(match &claims.email {
        Some(email) => format!("{email} is not among those who may sign in here"),
        None => {
            "only a verified e-mail address lets in here, and the provider names none".to_owned()
        }
    })
}

/// Whether an account is among those who may come.
fn invited(claims: &Claims, allow: &[Allowed]) -> bool {
    let Some((address, domain)) = claims.email.as_deref().and_then(address) else {
        return false;
    };
    // Google lets anybody have an account under a foreign address; only `hd` says that the domain's owner gave it.
    let foreign = claims.issuer == GOOGLE
        && domain != "gmail.com"
        && claims.hosted_domain.as_deref() != Some(domain.as_str());
    allow.iter().any(|allowed| match allowed {
        Allowed::Address(one) => *one == address,
        Allowed::Domain(one) => *one == domain && !foreign,
    })
}

/// An address, ASCII letters in lower case, and its domain; `None` where it could mean two things.
fn address(email: &str) -> Option<(String, String)> {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    let (local, domain) = email.split_once('@')?;
    let plain = !local.is_empty() && !domain.is_empty() && !domain.contains('@');
    // Only ASCII is lowered: a letter of another script that lowers to `k` is another letter.
    (plain && !email.contains(odd))
        .then(|| (email.to_ascii_lowercase(), domain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(issuer: &str, email: &str, hosted: Option<&str>) -> bool {
        let claims = Claims {
            issuer: issuer.to_owned(),
            subject: "1".to_owned(),
            name: None,
            email: Some(email.to_owned()),
            hosted_domain: hosted.map(str::to_owned),
        };
        let allow = [
            Allowed::Address("ada@example.org".to_owned()),
            Allowed::Domain("corp.example".to_owned()),
        ];
        invited(&claims, &allow)
    }

    #[test]
    fn an_address_counts_as_a_whole_and_a_domain_alone() {
        let other = "https://login.example";
        for good in [
            "ada@example.org",
            "Ada@Example.ORG",
            "x@corp.example",
            "x+y@CORP.example",
        ] {
            assert!(may(other, good, None), "{good}");
        }
        for bad in [
            "",
            "@",
            "ada",
            "ada@",
            "@corp.example",
            "@example.org",
            "ada@example.org.evil",
            "ada@evil-example.org",
            "eda@example.org",
            "x@sub.corp.example",
            "x@corp.example.evil",
            "x@evilcorp.example",
            "x@corp.example.",
            "a@evil@corp.example",
            "\"a@evil\"@corp.example",
            "a@corp.example@evil",
            "a@corp.example\n",
            " a@corp.example",
            "a@corp.example\0",
            "a b@corp.example",
            "x@cor\u{440}.example",
            "x@corp\u{ff0e}example",
            "ada@example.or\u{261}",
            "x\u{200b}@corp.example ",
            "corp.example",
        ] {
            assert!(!may(other, bad, None), "{bad}");
        }
    }

    #[test]
    fn of_google_a_domain_counts_only_where_it_hosts_the_account() {
        assert!(may(GOOGLE, "x@corp.example", Some("corp.example")));
        assert!(!may(GOOGLE, "x@corp.example", None));
        assert!(!may(GOOGLE, "x@corp.example", Some("evil.example")));
        assert!(may(GOOGLE, "ada@example.org", None));
    }
}
