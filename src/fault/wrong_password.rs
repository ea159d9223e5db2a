//! The light logs in with a password that is not the broker's.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Stroke};

/// The light logs in with a password that is not the broker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WrongPassword;

pub(super) const ABOUT: About = About {
    name: "wrong-password",
    title: "Wrong password",
    meaning: "It logs in with a password that is not the broker's.",
    sign: &[
        Stroke::Arc(-0.34, 0.0, 0.24, 0.0, 1.0),
        Stroke::Line(&[(-0.1, 0.0), (0.66, 0.0), (0.66, 0.3)]),
        Stroke::Line(&[(0.36, 0.0), (0.36, 0.24)]),
    ],
    needs_login: true,
    board: Some("write a record with a wrong password to it"),
    ..About::LIGHT
};

pub(super) const EXAMPLE: WrongPassword = WrongPassword;

impl Definition for WrongPassword {}
