//! The events of one tab, turned into what [`Observed`] keeps.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::inspector::EventTargetCrashed;
use chromiumoxide::cdp::browser_protocol::log::EventEntryAdded;
use chromiumoxide::cdp::browser_protocol::network::{
    EventLoadingFailed, EventLoadingFinished, EventRequestWillBeSent, EventResponseReceived,
    ResourceType,
};
use chromiumoxide::cdp::browser_protocol::page::{
    DialogType, EventDomContentEventFired, EventFrameAttached, EventFrameDetached,
    EventFrameNavigated, EventJavascriptDialogOpening, EventNavigatedWithinDocument,
    EventWindowOpen, FrameDetachedReason, FrameId, HandleJavaScriptDialogParams,
};
use chromiumoxide::cdp::js_protocol::runtime::EventConsoleApiCalled;
use chrono::{TimeDelta, Utc};
use futures::FutureExt;
use futures::stream::{BoxStream, SelectAll, StreamExt};
use serde_json::Value;
use tokio::time::Instant;

use super::error::BrowserError;
use super::observed::{Answer, Observed, UnderWay};
use super::page::{Frame, frame, told};

/// Alerts that are dismissed before the page is given up as one that only makes alerts.
const MOST_DIALOGS: u32 = 50;

/// How long the library may take to hand out what it read of Chromium at once.
const TOGETHER: Duration = Duration::from_millis(1);

pub(super) enum Event {
    Attached(Arc<EventFrameAttached>),
    Detached(Arc<EventFrameDetached>),
    Navigated(Arc<EventFrameNavigated>),
    Within(Arc<EventNavigatedWithinDocument>),
    DomReady,
    Request(Arc<EventRequestWillBeSent>),
    Answer(Arc<EventResponseReceived>),
    Finished(Arc<EventLoadingFinished>),
    Failed(Arc<EventLoadingFailed>),
    Dialog(Arc<EventJavascriptDialogOpening>),
    Window,
    Console(Arc<EventConsoleApiCalled>),
    Log(Arc<EventEntryAdded>),
    Crashed,
}

pub(super) async fn events(
    page: &chromiumoxide::Page,
) -> Result<SelectAll<BoxStream<'static, Event>>, BrowserError> {
    let lost = |error| told("tell its events", error);
    let mut all = SelectAll::new();
    all.push(
        page.event_listener::<EventFrameAttached>()
            .await
            .map_err(lost)?
            .map(Event::Attached)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventFrameDetached>()
            .await
            .map_err(lost)?
            .map(Event::Detached)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventFrameNavigated>()
            .await
            .map_err(lost)?
            .map(Event::Navigated)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventNavigatedWithinDocument>()
            .await
            .map_err(lost)?
            .map(Event::Within)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventDomContentEventFired>()
            .await
            .map_err(lost)?
            .map(|_| Event::DomReady)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventRequestWillBeSent>()
            .await
            .map_err(lost)?
            .map(Event::Request)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventResponseReceived>()
            .await
            .map_err(lost)?
            .map(Event::Answer)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventLoadingFinished>()
            .await
            .map_err(lost)?
            .map(Event::Finished)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventLoadingFailed>()
            .await
            .map_err(lost)?
            .map(Event::Failed)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventJavascriptDialogOpening>()
            .await
            .map_err(lost)?
            .map(Event::Dialog)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventWindowOpen>()
            .await
            .map_err(lost)?
            .map(|_| Event::Window)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventConsoleApiCalled>()
            .await
            .map_err(lost)?
            .map(Event::Console)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventEntryAdded>()
            .await
            .map_err(lost)?
            .map(Event::Log)
            .boxed(),
    );
    all.push(
        page.event_listener::<EventTargetCrashed>()
            .await
            .map_err(lost)?
            .map(|_| Event::Crashed)
            .boxed(),
    );
    Ok(all)
}

impl Event {
    /// Its place among events of the same moment: a request before its answer, an answer before its end.
    fn rank(&self) -> u8 {
        match self {
            Self::Request(_) => 0,
            Self::Answer(_) => 1,
            Self::Navigated(_) | Self::Within(_) => 2,
            Self::DomReady | Self::Attached(_) => 3,
            Self::Dialog(_) | Self::Window | Self::Console(_) | Self::Log(_) => 4,
            Self::Finished(_) | Self::Failed(_) | Self::Detached(_) => 5,
            Self::Crashed => 6,
        }
    }
}

/// The next events, in order. Each kind comes over a channel of its own, so that the end of a short request may be
/// read before its beginning: what belongs together is taken together.
async fn together(events: &mut SelectAll<BoxStream<'static, Event>>) -> Option<Vec<Event>> {
    let mut batch = vec![events.next().await?];
    tokio::time::sleep(TOGETHER).await;
    while let Some(Some(event)) = events.next().now_or_never() {
        batch.push(event);
    }
    batch.sort_by_key(Event::rank);
    Some(batch)
}

pub(super) async fn listen(
    page: chromiumoxide::Page,
    mut events: SelectAll<BoxStream<'static, Event>>,
    main: FrameId,
    observed: Arc<Observed>,
) {
    let mut dialogs = 0;
    let mut documents: HashMap<String, String> = HashMap::new();
    while let Some(batch) = together(&mut events).await {
        for event in batch {
            match event {
                Event::Attached(event) => observed.note(|seen| {
                    let frame = Frame {
                        id: event.frame_id.clone(),
                        url: String::new(),
                        origin: String::new(),
                    };
                    if !seen.frames.contains(&frame) {
                        seen.frames.push(frame);
                    }
                }),
                Event::Detached(event) => observed.note(|seen| {
                    if event.reason != FrameDetachedReason::Swap {
                        seen.frames.retain(|frame| frame.id != event.frame_id);
                    }
                }),
                Event::Navigated(event) => observed.note(|seen| {
                    if event.frame.id == main {
                        // A new document takes the frames of the old one away, and nothing tells of each.
                        seen.frames.clear();
                        // What the old one had under way ends with it, and nothing tells of that either.
                        let document = event.frame.loader_id.inner();
                        seen.in_flight
                            .retain(|_, request| request.document == *document);
                    }
                    seen.frame(frame(event.frame.clone()));
                    if event.frame.security_origin.starts_with("http") {
                        seen.origins.insert(event.frame.security_origin.clone());
                    }
                    if event.frame.id == main {
                        seen.url = event.frame.url.clone();
                    }
                }),
                Event::Within(event) => observed.note(|seen| {
                    if event.frame_id == main {
                        seen.url = event.url.clone();
                    }
                }),
                Event::DomReady => observed.note(|seen| seen.documents += 1),
                Event::Request(event) => {
                    let kind = event.r#type.clone();
                    let id = event.request_id.inner().clone();
                    let is_document = kind == Some(ResourceType::Document)
                        && event.frame_id.as_ref() == Some(&main);
                    if is_document {
                        documents.insert(id.clone(), event.request.url.clone());
                    }
                    observed.note(|seen| {
                        seen.requests_sent += 1;
                        // A redirect is an answer too, and its request goes on under the same id.
                        if let Some(answer) = &event.redirect_response {
                            let sent = seen.sending.contains(&id);
                            let (url, status) = (answer.url.clone(), answer.status);
                            seen.answer(Answer {
                                url,
                                status: code(status),
                                document: is_document,
                                sent,
                                read: false,
                                retry_after: None,
                                challenge: None,
                            });
                        }
                        let sends =
                            matches!(event.request.method.as_str(), "POST" | "PUT" | "PATCH");
                        match sends {
                            true => seen.sending.insert(id.clone()),
                            false => seen.sending.remove(&id),
                        };
                        let by_script =
                            matches!(kind, Some(ResourceType::Xhr | ResourceType::Fetch));
                        if by_script && event.request.method == "GET" {
                            seen.reading.insert(id.clone());
                        }
                        let keeps_open = matches!(
                            kind,
                            Some(
                                ResourceType::EventSource
                                    | ResourceType::WebSocket
                                    | ResourceType::Media
                                    | ResourceType::Ping
                                    | ResourceType::Prefetch
                            )
                        );
                        if !keeps_open {
                            let request = UnderWay {
                                began: Instant::now(),
                                patient: is_document || sends,
                                document: event.loader_id.inner().clone(),
                            };
                            seen.in_flight.insert(id.clone(), request);
                        }
                    });
                }
                Event::Answer(event) => {
                    let id = event.request_id.inner();
                    let wanted = matches!(
                        event.r#type,
                        ResourceType::Document | ResourceType::Xhr | ResourceType::Fetch
                    );
                    let document = documents.contains_key(id);
                    observed.note(|seen| {
                        // An answer of an open stream comes and never ends.
                        if event.r#type == ResourceType::EventSource
                            || event.response.mime_type == "text/event-stream"
                        {
                            seen.in_flight.remove(id);
                        }
                        if wanted {
                            let sent = seen.sending.contains(id);
                            let read = seen.reading.contains(id);
                            seen.answer(Answer {
                                url: event.response.url.clone(),
                                status: code(event.response.status),
                                document,
                                sent,
                                read,
                                retry_after: retry_after(event.response.headers.inner()),
                                challenge: header(
                                    event.response.headers.inner(),
                                    "www-authenticate",
                                )
                                .filter(|_| event.response.status == 401)
                                .map(str::to_owned),
                            });
                        }
                    });
                }
                Event::Finished(event) => observed.note(|seen| {
                    documents.remove(event.request_id.inner());
                    seen.in_flight.remove(event.request_id.inner());
                    seen.sending.remove(event.request_id.inner());
                    seen.reading.remove(event.request_id.inner());
                }),
                Event::Failed(event) => {
                    let document = documents.remove(event.request_id.inner());
                    observed.note(|seen| {
                        seen.in_flight.remove(event.request_id.inner());
                        seen.sending.remove(event.request_id.inner());
                        seen.reading.remove(event.request_id.inner());
                        match document {
                            // A navigation that another one replaces is told as aborted.
                            Some(_)
                                if event.canceled == Some(true)
                                    || event.error_text == "net::ERR_ABORTED" => {}
                            Some(url) => {
                                seen.failed_document = Some((url, event.error_text.clone()))
                            }
                            None => {}
                        }
                    });
                }
                Event::Dialog(event) => {
                    dialogs += 1;
                    observed.note(|seen| {
                        seen.console(format!("[dialog] {}", event.message));
                        if event.r#type != DialogType::Beforeunload {
                            seen.dialog(&event.message);
                        }
                    });
                    if dialogs > MOST_DIALOGS {
                        observed.note(|seen| seen.crashed = true);
                        continue;
                    }
                    let agrees = observed.read(|seen| seen.agrees);
                    let yes = match event.r#type {
                        DialogType::Beforeunload => true,
                        DialogType::Confirm => agrees.is_some_and(|agrees| agrees(&event.message)),
                        _ => false,
                    };
                    let page = page.clone();
                    // Not awaited here: the answer comes over the same events.
                    tokio::spawn(async move {
                        let _ = page.execute(HandleJavaScriptDialogParams::new(yes)).await;
                    });
                }
                Event::Window => observed.note(|seen| seen.windows += 1),
                Event::Console(event) => {
                    let text = event.args.iter().map(|arg| match &arg.value {
                        Some(Value::String(text)) => text.clone(),
                        Some(value) => value.to_string(),
                        None => arg.description.clone().unwrap_or_default(),
                    });
                    observed.note(|seen| {
                        seen.console(format!(
                            "[{:?}] {}",
                            event.r#type,
                            text.collect::<Vec<_>>().join(" ")
                        ))
                    });
                }
                Event::Log(event) => {
                    observed.note(|seen| {
                        seen.console(format!("[{:?}] {}", event.entry.level, event.entry.text))
                    });
                }
                Event::Crashed => observed.note(|seen| seen.crashed = true),
            }
        }
    }
    // Chromium is gone, and the connection with it.
    observed.note(|seen| seen.crashed = true);
}

fn code(status: i64) -> u16 {
    u16::try_from(status).unwrap_or(0)
}

fn header<'h>(headers: &'h Value, wanted: &str) -> Option<&'h str> {
    let mut headers = headers.as_object()?.iter();
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    value.as_str()
}

fn retry_after(headers: &Value) -> Option<TimeDelta> {
    crate::failure::retry_after(header(headers, "retry-after")?, Utc::now())
}
