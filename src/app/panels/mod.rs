//! The panels: each reads a [`ViewContext`](super::view::ViewContext) and returns what the user asked for.

pub mod board;
pub mod broker_bar;
pub mod brokers;
pub mod chaos;
pub mod closing;
pub mod conflict;
pub mod event_log;
pub mod fault_strip;
pub mod faults;
pub mod help;
pub mod lessons;
pub mod light_panel;
pub mod overview;
pub mod player_bar;
pub mod timeline;
pub mod topics;
pub mod waiting;
