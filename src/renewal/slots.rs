//! Places in the browser: as many as the configuration allows, given to the most urgent, never in a storm.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::{Pace, Urgency, order};

/// Hands out places. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Slots(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    taken: usize,
    room: usize,
    pace: Pace,
    waiting: Vec<(Urgency, oneshot::Sender<Slot>)>,
    /// Whether somebody already waits for the pace to allow the next start.
    timed: bool,
}

/// One place; given back when dropped.
pub(super) struct Slot(Slots);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.state(|state| state.taken -= 1);
        self.0.hand_out();
    }
}

impl Slots {
    /// Waits for a place. `room`: how many there are by the present configuration.
    pub(super) async fn take(&self, urgency: Urgency, room: usize) -> Slot {
        let (give, get) = oneshot::channel();
        self.state(|state| {
            state.room = room;
            state.waiting.push((urgency, give));
        });
        self.hand_out();
        match get.await {
            Ok(slot) => slot,
            // The sender lives in a list that only hands out; it is never dropped unused.
            Err(_) => std::future::pending().await,
        }
    }

    fn hand_out(&self) {
        loop {
            let next = self.state(|state| {
                state.waiting.retain(|(_, give)| !give.is_closed());
                if state.taken >= state.room || state.waiting.is_empty() {
                    return None;
                }
                match state.pace.start(now()) {
                    Ok(()) => {
                        state.taken += 1;
                        order(&mut state.waiting, 1).pop().map(Ok)
                    }
                    Err(at) if !state.timed => {
                        state.timed = true;
                        Some(Err(at))
                    }
                    Err(_) => None,
                }
            });
            match next {
                // One who no longer waits gives the place back by dropping it.
                Some(Ok(give)) => drop(give.send(Slot(self.clone()))),
                Some(Err(at)) => {
                    let slots = self.clone();
                    tokio::spawn(async move {
                        let wait = at.signed_duration_since(now()).to_std().unwrap_or_default();
                        tokio::time::sleep(wait).await;
                        slots.state(|state| state.timed = false);
                        slots.hand_out();
                    });
                    return;
                }
                None => return,
            }
        }
    }

    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(
            &mut self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

fn now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_most_urgent_goes_first_and_a_place_that_nobody_wants_any_more_comes_back() {
        let slots = Slots::default();
        let held = slots.take(Urgency::Open, 1).await;
        let mut waiting = Vec::new();
        for urgency in [
            Urgency::Open,
            Urgency::Expired(Utc::now()),
            Urgency::Ends(Utc::now()),
        ] {
            let slots = slots.clone();
            let (told, first) = oneshot::channel();
            let task = tokio::spawn(async move {
                let mut take = Box::pin(slots.take(urgency, 1));
                // Polled once, so that it stands in the list before the next one comes.
                let early = futures::poll!(&mut take);
                assert!(early.is_pending());
                told.send(()).unwrap();
                let _slot = take.await;
                urgency
            });
            first.await.unwrap();
            waiting.push(task);
        }
        waiting.remove(2).abort();
        drop(held);
        let second = waiting.pop().unwrap().await.unwrap();
        assert!(matches!(second, Urgency::Expired(_)));
        assert_eq!(waiting.pop().unwrap().await.unwrap(), Urgency::Open);
    }
}
