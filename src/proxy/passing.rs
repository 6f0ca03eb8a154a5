//! A stream of events on its way from the model to the caller: byte for byte as it comes, heard, and kept at its end.

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use reqwest::Response;

use super::keeping::{Keeper, kept};
use super::turns::Said;
use crate::llm::{Api, Listening, Llm, Unanswered};

/// The stream broke off: whoever reads it must see that.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the model's answer broke off")]
pub struct Cut;

/// What keeps an answer, and everything that was said before it.
pub(super) struct Reply {
    pub(super) keeper: Keeper,
    pub(super) said: Said,
}

/// An answer under way. Where it is dropped before its end, what was said so far is kept.
struct Passing {
    llm: Llm,
    answer: Response,
    heard: Listening,
    /// `None`: it is kept, or nobody wants it.
    reply: Option<Reply>,
}

/// The bytes of an answer. When the last event passes, the answer is kept.
pub(super) fn pass(
    llm: Llm,
    api: Api,
    answer: Response,
    reply: Option<Reply>,
) -> impl Stream<Item = Result<Bytes, Cut>> + Send + 'static {
    let passing = Passing {
        llm,
        answer,
        heard: Listening::of(api),
        reply,
    };
    unfold(Some(passing), async |passing| {
        let mut passing = passing?;
        let (next, over) = passing.next().await?;
        Some((next, (!over).then_some(passing)))
    })
}

impl Passing {
    /// What passes next, and whether it is the last; `None`: it is over.
    async fn next(&mut self) -> Option<(Result<Bytes, Cut>, bool)> {
        match self.llm.next(&mut self.answer).await {
            Ok(Some(bytes)) => {
                // Whoever has seen the end may ask again at once, and finds what was said.
                if self.heard.hear(&bytes) {
                    self.keep(self.heard.answer().failed).await;
                }
                Some((Ok(bytes), false))
            }
            Ok(None) => {
                let answer = self.heard.answer();
                // Some servers end without the last event; the choices themselves say whether they are whole.
                let whole = answer.done || answer.finished;
                self.keep(!whole).await;
                // What was not heard may have been the end.
                if whole || self.heard.is_deaf() {
                    return None;
                }
                tracing::warn!("the model's server ended its answer in the middle");
                Some((Err(Cut), true))
            }
            Err(why) => {
                let whole = self.heard.answer().done;
                self.keep(!whole).await;
                if whole && why == Unanswered::HungUp {
                    return None;
                }
                tracing::warn!("an answer broke off: {why}");
                Some((Err(Cut), true))
            }
        }
    }

    async fn keep(&mut self, cut: bool) {
        if let Some(Reply { keeper, said }) = self.reply.take() {
            kept(keeper.keep_answer(said, self.heard.answer(), cut)).await;
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // The caller hung up. Outside of the runtime nothing can be kept any more.
        if let Some(Reply { keeper, said }) = self.reply.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            let answer = self.heard.answer();
            keeper.keep_answer(said, answer, !answer.finished);
        }
    }
}
