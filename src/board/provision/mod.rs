//! From a form or a file to the provisioning record.
//!
//! [`Settings`] is what a person fills in, in the window or in a file ([`super::BoardFile`]).

mod reach;
pub mod this_computer;

pub(super) use self::reach::problem as unreachable;

use std::{fmt, net::Ipv4Addr};

use traffic_light::{
    ConfigError, Demand, Foreign, Key, Name, Rule, Timing,
    record::{
        Antenna, Broker, Dialect, LedGpios, MAX_LOGIN_BYTES, MAX_ROOT_BYTES, MAX_SSID_BYTES, Record,
        RecordError, Wifi,
    },
};

use crate::{
    config::{Config, Junction},
    model::Diagnostic,
};

/// What a person fills in; not checked until [`Settings::record`].
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The junction's name.
    pub junction: String,
    /// The light's own name.
    pub light: String,
    /// The lights that it conflicts with.
    pub peers: Vec<String>,
    /// By what it decides whether it may go.
    pub rule: Rule,
    /// When it wants green.
    pub demand: Demand,
    /// The junction's key; empty for none.
    pub key: String,
    /// The Wi-Fi network's name.
    pub wifi_ssid: String,
    /// Its password; empty for an open network.
    pub wifi_password: String,
    /// The broker's name or IPv4 address.
    pub broker_host: String,
    /// Its TCP port.
    pub broker_port: u16,
    /// The user name; empty to log in without one.
    pub broker_user: String,
    /// The password that goes with it.
    pub broker_password: String,
    /// What stands before the junction in every topic.
    pub broker_root: String,
    /// Which topics and features the broker has.
    pub broker_dialect: Dialect,
    /// MQTT's keep-alive, in seconds.
    pub keep_alive_s: u16,
    /// How long everything takes.
    pub timing: Timing,
    /// Where the LEDs are.
    pub leds: LedGpios,
    /// Which antenna the radio uses.
    pub antenna: Antenna,
    /// How to talk with the light that it conflicts with, where that is somebody else's.
    pub foreign: Option<Foreign>,
}

/// Why settings make no record: which member, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// Which one.
    pub member: Member,
    pub diagnostic: Diagnostic,
}

/// A member of [`Settings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    /// `junction`
    Junction,
    /// `light`
    Light,
    /// `peers`
    Peers,
    /// `key`
    Key,
    /// `wifi_ssid`
    WifiSsid,
    /// `wifi_password`
    WifiPassword,
    /// `broker_host`
    BrokerHost,
    /// `broker_port`
    BrokerPort,
    /// `broker_user`
    BrokerUser,
    /// `broker_password`
    BrokerPassword,
    /// `broker_root`
    BrokerRoot,
    /// `keep_alive_s`
    KeepAlive,
    /// `timing`
    Timing,
    /// `leds`
    Leds,
}

impl Default for Settings {
    /// Nothing filled in, and the lab's defaults for the rest.
    fn default() -> Settings {
        let broker = Broker::default();
        Settings {
            junction: String::new(),
            light: String::new(),
            peers: Vec::new(),
            rule: Rule::default(),
            demand: Demand::default(),
            key: String::new(),
            wifi_ssid: String::new(),
            wifi_password: String::new(),
            broker_host: String::new(),
            broker_port: broker.port,
            broker_user: String::new(),
            broker_password: String::new(),
            broker_root: broker.root.as_str().to_owned(),
            broker_dialect: broker.dialect,
            keep_alive_s: broker.keep_alive_s,
            timing: Timing::default(),
            leds: LedGpios::default(),
            antenna: Antenna::default(),
            foreign: None,
        }
    }
}

impl Settings {
    /// Settings for the light `light` of `junction`: everything that the junction's virtual lights
    /// know too. Wi-Fi and broker are left to be filled in.
    #[must_use]
    pub fn of(junction: &Junction, light: &Name) -> Settings {
        let peers = junction.lights().filter(|name| *name != light).map(ToString::to_string).collect();
        let key = junction.key().map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
        Settings {
            junction: junction.name().to_string(),
            light: light.to_string(),
            peers,
            rule: junction.rule(),
            demand: junction.demand(),
            key: key.unwrap_or_default(),
            timing: *junction.timing(),
            foreign: junction.partner_of(light).cloned(),
            ..Settings::default()
        }
    }

    /// The record.
    ///
    /// # Errors
    /// All members that a board could not work with.
    pub fn record(&self) -> Result<Record, Vec<SettingsError>> {
        self.record_near(&[])
    }

    /// The record. `here` are this computer's addresses, told where the broker's means something else on a
    /// board.
    ///
    /// # Errors
    /// As for [`Settings::record`].
    pub fn record_near(&self, here: &[Ipv4Addr]) -> Result<Record, Vec<SettingsError>> {
        let mut errors = Vec::new();
        if let Some(diagnostic) = unreachable(&self.broker_host, here) {
            errors.push(SettingsError { member: Member::BrokerHost, diagnostic });
        }
        let junction = name(&self.junction, Member::Junction, &mut errors);
        let light = name(&self.light, Member::Light, &mut errors);
        let mut peers = heapless::Vec::new();
        for peer in &self.peers {
            let Some(peer) = name(peer, Member::Peers, &mut errors) else { continue };
            if peers.push(peer).is_err() {
                let diagnostic = format!("a light can agree with at most {} others", peers.len()).into();
                errors.push(SettingsError { member: Member::Peers, diagnostic });
                break;
            }
        }
        let key = match self.key.as_str() {
            "" => None,
            key => Key::new(key.as_bytes())
                .map_err(|error| {
                    errors.push(SettingsError { member: Member::Key, diagnostic: error.to_string().into() });
                })
                .ok(),
        };
        let wifi = Wifi {
            ssid: bounded(&self.wifi_ssid, Member::WifiSsid, MAX_SSID_BYTES, &mut errors),
            password: wifi_password(&self.wifi_password, &mut errors),
        };
        let broker = Broker {
            host: bounded(&self.broker_host, Member::BrokerHost, MAX_LOGIN_BYTES, &mut errors),
            port: self.broker_port,
            user: bounded(&self.broker_user, Member::BrokerUser, MAX_LOGIN_BYTES, &mut errors),
            password: bounded(&self.broker_password, Member::BrokerPassword, MAX_LOGIN_BYTES, &mut errors),
            root: bounded(&self.broker_root, Member::BrokerRoot, MAX_ROOT_BYTES, &mut errors),
            keep_alive_s: self.keep_alive_s,
            dialect: self.broker_dialect,
            ..Broker::default()
        };
        let (Some(junction), Some(light)) = (junction, light) else { return Err(errors) };
        if !errors.is_empty() {
            return Err(errors);
        }
        let (rule, demand, timing, leds, antenna) =
            (self.rule, self.demand, self.timing, self.leds, self.antenna);
        let record = Record {
            peers,
            rule,
            demand,
            key,
            wifi,
            broker,
            timing,
            leds,
            antenna,
            foreign: self.foreign.clone(),
            ..Record::new(junction, light)
        };
        match record.check() {
            Ok(()) => Ok(record),
            Err(error) => {
                let diagnostic = diagnostic(&error);
                Err(vec![SettingsError { member: member_of(&error), diagnostic }])
            }
        }
    }
}

fn name(text: &str, member: Member, errors: &mut Vec<SettingsError>) -> Option<Name> {
    Name::new(text)
        .map_err(|error| {
            let text =
                if text.is_empty() { error.to_string() } else { format!("{text:?} is no name: {error}") };
            errors.push(SettingsError { member, diagnostic: text.into() });
        })
        .ok()
}

/// A password of WPA2 has at most 63 characters; with 64 digits it is the key that routers compute from it.
fn wifi_password(text: &str, errors: &mut Vec<SettingsError>) -> heapless::String<63> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message = "these 64 digits are the key that WPA2 computes from name and password, which a board does not take";
        let help = "give the password itself, of 8 to 63 characters";
        errors
            .push(SettingsError { member: Member::WifiPassword, diagnostic: Diagnostic::new(message, help) });
        return heapless::String::new();
    }
    bounded(text, Member::WifiPassword, 63, errors)
}

fn bounded<const N: usize>(
    text: &str,
    member: Member,
    most: usize,
    errors: &mut Vec<SettingsError>,
) -> heapless::String<N> {
    heapless::String::try_from(text).unwrap_or_else(|_| {
        let text = format!("it has {} bytes, and there is room for {most}", text.len());
        errors.push(SettingsError { member, diagnostic: text.into() });
        heapless::String::new()
    })
}

/// What is wrong with a record, and what to do.
pub(super) fn diagnostic(error: &RecordError) -> Diagnostic {
    Diagnostic { message: error.to_string(), help: error.help().map(str::to_owned) }
}

/// What the record's own check is about.
fn member_of(error: &RecordError) -> Member {
    match error {
        RecordError::Light(ConfigError::Timing(_)) | RecordError::Watchdog => Member::Timing,
        RecordError::Light(_) => Member::Peers,
        RecordError::Key => Member::Key,
        RecordError::Ssid => Member::WifiSsid,
        RecordError::WifiPassword => Member::WifiPassword,
        RecordError::Port => Member::BrokerPort,
        RecordError::KeepAlive => Member::KeepAlive,
        RecordError::PasswordWithoutUser | RecordError::Account => Member::BrokerUser,
        RecordError::Quota => Member::Timing,
        RecordError::Feeds(_) | RecordError::ForeignAlone => Member::Peers,
        RecordError::Root => Member::BrokerRoot,
        RecordError::LedGpio(_) | RecordError::LedTwice(_) => Member::Leds,
        _ => Member::BrokerHost,
    }
}

/// The dialect in which the lights of `config` speak.
#[must_use]
pub fn dialect_of(config: &Config) -> Dialect {
    if config.feeds.is_some() { Dialect::AdafruitIo } else { Dialect::Standard }
}

/// What a board with `record` will not find as the lights of `config` do; each a sentence without a
/// full stop.
#[must_use]
pub fn differences(record: &Record, config: &Config) -> Vec<String> {
    let name = &record.junction;
    let Some(junction) = config.junction(name) else {
        return vec![format!("the configuration has no junction {name}: the board will be alone there")];
    };
    let mut found = Vec::new();
    if !junction.lights().any(|light| *light == record.light) {
        found.push(format!("the junction {name} of the configuration has no light {}", record.light));
    } else if junction.runs(&record.light) {
        let light = &record.light;
        found.push(format!(
            "the configuration runs {name}/{light} as a virtual light too: leave it out of the junction's run"
        ));
    }
    match (junction.key(), &record.key) {
        (Some(_), None) => found.push(format!(
            "the junction {name} of the configuration has a key and the board has none: nobody will believe it"
        )),
        (None, Some(_)) => found.push(format!(
            "the board has a key and the junction {name} of the configuration has none: the board will believe nobody"
        )),
        (Some(theirs), Some(ours)) if theirs != ours => {
            found.push(format!("the board's key is not that of the junction {name} of the configuration"));
        }
        _ => {}
    }
    if junction.partner_of(&record.light) != record.foreign.as_ref() {
        found.push(format!(
            "the board and the junction {name} of the configuration do not know the same foreign light"
        ));
    }
    if *junction.timing() != record.timing {
        found.push(format!("the board's timings are not those of the junction {name} of the configuration"));
    }
    if dialect_of(config) != record.broker.dialect {
        let text = "of the board and the configuration one is on feeds of Adafruit IO, and the other is not";
        found.push(text.to_owned());
    } else if config.feeds.is_none() && config.root.as_str() != record.broker.root.as_str() {
        let (theirs, ours) = (&config.root, &record.broker.root);
        found.push(format!("the board's root topic is {ours:?}, the configuration's is \"{theirs}\""));
    }
    found
}

/// Never prints a secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("junction", &self.junction)
            .field("light", &self.light)
            .field("peers", &self.peers)
            .field("wifi_ssid", &self.wifi_ssid)
            .field("broker_host", &self.broker_host)
            .field("broker_port", &self.broker_port)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            junction: "demo".to_owned(),
            light: "b".to_owned(),
            peers: vec!["a".to_owned()],
            wifi_ssid: "lab".to_owned(),
            broker_host: "192.168.1.2".to_owned(),
            ..Settings::default()
        }
    }

    #[test]
    fn settings_make_the_record_that_they_say() {
        let full = Settings {
            key: "sixteen-or-more-bytes".to_owned(),
            wifi_password: "wifi-secret".to_owned(),
            broker_user: "king".to_owned(),
            broker_password: "arthur".to_owned(),
            broker_root: "lab/7".to_owned(),
            antenna: Antenna::External,
            ..settings()
        };
        let record = full.record().unwrap();
        assert_eq!((record.junction.as_str(), record.light.as_str()), ("demo", "b"));
        assert_eq!(record.peers.iter().map(Name::as_str).collect::<Vec<_>>(), ["a"]);
        assert_eq!(record.wifi.password, "wifi-secret");
        assert_eq!((record.broker.user.as_str(), record.broker.root.as_str()), ("king", "lab/7"));
        assert_eq!(record.key.as_ref().map(Key::as_bytes), Some(b"sixteen-or-more-bytes".as_slice()));
        assert_eq!(Record::decode(&record.encode().unwrap()), Ok(record));
        assert!(!format!("{full:?}").contains("secret"));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_with_its_member() {
        let bad = Settings {
            junction: "Demo".to_owned(),
            light: String::new(),
            key: "short".to_owned(),
            wifi_ssid: "x".repeat(33),
            ..settings()
        };
        let members: Vec<_> = bad.record().unwrap_err().iter().map(|error| error.member).collect();
        assert_eq!(members, [Member::Junction, Member::Light, Member::Key, Member::WifiSsid]);
        let one = |change: fn(&mut Settings)| {
            let mut settings = settings();
            change(&mut settings);
            let errors = settings.record().unwrap_err();
            assert_eq!(errors.len(), 1, "{errors:?}");
            errors[0].member
        };
        assert_eq!(one(|s| s.wifi_password = "short".to_owned()), Member::WifiPassword);
        assert_eq!(one(|s| s.wifi_password = "0123456789abcdef".repeat(4)), Member::WifiPassword);
        let mut with_key = settings();
        with_key.wifi_password = "0123456789ABCDEF".repeat(4);
        let said = with_key.record().unwrap_err()[0].diagnostic.one_line();
        assert!(said.contains("64 digits") && said.contains("give the password itself"), "{said}");
        assert_eq!(one(|s| s.broker_host.clear()), Member::BrokerHost);
        assert_eq!(one(|s| s.broker_port = 0), Member::BrokerPort);
        assert_eq!(one(|s| s.broker_password = "x".to_owned()), Member::BrokerUser);
        assert_eq!(one(|s| s.peers = vec!["b".to_owned()]), Member::Peers);
        assert_eq!(one(|s| s.peers = (0..8).map(|n| format!("p{n}")).collect()), Member::Peers);
        assert_eq!(one(|s| s.leds.red = s.leds.green), Member::Leds);
        assert_eq!(one(|s| s.timing.amber_ms = 0), Member::Timing);
    }

    #[test]
    fn a_board_gets_what_the_virtual_lights_of_its_junction_have() {
        let text = "[[junction]]\nname = \"x\"\nlights = [\"a\", \"b\", \"c\"]\nrun = [\"a\", \"c\"]\n\
                    key = \"sixteen-or-more-bytes\"\n";
        let config = Config::from_toml(text, "F", &|_| None).unwrap();
        let light = Name::new("b").unwrap();
        let mut settings = Settings::of(&config.junctions[0], &light);
        assert_eq!(
            (settings.peers.clone(), settings.key.as_str()),
            (vec!["a".into(), "c".into()], "sixteen-or-more-bytes")
        );
        settings.wifi_ssid = "lab".to_owned();
        settings.broker_host = "h".to_owned();
        assert_eq!(differences(&settings.record().unwrap(), &config), Vec::<String>::new());
        settings.key.clear();
        let found = differences(&settings.record().unwrap(), &config);
        assert!(found.len() == 1 && found[0].contains("nobody will believe it"), "{found:?}");
        settings.light = "c".to_owned();
        settings.junction = "y".to_owned();
        settings.peers.clear();
        assert!(differences(&settings.record().unwrap(), &config)[0].contains("no junction y"));
    }
}
