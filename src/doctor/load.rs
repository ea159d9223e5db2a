//! What the lights of a configuration will do on a broker: neither more nor less is asked of it.

use traffic_light::{Aspect, Key, LightConfig, Name, Need, State, Status, message::Give};

use crate::config::{Config, Junction};

/// More junctions are not tried for a moment: if eight are allowed, so are the others.
const MOST_JUNCTIONS: usize = 8;
/// A number of a run, a number of a message and a time since the start, as they are after a year.
const BOOT: u32 = 1_800_000_000;
const SEQ: u32 = 63_072_000;
const AT_MS: u64 = 31_536_000_000;
const TURN: u32 = 1_000_000;
const LEASE_MS: u32 = 30_000;

/// What lights will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The first of the junctions.
    pub junctions: Vec<JunctionLoad>,
    /// Sessions at one time, that of the program itself among them.
    pub sessions: usize,
}

/// What the lights of one junction will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JunctionLoad {
    pub name: String,
    /// The lights whose topics are used; the first is one that runs here, where there is one.
    pub lights: Vec<String>,
    /// Topics of somebody else's lights that are listened to.
    pub foreign: Vec<String>,
    /// The most bytes of a message.
    pub longest: usize,
    /// What the first light leaves behind when it stops.
    pub goodbye: Vec<u8>,
}

impl Load {
    /// That of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Load {
        let lights = config.junctions.iter().map(|junction| junction.virtual_lights().count());
        let boards = config.board_ports().count();
        Load {
            junctions: config
                .junctions
                .iter()
                .take(MOST_JUNCTIONS)
                .map(|junction| JunctionLoad::of(config.root.as_str(), junction))
                .collect(),
            sessions: 1 + boards + lights.sum::<usize>(),
        }
    }

    /// The most bytes of any message.
    pub(super) fn longest(&self) -> usize {
        self.junctions.iter().map(|junction| junction.longest).max().unwrap_or_default()
    }
}

impl JunctionLoad {
    fn of(root: &str, junction: &Junction) -> JunctionLoad {
        let own = junction.virtual_lights().next().map(LightConfig::name);
        let others = junction.lights().filter(|light| Some(*light) != own);
        let lights: Vec<&Name> = own.into_iter().chain(others).collect();
        let topic = |light: &Name, last: &str| format!("{root}/{}/{light}/{last}", junction.name());
        let configs = junction.light_configs().iter();
        let longest =
            configs.map(|light| longest(light, &topic(light.name(), "state"), junction.key())).max();
        let goodbye =
            lights.first().map(|light| Status::offline().encode(&topic(light, "status"), junction.key()));
        JunctionLoad {
            name: junction.name().to_string(),
            lights: lights.iter().map(ToString::to_string).collect(),
            foreign: junction.foreign_lights().map(|(_, foreign)| foreign.says().to_owned()).collect(),
            longest: longest.unwrap_or_default(),
            goodbye: goodbye.map(|message| message.to_vec()).unwrap_or_default(),
        }
    }
}

/// The bytes of a light's longest message: it wants green, and promises something to each of the others.
fn longest(light: &LightConfig, topic: &str, key: Option<&Key>) -> usize {
    let mut state = State::new(Aspect::RedAmber, BOOT, SEQ, AT_MS);
    state.need = Some(Need { turn: TURN });
    for peer in light.peers() {
        let give = Give { to: peer.clone(), boot: BOOT, seq: SEQ, ms: LEASE_MS };
        // There is room for each of its peers.
        let _ = state.give.push(give);
    }
    state.encode(topic, key).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Load {
        Load::of(&Config::from_toml(text, "my.toml", &|_| None).unwrap())
    }

    #[test]
    fn a_pair_has_three_sessions_and_a_signed_message_is_longer() {
        let plain = load("[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\nrun = [\"b\"]\n");
        assert_eq!((plain.sessions, plain.junctions.len()), (2, 1));
        assert_eq!(plain.junctions[0].lights, ["b", "a"]);
        assert!((150..200).contains(&plain.longest()), "{}", plain.longest());
        let keyed = load("[[junction]]\nname = \"demo\"\nkey = \"0123456789abcdef0123456789abcdef\"\n");
        assert_eq!(keyed.sessions, 3);
        assert!((190..256).contains(&keyed.longest()), "{}", keyed.longest());
    }

    #[test]
    fn eight_lights_fill_a_message_and_no_more() {
        let many = load(
            "[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\"]\n",
        );
        assert!((440..=traffic_light::MAX_MESSAGE_BYTES).contains(&many.longest()), "{}", many.longest());
        assert_eq!(many.sessions, 9);
    }
}
