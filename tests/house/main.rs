//! What the sources themselves must keep: straight arrows between layers, and the field's words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod layers;
mod source;
mod words;
