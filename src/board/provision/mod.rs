//! From a form or a file to the provisioning record.

pub mod here;

use traffic_light::{
    Demand, Name, Rule, Timing,
    record::{Antenna, LedGpios, Record},
};

use crate::config::Junction;

/// What a person fills in; not checked until [`Settings::record`].
#[derive(Clone, Default, PartialEq, Eq)]
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
    /// MQTT's keep-alive, in seconds.
    pub keep_alive_s: u16,
    /// How long everything takes.
    pub timing: Timing,
    /// Where the LEDs are.
    pub leds: LedGpios,
    /// Which antenna the radio uses.
    pub antenna: Antenna,
}

/// Why settings make no record: which member, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// Which one.
    pub member: Member,
    /// What is wrong, and what to do, as a sentence without a full stop.
    pub text: String,
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

impl Settings {
    /// Settings for the light `light` of `junction`: everything that the junction's virtual lights
    /// know too. Wi-Fi and broker are left to be filled in.
    #[must_use]
    pub fn of(junction: &Junction, light: &Name) -> Settings {
        let _ = (junction, light);
        Settings::default()
    }

    /// The record.
    ///
    /// # Errors
    /// All members that a board could not work with.
    pub fn record(&self) -> Result<Record, Vec<SettingsError>> {
        Err(Vec::new())
    }
}
