//! What all layers share, and what depends on none of them.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`diagnostic`] | a message for a person, and what to do about it |

pub mod diagnostic;

pub use diagnostic::Diagnostic;
