//! Clients of the authorization server: programs that ask people for tokens.

use chrono::TimeDelta;
use secrecy::SecretString;

use super::kept::scopes;
use super::key::{fresh, hash, id};
use super::redirect;
use super::refusal::{Refusal, RefusalCode};
use super::scope::{Scope, Scopes};
use super::{Identity, IdentityError};
use crate::store::{ClientRow, Forget};

/// Most clients.
const MOST: u32 = 1000;
/// How long a client is kept that nobody has allowed anything.
const UNUSED: TimeDelta = TimeDelta::days(1);
/// How long a client is kept that is not used any more and has no token.
const IDLE: TimeDelta = TimeDelta::days(90);
/// Most redirect URIs of one client.
const REDIRECTS: usize = 10;
/// Longest name of a client, in characters.
const LONGEST: usize = 100;

/// How a client gets tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantType {
    /// By a code that a browser brings.
    Code,
    /// By a refresh token.
    Refresh,
    /// By a code that a person types elsewhere.
    Device,
}

impl GrantType {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Code, Self::Refresh, Self::Device];

    /// Its word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Code => "authorization_code",
            Self::Refresh => "refresh_token",
            Self::Device => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    /// From its word; `None`: there is none like this here.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// A client.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// What it calls itself. Nobody has checked that.
    pub name: String,
    /// Where codes may be sent.
    pub redirects: Vec<String>,
    /// How it may get tokens.
    pub grants: Vec<GrantType>,
    /// What it registered to ask for; `None`: nothing in particular.
    pub scopes: Option<Scopes>,
    /// Whether it has a secret.
    pub confidential: bool,
}

/// What a new client says of itself.
#[derive(Debug, Clone, Default)]
pub struct NewClient {
    /// What it calls itself.
    pub name: Option<String>,
    /// Where codes may be sent.
    pub redirects: Vec<String>,
    /// Words of [`GrantType`]; `None`: authorization code.
    pub grants: Option<Vec<String>>,
    /// Scopes between spaces.
    pub scopes: Option<String>,
    /// Whether it can keep a secret.
    pub confidential: bool,
}

/// A client that was just registered.
#[derive(Debug)]
pub struct MadeClient {
    /// The client.
    pub client: Client,
    /// The secret of a confidential one: the only time that anybody sees it.
    pub secret: Option<SecretString>,
}

impl Client {
    /// Whether a request of this client may name this redirect URI.
    pub fn goes_to(&self, uri: &str) -> bool {
        let mut registered = self.redirects.iter();
        registered.any(|registered| redirect::matches(registered, uri))
    }

    /// # Errors
    /// `unauthorized_client` where it did not register for it.
    pub fn may_use(&self, grant: GrantType) -> Result<(), Refusal> {
        if self.grants.contains(&grant) {
            return Ok(());
        }
        let why = format!(
            "this client did not register the grant type {}",
            grant.word()
        );
        Err(Refusal::of(RefusalCode::UnauthorizedClient, why))
    }

    /// The scopes that it asks for; those that it registered, where it names none.
    ///
    /// # Errors
    /// `invalid_scope` for a word that is none or that it did not register, or where nothing is asked for.
    pub fn asks(&self, words: Option<&str>) -> Result<Scopes, Refusal> {
        let refuse = |why: String| Refusal::of(RefusalCode::InvalidScope, why);
        let asked = match (words, &self.scopes) {
            (Some(words), _) => words.parse().map_err(|e| refuse(format!("{e}")))?,
            (None, Some(registered)) => registered.clone(),
            (None, None) => Scopes::default(),
        };
        if asked.is_empty() {
            return Err(refuse(
                "no scope is asked for; name them in scope".to_owned(),
            ));
        }
        let limit = match &self.scopes {
            Some(registered) => registered.clone(),
            // Who did not say so from the start never asks for everything.
            None => Scope::ALL
                .iter()
                .copied()
                .filter(|scope| *scope != Scope::Admin)
                .collect(),
        };
        if !asked.are_within(&limit) {
            let why = format!("this client registered only these scopes: {limit}");
            return Err(refuse(why));
        }
        Ok(asked)
    }
}

impl Identity {
    /// Registers a client (RFC 7591). Nobody has to be asked: what a client gets, a person allows each time.
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata` with what is wrong; `temporarily_unavailable` where there is no
    /// room.
    pub async fn register_client(&self, new: NewClient) -> Result<MadeClient, Refusal> {
        let refuse = |why: String| Refusal::of(RefusalCode::InvalidClientMetadata, why);
        let words = new
            .grants
            .unwrap_or_else(|| vec![GrantType::Code.word().to_owned()]);
        let mut grants = Vec::new();
        for word in &words {
            let known = GrantType::ALL.map(GrantType::word).join(", ");
            let grant = GrantType::of(word)
                .ok_or_else(|| refuse(format!("grant_types may hold only: {known}")))?;
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
        if !grants.contains(&GrantType::Code) && !grants.contains(&GrantType::Device) {
            let why =
                "grant_types needs authorization_code or device_code: nothing else begins anything";
            return Err(refuse(why.to_owned()));
        }
        check_redirects(&new.redirects, grants.contains(&GrantType::Code))?;
        let name = new.name.unwrap_or_else(|| "A program".to_owned());
        let length = name.chars().count();
        if length == 0 || length > LONGEST || name.chars().any(is_unseen) {
            let why = format!("client_name has 1 to {LONGEST} visible characters, in one line");
            return Err(refuse(why));
        }
        let asks = match &new.scopes {
            Some(words) => Some(words.parse::<Scopes>().map_err(|e| refuse(e.to_string()))?),
            None => None,
        };
        let secret = match new.confidential {
            true => Some(fresh("js_")?),
            false => None,
        };
        let (secret, hash) = secret.unzip();
        let client = Client {
            id: id()?,
            name,
            redirects: new.redirects,
            grants,
            scopes: asks,
            confidential: secret.is_some(),
        };
        let now = (self.clock)();
        let forget = Forget {
            unused_before: now - UNUSED,
            idle_before: now - IDLE,
            most: MOST,
        };
        if !self
            .store
            .insert_client(row(&client, hash), now, forget)
            .await?
        {
            let why = "there are too many clients, and all are in use";
            return Err(Refusal::of(RefusalCode::TemporarilyUnavailable, why));
        }
        Ok(MadeClient { client, secret })
    }

    /// A client by its id; `None`: there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn client(&self, id: &str) -> Result<Option<Client>, IdentityError> {
        Ok(self.store.client(id)?.map(read))
    }

    /// The client that says to be this one, and has proved it where it has a secret.
    ///
    /// # Errors
    /// `invalid_client`: the same for one that is not known and for a wrong secret.
    pub fn prove_client(&self, id: &str, secret: Option<&SecretString>) -> Result<Client, Refusal> {
        let wrong = || {
            let why = "this client is not known, or its secret is wrong; register it again";
            Refusal::of(RefusalCode::InvalidClient, why)
        };
        let row = self.store.client(id)?.ok_or_else(wrong)?;
        if row.secret != secret.map(hash) {
            return Err(wrong());
        }
        Ok(read(row))
    }
}

fn check_redirects(redirects: &[String], needed: bool) -> Result<(), Refusal> {
    let refuse = |why: String| Err(Refusal::of(RefusalCode::InvalidRedirectUri, why));
    if redirects.len() > REDIRECTS {
        return refuse(format!("a client has at most {REDIRECTS} redirect URIs"));
    }
    if needed && redirects.is_empty() {
        return refuse("redirect_uris is missing; the code has to go somewhere".to_owned());
    }
    for (at, uri) in redirects.iter().enumerate() {
        if let Some(fault) = redirect::fault(uri) {
            return refuse(format!("redirect_uris[{at}] {fault}"));
        }
    }
    Ok(())
}

/// A character that a person does not see, or that turns the text around it (Unicode's bidirectional controls).
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn row(client: &Client, secret: Option<[u8; 32]>) -> ClientRow {
    let grants: Vec<_> = client.grants.iter().map(|grant| grant.word()).collect();
    ClientRow {
        id: client.id.clone(),
        secret,
        name: client.name.clone(),
        redirects: client.redirects.clone(),
        grants: grants.join(" "),
        scopes: client.scopes.as_ref().map(Scopes::to_string),
    }
}

fn read(row: ClientRow) -> Client {
    Client {
        id: row.id,
        name: row.name,
        redirects: row.redirects,
        grants: row.grants.split(' ').filter_map(GrantType::of).collect(),
        scopes: row.scopes.as_deref().map(scopes),
        confidential: row.secret.is_some(),
    }
}
