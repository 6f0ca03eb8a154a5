//! What a recipe means.
//!
//! Owns: `sites/NAME.toml`, its keys and what they mean. Door: [`load()`], [`Recipes`]; [`Draft`] and
//! [`save()`] for the commands that make recipes. It knows no browser and no secret: of a
//! secret it knows where it comes from.

mod load;
mod naming;
mod read;
pub mod recipe;
mod save;
mod shape;
pub mod source;
mod write;

pub use load::{Loaded, Recipes, load};
pub use naming::name_for;
pub use recipe::Recipe;
pub use save::save;
pub use write::Draft;
