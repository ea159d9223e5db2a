//! Serial ports: what they are, who has them, what comes and goes.

/// A serial port of this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// What to open: a device's path, or a name such as `COM3`.
    pub path: String,
    /// What is plugged in there.
    pub adapter: Adapter,
    /// The USB device behind it; `None` where there is none, or the system does not tell.
    pub usb: Option<Usb>,
    /// Whether it can be used now.
    pub access: Access,
}

/// A USB device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usb {
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// What it calls itself.
    pub name: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
}

/// What is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Not on USB.
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
