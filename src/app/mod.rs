//! The window: one client of the world. Data goes one way: a panel returns an `Action`, the window
//! performs it or sends a command, the world answers with events, [`state::State`] takes them in, and the
//! panels show the state.
//!
//! This thread does no I/O and takes no lock that is held for long: events are drained within a budget of
//! time, commands are tried and never waited for.
//!
//! The modules in their order, bottom to top. Each may use those in the rows above it, and none below:
//!
//! | layer | one idea |
//! | --- | --- |
//! | `background` · `clock` · `labels` · `repaint` · `traffic` | threads beside the window · time · names on the screen · when the next frame is due · cars |
//! | `state` | a fold of the world's events |
//! | `world_client` | one world as the window sees it |
//! | `board` · `player` · `selection` · `topics` · `closing` | controllers: each owns one part of the state, and its forms |
//! | `brokers` · `lessons` · `own_light` | controllers that use those |
//! | `foreign_light` | a light becomes somebody else's |
//! | `settings` | what is remembered from run to run |
//! | `settings_file` | the file that it is remembered in |
//! | `theme` · `zoom` · `geometry` | colours and letters · the size of everything · the size of the window |
//! | `action` · `view` | what a panel asks for · what it may look at |
//! | `widgets` | small things that several panels use |
//! | `scene` | the crossing seen from above |
//! | `panels` | everything around the crossing |
//! | `keys` | what the keys do |
//! | `shell` | owns the controllers, draws a frame, performs actions |
//! | `window` | opens the window |

#![allow(missing_docs, reason = "a comment stands where a name does not say all")]

mod action;
mod background;
pub mod board;
pub mod brokers;
pub mod clock;
mod closing;
mod foreign_light;
mod geometry;
mod keys;
mod labels;
mod lessons;
pub mod own_light;
mod panels;
pub mod player;
pub mod repaint;
mod scene;
mod selection;
pub mod settings;
pub mod settings_file;
mod shell;
pub mod state;
mod theme;
mod topics;
mod traffic;
mod view;
mod widgets;
pub mod window;
pub mod world_client;
mod zoom;

pub use shell::TwinlightApp;
