//! What the text of a preset says of its broker, without reading any file that it names.

use crate::{config::is_public, presets::Preset};

/// What a person should know of a broker before using it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `host:port` where it runs elsewhere; `None`: inside this program.
    pub address: Option<String>,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
    /// Whether its certificate is not checked, although it is.
    pub(crate) unchecked: bool,
    /// Whether it is open to everybody in the world.
    pub public: bool,
    /// Files that have to be there, as they are found from the folder that the program runs in.
    pub(in crate::app) files: Vec<String>,
}

/// The members of `[broker]` that name files.
const FILES: [&str; 3] = ["ca_file", "cert_file", "key_file"];

impl Facts {
    /// What the text of `preset` says; nothing where it is no configuration, which is reported when
    /// it is used.
    #[must_use]
    pub(super) fn of(preset: &Preset) -> Facts {
        let top: toml::Table = preset.text.parse().unwrap_or_default();
        let Some(broker) = top.get("broker").and_then(toml::Value::as_table) else {
            return Facts::default();
        };
        let text = |name: &str| broker.get(name).and_then(toml::Value::as_str);
        let flag = |name: &str| broker.get(name).and_then(toml::Value::as_bool).unwrap_or(false);
        if text("kind") != Some("external") {
            return Facts::default();
        }
        let (host, tls) = (text("host").unwrap_or_default(), flag("tls"));
        let usual = if tls { 8_883 } else { 1_883 };
        let port = broker.get("port").and_then(toml::Value::as_integer).unwrap_or(usual);
        let file = preset.file();
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        Facts {
            address: Some(format!("{host}:{port}")),
            tls,
            unchecked: tls && flag("insecure"),
            public: is_public(host),
            files: FILES
                .iter()
                .filter_map(|name| text(name))
                .map(|name| format!("{folder}/{name}"))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::find;

    fn facts(name: &str) -> Facts {
        Facts::of(find(name).unwrap())
    }

    #[test]
    fn a_preset_tells_of_its_broker() {
        assert_eq!(facts("default"), Facts::default());
        let public = facts("hivemq");
        assert_eq!(public.address.as_deref(), Some("broker.hivemq.com:1883"));
        assert!(public.public && !public.tls && !public.unchecked);
        let own = facts("mosquitto-tls");
        assert!(own.tls && !own.public && !own.unchecked);
        assert_eq!(own.files, ["config/mosquitto/ca.crt"]);
        assert_eq!(facts("adafruit").address.as_deref(), Some("io.adafruit.com:8883"), "the port of TLS");
    }

    #[test]
    fn a_text_that_is_no_configuration_says_nothing() {
        let broken = Preset { text: "[broker", ..*find("default").unwrap() };
        assert_eq!(Facts::of(&broken), Facts::default());
    }
}
