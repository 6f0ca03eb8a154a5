//! What a recipe means.
pub mod recipe;
pub use recipe::Recipe;
