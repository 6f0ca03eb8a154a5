//! What the daemon tells of itself to those who watch over it: numbers, traces, and whether it can do its work.
//!
//! Door: [`Metrics`], [`Traces`], [`Health`]. They are given what happened and what is; they ask nobody. What they tell holds
//! names of sites and ids, and never a value of a cookie, a key, or a path that a caller made up.

mod health;
mod metrics;
mod process;
mod traces;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::renewal::News;

pub use health::{Check, Health};
pub use metrics::{CONTENT_TYPE, Metrics, Now, Request};
pub use traces::Traces;

/// Counts renewals and traces them, until nothing more comes.
pub async fn follow(metrics: Metrics, traces: Traces, health: Health, mut news: Receiver<News>) {
    loop {
        match news.recv().await {
            Ok(News::Ended(report)) => {
                metrics.renewed(&report);
                traces.renewal(&report);
                health.renewed(&report);
            }
            Ok(News::Over) | Err(RecvError::Closed) => return,
            Ok(_) => {}
            Err(RecvError::Lagged(lost)) => {
                tracing::warn!(lost, "some renewals are not counted");
            }
        }
    }
}
