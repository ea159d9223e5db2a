//! The provisioning record: what a board has to know before it can be a light.
//!
//! It lies in the flash partition `prov`, in plain text: whoever holds the board can read its
//! passwords. Layout, little endian: magic `TWLT`, format version (u16), payload length (u16),
//! payload (postcard), CRC-32 of all before it. Reading never panics, whatever the flash holds.

use core::fmt;

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::{
    crc::crc32,
    feeds,
    foreign::{Foreign, ForeignError},
    key::{Key, MAX_KEY_BYTES},
    light::{ConfigError, Demand, LightConfig, Rule},
    message::MAX_PEERS,
    name::Name,
    timing::{Quota, Timing},
};

/// The first bytes of a record.
pub const MAGIC: [u8; 4] = *b"TWLT";
/// The format that this library writes. It reads this one and [`FIRST_FORMAT`], whose records lack
/// what was added since.
pub const FORMAT: u16 = 2;
/// The format of version 0.1.0.
pub const FIRST_FORMAT: u16 = 1;
/// The size of the partition that holds the record.
pub const PARTITION_BYTES: usize = 4096;
/// The most bytes of a whole record.
pub const MAX_RECORD_BYTES: usize = 2048;
/// The most bytes of a network's name (IEEE 802.11).
pub const MAX_SSID_BYTES: usize = 32;
/// The most bytes of a root topic.
pub const MAX_ROOT_BYTES: usize = 128;
/// The most bytes of a host name, a user name and a broker's password.
pub const MAX_LOGIN_BYTES: usize = 128;
/// The shortest watchdog of a board: erasing a sector of its flash, during which nothing runs, takes up
/// to 400 ms (data sheet of the GD25Q32C).
pub const MIN_WATCHDOG_MS: u32 = 500;
/// The GPIOs of a LoPy4 that an LED may be on: led out to a pin, able to drive, and not taken by a
/// strap, the log, the flash and PSRAM chips, the radios or the expansion board.
pub const LED_GPIOS: [u8; 7] = [4, 14, 22, 25, 26, 32, 33];

const HEADER_BYTES: usize = 8;
const CRC_BYTES: usize = 4;

/// What a board has to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The junction that the light belongs to.
    pub junction: Name,
    /// The light's own name.
    pub light: Name,
    /// The lights that it conflicts with.
    pub peers: Vec<Name, MAX_PEERS>,
    /// By what it decides whether it may go.
    pub rule: Rule,
    /// When it wants green.
    pub demand: Demand,
    /// The junction's key, if it has one.
    pub key: Option<Key>,
    /// The network to join.
    pub wifi: Wifi,
    /// The broker to connect to.
    pub broker: Broker,
    /// How long everything takes.
    pub timing: Timing,
    /// Where the three LEDs are.
    pub leds: LedGpios,
    /// Which antenna the radio uses.
    pub antenna: Antenna,
    /// When the board was provisioned, in seconds since 1970; 0 where that is not known. A board has no
    /// clock that runs without power: the numbers of its runs begin here, so that they grow even
    /// where its start counter was lost.
    pub provisioned_s: u32,
    /// How to talk with the light that it conflicts with, where that is somebody else's.
    pub foreign: Option<Foreign>,
}

/// A Wi-Fi network.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wifi {
    pub ssid: String<MAX_SSID_BYTES>,
    /// Its password; empty for an open network.
    pub password: String<63>,
}

/// A broker, and how to log in to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broker {
    /// Its name or IPv4 address.
    pub host: String<MAX_LOGIN_BYTES>,
    /// Its TCP port.
    pub port: u16,
    /// Whether the connection has to be encrypted. The firmware cannot do that and says so; its README has
    /// the measurements.
    pub tls: bool,
    /// The user name; empty to log in without one.
    pub user: String<MAX_LOGIN_BYTES>,
    /// The password that goes with the user name.
    pub password: String<MAX_LOGIN_BYTES>,
    /// Which topics it has.
    pub dialect: Dialect,
    /// What stands before the junction in every topic.
    pub root: String<MAX_ROOT_BYTES>,
    /// MQTT's keep-alive, in seconds: a session without an answer for two of them is given up.
    pub keep_alive_s: u16,
}

/// Which topics and features a broker has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// MQTT 3.1.1 as it was written.
    #[default]
    Standard,
    /// Adafruit IO: feeds, nothing retained, no will.
    AdafruitIo,
}

/// The GPIO numbers of the three LEDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedGpios {
    pub red: u8,
    pub amber: u8,
    pub green: u8,
}

/// Which antenna the radio uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Antenna {
    /// The one on the board.
    #[default]
    Internal,
    /// The one at the U.FL socket.
    External,
}

/// Why there is no record, or none that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The flash is erased: the board was never provisioned.
    Blank,
    /// Something else is there.
    NotARecord,
    /// A newer program wrote it.
    Newer { format: u16 },
    /// It is cut off, or its length cannot be.
    Length,
    /// Its checksum is wrong: it was not written to its end, or the flash is failing.
    Checksum,
    /// The checksum is right, and yet it is not what belongs there.
    Malformed,
    /// The light cannot be.
    Light(ConfigError),
    /// The watchdog would bite while the flash is written.
    Watchdog,
    /// The key has fewer than 16 bytes.
    Key,
    /// The network's name is empty or too long.
    Ssid,
    /// A WPA2 password has 8 to 63 characters.
    WifiPassword,
    /// The broker's name is empty or holds what a name cannot hold.
    Host,
    /// Port 0 cannot be connected to.
    Port,
    /// Not 1 to 600 seconds.
    KeepAlive,
    /// A password without a user name cannot be sent (MQTT 3.1.1, section 3.1.2.9).
    PasswordWithoutUser,
    /// The broker asks for TLS.
    Tls,
    /// Adafruit IO's topics begin with the account's name, which the user name has to be.
    Account,
    /// Adafruit IO counts publishes, and the timings have no quota.
    Quota,
    /// On Adafruit IO two of the junction's feeds would be one.
    Feeds(Name),
    /// The root topic cannot stand at the beginning of a topic.
    Root,
    /// No LED can be on that GPIO.
    LedGpio(u8),
    /// Two LEDs are on one GPIO.
    LedTwice(u8),
    /// A foreign light conflicts with one light alone.
    ForeignAlone,
    /// There is no talking with the foreign light.
    Foreign(ForeignError),
}

/// The payload of [`FIRST_FORMAT`], with which that of every later format begins. Its members are those
/// of [`Record`] in types that any bytes can be read into. It never changes: what is new stands in [`Added`].
#[derive(Serialize, Deserialize)]
struct Stored {
    junction: Name,
    light: Name,
    peers: Vec<Name, MAX_PEERS>,
    rule: Rule,
    demand: Demand,
    key: Vec<u8, MAX_KEY_BYTES>,
    wifi: Wifi,
    broker: Broker,
    timing: StoredTiming,
    leds: LedGpios,
    antenna: Antenna,
}

/// What follows [`Stored`] since format 2. A change here is a new [`FORMAT`], once a version with the present
/// one is out; a record of an older format has the default of each member.
#[derive(Default, Serialize, Deserialize)]
struct Added {
    provisioned_s: u32,
    foreign: Option<Foreign>,
}

/// [`Timing`] leaves members out in JSON, which postcard, having no names, cannot.
#[derive(Serialize, Deserialize)]
struct StoredTiming {
    spans_ms: [u32; 11],
    quota: Option<(u32, u32)>,
}

impl Record {
    /// A record with the defaults of the lab for everything but the names.
    #[must_use]
    pub fn new(junction: Name, light: Name) -> Record {
        Record {
            junction,
            light,
            peers: Vec::new(),
            rule: Rule::default(),
            demand: Demand::default(),
            key: None,
            wifi: Wifi::default(),
            broker: Broker::default(),
            timing: Timing::default(),
            leds: LedGpios::default(),
            antenna: Antenna::default(),
            provisioned_s: 0,
            foreign: None,
        }
    }

    /// The light that the record makes.
    ///
    /// # Errors
    /// When the names or timings cannot be.
    pub fn light_config(&self) -> Result<LightConfig, ConfigError> {
        LightConfig::new(self.light.clone(), &self.peers, self.rule, self.demand, self.timing)
    }

    /// Whether a board can work with it.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn check(&self) -> Result<(), RecordError> {
        self.light_config().map_err(RecordError::Light)?;
        if self.timing.watchdog_ms < MIN_WATCHDOG_MS {
            return Err(RecordError::Watchdog);
        }
        if self.wifi.ssid.is_empty() || self.wifi.ssid.contains('\0') {
            return Err(RecordError::Ssid);
        }
        if !self.wifi.password.is_empty() && self.wifi.password.len() < 8 {
            return Err(RecordError::WifiPassword);
        }
        self.broker.check()?;
        if self.broker.dialect == Dialect::AdafruitIo {
            self.check_feeds()?;
        }
        if let Some(foreign) = &self.foreign {
            if self.peers.len() != 1 {
                return Err(RecordError::ForeignAlone);
            }
            foreign.check().map_err(RecordError::Foreign)?;
        }
        self.leds.check()
    }

    fn check_feeds(&self) -> Result<(), RecordError> {
        if self.timing.quota.is_none() {
            return Err(RecordError::Quota);
        }
        let call = feeds::call_feed(&self.junction, &self.light);
        match self.peers.iter().find(|peer| feeds::state_feed(&self.junction, peer) == call) {
            Some(peer) => Err(RecordError::Feeds(peer.clone())),
            None => Ok(()),
        }
    }

    /// Writes the record, as it goes to the start of the partition.
    ///
    /// # Errors
    /// When a board could not work with it.
    pub fn encode(&self) -> Result<Vec<u8, MAX_RECORD_BYTES>, RecordError> {
        self.check()?;
        self.write().ok_or(RecordError::Length)
    }

    /// Reads the record at the start of `flash`; what follows it does not count.
    ///
    /// # Errors
    /// Why there is none, or none that this board can work with.
    pub fn decode(flash: &[u8]) -> Result<Record, RecordError> {
        let (magic, rest) = flash.split_first_chunk::<4>().ok_or(RecordError::Length)?;
        if magic.iter().all(|byte| *byte == 0xFF) {
            return Err(RecordError::Blank);
        }
        if *magic != MAGIC {
            return Err(RecordError::NotARecord);
        }
        let (format, rest) = rest.split_first_chunk::<2>().ok_or(RecordError::Length)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(RecordError::Length)?;
        let format = u16::from_le_bytes(*format);
        let length = usize::from(u16::from_le_bytes(*length));
        let payload = rest.get(..length).ok_or(RecordError::Length)?;
        let crc = rest.get(length..).and_then(|rest| rest.first_chunk::<4>()).ok_or(RecordError::Length)?;
        let summed = flash.get(..HEADER_BYTES + length).ok_or(RecordError::Length)?;
        if crc32(summed) != u32::from_le_bytes(*crc) {
            return Err(RecordError::Checksum);
        }
        if !(FIRST_FORMAT..=FORMAT).contains(&format) {
            return Err(RecordError::Newer { format });
        }
        let (stored, after) =
            postcard::take_from_bytes::<Stored>(payload).map_err(|_| RecordError::Malformed)?;
        let (added, after) = if format == FIRST_FORMAT {
            (Added::default(), after)
        } else {
            postcard::take_from_bytes::<Added>(after).map_err(|_| RecordError::Malformed)?
        };
        if !after.is_empty() {
            return Err(RecordError::Malformed);
        }
        let record = stored.into_record(added)?;
        record.check()?;
        Ok(record)
    }

    fn write(&self) -> Option<Vec<u8, MAX_RECORD_BYTES>> {
        let mut record = Vec::new();
        record.resize_default(MAX_RECORD_BYTES).ok()?;
        let room = record.get_mut(HEADER_BYTES..MAX_RECORD_BYTES - CRC_BYTES)?;
        let length = postcard::to_slice(&(Stored::new(self), Added::new(self)), room).ok()?.len();
        record.get_mut(..4)?.copy_from_slice(&MAGIC);
        record.get_mut(4..6)?.copy_from_slice(&FORMAT.to_le_bytes());
        record.get_mut(6..8)?.copy_from_slice(&u16::try_from(length).ok()?.to_le_bytes());
        record.truncate(HEADER_BYTES + length);
        let crc = crc32(&record);
        record.extend_from_slice(&crc.to_le_bytes()).ok()?;
        Some(record)
    }
}

impl Broker {
    fn check(&self) -> Result<(), RecordError> {
        let host = self.host.as_str();
        if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        {
            return Err(RecordError::Host);
        }
        if self.port == 0 {
            return Err(RecordError::Port);
        }
        if !(1..=600).contains(&self.keep_alive_s) {
            return Err(RecordError::KeepAlive);
        }
        if self.user.is_empty() && !self.password.is_empty() {
            return Err(RecordError::PasswordWithoutUser);
        }
        if self.tls {
            return Err(RecordError::Tls);
        }
        if self.dialect == Dialect::AdafruitIo && !feeds::is_account(&self.user) {
            return Err(RecordError::Account);
        }
        let root = self.root.as_str();
        if root.starts_with('$')
            || root.split('/').any(str::is_empty)
            || root.chars().any(|c| matches!(c, '+' | '#') || c.is_control())
        {
            return Err(RecordError::Root);
        }
        Ok(())
    }
}

impl Default for Broker {
    fn default() -> Broker {
        Broker {
            host: String::new(),
            port: 1883,
            tls: false,
            user: String::new(),
            password: String::new(),
            dialect: Dialect::Standard,
            root: String::try_from("twinlight").unwrap_or_default(),
            keep_alive_s: 5,
        }
    }
}

impl LedGpios {
    fn check(self) -> Result<(), RecordError> {
        let all = [self.red, self.amber, self.green];
        for (index, gpio) in all.into_iter().enumerate() {
            if !LED_GPIOS.contains(&gpio) {
                return Err(RecordError::LedGpio(gpio));
            }
            if all.iter().skip(index + 1).any(|other| *other == gpio) {
                return Err(RecordError::LedTwice(gpio));
            }
        }
        Ok(())
    }
}

/// P19, P20 and P21 of the LoPy4; G6, G7 and G8 of the expansion board.
impl Default for LedGpios {
    fn default() -> LedGpios {
        LedGpios { red: 32, amber: 33, green: 26 }
    }
}

impl Stored {
    fn new(record: &Record) -> Stored {
        let key = record.key.as_ref().map_or(&[][..], Key::as_bytes);
        Stored {
            junction: record.junction.clone(),
            light: record.light.clone(),
            peers: record.peers.clone(),
            rule: record.rule,
            demand: record.demand,
            key: key.iter().copied().collect(),
            wifi: record.wifi.clone(),
            broker: record.broker.clone(),
            timing: StoredTiming::new(&record.timing),
            leds: record.leds,
            antenna: record.antenna,
        }
    }

    fn into_record(self, added: Added) -> Result<Record, RecordError> {
        let key = match self.key.as_slice() {
            [] => None,
            bytes => Some(Key::new(bytes).map_err(|_| RecordError::Key)?),
        };
        Ok(Record {
            junction: self.junction,
            light: self.light,
            peers: self.peers,
            rule: self.rule,
            demand: self.demand,
            key,
            wifi: self.wifi,
            broker: self.broker,
            timing: self.timing.into_timing(),
            leds: self.leds,
            antenna: self.antenna,
            provisioned_s: added.provisioned_s,
            foreign: added.foreign,
        })
    }
}

impl Added {
    fn new(record: &Record) -> Added {
        Added { provisioned_s: record.provisioned_s, foreign: record.foreign.clone() }
    }
}

impl StoredTiming {
    fn new(timing: &Timing) -> StoredTiming {
        StoredTiming {
            spans_ms: [
                timing.red_amber_ms,
                timing.green_min_ms,
                timing.green_max_ms,
                timing.amber_ms,
                timing.clearance_ms,
                timing.heartbeat_ms,
                timing.lease_ms,
                timing.lost_after_ms,
                timing.tick_ms,
                timing.watchdog_ms,
                timing.rtt_ms,
            ],
            quota: timing.quota.map(|quota| (quota.burst, quota.refill_ms)),
        }
    }

    fn into_timing(self) -> Timing {
        let [
            red_amber_ms,
            green_min_ms,
            green_max_ms,
            amber_ms,
            clearance_ms,
            heartbeat_ms,
            lease_ms,
            lost_after_ms,
            tick_ms,
            watchdog_ms,
            rtt_ms,
        ] = self.spans_ms;
        Timing {
            red_amber_ms,
            green_min_ms,
            green_max_ms,
            amber_ms,
            clearance_ms,
            heartbeat_ms,
            lease_ms,
            lost_after_ms,
            tick_ms,
            watchdog_ms,
            rtt_ms,
            quota: self.quota.map(|(burst, refill_ms)| Quota { burst, refill_ms }),
        }
    }
}

/// Never prints the passwords.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("junction", &self.junction)
            .field("light", &self.light)
            .field("peers", &self.peers)
            .field("keyed", &self.key.is_some())
            .field("wifi", &self.wifi)
            .field("broker", &self.broker)
            .field("leds", &self.leds)
            .field("antenna", &self.antenna)
            .field("provisioned_s", &self.provisioned_s)
            .field("foreign", &self.foreign)
            .finish_non_exhaustive()
    }
}

/// Never prints the password.
impl fmt::Debug for Wifi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wifi({:?}, {})", self.ssid, if self.password.is_empty() { "open" } else { "WPA2" })
    }
}

/// Never prints the password.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({}:{}, root {:?})", self.host, self.port, self.root)
    }
}

impl RecordError {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub const fn help(&self) -> Option<&'static str> {
        Some(match self {
            RecordError::NotARecord => "provision the board",
            RecordError::Newer { .. } => {
                "flash the firmware that belongs to the program that provisioned the board"
            }
            RecordError::Length | RecordError::Checksum | RecordError::Malformed => {
                "provision the board again"
            }
            RecordError::WifiPassword => "leave it empty for an open network",
            RecordError::Port => "give the broker's port, which usually is 1883",
            RecordError::PasswordWithoutUser => "give a user name too",
            RecordError::Tls => {
                "let the board connect to a port of this program that leads to the broker (board_port in [links]), \
                 which encrypts for it, or use the broker's plain port: signed messages are protected against \
                 forgery, not against reading"
            }
            RecordError::Account => {
                "give the account's name as the user name, and the account's key as the password"
            }
            RecordError::Quota => "give timings that have a quota",
            RecordError::Feeds(_) => "give one of the two lights another name",
            RecordError::LedGpio(_) => "choose from 4, 14, 22, 25, 26, 32, 33",
            RecordError::LedTwice(_) => "give each LED a pin of its own",
            RecordError::Light(ConfigError::NamedTwice(_)) => {
                "give every light of a junction a name of its own"
            }
            RecordError::ForeignAlone => "name only the foreign light in peers",
            RecordError::Blank
            | RecordError::Foreign(_)
            | RecordError::Light(_)
            | RecordError::Watchdog
            | RecordError::Key
            | RecordError::Ssid
            | RecordError::Host
            | RecordError::KeepAlive
            | RecordError::Root => return None,
        })
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Blank => f.write_str("the board has not been provisioned yet"),
            RecordError::NotARecord => {
                f.write_str("there is something else where the provisioning record belongs")
            }
            RecordError::Newer { format } => write!(
                f,
                "the provisioning record has format {format}, and this firmware reads formats up to {FORMAT}"
            ),
            RecordError::Length => f.write_str("the provisioning record is cut off"),
            RecordError::Checksum => {
                f.write_str("the provisioning record's checksum is wrong")
            }
            RecordError::Malformed => {
                f.write_str("the provisioning record holds invalid values")
            }
            RecordError::Light(error) => error.fmt(f),
            RecordError::Watchdog => write!(
                f,
                "watchdog_ms has to be at least {MIN_WATCHDOG_MS}: a board's flash takes up to 400 ms to erase a \
                 sector, and nothing else runs meanwhile"
            ),
            RecordError::Key => f.write_str("a junction's key has at least 16 bytes"),
            RecordError::Ssid => {
                write!(f, "the name of a Wi-Fi network has 1 to {MAX_SSID_BYTES} bytes, none of them zero")
            }
            RecordError::WifiPassword => {
                f.write_str("a WPA2 password has 8 to 63 characters")
            }
            RecordError::Host => {
                f.write_str("the broker's host is an IPv4 address, or a name of letters, digits, \"-\" and \".\"")
            }
            RecordError::Port => f.write_str("port 0 cannot be connected to"),
            RecordError::KeepAlive => f.write_str("keep_alive_s is 1 to 600 seconds"),
            RecordError::PasswordWithoutUser => {
                f.write_str("MQTT 3.1.1 has no password without a user name")
            }
            RecordError::Tls => f.write_str(
                "a board cannot encrypt its connection: this firmware has no TLS",
            ),
            RecordError::Account => f.write_str(
                "Adafruit IO's topics begin with the account's name, which has to be the user name",
            ),
            RecordError::Quota => f.write_str(
                "Adafruit IO bans an account that publishes too much, and these timings have no quota",
            ),
            RecordError::Feeds(peer) => write!(
                f,
                "on Adafruit IO the feed of light {peer} would be the one that calls this light"
            ),
            RecordError::Root => f.write_str(
                "a root topic has no empty level, no \"+\", \"#\" or control character, and does not begin with \"$\"",
            ),
            RecordError::LedGpio(gpio) => {
                write!(f, "no LED can be on GPIO {gpio} of a LoPy4")
            }
            RecordError::LedTwice(gpio) => {
                write!(f, "two LEDs are on GPIO {gpio}")
            }
            RecordError::ForeignAlone => {
                f.write_str("a board can have a foreign light only as its single peer")
            }
            RecordError::Foreign(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for RecordError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    extern crate std;

    use std::format;

    use super::*;
    use crate::Infeasible;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn small() -> Record {
        let mut record = Record::new(name("demo"), name("a"));
        record.wifi.ssid = String::try_from("lab").unwrap();
        record.broker.host = String::try_from("192.168.4.2").unwrap();
        record
    }

    fn text<const N: usize>(length: usize) -> String<N> {
        (0..length).map(|_| 'x').collect()
    }

    /// Everything as long as it can be.
    fn large() -> Record {
        let mut record = small();
        record.junction = name("junction-sixteen");
        record.light = name("light-of-sixteen");
        record.peers = (0..7).map(|n| name(&format!("peer-of-sixtee-{n}"))).collect();
        record.rule = Rule::React;
        record.demand = Demand::Call;
        record.key = Some(Key::new(&[7; MAX_KEY_BYTES]).unwrap());
        record.wifi = Wifi { ssid: text(32), password: text(63) };
        record.broker = Broker {
            host: text(128),
            port: 65_535,
            user: text(128),
            password: text(128),
            root: text(128),
            keep_alive_s: 600,
            ..Broker::default()
        };
        record.timing = Timing::on_quota();
        record.antenna = Antenna::External;
        record.provisioned_s = u32::MAX;
        record
    }

    /// A partner of a foreign light, everything as long as it can be.
    fn partner() -> Record {
        let word =
            |n: u8| text::<23>(23).chars().chain([char::from(b'a' + n)]).collect::<std::string::String>();
        let words: std::vec::Vec<_> = (0..12).map(word).collect();
        let aspects = [crate::Aspect::Red, crate::Aspect::Green, crate::Aspect::Amber];
        let words: std::vec::Vec<_> =
            words.iter().enumerate().map(|(n, word)| (aspects[n % 3], word.as_str())).collect();
        let words = crate::foreign::Words::new(&words).unwrap();
        let (says, hears) = (text::<128>(128), text::<127>(127));
        let foreign = Foreign::new(&says, &hears, words).unwrap().with_retain(true);
        let pointer = crate::foreign::Pointer::new(&std::format!("/{}", text::<47>(47))).unwrap();
        let peers = [name("peer-of-sixtee-0")].into_iter().collect();
        Record { foreign: Some(foreign.with_json(Some(pointer))), peers, ..large() }
    }

    /// `payload` as a record of `format`.
    fn record_of(format: u16, payload: &[u8]) -> std::vec::Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(format.to_le_bytes());
        bytes.extend(u16::try_from(payload.len()).unwrap().to_le_bytes());
        bytes.extend(payload);
        bytes.extend(crc32(&bytes).to_le_bytes());
        bytes
    }

    /// What version 0.1.0 would have written.
    fn first_format(record: &Record) -> std::vec::Vec<u8> {
        let mut payload = [0; MAX_RECORD_BYTES];
        record_of(FIRST_FORMAT, postcard::to_slice(&Stored::new(record), &mut payload).unwrap())
    }

    /// SplitMix64, so that a failure can be repeated.
    fn random(state: &mut u64) -> usize {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        usize::try_from((mixed ^ (mixed >> 31)) >> 40).unwrap()
    }

    #[test]
    fn a_record_is_read_back_whatever_lies_behind_it() {
        for record in [small(), large(), partner()] {
            let bytes = record.encode().unwrap();
            let mut flash = [0xFF; PARTITION_BYTES];
            flash[..bytes.len()].copy_from_slice(&bytes);
            assert_eq!(Record::decode(&flash), Ok(record.clone()));
            assert_eq!(Record::decode(&bytes), Ok(record));
        }
    }

    #[test]
    fn the_bytes_stay_those_of_their_format() {
        let old = first_format(&small());
        assert_eq!(&old[..15], b"TWLT\x01\x00\x47\x00\x04demo\x01a");
        let mut record = large();
        record.timing.watchdog_ms = 2_000;
        let old = first_format(&record);
        assert_eq!(crc32(&old[..old.len() - CRC_BYTES]), 0x6C56_ED11, "records in the field have it");
        let bytes = record.encode().unwrap();
        assert_eq!(crc32(&bytes[..bytes.len() - CRC_BYTES]), 0xA848_409E, "a change is a new FORMAT");
    }

    #[test]
    fn a_record_of_the_first_format_is_read_and_knows_no_time_of_provisioning() {
        for record in [small(), large()] {
            let read = Record::decode(&first_format(&record)).unwrap();
            assert_eq!(read, Record { provisioned_s: 0, foreign: None, ..record.clone() });
            assert_eq!(
                Record::decode(&read.encode().unwrap()),
                Ok(read),
                "and is written in the present one"
            );
        }
        let old = first_format(&small());
        let payload = &old[HEADER_BYTES..old.len() - CRC_BYTES];
        assert_eq!(Record::decode(&record_of(FORMAT, payload)), Err(RecordError::Malformed), "half of it");
        let added = [payload, &[0]].concat();
        assert_eq!(Record::decode(&record_of(FIRST_FORMAT, &added)), Err(RecordError::Malformed));
        assert_eq!(Record::decode(&record_of(0, payload)), Err(RecordError::Newer { format: 0 }));
    }

    #[test]
    fn what_is_no_record_is_named_for_what_it_is() {
        assert_eq!(Record::decode(&[0xFF; PARTITION_BYTES]), Err(RecordError::Blank));
        assert_eq!(Record::decode(&[0; PARTITION_BYTES]), Err(RecordError::NotARecord));
        assert_eq!(Record::decode(b""), Err(RecordError::Length));
        assert_eq!(Record::decode(b"TWLT"), Err(RecordError::Length));
        let good = small().encode().unwrap();
        for length in 4..good.len() {
            assert_eq!(Record::decode(&good[..length]), Err(RecordError::Length), "{length}");
        }
        let mut newer = good.clone();
        newer[4] = 3;
        assert_eq!(Record::decode(&newer), Err(RecordError::Checksum), "the format is summed too");
        let end = newer.len() - CRC_BYTES;
        let crc = crc32(&newer[..end]).to_le_bytes();
        newer[end..].copy_from_slice(&crc);
        assert_eq!(Record::decode(&newer), Err(RecordError::Newer { format: 3 }));
    }

    #[test]
    fn every_single_flipped_bit_is_noticed() {
        let good = small().encode().unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn bytes_at_random_behind_a_right_checksum_never_panic_and_never_make_an_impossible_record() {
        let mut seed = 1;
        let mut taken = 0;
        for round in 0..10_000 {
            let mut bytes: std::vec::Vec<u8> = if round % 2 == 0 {
                if round % 4 == 0 { small() } else { large() }.encode().unwrap().to_vec()
            } else {
                let length = random(&mut seed) % 300;
                let payload: std::vec::Vec<u8> =
                    (0..length).map(|_| random(&mut seed).to_le_bytes()[0]).collect();
                record_of(FORMAT, &payload)
            };
            let end = bytes.len() - CRC_BYTES;
            for _ in 0..=random(&mut seed) % 4 {
                let at = HEADER_BYTES + random(&mut seed) % (end - HEADER_BYTES).max(1);
                bytes[at] = random(&mut seed).to_le_bytes()[0];
            }
            let crc = crc32(&bytes[..end]).to_le_bytes();
            bytes[end..].copy_from_slice(&crc);
            if let Ok(record) = Record::decode(&bytes) {
                taken += 1;
                assert_eq!(record.check(), Ok(()));
                assert_eq!(Record::decode(&record.encode().unwrap()), Ok(record));
            }
        }
        assert!(taken > 500, "the mutations are too wild to test anything: {taken}");
    }

    #[test]
    fn what_a_board_cannot_do_is_refused_with_the_reason_before_it_is_written() {
        let refused = |change: fn(&mut Record)| {
            let mut record = small();
            change(&mut record);
            record.encode().unwrap_err()
        };
        assert_eq!(refused(|r| r.broker.tls = true), RecordError::Tls);
        assert_eq!(refused(|r| r.broker.dialect = Dialect::AdafruitIo), RecordError::Account);
        assert_eq!(refused(|r| r.timing.watchdog_ms = MIN_WATCHDOG_MS - 1), RecordError::Watchdog);
        assert_eq!(refused(|r| r.wifi.ssid.clear()), RecordError::Ssid);
        assert_eq!(refused(|r| r.wifi.password = text(7)), RecordError::WifiPassword);
        assert_eq!(refused(|r| r.broker.host.clear()), RecordError::Host);
        assert_eq!(refused(|r| r.broker.host = String::try_from("a b").unwrap()), RecordError::Host);
        assert_eq!(refused(|r| r.broker.port = 0), RecordError::Port);
        assert_eq!(refused(|r| r.broker.keep_alive_s = 0), RecordError::KeepAlive);
        assert_eq!(refused(|r| r.broker.password = text(1)), RecordError::PasswordWithoutUser);
        for root in ["", "/a", "a/", "a//b", "a/#", "+", "$SYS", "a\nb"] {
            let mut record = small();
            record.broker.root = String::try_from(root).unwrap();
            assert_eq!(record.check(), Err(RecordError::Root), "{root:?}");
        }
        assert_eq!(refused(|r| r.leds.red = 34), RecordError::LedGpio(34));
        let pins = LED_GPIOS.map(|gpio| format!("{gpio}")).join(", ");
        assert_eq!(RecordError::LedGpio(34).help(), Some(format!("choose from {pins}").as_str()));
        assert_eq!(refused(|r| r.leds.red = 0), RecordError::LedGpio(0));
        assert_eq!(refused(|r| r.leds.red = r.leds.green), RecordError::LedTwice(26));
        assert_eq!(
            refused(|r| r.timing.amber_ms = 0),
            RecordError::Light(ConfigError::Timing(Infeasible::Zero("amber_ms")))
        );
        assert_eq!(
            refused(|r| r.peers = [r.light.clone()].into_iter().collect()),
            RecordError::Light(ConfigError::NamedTwice(name("a")))
        );
    }

    #[test]
    fn a_board_may_join_adafruit_io_where_it_counts_and_every_feed_is_one_lights() {
        let mut record = small();
        record.broker.dialect = Dialect::AdafruitIo;
        record.broker.user = text(5);
        assert_eq!(record.check(), Err(RecordError::Quota));
        record.timing = Timing::on_quota();
        let bytes = record.encode().unwrap();
        assert_eq!(Record::decode(&bytes), Ok(record.clone()));
        record.peers.push(name("a-call")).unwrap();
        assert_eq!(record.check(), Err(RecordError::Feeds(name("a-call"))));
        record.broker.user = String::try_from("a/b").unwrap();
        assert_eq!(record.check(), Err(RecordError::Account));
    }

    #[test]
    fn no_secret_is_printed() {
        let mut record = small();
        record.key = Some(Key::new(b"topsecret-topsecret").unwrap());
        record.wifi.password = String::try_from("topsecret-wifi").unwrap();
        record.broker.user = String::try_from("king").unwrap();
        record.broker.password = String::try_from("topsecret").unwrap();
        let shown = format!("{record:?}");
        assert!(!shown.contains("topsecret") && !shown.contains("116"), "{shown}");
    }
}
