//! `twinlight ports`: the serial ports, and which of them is a LoPy4.

use clap::Args;
use serde_json::{Value, json};

use super::output;
use crate::{
    board::ports::{self, Access, NOTHING_THERE, PortInfo},
    cli::exit::WELL,
};

#[derive(Clone, Debug, Args)]
pub(super) struct PortsArgs {
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &PortsArgs) -> anyhow::Result<u8> {
    let ports = ports::list();
    for port in &ports {
        output::line(if args.json { object(port).to_string() } else { row(port) })?;
    }
    if ports.is_empty() {
        note!("{NOTHING_THERE}");
    }
    Ok(WELL)
}

fn row(port: &PortInfo) -> String {
    let lopy4 = if port.adapter.has_pic() { ": a LoPy4's board" } else { "" };
    let help = port.help().map(|help| format!("\n{:14}help: {help}", "")).unwrap_or_default();
    format!("{:13} {}{lopy4}{help}", port.path, port.adapter.words())
}

fn object(port: &PortInfo) -> Value {
    let usb = port.usb.as_ref().map(|usb| {
        json!({
            "vendor": format!("{:04x}", usb.vendor),
            "product": format!("{:04x}", usb.product),
            "name": usb.name,
            "serial": usb.serial,
        })
    });
    let (access, program) = match &port.access {
        Access::Free => ("free", None),
        Access::Denied { .. } => ("denied", None),
        Access::Busy { program } => ("busy", program.as_deref()),
    };
    json!({
        "kind": "port",
        "port": port.path,
        "board": port.adapter.words(),
        "lopy4": port.adapter.has_pic(),
        "likely": port.adapter.is_likely(),
        "usb": usb,
        "access": access,
        "program": program,
        "advice": port.help(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::ports::{Adapter, Usb};

    #[test]
    fn a_port_is_told_with_its_board_and_what_stands_in_the_way() {
        let usb = Some(Usb { vendor: 0x04D8, product: 0xEF98, ..Usb::default() });
        let access = Access::Busy { program: Some("minicom (process 7)".to_owned()) };
        let port = PortInfo { path: "/dev/ttyACM0".to_owned(), adapter: Adapter::Expansion3, usb, access };
        assert_eq!(
            row(&port),
            "/dev/ttyACM0  Pycom Expansion Board 3: a LoPy4's board\n              help: close it in minicom \
             (process 7), which has it open"
        );
        let object = object(&port);
        assert_eq!((&object["lopy4"], &object["usb"]["vendor"]), (&json!(true), &json!("04d8")));
        assert_eq!((&object["access"], &object["program"]), (&json!("busy"), &json!("minicom (process 7)")));
    }
}
