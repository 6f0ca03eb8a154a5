//! What a recipe means.
//!
//! Owns: `sites/NAME.toml`, its keys and what they mean. Door: [`load()`], [`Recipes`]. It knows no browser and no secret: of a
//! secret it knows where it comes from.

mod load;
mod read;
pub mod recipe;
mod shape;
pub mod source;
mod write;

pub use load::{Loaded, Recipes, load};
pub use recipe::Recipe;
pub use write::Draft;
