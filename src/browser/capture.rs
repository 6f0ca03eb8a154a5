//! A storage state taken out of a context, and put into one, without a request to the site.

use chromiumoxide::cdp::browser_protocol::fetch::{
    DisableParams, EnableParams, EventRequestPaused, FulfillRequestParams, HeaderEntry,
    RequestPattern,
};
use chromiumoxide::cdp::browser_protocol::network::{
    Cookie as CdpCookie, CookieParam, CookiePartitionKey, CookieSameSite,
    SetBypassServiceWorkerParams, TimeSinceEpoch,
};
use chromiumoxide::cdp::browser_protocol::storage::{GetCookiesParams, SetCookiesParams};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::error::BrowserError;
use super::page::Page;
use super::{Context, bounded};
use crate::session::state::{
    Cookie, Entry, Extension, Origin, OriginStorage, SameSite, StorageState,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dump {
    origin: String,
    local_storage: Vec<Entry>,
    session_storage: Vec<Entry>,
    #[serde(rename = "indexedDB")]
    indexed_db: Vec<Value>,
    /// How many databases there are, where they were not looked into.
    #[serde(default)]
    databases: usize,
}

/// What most sites keep. Databases need the whole agent, and few sites have one.
const DUMP: &str = "(async () => {
    const entries = (get) => {
        try {
            const storage = get();
            return Object.keys(storage).map((name) => ({ name, value: storage.getItem(name) }));
        } catch { return []; }
    };
    let databases = 0;
    try { databases = (await indexedDB.databases()).length; } catch { /* Opaque origins have none. */ }
    return {
        origin: location.origin, localStorage: entries(() => localStorage),
        sessionStorage: entries(() => sessionStorage), indexedDB: [], databases,
    };
})()";

impl Context {
    /// The context's cookies as they are now.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn cookies(&self) -> Result<Vec<Cookie>, BrowserError> {
        let parameters = GetCookiesParams::builder()
            .browser_context_id(self.id().clone())
            .build();
        let answer = bounded(
            "give its cookies",
            self.page().deadline(),
            self.connection().execute(parameters),
        )
        .await?;
        Ok(answer.result.cookies.into_iter().map(ours).collect())
    }

    /// Everything that makes the session: cookies, and web storage of every origin that the page visited.
    ///
    /// Origins that are no longer shown are opened with an empty document of our own, so that the site notices nothing;
    /// the page is of no further use after that. `indexed_db`: put databases where Playwright loads them.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn storage_state(
        &self,
        now: DateTime<Utc>,
        indexed_db: bool,
    ) -> Result<StorageState, BrowserError> {
        let page = self.page();
        let mut visited = page.observed.read(|seen| seen.origins.clone());
        let mut dumps = Vec::new();
        let frames = page.frames_now().await?;
        let cookies = self.cookies().await?;
        for frame in &frames {
            if frame.origin.starts_with("http") && visited.remove(&frame.origin) {
                match dump(page, &frame.id).await {
                    Ok(dumped) => dumps.push(dumped),
                    // A sandboxed frame keeps nothing.
                    Err(BrowserError::Refused { .. } | BrowserError::Moved(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if !visited.is_empty() {
            page.sign_nothing().await?;
            let blank = Blank::begin(page).await?;
            for origin in &visited {
                let Ok(url) = Url::parse(origin) else {
                    continue;
                };
                page.goto(&url).await?;
                dumps.push(dump(page, &page.main_frame().id).await?);
            }
            blank.end(page).await?;
            page.sign().await?;
        }
        dumps.retain(|d| {
            !(d.local_storage.is_empty() && d.session_storage.is_empty() && d.indexed_db.is_empty())
        });
        dumps.sort_by(|a, b| a.origin.cmp(&b.origin));
        let mut origins = Vec::new();
        let mut storage = Vec::new();
        for dump in dumps {
            let Dump {
                origin,
                local_storage,
                session_storage,
                indexed_db: databases,
                ..
            } = dump;
            let (shown, kept) = if indexed_db {
                (databases, Vec::new())
            } else {
                (Vec::new(), databases)
            };
            if !(local_storage.is_empty() && shown.is_empty()) {
                let indexed_db = (!shown.is_empty()).then_some(shown);
                origins.push(Origin {
                    origin: origin.clone(),
                    local_storage,
                    indexed_db,
                });
            }
            if !(session_storage.is_empty() && kept.is_empty()) {
                storage.push(OriginStorage {
                    origin,
                    session_storage,
                    indexed_db: kept,
                });
            }
        }
        let user_agent = Some(self.user_agent().to_owned());
        let jarkeeper = Some(Extension {
            version: 1,
            captured_at: now,
            user_agent,
            storage,
            http: page.authenticated(),
        });
        Ok(StorageState {
            cookies,
            origins,
            jarkeeper,
        })
    }

    /// Sets cookies; those of the same name, domain and path are replaced.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn take_cookies(
        &self,
        cookies: impl IntoIterator<Item = &Cookie>,
    ) -> Result<(), BrowserError> {
        let cookies: Vec<_> = cookies.into_iter().map(theirs).collect();
        if cookies.is_empty() {
            return Ok(());
        }
        let parameters = SetCookiesParams {
            cookies,
            browser_context_id: Some(self.id().clone()),
        };
        let execute = self.connection().execute(parameters);
        bounded("take cookies", self.page().deadline(), execute).await?;
        Ok(())
    }

    /// Puts a state into the context, which must be new.
    pub(super) async fn seed(&self, state: &StorageState) -> Result<(), BrowserError> {
        let page = self.page();
        self.take_cookies(&state.cookies).await?;
        let kept = state
            .jarkeeper
            .iter()
            .flat_map(|extension| &extension.storage);
        let mut origins: Vec<&str> = state.origins.iter().map(|o| o.origin.as_str()).collect();
        origins.extend(kept.clone().map(|o| o.origin.as_str()));
        origins.sort_unstable();
        origins.dedup();
        if !origins.is_empty() {
            self.restore(state, &origins).await?;
        }
        for credentials in state.http() {
            page.authenticate(credentials.clone(), None).await?;
        }
        Ok(())
    }

    /// Puts web storage into the origins, each under an empty document of our own.
    async fn restore(&self, state: &StorageState, origins: &[&str]) -> Result<(), BrowserError> {
        let page = self.page();
        let kept = state
            .jarkeeper
            .iter()
            .flat_map(|extension| &extension.storage);
        let blank = Blank::begin(page).await?;
        for origin in origins {
            let Ok(url) = Url::parse(origin) else {
                continue;
            };
            let shown = state.origins.iter().find(|o| o.origin == *origin);
            let hidden = kept.clone().find(|o| o.origin == *origin);
            let mut databases: Vec<&Value> = shown
                .iter()
                .filter_map(|o| o.indexed_db.as_ref())
                .flatten()
                .collect();
            databases.extend(hidden.iter().flat_map(|o| &o.indexed_db));
            let stored = json!({
                "localStorage": shown.map(|o| &o.local_storage),
                "sessionStorage": hidden.map(|o| &o.session_storage),
                "indexedDB": databases,
            });
            page.goto(&url).await?;
            let frame = page.main_frame();
            page.data(
                &frame.id,
                "take web storage",
                &format!("jk.restore({stored})"),
            )
            .await?;
        }
        blank.end(page).await?;
        // From our empty document, the site's own at the same address would be no new document.
        if let Ok(nowhere) = Url::parse("about:blank") {
            page.goto(&nowhere).await?;
        }
        Ok(())
    }
}

async fn dump(
    page: &Page,
    frame: &chromiumoxide::cdp::browser_protocol::page::FrameId,
) -> Result<Dump, BrowserError> {
    const WHAT: &str = "give its web storage";
    let read = |value| {
        serde_json::from_value::<Dump>(value).map_err(|e| BrowserError::Refused {
            what: WHAT.to_owned(),
            why: e.to_string(),
        })
    };
    let dump = read(page.data(frame, WHAT, DUMP).await?)?;
    match dump.databases {
        0 => Ok(dump),
        _ => read(page.data(frame, WHAT, "jk.dump()").await?),
    }
}

/// While it stands, every request of the page is answered with an empty document.
struct Blank(tokio::task::JoinHandle<()>);

impl Blank {
    async fn begin(page: &Page) -> Result<Self, BrowserError> {
        const WHAT: &str = "open an empty document";
        page.call(WHAT, SetBypassServiceWorkerParams::new(true))
            .await?;
        let paused = page.page.event_listener::<EventRequestPaused>().await;
        let mut paused = paused.map_err(|_| BrowserError::Lost(WHAT.to_owned()))?;
        let tab = page.page.clone();
        let task = tokio::spawn(async move {
            while let Some(request) = paused.next().await {
                let header = HeaderEntry::new("Content-Type", "text/html");
                let answer = FulfillRequestParams::builder()
                    .request_id(request.request_id.clone())
                    .response_code(200)
                    .response_header(header)
                    .body("PHRpdGxlPjwvdGl0bGU+".to_owned())
                    .build();
                if let Ok(answer) = answer {
                    let _ = tab.execute(answer).await;
                }
            }
        });
        page.call(
            WHAT,
            EnableParams::builder()
                .pattern(RequestPattern::builder().url_pattern("*").build())
                .build(),
        )
        .await?;
        Ok(Self(task))
    }

    async fn end(self, page: &Page) -> Result<(), BrowserError> {
        page.call("go on", DisableParams::default()).await?;
        page.call("go on", SetBypassServiceWorkerParams::new(false))
            .await?;
        Ok(())
    }
}

impl Drop for Blank {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn ours(cookie: CdpCookie) -> Cookie {
    let (partition_key, has_cross_site_ancestor) = match cookie.partition_key {
        Some(key) => (Some(key.top_level_site), Some(key.has_cross_site_ancestor)),
        None => (None, None),
    };
    Cookie {
        name: cookie.name,
        value: cookie.value,
        domain: cookie.domain,
        path: cookie.path,
        expires: if cookie.session { -1.0 } else { cookie.expires },
        http_only: cookie.http_only,
        secure: cookie.secure,
        same_site: match cookie.same_site {
            Some(CookieSameSite::Strict) => SameSite::Strict,
            Some(CookieSameSite::None) => SameSite::None,
            Some(CookieSameSite::Lax) | None => SameSite::Lax,
        },
        partition_key,
        has_cross_site_ancestor,
    }
}

fn theirs(cookie: &Cookie) -> CookieParam {
    let mut parameter = CookieParam::new(&cookie.name, &cookie.value);
    parameter.domain = Some(cookie.domain.clone());
    parameter.path = Some(cookie.path.clone());
    parameter.secure = Some(cookie.secure);
    parameter.http_only = Some(cookie.http_only);
    parameter.same_site = Some(match cookie.same_site {
        SameSite::Strict => CookieSameSite::Strict,
        SameSite::Lax => CookieSameSite::Lax,
        SameSite::None => CookieSameSite::None,
    });
    parameter.expires = (cookie.expires >= 0.0).then(|| TimeSinceEpoch::new(cookie.expires));
    parameter.partition_key = cookie
        .partition_key
        .as_ref()
        .map(|site| CookiePartitionKey::new(site, cookie.has_cross_site_ancestor.unwrap_or(true)));
    parameter
}
