//! What a person fills in before a board can be a light, and the jobs that it makes.

use std::{net::Ipv4Addr, path::PathBuf, time::SystemTime};

use serde::{Deserialize, Serialize};
use traffic_light::Name;

use super::context::ProvisioningContext;
use crate::{
    board::{
        BackupJob, BackupPlace, BackupScope, Connection, EntryMethod, FlashJob, ImageChoice, ProvisionJob,
        Request, RestoreJob,
        provision::{Member, Settings, SettingsError},
        provisioned,
    },
    config::Junction,
    model::{LightId, Login},
};

/// What is backed up before a board is flashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackupFirst {
    /// The whole flash: minutes, and the board can be brought back to what it was.
    #[default]
    Whole,
    /// Pycom's block alone: seconds.
    Identity,
    Nothing,
}

/// What is remembered from one run to the next. No secret is among it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    pub(super) port: String,
    pub(super) wifi_ssid: String,
    /// What is backed up first.
    pub(super) backup: BackupFirst,
    /// The GPIOs of the red, the amber and the green LED; `None`: as wired in the drawing.
    pub(super) leds: Option<(u8, u8, u8)>,
}

/// What a person fills in.
#[derive(Clone)]
pub struct Form {
    pub port: String,
    /// How to bring the chip into download mode.
    pub entry: EntryMethod,
    /// What the board is to know.
    pub settings: Settings,
    /// Whether the settings' broker is the one inside this program.
    pub this_computer: bool,
    /// What is backed up first.
    pub backup: BackupFirst,
    /// Another image than the one that came with the program; empty: that one.
    pub(in crate::app) image: String,
    pub(in crate::app) restore: String,
    /// Whether that may be another board's.
    pub(in crate::app) restore_of_another: bool,
    pub show_secrets: bool,
    /// Whether the login of the broker in this program can be read.
    pub(in crate::app) show_login: bool,
    /// Whether the QR code of the broker's address holds the password.
    pub(crate) password_in_code: bool,
    /// Whether the virtual light of the same name gives its place to the board.
    pub(crate) takes_place: bool,
    /// Under which boards reach this computer, the likeliest first.
    pub addresses: Vec<Ipv4Addr>,
    pub errors: Vec<SettingsError>,
}

impl Form {
    /// A form for the lights of `context`, with what was remembered.
    #[must_use]
    pub(in crate::app) fn new(context: &ProvisioningContext, remembered: &Remembered) -> Form {
        let mut form = Form {
            port: remembered.port.clone(),
            entry: EntryMethod::Auto,
            settings: Settings::default(),
            this_computer: context.broker.is_none(),
            backup: remembered.backup,
            image: String::new(),
            restore: String::new(),
            restore_of_another: false,
            show_secrets: false,
            show_login: false,
            password_in_code: false,
            takes_place: true,
            addresses: Vec::new(),
            errors: Vec::new(),
        };
        form.complete(context);
        form.settings.wifi_ssid.clone_from(&remembered.wifi_ssid);
        form.settings.broker_root.clone_from(&context.root);
        form.settings.broker_dialect = context.dialect;
        if let Some((red, amber, green)) = remembered.leds {
            form.settings.leds = traffic_light::record::LedGpios { red, amber, green };
        }
        if let Some(broker) = &context.broker {
            form.settings.broker_host.clone_from(&broker.host);
            // A board speaks no TLS, so the broker's port for TLS is of no use to it.
            form.settings.broker_port = if broker.tls { 1_883 } else { broker.port };
            form.log_in(broker.login.as_ref());
        }
        form
    }

    #[must_use]
    pub(in crate::app) fn remembered(&self) -> Remembered {
        let leds = self.settings.leds;
        Remembered {
            port: self.port.clone(),
            wifi_ssid: self.settings.wifi_ssid.clone(),
            backup: self.backup,
            leds: (leds != traffic_light::record::LedGpios::default())
                .then_some((leds.red, leds.amber, leds.green)),
        }
    }

    /// The board is to be the light `light` of `junction`: takes over what its virtual lights know.
    pub(super) fn choose(&mut self, junction: &Junction, light: &Name) {
        let known = Settings::of(junction, light);
        let settings = &mut self.settings;
        settings.junction = known.junction;
        settings.light = known.light;
        settings.peers = known.peers;
        settings.rule = known.rule;
        settings.demand = known.demand;
        settings.key = known.key;
        settings.timing = known.timing;
        self.errors.clear();
    }

    /// The board is to log in to its broker so.
    pub(super) fn log_in(&mut self, login: Option<&Login>) {
        let (user, password) =
            login.map(|login| (login.user.clone(), login.password.clone())).unwrap_or_default();
        self.settings.broker_user = user;
        self.settings.broker_password = password;
    }

    /// The board is to connect to the broker in this program, which listens on `port`.
    pub(super) fn fill_in_this_computer(&mut self, port: u16) {
        if let Some(address) = self.addresses.first() {
            self.settings.broker_host = address.to_string();
        }
        self.settings.broker_port = port;
    }

    /// The board is to connect to the broker in this program, or to another one: forgets what was filled
    /// in for the one here.
    pub(super) fn use_this_computer(&mut self, on: bool) {
        if self.this_computer && !on {
            self.settings.broker_host.clear();
            self.log_in(None);
        }
        self.this_computer = on;
    }

    /// Chooses the last light of the first junction where the form names none of `context`: in a pair,
    /// the second one.
    pub(super) fn complete(&mut self, context: &ProvisioningContext) {
        let chosen = context.junction(&self.settings.junction);
        let named = chosen
            .is_some_and(|junction| junction.lights().any(|light| light.as_str() == self.settings.light));
        if let (false, Some(junction)) = (named, chosen.or(context.junctions.first()))
            && let Some(light) = junction.lights().last()
        {
            self.choose(junction, light);
        }
    }

    /// The light that the board is to be, where the names can be names.
    #[must_use]
    pub fn light(&self) -> Option<LightId> {
        let junction = Name::new(self.settings.junction.trim()).ok()?;
        Some(LightId::new(junction, Name::new(self.settings.light.trim()).ok()?))
    }

    /// The port and how to talk to it; `None` without a port.
    #[must_use]
    pub(crate) fn connection(&self) -> Option<Connection> {
        let port = self.port.trim();
        (!port.is_empty()).then(|| Connection { entry: self.entry, ..Connection::new(port) })
    }

    /// Back up, flash, provision, verify, start. `None` where something is missing or wrong, which
    /// [`Form::errors`] then tells.
    pub(super) fn flash(&mut self, backups: Option<&PathBuf>) -> Option<Request> {
        let record = self.record()?;
        let scope = match self.backup {
            BackupFirst::Whole => Some(BackupScope::Whole),
            BackupFirst::Identity => Some(BackupScope::Identity),
            BackupFirst::Nothing => None,
        };
        let place = BackupPlace::Folder(backups.cloned().unwrap_or_else(|| PathBuf::from(".")));
        let image = match self.image.trim() {
            "" => ImageChoice::BuiltIn,
            file => ImageChoice::File(file.into()),
        };
        let connection = self.connection()?;
        Some(Request::Flash(FlashJob {
            connection,
            record,
            image,
            backup: scope.map(|scope| (scope, place)),
        }))
    }

    /// Write the settings alone. `None` as with [`Form::flash`].
    pub(super) fn provision(&mut self) -> Option<Request> {
        let record = self.record()?;
        Some(Request::Provision(ProvisionJob { connection: self.connection()?, record }))
    }

    /// Read the flash into a new file in the folder of backups.
    #[must_use]
    pub(super) fn back_up(&self, scope: BackupScope, backups: Option<&PathBuf>) -> Option<Request> {
        let place = BackupPlace::Folder(backups.cloned().unwrap_or_else(|| PathBuf::from(".")));
        Some(Request::BackUp(BackupJob { connection: self.connection()?, scope, place }))
    }

    #[must_use]
    pub(in crate::app) fn restore(&self) -> Option<Request> {
        let file = self.restore.trim();
        let connection = self.connection().filter(|_| !file.is_empty())?;
        let of_another_board = self.restore_of_another;
        Some(Request::Restore(RestoreJob { connection, file: file.into(), of_another_board }))
    }

    /// What was wrong with `member` when the form was last handed in.
    #[must_use]
    pub(crate) fn error(&self, member: Member) -> Option<String> {
        self.errors.iter().find(|error| error.member == member).map(|error| error.diagnostic.one_line())
    }

    fn record(&mut self) -> Option<traffic_light::record::Record> {
        match self.settings.record_near(&self.addresses) {
            Ok(record) => {
                self.errors.clear();
                Some(provisioned(record, SystemTime::now()))
            }
            Err(errors) => {
                self.errors = errors;
                None
            }
        }
    }
}
