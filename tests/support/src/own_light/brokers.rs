//! The brokers on which lights are played.

use super::{Address, Light};
use crate::{Mosquitto, guarded};

/// The broker behind the light's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    Embedded,
    Mosquitto,
    /// The embedded broker with Adafruit IO's topics and quotas.
    Adafruit,
}

const LOGIN: (&str, &str) = ("king", "arthur");

impl Broker {
    pub const ALL: [Broker; 3] = [Broker::Embedded, Broker::Mosquitto, Broker::Adafruit];

    pub fn name(self) -> &'static str {
        match self {
            Broker::Embedded => "embedded",
            Broker::Mosquitto => "mosquitto",
            Broker::Adafruit => "adafruit",
        }
    }
}

/// A broker, and what a configuration says of it.
pub(super) struct Behind {
    broker: Broker,
    pub(super) toml: String,
    login: Option<(&'static str, &'static str)>,
    mosquitto: Option<Mosquitto>,
}

impl Behind {
    pub(super) fn start(broker: Broker, guard: bool) -> Behind {
        let login = match broker {
            Broker::Adafruit => Some(("class", "any-key")),
            _ => guard.then_some(LOGIN),
        };
        let members = login
            .map_or(String::new(), |(user, password)| format!("user = {user:?}\npassword = {password:?}\n"));
        let mosquitto = (broker == Broker::Mosquitto).then(|| match login {
            Some((user, password)) => guarded(user, password),
            None => Mosquitto::start("allow_anonymous true", &[]),
        });
        let toml = match (broker, &mosquitto) {
            (Broker::Adafruit, _) => format!("[broker]\nport = 0\nemulate = \"adafruit\"\n{members}"),
            (_, Some(Mosquitto { port, .. })) => {
                format!("[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {port}\n{members}")
            }
            _ => format!("[broker]\nport = 0\n{members}"),
        };
        Behind { broker, toml, login, mosquitto }
    }

    /// Its port, where it runs outside of the program.
    pub(super) fn port(&self) -> Option<u16> {
        self.mosquitto.as_ref().map(|mosquitto| mosquitto.port)
    }

    /// What a light has to be told of it, but for the port.
    pub(super) fn address(&self, light: &Light) -> Address {
        let topic = |topic: &str| match self.broker {
            Broker::Adafruit => format!("class/feeds/{}", topic.replace('/', "-")),
            _ => topic.to_owned(),
        };
        Address { port: 0, login: self.login, says: topic(&light.of.says), hears: topic(&light.of.hears) }
    }
}
