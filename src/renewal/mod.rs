//! When and whether a session is renewed.
//!
//! Owns: the [`Record`] of each session, the [`Ledger`] of each account, and the rules over both. The rules are pure:
//! the clock, the record, the recipe and the random source come in, a decision or a new record goes out. [`schedule`],
//! [`Queue`] and [`Renewer`] read the clock and act.
//!
//! Door: [`Queue::submit`] for every cause. Behind it [`decide`] says what to do now, [`apply`] folds in what came of it,
//! [`next_wake`] says when to ask again, and [`Ledger::permit`] has the last word before a submit.

mod backoff;
mod by_hand;
mod combine;
mod condition;
mod demand;
mod ledger;
mod life;
mod news;
mod order;
mod outcome;
mod passkey;
mod policy;
mod queue;
mod record;
pub mod schedule;
mod share;
mod shelf;
mod slots;
mod trial;
mod view;
mod work;
mod worker;

pub use condition::Condition;
pub use demand::Unmet;
pub use ledger::{Event, Ledger, line, mark, secret_tag, spent, verdict};
pub use life::{Horizon, horizon};
pub use news::News;
pub use order::{Pace, Urgency, order, spread, urgency};
pub use outcome::{Outcome, apply, forget, hold, release};
pub use policy::{Cause, Decision, Plan, Reason, decide, enough, next_wake};
pub use queue::Queue;
pub use record::{Backoff, Entry, Happened, Hold, LastFailure, Life, Parked, Record};
pub use shelf::{Rendered, Unread};
pub use trial::{Lost, Trial};
pub use view::{Freshness, Held, View, freshness, held, view};
pub use worker::{How, Kept, Renewer, Report};
