//! What anybody may register, where registration is open, and what becomes of it where nobody claims it.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::{MissedTickBehavior, interval};

use super::{Registry, RegistryError};

/// Most instances that are nobody's who is known: in all, and of one such person.
pub(super) const MOST: (u32, u32) = (100_000, 100);
/// An instance that is nobody's and was not used for so long since it was made goes.
const UNUSED: TimeDelta = TimeDelta::days(30);
/// How often that is looked for.
const TIDY: Duration = Duration::from_secs(3600);

impl Registry {
    /// Forgets what strangers registered and never used, again and again.
    pub async fn sweep(self) {
        let mut clock = interval(TIDY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            if let Err(error) = self.tidy().await {
                tracing::warn!("what nobody uses in the registry was not forgotten: {error}");
            }
        }
    }

    pub(super) async fn tidy(&self) -> Result<(), RegistryError> {
        let before = (self.0.clock)() - UNUSED;
        Ok(self.0.store.forget_unused_instances(before).await?)
    }
}
