//! Which board: the serial ports, what they are, and what to do where none can be used.

use egui::{RichText, Ui};

use super::{field::Field, section};
use crate::{
    app::{
        action::Actions,
        board::{Workbench, sentence},
        view::ViewContext,
    },
    board::ports::{Access, NOTHING_THERE, PortInfo},
};

/// Shows the ports.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, bench: &mut Workbench) -> Actions {
    let palette = view.palette;
    section(ui, view, "1 · Which board");
    match &bench.state.ports {
        None => {
            ui.label(RichText::new("Looking for serial ports…").color(palette.weak));
        }
        Some(ports) if ports.is_empty() => {
            ui.label(format!("{}.", sentence(NOTHING_THERE)));
        }
        Some(ports) => {
            // One board: nobody wants to be asked which.
            let mut likely = ports.iter().filter(|port| port.adapter.is_likely());
            if let (Some(port), None, true) = (likely.next(), likely.next(), bench.form.port.is_empty()) {
                bench.form.port.clone_from(&port.path);
            }
            for port in ports {
                row(ui, view, port, &mut bench.form.port);
            }
        }
    }
    let known = bench.state.ports.iter().flatten().any(|port| port.path == bench.form.port);
    let hint = if known { "" } else { "such as /dev/ttyACM0 or COM3" };
    let field = Field { name: "Port", said: "Serial port of the board", hint, masked: false, error: None };
    field.show(ui, palette, &mut bench.form.port);
    Actions::default()
}

fn row(ui: &mut Ui, view: &ViewContext<'_>, port: &PortInfo, chosen: &mut String) {
    let palette = view.palette;
    let text = format!("{} · {}", port.path, port.adapter.words());
    if ui.radio(*chosen == port.path, text).clicked() {
        chosen.clone_from(&port.path);
    }
    if port.access != Access::Free && *chosen == port.path {
        let color = palette.warn;
        ui.label(RichText::new(sentence(&port.advice().unwrap_or_default())).small().color(color));
    }
}
