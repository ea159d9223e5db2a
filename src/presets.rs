//! The configurations that come with the program: one for each broker of the lab, and those that
//! show something. They are the files of `config/`, word for word.

use crate::config::{Config, ConfigError, with_random_digits};

/// A configuration that comes with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// What it is opened by: `--preset NAME`.
    pub name: &'static str,
    /// A few words, for a list.
    pub title: &'static str,
    /// One line that says what it is and what it needs.
    pub about: &'static str,
    /// Environment variables that it needs, beside what it says itself.
    pub needs: &'static [&'static str],
    /// The text, as in `config/NAME.toml`.
    pub text: &'static str,
}

macro_rules! preset {
    ($name:literal, $title:literal, $about:literal, $needs:expr) => {
        Preset {
            name: $name,
            title: $title,
            about: $about,
            needs: &$needs,
            text: include_str!(concat!("../config/", $name, ".toml")),
        }
    };
}

/// All of them: first what works anywhere, then the brokers, then what shows something.
pub const PRESETS: [Preset; 15] = [
    preset!("default", "A pair", "two lights on the embedded broker: nothing to install", []),
    preset!(
        "crossing",
        "A crossing",
        "four lights, of which one may be green at a time, on the embedded broker",
        []
    ),
    preset!(
        "own-light",
        "A light of your own",
        "one light of this program beside yours, which connects to port 1884",
        []
    ),
    preset!("mosquitto", "Mosquitto here", "a Mosquitto 2 of your own on this computer", []),
    preset!(
        "mosquitto-tls",
        "Mosquitto with TLS",
        "your own Mosquitto 2 with TLS and an authority of your own",
        []
    ),
    preset!(
        "lnu",
        "Linnaeus University",
        "the lab's broker, shared by all students; its junction has a key",
        []
    ),
    preset!(
        "flespi",
        "flespi",
        "a name space of your own at flespi.io, with TLS; needs a token",
        ["FLESPI_TOKEN"]
    ),
    preset!(
        "adafruit",
        "Adafruit IO",
        "your account at io.adafruit.com; slow, as it allows 30 messages a minute",
        ["AIO_USER", "AIO_KEY"]
    ),
    preset!(
        "adafruit-emulated",
        "Like Adafruit IO, here",
        "a broker inside this program that counts and bans as Adafruit IO does",
        []
    ),
    preset!("test-mosquitto-org", "test.mosquitto.org", "a public test broker; everybody can read along", []),
    preset!("hivemq", "HiveMQ public", "a public test broker; everybody can read along", []),
    preset!("emqx", "EMQX public", "a public test broker; everybody can read along", []),
    preset!(
        "broker-restart",
        "A broker that restarts",
        "the broker stops for ten seconds, and the lights recover",
        []
    ),
    preset!(
        "react",
        "The lab's first idea",
        "\"red while the other was green\": works as long as no link fails",
        []
    ),
    preset!("react-cut", "What it is worth", "the same with a link that fails: watch for the conflict", []),
];

#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

impl Preset {
    /// The file that it came from, as it is named in messages.
    #[must_use]
    pub fn file(&self) -> String {
        format!("config/{}.toml", self.name)
    }

    /// Reads it, with this process's environment.
    ///
    /// # Errors
    /// When an environment variable that it needs is not set.
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        Config::from_text(self.text, &self.file())
    }

    /// Reads it with the variables that `given` knows, and this process's environment for the others.
    ///
    /// # Errors
    /// When a variable that it needs is in neither, or a file that it names cannot be read.
    pub(crate) fn load_with(&self, given: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let environment = with_random_digits();
        Config::from_toml(self.text, &self.file(), &|name| given(name).or_else(|| environment(name)))
    }
}
