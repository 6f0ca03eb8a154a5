//! Signing in with an OpenID provider: authorization code with PKCE, and what its id_tokens prove.
//!
//! Owns: what is known of the provider, sign-ins that are under way, the check of an id_token. Door: [`Provider`],
//! [`Identity::begin_sign_in`], [`Identity::finish_sign_in`]. May touch: the provider, over HTTPS. Who may come is
//! `person`'s.
//!
//! Source: OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636, RFC 8252, RFC 9207, RFC 9700.

mod fetch;
mod issuer;
mod token;
mod underway;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreJsonWebKeySet,
    CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, StandardErrorResponse, SubjectIdentifier, TokenResponse,
    UserInfoError,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use url::Url;

use super::key::{fresh, hash};
use super::{Identity, IdentityError, PersonId, Principal, Who};
use crate::config::SignInConfig;
use crate::vault;
use crate::watch::{Environment, Settings};
use fetch::{Unanswered, Wire};
use issuer::{Issuer, Issuers, Need};
use token::Asked;
use underway::{Begun, Underway};

pub use issuer::Endpoints;
pub use token::TokenFault;
pub(super) use token::{Claims, looks_like_one};

/// Google, as it calls itself.
pub(super) const GOOGLE: &str = "https://accounts.google.com";

/// Why a sign-in led to nobody.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignInError {
    /// `[sign_in]` has no `client_id`.
    #[error("no OpenID provider is set up here: [sign_in] in config.toml has no client_id")]
    NotSetUp,
    /// The answer belongs to no sign-in of this browser.
    #[error("{0}; begin again")]
    NoneUnderWay(&'static str),
    /// The provider said no, or its answer is not one.
    #[error("{0}")]
    Answer(String),
    /// The id_token is not believed.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// The provider cannot be asked, or does not answer as one should.
    #[error("{0}")]
    Provider(String),
    /// This person may not come.
    #[error("{0}")]
    Refused(String),
    /// The client's secret cannot be read.
    #[error("{0}")]
    Secret(String),
}

impl SignInError {
    /// Whether time may heal it.
    pub fn is_for_later(&self) -> bool {
        matches!(self, Self::Provider(_) | Self::Secret(_))
    }
}

/// The OpenID provider of `[sign_in]`.
pub struct Provider {
    settings: watch::Receiver<Arc<Settings>>,
    root: PathBuf,
    environment: Environment,
    wire: Wire,
    issuers: Issuers,
    underway: Underway,
}

/// A sign-in that has begun.
pub struct BegunSignIn {
    /// Where the browser goes now.
    pub url: Url,
    /// The value of a cookie that the browser must show when it comes back.
    pub browser: SecretString,
    /// For how long it will be awaited.
    pub life: TimeDelta,
}

/// What a browser brings back from the provider (RFC 6749 section 4.1.2, RFC 9207 section 2).
#[derive(Clone, Default)]
pub struct Answer {
    /// What we gave it along.
    pub state: Option<SecretString>,
    /// What becomes a token.
    pub code: Option<SecretString>,
    /// Who answers.
    pub iss: Option<String>,
    /// Why there is no code: a word, and words for people.
    pub error: Option<(String, Option<String>)>,
}

/// A person who has just signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub person: PersonId,
    /// Where the browser wanted to go.
    pub return_to: String,
}

impl Provider {
    /// As `[sign_in]` says at each moment. `root`: the folder of `config.toml`, where the client's secret is looked for.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn new(
        settings: watch::Receiver<Arc<Settings>>,
        root: PathBuf,
        environment: Environment,
    ) -> Result<Self, reqwest::Error> {
        let wire = Wire::new()?;
        Ok(Self {
            settings,
            root,
            environment,
            issuers: Issuers::new(wire.clone()),
            wire,
            underway: Underway::default(),
        })
    }

    /// The settings, and our name with the provider.
    fn set_up(&self) -> Result<(SignInConfig, String), SignInError> {
        let config = self.settings.borrow().config.sign_in.clone();
        let client_id = config.client_id.clone().ok_or(SignInError::NotSetUp)?;
        Ok((config, client_id))
    }

    async fn secret(&self, config: &SignInConfig) -> Result<Option<ClientSecret>, SignInError> {
        let Some(source) = &config.client_secret else {
            return Ok(None);
        };
        let settings = self.settings.borrow().clone();
        let reach = vault::Reach {
            root: &self.root,
            env: self.environment.as_ref(),
            key: settings.config.seal.key.as_ref(),
        };
        let read = vault::value("the client_secret of [sign_in]", source, reach).await;
        let secret = read.map_err(|failure| SignInError::Secret(failure.message))?;
        Ok(Some(ClientSecret::new(secret.expose_secret().to_owned())))
    }

    /// Who an id_token is about; its key is looked for again, where it is not among those that are known.
    async fn check(
        &self,
        raw: &str,
        issuer: Arc<Issuer>,
        client_id: &str,
        asked: Option<Asked<'_>>,
        now: DateTime<Utc>,
    ) -> Result<Claims, SignInError> {
        match token::check(raw, &issuer, client_id, asked, now) {
            Err(TokenFault::UnknownKey) => {
                let need = Need::NewerKeys(issuer.keys_at());
                let newer = self.issuers.get(&issuer.name, need, now).await?;
                Ok(token::check(raw, &newer, client_id, asked, now)?)
            }
            checked => Ok(checked?),
        }
    }

    /// Makes tokens of a code.
    async fn exchange(
        &self,
        issuer: &Issuer,
        config: &SignInConfig,
        begun: &Begun,
        code: &SecretString,
    ) -> Result<CoreTokenResponse, SignInError> {
        let (name, redirect) = addresses(&begun.issuer, &begun.redirect_uri)?;
        let client_id = ClientId::new(begun.client_id.clone());
        let mut client = CoreClient::new(client_id, name, CoreJsonWebKeySet::new(Vec::new()))
            .set_auth_type(issuer.secret_by.clone())
            .set_token_uri(issuer.endpoints.token.clone())
            .set_redirect_uri(redirect);
        if let Some(secret) = self.secret(config).await? {
            client = client.set_client_secret(secret);
        }
        let code = AuthorizationCode::new(code.expose_secret().to_owned());
        let verifier = PkceCodeVerifier::new(begun.verifier.secret().clone());
        let asked = client.exchange_code(code).set_pkce_verifier(verifier);
        let answer = asked.request_async(&self.sender()).await;
        answer.map_err(not_exchanged)
    }

    /// What the provider tells of a person beside the id_token: many put the address there alone (OpenID Connect Core
    /// sections 5.3 and 5.4).
    async fn ask_more(
        &self,
        issuer: &Issuer,
        client_id: &str,
        access: &AccessToken,
        mut claims: Claims,
    ) -> Result<Claims, SignInError> {
        let Some(userinfo) = issuer.userinfo.clone().filter(|_| claims.email.is_none()) else {
            return Ok(claims);
        };
        let wrong = |why: &str| SignInError::Provider(format!("{} {why}", userinfo.as_str()));
        let name = IssuerUrl::new(issuer.name.clone()).map_err(|_| wrong("has no issuer"))?;
        let client = CoreClient::new(
            ClientId::new(client_id.to_owned()),
            name,
            issuer.keys.clone(),
        )
        .set_user_info_url(userinfo.clone());
        // An answer about somebody else is none.
        let subject = SubjectIdentifier::new(claims.subject.clone());
        let asked = client.user_info(access.clone(), Some(subject));
        let answer: Result<CoreUserInfoClaims, _> = asked.request_async(&self.sender()).await;
        let told = answer.map_err(|error| match error {
            UserInfoError::Request(error) => error.into(),
            _ => wrong("does not say who this is"),
        })?;
        claims.name = claims.name.or(token::name(told.name()));
        claims.email = token::verified(told.email(), told.email_verified());
        Ok(claims)
    }

    /// How the crate sends a request.
    fn sender(
        &self,
    ) -> impl Fn(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, Unanswered>> {
        let wire = self.wire.clone();
        move |request| {
            let wire = wire.clone();
            async move { wire.send(request).await }.boxed()
        }
    }
}

type NotExchanged = RequestTokenError<Unanswered, StandardErrorResponse<CoreErrorResponseType>>;

fn not_exchanged(error: NotExchanged) -> SignInError {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let (word, words) = (said.error().to_string(), said.error_description());
            SignInError::Answer(said_no(&word, words.map(String::as_str)))
        }
        RequestTokenError::Request(error) => error.into(),
        // An id_token that cannot even be read comes to here too.
        RequestTokenError::Parse(_, body) => {
            match String::from_utf8_lossy(&body).contains("\"id_token\"") {
                true => TokenFault::Unreadable.into(),
                false => SignInError::Provider("the provider's answer is no token".to_owned()),
            }
        }
        RequestTokenError::Other(_) => {
            SignInError::Provider("the provider's answer is no token".to_owned())
        }
    }
}

/// The provider's own words, cut to what a page can show.
fn said_no(word: &str, words: Option<&str>) -> String {
    let shown =
        |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(200).collect() };
    match words {
        Some(words) => format!("the provider says {}: {}", shown(word), shown(words)),
        None => format!("the provider says {}", shown(word)),
    }
}

fn addresses(issuer: &str, redirect: &str) -> Result<(IssuerUrl, RedirectUrl), SignInError> {
    let wrong = |_| SignInError::Provider(format!("the OpenID provider {issuer} has no address"));
    let issuer = IssuerUrl::new(issuer.to_owned()).map_err(wrong)?;
    let redirect = RedirectUrl::new(redirect.to_owned()).map_err(wrong)?;
    Ok((issuer, redirect))
}

impl Identity {
    fn provider(&self) -> Result<&Provider, SignInError> {
        self.provider.as_deref().ok_or(SignInError::NotSetUp)
    }

    /// Who people sign in with, as it calls itself; `None` where none is set up.
    pub fn issuer(&self) -> Option<String> {
        let (config, _) = self.provider().ok()?.set_up().ok()?;
        Some(config.issuer)
    }

    /// Where the provider takes people and gives tokens; of Google, and where none is set up, without asking it.
    ///
    /// # Errors
    /// It does not say.
    pub async fn endpoints(&self) -> Result<Endpoints, SignInError> {
        let config = match self.provider() {
            Ok(provider) => provider.settings.borrow().config.sign_in.clone(),
            Err(_) => return Ok(Endpoints::google()),
        };
        if config.issuer == GOOGLE {
            return Ok(Endpoints::google());
        }
        let issuers = &self.provider()?.issuers;
        let issuer = issuers.get(&config.issuer, Need::Description, (self.clock)());
        Ok(issuer.await?.endpoints.clone())
    }

    /// Begins a sign-in that ends at `redirect_uri`, a path of our own door, and leads on to `return_to`.
    ///
    /// # Errors
    /// No provider is set up, or it does not answer.
    pub async fn begin_sign_in(
        &self,
        redirect_uri: &str,
        return_to: &str,
    ) -> Result<BegunSignIn, IdentityError> {
        let provider = self.provider()?;
        let (config, client_id) = provider.set_up()?;
        let now = (self.clock)();
        let issuer = provider
            .issuers
            .get(&config.issuer, Need::Description, now)
            .await?;
        let (name, redirect) = addresses(&config.issuer, redirect_uri)?;
        let client = CoreClient::new(
            ClientId::new(client_id.clone()),
            name,
            CoreJsonWebKeySet::new(Vec::new()),
        )
        .set_auth_uri(issuer.endpoints.authorize.clone())
        .set_redirect_uri(redirect);
        let (browser, browser_hash) = fresh("")?;
        let (state, state_hash) = fresh("")?;
        let (nonce, _) = fresh("")?;
        let state = CsrfToken::new(state.expose_secret().to_owned());
        let nonce = Nonce::new(nonce.expose_secret().to_owned());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, _, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || state,
                move || nonce,
            )
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let begun = Begun {
            browser: browser_hash,
            nonce,
            verifier,
            issuer: config.issuer,
            client_id,
            redirect_uri: redirect_uri.to_owned(),
            return_to: return_to.to_owned(),
            at: now,
        };
        provider.underway.put(state_hash, begun);
        Ok(BegunSignIn {
            url,
            browser,
            life: underway::LIFE,
        })
    }

    /// Ends a sign-in with what a browser brings back. `browser`: its cookie; `here`: it is on this machine.
    ///
    /// # Errors
    /// The answer is not one to a sign-in of this browser, the provider's token is not believed, or the person may not come.
    pub async fn finish_sign_in(
        &self,
        answer: Answer,
        browser: Option<SecretString>,
        here: bool,
    ) -> Result<SignedIn, IdentityError> {
        let provider = self.provider()?;
        let begun = self.begun(provider, &answer, browser)?;
        let (config, client_id) = provider.set_up()?;
        if config.issuer != begun.issuer || client_id != begun.client_id {
            let why = "another provider was set up meanwhile";
            return Err(SignInError::NoneUnderWay(why).into());
        }
        let now = (self.clock)();
        let issuer = provider
            .issuers
            .get(&config.issuer, Need::Keys, now)
            .await?;
        match &answer.iss {
            Some(iss) if *iss != config.issuer => return Err(TokenFault::Issuer.into_sign_in()),
            None if issuer.says_iss => {
                let message = "the answer does not say of which provider it is (iss)".to_owned();
                return Err(SignInError::Answer(message).into());
            }
            _ => {}
        }
        if let Some((word, words)) = &answer.error {
            return Err(SignInError::Answer(said_no(word, words.as_deref())).into());
        }
        let missing = || SignInError::Answer("the answer has no code".to_owned());
        let code = answer.code.as_ref().ok_or_else(missing)?;
        let tokens = provider.exchange(&issuer, &config, &begun, code).await?;
        let missing = || SignInError::Answer("the provider gave no id_token".to_owned());
        let raw = tokens.id_token().ok_or_else(missing)?.to_string();
        let asked = Asked {
            nonce: &begun.nonce,
            at: begun.at,
        };
        // The provider may have taken its time: the clock is read again.
        let now = (self.clock)();
        let claims = provider
            .check(&raw, Arc::clone(&issuer), &client_id, Some(asked), now)
            .await?;
        let access = tokens.access_token();
        let claims = provider
            .ask_more(&issuer, &client_id, access, claims)
            .await?;
        let person = self.arrive(claims, &config.allow, here).await?;
        Ok(SignedIn {
            person,
            return_to: begun.return_to,
        })
    }

    fn begun(
        &self,
        provider: &Provider,
        answer: &Answer,
        browser: Option<SecretString>,
    ) -> Result<Begun, SignInError> {
        let none = SignInError::NoneUnderWay;
        let state = answer.state.as_ref();
        let state = state.ok_or(none("the answer has no state"))?;
        let begun = provider.underway.take(&hash(state)).ok_or(none(
            "this sign-in has ended already, or was never begun here",
        ))?;
        let browser = browser.map(|cookie| hash(&cookie));
        if browser != Some(begun.browser) {
            return Err(none("this sign-in was begun in another browser"));
        }
        let age = (self.clock)() - begun.at;
        if age >= underway::LIFE || age < -TimeDelta::minutes(1) {
            return Err(none("this sign-in took longer than ten minutes"));
        }
        Ok(begun)
    }

    /// The person that an id_token of the provider proves; it must have signed in before.
    pub(super) async fn by_id_token(
        &self,
        token: &SecretString,
    ) -> Result<Principal, IdentityError> {
        let none = IdentityError::Invalid("this access token is not known");
        let provider = self.provider().map_err(|_| none.clone())?;
        let (config, client_id) = provider.set_up().map_err(|_| none)?;
        let now = (self.clock)();
        let issuer = provider
            .issuers
            .get(&config.issuer, Need::Keys, now)
            .await?;
        let raw = token.expose_secret();
        let claims = provider.check(raw, issuer, &client_id, None, now).await?;
        let person = self.known(&claims, &config.allow)?;
        Ok(Principal {
            who: Who::Person(person.id.clone()),
            person: person.id,
            scopes: person.scopes,
            reach: person.reach,
            memory_of: None,
            // Its end is looked at each time.
            expires_at: None,
        })
    }
}

impl TokenFault {
    fn into_sign_in(self) -> IdentityError {
        SignInError::Token(self).into()
    }
}
