//! One tab in a context of its own: going somewhere, looking, typing, clicking. Every wait has an end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use chromiumoxide::cdp::browser_protocol::dom::DescribeNodeParams;
use chromiumoxide::cdp::browser_protocol::network::GetCookiesParams;
use chromiumoxide::cdp::browser_protocol::page::{
    CaptureScreenshotFormat, CaptureScreenshotParams, CreateIsolatedWorldParams, Frame as CdpFrame,
    FrameId, FrameTree, GetFrameTreeParams, NavigateParams,
};
use chromiumoxide::cdp::js_protocol::runtime::{
    EvaluateParams, ExecutionContextId, RemoteObject, RemoteObjectId,
};
use chromiumoxide::error::CdpError;
use chromiumoxide::types::Command;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::error::BrowserError;
use super::events::{events, listen};
use super::observed::{Answer, Observed};
use super::signing::Signing;
use super::snapshot::{Choice, Overlay, Snapshot};

/// Longest wait for one answer of Chromium.
const CALL: Duration = Duration::from_secs(10);
const AGENT: &str = include_str!("agent.js");

/// One tab. Made by [`super::Browser::context`].
pub struct Page {
    pub(super) page: chromiumoxide::Page,
    pub(super) observed: Arc<Observed>,
    pub(super) signing: Signing,
    worlds: Mutex<HashMap<FrameId, (ExecutionContextId, bool)>>,
    main: FrameId,
    /// One for all windows of a context: what waits in one waits in all.
    deadline: Arc<Mutex<Instant>>,
    listener: tokio::task::JoinHandle<()>,
}

/// A frame of the page. Two are equal that are the same frame, whatever document is in it.
#[derive(Debug, Clone)]
pub struct Frame {
    pub(super) id: FrameId,
    /// Its document's URL.
    pub url: String,
    /// Its document's origin, serialised.
    pub origin: String,
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// An element that was found; good until its document goes away.
#[derive(Debug, Clone)]
pub struct Element {
    pub(super) object: RemoteObjectId,
    /// The frame that it is in.
    pub frame: Frame,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Page {
    pub(super) async fn attach(
        page: chromiumoxide::Page,
        deadline: Arc<Mutex<Instant>>,
    ) -> Result<Self, BrowserError> {
        let until = *deadline
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let observed = Arc::new(Observed::default());
        // Heard from before the look at the frames: a window is on its way somewhere, and what falls between is lost.
        let events = events(&page).await?;
        let tree = bounded(
            "describe its frames",
            until,
            page.execute(GetFrameTreeParams::default()),
        )
        .await?;
        let main = tree.result.frame_tree.frame.id.clone();
        observed.note(|seen| {
            seen.frames = flat(tree.result.frame_tree);
            let main = seen.frames.first().cloned();
            seen.url = main
                .as_ref()
                .map(|frame| frame.url.clone())
                .unwrap_or_default();
            // A window may have been somewhere before it is looked at.
            seen.origins.extend(
                main.map(|frame| frame.origin)
                    .filter(|o| o.starts_with("http")),
            );
        });
        let listener = tokio::spawn(listen(
            page.clone(),
            events,
            main.clone(),
            Arc::clone(&observed),
        ));
        Ok(Self {
            page,
            observed,
            signing: Signing::default(),
            worlds: Mutex::default(),
            main,
            deadline,
            listener,
        })
    }

    /// What it is called by, see [`super::Context::window`].
    pub fn name(&self) -> &str {
        self.page.target_id().inner()
    }

    /// When everything on this page must be done.
    pub fn deadline(&self) -> Instant {
        *self
            .deadline
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What [`Page::deadline`] is read from, for a window that this page has opened.
    pub(super) fn shared_deadline(&self) -> Arc<Mutex<Instant>> {
        Arc::clone(&self.deadline)
    }

    /// Gives everything on this page, and in its windows, so much more time: for a wait that is not the page's.
    pub fn extend(&self, by: Duration) {
        *self
            .deadline
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) += by;
    }

    pub(super) async fn call<T: Command>(
        &self,
        what: &str,
        command: T,
    ) -> Result<T::Response, BrowserError> {
        if self.observed.read(|seen| seen.crashed) {
            return Err(BrowserError::Lost(what.to_owned()));
        }
        let crash = self
            .observed
            .until(self.deadline() + CALL, |seen| seen.crashed);
        tokio::select! {
            answer = bounded(what, self.deadline(), self.page.execute(command)) => Ok(answer?.result),
            _ = crash => Err(BrowserError::Lost(what.to_owned())),
        }
    }

    /// The URL of the page's own document.
    pub fn url(&self) -> String {
        self.observed.read(|seen| seen.url.clone())
    }

    /// Opens a URL and waits until its DOM is complete.
    ///
    /// # Errors
    /// [`BrowserError::Navigation`] with Chromium's word where the document could not be loaded.
    pub async fn goto(&self, url: &Url) -> Result<(), BrowserError> {
        let loaded = self.load(url).await;
        match self.heard_challenge() {
            true => self.load(url).await,
            false => loaded,
        }
    }

    async fn load(&self, url: &Url) -> Result<(), BrowserError> {
        let shown = super::shown(url);
        let what = format!("load {shown}");
        let before = self.observed.read(|seen| seen.documents);
        self.observed.note(|seen| seen.failed_document = None);
        let parameters = NavigateParams::new(url.as_str());
        let navigation = async {
            // The library answers a navigation only when every picture is there; the DOM is enough for us.
            match bounded(&what, self.deadline(), self.page.execute(parameters)).await {
                Ok(answer) => match answer.result.error_text {
                    Some(code) => Err(BrowserError::Navigation {
                        url: shown.clone(),
                        code,
                    }),
                    // Only the fragment changed: the document stays as it is.
                    None if answer.result.loader_id.is_none() => Ok(()),
                    None => std::future::pending().await,
                },
                Err(BrowserError::Timeout { .. }) => std::future::pending().await,
                Err(error) => Err(error),
            }
        };
        let ready = self.observed.until(self.deadline(), |seen| {
            seen.documents > before || seen.failed_document.is_some()
        });
        let arrived = tokio::select! {
            told = navigation => return told,
            arrived = ready => arrived,
        };
        self.loaded()?;
        match arrived {
            true => Ok(()),
            false if self.observed.read(|seen| seen.crashed) => Err(BrowserError::Lost(what)),
            false => Err(self.late(what)),
        }
    }

    fn late(&self, what: String) -> BrowserError {
        BrowserError::Timeout { what, after_ms: 0 }
    }

    /// Why the page's newest document could not be loaded, where it could not.
    ///
    /// # Errors
    /// [`BrowserError::Navigation`] with Chromium's word.
    pub fn loaded(&self) -> Result<(), BrowserError> {
        match self.observed.read(|seen| seen.failed_document.clone()) {
            None => Ok(()),
            Some((url, code)) => {
                let url = Url::parse(&url).map_or(url, |url| super::shown(&url));
                Err(BrowserError::Navigation { url, code })
            }
        }
    }

    /// Waits until no request is under way and nothing has happened for `quiet`; says whether that came before `until`.
    pub async fn settle(&self, quiet: Duration, until: Instant) -> bool {
        self.observed
            .until_quiet(quiet, until.min(self.deadline()))
            .await
    }

    /// Waits until anything happens on the page, at most until `until`.
    pub async fn changed(&self, until: Instant) {
        self.observed.next(until.min(self.deadline())).await;
    }

    /// How many answers have come; a mark for [`Page::answers_since`].
    pub fn mark(&self) -> u64 {
        self.observed.read(|seen| seen.answered)
    }

    /// How many requests the page has sent.
    pub fn requests_sent(&self) -> u64 {
        self.observed.read(|seen| seen.requests_sent)
    }

    /// Waits until the page has sent more than `sent` requests, at most until `until`; says whether it has.
    pub async fn sends(&self, sent: u64, until: Instant) -> bool {
        let until = until.min(self.deadline());
        self.observed
            .until(until, |seen| seen.requests_sent > sent)
            .await
    }

    /// The answers that came after the mark, at most the last 200.
    pub fn answers_since(&self, mark: u64) -> Vec<Answer> {
        self.observed.read(|seen| {
            let new = usize::try_from(seen.answered - mark)
                .unwrap_or(usize::MAX)
                .min(seen.answers.len());
            seen.answers
                .iter()
                .skip(seen.answers.len() - new)
                .cloned()
                .collect()
        })
    }

    /// What alerts, questions and prompts of the page have said since the mark.
    pub fn dialogs_since(&self, mark: u64) -> Vec<String> {
        self.observed.read(|seen| {
            let new = seen.dialogs.iter().filter(|(at, _)| *at >= mark);
            new.map(|(_, text)| text.clone()).collect()
        })
    }

    /// From now on questions of the page (`confirm`) are answered by this; before, each by no.
    pub fn agree(&self, agrees: fn(&str) -> bool) {
        self.observed.note(|seen| seen.agrees = Some(agrees));
    }

    /// How many windows the page has opened.
    pub fn windows(&self) -> u64 {
        self.observed.read(|seen| seen.windows)
    }

    /// Whether the tab is gone: it was closed, or Chromium was lost.
    pub fn is_gone(&self) -> bool {
        self.observed.read(|seen| seen.crashed)
    }

    /// Waits until the tab is gone, at most until `until`; says whether it is.
    pub async fn goes(&self, until: Instant) -> bool {
        self.observed.until(until, |seen| seen.crashed).await;
        self.is_gone()
    }

    /// The console's lines, at most the last 200.
    pub fn console(&self) -> Vec<String> {
        self.observed
            .read(|seen| seen.console.iter().cloned().collect())
    }

    /// Every frame, the page's own first, as far as its events have told.
    pub fn frames(&self) -> Vec<Frame> {
        self.observed.read(|seen| seen.frames.clone())
    }

    /// Every frame, the page's own first, as Chromium has them at this moment.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn frames_now(&self) -> Result<Vec<Frame>, BrowserError> {
        let tree = self
            .call("describe its frames", GetFrameTreeParams::default())
            .await?;
        Ok(flat(tree.frame_tree))
    }

    /// The page's own frame.
    pub fn main_frame(&self) -> Frame {
        self.observed
            .read(|seen| seen.frames.first().cloned())
            .unwrap_or_else(|| Frame {
                id: self.main.clone(),
                url: String::new(),
                origin: String::new(),
            })
    }

    /// The origin of a frame's document as its scripts have it: `null` where a sandbox keeps the document apart, whatever
    /// its URL says.
    ///
    /// # Errors
    /// [`BrowserError::Moved`] where the document went away meanwhile.
    pub async fn origin(&self, frame: &Frame) -> Result<String, BrowserError> {
        let origin = self
            .data(&frame.id, "tell its origin", "self.origin")
            .await?;
        Ok(origin.as_str().unwrap_or_default().to_owned())
    }

    /// A world of our own in a frame; `agent`: with `agent.js` in it.
    pub(super) async fn world(
        &self,
        frame: &FrameId,
        agent: bool,
    ) -> Result<ExecutionContextId, BrowserError> {
        const WHAT: &str = "look at itself";
        let refused = |why| BrowserError::Refused {
            what: WHAT.to_owned(),
            why,
        };
        let known = self.worlds().get(frame).copied();
        let (world, has_agent) = match known {
            Some(known) => known,
            None => {
                let parameters = CreateIsolatedWorldParams::builder()
                    .frame_id(frame.clone())
                    .world_name("jarkeeper")
                    .build()
                    .map_err(refused)?;
                (
                    self.call(WHAT, parameters).await?.execution_context_id,
                    false,
                )
            }
        };
        if agent && !has_agent {
            let script = EvaluateParams::builder()
                .expression(AGENT)
                .context_id(world);
            self.call(WHAT, script.build().map_err(refused)?).await?;
        }
        self.worlds()
            .insert(frame.clone(), (world, agent || has_agent));
        Ok(world)
    }

    fn worlds(&self) -> MutexGuard<'_, HashMap<FrameId, (ExecutionContextId, bool)>> {
        self.worlds
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Evaluates an expression beside the page's own scripts; `by_value` for data, else for an element.
    pub(super) async fn evaluate(
        &self,
        frame: &FrameId,
        what: &str,
        expression: &str,
        by_value: bool,
    ) -> Result<RemoteObject, BrowserError> {
        // A document that was just replaced takes its world with it: once more in the new one.
        for attempt in 0..2 {
            let evaluated = async {
                let world = self.world(frame, expression.starts_with("jk.")).await?;
                let parameters = EvaluateParams::builder()
                    .expression(expression)
                    .context_id(world)
                    .await_promise(true)
                    .return_by_value(by_value)
                    .build()
                    .map_err(|why| BrowserError::Refused {
                        what: what.to_owned(),
                        why,
                    })?;
                self.call(what, parameters).await
            };
            match evaluated.await {
                Ok(answer) => match answer.exception_details {
                    None => return Ok(answer.result),
                    Some(thrown) => {
                        let why = thrown
                            .exception
                            .and_then(|e| e.description)
                            .unwrap_or(thrown.text);
                        let why = why.lines().next().unwrap_or_default().to_owned();
                        return Err(BrowserError::Refused {
                            what: what.to_owned(),
                            why,
                        });
                    }
                },
                Err(BrowserError::Moved(_)) if attempt == 0 => drop(self.worlds().remove(frame)),
                Err(error) => {
                    self.worlds().remove(frame);
                    return Err(error);
                }
            }
        }
        Err(BrowserError::Moved(what.to_owned()))
    }

    pub(super) async fn data(
        &self,
        frame: &FrameId,
        what: &str,
        expression: &str,
    ) -> Result<Value, BrowserError> {
        Ok(self
            .evaluate(frame, what, expression, true)
            .await?
            .value
            .unwrap_or_default())
    }

    /// The DOM of a frame as data.
    ///
    /// # Errors
    /// [`BrowserError::Moved`] where the document went away meanwhile.
    pub async fn snapshot(&self, frame: &Frame) -> Result<Snapshot, BrowserError> {
        const WHAT: &str = "show its contents";
        let look = "jk.secretive() ? null : (jk.forget(), jk.snapshot())";
        let mut value = self.data(&frame.id, WHAT, look).await?;
        if value.is_null() {
            self.disclose(frame).await?;
            let look = "jk.forget(), jk.snapshot()";
            value = self.data(&frame.id, WHAT, look).await?;
        }
        let what = WHAT.to_owned();
        serde_json::from_value(value).map_err(|e| BrowserError::Refused {
            what,
            why: e.to_string(),
        })
    }

    /// The elements of this frame's last snapshot that carry an attribute, or stand in one that does: their numbers and
    /// its values. For measuring on pages whose parts are labelled; detection never asks.
    ///
    /// # Errors
    /// [`BrowserError::Moved`] where the document went away meanwhile.
    pub async fn marked(
        &self,
        frame: &Frame,
        attribute: &str,
    ) -> Result<Vec<(usize, String)>, BrowserError> {
        const WHAT: &str = "show its labels";
        let expression = format!("jk.marked({})", Value::from(attribute));
        let value = self.data(&frame.id, WHAT, &expression).await?;
        serde_json::from_value(value).map_err(|e| BrowserError::Refused {
            what: WHAT.to_owned(),
            why: e.to_string(),
        })
    }

    /// What a frame offers to choose. Its numbers are good together with those of the last snapshot.
    ///
    /// # Errors
    /// [`BrowserError::Moved`] where the document went away meanwhile.
    pub async fn choices(&self, frame: &Frame) -> Result<Vec<Choice>, BrowserError> {
        let what = "show what it offers";
        read(what, self.data(&frame.id, what, "jk.choices()").await?)
    }

    /// What lies over an element that the last snapshot of this frame gave this number, so that no click reaches it.
    ///
    /// # Errors
    /// [`BrowserError::Moved`] where the document went away meanwhile.
    pub async fn over(&self, frame: &Frame, node: usize) -> Result<Option<Overlay>, BrowserError> {
        let what = "show what covers it";
        let script = format!("jk.node({node}) && jk.over(jk.node({node}))");
        read(what, self.data(&frame.id, what, &script).await?)
    }

    /// The element that the last snapshot of this frame gave this number.
    ///
    /// # Errors
    /// [`BrowserError::Moved`] where it is gone.
    pub async fn node(&self, frame: &Frame, node: usize) -> Result<Element, BrowserError> {
        let found = self.element(frame, &format!("jk.node({node})")).await?;
        found.ok_or_else(|| BrowserError::Moved("find an element again".to_owned()))
    }

    /// The element of a locator (the object that `agent.js` takes), where it is there.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] for a selector that Chromium cannot read.
    pub async fn locate(
        &self,
        frame: &Frame,
        locator: &Value,
    ) -> Result<Option<Element>, BrowserError> {
        let expression = format!("jk.locate({locator})");
        let found = self.element(frame, &expression).await?;
        let secretive = async || {
            self.data(&frame.id, "find an element", "jk.secretive()")
                .await
        };
        match found {
            None if secretive().await? == Value::Bool(true) => {
                self.disclose(frame).await?;
                self.element(frame, &expression).await
            }
            found => Ok(found),
        }
    }

    async fn element(
        &self,
        frame: &Frame,
        expression: &str,
    ) -> Result<Option<Element>, BrowserError> {
        let found = self
            .evaluate(&frame.id, "find an element", expression, false)
            .await?;
        Ok(found.object_id.map(|object| Element {
            object,
            frame: frame.clone(),
        }))
    }

    /// The frame inside an `iframe` element.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] where the element holds none.
    pub async fn frame_of(&self, element: &Element) -> Result<Frame, BrowserError> {
        const WHAT: &str = "look into a frame";
        let node = self
            .call(
                WHAT,
                DescribeNodeParams::builder()
                    .object_id(element.object.clone())
                    .build(),
            )
            .await?;
        let frames = self.frames_now().await?;
        node.node
            .frame_id
            .and_then(|id| frames.into_iter().find(|frame| frame.id == id))
            .ok_or_else(|| BrowserError::Refused {
                what: WHAT.to_owned(),
                why: "the element is no frame".to_owned(),
            })
    }

    /// Whether the page's own document would send a cookie of this name.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn has_cookie(&self, name: &str) -> Result<bool, BrowserError> {
        let cookies = self
            .call("give its cookies", GetCookiesParams::default())
            .await?;
        Ok(cookies.cookies.iter().any(|cookie| cookie.name == name))
    }

    /// A picture of what is visible (PNG), with what was typed made unreadable.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn screenshot(&self) -> Result<Vec<u8>, BrowserError> {
        for frame in self.frames_now().await? {
            self.data(&frame.id, "mask its fields", "jk.mask()").await?;
        }
        let parameters = CaptureScreenshotParams::builder()
            .format(CaptureScreenshotFormat::Png)
            .build();
        let shot = self.call("show a picture", parameters).await?;
        let bytes = base64::engine::general_purpose::STANDARD.decode::<&[u8]>(shot.data.as_ref());
        bytes.map_err(|e| BrowserError::Refused {
            what: "show a picture".to_owned(),
            why: e.to_string(),
        })
    }

    /// Draws a labelled frame around elements of this frame's last snapshot, the first of them moved into sight.
    ///
    /// # Errors
    /// The document is gone.
    pub async fn outline(
        &self,
        frame: &Frame,
        labels: &[(usize, String)],
    ) -> Result<(), BrowserError> {
        let expression = format!("jk.outline({})", json!(labels));
        self.data(&frame.id, "draw on itself", &expression).await?;
        Ok(())
    }

    /// The document as HTML. What was typed is not part of it.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn html(&self) -> Result<String, BrowserError> {
        let html = self
            .data(
                &self.main,
                "show its DOM",
                "document.documentElement.outerHTML",
            )
            .await?;
        Ok(html.as_str().unwrap_or_default().to_owned())
    }
}

fn read<T: serde::de::DeserializeOwned>(what: &str, value: Value) -> Result<T, BrowserError> {
    serde_json::from_value(value).map_err(|e| BrowserError::Refused {
        what: what.to_owned(),
        why: e.to_string(),
    })
}

fn flat(tree: FrameTree) -> Vec<Frame> {
    let mut frames = vec![frame(tree.frame)];
    frames.extend(tree.child_frames.into_iter().flatten().flat_map(flat));
    frames
}

pub(super) fn frame(frame: CdpFrame) -> Frame {
    let url = frame
        .url_fragment
        .map_or(frame.url.clone(), |fragment| frame.url.clone() + &fragment);
    Frame {
        id: frame.id,
        url,
        origin: frame.security_origin,
    }
}

/// Waits for one answer of Chromium, at most ten seconds and never past the deadline by more than one.
pub(super) async fn bounded<T>(
    what: &str,
    deadline: Instant,
    answer: impl Future<Output = Result<T, CdpError>>,
) -> Result<T, BrowserError> {
    let began = Instant::now();
    let end = (began + CALL).min(deadline + Duration::from_secs(1));
    match tokio::time::timeout_at(end, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(told(what, error)),
        Err(_) => {
            let after_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            Err(BrowserError::Timeout {
                what: what.to_owned(),
                after_ms,
            })
        }
    }
}

pub(super) fn told(what: &str, error: CdpError) -> BrowserError {
    match error {
        CdpError::Chrome(error) => {
            let gone = [
                "context",
                "navigated",
                "No frame",
                "Could not find node",
                "Cannot find object",
                "not find object",
            ];
            match gone.iter().any(|word| error.message.contains(word)) {
                true => BrowserError::Moved(what.to_owned()),
                false => BrowserError::Refused {
                    what: what.to_owned(),
                    why: error.message,
                },
            }
        }
        CdpError::Timeout => BrowserError::Timeout {
            what: what.to_owned(),
            after_ms: 30_000,
        },
        // The library's other errors may quote messages, and messages may hold secrets.
        CdpError::Serde(_) | CdpError::InvalidMessage(..) => BrowserError::Refused {
            what: what.to_owned(),
            why: "its answer cannot be read".to_owned(),
        },
        _ => BrowserError::Lost(what.to_owned()),
    }
}
