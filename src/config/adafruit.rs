//! Adafruit IO: whether the lights speak its dialect, and whether the embedded broker is to be like it.

use super::table::{Reader, Table};
use crate::world::fault::{MOST_PER_MINUTE, USUAL_PER_MINUTE};

/// The embedded broker is to be like Adafruit IO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulated {
    /// The account's name; every topic begins with it.
    pub user: String,
    /// The publishes of a sliding minute that pass.
    pub per_minute: u32,
}

/// Reads what the embedded broker is to be like.
pub(super) fn read_emulated(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    user: Option<&str>,
) -> Option<Emulated> {
    let member = table.member("emulate")?;
    let adafruit = reader.choice(&member, &[("nothing", false), ("adafruit", true)])?;
    if !adafruit {
        return None;
    }
    let Some(user) = user else {
        reader.wrong(
            &member,
            "Adafruit IO has accounts; add user = \"class\" and password = \"any-key\", which the clients then log in \
             with",
        );
        return None;
    };
    Some(Emulated { user: user.to_owned(), per_minute: read_per_minute(reader, table) })
}

/// The publishes of a sliding minute that the account may make.
pub(super) fn read_per_minute(reader: &mut Reader<'_>, table: &Table<'_>) -> u32 {
    table
        .member("quota_per_minute")
        .and_then(|member| reader.number(&member, 1..=MOST_PER_MINUTE))
        .unwrap_or(USUAL_PER_MINUTE)
}
