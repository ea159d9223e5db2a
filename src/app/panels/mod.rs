//! The panels: each reads a [`ViewContext`](super::view::ViewContext) and returns what the user asked for.

pub(super) mod board;
pub(super) mod broker_bar;
pub(super) mod brokers;
pub(super) mod chaos;
pub(super) mod closed_strip;
pub(super) mod closing;
pub(super) mod conflict;
pub(super) mod event_log;
pub(super) mod fault_strip;
pub(super) mod faults;
mod field;
mod foreign_card;
pub(super) mod foreign_light;
pub(super) mod help;
pub(super) mod lessons;
pub(super) mod light_panel;
pub(super) mod overview;
pub(super) mod own_light;
pub(super) mod player_bar;
pub(super) mod timeline;
pub(super) mod toasts;
pub(super) mod topics;
pub(super) mod waiting;
