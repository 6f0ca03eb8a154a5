//! Windows that a login opens: which of them is worked in, and how the page that opened one goes on.

use std::time::Duration;

use tokio::time::Instant;

use crate::browser::Page;
use crate::failure::Failure;

use super::auto::Way;
use super::entry::SIGN;
use super::prove::Inside;
use super::typing::{allowed, open_frames};
use super::{AGAIN, Attempt, QUIET};

/// How long a window may take to come to a place where it can be judged.
const FORM: Duration = Duration::from_secs(12);

/// Whether the page has opened a window that was not looked at yet.
pub(super) fn opens(inside: &Inside<'_>, page: &Page, way: &Way) -> bool {
    let looked = u64::try_from(way.windows.len()).unwrap_or(u64::MAX);
    page.windows() > looked && std::ptr::eq(page, inside.context.page())
}

/// A window that the page has opened and that was not looked at yet, where credentials are allowed in it. Others are
/// closed.
pub(super) async fn window(
    inside: &Inside<'_>,
    page: &Page,
    attempt: &Attempt<'_>,
    way: &mut Way,
) -> Result<Option<Box<Page>>, Failure> {
    if !opens(inside, page, way) {
        return Ok(None);
    }
    let Some(window) = inside.context.window(&way.windows).await? else {
        return Ok(None);
    };
    // It begins empty, and a sign-on leads over several places.
    let until = (Instant::now() + FORM).min(page.deadline());
    while !window.is_gone() && Instant::now() < until {
        let settled = window.settle(AGAIN, until).await;
        if settled && window.main_frame().origin.starts_with("http") {
            break;
        }
        window.changed(Instant::now() + AGAIN).await;
    }
    if !open_frames(&window, attempt.recipe).await?.is_empty() {
        return Ok(Some(Box::new(window)));
    }
    way.windows.push(window.name().to_owned());
    way.foreign = Some(window.main_frame().origin);
    inside.context.close(&window).await;
    Ok(None)
}

/// Goes on in the page that opened a window, where the window stays open: what the window shows is what counts.
pub(super) async fn come_back(
    inside: &Inside<'_>,
    page: &Page,
    window: &Page,
    attempt: &Attempt<'_>,
    way: &Way,
) -> Result<(), Failure> {
    let there = url::Url::parse(&window.url()).ok();
    inside.context.close(window).await;
    let own = |url: &url::Url| allowed(attempt.recipe, &url.origin().ascii_serialization());
    if let Some(url) = there.filter(|url| way.entered && own(url)) {
        page.goto(&url).await?;
    }
    page.settle(QUIET, Instant::now() + SIGN).await;
    Ok(())
}
