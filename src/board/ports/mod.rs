//! Serial ports: what they are, who has them, what comes and goes.
//!
//! | module | one idea |
//! | --- | --- |
//! | `linux` | what the kernel tells of them, without any library of udev's |
//! | [`watch`] | tells when one comes, goes or changes |

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;
pub(super) mod watch;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use other as system;

pub(crate) use watch::Watcher;

use super::error;

/// A serial port of this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// What to open: a device's path, or a name such as `COM3`.
    pub path: String,
    /// What is plugged in there.
    pub adapter: Adapter,
    /// The USB device behind it; `None` where there is none, or the system does not tell.
    pub(crate) usb: Option<Usb>,
    /// Whether it can be used now.
    pub access: Access,
}

/// A USB device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usb {
    /// Vendor id.
    pub(crate) vendor: u16,
    /// Product id.
    pub(crate) product: u16,
    /// What it calls itself.
    pub(crate) name: Option<String>,
    /// Its serial number.
    pub(crate) serial: Option<String>,
}

/// What is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Adapter {
    /// Pycom's Expansion Board 3.x.
    Expansion3,
    /// Pycom's Pytrack.
    Pytrack,
    /// Pycom's Pysense.
    Pysense,
    /// Pycom's Pyscan.
    Pyscan,
    /// Pycom's Pygate.
    Pygate,
    /// An FTDI FT231X: Pycom's Expansion Board 2.x, or any other adapter with that chip.
    Ft231x,
    /// A CP210x of Silicon Labs.
    Cp210x,
    /// A CH340 of WCH.
    Ch340,
    /// Some other USB device.
    OtherUsb,
    NotUsb,
}

/// Whether a port can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can.
    Free,
    /// This user may not open it.
    Denied {
        /// The group that may, where the system tells.
        group: Option<String>,
    },
    /// Another program has it open.
    Busy {
        /// Which one, with its process id, where the system tells.
        program: Option<String>,
    },
}

/// Microchip's vendor id, under which Pycom's boards with a PIC are.
const MICROCHIP: u16 = 0x04D8;
const FTDI: u16 = 0x0403;
const SILICON_LABS: u16 = 0x10C4;
const WCH: u16 = 0x1A86;

/// The serial ports, those of Pycom's boards first, then by name.
#[must_use]
pub(crate) fn list() -> Vec<PortInfo> {
    sorted(system::list())
}

/// Whether the port `path` can be used; `None` where there is none.
pub(super) fn access(path: &str) -> Option<Access> {
    system::access(path)
}

/// What is plugged in at `path`, where the system tells.
pub(super) fn adapter(path: &str) -> Option<Adapter> {
    let real = std::fs::canonicalize(path).ok();
    let is_it = |port: &PortInfo| {
        port.path == path || real.is_some() && std::fs::canonicalize(&port.path).ok() == real
    };
    system::list().into_iter().find(is_it).map(|port| port.adapter)
}

fn sorted(mut ports: Vec<PortInfo>) -> Vec<PortInfo> {
    ports.sort_by(|a, b| (a.adapter, length_first(&a.path)).cmp(&(b.adapter, length_first(&b.path))));
    ports
}

/// So that ttyUSB10 comes after ttyUSB9.
fn length_first(path: &str) -> (usize, &str) {
    (path.len(), path)
}

impl Adapter {
    /// What a USB device is, by its ids; `None` for no USB device.
    #[must_use]
    pub(super) fn of(usb: Option<&Usb>) -> Adapter {
        match usb.map(|usb| (usb.vendor, usb.product)) {
            Some((MICROCHIP, 0xEF98)) => Adapter::Expansion3,
            Some((MICROCHIP, 0xF013)) => Adapter::Pytrack,
            Some((MICROCHIP, 0xF012)) => Adapter::Pysense,
            Some((MICROCHIP, 0xEF38)) => Adapter::Pyscan,
            Some((MICROCHIP, 0xED14)) => Adapter::Pygate,
            Some((FTDI, 0x6015)) => Adapter::Ft231x,
            Some((SILICON_LABS, 0xEA60..=0xEA71)) => Adapter::Cp210x,
            Some((WCH, 0x7522 | 0x7523 | 0x5523)) => Adapter::Ch340,
            Some(_) => Adapter::OtherUsb,
            None => Adapter::NotUsb,
        }
    }

    /// Whether it is a board of Pycom's whose PIC brings the chip into download mode.
    #[must_use]
    pub(crate) fn has_pic(self) -> bool {
        matches!(
            self,
            Adapter::Expansion3 | Adapter::Pytrack | Adapter::Pysense | Adapter::Pyscan | Adapter::Pygate
        )
    }

    /// Whether a LoPy4 is likely to be on it.
    #[must_use]
    pub(crate) fn is_likely(self) -> bool {
        self.has_pic() || self == Adapter::Ft231x
    }

    /// What it is, for a person.
    #[must_use]
    pub(crate) fn words(self) -> &'static str {
        match self {
            Adapter::Expansion3 => "Pycom Expansion Board 3",
            Adapter::Pytrack => "Pycom Pytrack",
            Adapter::Pysense => "Pycom Pysense",
            Adapter::Pyscan => "Pycom Pyscan",
            Adapter::Pygate => "Pycom Pygate",
            Adapter::Ft231x => "FTDI adapter, as on Pycom's Expansion Board 2",
            Adapter::Cp210x => "CP210x adapter",
            Adapter::Ch340 => "CH340 adapter",
            Adapter::OtherUsb => "USB device",
            Adapter::NotUsb => "serial port of this computer",
        }
    }
}

impl PortInfo {
    /// What to do before the port can be used, as a sentence without a full stop; `None` where it
    /// can be used now.
    #[must_use]
    pub(crate) fn help(&self) -> Option<String> {
        match &self.access {
            Access::Free => None,
            Access::Denied { group } => Some(error::denied(&self.path, group.as_deref())),
            Access::Busy { program } => {
                let program = program.as_deref().unwrap_or("another program");
                Some(format!("close it in {program}, which has it open"))
            }
        }
    }
}

/// What to do where no port is there at all.
pub(crate) const NOTHING_THERE: &str = "no serial port is there: plug the board in with a cable that carries data (many only \
                                 charge); on Windows and macOS an Expansion Board 2 needs FTDI's driver, a CP210x or \
                                 CH340 adapter its maker's";

#[cfg(test)]
mod tests {
    use super::*;

    fn usb(vendor: u16, product: u16) -> Option<Usb> {
        Some(Usb { vendor, product, ..Usb::default() })
    }

    #[test]
    fn pycoms_boards_are_known_by_their_ids() {
        for (ids, adapter) in [
            ((0x04D8, 0xEF98), Adapter::Expansion3),
            ((0x04D8, 0xF013), Adapter::Pytrack),
            ((0x04D8, 0xF012), Adapter::Pysense),
            ((0x04D8, 0xEF38), Adapter::Pyscan),
            ((0x04D8, 0xED14), Adapter::Pygate),
        ] {
            assert_eq!(Adapter::of(usb(ids.0, ids.1).as_ref()), adapter);
            assert!(adapter.has_pic());
        }
        assert_eq!(Adapter::of(usb(0x0403, 0x6015).as_ref()), Adapter::Ft231x);
        assert!(!Adapter::Ft231x.has_pic());
        assert_eq!(Adapter::of(usb(0x10C4, 0xEA60).as_ref()), Adapter::Cp210x);
        assert_eq!(Adapter::of(usb(0x1A86, 0x7523).as_ref()), Adapter::Ch340);
        assert_eq!(Adapter::of(usb(0x04D8, 0x000A).as_ref()), Adapter::OtherUsb);
        assert_eq!(Adapter::of(None), Adapter::NotUsb);
    }

    #[test]
    fn pycoms_boards_come_first_and_numbers_count_as_numbers() {
        let port = |path: &str, adapter| PortInfo {
            path: path.to_owned(),
            adapter,
            usb: None,
            access: Access::Free,
        };
        let sorted = sorted(vec![
            port("/dev/ttyS0", Adapter::NotUsb),
            port("/dev/ttyUSB10", Adapter::Cp210x),
            port("/dev/ttyUSB9", Adapter::Cp210x),
            port("/dev/ttyACM0", Adapter::Pysense),
        ]);
        let paths: Vec<_> = sorted.iter().map(|port| port.path.as_str()).collect();
        assert_eq!(paths, ["/dev/ttyACM0", "/dev/ttyUSB9", "/dev/ttyUSB10", "/dev/ttyS0"]);
    }
}
