//! Serial ports where there is no `/sys`: by the library.

use serialport::SerialPortType;

use super::{Access, Adapter, PortInfo, Usb};

pub(super) fn list() -> Vec<PortInfo> {
    let ports = serialport::available_ports().unwrap_or_default();
    // macOS has two names for each port; opening the other one waits for a carrier.
    ports
        .into_iter()
        .filter(|port| !port.port_name.starts_with("/dev/tty."))
        .map(|port| {
            let usb = match port.port_type {
                SerialPortType::UsbPort(usb) => Some(Usb {
                    vendor: usb.vid,
                    product: usb.pid,
                    name: usb.product,
                    serial: usb.serial_number,
                }),
                _ => None,
            };
            PortInfo { path: port.port_name, adapter: Adapter::of(usb.as_ref()), usb, access: Access::Free }
        })
        .collect()
}

/// Who may open a port and who has it is only seen when it is opened.
pub(super) fn access(path: &str) -> Option<Access> {
    let known = list().iter().any(|port| port.path == path) || std::path::Path::new(path).exists();
    known.then_some(Access::Free)
}
