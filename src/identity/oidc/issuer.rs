//! What an issuer says of itself, and its keys: read when needed, kept for as long as it allows.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::http::header::CACHE_CONTROL;
use openidconnect::{
    AdditionalProviderMetadata, AuthType, AuthUrl, HttpResponse, ProviderMetadata, TokenUrl,
    UserInfoUrl,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use super::fetch::{Unanswered, Wire, may_be_asked};
use super::{GOOGLE, SignInError};

/// Where Google takes people who sign in, and gives tokens. Its discovery document names newer addresses of the same.
const GOOGLE_AUTHORIZE: &str = "https://accounts.google.com/o/oauth2/auth";
const GOOGLE_TOKEN: &str = "https://oauth2.googleapis.com/token";
/// The only algorithms that are taken, where the issuer uses them: by a key that nobody else has.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 2] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
];
/// How long an issuer's description of itself is believed.
const DESCRIBED: TimeDelta = TimeDelta::hours(1);
/// How long keys are kept that say nothing of it.
const KEYS: TimeDelta = TimeDelta::hours(1);
/// The longest time for which keys are kept, whatever they say.
const KEYS_LONGEST: TimeDelta = TimeDelta::days(1);
/// How often keys may be read, at most: an unknown key is no reason to ask without end.
const PAUSE: TimeDelta = TimeDelta::seconds(30);
/// How long a failure is believed, so that not every caller waits for the same silence.
const SILENCE: TimeDelta = TimeDelta::seconds(5);

/// Longest wait for another one's answer.
const WAIT: TimeDelta = TimeDelta::minutes(1);

/// Where an issuer takes people who sign in, and gives tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where browsers go.
    pub authorize: AuthUrl,
    /// Where codes become tokens.
    pub token: TokenUrl,
}

impl Endpoints {
    /// Google's.
    pub fn google() -> Self {
        let parsed = |text: &str| text.parse::<Url>();
        match (parsed(GOOGLE_AUTHORIZE), parsed(GOOGLE_TOKEN)) {
            (Ok(authorize), Ok(token)) => Self {
                authorize: AuthUrl::from_url(authorize),
                token: TokenUrl::from_url(token),
            },
            // A test reads both.
            _ => unreachable!("constants that are URLs"),
        }
    }
}

/// An issuer, as it was last read.
pub(super) struct Issuer {
    /// As it is configured, and as it calls itself.
    pub(super) name: String,
    pub(super) endpoints: Endpoints,
    /// Where it tells more of a person than in an id_token.
    pub(super) userinfo: Option<UserInfoUrl>,
    /// Those of [`ALGORITHMS`] that it uses.
    pub(super) algorithms: Vec<CoreJwsSigningAlgorithm>,
    /// Whether it names itself in its answers (RFC 9207).
    pub(super) says_iss: bool,
    /// How our secret is sent.
    pub(super) secret_by: AuthType,
    jwks: Url,
    described_at: DateTime<Utc>,
    pub(super) keys: CoreJsonWebKeySet,
    keys_at: DateTime<Utc>,
    keys_until: DateTime<Utc>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
struct More {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

type Description = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// The issuer that was last asked for.
pub(super) struct Issuers {
    wire: Wire,
    kept: Mutex<Option<Arc<Issuer>>>,
    /// One asks, the others wait for what comes of it.
    asking: tokio::sync::Mutex<Option<Failed>>,
}

struct Failed {
    name: String,
    at: DateTime<Utc>,
    error: SignInError,
}

/// What is needed of an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Where browsers go now.
    Description,
    /// Keys that still count.
    Keys,
    /// Keys that were read after those of this time did not have the one that is looked for.
    NewerKeys(DateTime<Utc>),
}

impl Issuers {
    pub(super) fn new(wire: Wire) -> Self {
        Self {
            wire,
            kept: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The issuer, read anew where what is kept of it does not meet the need. [`Need::NewerKeys`] may give the same keys
    /// again: they were read a moment ago.
    ///
    /// # Errors
    /// It does not answer, or not as one should.
    pub(super) async fn get(
        &self,
        name: &str,
        need: Need,
        now: DateTime<Utc>,
    ) -> Result<Arc<Issuer>, SignInError> {
        if let Some(kept) = self.fit(name, need, now) {
            return Ok(kept);
        }
        let mut failed = self.asking.lock().await;
        if let Some(kept) = self.fit(name, need, now) {
            return Ok(kept);
        }
        let silence = match need {
            Need::NewerKeys(_) => PAUSE,
            Need::Description | Need::Keys => SILENCE,
        };
        if let Some(last) = failed.as_ref()
            && last.name == name
            && within(last.at, now, silence)
        {
            return Err(last.error.clone());
        }
        let began = Instant::now();
        match self.read(name, need, now).await {
            Ok(issuer) => {
                let issuer = Arc::new(issuer);
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Arc::clone(&issuer));
                *failed = None;
                Ok(issuer)
            }
            Err(error) => {
                *failed = Some(Failed {
                    name: name.to_owned(),
                    at: now + TimeDelta::from_std(began.elapsed()).unwrap_or_default(),
                    error: error.clone(),
                });
                Err(error)
            }
        }
    }

    fn kept(&self, name: &str) -> Option<Arc<Issuer>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone().filter(|kept| kept.name == name)
    }

    fn fit(&self, name: &str, need: Need, now: DateTime<Utc>) -> Option<Arc<Issuer>> {
        self.kept(name).filter(|kept| match need {
            Need::Description => within(kept.described_at, now, DESCRIBED),
            Need::Keys => within(kept.keys_at, now, kept.keys_until - kept.keys_at),
            Need::NewerKeys(than) => kept.keys_at > than || within(kept.keys_at, now, PAUSE),
        })
    }

    async fn read(
        &self,
        name: &str,
        need: Need,
        now: DateTime<Utc>,
    ) -> Result<Issuer, SignInError> {
        let kept = self.kept(name);
        let described = match kept {
            Some(kept) if within(kept.described_at, now, DESCRIBED) => Described::of(&kept),
            _ => self.describe(name, now).await?,
        };
        // A new description does not make the keys old.
        if need == Need::Description
            && let Some(kept) = self.fit(name, Need::Keys, now)
            && kept.jwks == described.jwks
        {
            return Ok(described.with(kept.keys.clone(), kept.keys_at, kept.keys_until));
        }
        let answer = self.wire.get(&described.jwks).await?;
        let keys: CoreJsonWebKeySet = serde_json::from_slice(answer.body())
            .map_err(|_| SignInError::Provider(format!("{} is no key set", described.jwks)))?;
        Ok(described.with(keys, now, now + life(&answer)))
    }

    async fn describe(&self, name: &str, now: DateTime<Utc>) -> Result<Described, SignInError> {
        let wrong = |why: &str| SignInError::Provider(format!("the OpenID provider {name} {why}"));
        let issuer = Url::parse(name).map_err(|_| wrong("has no address"))?;
        let place = format!(
            "{}/.well-known/openid-configuration",
            name.trim_end_matches('/')
        );
        let place = Url::parse(&place).map_err(|_| wrong("has no address"))?;
        let answer = self.wire.get(&place).await?;
        let said: Description = serde_json::from_slice(answer.body())
            .map_err(|error| wrong(&format!("does not describe itself as one should: {error}")))?;
        if said.issuer().as_str() != name {
            let other: String = said.issuer().as_str().chars().take(100).collect();
            return Err(wrong(&format!(
                "calls itself {other}; [sign_in] issuer must be the same, letter by letter"
            )));
        }
        let endpoints = match (name, said.token_endpoint()) {
            (GOOGLE, _) => Endpoints::google(),
            (_, Some(token)) => Endpoints {
                authorize: said.authorization_endpoint().clone(),
                token: token.clone(),
            },
            (_, None) => return Err(wrong("has no token endpoint")),
        };
        let jwks = said.jwks_uri().url();
        let userinfo = said.userinfo_endpoint().map(|userinfo| userinfo.url());
        let named = [endpoints.authorize.url(), endpoints.token.url(), jwks];
        for url in named.into_iter().chain(userinfo) {
            if !may_be_asked(url, &issuer) {
                return Err(wrong(&format!(
                    "names {url}, which is not https, or is on this machine"
                )));
            }
        }
        let used = said.id_token_signing_alg_values_supported();
        let algorithms: Vec<_> = ALGORITHMS
            .into_iter()
            .filter(|one| used.contains(one))
            .collect();
        if algorithms.is_empty() {
            return Err(wrong("signs with neither RS256 nor ES256"));
        }
        let methods = said.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|all| {
            all.is_empty() || all.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let more = said.additional_metadata();
        Ok(Described {
            name: name.to_owned(),
            endpoints,
            userinfo: said.userinfo_endpoint().cloned(),
            algorithms,
            says_iss: more.authorization_response_iss_parameter_supported,
            secret_by: match basic {
                true => AuthType::BasicAuth,
                false => AuthType::RequestBody,
            },
            jwks: jwks.clone(),
            at: now,
        })
    }
}

/// An issuer without its keys.
struct Described {
    name: String,
    endpoints: Endpoints,
    userinfo: Option<UserInfoUrl>,
    algorithms: Vec<CoreJwsSigningAlgorithm>,
    says_iss: bool,
    secret_by: AuthType,
    jwks: Url,
    at: DateTime<Utc>,
}

impl Described {
    fn of(issuer: &Issuer) -> Self {
        Self {
            name: issuer.name.clone(),
            endpoints: issuer.endpoints.clone(),
            userinfo: issuer.userinfo.clone(),
            algorithms: issuer.algorithms.clone(),
            says_iss: issuer.says_iss,
            secret_by: issuer.secret_by.clone(),
            jwks: issuer.jwks.clone(),
            at: issuer.described_at,
        }
    }

    fn with(self, keys: CoreJsonWebKeySet, at: DateTime<Utc>, until: DateTime<Utc>) -> Issuer {
        Issuer {
            name: self.name,
            endpoints: self.endpoints,
            userinfo: self.userinfo,
            algorithms: self.algorithms,
            says_iss: self.says_iss,
            secret_by: self.secret_by,
            jwks: self.jwks,
            described_at: self.at,
            keys,
            keys_at: at,
            keys_until: until,
        }
    }
}

impl Issuer {
    /// When its keys were read.
    pub(super) fn keys_at(&self) -> DateTime<Utc> {
        self.keys_at
    }
}

impl From<Unanswered> for SignInError {
    fn from(error: Unanswered) -> Self {
        Self::Provider(error.to_string())
    }
}

/// Whether `now` is less than `life` after `then`. A clock that went back makes everything old; but who waited for another
/// one's answer has read the clock before that one.
fn within(then: DateTime<Utc>, now: DateTime<Utc>, life: TimeDelta) -> bool {
    (-WAIT..life).contains(&(now - then))
}

/// For how long an answer may be kept (RFC 9111 section 5.2.2), between [`PAUSE`] and a day.
fn life(answer: &HttpResponse) -> TimeDelta {
    let all = answer.headers().get_all(CACHE_CONTROL);
    let words = all.iter().filter_map(|value| value.to_str().ok());
    let words: Vec<_> = words
        .flat_map(|value| value.split(','))
        .map(|word| word.trim().to_ascii_lowercase())
        .collect();
    let never = |word: &String| word == "no-store" || word == "no-cache";
    let said = words.iter().find_map(|word| {
        let seconds: i64 = word
            .strip_prefix("max-age=")?
            .trim_matches('"')
            .parse()
            .ok()?;
        TimeDelta::try_seconds(seconds)
    });
    match (words.iter().any(never), said) {
        (true, _) => PAUSE,
        (false, said) => said.unwrap_or(KEYS).clamp(PAUSE, KEYS_LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_for_as_long_as_they_say_within_reason() {
        let life = |said: &str| {
            let answer = openidconnect::http::Response::builder().header(CACHE_CONTROL, said);
            life(&answer.body(Vec::new()).unwrap()).num_seconds()
        };
        assert_eq!(life("public, max-age=20000, must-revalidate"), 20_000);
        assert_eq!(life("MAX-AGE=60"), 60);
        assert_eq!(life("max-age=0"), 30);
        assert_eq!(life("max-age=60, no-store"), 30);
        assert_eq!(life("max-age=99999999999999"), 86_400);
        assert_eq!(life("max-age=many"), 3600);
        assert_eq!(life(""), 3600);
    }

    #[test]
    fn google_has_the_addresses_that_clients_know() {
        let google = Endpoints::google();
        assert_eq!(google.authorize.as_str(), GOOGLE_AUTHORIZE);
        assert_eq!(google.token.as_str(), GOOGLE_TOKEN);
    }
}
