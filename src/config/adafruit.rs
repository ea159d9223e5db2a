//! Adafruit IO: whether the lights speak its dialect, and whether the embedded broker is to be like it.

use std::collections::HashMap;

use traffic_light::{Demand, Timing, feeds};

use super::{
    junction::Junction,
    table::{Member, Reader, Table},
};
use crate::fault::MOST_PER_MINUTE;

/// Feeds of a free account; more cost money.
const FREE_FEEDS: usize = 10;

/// The embedded broker is to be like Adafruit IO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulated {
    /// The account's name; every topic begins with it.
    pub user: String,
    /// The publishes of a sliding minute that pass.
    pub per_minute: u32,
}

/// The lights meet on feeds of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feeds {
    /// The account's name; every topic begins with it.
    pub user: String,
    /// The publishes of a sliding minute that it may make, of all its clients together.
    pub per_minute: u32,
    /// Whether this program keeps below that, and pauses when it is told to. Without, bans can be shown.
    pub budget: bool,
}

/// What `[broker]` says of Adafruit IO.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) emulated: Option<Emulated>,
    pub(super) feeds: Option<Feeds>,
}

/// Reads what the broker is to be like and what is spoken with it. `user` is the login's.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, embedded: bool, user: Option<&str>) -> Said {
    let emulate = table.member("emulate");
    let emulates = emulate.as_ref().and_then(|member| {
        if !embedded {
            reader.wrong(member, ("only the embedded broker can imitate Adafruit IO", "remove emulate"));
            return None;
        }
        reader.choice(member, &[("nothing", false), ("adafruit", true)])
    });
    let emulates = emulates == Some(true);
    let dialect = table.member("dialect");
    let speaks = match &dialect {
        Some(member) => reader.choice(member, &[("standard", false), ("adafruit", true)]).unwrap_or_default(),
        None => emulates,
    };
    let per_minute = table.member("quota_per_minute").and_then(|member| {
        if !emulates && !speaks {
            reader
                .wrong(&member, ("only Adafruit IO has a quota", "remove it, or add dialect = \"adafruit\""));
        }
        reader.number(&member, 1..=MOST_PER_MINUTE)
    });
    let per_minute = per_minute.unwrap_or(feeds::PUBLISHES_PER_MINUTE);
    let budget = table.member("budget").and_then(|member| {
        if !speaks {
            reader.wrong(&member, ("a budget goes with dialect = \"adafruit\"", "remove it"));
        }
        reader.flag(&member)
    });
    let Some(member) = emulate.filter(|_| emulates).or_else(|| dialect.filter(|_| speaks)) else {
        return Said::default();
    };
    let Some(user) = checked(reader, table, &member, user) else { return Said::default() };
    Said {
        emulated: emulates.then(|| Emulated { user: user.to_owned(), per_minute }),
        feeds: speaks.then(|| Feeds { user: user.to_owned(), per_minute, budget: budget.unwrap_or(true) }),
    }
}

/// An account's name, with which every topic begins.
fn checked<'u>(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    asks: &Member<'_>,
    user: Option<&'u str>,
) -> Option<&'u str> {
    match user {
        // What is wrong with a half login was told when it was read.
        None if table.member("user").is_some() || table.member("password").is_some() => None,
        None => {
            reader.wrong(
                asks,
                (
                    "Adafruit IO has accounts",
                    "add user = \"${AIO_USER}\" and password = \"${AIO_KEY}\", the account's name and key (on an \
                     emulated one, any)",
                ),
            );
            None
        }
        Some(user) if !feeds::is_account(user) => {
            reader.wrong(
                table.member("user").as_ref().unwrap_or(asks),
                (
                    "every topic begins with the account's name, which has no /, +, # or space",
                    "give the name alone",
                ),
            );
            None
        }
        user => user,
    }
}

impl Feeds {
    /// The timings with which `lights` share the account; `None` where they are too many, which the reader
    /// then knows of.
    pub(super) fn timing(&self, reader: &mut Reader<'_>, top: &Table<'_>, lights: u32) -> Option<Timing> {
        let timing = Timing::on_account(lights, self.per_minute);
        if timing.is_none() {
            let message = format!(
                "{lights} lights on an account with {} publishes a minute would take minutes for everything",
                self.per_minute
            );
            let help = "run fewer, or add quota_per_minute = 60 where the account has that (IO+)";
            match place(top) {
                Some(member) => reader.wrong(&member, (message, help)),
                None => reader.problems.add(top.span.clone(), "broker.dialect", (message, help)),
            }
        }
        timing
    }

    /// Refuses what would not work on feeds, and warns of what costs.
    pub(super) fn check(&self, reader: &mut Reader<'_>, top: &Table<'_>, junctions: &[Junction]) {
        if let Some(member) = top.member("root") {
            reader.wrong(
                &member,
                ("Adafruit IO has feeds and no free topics, so no root topic either", "remove root"),
            );
        }
        let Some(place) = place(top) else { return };
        let mut taken = HashMap::new();
        for junction in junctions {
            for light in junction.light_ids() {
                let mut of_light = vec![(feeds::state_feed(&light.junction, &light.light), "")];
                if junction.demand() == Demand::Call {
                    of_light.push((feeds::call_feed(&light.junction, &light.light), "the button of "));
                }
                for (feed, what) in of_light {
                    let ours = format!("{what}{light}");
                    if let Some(theirs) = taken.insert(feed.clone(), ours.clone()) {
                        let message = format!("{theirs} and {ours} would share the feed {feed}");
                        let place = top.member("junction").unwrap_or_else(|| place.clone());
                        reader.wrong(&place, (message, "give one of them another name"));
                    }
                }
            }
        }
        if taken.len() > FREE_FEEDS && self.per_minute <= feeds::PUBLISHES_PER_MINUTE {
            let text =
                format!("these lights need {} feeds, and a free account has {FREE_FEEDS}", taken.len());
            reader.warn(&place, text);
        }
        self.warn_of_timings(reader, top.member("timing").as_ref().unwrap_or(&place), junctions);
    }

    fn warn_of_timings(&self, reader: &mut Reader<'_>, place: &Member<'_>, junctions: &[Junction]) {
        let mut most = Some(0_u32);
        for junction in junctions {
            let lights = u32::try_from(junction.lights().len()).unwrap_or(u32::MAX);
            let each = junction.timing().most_per_minute();
            most = most.zip(each).map(|(most, each)| most.saturating_add(each.saturating_mul(lights)));
        }
        let much = match most {
            Some(most) if most <= self.per_minute => return,
            Some(most) => format!("up to {most} times a minute"),
            None => "without a limit of their own".to_owned(),
        };
        let held_back =
            if self.budget { "some of it will be held back" } else { "the account will be banned" };
        let message = format!(
            "with these timings the lights publish {much}, and the account may {} times: {held_back}",
            self.per_minute
        );
        reader.warn(place, (message, "leave the timings out, and they are made to fit"));
    }
}

/// Where a file says that the lights are on feeds.
fn place<'a>(top: &Table<'a>) -> Option<Member<'a>> {
    let table = top.member("broker").and_then(|member| member.peek_table());
    table.and_then(|table| table.member("dialect").or_else(|| table.member("emulate")))
}
