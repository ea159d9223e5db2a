//! What the sources themselves must keep: straight arrows between layers, the field's words, and
//! messages whose advice stands apart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod advice;
mod layers;
mod source;
mod words;
